"""My sessions: a page that shows where one is signed in, and forms that end it there or here."""

from datetime import UTC, datetime

from fastapi import APIRouter, Depends, Response, status
from fastapi.responses import HTMLResponse, RedirectResponse

from clerk_fastapi import CurrentUser
from example_app.forms import only_from_this_site
from example_app.guards import SignedIn
from example_app.markup import Html, fill
from example_app.models import EndedSession, SessionOut
from example_app.services import ClerkDep, DatabaseDep, NowDep, PagesDep
from example_app.sessions import MySessions, revoke_session
from example_app.webhooks import lately_ended

router = APIRouter(prefix="/sessions", include_in_schema=False)

_OURS = [Depends(only_from_this_site)]
_SESSION = """<li class="session" id="{{id}}">
  <div><h3>{{where}}{{mark}}</h3><p class="quiet">{{details}}</p></div>
  <form method="post" action="/sessions/{{id}}/revoke"><button>Revoke</button></form>
</li>"""
_ENDED = "<li><code>{{id}}</code> {{how}} <time>{{at}}</time></li>"


@router.get("", response_class=HTMLResponse)
def sessions_page(
    user: CurrentUser, sessions: MySessions, database: DatabaseDep, pages: PagesDep, now: NowDep
) -> HTMLResponse:
    """Who is signed in, where else, and what has ended."""
    ended = lately_ended(database, user.id)
    return pages.page(
        "sessions",
        "My sessions",
        user=user.full_name or user.id,
        email=user.primary_email_address or "no email address",
        sessions=Html("".join(_shown(each, now) for each in sessions)),
        ended=Html("".join(map(_shown_ended, ended)) or "<li>Nothing yet.</li>"),
    )


@router.post("/{session_id}/revoke", dependencies=_OURS)
async def revoke(session_id: str, auth: SignedIn, clerk: ClerkDep) -> Response:
    """End one of one's own sessions."""
    await revoke_session(session_id, auth, clerk)
    return _go_on("/sessions")


@router.post("/sign-out", dependencies=_OURS)
async def sign_out(auth: SignedIn, clerk: ClerkDep) -> Response:
    """End the session of this browser."""
    await clerk.sessions.sign_out(auth)
    return _go_on("/")


@router.post("/sign-out-everywhere", dependencies=_OURS)
async def sign_out_everywhere(auth: SignedIn, clerk: ClerkDep) -> Response:
    """End all sessions of the user, this one included."""
    await clerk.sessions.sign_out_everywhere(auth.user_id)
    return _go_on("/")


def _go_on(place: str) -> Response:
    return RedirectResponse(place, status.HTTP_303_SEE_OTHER, {"Cache-Control": "no-store"})


def _shown(session: SessionOut, now: int) -> Html:
    where = " on ".join(filter(None, (session.browser, session.device)))
    mark = Html(' <span class="mark">this browser</span>' if session.is_this_one else "")
    facts = [
        session.address,
        session.place,
        f"active {_ago(session.last_active_at, now)}",
        f"signed in {_ago(session.created_at, now)}",
    ]
    details = " · ".join(filter(None, facts))
    return fill(_SESSION, id=session.id, where=where or session.id, mark=mark, details=details)


def _shown_ended(ended: EndedSession) -> Html:
    at = datetime.fromtimestamp(ended.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return fill(_ENDED, id=ended.session_id, how=ended.how, at=at)


def _ago(then: int | None, now: int) -> str:
    if then is None:
        return "at an unknown time"
    minutes = max(now - then, 0) // 60
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if count := minutes // size:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
