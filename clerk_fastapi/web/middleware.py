"""ClerkMiddleware: policies and rate limits for routes, identity in headers, and redirects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.engine.state import SignedIn
from clerk_fastapi.errors import (
    BackendUnavailable,
    ClerkError,
    ConfigurationError,
)
from clerk_fastapi.web.answering import answering
from clerk_fastapi.web.identity_headers import IdentityHeaders, Told
from clerk_fastapi.web.pages import PAGES, Pages
from clerk_fastapi.web.proxy import FrontendApiProxy
from clerk_fastapi.web.ratelimit import RateLimit, RateLimitRule, checked_limits
from clerk_fastapi.web.refusals import answer
from clerk_fastapi.web.routing.doors import Doors
from clerk_fastapi.web.routing.gate import Gate
from clerk_fastapi.web.routing.policies import Demand, Policy, guard_of
from clerk_fastapi.web.running import choose, clerk_of

__all__ = ["ClerkMiddleware", "MiddlewareOptions", "checked_policies"]


@dataclass(frozen=True, slots=True)
class MiddlewareOptions:
    """What may differ from request to request; ``None`` leaves it as it is.

    :param sign_in_url: where pages send those who are not signed in.
    :param sign_up_url: where :func:`redirect_to_sign_up` leads.
    :param unauthorized_url: where pages send those who are signed in and not allowed.
    :param clerk: the instance that decides, started with ``async with clerk``.
    """

    sign_in_url: str | None = None
    sign_up_url: str | None = None
    unauthorized_url: str | None = None
    clerk: Engine[Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.clerk, Engine | None):
            raise ConfigurationError("The clerk of MiddlewareOptions is a Clerk.")


PerRequest: TypeAlias = Callable[
    [HTTPConnection], MiddlewareOptions | Awaitable[MiddlewareOptions | None] | None
]


class ClerkMiddleware:
    """Everything around the routes: ``app.add_middleware(ClerkMiddleware, policies=[...])``.

    By itself it protects nothing. It takes away what clients must not say (``x-clerk-*`` headers),
    leads browsers to sign in where a guard or a policy refuses a page, adds renewed cookies and
    debug headers to answers, and asks who somebody is only if a policy, a guard or an identity
    header wants to know; then once for all of them.

    :param policies: what is demanded for which routes, the first that chooses a route decides.
    :param default: what is demanded for all other routes: ``public``, ``signed_in``, a requirement
        or a guard. The sign-in and sign-up pages of this site stay public unless a policy says
        otherwise.
    :param rate_limits: limits for certain routes, ``RateLimit(100, per=60).on("/api(.*)")``, or for
        all. Every one that chooses a route counts what policies let pass there.
    :param unauthorized_url: where pages send those who are signed in and not allowed, a URL or a
        path of this site; by default they get the 403 itself.
    :param identity_headers: headers to be told who is signed in, such as
        ``{"x-user-id": "user_id"}``, with the name of an attribute of ``Auth`` or a function of it.
        What clients send under these names is taken away.
    :param frontend_api_proxy: whether to serve the Frontend API at the ``proxy_url`` of the Clerk.
    :param frontend_api_url: the origin where the proxy finds the Frontend API, if not where Clerk
        has it.
    :param options: asked for every request, plain or async, what is different for it.

    Wrong arguments, and policies and limits that choose no route, stop the start-up.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        policies: Sequence[Policy] = (),
        default: Demand = "public",
        rate_limits: Sequence[RateLimit | RateLimitRule] = (),
        unauthorized_url: str | None = None,
        identity_headers: Mapping[str, Told] | None = None,
        frontend_api_proxy: bool = False,
        frontend_api_url: str | None = None,
        options: PerRequest | None = None,
    ) -> None:
        # Nothing is checked here: servers take an error at this point for a missing lifespan, and
        # start regardless.
        self.app = app
        self._policies = policies
        self._default: Demand = default
        self._rate_limits = rate_limits
        self._unauthorized_url = unauthorized_url
        self._identity_headers = identity_headers
        self._proxies = frontend_api_proxy
        self._frontend_api_url = frontend_api_url
        self._options = options
        self._opened: _Opened | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or WebSocket, or start and stop with the application."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        opened = self._opened_for(scope)
        if opened.proxy is not None and opened.proxy.serves(scope):
            await opened.proxy(scope, receive, send)
            return
        scope["headers"] = opened.identity_headers.stripped(scope["headers"])
        send = answering(scope, send, explain=True)
        scope[PAGES] = opened.pages
        if self._options is not None:
            options = self._options(HTTPConnection(scope))
            if isinstance(options, Awaitable):
                options = await options
            if isinstance(options, MiddlewareOptions):
                opened.apply(options, scope)
            elif options is not None:
                raise ConfigurationError("options returns MiddlewareOptions(...), or None.")
        if opened.identity_headers:
            try:
                await opened.identify(scope)
            except BackendUnavailable as error:
                await _refuse(error, scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def start_up(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                # By now the application has all its routes, and can still say that it cannot start.
                self._open(scope)
            await send(message)

        try:
            await self.app(scope, receive, start_up)
        finally:
            self._close()

    def _opened_for(self, scope: Scope) -> _Opened:
        """What was opened with the Clerk of a request; a mounted application can get another."""
        opened = self._opened
        if opened is None or clerk_of(opened.app, scope) is not opened.engine:
            return self._open(scope)
        return opened

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None and opened.gate is not None:
            opened.gate.close()

    def _open(self, scope: Scope) -> _Opened:
        """Check the arguments and decide for the routes, as late as that can be done.

        :raises ConfigurationError: if anything is wrong, or no Clerk is running.
        """
        self._close()
        app = _application(self.app, scope)
        engine = clerk_of(app, scope)
        pages = Pages(unauthorized_url=self._unauthorized_url)
        headers = IdentityHeaders(self._identity_headers or {})
        proxy = None
        if self._options is not None and not callable(self._options):
            raise ConfigurationError("options is a function of the request.")
        if self._frontend_api_url is not None and not self._proxies:
            raise ConfigurationError("frontend_api_url is for frontend_api_proxy=True.")
        if self._proxies:
            proxy = FrontendApiProxy(engine, frontend_api_url=self._frontend_api_url)
        doors = Doors([engine.site], _place(scope), self._unauthorized_url)
        policies, default = checked_policies(self._policies), guard_of(self._default)
        limits = checked_limits(self._rate_limits)
        # Where everything is public there is nothing to judge.
        is_needed = policies or default or limits
        gate = Gate(app, policies, default, doors, limits) if is_needed else None
        self._opened = _Opened(app, engine, gate, proxy, pages, headers)
        return self._opened


class _Opened(NamedTuple):
    """A middleware whose application is running."""

    app: Starlette
    engine: Engine[Any]
    gate: Gate | None
    proxy: FrontendApiProxy | None
    pages: Pages
    identity_headers: IdentityHeaders

    def apply(self, options: MiddlewareOptions, scope: Scope) -> None:
        """Do for one request what differs from others."""
        scope[PAGES] = Pages(
            sign_in_url=options.sign_in_url,
            sign_up_url=options.sign_up_url,
            unauthorized_url=options.unauthorized_url or self.pages.unauthorized_url,
        )
        if options.clerk is not None:
            choose(self.app, options.clerk, scope)

    async def identify(self, scope: Scope) -> None:
        """Tell who is signed in, if anybody is, in headers that only we can set.

        :raises BackendUnavailable: if nobody can know at the moment.
        """
        engine = clerk_of(self.app, scope)
        state = await engine.authenticate(HTTPConnection(scope))
        if isinstance(state, SignedIn):
            scope["headers"] = [*scope["headers"], *self.identity_headers.of(state.auth)]


def checked_policies(policies: Sequence[Policy]) -> Sequence[Policy]:
    """Tell policies from what is none.

    :raises ConfigurationError: if they are no list of policies.
    """
    # Not an iterator: it would be used up when the application starts for a second time.
    if isinstance(policies, Sequence) and all(isinstance(each, Policy) for each in policies):
        return tuple(policies)
    raise ConfigurationError("policies is a list of Policy objects.")


def _place(scope: Scope) -> str | None:
    """Where an application is mounted, as a path of the site; on another host that says nothing."""
    if scope["type"] == "lifespan" or "router" not in scope:
        return ""  # no router has been passed: this is the application around all others
    outside = scope.get("app_root_path")
    return None if outside is None else str(scope["root_path"])[len(outside) :]


def _application(app: ASGIApp, scope: Scope) -> Starlette:
    """The application that the middleware belongs to: the one inside it, or the one around it."""
    for candidate in (app, scope.get("app")):
        if isinstance(candidate, Starlette):
            return candidate
    raise ConfigurationError(
        "ClerkMiddleware belongs to a FastAPI or Starlette application: "
        "app.add_middleware(ClerkMiddleware)."
    )


async def _refuse(error: ClerkError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what is refused before it reaches the application, and so its error handlers."""
    if scope["type"] == "websocket":
        connection: HTTPConnection = WebSocket(scope, receive, send)
    else:
        connection = HTTPConnection(scope)
    response = await answer(connection, error)
    if response is not None:
        await response(scope, receive, send)
