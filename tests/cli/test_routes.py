"""``clerk-fastapi routes``: what it prints, how it exits, and what it says of its own misuse."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clerk_fastapi.cli import main

ROOT = Path(__file__).parents[2]

SHOP = """
from typing import Annotated

from fastapi import Depends, FastAPI

from clerk_fastapi import Auth, ClerkMiddleware, Permission, Policy, Role, require

print("imported")

MAY_ORDER = Permission("org:orders:create") & (Role("org:seller") | Role("org:admin"))


def create_app() -> FastAPI:
    app = FastAPI(openapi_url=None, lifespan=never)
    app.add_middleware(ClerkMiddleware, policies=[Policy("public", "/")])

    @app.get("/")
    def home() -> None: ...

    @app.post("/orders")
    def order(auth: Annotated[Auth, Depends(require(MAY_ORDER))]) -> None: ...

    @app.get("/health")
    def health() -> None: ...

    return app


def never(app: FastAPI) -> None:
    raise AssertionError("it was started")


def with_argument(name: str) -> FastAPI:
    return create_app()


class shops:
    inner = create_app()


app = create_app()
wrapped = ClerkMiddleware(app)
"""

TABLE = """\
METHODS  PATH     GUARDED BY                                                              DEFINED AT
GET      /        policy: public                                                          shop.py:17
POST     /orders  guard: permission org:orders:create and (role org:seller or role        shop.py:20
                    org:admin)
GET      /health  nothing                                                                 shop.py:23

1 guarded, 1 public, 1 unguarded
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Run the command in a directory that has a module ``shop``; gives status and outputs."""
    (tmp_path / "shop.py").write_text(SHOP, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["routes", *arguments])
        return status, *capsys.readouterr()

    yield run
    for name, module in [*sys.modules.items()]:
        if Path(getattr(module, "__file__", None) or ROOT).is_relative_to(tmp_path):
            del sys.modules[name]


def test_table_is_easy_to_read(run: Run) -> None:
    """Its columns fit into a hundred characters; what modules print is not in it."""
    status, out, err = run("shop:app")
    assert (status, out, err) == (0, TABLE, "imported\n")


@pytest.mark.parametrize("where", [["shop:create_app", "--factory"], ["shop:shops.inner"]])
def test_application_can_be_made_or_be_an_attribute(run: Run, where: list[str]) -> None:
    """As servers take it."""
    assert run(*where)[:2] == (0, TABLE)


def test_json_is_all_there_is(run: Run) -> None:
    """A list of routes, with the documented keys."""
    status, out, _ = run("shop:app", "--json")
    home, order, health = json.loads(out)
    assert status == 0
    assert home == {
        "methods": ["GET"],
        "path": "/",
        "name": "home",
        "kind": "http",
        "defined_at": "shop.py:17",
        "verdict": "public",
        "guarded_by": [
            {
                "source": "policy",
                "demand": "public",
                "requirement": None,
                "accepts_token": [],
                "optional": True,
            }
        ],
        "limits": [],
    }
    assert order["guarded_by"][0]["requirement"] == {
        "all_of": [
            {"permission": "org:orders:create"},
            {"any_of": [{"role": "org:seller"}, {"role": "org:admin"}]},
        ]
    }
    assert (health["verdict"], health["guarded_by"]) == ("unguarded", [])


def test_unguarded_route_is_a_failure_where_guards_are_required(run: Run) -> None:
    """Exit status 1, and only what is missing one."""
    status, out, _ = run("shop:app", "--require-guard")
    assert status == 1
    assert out.splitlines() == [
        "METHODS  PATH     GUARDED BY  DEFINED AT",
        "GET      /health  nothing     shop.py:23",
        "",
        "1 of 3 is guarded by nothing: give it a guard or a policy, or allow it.",
    ]
    status, out, _ = run("shop:app", "--require-guard", "--json")
    assert status == 1
    assert [route["path"] for route in json.loads(out)] == ["/health"]


@pytest.mark.parametrize("entry", ["/health", "GET /health", "/hea(.*)"])
def test_allowed_route_is_no_failure(run: Run, entry: str) -> None:
    """Exit status 0, and an empty list."""
    status, out, _ = run("shop:app", "--require-guard", "--allow", entry)
    assert (status, out) == (0, "3 routes, and none is guarded by nothing but what is allowed.\n")
    status, out, _ = run("shop:app", "--require-guard", "--json", "--allow", entry)
    assert (status, out) == (0, "[]\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["shop"], "'shop' names no application: write module:app."),
        (["shop.py:app"], "There is no module 'shop.py'"),
        (["./shop.py:app"], "write module:app"),
        ([":app"], "write module:app"),
        (["shop:"], "write module:app"),
        (["nowhere.main:app"], "There is no module 'nowhere.main': run the command in the"),
        (["needy:app"], "needy cannot be imported: No module named 'not_installed'."),
        (["broken:app"], "broken cannot be imported: invalid syntax (broken.py, line 1)."),
        (["renamed:app"], "renamed cannot be imported: cannot import name 'nothing'"),
        (["shop:application"], "shop has no 'application'; did you mean shop:app?"),
        (["empty:app"], "empty has no 'app'."),
        (["shop:create_app"], "if it makes one, add --factory"),
        (["shop:shops"], "if it makes one, add --factory"),
        (["shop:wrapped"], "is of type ClerkMiddleware: name the FastAPI application"),
        (["shop:app", "--factory"], "shop:app cannot be called without arguments"),
        (["shop:with_argument", "--factory"], "cannot be called without arguments"),
        (["shop:never", "--factory"], "cannot be called without arguments"),
        (["shop:app", "--allow", "/"], "--allow says what --require-guard lets pass"),
        (["shop:app", "--require-guard", "--allow", "/helth"], "did you mean '/health'?"),
        (["shop:app", "--require-guard", "--allow", "/orders"], "take it off the list"),
        (["policed:app"], "No route has the path '/amdin'"),
        (["unset:app"], "unset is not configured"),
    ],
)
def test_misuse_is_told_in_one_line(
    run: Run, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    """Exit status 2, one sentence with the cure, and no traceback."""
    modules = {
        "needy": "import not_installed",
        "broken": "def def",
        "renamed": "from json import nothing",
        "empty": "",
        "policed": "from fastapi import FastAPI\n"
        "from clerk_fastapi import ClerkMiddleware, Policy\n"
        "app = FastAPI()\n"
        "app.add_middleware(ClerkMiddleware, policies=[Policy('signed_in', '/amdin')])",
        "unset": "from clerk_fastapi import ConfigurationError\n"
        "raise ConfigurationError('unset is not configured')",
    }
    for name, source in modules.items():
        (tmp_path / f"{name}.py").write_text(source, "utf-8")
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert sentence in err.removeprefix("imported\n")
    assert err.removeprefix("imported\n").count("\n") == 1


def test_narrow_terminals_get_a_hundred_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table squeezed further is none; a wide one is used."""
    monkeypatch.setenv("COLUMNS", "40")
    assert run("shop:app")[1] == TABLE
    monkeypatch.setenv("COLUMNS", "200")
    assert "or role org:admin) " in run("shop:app")[1]


def test_long_paths_are_wrapped(run: Run, tmp_path: Path) -> None:
    """Nothing is cut off, and no line is longer than a hundred characters."""
    long = "/" + "/".join(f"segment_{number}" for number in range(20))
    source = f"from fastapi import FastAPI\napp = FastAPI()\napp.get({long!r})(lambda: None)"
    (tmp_path / "long.py").write_text(source, "utf-8")
    _, out, _ = run("long:app")
    assert max(map(len, out.splitlines())) <= 100
    assert long in "".join(line[9:49].strip() for line in out.splitlines())


def test_sentences_are_wrapped_before_paths(run: Run, tmp_path: Path) -> None:
    """They stay readable, and paths can be looked for."""
    source = (
        "from fastapi import Depends, FastAPI\n"
        "from clerk_fastapi import require, Role\n"
        "app = FastAPI(openapi_url=None)\n"
        "guard = Depends(require(Role('a' * 20) | Role('b' * 20) | Role('c' * 20)))\n"
        f"app.get('/{'p' * 40}', dependencies=[guard])(lambda: None)\n"
        "app.mount('/m', print)\n"
    )
    (tmp_path / "wide.py").write_text(source, "utf-8")
    _, out, _ = run("wide:app")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[1].startswith(f"GET      /{'p' * 40}  guard: role ")
    assert lines[-3].startswith("any      /m/{path:path} ")


LIMITED = """
from fastapi import Depends, FastAPI
from clerk_fastapi import ClerkMiddleware, RateLimit, require_auth

app = FastAPI(openapi_url=None)
app.add_middleware(ClerkMiddleware, rate_limits=[RateLimit(1000, per=60, by="address")])
search = RateLimit(100, per=60, name="search")
app.get("/search", dependencies=[Depends(require_auth), Depends(search)])(lambda: None)
app.get("/health", dependencies=[Depends(RateLimit(1, per=1, by="address"))])(lambda: None)
"""


def test_limits_are_told(run: Run, tmp_path: Path) -> None:
    """Below what guards a route; those of all routes once, and none of them guards anything."""
    (tmp_path / "limited.py").write_text(LIMITED, "utf-8")
    assert run("limited:app")[:2] == (
        0,
        """\
METHODS  PATH     GUARDED BY                           DEFINED AT
GET      /search  guard: a signed-in user              limited.py:8
                  limit: search, 100 per 60 s by user
GET      /health  nothing                              limited.py:9
                  limit: 1 per 1 s by address

limit: 1000 per 60 s by address, for every route
1 guarded, 0 public, 1 unguarded
""",
    )
    status, out, _ = run("limited:app", "--require-guard")
    assert (status, out.splitlines()[1:]) == (
        1,
        [
            "GET      /health  nothing                      limited.py:9",
            "                  limit: 1 per 1 s by address",
            "",
            "1 of 2 is guarded by nothing: give it a guard or a policy, or allow it.",
        ],
    )
    status, out, _ = run("limited:app", "--json")
    assert [limit["source"] for limit in json.loads(out)[0]["limits"]] == ["rule", "guard"]
    assert json.loads(out)[0]["limits"][1] == {
        "source": "guard",
        "name": "search",
        "limit": 100,
        "per": 60,
        "by": "user",
        "on_outage": "refuse",
    }


def test_the_limit_of_a_single_route_stands_with_it(run: Run, tmp_path: Path) -> None:
    """There are no others that it could be for."""
    source = LIMITED.rpartition("app.get")[0]
    (tmp_path / "single.py").write_text(source, "utf-8")
    lines = run("single:app")[1].splitlines()
    assert lines[2].strip() == "limit: 1000 per 60 s by address"
    assert lines[-1] == "1 guarded, 0 public, 0 unguarded"


def test_application_without_routes_has_no_table(run: Run, tmp_path: Path) -> None:
    """And no limits that hold for all of them."""
    (tmp_path / "bare.py").write_text(
        "from starlette.applications import Starlette\napp = Starlette()", "utf-8"
    )
    assert run("bare:app")[1] == "0 guarded, 0 public, 0 unguarded\n"


def test_routes_can_be_allowed_one_by_one(run: Run, tmp_path: Path) -> None:
    """The option may be given several times."""
    lines = ["from fastapi import FastAPI", "app = FastAPI(openapi_url=None)"]
    lines += [f"app.get('/{name}')(lambda: None)" for name in "abc"]
    (tmp_path / "three.py").write_text("\n".join(lines), "utf-8")
    arguments = ["three:app", "--require-guard", "--allow", "/a", "/b", "--allow", "/c"]
    assert run(*arguments)[0] == 0


def test_example_is_audited_by_the_command() -> None:
    """From a shell, in the directory of the application."""
    command = [sys.executable, "-m", "clerk_fastapi.cli", "routes", "example_app.main:app"]
    done = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, check=True)
    routes: list[dict[str, Any]] = json.loads(done.stdout)
    (me,) = [route for route in routes if route["path"] == "/me"]
    assert (me["verdict"], me["defined_at"].split(":")[0]) == ("guarded", "example_app/account.py")
