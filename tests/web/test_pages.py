"""What a refused page load looks like to a browser: row by row, and never in circles."""

from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response, WebSocket
from starlette.types import ASGIApp, Receive, Scope, Send

from clerk_fastapi import (
    Clerk,
    ConfigurationError,
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
from clerk_fastapi.testing import LocalClerk, SigningKey
from clerk_fastapi.web.pages import PAGES, Pages
from tests.backend.clock import Clock
from tests.protocol.test_return_urls import HOSTILE
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio

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


@pytest.fixture(params=["development", "production"])
def instance(request: pytest.FixtureRequest, clock: Clock, signing_key: SigningKey) -> LocalClerk:
    """An instance with a member of one organization, for development and for production."""
    hosts = {"production": "clerk.example.com"}
    host = hosts.get(request.param, "calm-otter-1.clerk.accounts.dev")
    local = LocalClerk(host=host, instance_type=request.param, clock=clock, signing_key=signing_key)
    local.add_organization("acme")
    local.add_member("acme", local.add_user("ada@example.com"), role="org:admin")
    local.add_member("acme", local.add_user("bob@example.com"))
    return local


Jars = dict[str, dict[str, str]]


@pytest.fixture
def jars(instance: LocalClerk) -> Jars:
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


# --- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "path", "expected"),
    [
        ("guest", "/page?a=b", "307 /sign-in"),
        ("guest", "/admin", "307 /sign-in"),
        ("guest", "/strict", "307 /sign-in"),
        ("guest", "/fresh", "307 /sign-in"),
        ("guest", "/machines", "401"),
        ("guest", "/sign-in", "401"),
        ("guest", "/sign-in/factor-one", "401"),
        ("guest", "/sign-up", "401"),
        ("guest", "/unauthorized", "307 /sign-in"),
        ("pending", "/page?a=b", "307 /sign-in/tasks"),
        ("pending", "/admin", "307 /sign-in/tasks"),
        ("pending", "/sign-in", "401"),
        ("member", "/page", "200"),
        ("member", "/admin", "307 /unauthorized"),
        ("member", "/unauthorized", "403"),
        ("member", "/strict", "403"),
        ("member", "/fresh", "401"),
        ("member", "/machines", "401"),
        ("admin", "/page", "200"),
        ("admin", "/admin", "200"),
        ("admin", "/unauthorized", "200"),
    ],
)
async def test_page_load(
    instance: LocalClerk, jars: Jars, who: str, path: str, expected: str
) -> None:
    """A browser is sent where it can do something about the refusal, and nobody else is."""
    app = build(Clerk(**instance.settings()))
    async with running(app) as client:
        response = await client.get(path, headers=carrying(jars[who]))
        assert sent(response) == expected
        if response.status_code != 200:
            assert response.headers["cache-control"] == "no-store"
        if response.status_code == 307:
            assert response.content == b""
            back = {} if "unauthorized" in expected else {"redirect_url": f"http://test{path}"}
            assert told(response) == back
            assert "set-cookie" not in response.headers
        # Whoever is no page load gets the refusal itself.
        status, _, place = expected.partition(" ")
        refused = {"": status, "/unauthorized": "403"}.get(place, "401")
        for method, headers in (
            ("GET", carrying(jars[who], Sec_Fetch_Dest="empty")),
            ("GET", carrying(jars[who], Sec_Fetch_Dest="", Accept="application/json")),
            ("POST", carrying(jars[who])),
            ("HEAD", carrying(jars[who])),
            ("GET", carrying(jars[who], Authorization="Basic YTpi")),
        ):
            answer = await client.request(method, path, headers=headers)
            assert sent(answer) == refused


async def test_token_in_the_header_is_never_redirected(instance: LocalClerk, jars: Jars) -> None:
    """Whoever sends one has no use for a page."""
    async with running(build(Clerk(**instance.settings()))) as client:
        for token in ("junk", "a.b.c", "ak_x"):
            headers = carrying(jars["guest"], Authorization=f"Bearer {token}")
            assert sent(await client.get("/page", headers=headers)) == "401"
        member = carrying({}, **instance.bearer(instance.sign_in("bob@example.com")))
        assert sent(await client.get("/admin", headers=member)) == "403"


async def test_websockets_are_never_redirected(instance: LocalClerk, jars: Jars) -> None:
    """Not even where the server can answer one with a response."""
    app = build(Clerk(**instance.settings()))

    @app.websocket("/live", dependencies=[Depends(require_auth)])
    async def live(websocket: WebSocket) -> None:
        raise AssertionError("nobody gets here")

    async with running(app):
        for denials in (True, False):
            headers = carrying(jars["guest"], Host="test")
            first, *_ = await open_websocket(app, "/live", headers, denials=denials)
            assert b"location" not in dict(first.get("headers", ()))
            assert first.get("status", 401) == 401


async def test_without_pages_refusals_stay_refusals(instance: LocalClerk, jars: Jars) -> None:
    """Nobody is redirected by a guard alone."""
    app = build(Clerk(**instance.settings(), sign_in_url="/sign-in"), None)
    async with running(app) as client:
        assert sent(await client.get("/page", headers=carrying(jars["guest"]))) == "401"
        assert sent(await client.get("/admin", headers=carrying(jars["member"]))) == "403"


async def test_outage_is_no_reason_to_sign_in(clerk: Clerk, local: LocalClerk) -> None:
    """Nobody knows whether anybody is signed in."""
    jar = local.cookies(local.sign_in("ada@example.com"))
    async with running(build(clerk)) as client:
        with local.outage():
            response = await client.get("/page", headers=carrying(jar))
    assert sent(response) == "503"
    assert "retry-after" in response.headers


# --- where the pages are --------------------------------------------------------------------------


async def test_account_portal_is_where_clerk_has_pages(instance: LocalClerk, jars: Jars) -> None:
    """It is told the dev browser, for no cookie of this site reaches it."""
    development = instance.instance_type == "development"
    portal = "calm-otter-1.accounts.dev" if development else "accounts.example.com"
    app = build(Clerk(**instance.settings()), Pages())
    async with running(app) as client:
        response = await client.get("/page", headers=carrying(jars["guest"]))
        assert sent(response) == f"307 https://{portal}/sign-in"
        known = {"__clerk_db_jwt": "dvb_1"} if development else {}
        assert told(response) == {"redirect_url": "http://test/page", **known}
        response = await client.get("/page", headers=carrying(jars["pending"]))
        assert sent(response) == f"307 https://{portal}/sign-in/tasks"
        response = await client.get("/admin", headers=carrying(jars["member"]))
        assert sent(response) == "403"
        assert sent(await client.get("/up")) == f"307 https://{portal}/sign-up"
        assert sent(await client.get("/in")) == f"307 https://{portal}/sign-in"


async def test_pages_of_the_request_come_before_those_of_the_clerk(
    instance: LocalClerk, jars: Jars
) -> None:
    """Each by itself."""
    clerk = Clerk(**instance.settings(), sign_in_url="/here", sign_up_url="/join")
    guest = carrying(jars["guest"])
    for pages, expected in (
        (Pages(), ("/here", "/join")),
        (None, ("/here", "/join")),
        (Pages(sign_in_url="/there"), ("/there", "/join")),
        (
            Pages(sign_up_url="https://www.example.com/new"),
            ("/here", "https://www.example.com/new"),
        ),
    ):
        async with running(build(clerk, pages)) as client:
            found = [sent(await client.get(path, headers=guest)) for path in ("/in", "/up")]
        assert found == [f"307 {place}" for place in expected]


async def test_satellite_asks_to_be_synchronized(instance: LocalClerk, jars: Jars) -> None:
    """On the way back from the primary domain, where users sign in."""
    clerk = Clerk(
        **instance.settings(),
        is_satellite=True,
        domain="satellite.example",
        sign_in_url="https://www.example.com/sign-in",
    )
    async with running(build(clerk, Pages())) as client:
        response = await client.get("/page?a=b", headers=carrying(jars["guest"]))
    assert sent(response) == "307 https://www.example.com/sign-in"
    back = told(response)["redirect_url"]
    assert back == "http://test/page?a=b&__clerk_synced=false"


async def test_forged_host_is_not_a_way_back(instance: LocalClerk, jars: Jars) -> None:
    """Where the origins of the application are named."""
    clerk = Clerk(**instance.settings(), authorized_parties=["http://test"])
    async with running(build(clerk)) as client:
        headers = carrying(jars["guest"], Host="evil.example")
        response = await client.get("/page", headers=headers)
        assert response.headers["location"] == "/sign-in"
        response = await client.get("/page", headers=carrying(jars["guest"]))
        assert told(response) == {"redirect_url": "http://test/page"}


async def test_mounted_application_is_left_for_the_same_pages(
    instance: LocalClerk, jars: Jars
) -> None:
    """The way back is the whole path."""
    app = build(Clerk(**instance.settings()))
    mounted = FastAPI(dependencies=[Depends(require_auth)])
    mounted.add_api_route("/page", lambda: "shown")
    app.mount("/inner", mounted)
    async with running(app) as client:
        response = await client.get("/inner/page", headers=carrying(jars["guest"]))
    assert sent(response) == "307 /sign-in"
    assert told(response) == {"redirect_url": "http://test/inner/page"}


@pytest.mark.parametrize("name", ["sign_in_url", "sign_up_url", "unauthorized_url"])
@pytest.mark.parametrize(
    "place",
    ["", "sign-in", "//evil.example", "/\\evil", "javascript:x", "http://www.example.com/", 5],
)
def test_page_is_a_place_that_browsers_can_be_sent_to(name: str, place: Any) -> None:
    """A path, or a URL with https or of this machine, as those of the settings are."""
    with pytest.raises(ConfigurationError, match=name):
        Pages(**{name: place})
    for good in ("/x", "https://www.example.com/x", "http://localhost:3000/x", None):
        assert getattr(Pages(**{name: good}), name) == good


# --- not in circles -------------------------------------------------------------------------------


async def wander(app: FastAPI, path: str, jar: dict[str, str], times: int = 5) -> list[str]:
    """What a browser is answered that is sent back each time it arrives at the sign-in page."""
    found, jar = [], dict(jar)
    async with running(app) as client:
        for _ in range(times):
            response = await client.get(path, headers=carrying(jar))
            found.append(sent(response))
            for cookie in response.headers.get_list("set-cookie"):
                name, _, value = cookie.partition(";")[0].partition("=")
                jar[name] = value
    return [*found, response.text]


@pytest.mark.parametrize("cause", ["authorized party", "keys"])
async def test_session_that_only_clerk_believes_ends_in_a_clear_refusal(
    instance: LocalClerk, clock: Clock, cause: str
) -> None:
    """The sign-in page sends those back whom it knows; after three times it is said why."""
    jar = instance.cookies(instance.sign_in("ada@example.com", origin="http://other"))
    if cause == "keys":
        settings = LocalClerk(
            host=instance.host, instance_type=instance.instance_type, clock=clock
        ).settings()
        clerk, code = Clerk(**settings), "jwk-kid-mismatch"
    else:
        clerk = Clerk(**instance.settings(), authorized_parties=["http://test"])
        code = "token-invalid-authorized-parties"
    *found, text = await wander(build(clerk), "/page", jar)
    assert found == ["307 /sign-in"] * 3 + ["401"] * 2
    assert code in text
    assert "three times in a row" in text


async def test_redirects_are_counted_where_no_script_looks(
    instance: LocalClerk, clock: Clock
) -> None:
    """For a minute, and nowhere but here."""
    jar = instance.cookies(instance.sign_in("ada@example.com", origin="http://other"))
    clerk = Clerk(**instance.settings(), authorized_parties=["http://test"])
    async with running(build(clerk)) as client:
        response = await client.get("/page", headers=carrying(jar))
    count = "clerk_fastapi_sign_ins=1; Path=/; SameSite=Lax; HttpOnly; Max-Age=60"
    assert response.headers.get_list("set-cookie") == [count]


@pytest.mark.parametrize("who", ["guest", "pending"])
async def test_who_can_do_something_is_sent_every_time(
    instance: LocalClerk, jars: Jars, who: str
) -> None:
    """Opening many pages at once is no loop."""
    *found, _ = await wander(build(Clerk(**instance.settings())), "/page", jars[who])
    assert all(each.startswith("307 /sign-in") for each in found)


# --- in a handler ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("back", "found"),
    [
        (None, "http://test/in"),
        ("/there?x=y", "http://test/there?x=y"),
        ("http://test/there", "http://test/there"),
        ("https://evil.example/", None),
        ("//evil.example/", None),
    ],
)
async def test_handler_may_say_where_to_come_back_to(
    instance: LocalClerk, jars: Jars, back: str | None, found: str | None
) -> None:
    """To a page of ours; a stranger's is replaced by this one."""
    params = {} if back is None else {"back": back}
    async with running(build(Clerk(**instance.settings()))) as client:
        for path, place in (("/in", "/sign-in"), ("/up", "/sign-up")):
            url = httpx.URL(f"http://test{path}", params=params)
            response = await client.get(url, headers=carrying(jars["guest"]))
            assert sent(response) == f"307 {place}"
            assert response.headers["cache-control"] == "no-store"
            here = str(url) if found is None else found.replace("/in", path)
            assert httpx.URL(told(response)["redirect_url"]) == httpx.URL(here)


async def test_handler_sends_pending_sessions_to_their_tasks(
    instance: LocalClerk, jars: Jars
) -> None:
    """If anybody has asked who is signed in; a form stays behind."""
    async with running(build(Clerk(**instance.settings()))) as client:
        pending, member = carrying(jars["pending"]), carrying(jars["member"])
        assert sent(await client.get("/in", headers=pending)) == "307 /sign-in/tasks"
        assert sent(await client.get("/in", headers=member)) == "307 /sign-in"
        assert sent(await client.get("/up", headers=pending)) == "307 /sign-up"
        assert sent(await client.head("/in", headers=pending)) == "307 /sign-in/tasks"
        assert sent(await client.post("/in", headers=pending)) == "303 /sign-in/tasks"


async def test_nobody_knows_where_without_a_key(instance: LocalClerk) -> None:
    """The sentence says what to set; a refusal stays one."""
    clerk = Clerk(
        publishable_key="", jwt_key=instance.jwt_key, issuer=instance.issuer, clock=instance.clock
    )
    async with running(build(clerk, Pages())) as client:
        assert sent(await client.get("/page", headers=DOCUMENT)) == "401"
        for path in ("/in", "/up"):
            with pytest.raises(ConfigurationError, match="CLERK_SIGN_IN_URL"):
                await client.get(path)


async def test_way_back_that_came_in_is_looked_at(instance: LocalClerk) -> None:
    """Whether it came in the URL or in a form."""
    clerk = Clerk(**instance.settings(), allowed_redirect_origins=["https://shop.example.net"])
    async with running(build(clerk)) as client:
        for good in ("/x?y=z#a", "http://test/x", "https://shop.example.net/cart"):
            response = await client.get("/home", params={"redirect_url": good})
            assert response.json() == good
            assert (await client.post("/home", content=good)).json() == good
        assert (await client.get("/home")).json() == "/start"
        assert (await client.post("/home?redirect_url=/x")).json() == "/"
        token = {"Authorization": "Bearer x"}
        assert (await client.get("/home?redirect_url=/x", headers=token)).json() == "/start"


async def test_hostile_ways_back_are_not_taken(clerk: Clerk) -> None:
    """None of the list, by whatever way it comes in."""
    async with running(build(clerk)) as client:
        for hostile in HOSTILE:
            raw = hostile.encode("utf-8", "surrogatepass")
            query = "".join(f"%{byte:02x}" for byte in raw)
            response = await client.get(f"/home?redirect_url={query}")
            assert response.json() == "/start", hostile
            back = told(await client.get(f"/in?back={query}", headers={"Cookie": "a=b"}))
            assert back["redirect_url"].startswith("http://test/in?"), hostile
