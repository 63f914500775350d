"""What a refused page load looks like to a browser: row by row, and never in circles."""

from typing import Any

import pytest
from fastapi import Depends, FastAPI, WebSocket

from clerk_fastapi import Clerk, ConfigurationError, require_auth
from clerk_fastapi.testing import LocalClerk, SigningKey
from clerk_fastapi.web.pages import Pages
from tests.backend.clock import Clock
from tests.web.pages import Jars, build, carrying, fill_jars, make_instance, sent, told
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["development", "production"])
def instance(request: pytest.FixtureRequest, clock: Clock, signing_key: SigningKey) -> LocalClerk:
    """An instance for development, and one for production."""
    return make_instance(request.param, clock, signing_key)


@pytest.fixture
def jars(instance: LocalClerk) -> Jars:
    """The cookies of several browsers."""
    return fill_jars(instance)


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
    new = "https://www.example.com/new"
    guest = carrying(jars["guest"])
    for sign_up_url, pages, expected in (
        ("/join", Pages(), ("/here", "/join")),
        ("/join", None, ("/here", "/join")),
        ("/join", Pages(sign_in_url="/there"), ("/there", "/join")),
        ("/join", Pages(sign_up_url=new), ("/here", new)),
        (None, Pages(sign_in_url="/there"), ("/there", "/there/create")),
    ):
        clerk = Clerk(**instance.settings(), sign_in_url="/here", sign_up_url=sign_up_url)
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
    found, jar, text = [], dict(jar), ""
    async with running(app) as client:
        for _ in range(times):
            response = await client.get(path, headers=carrying(jar))
            found.append(sent(response))
            text = response.text
            for cookie in response.headers.get_list("set-cookie"):
                name, _, value = cookie.partition(";")[0].partition("=")
                jar[name] = value
    return [*found, text]


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
