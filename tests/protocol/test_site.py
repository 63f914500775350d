"""How browsers reach the application and Clerk: hosts, proxies, satellites, organizations."""

from typing import Any

import pytest

from clerk_fastapi import ConfigurationError, OrganizationSync
from clerk_fastapi.protocol.keys import PublishableKey
from clerk_fastapi.protocol.site import Proxies, Site, is_loopback
from tests.protocol.browsers import DEVELOPMENT, PRODUCTION, site

SIGN_IN = "https://www.example.com/sign-in"

# --- what may be configured -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"proxy_url": "/__clerk"},
        {"proxy_url": "https://app.example.com/__clerk"},
        {"proxy_url": "http://localhost:8000/__clerk"},
        {"proxy_url": "http://[::1]:8000/__clerk"},
        {"domain": "satellite.example"},
        {"domain": "satellite.example:8443"},
        {"sign_in_url": "/sign-in"},
        {"sign_in_url": SIGN_IN},
        {"is_satellite": True, "domain": "satellite.example"},
        {"is_satellite": True, "proxy_url": "/__clerk"},
    ],
)
def test_site_is_configured_with_hosts_and_urls(changes: dict[str, Any]) -> None:
    """What Clerk's SDKs take is taken."""
    assert site(**changes)


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"proxy_url": "app.example.com/__clerk"}, "CLERK_PROXY_URL"),
        ({"proxy_url": "http://app.example.com/__clerk"}, "CLERK_PROXY_URL"),
        ({"proxy_url": "ftp://app.example.com"}, "CLERK_PROXY_URL"),
        ({"proxy_url": "https://ada@app.example.com"}, "CLERK_PROXY_URL"),
        ({"proxy_url": "https://evil.example\\@app.example.com"}, "CLERK_PROXY_URL"),
        ({"proxy_url": ""}, "CLERK_PROXY_URL"),
        ({"domain": "https://satellite.example"}, "CLERK_DOMAIN"),
        ({"domain": "satellite.example/path"}, "CLERK_DOMAIN"),
        ({"domain": "satellite"}, "CLERK_DOMAIN"),
        ({"domain": "Satellite.example"}, "CLERK_DOMAIN"),
        ({"domain": "satellite.example."}, "CLERK_DOMAIN"),
        ({"domain": "ada@satellite.example"}, "CLERK_DOMAIN"),
        ({"domain": ""}, "CLERK_DOMAIN"),
        ({"sign_in_url": "sign-in"}, "CLERK_SIGN_IN_URL"),
        ({"sign_in_url": "http://www.example.com"}, "CLERK_SIGN_IN_URL"),
        ({"sign_in_url": "javascript:alert(1)"}, "CLERK_SIGN_IN_URL"),
        ({"is_satellite": True}, "CLERK_DOMAIN"),
    ],
)
def test_what_cannot_be_meant_stops_the_start_up(changes: dict[str, Any], variable: str) -> None:
    """With the name of the variable that is wrong."""
    with pytest.raises(ConfigurationError, match=variable):
        site(**changes)


@pytest.mark.parametrize("sign_in_url", [None, "/sign-in"])
def test_development_satellite_needs_the_primarys_sign_in_page(sign_in_url: str | None) -> None:
    """In development it is where browsers are synchronized, and a path would be its own."""
    satellite: dict[str, Any] = {"is_satellite": True, "domain": "satellite.example"}
    with pytest.raises(ConfigurationError, match="CLERK_SIGN_IN_URL"):
        site(DEVELOPMENT, **satellite, sign_in_url=sign_in_url)
    assert site(DEVELOPMENT, **satellite, sign_in_url=SIGN_IN)
    assert site(PRODUCTION, **satellite, sign_in_url=sign_in_url)


@pytest.mark.parametrize(
    "url", ["https://a.example", "http://127.0.0.1:80/x", "http://a.localhost"]
)
def test_url_is_encrypted_unless_it_stays_on_this_machine(url: str) -> None:
    """Loopback needs no certificate."""
    assert site(PRODUCTION, proxy_url=url, sign_in_url=url)


@pytest.mark.parametrize("url", ["http://a.example", "http://localhost.evil.example", "HTTP://a.b"])
def test_plain_http_beyond_this_machine_is_refused(url: str) -> None:
    """Session tokens are sent there; only the sign-in page of a development instance may be so."""
    for instance in (PRODUCTION, DEVELOPMENT):
        with pytest.raises(ConfigurationError, match="CLERK_PROXY_URL must be https"):
            site(instance, proxy_url=url)
    with pytest.raises(ConfigurationError, match="CLERK_SIGN_IN_URL must be https"):
        site(PRODUCTION, sign_in_url=url)
    assert site(DEVELOPMENT, sign_in_url=url)


@pytest.mark.parametrize("name", ["proxy_url", "sign_in_url"])
@pytest.mark.parametrize(
    "place",
    [
        "https://a.example/x y",
        "https://a.example/\r\nX: y",
        "https://u@a.example/",
        "https://a.example\\x",
        "/a b",
        "/a\r\nX: y",
        "//evil.example/",
        "/\\evil.example",
        "/<x>",
        "javascript:alert(1)",
        "sign-in",
    ],
)
def test_place_that_no_header_can_name_stops_the_start_up(name: str, place: str) -> None:
    """It becomes a Location, and must lead where the operator meant."""
    with pytest.raises(ConfigurationError, match=f"CLERK_{name.upper()}"):
        site(PRODUCTION, **{name: place})


@pytest.mark.parametrize("place", ["https://a.example/x?y=1", "/__clerk#x", "/__clerk?x"])
def test_proxy_has_no_query(place: str) -> None:
    """Paths of the Frontend API are put behind it."""
    with pytest.raises(ConfigurationError, match="no query"):
        site(PRODUCTION, proxy_url=place)


@pytest.mark.parametrize(
    ("hostname", "loopback"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("notlocalhost", False),
        ("localhost.example.com", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_loopback_means_this_machine_only(hostname: str, loopback: bool) -> None:
    """No name that somebody could register."""
    assert is_loopback(hostname) is loopback


# --- where Clerk is -------------------------------------------------------------------------------

SATELLITE = {"is_satellite": True, "domain": "satellite.example", "sign_in_url": SIGN_IN}


@pytest.mark.parametrize(
    ("at", "base"),
    [
        (PRODUCTION, "https://clerk.example.com"),
        (DEVELOPMENT, "https://calm-otter-1.clerk.accounts.dev"),
        (site(proxy_url="/__clerk"), "https://app.example.com/__clerk"),
        (site(proxy_url="/__clerk/"), "https://app.example.com/__clerk"),
        (site(proxy_url="https://proxy.example/c/"), "https://proxy.example/c"),
        (site(domain="satellite.example"), "https://clerk.example.com"),
        (site(**SATELLITE), "https://clerk.satellite.example"),
        (site(DEVELOPMENT, **SATELLITE), "https://calm-otter-1.clerk.accounts.dev"),
        (site(**SATELLITE | {"proxy_url": "/__clerk"}), "https://app.example.com/__clerk"),
        (Site("production", None), None),
    ],
)
def test_frontend_api_is_where_browsers_find_it(at: Site, base: str | None) -> None:
    """Behind a proxy, at a production satellite's own host, or where the key says."""
    assert at.frontend_api("https://app.example.com") == base


def test_satellite_behind_a_proxy_needs_no_domain() -> None:
    """Its tokens come from the host that the key names, then."""
    assert site(is_satellite=True, proxy_url="/__clerk").frontend_host == "clerk.example.com"


@pytest.mark.parametrize(
    ("at", "referrer", "known"),
    [
        (PRODUCTION, "https://clerk.example.com", True),
        (PRODUCTION, "https://accounts.example.com", True),
        (PRODUCTION, "http://accounts.example.com", False),
        (PRODUCTION, "https://accounts.example.com:8443", False),
        (PRODUCTION, "https://accounts.evil.example", False),
        (PRODUCTION, "https://accounts.example.com.evil.example", False),
        (PRODUCTION, "https://calm-otter-1.accounts.dev", False),
        (PRODUCTION, "https://accounts.calm.otter-1.lcl.dev", False),
        (PRODUCTION, "https://www.example.com", False),
        (DEVELOPMENT, "https://calm-otter-1.clerk.accounts.dev", True),
        (DEVELOPMENT, "https://calm-otter-1.accounts.dev", True),
        (DEVELOPMENT, "https://other.accountsstage.dev", True),
        (DEVELOPMENT, "https://other.accounts.lclclerk.com", True),
        (DEVELOPMENT, "https://accounts.calm.otter.lcl.dev", True),
        (DEVELOPMENT, "https://accounts.calm.otter.lclstage.dev", True),
        (DEVELOPMENT, "https://accounts.calm.otter.lclclerk.com", True),
        (DEVELOPMENT, "https://other.clerk.accounts.dev", False),
        (DEVELOPMENT, "https://other.clerk.accountsstage.dev", False),
        (DEVELOPMENT, "https://accounts.evil.example", False),
        (DEVELOPMENT, "https://otheraccounts.dev", False),
        (DEVELOPMENT, "https://calm.lcl.dev", False),
        (site(proxy_url="https://proxy.example/c"), "https://proxy.example", True),
        (site(proxy_url="https://proxy.example/c"), "https://clerk.example.com", False),
        (site(proxy_url="https://proxy.example/c"), "https://accounts.example.com", False),
        (site(**SATELLITE), "https://accounts.satellite.example", True),
        (site(**SATELLITE), "https://accounts.example.com", False),
        (Site("production", None), "https://accounts.example.com", False),
    ],
)
def test_portal_is_clerks_own_page(at: Site, referrer: str, known: bool) -> None:
    """Whoever can have such a host name is not trusted: development portals only in development."""
    hostname = referrer.partition("://")[2].partition(":")[0]
    base = at.frontend_api("https://app.example.com") or ""
    host = base.partition("://")[2].partition("/")[0]
    assert at.is_portal(referrer, hostname, host) is known


@pytest.mark.parametrize(
    ("host", "portal"),
    [
        ("clerk.example.com", "https://accounts.example.com"),
        ("calm-otter-1.clerk.accounts.dev", "https://calm-otter-1.accounts.dev"),
        ("calm-otter-1.clerk.accountsstage.dev", "https://calm-otter-1.accountsstage.dev"),
    ],
)
def test_portal_goes_with_the_host(host: str, portal: str) -> None:
    """In production, too, for instances that live at such a host."""
    at = Site("production", PublishableKey.build(host, "production"))
    assert at.is_portal(portal, portal.removeprefix("https://"), host)


# --- trusted proxies ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "peer", "trusted"),
    [
        ((), "10.0.0.7", False),
        ((), None, False),
        (["10.0.0.7"], "10.0.0.7", True),
        (["10.0.0.7"], "10.0.0.8", False),
        (["10.0.0.7"], None, False),
        (["10.0.0.7"], "unix:", False),
        (["10.0.0.7"], "testclient", False),
        (["10.0.0.7"], "::ffff:10.0.0.7", True),
        (["10.0.0.0/8"], "10.255.0.1", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
        (["192.0.2.1", "10.0.0.0/8"], "10.1.1.1", True),
        (["::1"], "::1", True),
        (["2001:db8::/32"], "2001:db8::7", True),
        (["2001:db8::/32"], "2001:db9::7", False),
        (["2001:db8::/32"], "10.0.0.7", False),
        (["10.0.0.0/8"], "2001:db8::7", False),
        ("10.0.0.7", "10.0.0.7", True),
        (["*"], "203.0.113.9", True),
        (["*"], None, True),
        (["*"], "unix:", True),
        ("*", "203.0.113.9", True),
        (["*", "10.0.0.7"], "203.0.113.9", True),
    ],
)
def test_proxies_are_known_by_their_address(names: Any, peer: str | None, trusted: bool) -> None:
    """Addresses and networks of either version; a star where nobody else can connect."""
    assert Proxies.named(names).include(peer) is trusted


@pytest.mark.parametrize(
    "names",
    [
        ["proxy.example.com"],
        ["10.0.0.1/8"],
        [""],
        [None],
        [5],
        [b"10.0.0.7"],
        5,
        ["**"],
        ["::ffff:10.0.0.7"],
        ["::ffff:10.0.0.0/104"],
    ],
)
def test_proxy_that_has_no_address_stops_the_start_up(names: Any) -> None:
    """Names are not looked up, and a network with bits of a host is a slip."""
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        Proxies.named(names)


# --- organizations named by paths -----------------------------------------------------------------

SYNC = OrganizationSync(
    organization_patterns=["/orgs/:slug", "/orgs/:slug/(.*)", "/by-id/:id/(.*)", "/x/:id/:slug"],
    personal_account_patterns=["/me", "/me/(.*)", "/orgs/(.*)"],
)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/orgs/acme", ("slug", "acme")),
        ("/orgs/acme/settings/x", ("slug", "acme")),
        ("/by-id/org_1/x", ("id", "org_1")),
        ("/x/org_1/acme", ("id", "org_1")),
        ("/me", ("id", "")),
        ("/me/settings", ("id", "")),
        ("/orgs/", ("id", "")),
        ("/mean", None),
        ("/", None),
    ],
)
def test_path_names_what_has_to_be_active(path: str, wanted: tuple[str, str] | None) -> None:
    """Organizations first, of two parameters the id, then the personal account."""
    assert SYNC.wanted_at(path) == wanted


def test_optional_parameter_left_out_asks_for_nothing() -> None:
    """The page without an organization's name leaves the choice to the user."""
    sync = OrganizationSync(["/orgs/:slug?"], ["/me"])
    assert sync.wanted_at("/orgs") is None
    assert sync.wanted_at("/me") == ("id", "")


def test_first_pattern_that_fits_decides() -> None:
    """Even if it names nothing there, the organization patterns after it are not asked."""
    sync = OrganizationSync(["/a/:slug?", "/:id"], [])
    assert sync.wanted_at("/a") is None
    assert sync.wanted_at("/b") == ("id", "b")


def test_empty_list_of_patterns_matches_nothing() -> None:
    """Clerk's SDK fails there."""
    assert OrganizationSync([], []).wanted_at("/") is None
    assert OrganizationSync().wanted_at("/me") is None


@pytest.mark.parametrize(
    "arguments",
    [
        (["/orgs/:name"], []),
        (["/orgs"], []),
        (["/orgs/:ID"], []),
        (["/orgs/:slug+"], []),
        (["/orgs/:id*"], []),
        ("/orgs/:id", []),
        ([], "/me"),
        (["/orgs/*"], []),
        ([], ["me"]),
        (None, []),
        ([], 5),
    ],
)
def test_pattern_that_names_no_organization_stops_the_start_up(arguments: Any) -> None:
    """Otherwise the organization would never be switched, and nobody would know why."""
    with pytest.raises(ConfigurationError):
        OrganizationSync(*arguments)
