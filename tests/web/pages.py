"""Applications whose pages are guarded, and browsers that load them."""

from typing import Any
from urllib.parse import parse_qsl

import httpx
from fastapi import Depends, FastAPI, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from clerk_fastapi import (
    Clerk,
    Fresh,
    optional_auth,
    redirect_to_sign_in,
    redirect_to_sign_up,
    require,
    require_api_key,
    require_auth,
    require_reverification,
    require_role,
    return_url,
)
from clerk_fastapi.protocol.keys import InstanceType
from clerk_fastapi.testing import LocalClerk, SigningKey
from clerk_fastapi.web.pages import PAGES, Pages
from tests.backend.clock import Clock

__all__ = ["DOCUMENT", "Jars", "build", "carrying", "fill_jars", "make_instance", "sent", "told"]

Jars = dict[str, dict[str, str]]

DOCUMENT = {"Sec-Fetch-Dest": "document", "Accept": "text/html"}
OWN = Pages(sign_in_url="/sign-in", sign_up_url="/sign-up", unauthorized_url="/unauthorized")
PATHS = {
    "/page": require_auth,
    "/admin": require_role("org:admin"),
    "/strict": require_reverification("strict"),
    "/fresh": require(Fresh(60)),
    "/machines": require_api_key,
    "/sign-in": require_auth,
    "/sign-in/factor-one": require_auth,
    "/sign-up": require_auth,
    "/unauthorized": require_role("org:admin"),
}


class PagesAround:
    """Middleware that knows where browsers are to be sent, and nothing else."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self.app = app
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put it on the scope."""
        scope[PAGES] = self.pages
        await self.app(scope, receive, send)


def build(clerk: Clerk, pages: Pages | None = OWN) -> FastAPI:
    """An application whose pages are guarded in every way, with pages to be sent to."""
    app = FastAPI(lifespan=clerk.lifespan)
    if pages is not None:
        app.add_middleware(PagesAround, pages=pages)
    methods = ["GET", "HEAD", "POST"]
    for path, guard in PATHS.items():
        app.add_api_route(path, lambda: "shown", methods=methods, dependencies=[Depends(guard)])

    @app.api_route("/in", methods=methods, dependencies=[Depends(optional_auth)])
    async def sign_in(request: Request) -> Response:
        return redirect_to_sign_in(request, return_back_url=request.query_params.get("back"))

    @app.get("/up")
    async def sign_up(request: Request) -> Response:
        return redirect_to_sign_up(request, return_back_url=request.query_params.get("back"))

    @app.get("/home")
    async def home(request: Request) -> str:
        return return_url(request, "/start")

    @app.post("/home")
    async def form(request: Request) -> str:
        return return_url(request, given=(await request.body()).decode())

    return app


def make_instance(kind: InstanceType, clock: Clock, signing_key: SigningKey) -> LocalClerk:
    """An instance with an admin and a member of one organization."""
    hosts = {"production": "clerk.example.com"}
    host = hosts.get(kind, "calm-otter-1.clerk.accounts.dev")
    local = LocalClerk(host=host, instance_type=kind, clock=clock, signing_key=signing_key)
    local.add_organization("acme")
    local.add_member("acme", local.add_user("ada@example.com"), role="org:admin")
    local.add_member("acme", local.add_user("bob@example.com"))
    return local


def fill_jars(instance: LocalClerk) -> Jars:
    """The cookies of several browsers."""

    def jar(email: str, **session: Any) -> dict[str, str]:
        opened = instance.sign_in(email, organization="acme", **session)
        return instance.cookies(opened)

    known = instance.instance_type == "development"
    return {
        "guest": {"__clerk_db_jwt": "dvb_1"} if known else {},
        "admin": jar("ada@example.com", factor_verification_age=(30, -1)),
        "member": jar("bob@example.com", factor_verification_age=(30, -1)),
        "pending": jar("bob@example.com", status="pending"),
    }


def sent(response: httpx.Response) -> str:
    """Status, and where a browser is sent."""
    place = response.headers.get("location", "").partition("?")[0]
    return f"{response.status_code} {place}".strip()


def told(response: httpx.Response) -> dict[str, str]:
    """What is told to the page that a browser is sent to."""
    return dict(parse_qsl(response.headers["location"].partition("?")[2]))


def carrying(jar: dict[str, str], **headers: str) -> dict[str, str]:
    """The headers of a page load that carries these cookies."""
    cookie = "; ".join(f"{name}={value}" for name, value in jar.items())
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return DOCUMENT | ({"Cookie": cookie} if cookie else {}) | named
