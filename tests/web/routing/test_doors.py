"""The doors of a site: its own sign-in and sign-up pages, wherever an application sees them."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.routing import Host, Mount, Route, Router

from clerk_fastapi import Clerk, ClerkMiddleware, ConfigurationError, Policy
from clerk_fastapi.protocol.site import Site
from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.web.routing.doors import Doors
from clerk_fastapi.web.routing.routes import Tree
from tests.web.routing.deciding import read
from tests.web.routing.protected import below, page, protected
from tests.web.serving import running, statuses

pytestmark = pytest.mark.anyio

OURS = "https://app.example"


def site(**options: Any) -> Site:
    """A site whose own origin is known."""
    return Site("production", None, redirect_origins=frozenset({OURS}), **options)


def led_to(doors: Doors, *paths: str) -> list[str]:
    """The paths whose routes are doors."""
    app = FastAPI(openapi_url=None)
    for path in paths:
        app.add_api_route(path, read)
    return [leaf.path for leaf in Tree(app).leaves if doors.lead_to(leaf)]


# --- which they are -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "paths"),
    [
        ("/sign-in", ["/sign-in"]),
        ("/sign-in/", ["/sign-in"]),
        ("/sign-in?theme=dark#form", ["/sign-in"]),
        ("/a/b", ["/a/b"]),
        ("/", ["/"]),
        (f"{OURS}/sign-in?a=b", ["/sign-in"]),
        (OURS, ["/"]),
        ("https://accounts.example/sign-in", []),
        (None, []),
    ],
)
def test_pages_of_this_site_are_doors(url: str | None, paths: list[str]) -> None:
    """Those of others are served by others."""
    assert Doors([site(sign_in_url=url)]).paths == paths
    assert Doors([site(sign_up_url=url)]).paths == paths


def test_every_site_has_its_own() -> None:
    """An application may ask several instances."""
    sites = [site(sign_in_url="/in", sign_up_url="/up"), site(sign_in_url="/staff")]
    assert Doors(sites).paths == ["/in", "/up", "/staff"]
    assert Doors(()).paths == []


@pytest.mark.parametrize(
    ("prefix", "paths"),
    [
        ("", ["/accounts/in"]),
        ("/accounts", ["/in"]),
        ("/accounts/in", ["/"]),
        ("/account", []),
        ("/other", []),
        (None, []),
    ],
)
def test_mounted_application_sees_what_is_below_its_mount(
    prefix: str | None, paths: list[str]
) -> None:
    """On a host of its own it sees none: nobody knows whose paths those are."""
    assert Doors([site(sign_in_url="/accounts/in")], prefix).paths == paths


@pytest.mark.parametrize(
    ("url", "prefix", "paths"),
    [
        ("/no", "", ["/no"]),
        ("/no?why=1", "", ["/no?why=1"]),
        ("/a/no", "/a", ["/no"]),
        ("/no", "/a", []),
        ("/no", None, []),
        (f"{OURS}/no", "", []),
        (None, "", []),
    ],
)
def test_page_for_the_unauthorized_is_known_and_no_door(
    url: str | None, prefix: str | None, paths: list[str]
) -> None:
    """It is for those who are signed in."""
    doors = Doors((), prefix, url)
    assert (doors.turned_away, doors.paths) == (paths, [])
    assert led_to(doors, "/no") == []


# --- what leads to them ---------------------------------------------------------------------------


def test_page_and_what_is_below_it_is_led_to() -> None:
    """Components have pages of their own below, and nothing beside."""
    paths = "/in", "/in/{step}", "/in/{rest:path}", "/in/sso/callback", "/in-as", "/{page}", "/"
    assert led_to(Doors([site(sign_in_url="/in")]), *paths) == [*paths[:4]]


def test_page_at_the_root_opens_nothing_else() -> None:
    """Everything is below it."""
    doors = Doors([site(sign_in_url="/")])
    assert led_to(doors, "/", "/a", "/{page}", "/{rest:path}") == ["/"]


def test_directory_that_holds_other_pages_is_not_led_to(tmp_path: Path) -> None:
    """All that one object serves is open or closed together."""
    app, alone = FastAPI(openapi_url=None), FastAPI(openapi_url=None)
    for each in (app, alone):
        each.frontend("/in", directory=tmp_path)
    app.frontend("/private", directory=tmp_path)
    doors = Doors([site(sign_in_url="/in")])
    assert [doors.lead_to(leaf) for each in (alone, app) for leaf in Tree(each).leaves] == [
        *(True, False)
    ]


# --- in applications ------------------------------------------------------------------------------


async def test_doors_stay_open_in_a_mounted_application(local: LocalClerk) -> None:
    """Its own middleware sees them at the path that they have there."""
    clerk = Clerk(**local.settings(), sign_in_url="/accounts/in")
    sub = below(Route("/in", page), Route("/in/{step}", page), Route("/accounts/in", page))
    sub.add_middleware(ClerkMiddleware, default="signed_in")
    app = FastAPI(lifespan=clerk.lifespan)
    app.mount("/accounts", sub)
    async with running(app) as client:
        for path, status in (("/in", 200), ("/in/two", 200), ("/accounts/in", 401)):
            assert (await client.get(f"/accounts{path}")).status_code == status, path


async def test_doors_are_those_of_the_clerk_that_decides(
    local: LocalClerk, other: LocalClerk
) -> None:
    """Two applications that mount one have each its own."""
    clerks = [
        Clerk(**each.settings(), sign_in_url=url)
        for each, url in ((local, "/sub/in"), (other, "/sub/enter"))
    ]
    sub = below(Route("/in", page), Route("/enter", page))
    sub.add_middleware(ClerkMiddleware, default="signed_in")
    apps = [FastAPI(lifespan=clerk.lifespan) for clerk in clerks]
    for app in apps:
        app.mount("/sub", sub)
    async with running(apps[0]) as first, running(apps[1]) as second:
        for _ in range(2):
            found = [
                (await client.get(path)).status_code
                for client in (first, second)
                for path in ("/sub/in", "/sub/enter")
            ]
            assert found == [200, 401, 401, 200]


async def test_doors_below_a_mount_stay_open_from_outside(local: LocalClerk) -> None:
    """Seen from the application around it."""
    clerk = Clerk(**local.settings(), sign_in_url="/accounts/in")
    app = protected(clerk, default="signed_in")
    app.mount("/accounts", below(Route("/in", page), Route("/me", page)))
    assert await statuses(app, "/accounts/in", {}) == [200]
    assert await statuses(app, "/accounts/me", {}) == [401]


async def test_same_path_on_another_host_is_no_door(local: LocalClerk) -> None:
    """An application there has pages of its own."""
    clerk = Clerk(**local.settings(), sign_in_url="/in")
    sub = below(Route("/in", page))
    sub.add_middleware(ClerkMiddleware, default="signed_in")
    app = FastAPI(lifespan=clerk.lifespan, routes=[Host("staff.example", sub)])
    async with running(app) as client:
        assert (await client.get("http://staff.example/in")).status_code == 401


async def test_policy_may_close_a_door_that_nobody_needs(local: LocalClerk) -> None:
    """What is below the sign-in page, not the page itself."""
    clerk = Clerk(**local.settings(), sign_in_url="/in")
    app = protected(clerk, Policy("signed_in", "/in/secret"), default="signed_in")
    app.router.routes += [Route("/in", page), Route("/in/secret", page), Route("/in/{a}", page)]
    for path, status in (("/in", 200), ("/in/a", 200), ("/in/secret", 401)):
        assert await statuses(app, path, {}) == [status]


async def test_router_that_is_mounted_at_a_door_is_open(local: LocalClerk) -> None:
    """Route by route: there is nothing special about mounts."""
    clerk = Clerk(**local.settings(), sign_in_url="/in")
    app = protected(clerk, default="signed_in")
    app.router.routes += [Mount("/in", Router([Route("/", page), Route("/{step}", page)]))]
    for path in ("/in/", "/in/two"):
        assert await statuses(app, path, {}) == [200]


async def test_door_that_is_locked_stops_the_start_up(local: LocalClerk) -> None:
    """The sentence names the page as the application sees it."""
    clerk = Clerk(**local.settings(), sign_in_url="/accounts/in")
    app = protected(clerk, Policy("signed_in", "/accounts/(.*)"))
    app.mount("/accounts", below(Route("/in", page)))
    with pytest.raises(ConfigurationError, match="serves the page '/accounts/in'"):
        await statuses(app, "/accounts/in", {})
