"""As whom a request counts: nobody is unlimited, and nobody pays for others."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.requests import HTTPConnection

from clerk_fastapi import (
    Clerk,
    ClerkMiddleware,
    ConfigurationError,
    Policy,
    RateLimit,
    require,
    require_api_key,
    require_auth,
)
from clerk_fastapi.testing import LocalClerk, Session
from tests.web.conftest import Headers
from tests.web.limiting import asked, limited, passes
from tests.web.serving import running

pytestmark = pytest.mark.anyio

NOBODY: Headers = {}
ANY = require(accepts_token="any")


@pytest.fixture
def behind(local: LocalClerk) -> Callable[..., FastAPI]:
    """Make an application behind a proxy on this machine, with one limit."""

    def make(limit: RateLimit, *guards: Any) -> FastAPI:
        return limited(Clerk(**local.settings(), trusted_proxies=["127.0.0.1"]), limit, *guards)

    return make


def once(by: Any) -> RateLimit:
    """One request a minute."""
    return RateLimit(1, per=60, by=by)


def at(address: str, headers: Headers = NOBODY) -> Headers:
    """A request from an address, as a trusted proxy passes it on."""
    return {**headers, "X-Forwarded-For": address}


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["address", "user", "organization", "api_key"])
async def test_who_is_not_signed_in_counts_by_address(
    behind: Callable[..., FastAPI], by: str
) -> None:
    """Each for themselves: one guest who asks too often shuts out no other."""
    callers = [at("203.0.113.1"), at("203.0.113.2"), at("203.0.113.1")]
    assert await passes(behind(once(by)), *callers) == [True, True, False]


async def test_what_clients_say_of_their_address_does_not_count(
    behind: Callable[..., FastAPI], clerk: Clerk
) -> None:
    """Not without a proxy, and before one only what the proxy has added."""
    said = [f"203.0.113.{number}" for number in range(4)]
    assert await passes(limited(clerk, once("address")), *map(at, said)) == [True, *[False] * 3]
    through = [at(f"{each}, 198.51.100.7") for each in said]
    assert await passes(behind(once("address")), *through) == [True, *[False] * 3]
    named = ("Forwarded", "X-Real-IP", "CF-Connecting-IP")
    other = [{name: "203.0.113.9"} for name in named]
    assert await passes(behind(once("address")), NOBODY, *other) == [True, *[False] * 3]


async def test_network_of_ipv6_counts_as_one(behind: Callable[..., FastAPI]) -> None:
    """Everybody who has one has 2**64 addresses to ask from."""
    callers = [at(f"2001:db8:0:{net:x}::{host:x}") for net, host in [(1, 1), (1, 2), (2, 1)]]
    assert await passes(behind(once("address")), *callers) == [True, False, True]


async def test_signed_in_users_count_by_address_if_told(
    behind: Callable[..., FastAPI], ada: Headers, bob: Headers
) -> None:
    """And nobody looks who they are."""
    callers = [at("203.0.113.1", ada), at("203.0.113.1", bob), at("203.0.113.2", ada)]
    assert await passes(behind(once("address")), *callers) == [True, False, True]


async def test_server_that_knows_no_address_limits_all_the_same(clerk: Clerk) -> None:
    """Behind a UNIX socket: all guests count as one, which is better than none."""
    app = limited(clerk, once("address"))
    async with running(app):
        transport = httpx.ASGITransport(app)
        transport.client = None  # type: ignore[assignment]  # as servers give it there
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            found = [(await client.get("/")).status_code for _ in range(2)]
    assert found == [200, 429]


# --- sessions -------------------------------------------------------------------------------------


async def test_user_counts_in_all_sessions_from_anywhere(
    behind: Callable[..., FastAPI], local: LocalClerk, ada: Headers, bob: Headers
) -> None:
    """And two users at one address each for themselves."""
    elsewhere = local.bearer(local.sign_in("ada@example.com"))
    callers = [at("203.0.113.1", ada), at("203.0.113.2", elsewhere), at("203.0.113.1", bob)]
    assert await passes(behind(once("user")), *callers) == [True, False, True]


async def test_tokens_that_are_not_believed_count_by_address(
    clerk: Clerk, local: LocalClerk, ada_session: Session, ada: Headers
) -> None:
    """Nobody uses up another's requests by naming them."""
    forged = {"Authorization": f"Bearer {local.forge('key-foreign', ada_session)}"}
    app = limited(clerk, once("user"))
    assert await passes(app, forged, NOBODY, ada, ada) == [True, False, True, False]


async def test_limit_by_itself_lets_guests_in(clerk: Clerk, ada: Headers) -> None:
    """It neither demands a session nor sends browsers to sign in."""
    page = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}
    app = limited(clerk, RateLimit(9, per=60))
    assert await passes(app, NOBODY, page, {**page, "Cookie": "__session=x"}, ada) == [True] * 4


async def test_limit_before_a_guard_leaves_refusing_to_it(clerk: Clerk) -> None:
    """401 as before, and whoever tries too often is told so."""
    found = await asked(limited(clerk, RateLimit(1, per=60), require_auth), [NOBODY] * 2)
    assert [answer.status_code for answer in found] == [401, 429]


async def test_impersonated_session_counts_as_the_user(
    clerk: Clerk, local: LocalClerk, ada: Headers, ada_session: Session
) -> None:
    """Whoever acts in a user's name uses up what the user has."""
    token = local.token(ada_session, claims={"act": {"sub": "user_support"}})
    acting = {"Authorization": f"Bearer {token}"}
    assert await passes(limited(clerk, once("user")), acting, ada) == [True, False]


async def test_pending_session_counts_as_the_user(
    clerk: Clerk, local: LocalClerk, ada: Headers, ada_session: Session
) -> None:
    """A user with tasks to finish is no guest when it comes to counting."""
    pending = {"Authorization": f"Bearer {local.token(ada_session, claims={'sts': 'pending'})}"}
    app = limited(clerk, once("user"))
    assert await passes(app, pending, NOBODY, ada) == [True, True, False]


async def test_organization_counts_as_one(
    clerk: Clerk, local: LocalClerk, ada: Headers, bob: Headers
) -> None:
    """All members in whose sessions it is active; without one a user counts alone."""
    personal = [local.bearer(local.sign_in(f"{who}@example.com")) for who in ("ada", "bob")]
    app = limited(clerk, once("organization"))
    assert await passes(app, ada, bob, *personal, personal[0]) == [True, False, True, True, False]


async def test_kinds_of_names_are_apart(behind: Callable[..., FastAPI], ada: Headers) -> None:
    """Nobody shares with a user whose id looks like an address, or the other way round."""
    names = iter(["user_1", "203.0.113.1", "user\n203.0.113.1", "", "address\n203.0.113.1"])
    app = behind(RateLimit(1, per=60, by=lambda _: next(names)))
    assert await passes(app, *[at("203.0.113.1", ada)] * 5) == [True] * 5


# --- machines -------------------------------------------------------------------------------------


async def test_each_key_counts_by_itself(clerk: Clerk, local: LocalClerk, ada: Headers) -> None:
    """Two keys of one user are apart, and a session counts as its user."""
    keys = [local.bearer(local.create_api_key(local.user("ada@example.com"))) for _ in range(2)]
    app = limited(clerk, once("api_key"), ANY)
    assert await passes(app, *keys, keys[0], ada, ada) == [True, True, False, True, False]


async def test_keys_of_a_user_count_as_the_user(
    clerk: Clerk, local: LocalClerk, ada: Headers
) -> None:
    """Making more keys gives nobody more requests; OAuth clients act for the user as well."""
    ada_ = local.user("ada@example.com")
    key = local.bearer(local.create_api_key(ada_))
    oauth = local.bearer(local.create_oauth_token(ada_, client_id="client_1"))
    machine = local.bearer(local.create_m2m_token(local.add_machine("a service")))
    app = limited(clerk, once("user"), ANY)
    found = await passes(app, key, oauth, ada, machine, machine)
    assert found == [True, False, False, True, False]


async def test_keys_of_an_organization_count_as_the_organization(
    clerk: Clerk, local: LocalClerk, ada: Headers
) -> None:
    """Together with its members; by user an organization's key counts as the organization, too."""
    key = local.bearer(local.create_api_key(local.organization("acme")))
    assert await passes(limited(clerk, once("organization"), ANY), key, ada) == [True, False]
    assert await passes(limited(clerk, once("user"), ANY), key, ada, key) == [True, True, False]


@pytest.mark.parametrize(("guards", "status"), [((require_auth,), 401), ((), 200)])
async def test_clerk_is_not_asked_about_tokens_that_the_route_does_not_take(
    clerk: Clerk, local: LocalClerk, guards: tuple[Any, ...], status: int
) -> None:
    """Limits open no way to have this server ask Clerk about anything one likes."""
    key = local.bearer(local.create_api_key(local.user("ada@example.com")))
    found = await asked(limited(clerk, once("api_key"), *guards), [key, key])
    assert [answer.status_code for answer in found] == [status, 429]
    assert local.requests_to("/api_keys/verify") == []


@pytest.mark.parametrize("rule", [False, True])
async def test_kinds_that_a_policy_takes_count(clerk: Clerk, local: LocalClerk, rule: bool) -> None:
    """For limits of the middleware, and for those of the route behind it; Clerk is asked once."""
    limit = once("user")
    app = FastAPI(lifespan=clerk.lifespan)
    rules = [limit] if rule else []
    policies = [Policy(require_api_key, "/")]
    app.add_middleware(ClerkMiddleware, policies=policies, rate_limits=rules)

    @app.get("/", dependencies=[] if rule else [Depends(limit)])
    def page() -> str:
        return "page"

    users = [local.user(f"{name}@example.com") for name in ("ada", "bob")]
    ada, bob = (local.bearer(local.create_api_key(user)) for user in users)
    assert await passes(app, ada, bob, ada) == [True, True, False]
    assert len(local.requests_to("/api_keys/verify")) == 3


# --- one's own ------------------------------------------------------------------------------------


async def test_function_of_ones_own_tells_requests_apart(
    behind: Callable[..., FastAPI],
) -> None:
    """Plain or async; where it has no answer the address counts."""

    def tenant(connection: HTTPConnection) -> str | None:
        return connection.headers.get("x-tenant")

    async def slowly(connection: HTTPConnection) -> str | None:
        return tenant(connection)

    for by in (tenant, slowly):
        callers = [at("203.0.113.1", {"x-tenant": name}) for name in ("a", "b", "a")]
        nameless = [at("203.0.113.1"), at("203.0.113.1", {"x-tenant": ""}), at("203.0.113.2")]
        found = await passes(behind(once(by)), *callers, *nameless)
        assert found == [True, True, False, True, False, True]


async def test_function_that_answers_nonsense_is_a_mistake(clerk: Clerk) -> None:
    """What is no text would make keys that nobody can tell apart."""
    app = limited(clerk, once(lambda _: 5))
    with pytest.raises(ConfigurationError, match="text"):
        await asked(app, [NOBODY])


# --- while Clerk is away --------------------------------------------------------------------------


async def test_public_pages_stay_public_while_clerk_is_away(
    behind: Callable[..., FastAPI], local: LocalClerk, ada: Headers
) -> None:
    """Whoever cannot be known counts by address, and guards say 503 as ever."""
    with local.outage("unreachable"):
        callers = [at("203.0.113.1", ada), at("203.0.113.1", ada), at("203.0.113.2", ada)]
        assert await passes(behind(once("user")), *callers) == [True, False, True]
        (answer,) = await asked(behind(once("user"), require_auth), [ada])
    assert answer.status_code == 503
