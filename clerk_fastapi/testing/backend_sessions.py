"""Sessions of the Backend API, the browsers they are in, and the tokens they give."""

from __future__ import annotations

from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from clerk_fastapi.testing.answers import Refusal, json_body, not_found
from clerk_fastapi.testing.asking import Body, Page, asked, known, read
from clerk_fastapi.testing.described import described_browser, described_session
from clerk_fastapi.testing.endpoints import endpoint
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.records import EndedStatus, LiveStatus, Session
from clerk_fastapi.testing.refresh import refresh
from clerk_fastapi.testing.tokens import ABSENT

__all__ = ["session_endpoints"]

_TEN_YEARS = 315_360_000


class _Browsers(Page):
    paginated: bool = False


class _Sessions(_Browsers):
    client_id: str | None = None
    user_id: str | None = None
    status: LiveStatus | EndedStatus | None = None


class _NewSession(Body):
    user_id: str
    active_organization_id: str | None = None


class _Life(Body):
    expires_in_seconds: int | None = Field(None, ge=1, le=_TEN_YEARS)


def session_endpoints(instance: Instance) -> list[Route]:
    """All that begin with ``/sessions`` or ``/clients``."""
    sessions, browsers = _SessionEndpoints(instance), _BrowserEndpoints(instance)
    return [
        endpoint("GET", "/clients", browsers.page),
        endpoint("GET", "/clients/handshake_payload", browsers.handshake_payload),
        endpoint("GET", "/clients/{client_id}", browsers.get),
        endpoint("GET", "/sessions", sessions.page),
        endpoint("POST", "/sessions", sessions.create),
        endpoint("GET", "/sessions/{session_id}", sessions.get),
        endpoint("POST", "/sessions/{session_id}/revoke", sessions.revoke),
        endpoint("POST", "/sessions/{session_id}/refresh", sessions.refresh),
        endpoint("POST", "/sessions/{session_id}/tokens", sessions.token),
        endpoint("POST", "/sessions/{session_id}/tokens/{template}", sessions.template_token),
    ]


class _SessionEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, request: Request) -> object:
        query = asked(request, _Sessions)
        if query.user_id is None and query.client_id is None:
            raise Refusal(422, "form_param_nil", "user_id or client_id is missing.", "user_id")
        sessions = [
            session
            for session in reversed(self._instance.sessions.values())
            if query.user_id in (None, session.user.id)
            and query.client_id in (None, session.browser.id)
            and query.status in (None, session.status)
        ]
        data = [described_session(session) for session in query.of(sessions)]
        return {"data": data, "total_count": len(sessions)} if query.paginated else data

    async def create(self, request: Request) -> object:
        body = await read(request, _NewSession)
        if self._instance.instance_type == "production":
            raise HTTPException(400, "Sessions are created like this in development only.")
        user = self._instance.users.get(body.user_id)
        if user is None:
            raise not_found("user")
        organization = body.active_organization_id
        return described_session(self._instance.sign_in(user, organization=organization))

    async def get(self, request: Request) -> object:
        return described_session(self._session(request))

    async def revoke(self, request: Request) -> object:
        session = self._session(request)
        if session.is_live:
            self._instance.end_session(session, "revoked")
        return described_session(session)

    async def refresh(self, request: Request) -> object:
        session = self._session(request)
        suffixed = request.query_params.get("suffixed_cookies") == "true"
        said = refresh(self._instance, session, await json_body(request), suffixed=suffixed)
        self._instance.use(session)
        return said

    async def token(self, request: Request) -> object:
        session, body = self._live_session(request), await read(request, _Life)
        # Clerk names no origin in a token that no page has asked for.
        jwt = self._instance.token(
            session, expires_in=body.expires_in_seconds or 60, claims={"azp": ABSENT}
        )
        self._instance.use(session)
        return {"object": "token", "jwt": jwt}

    async def template_token(self, request: Request) -> object:
        session, body = self._live_session(request), await read(request, _Life)
        jwt = self._instance.template_token(
            session, request.path_params["template"], expires_in=body.expires_in_seconds
        )
        self._instance.use(session)
        return {"object": "token", "jwt": jwt}

    def _session(self, request: Request) -> Session:
        return known(self._instance.sessions, request, "session_id", "session")

    def _live_session(self, request: Request) -> Session:
        session = self._session(request)
        if not session.is_live:
            message = f"The session is {session.status}; it gives no tokens."
            raise Refusal(404, "resource_not_found", message)
        return session


class _BrowserEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, request: Request) -> object:
        query = asked(request, _Browsers)
        browsers = list(reversed(self._instance.browsers.values()))
        data = [described_browser(browser) for browser in query.of(browsers)]
        return {"data": data, "total_count": len(browsers)} if query.paginated else data

    async def get(self, request: Request) -> object:
        browsers = {browser.id: browser for browser in self._instance.browsers.values()}
        return described_browser(known(browsers, request, "client_id", "client"))

    async def handshake_payload(self, request: Request) -> object:
        nonce = request.query_params.get("nonce", "")
        directives = self._instance.nonces.take(nonce)
        if directives is None:
            raise HTTPException(404, "There is nothing to be had for this nonce, or no longer.")
        return {"nonce": nonce, "directives": directives}
