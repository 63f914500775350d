"""What a refusal looks like to a browser that loads a page: a redirect, where one can help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from clerk_fastapi.errors import (
    AccessDenied,
    ClerkError,
    ConfigurationError,
    ReverificationRequired,
    TokenError,
)
from clerk_fastapi.protocol.redirects import (
    REDIRECT_URL,
    is_at,
    location,
    safe_return_url,
    sign_in_page,
    sign_up_page,
    tasks_page,
    to_sign_in,
)
from clerk_fastapi.protocol.site import Site, check_place
from clerk_fastapi.web.refusals import PAGES, refusal
from clerk_fastapi.web.running import running_engine

__all__ = ["PAGES", "Pages", "redirect_to_sign_in", "redirect_to_sign_up", "return_url"]

_NOWHERE: Final = (
    "It is not known where users sign in: set CLERK_SIGN_IN_URL, or CLERK_PUBLISHABLE_KEY for the "
    "account portal of the instance."
)


@dataclass(frozen=True, slots=True)
class Pages:
    """Where browsers are sent that may not see a page: URLs, or paths of this site.

    On a scope under ``PAGES`` it turns refusals of page loads into redirects. What is ``None``
    is left to the Clerk that decides; without an ``unauthorized_url`` a 403 stays one.

    :raises ConfigurationError: for what is neither a path nor a URL with https or of this machine.
    """

    sign_in_url: str | None = None
    sign_up_url: str | None = None
    unauthorized_url: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            place = getattr(self, field.name)
            if place is not None:
                if not isinstance(place, str):
                    raise ConfigurationError(f"{field.name} must be text.")
                check_place(field.name, place)

    def answer(self, connection: HTTPConnection, error: ClerkError) -> Response:
        """Answer a refusal with a redirect, if a page is being loaded and that can help."""
        if isinstance(error, TokenError):
            return self._ask_to_sign_in(connection, error)
        if isinstance(error, AccessDenied) and not isinstance(error, ReverificationRequired):
            return self._turn_away(connection, error)
        return refusal(error)

    def sign_in(self, site: Site) -> str | None:
        """The sign-in page, if anybody knows where it is."""
        return sign_in_page(site, self.sign_in_url)

    def sign_up(self, site: Site) -> str | None:
        """The sign-up page, likewise."""
        return sign_up_page(site, self.sign_in_url, self.sign_up_url)

    def _ask_to_sign_in(self, connection: HTTPConnection, error: TokenError) -> Response:
        visit = running_engine(connection.scope).visit(connection)
        way = to_sign_in(visit, error, self.sign_in(visit.site), self.sign_up(visit.site))
        if way.location is None:
            return refusal(way.error)
        redirect = _redirect(307, way.location)
        for cookie in way.cookies:
            redirect.headers.append("Set-Cookie", cookie)
        return redirect

    def _turn_away(self, connection: HTTPConnection, error: AccessDenied) -> Response:
        visit, page = running_engine(connection.scope).visit(connection), self.unauthorized_url
        if page is None or not visit.may_be_redirected or is_at(visit, page):
            return refusal(error)
        return _redirect(307, page)


def redirect_to_sign_in(
    connection: HTTPConnection, *, return_back_url: str | None = None
) -> Response:
    """Make a redirect to the sign-in page: ``return redirect_to_sign_in(request)``.

    A session that is known to be pending is sent to finish its tasks.

    :param connection: the request.
    :param return_back_url: where to go on to afterwards, a path of this site or a URL of an origin
        that is ours; by default the page that was asked for, and also if it is neither.
    :raises ConfigurationError: if nobody knows where users sign in.
    """
    return _go(connection, _pages(connection).sign_in, return_back_url)


def redirect_to_sign_up(
    connection: HTTPConnection, *, return_back_url: str | None = None
) -> Response:
    """Make a redirect to the sign-up page, as :func:`redirect_to_sign_in` does to the other.

    :raises ConfigurationError: if nobody knows where users sign up.
    """
    return _go(connection, _pages(connection).sign_up, return_back_url)


def return_url(connection: HTTPConnection, default: str = "/", *, given: str | None = None) -> str:
    """Where to go on to after a sign-in: the query parameter ``redirect_url``, if it is safe.

    Safe are paths of this site, and URLs whose origin is that of this page, one of
    ``authorized_parties`` or of ``allowed_redirect_origins``. Redirect to nothing else that a
    request has brought.

    :param default: what to answer if it is not.
    :param given: what came in another way, such as in a form, to be looked at instead.
    """
    visit = running_engine(connection.scope).visit(connection)
    candidate = visit.parameter(REDIRECT_URL) if given is None else given
    return safe_return_url(visit, candidate) or default


def _pages(connection: HTTPConnection) -> Pages:
    pages = connection.scope.get(PAGES)
    return pages if isinstance(pages, Pages) else Pages()


def _go(
    connection: HTTPConnection, find: Callable[[Site], str | None], back: str | None
) -> Response:
    engine = running_engine(connection.scope)
    visit = engine.visit(connection)
    page = find(visit.site)
    if page is None:
        raise ConfigurationError(_NOWHERE)
    if engine.has_tasks(connection):
        page = tasks_page(page)
    # What a form has sent is not for the sign-in page: 303 leaves it behind, and 307 would not.
    loads = connection.scope.get("method") in ("GET", "HEAD")
    return _redirect(307 if loads else 303, location(visit, page, back))


def _redirect(status: int, place: str) -> Response:
    headers = {"Location": place, "Cache-Control": "no-store"}
    return Response(status_code=status, headers=headers)
