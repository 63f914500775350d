"""Where browsers go to sign in: to which page, with what, and when they are there already."""

from typing import Any
from urllib.parse import parse_qsl

import pytest

from clerk_fastapi.protocol.keys import PublishableKey
from clerk_fastapi.protocol.redirects import (
    is_at,
    location,
    sign_in_page,
    sign_up_page,
    tasks_page,
)
from clerk_fastapi.protocol.site import Site
from tests.protocol.browsers import (
    DEVELOPMENT,
    HOST,
    PRODUCTION,
    SIGNED_IN,
    site,
    visit,
)

APP = f"https://{HOST}"
ELSEWHERE = "https://www.example.com/sign-in"
NO_KEY = Site("production", None)


def sent(to: str) -> tuple[str, dict[str, str]]:
    """Where a location leads, and with which parameters."""
    place, _, rest = to.partition("?")
    query, hash_, fragment = rest.partition("#")
    return place + hash_ + fragment, dict(parse_qsl(query, keep_blank_values=True))


# --- which page -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "kind", "portal"),
    [
        ("calm-otter-1.clerk.accounts.dev", "development", "https://calm-otter-1.accounts.dev"),
        ("clerk.app.example.com", "production", "https://accounts.app.example.com"),
        ("clerk.accounts.example.com", "production", "https://accounts.example.com"),
        ("clerk.calm.otter-1.lcl.dev", "development", "https://accounts.calm.otter-1.lcl.dev"),
        ("x.clerk.accountsstage.dev", "development", "https://x.accountsstage.dev"),
    ],
)
def test_account_portal_has_pages_for_all(host: str, kind: Any, portal: str) -> None:
    """Where an application has none of its own."""
    at = Site(kind, PublishableKey.build(host, kind))
    assert sign_in_page(at) == f"{portal}/sign-in"
    assert sign_up_page(at) == f"{portal}/sign-up"


def test_portal_of_a_satellite_is_the_primarys() -> None:
    """Users sign in there, whatever the satellite's Frontend API is called."""
    satellite = site(PRODUCTION, is_satellite=True, domain="satellite.example")
    assert sign_in_page(satellite) == sign_in_page(PRODUCTION)


def test_without_a_key_nobody_knows_where() -> None:
    """The key names the instance, and the instance the portal."""
    assert sign_in_page(NO_KEY) is None
    assert sign_up_page(NO_KEY) is None


@pytest.mark.parametrize(
    ("configured", "given", "sign_in", "sign_up"),
    [
        ((None, None), ("/in", None), "/in", "/in/create"),
        ((None, None), (None, "/up"), "portal", "/up"),
        (("/in", None), (None, None), "/in", "/in/create"),
        (("/in", "/up"), (None, None), "/in", "/up"),
        (("/in", None), ("/other", None), "/other", "/other/create"),
        (("/in", "/up"), ("/other", "/join"), "/other", "/join"),
        (("/in/", None), (None, None), "/in/", "/in/create"),
        (("/in?a=b#c", None), (None, None), "/in?a=b#c", "/in/create?a=b#c"),
        (("/", None), (None, None), "/", "/create"),
        (("/#/in", None), (None, None), "/#/in", "/#/in/create"),
        ((APP, None), (None, None), APP, f"{APP}/create"),
        (
            (f"{ELSEWHERE}?a=/b", None),
            (None, None),
            f"{ELSEWHERE}?a=/b",
            f"{ELSEWHERE}/create?a=/b",
        ),
    ],
)
def test_pages_of_ones_own_come_first(
    configured: tuple[str | None, str | None],
    given: tuple[str | None, str | None],
    sign_in: str,
    sign_up: str,
) -> None:
    """Given for a request before configured for all, and both before Clerk's."""
    at = site(PRODUCTION, sign_in_url=configured[0], sign_up_url=configured[1])
    found = sign_in_page(at, given[0])
    assert found == (sign_in_page(PRODUCTION) if sign_in == "portal" else sign_in)
    assert sign_up_page(at, *given) == sign_up


@pytest.mark.parametrize(
    ("page", "tasks"),
    [
        ("/sign-in", "/sign-in/tasks"),
        ("/sign-in/?a=b", "/sign-in/tasks?a=b"),
        ("/#/sign-in", "/#/sign-in/tasks"),
        (ELSEWHERE, f"{ELSEWHERE}/tasks"),
    ],
)
def test_tasks_are_finished_below_the_page(page: str, tasks: str) -> None:
    """Where Clerk's components have them."""
    assert tasks_page(page) == tasks


# --- with what ------------------------------------------------------------------------------------


def test_path_stays_on_this_site() -> None:
    """A relative location cannot be led astray by a wrong host."""
    assert location(visit(PRODUCTION, "/a?b=c"), "/sign-in") == (
        "/sign-in?redirect_url=https%3A%2F%2Fapp.example.com%2Fa%3Fb%3Dc"
    )


def test_parameters_of_the_page_are_kept() -> None:
    """Except for another way back, and the fragment stays last."""
    to = location(visit(PRODUCTION, "/a"), f"{ELSEWHERE}?x=y&redirect_url=/z#top")
    assert sent(to) == (f"{ELSEWHERE}#top", {"x": "y", "redirect_url": f"{APP}/a"})


@pytest.mark.parametrize(
    "parameter",
    [
        *("__clerk_handshake", "__clerk_handshake_nonce", "__clerk_db_jwt", "__clerk_help"),
        *("__dev_session", "__clerk_synced", "__clerk_hs_reason"),
    ],
)
@pytest.mark.parametrize("at", [PRODUCTION, DEVELOPMENT])
def test_way_back_forgets_how_the_browser_came(at: Site, parameter: str) -> None:
    """What a handshake has brought is good for once, and nobody else's business."""
    to = location(visit(at, f"/a?b=c&{parameter}=secret&d=e"), ELSEWHERE)
    assert "secret" not in to
    assert sent(to)[1]["redirect_url"] == f"{APP}/a?b=c&d=e"
    to = location(visit(at, "/"), ELSEWHERE, f"/a?{parameter}=secret#x")
    assert sent(to)[1]["redirect_url"] == f"{APP}/a#x"


@pytest.mark.parametrize(
    ("at", "page", "added"),
    [
        (DEVELOPMENT, ELSEWHERE, {"__clerk_db_jwt": "dvb_1"}),
        (DEVELOPMENT, "/sign-in", {}),
        (DEVELOPMENT, f"{APP}/sign-in", {}),
        (DEVELOPMENT, f"http://{HOST}/sign-in", {}),
        (DEVELOPMENT, f"{APP}:8443/sign-in", {"__clerk_db_jwt": "dvb_1"}),
        (PRODUCTION, ELSEWHERE, {}),
    ],
)
def test_development_tells_other_hosts_its_browser(
    at: Site, page: str, added: dict[str, str]
) -> None:
    """Cookies do not reach them; the page is the operator's or Clerk's, never a stranger's."""
    to = location(visit(at, "/a", cookies=SIGNED_IN), page)
    assert sent(to) == (page, {"redirect_url": f"{APP}/a", **added})


def test_browser_is_known_by_its_cookie_only() -> None:
    """What stands in a link, anybody may have written."""
    asked = visit(DEVELOPMENT, "/a?__clerk_db_jwt=dvb_2")
    assert sent(location(asked, ELSEWHERE))[1] == {"redirect_url": f"{APP}/a"}


@pytest.mark.parametrize(
    ("page", "back"),
    [
        (ELSEWHERE, f"{APP}/a?b=c&__clerk_synced=false"),
        ("/sign-in", f"{APP}/a?b=c"),
        (f"{APP}/sign-in", f"{APP}/a?b=c"),
    ],
)
def test_satellite_is_synchronized_on_the_way_back(page: str, back: str) -> None:
    """Whoever signed in on the primary domain is not yet known here."""
    satellite = site(PRODUCTION, is_satellite=True, domain=HOST)
    to = location(visit(satellite, "/a?b=c&__clerk_synced=true"), page)
    assert sent(to) == (page, {"redirect_url": back})
    fragment = location(visit(satellite, "/"), ELSEWHERE, "/a#b")
    assert sent(fragment)[1]["redirect_url"] == f"{APP}/a?__clerk_synced=false#b"


@pytest.mark.parametrize(
    ("back", "found"),
    [
        (None, f"{APP}/here"),
        ("/there?x=y#z", f"{APP}/there?x=y#z"),
        (f"{APP}/there", f"{APP}/there"),
        ("HTTPS://APP.example.com:443?x=y", f"{APP}/?x=y"),
        ("https://shop.example.net/cart", "https://shop.example.net/cart"),
        ("https://evil.example/", f"{APP}/here"),
        ("//evil.example/", f"{APP}/here"),
        ("/\\evil.example", f"{APP}/here"),
        ("", f"{APP}/here"),
    ],
)
def test_way_back_is_to_a_page_of_ours(back: str | None, found: str) -> None:
    """A stranger's is replaced by the page that the browser is on."""
    ours = site(PRODUCTION, redirect_origins=frozenset({"https://shop.example.net"}))
    to = location(visit(ours, "/here"), ELSEWHERE, back)
    assert sent(to) == (ELSEWHERE, {"redirect_url": found})


def test_forged_host_gets_no_way_back() -> None:
    """The origins of the application are known, and this is none of them."""
    known = site(DEVELOPMENT, redirect_origins=frozenset({APP}), names_own_origins=True)
    for page in ("/sign-in", ELSEWHERE):
        forged = visit(known, "/a", host="evil.example", cookies=SIGNED_IN)
        assert location(forged, page) == page
        assert location(forged, page, "/b") == page
        assert sent(location(visit(known, "/a"), page))[1] == {"redirect_url": f"{APP}/a"}
        assert location(visit(known, "/a", host=""), page) == page


def test_location_that_servers_refuse_is_not_sent() -> None:
    """Better no way back than no way there."""
    assert location(visit(PRODUCTION, "/?" + "a" * 17_000), "/sign-in") == "/sign-in"
    assert len(location(visit(PRODUCTION, "/?" + "a" * 16_000), "/sign-in")) > 16_000


# --- not in circles -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "page", "there"),
    [
        ("/sign-in", "/sign-in", True),
        ("/sign-in/", "/sign-in", True),
        ("/sign-in", "/sign-in/", True),
        ("/sign-in/factor-one", "/sign-in", True),
        ("/sign-in?a=b", "/sign-in?c=d#e", True),
        ("/sign%2Din", "/sign-in", True),
        ("/sign-in", "/sign%2din", True),
        ("/sign-in", f"{APP}/sign-in", True),
        ("/sign-in", f"http://{HOST}/sign-in", True),
        ("/", "/", True),
        ("/", APP, True),
        ("/", "/#/sign-in", True),
        ("/sign-ins", "/sign-in", False),
        ("/sign", "/sign-in", False),
        ("/a", "/", False),
        ("/a", APP, False),
        ("/sign-in", ELSEWHERE, False),
        ("/sign-in", f"{APP}:8443/sign-in", False),
        ("/sign-in", None, False),
    ],
)
def test_browser_is_on_a_page_or_below(target: str, page: str | None, there: bool) -> None:
    """On this host, whatever stands in the query; nothing is below the root but itself."""
    assert is_at(visit(PRODUCTION, target), page) is there


def test_browser_without_a_host_is_nowhere() -> None:
    """There is nothing to compare."""
    assert not is_at(visit(PRODUCTION, "/sign-in", host=""), "/sign-in")
