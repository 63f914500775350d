"""The documentation: every Python block runs, every link leads somewhere, nothing is left out."""

import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from clerk_fastapi import ClerkError, TokenError, errors
from clerk_fastapi.testing import LocalClerk
from tests.architecture import House

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

FENCED = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<source>.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(?P<text>.+?) *$", re.MULTILINE)
LINK = re.compile(r"\]\((?![a-z]+:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")


def of_page(page: Path) -> str:
    """Name a test after the page it reads."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_python_blocks_run(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python blocks of a page run from top to bottom, as one module with keys at hand."""
    local = LocalClerk()
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", local.publishable_key)
    monkeypatch.setenv("CLERK_SECRET_KEY", local.secret_key)
    endpoint = local.add_webhook_endpoint("http://test/webhooks")
    monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", endpoint.secret)
    text = page.read_text("utf-8")
    module = ModuleType(page.stem)
    monkeypatch.setitem(sys.modules, page.stem, module)
    for block in FENCED.finditer(text):
        if block["language"] == "python":
            above = "\n" * text.count("\n", 0, block.start("source"))  # so that tracebacks fit
            exec(compile(above + block["source"], page, "exec"), vars(module))


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link names a file that exists, and a heading that is in it."""
    broken = []
    for link in LINK.finditer(FENCED.sub("", page.read_text("utf-8"))):
        target = page.parent / link["path"] if link["path"] else page
        if not target.exists() or (link["anchor"] and link["anchor"] not in anchors(target)):
            broken.append(link[0])
    assert broken == []


def anchors(page: Path) -> set[str]:
    """The anchors that headings of a page get when it is rendered."""
    text = FENCED.sub("", page.read_text("utf-8"))
    titles = (heading["text"].lower() for heading in HEADING.finditer(text))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def test_architecture_page_has_every_module() -> None:
    """Each module stands in docs/architecture.md, with the line that says what it is for."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8").splitlines()
    missing = []
    for module in House(ROOT / "clerk_fastapi").modules.values():
        path = module.path.relative_to(ROOT / "clerk_fastapi").as_posix()
        if not any(f"`{path}`" in line and module.summary in line for line in page):
            missing.append(f"`{path}`: {module.summary}")
    assert missing == []


def test_errors_page_has_every_code() -> None:
    """Each error stands in docs/errors.md, with its code, its status and its class."""
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    roots = (ClerkError, TokenError)
    rows = [
        f"| `{error.code}` | {error.status} | `{name}` |"
        for name, error in vars(errors).items()
        if isinstance(error, type) and issubclass(error, ClerkError) and error not in roots
    ]
    assert [row for row in rows if row not in page] == []


def test_dependencies_page_has_every_dependency() -> None:
    """Each direct dependency stands in docs/dependencies.md, with its lowest version."""
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(entry for extra in extras for entry in extra)]
    assert [entry for entry in wanted if f"`{entry}`" not in page] == []
