"""Flaws of trust: in what others left on a request, in headers, and in ids that end up in URLs."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from clerk_fastapi import Clerk, SignedIn
from clerk_fastapi.testing import LocalClerk, Session
from tests.backend.clock import Clock
from tests.flaws.application import DOCUMENT, ORIGIN, application, ask, bearer, code, jar
from tests.web.serving import running

pytestmark = pytest.mark.anyio

Scope = MutableMapping[str, Any]


async def scope_of(clerk: Clerk[Any], headers: Mapping[str, str]) -> Scope:
    """What a request's scope holds after it was authenticated."""
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {"type": "http", "method": "GET", "path": "/session", "headers": pairs}
    state = await clerk.authenticate(HTTPConnection(scope))
    assert isinstance(state, SignedIn)
    return scope


class Planting:
    """Middleware that leaves something on the scope of every request."""

    def __init__(self, app: Callable[..., Awaitable[None]], planted: Mapping[str, Any]) -> None:
        self.app = app
        self.planted = planted

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {}).update(self.planted.get("state", {}))
            scope.update({name: self.planted[name] for name in self.planted if name != "state"})
        await self.app(scope, receive, send)


async def reason_with(clerk: Clerk[Any], planted: Mapping[str, Any]) -> str:
    """Why a stranger is refused although somebody planted this."""
    app = application(clerk)
    app.add_middleware(Planting, planted=planted)
    async with running(app) as client:
        return code(await client.get(f"{ORIGIN}/session"))


async def test_auth_that_others_left_was_trusted(live: LocalClerk, ada: Session) -> None:
    """Row 18: names such as ``auth`` and ``user`` are everybody's, so nobody is believed there."""
    clerk: Clerk[Any] = Clerk(**live.settings())
    auth = await clerk.verify_token(live.token(ada))
    state = SignedIn(auth)
    names = ("auth", "user", "clerk", "clerk_auth", "session", "clerk_state")
    planted = dict.fromkeys(names, auth) | {"state": dict.fromkeys(names, state)}
    assert await reason_with(clerk, planted) == "session-token-and-uat-missing"


async def test_something_like_our_own_entry_was_trusted(live: LocalClerk, ada: Session) -> None:
    """Row 18: not even under the names that this package uses, unless it put it there itself."""
    clerk: Clerk[Any] = Clerk(**live.settings())
    kept = await scope_of(clerk, bearer(live.token(ada)))
    state = SignedIn(await clerk.verify_token(live.token(ada)))
    own = [name for name in kept if name.startswith("clerk_fastapi")]
    assert own
    pretended: list[Any] = [state, state.auth, (None, state), {"state": state}]
    pretended.append(SimpleNamespace(state=state, facts=None))
    for each in pretended:
        planted = dict.fromkeys(own, each)
        assert await reason_with(clerk, planted) == "session-token-and-uat-missing"


async def test_verdict_on_another_request_was_trusted(live: LocalClerk, ada: Session) -> None:
    """Row 18: what was decided for Ada says nothing about a stranger, wherever it was copied to."""
    clerk: Clerk[Any] = Clerk(**live.settings())
    for headers in (bearer(live.token(ada)), jar(live.cookies(ada)) | {"host": "app.example.com"}):
        kept = await scope_of(clerk, headers)
        planted = {name: kept[name] for name in kept if name.startswith("clerk_fastapi")}
        assert await reason_with(clerk, planted) == "session-token-and-uat-missing"


async def test_headers_told_who_is_signed_in(live: LocalClerk, ada: Session) -> None:
    """Row 26: what Clerk's SDKs tell each other inside of a server, anybody can send from outside.

    With a genuine token in them they are just as little believed.
    """
    token = live.token(ada)
    headers = {
        "x-clerk-auth-status": "signed-in",
        "x-clerk-auth-reason": "",
        "x-clerk-auth-message": "",
        "x-clerk-auth-token": token,
        "x-clerk-auth-signature": "0" * 64,
        "x-clerk-request-data": token,
        "x-clerk-user-id": ada.user.id,
        "x-clerk-session-id": ada.id,
        "x-clerk-clerk-url": f"{ORIGIN}/session",
        "x-middleware-subrequest": "middleware:middleware:middleware",
        "x-middleware-next": "1",
        "clerk-secret-key": "sk_live_1",
        "clerk-db-jwt": "dvb_1",
        "x-user-id": ada.user.id,
        "x-forwarded-user": ada.user.id,
        "x-forwarded-authorization": f"Bearer {token}",
        "proxy-authorization": f"Bearer {token}",
        "x-authorization": f"Bearer {token}",
    }
    clerk: Clerk[Any] = Clerk(**live.settings(), trusted_proxies=["*"])
    for path in ("/session", "/several"):
        assert code(await ask(clerk, path, headers)) == "session-token-and-uat-missing"
    assert (await ask(clerk, "/optional", headers)).json() == "a guest"
    assert code(await ask(clerk, "/m2m", headers)) == "machine-token-missing"
    assert live.requests == []


async def test_query_told_who_is_signed_in(live: LocalClerk, ada: Session) -> None:
    """Row 26: a link is somebody else's word; in production nothing in it signs anybody in."""
    token = live.token(ada)
    handshake = live.handshake_token([f"__session={token}; Path=/"])
    clerk: Clerk[Any] = Clerk(**live.settings())
    for query in (
        f"__session={token}",
        f"__clerk_handshake={handshake}",
        f"access_token={token}",
        f"token={token}",
        f"authorization=Bearer%20{token}",
        f"__clerk_db_jwt={ada.browser.token}",
    ):
        answer = await ask(clerk, f"/session?{query}", DOCUMENT)
        assert code(answer) == "session-token-and-uat-missing"


@pytest.mark.parametrize(
    "sid",
    [
        "..",
        "../organizations",
        "sess_1/../../organizations/org_1",
        "%2e%2e",
        "%252e%252e%2forganizations",
        "..\\organizations",
        "sess_1?suffixed_cookies=false",
        "sess_1#",
        "sess_1;x",
        "sess_\u0661",
        "sess_1\r\nX-Evil: 1",
        "a" * 1_000,
    ],
)
async def test_id_in_a_path_reached_another_route(
    live: LocalClerk, ada: Session, clock: Clock, sid: str
) -> None:
    """Row 19: a refresh asks below the session's id, which nothing but an id may be."""
    cookies = live.cookies(ada, refresh=True)
    token = live.token(ada, claims={"sid": sid})
    clock.now += 3_600
    cookies = {name: token if "session" in name else cookies[name] for name in cookies}
    answer = await ask(Clerk(**live.settings()), headers=jar(cookies) | DOCUMENT)
    assert answer.status_code == 307
    assert "missing-sid-claim" in answer.headers["location"]
    assert {seen.path for seen in live.requests} == {"/v1/jwks"}
