"""A page for browsers: a guard sends them by way of Clerk when their session cookie has expired."""

from collections.abc import Callable
from html import escape

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from clerk_fastapi import Auth
from example_app.guards import Visitor
from example_app.home import POLICY, STATIC
from example_app.models import Claims
from example_app.services import NowDep

Errands = Callable[[], list[str]]
"""Tells what Clerk was asked since the page was last shown."""


def page_router(errands: Errands) -> APIRouter:
    """The page, which shows who is signed in and by which way the browser came."""
    template = (STATIC / "page.html").read_text("utf-8")
    router = APIRouter(include_in_schema=False)

    @router.get("/page", response_class=HTMLResponse)
    async def page(auth: Visitor, now: NowDep) -> HTMLResponse:
        way = errands() or ["Straight here: nobody had to be asked."]
        content = template.replace("{{visitor}}", _who(auth))
        content = content.replace("{{token}}", _token(auth, now))
        content = content.replace("{{way}}", "".join(f"<li>{escape(step)}</li>" for step in way))
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        return HTMLResponse(content, headers=headers)

    return router


def _who(auth: Auth[Claims] | None) -> str:
    if auth is None:
        return "Nobody is signed in in this browser."
    where = f"{auth.org_slug} ({auth.org_role})" if auth.org_id else "the personal account"
    return escape(f"Signed in as {auth.claims.email or auth.user_id} in {where}.")


def _token(auth: Auth[Claims] | None, now: int) -> str:
    if auth is None:
        return "GET /me says why, if the cookies carry a token."
    age, left = now - auth.claims.iat, auth.claims.exp - now
    if left < 0:
        return f"The session token expired {-left:.0f} s ago, within the seconds of grace."
    return f"The session token was issued {age:.0f} s ago and is good for {left:.0f} s more."
