"""A page for browsers: a guard sends them by way of Clerk when their session cookie has expired."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from clerk_fastapi import Auth
from example_app.guards import Visitor
from example_app.markup import Html, fill
from example_app.models import Claims
from example_app.services import ErrandsDep, NowDep, PagesDep

router = APIRouter(include_in_schema=False)


@router.get("/page", response_class=HTMLResponse)
async def page(auth: Visitor, now: NowDep, errands: ErrandsDep, pages: PagesDep) -> HTMLResponse:
    """Who is signed in, and by which way the browser came."""
    way = errands() or ["Straight here: nobody had to be asked."]
    steps = Html("".join(fill("<li>{{step}}</li>", step=step) for step in way))
    return pages.page("page", "A page", visitor=described(auth), token=_token(auth, now), way=steps)


def described(auth: Auth[Claims] | None) -> str:
    """Say in a sentence who somebody is."""
    if auth is None:
        return "Nobody is signed in in this browser."
    where = f"{auth.org_slug} ({auth.org_role})" if auth.org_id else "the personal account"
    return f"Signed in as {auth.claims.email or auth.user_id} in {where}."


def _token(auth: Auth[Claims] | None, now: int) -> str:
    if auth is None:
        return "GET /me says why, if the cookies carry a token."
    age, left = now - auth.claims.iat, auth.claims.exp - now
    if left < 0:
        return f"The session token expired {-left:.0f} s ago, within the seconds of grace."
    return f"The session token was issued {age:.0f} s ago and is good for {left:.0f} s more."
