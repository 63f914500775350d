"""The handshake leads a browser back to its page, with all the cookies that it should hold."""

from urllib.parse import parse_qs, urlsplit

import pytest

from clerk_fastapi import ConfigurationError
from clerk_fastapi.testing import LocalClerk, Organization, Session, SigningKey, User
from clerk_fastapi.testing.handshake import Destination
from tests.testing.conftest import Clock
from tests.testing.handshaking import (
    deleted,
    directives_of,
    fetch,
    jar,
    location,
    session_claims,
    shake,
    values,
)
from tests.testing.reading import assert_error, check_signature, claims_of, header_of, pem_key

pytestmark = pytest.mark.anyio


async def test_signed_in_browser_gets_every_cookie_under_both_names(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """A fresh token for the page's origin, the time of the last change, and a refresh token."""
    clock.now += 300
    response = await shake(local, __clerk_db_jwt=session.browser.token)
    directives = await directives_of(local, response)
    suffix = local.cookie_suffix
    found = values(directives)
    assert found.pop(f"__refresh_{suffix}") == session.refresh_token
    for name in ("__session", "__client_uat", "__clerk_db_jwt"):
        assert found[name] == found.pop(f"{name}_{suffix}")
    claims = claims_of(found.pop("__session"))
    assert (claims["sid"], claims["iat"]) == (session.id, 1_800_000_300)
    assert claims["azp"] == "http://localhost:8000"
    assert found == {"__client_uat": "1800000000", "__clerk_db_jwt": session.browser.token}
    assert deleted(directives) == set()


async def test_cookies_fit_the_page(local: LocalClerk, session: Session) -> None:
    """Scripts may not see the refresh token, and plain HTTP takes no ``Secure`` cookies."""
    plain = jar(
        await directives_of(local, await shake(local, __clerk_db_jwt=session.browser.token))
    )
    assert not any(morsel["secure"] for morsel in plain.values())
    assert [name for name, morsel in plain.items() if morsel["httponly"]] == [
        f"__refresh_{local.cookie_suffix}"
    ]
    page = {"redirect_url": "https://localhost:8000/", "__clerk_db_jwt": session.browser.token}
    secure = jar(await directives_of(local, await shake(local, **page)))
    assert all(morsel["secure"] for morsel in secure.values())
    for morsel in (plain | secure).values():
        assert (morsel["path"], morsel["samesite"], morsel["domain"]) == ("/", "Lax", "")


async def test_browser_is_known_by_parameter_before_cookie(
    local: LocalClerk, session: Session, ada: User
) -> None:
    """On a development instance, either will do."""
    other = local.sign_in(ada)
    cookies = {"__clerk_db_jwt": other.browser.token}
    by_cookie = await directives_of(local, await shake(local, cookies=cookies))
    assert session_claims(by_cookie)["sid"] == other.id
    response = await shake(local, cookies=cookies, __clerk_db_jwt=session.browser.token)
    assert session_claims(await directives_of(local, response))["sid"] == session.id


async def test_development_knows_no_client_cookie(local: LocalClerk, session: Session) -> None:
    """What names a browser in production is nothing in development."""
    response = await shake(local, cookies={"__client": session.browser.token})
    assert "__session" in deleted(await directives_of(local, response))


@pytest.mark.parametrize("known", [{}, {"__clerk_db_jwt": ""}, {"__clerk_db_jwt": "dvb_of_before"}])
async def test_unknown_browser_gets_a_dev_browser_token(
    local: LocalClerk, known: dict[str, str]
) -> None:
    """Nobody is signed in in it, and it is known from then on: without that it would come again."""
    directives = await directives_of(local, await shake(local, **known))
    suffix = local.cookie_suffix
    assert deleted(directives) == {"__session", f"__session_{suffix}", f"__refresh_{suffix}"}
    found = values(directives)
    assert found["__client_uat"] == found[f"__client_uat_{suffix}"] == "0"
    assert found["__clerk_db_jwt"] == found[f"__clerk_db_jwt_{suffix}"]
    assert local.browsers.keys() == {found["__clerk_db_jwt"]}


async def test_ended_session_signs_the_browser_out(local: LocalClerk, session: Session) -> None:
    """The browser keeps its token, and loses the session's cookies."""
    local.end_session(session)
    response = await shake(local, __clerk_db_jwt=session.browser.token)
    directives = await directives_of(local, response)
    assert {"__session", f"__session_{local.cookie_suffix}"} <= deleted(directives)
    assert values(directives)["__client_uat"] == "0"
    assert values(directives)["__clerk_db_jwt"] == session.browser.token


async def test_pending_session_comes_along(local: LocalClerk, ada: User) -> None:
    """What is left to do is said by its token."""
    session = local.sign_in(ada, status="pending")
    response = await shake(local, __clerk_db_jwt=session.browser.token)
    assert session_claims(await directives_of(local, response))["sts"] == "pending"


async def test_session_before_comes_back_when_the_last_one_ends(
    local: LocalClerk, session: Session
) -> None:
    """A browser may hold several sessions; the one used last is the active one."""
    bob = local.sign_in(local.add_user("bob@example.com"), browser=session.browser)
    seen = []
    for _ in range(2):
        response = await shake(local, __clerk_db_jwt=session.browser.token)
        seen.append(session_claims(await directives_of(local, response))["sid"])
        local.end_session(bob, "removed")
    assert seen == [bob.id, session.id]


# --- organizations --------------------------------------------------------------------------------


@pytest.fixture
def globex(local: LocalClerk, ada: User) -> Organization:
    """Another organization of Ada's."""
    globex = local.add_organization("globex")
    local.add_member(globex, ada)
    return globex


@pytest.mark.parametrize("name", ["id", "slug"])
async def test_organization_is_switched(
    local: LocalClerk, session: Session, globex: Organization, clock: Clock, name: str
) -> None:
    """By id or slug; the browser has changed then, and the token is no older than that."""
    clock.now += 5
    response = await shake(
        local, __clerk_db_jwt=session.browser.token, organization_id=getattr(globex, name)
    )
    directives = await directives_of(local, response)
    claims = session_claims(directives)
    assert claims["o"]["id"] == globex.id
    assert values(directives)["__client_uat"] == str(claims["iat"]) == "1800000005"


async def test_empty_organization_is_the_personal_account(
    local: LocalClerk, session: Session
) -> None:
    """Said by a parameter that is there and empty."""
    response = await shake(local, __clerk_db_jwt=session.browser.token, organization_id="")
    assert "o" not in session_claims(await directives_of(local, response))


@pytest.mark.parametrize("organization", ["initech", "unknown"])
async def test_organization_of_others_is_not_switched_to(
    local: LocalClerk, session: Session, acme: Organization, organization: str
) -> None:
    """Then everything stays as it is, and the page decides what to say."""
    local.add_organization("initech")
    response = await shake(
        local, __clerk_db_jwt=session.browser.token, organization_id=organization
    )
    directives = await directives_of(local, response)
    assert session_claims(directives)["o"]["id"] == acme.id
    assert values(directives)["__client_uat"] == "1800000000"


# --- the way back ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        "http://localhost:8000/",
        "http://127.0.0.1:8000/a?b=c#d",
        "http://127.8.0.1",
        "http://[::1]:8000/",
        "https://app.localhost/",
        "http://LocalHost:8000/",
    ],
)
async def test_pages_of_this_machine_are_led_back_to(local: LocalClerk, page: str) -> None:
    """They need no permission."""
    assert (await shake(local, redirect_url=page)).status_code == 307


@pytest.mark.parametrize(
    "page",
    [
        "",
        "/notes",
        "//localhost/",
        "https://",
        "https:///",
        "ftp://localhost/",
        "javascript:alert(1)//http://localhost/",
        "https://app.example.com/",
        "https://localhost.example.com/",
        "https://example.com/localhost",
        "https://localhost@example.com/",
        "https://localhost:8000@example.com/",
        "https://example.com\\.localhost/",
        "https://example.com\\@localhost/",
        "https://example.com#@localhost/",
        "https://example.com?.localhost/",
        "https://localhost\t.example.com/",
        "http://localhost/\r\nSet-Cookie: a=b",
        "http://localhost:8000000/",
        "http://localhost/caf\u00e9",
        " http://localhost/",
    ],
)
async def test_other_pages_are_not_led_back_to(local: LocalClerk, page: str) -> None:
    """Neither a location nor a cookie is given away."""
    response = await shake(local, redirect_url=page)
    assert_error(response, 400, "form_param_value_invalid")
    assert "location" not in response.headers
    assert "set-cookie" not in response.headers


async def test_allowed_origins_are_led_back_to(clock: Clock, key: SigningKey) -> None:
    """Exactly those, and no host beside or below them."""
    local = LocalClerk(
        clock=clock, signing_key=key, allowed_origins=["https://app.example.com", "http://a.b:81"]
    )
    statuses = [
        (await shake(local, redirect_url=page)).status_code
        for page in (
            "https://app.example.com/x",
            "https://APP.example.com",
            "http://a.b:81/",
            "http://app.example.com/",
            "https://app.example.com:444/",
            "https://x.app.example.com/",
            "http://a.b:8/",
        )
    ]
    assert statuses == [307, 307, 307, 400, 400, 400, 400]


@pytest.mark.parametrize("origin", ["app.example.com", "https://a.b/", "https://A.b", "ftp://a.b"])
def test_allowed_origins_are_origins(key: SigningKey, origin: str) -> None:
    """Whatever no browser would send as one is a mistake."""
    with pytest.raises(ConfigurationError, match="is no origin"):
        LocalClerk(signing_key=key, allowed_origins=[origin])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.b", "http://a.b?n=1"),
        ("http://a.b/", "http://a.b/?n=1"),
        ("http://a.b/c%20d?e=f%2Fg&h#i?j", "http://a.b/c%20d?e=f%2Fg&h&n=1#i?j"),
        ("http://a.b/?__clerk_handshake_nonce=old&x=y", "http://a.b/?x=y&n=1"),
        ("http://a.b/?x=y&__clerk_handshake=old", "http://a.b/?x=y&n=1"),
    ],
)
def test_page_keeps_its_own_parameters(url: str, expected: str) -> None:
    """Not a character changes but for what a handshake adds, and what one before has left."""
    destination = Destination.parse(url)
    assert destination is not None
    assert destination.carrying("n", "1") == expected


# --- how it travels -------------------------------------------------------------------------------


async def test_nonce_is_good_once(local: LocalClerk) -> None:
    """Whoever reads the URL later has nothing of it."""
    nonce = parse_qs(urlsplit(location(await shake(local))).query)["__clerk_handshake_nonce"][0]
    assert (await fetch(local, nonce)).status_code == 200
    assert_error(await fetch(local, nonce), 404, "resource_not_found")


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (60, 404)])
async def test_nonce_expires(local: LocalClerk, clock: Clock, seconds: int, status: int) -> None:
    """After a minute of the instance's clock it is too late."""
    nonce = parse_qs(urlsplit(location(await shake(local))).query)["__clerk_handshake_nonce"][0]
    clock.now += seconds
    assert (await fetch(local, nonce)).status_code == status


@pytest.mark.parametrize("nonce", ["", "nonce_unknown"])
async def test_unknown_nonce_is_not_found(local: LocalClerk, nonce: str) -> None:
    """There are no directives that nobody put there."""
    assert_error(await fetch(local, nonce), 404, "resource_not_found")


async def test_token_carries_the_directives_itself(local: LocalClerk, session: Session) -> None:
    """Without ``format=nonce``: signed by the instance, of the class of sessions, for a minute."""
    response = await shake(local, format="", __clerk_db_jwt=session.browser.token)
    (token,) = parse_qs(urlsplit(location(response)).query)["__clerk_handshake"]
    check_signature(token, pem_key(local.jwt_key))
    assert header_of(token)["cat"] == "cl_B7d4PD111AAA"
    claims = claims_of(token)
    assert (claims["iss"], claims["iat"], claims["exp"]) == (
        *(local.issuer, 1_800_000_000, 1_800_000_060),
    )
    assert session_claims(claims["handshake"])["sid"] == session.id
