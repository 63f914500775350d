"""The pages: complete in themselves, and safe with what others wrote."""

import re
from pathlib import Path

import pytest

from example_app.markup import STATIC, TEMPLATES, Html, fill
from tests.example.conftest import Example

FILES = sorted([*STATIC.iterdir(), *TEMPLATES.iterdir()])


def name_of(file: Path) -> str:
    """Name a test by its file."""
    return file.name


def test_page_runs_nothing_but_its_own_files(example: Example) -> None:
    """The policy allows this server's files, no inline script and no frame around the page."""
    page = example.client.get("/")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert not re.search(r"<script(?![^>]* src=)|<style| on\w+=| style=", page.text)
    assert 'data-clerk="embedded"' in page.text


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_page_needs_nobody_else(file: Path) -> None:
    """No file of the pages names another host."""
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", file.read_text("utf-8"))


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_page_writes_text_and_never_markup(file: Path) -> None:
    """What comes from the server is put in as text."""
    source = file.read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", source)


def test_templates_are_not_served(example: Example) -> None:
    """Files with blanks are nothing to look at, and would come without the policy."""
    for file in TEMPLATES.iterdir():
        assert example.client.get(f"/static/{file.name}").status_code == 404


def test_blanks_are_filled_with_text() -> None:
    """Markup is escaped unless it says that it is HTML, and what looks like a blank is none."""
    filled = fill("<p>{{a}} {{b}}</p>", a="<i>{{b}}</i>", b=Html("<b>b</b>"))
    assert filled == "<p>&lt;i&gt;{{b}}&lt;/i&gt; <b>b</b></p>"


def test_members_to_pick(example: Example) -> None:
    """The page offers every seeded member, and tokens that must be refused with their reasons."""
    choices = example.client.get("/local/members").json()
    assert [member["name"] for member in choices["members"]][:2] == ["ada", "bob"]
    assert choices["evil"]["expired"] == "token-expired"
