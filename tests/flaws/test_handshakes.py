"""Flaws of handshakes: cookies of an attacker's choice, strangers trusted, and no way out."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.testing import LocalClerk, Session
from tests.backend.clock import Clock
from tests.flaws.application import DOCUMENT, ORIGIN, ask, code, jar

pytestmark = pytest.mark.anyio

TEMPLATE = "cl_B7d4PD222AAA"
EVIL = ["evil=1; Path=/", "__client_uat=1"]


def handshake(local: LocalClerk, directives: Sequence[object], category: str) -> str:
    """A handshake token that says what anybody could have put into a template."""
    header = {"alg": "RS256", "cat": category, "kid": local.jwks()["keys"][0]["kid"], "typ": "JWT"}
    now = int(local.clock())
    return local.sign(header, {"iss": local.issuer, "iat": now, "handshake": directives})


def reason(answer: httpx.Response) -> str:
    """Why a browser is sent to Clerk; anything else fails the test."""
    assert answer.status_code == 307, (answer.status_code, answer.text)
    url = urlsplit(answer.headers["location"])
    assert url.path == "/v1/client/handshake"
    return parse_qs(url.query)["__clerk_hs_reason"][0]


async def test_template_token_set_cookies_in_production(live: LocalClerk, ada: Session) -> None:
    """Row 3: users fill in templates, so that one with a ``handshake`` is no handshake."""
    token = handshake(live, [f"__session={live.token(ada)}", *EVIL], TEMPLATE)
    answer = await ask(
        Clerk(**live.settings()), headers=jar({"__clerk_handshake": token}) | DOCUMENT
    )
    assert code(answer) == "session-token-and-uat-missing"


async def test_template_token_set_cookies_in_development(dev: LocalClerk, dev_ada: Session) -> None:
    """Row 3: there it comes in a link, and the developer is told what is wrong with it."""
    token = handshake(dev, [f"__session={dev.token(dev_ada)}", *EVIL], TEMPLATE)
    path = f"/session?__clerk_handshake={token}"
    assert code(await ask(Clerk(**dev.settings()), path, DOCUMENT)) == "token-type-mismatch"


async def test_handshake_set_any_cookie(live: LocalClerk, ada: Session) -> None:
    """Row 3: even a genuine one sets the cookies that are Clerk's to set, on this host alone."""
    session = f"__session={live.token(ada)}; Path=/; Secure"
    directives = [
        session,
        f"__client_uat={int(live.clock())}; Path=/; Domain=example.com",
        "__client_uat_naoXFJnI=1; Path=/; Domain=example.org",
        "admin=1; Path=/",
        "__Host-session=1; Path=/; Secure",
        "__session.evil=1; Path=/",
        "__sessionevil=1",
        "csrf\r\nSet-Cookie: x=1",
        "__refresh_naoXFJnI=1\r\nX-Evil: 1",
        5,
        ["__session=x"],
        "no pair at all",
    ]
    token = handshake(live, directives, "cl_B7d4PD111AAA")
    headers = jar({"__clerk_handshake": token}) | DOCUMENT
    answer = await ask(Clerk(**live.settings()), headers=headers)
    assert answer.json() == ada.user.id
    assert answer.headers.get_list("set-cookie") == [
        session,
        f"__client_uat={int(live.clock())}; Path=/; Domain=example.com",
        "__client_uat_naoXFJnI=1; Path=/",
    ]
    assert "x-evil" not in answer.headers


class Refreshing(httpx.AsyncBaseTransport):
    """An instance that makes expired sessions fresh by the token of a test's choice."""

    def __init__(self, local: LocalClerk, token: str) -> None:
        self._local = local.transport()
        self._cookies = [f"__session={token}; Path=/", "evil=1"]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/refresh"):
            return httpx.Response(200, json={"object": "cookies", "cookies": self._cookies})
        return await self._local.handle_async_request(request)


@pytest.mark.parametrize("category", ["cl_B7d4PD111AAA", TEMPLATE])
async def test_template_token_made_an_expired_session_fresh(
    live: LocalClerk, ada: Session, clock: Clock, category: str
) -> None:
    """Row 2: a refresh brings a session token or nothing, and no cookie but Clerk's."""
    cookies = live.cookies(ada, refresh=True)
    clock.now += 3_600
    fresh = live.token(ada, header={"cat": category})
    settings: Any = live.settings() | {"transport": Refreshing(live, fresh)}
    answer = await ask(Clerk(**settings), headers=jar(cookies) | DOCUMENT)
    if category == TEMPLATE:
        expected = "session-token-expired-refresh-invalid-session-token"
        assert reason(answer) == expected
    else:
        assert answer.json() == ada.user.id
        assert answer.headers.get_list("set-cookie") == [f"__session={fresh}; Path=/"]


NEIGHBOUR = "https://evil.example.com"


async def test_session_of_a_neighbour_came_home_from_a_handshake(
    live: LocalClerk, ada: Session
) -> None:
    """Row 7: a neighbour can plant what its own visitor was given, genuine as it is."""
    for party, status in ((NEIGHBOUR, 401), (ORIGIN, 200)):
        token = live.handshake_token([f"__session={live.token(ada, azp=party)}; Path=/"])
        headers = jar({"__clerk_handshake": token}) | DOCUMENT
        assert (await ask(Clerk(**live.settings()), headers=headers)).status_code == status


async def test_session_of_a_neighbour_was_made_fresh(
    live: LocalClerk, ada: Session, clock: Clock
) -> None:
    """Row 7: an expired one is held against the same rule, before Clerk is asked for anything."""
    for party, status in ((NEIGHBOUR, 401), (ORIGIN, 200)):
        cookies = live.cookies(ada, azp=party, refresh=True)
        clock.now += 3_600
        assert (await ask(Clerk(**live.settings()), headers=jar(cookies))).status_code == status
        asked = live.requests_to(f"/sessions/{ada.id}/refresh")
        assert len(asked) == (status == 200)


async def test_refresh_brought_the_session_of_a_neighbour(
    live: LocalClerk, ada: Session, clock: Clock
) -> None:
    """Row 7: and so is what Clerk answers."""
    cookies = live.cookies(ada, refresh=True)
    clock.now += 3_600
    transport = Refreshing(live, live.token(ada, azp=NEIGHBOUR))
    settings: Any = live.settings() | {"transport": transport}
    assert code(await ask(Clerk(**settings), headers=jar(cookies))) == "token-expired"


@pytest.mark.parametrize(
    "referrer",
    [
        "https://accounts.evil.com/sign-in",
        "https://accounts.example.com.evil.test",
        "https://accounts.example.com:8443/",
        "http://accounts.example.com/",
        "https://happy-cat-1.accounts.dev/",
        "https://accounts.happy-cat.lcl.dev/",
        "https://clerk.evil.com/",
        "https://evil.example.com/",
    ],
)
async def test_page_was_trusted_for_its_name(live: LocalClerk, ada: Session, referrer: str) -> None:
    """Row 14: the one account portal is known, and those of development are for development."""
    headers = jar(live.cookies(ada)) | DOCUMENT | {"referer": referrer}
    answer = await ask(Clerk(**live.settings()), headers=headers)
    assert reason(answer) == "primary-domain-cross-origin-sync"


@pytest.mark.parametrize(
    "referrer",
    ["https://accounts.example.com/sign-in", "https://clerk.example.com/v1", f"{ORIGIN}/home"],
)
async def test_own_pages_are_trusted(live: LocalClerk, ada: Session, referrer: str) -> None:
    """Row 14: Clerk's own pages for this instance lead to no second handshake."""
    headers = jar(live.cookies(ada)) | DOCUMENT | {"referer": referrer}
    answer = await ask(Clerk(**live.settings()), headers=headers)
    assert answer.json() == ada.user.id


@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("instance", ["production", "development"])
async def test_form_was_sent_to_the_handshake(
    live: LocalClerk,
    ada: Session,
    dev: LocalClerk,
    dev_ada: Session,
    clock: Clock,
    instance: str,
    method: str,
) -> None:
    """Row 20: what a redirected POST carried would be lost, and the handshake takes none."""
    local, session = (live, ada) if instance == "production" else (dev, dev_ada)
    headers = jar(local.cookies(session)) | DOCUMENT
    clock.now += 3_600
    answer = await ask(Clerk(**local.settings()), headers=headers, method=method)
    assert (answer.status_code, "location" in answer.headers) == (401, False)
    assert "set-cookie" not in answer.headers


async def test_form_that_looks_back_at_a_satellite_was_redirected(
    dev: LocalClerk, dev_ada: Session
) -> None:
    """Row 20: nor is it led back to where a link says."""
    path = f"/session?__clerk_redirect_url={ORIGIN}/satellite"
    headers = jar(dev.cookies(dev_ada)) | DOCUMENT
    answer = await ask(Clerk(**dev.settings()), path, headers, method="POST")
    assert answer.json() == dev_ada.user.id


@pytest.mark.parametrize(
    "count", ["3", "4", "5", "99", "1e9", "1E9", "Infinity", "0x3", "0x7fffffff", "3.0", "9" * 400]
)
async def test_loop_guard_knew_one_number(live: LocalClerk, ada: Session, count: str) -> None:
    """Row 28: whatever can be meant as three or more stops the redirects."""
    cookies = {"__client_uat": "1", "__clerk_redirect_count": count}
    answer = await ask(Clerk(**live.settings()), headers=jar(cookies) | DOCUMENT)
    assert code(answer) == "client-uat-but-no-session-token"
    assert "three times" in answer.json()["detail"]["message"]


@pytest.mark.parametrize("count", ["-1", "-1e9", "abc", "", "NaN", "0", "-Infinity", "0xzz"])
async def test_loop_guard_counted_backwards(live: LocalClerk, ada: Session, count: str) -> None:
    """Row 28: what is no number of redirects counts as none, so that the next is the first."""
    cookies = {"__client_uat": "1", "__clerk_redirect_count": count}
    answer = await ask(Clerk(**live.settings()), headers=jar(cookies) | DOCUMENT)
    assert reason(answer) == "client-uat-but-no-session-token"
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("__clerk_redirect_count=1; Path=/;")
