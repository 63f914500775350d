"""Handlers that send browsers to sign in, and look at where they shall go on to."""

import httpx
import pytest

from clerk_fastapi import Clerk, ConfigurationError
from clerk_fastapi.testing import LocalClerk, SigningKey
from clerk_fastapi.web.pages import Pages
from tests.backend.clock import Clock
from tests.protocol.test_return_urls import HOSTILE
from tests.web.pages import (
    DOCUMENT,
    Jars,
    build,
    carrying,
    fill_jars,
    make_instance,
    sent,
    told,
)
from tests.web.serving import running

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["development", "production"])
def instance(request: pytest.FixtureRequest, clock: Clock, signing_key: SigningKey) -> LocalClerk:
    """An instance for development, and one for production."""
    return make_instance(request.param, clock, signing_key)


@pytest.fixture
def jars(instance: LocalClerk) -> Jars:
    """The cookies of several browsers."""
    return fill_jars(instance)


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
