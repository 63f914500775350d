"""Signing in and out with the embedded LocalClerk; a real Clerk has pages of its own for that."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response, status
from fastapi.responses import HTMLResponse, RedirectResponse

from clerk_fastapi import ConfigurationError, redirect_to_sign_in, return_url
from clerk_fastapi.testing import Browser, LocalClerk, SeededMember, Session
from example_app.devices import note_device
from example_app.forms import Form
from example_app.local import by_name, found, only_this_machine
from example_app.markup import Html, fill
from example_app.problems import problem
from example_app.services import PagesDep

SIGN_IN = "/sign-in"
"""The sign-in page; as on Clerk's own, what is left to do after that is below it."""

_TASKS = "/sign-in/tasks"
_AFTERWARDS = "/page"
_A_YEAR = 31_536_000

_CHOICE = """<label class="member"><input type="radio" name="{{field}}" value="{{value}}" required>
  {{name}}<span>{{about}}</span></label>"""


def sign_in_router(local: LocalClerk, members: Sequence[SeededMember]) -> APIRouter:
    """The pages, which know a browser by what Clerk knows it by: its dev browser token."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(only_this_machine)])
    known = by_name(members)

    @router.get(SIGN_IN, response_class=HTMLResponse)
    async def sign_in_page(request: Request, pages: PagesDep) -> Response:
        choices = Html("".join(_member(name, member) for name, member in known.items()))
        onward = return_url(request, _AFTERWARDS)
        return pages.page("sign-in", "Sign in", members=choices, redirect_url=onward)

    @router.post(SIGN_IN)
    async def sign_in(request: Request, form: Form) -> Response:
        member = found(known, form.get("member", ""))
        _end_sessions(local, request)
        # In a new browser: whoever may have put something into the cookies does not know that one.
        session = local.sign_in(member.user, organization=member.organization, status=member.status)
        note_device(session, request)
        onward = _onward(request, form)
        if session.status == "pending":
            onward = f"{_TASKS}?{urlencode({'redirect_url': onward})}"
        return _go_on(local, session.browser, onward)

    @router.get(_TASKS, response_class=HTMLResponse)
    async def tasks_page(request: Request, pages: PagesDep) -> Response:
        session, onward = _pending_session(local, request), return_url(request, _AFTERWARDS)
        if session is None:
            return redirect_to_sign_in(request, return_back_url=onward)
        return pages.page(
            "tasks",
            "Choose an organization",
            email=session.user.email,
            organizations=Html("".join(_organizations(local, session))),
            redirect_url=onward,
        )

    @router.post(_TASKS)
    async def finish_tasks(request: Request, form: Form) -> Response:
        session, onward = _pending_session(local, request), _onward(request, form)
        if session is None:
            return redirect_to_sign_in(request, return_back_url=onward)
        try:
            local.switch_organization(session, form.get("organization") or None)
        except ConfigurationError as error:
            raise problem(status.HTTP_403_FORBIDDEN, "no-member", error.message) from error
        session.status = "active"
        return _go_on(local, session.browser, onward)

    @router.post("/sign-out")
    async def sign_out(request: Request, form: Form) -> Response:
        browser = _end_sessions(local, request) or local.add_browser()
        return _go_on(local, browser, "/")

    return router


def _onward(request: Request, form: Mapping[str, str]) -> str:
    """Where to go on to, believed only if it is a page of this site."""
    return return_url(request, _AFTERWARDS, given=form.get("redirect_url", ""))


def _browser(local: LocalClerk, request: Request) -> Browser | None:
    return local.browsers.get(request.cookies.get("__clerk_db_jwt", ""))


def _pending_session(local: LocalClerk, request: Request) -> Session | None:
    browser = _browser(local, request)
    session = browser.session if browser else None
    return session if session and session.status == "pending" else None


def _end_sessions(local: LocalClerk, request: Request) -> Browser | None:
    browser = _browser(local, request)
    for session in browser.sessions if browser else ():
        if session.is_live:
            local.end_session(session)
    return browser


def _go_on(local: LocalClerk, browser: Browser, onward: str) -> Response:
    """Tell the browser that something has changed, and no more.

    A session token it gets from Clerk: the next page that asks who is there sends it that way.
    """
    answer = RedirectResponse(onward, status.HTTP_303_SEE_OTHER, {"Cache-Control": "no-store"})
    suffix = local.cookie_suffix
    for name in ("__session", f"__session_{suffix}", f"__refresh_{suffix}"):
        answer.delete_cookie(name)
    for name, value in local.cookies(browser).items():
        if not name.startswith("__session"):
            answer.set_cookie(name, value, max_age=_A_YEAR, samesite="lax")
    return answer


def _member(name: str, member: SeededMember) -> Html:
    first_name = member.user.first_name or name
    return fill(_CHOICE, field="member", value=name, name=first_name, about=member.summary)


def _organizations(local: LocalClerk, session: Session) -> list[Html]:
    joined = [each for each in local.memberships.values() if each.user is session.user]
    choices = [(each.organization.slug, each.organization.name, each.role) for each in joined]
    return [
        fill(_CHOICE, field="organization", value=slug, name=name, about=about)
        for slug, name, about in [*choices, ("", "Personal account", "no organization")]
    ]
