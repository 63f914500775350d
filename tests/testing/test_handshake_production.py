"""In production a handshake is known by cookies, and brings cookies for the whole domain."""

import pytest

from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.testing.handshake import Destination
from tests.testing.handshaking import (
    LIVE_PAGE,
    deleted,
    directives_of,
    jar,
    location,
    session_claims,
    set_cookies,
    shake,
    values,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("kind", "name"), [("nonce", "__clerk_handshake_nonce"), ("token", "__clerk_handshake")]
)
async def test_production_brings_it_by_cookie(production: LocalClerk, kind: str, name: str) -> None:
    """The page's URL stays as it is; the cookie is for the whole domain, and deletes itself."""
    session = production.sign_in(production.add_user("ada@example.com"))
    cookies = {"__client": session.browser.token}
    response = await shake(production, cookies=cookies, redirect_url=LIVE_PAGE, format=kind)
    assert location(response) == LIVE_PAGE
    brought = set_cookies(response)[name]
    assert (brought["domain"], brought["max-age"]) == ("example.com", "60")
    assert brought["secure"]
    assert brought["httponly"]
    directives = await directives_of(production, response)
    assert session_claims(directives)["sid"] == session.id
    assert deleted(directives) == {name}
    assert jar(directives)[name]["domain"] == "example.com"
    assert jar(directives)["__client_uat"]["domain"] == "example.com"
    assert jar(directives)["__session"]["domain"] == ""


async def test_production_browser_is_known_by_cookie_alone(production: LocalClerk) -> None:
    """A parameter anybody could write into a link names nobody; a new browser gets a cookie."""
    session = production.sign_in(production.add_user("ada@example.com"))
    token = session.browser.token
    response = await shake(
        production,
        cookies={"__clerk_db_jwt": token},
        redirect_url=LIVE_PAGE,
        __clerk_db_jwt=token,
    )
    directives = await directives_of(production, response)
    suffix = production.cookie_suffix
    assert values(directives) == {"__client_uat": "0", f"__client_uat_{suffix}": "0"}
    client = set_cookies(response)["__client"]
    assert production.browsers[client.value].session is None
    assert (client["domain"], client["httponly"], client["secure"]) == ("", True, True)


@pytest.mark.parametrize(
    ("host", "page", "domain"),
    [
        ("clerk.example.com", "https://example.com/", "example.com"),
        ("clerk.example.com", "https://a.b.example.com:8443/", "example.com"),
        ("clerk.example.com", "https://notexample.com/", None),
        ("clerk.example.com", "https://localhost/", None),
        ("accounts.example.com", "https://app.example.com/", None),
        ("127.0.0.1", "http://127.0.0.1:8000/", None),
    ],
)
def test_domain_is_what_both_hosts_share(host: str, page: str, domain: str | None) -> None:
    """Cookies for more than one host are for ``clerk.``'s siblings only."""
    destination = Destination.parse(page)
    assert destination is not None
    assert destination.domain(host) == domain
