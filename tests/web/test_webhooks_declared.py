"""Handlers as applications declare them, mistakes found at once, and what guards the route."""

import base64
import functools
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request

from clerk_fastapi import Clerk, ClerkMiddleware, ConfigurationError, Policy, require_auth
from clerk_fastapi.errors import SessionEnded
from clerk_fastapi.protocol.events import EVENT_MODELS, Event
from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.web.routing.allowance import unguarded
from clerk_fastapi.web.routing.audit import AuditedRoute, audit_routes
from clerk_fastapi.web.webhooks import Webhooks
from tests.web.serving import running

pytestmark = pytest.mark.anyio

SECRET = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


@pytest.fixture
def webhooks() -> Webhooks:
    """A router without handlers."""
    return Webhooks(secret=SECRET)


def take(event: Event[Any]) -> None:
    """Handle an event."""


async def test_handler_stays_the_function_it_is(webhooks: Webhooks) -> None:
    """It can be declared for more types, and called by tests of the application's own."""
    assert webhooks.on("user.created")(take) is take
    webhooks.on("user.created", "user.updated")(take)
    assert list(webhooks._handlers.of("user.created")) == [f"{__name__}.take"]


@pytest.mark.parametrize("type", [*EVENT_MODELS, "*"])
async def test_known_types_are_taken(webhooks: Webhooks, type: str) -> None:
    """All that Clerk sends, and what stands for all of it."""
    webhooks.on(type)(take)
    assert webhooks._handlers.of(type if type != "*" else "user.created")


@pytest.mark.parametrize(
    "type",
    [
        *("user.merged", "apiKey.created", "subscription.ended", "session.extended"),
        *("organizationDomain.verified", "email.sent", "a.b.c", "passkey"),
    ],
)
async def test_types_that_clerk_may_add_are_taken(webhooks: Webhooks, type: str) -> None:
    """Nobody has to wait for us when Clerk invents something."""
    webhooks.on(type)(take)
    assert webhooks._handlers.of(type)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("user.update", "user.updated"),
        ("users.created", "user.created"),
        ("User.Created", "user.created"),
        ("user_created", "user.created"),
        ("session.revoke", "session.revoked"),
        ("session.end", "session.ended"),
        ("organization_membership.created", "organizationMembership.created"),
        ("organisation.deleted", "organization.deleted"),
        ("subscription.past_due", "subscription.pastDue"),
    ],
)
async def test_slips_are_found(webhooks: Webhooks, slip: str, meant: str) -> None:
    """A handler that would never be called says so when it is declared."""
    with pytest.raises(ConfigurationError, match=f"{slip}'; did you mean '{meant}'"):
        webhooks.on(slip)


@pytest.mark.parametrize("types", [(), ("",), (None,), (["user.created"],), (take,)])
async def test_handler_is_for_types(webhooks: Webhooks, types: Any) -> None:
    """None at all, and what is no text, such as the function itself."""
    with pytest.raises(ConfigurationError, match="Handlers are for types of events"):
        webhooks.on(*types)


@pytest.mark.parametrize("type", ["user.*", "*.created", "**"])
async def test_star_is_no_part_of_a_type(webhooks: Webhooks, type: str) -> None:
    """Nothing would ever be called that."""
    with pytest.raises(ConfigurationError, match="'\\*' stands for all types"):
        webhooks.on(type)


def takes_nothing() -> None:
    """Nobody can call it with an event."""


def takes_more(event: Event[Any], database: object) -> None:
    """Nobody can call it with an event alone."""


def takes_dependency(event: Event[Any], user: object = Depends(require_auth)) -> None:
    """Nobody would see to its dependency."""


@pytest.mark.parametrize("function", [takes_nothing, takes_more, takes_dependency])
async def test_handler_takes_the_event_and_the_request(webhooks: Webhooks, function: Any) -> None:
    """What wants something else is found when it is declared."""
    with pytest.raises(ConfigurationError, match=f"handler .*{function.__name__} takes the event"):
        webhooks.on("user.created")(function)


def yields(event: Event[Any]) -> Iterator[None]:
    """Nobody would run it beyond the first line."""
    yield


async def yields_later(event: Event[Any]) -> AsyncIterator[None]:
    """Nor this."""
    yield


@pytest.mark.parametrize("function", [yields, yields_later])
async def test_generator_is_no_handler(webhooks: Webhooks, function: Any) -> None:
    """It would be acknowledged, and do nothing."""
    with pytest.raises(ConfigurationError, match=f"{function.__name__} is a generator"):
        webhooks.on("user.created")(function)


@pytest.mark.parametrize("function", [yields, yields_later])
async def test_generator_behind_a_decorator_is_not_acknowledged(
    webhooks: Webhooks, function: Any
) -> None:
    """It cannot be told from a handler before it is called."""

    @functools.wraps(function)
    def call(event: Event[Any]) -> Any:
        return function(event)

    webhooks.on("user.created")(call)
    (handler,) = webhooks._handlers.of("user.created").values()
    with pytest.raises(ConfigurationError, match=f"{function.__name__} is a generator"):
        await handler.run(
            Event(object="event", type="user.created", data={}), Request({"type": "http"})
        )


async def test_method_can_be_declared_again(webhooks: Webhooks) -> None:
    """Looking it up anew makes it no other handler."""

    class Hooks:
        def handle(self, event: Event[Any]) -> None: ...

    hooks = Hooks()
    webhooks.on("user.created")(hooks.handle)
    webhooks.on("user.updated")(hooks.handle)
    assert len(webhooks._handlers.of("user.updated")) == 1


async def test_handlers_have_names_of_their_own(webhooks: Webhooks) -> None:
    """Workers tell each other by these who is through."""

    def other() -> Any:
        @webhooks.on("user.created")
        def handle(event: Event[Any]) -> None: ...

        return handle

    other()
    with pytest.raises(ConfigurationError, match=r"Two handlers are called .*handle; their names"):
        other()
    with pytest.raises(ConfigurationError, match="a function with a name"):
        webhooks.on("user.created")(functools.partial(take))


async def test_decorated_handlers_keep_their_name(webhooks: Webhooks) -> None:
    """And are called with whatever the decorator passes on."""

    def traced(function: Any) -> Any:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return call

    webhooks.on("user.created")(traced(take))
    assert list(webhooks._handlers.of("user.created")) == [f"{__name__}.take"]


async def test_secret_comes_from_clerks_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default, with spaces between several; empty is none."""
    other = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    for value in (SECRET, f"{SECRET} {other}", f" {other}\n{SECRET} "):
        monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", value)
        assert Webhooks()
    for value in ("", " "):
        monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", value)
        with pytest.raises(ConfigurationError, match="set CLERK_WEBHOOK_SIGNING_SECRET"):
            Webhooks()


@pytest.mark.parametrize("secret", ["", "sk_test_x", [SECRET, "x"], [SECRET, None], [[SECRET]], 5])
async def test_malformed_secret_stops_the_start_up(secret: Any) -> None:
    """The first of several, or any other."""
    with pytest.raises(ConfigurationError, match="is not a signing secret"):
        Webhooks(secret=secret)


async def test_missing_secret_stops_the_start_up() -> None:
    """Nothing is received that nobody could check."""
    for secret in (None, []):
        with pytest.raises(ConfigurationError, match="no signing secret"):
            Webhooks(secret=secret)


async def test_clerk_has_to_be_one() -> None:
    """What is given in its place is found at once."""
    with pytest.raises(ConfigurationError, match="take a Clerk"):
        Webhooks(SECRET)  # type: ignore[arg-type]  # on purpose


async def test_without_a_running_clerk_the_line_to_add_is_told(
    webhooks: Webhooks, clerk: Clerk, local: LocalClerk
) -> None:
    """Unless it names one."""
    endpoint = local.add_webhook_endpoint("http://test/webhooks", secret=SECRET)
    app = FastAPI()
    app.include_router(webhooks)
    app.include_router(Webhooks(clerk, secret=SECRET, path="/clerk/events"))
    body = b'{"object":"event","type":"user.created","data":{"id":"user_1"}}'
    async with clerk, running(app) as client:
        with pytest.raises(ConfigurationError, match="No Clerk is running"):
            await client.post("/webhooks", content=body, headers=endpoint.sign(body))
        named = await client.post("/clerk/events", content=body, headers=endpoint.sign(body))
        refused = await client.post("/clerk/events", content=body)
    assert (named.status_code, refused.status_code) == (204, 400)


async def test_each_clerk_hears_of_its_own_users(
    clerk: Clerk, local: LocalClerk, other: LocalClerk
) -> None:
    """Two instances in one application share nothing."""
    theirs = Clerk(**other.settings())
    endpoint = other.add_webhook_endpoint("http://test/theirs")
    app = FastAPI(lifespan=clerk.lifespan)
    app.include_router(Webhooks(theirs, secret=endpoint.secret, path="/theirs"))
    session = other.sign_in("eve@example.com")
    async with theirs, running(app) as client:
        endpoint._transport = client._transport
        other.end_session(session, "revoked")
        await other.deliver_webhooks()
    assert endpoint.attempts[-1].status == 204
    with pytest.raises(SessionEnded):
        theirs.revocations.check_subjects(session.id)
    clerk.revocations.check_subjects(session.id)


async def test_clerk_that_does_not_run_acknowledges_nothing(clerk: Clerk) -> None:
    """It could tell nobody who is refused from now on."""
    other = LocalClerk()
    endpoint = other.add_webhook_endpoint("http://test/theirs")
    app = FastAPI(lifespan=clerk.lifespan)
    app.include_router(Webhooks(Clerk(**other.settings()), secret=endpoint.secret, path="/theirs"))
    async with running(app) as client:
        with pytest.raises(ConfigurationError, match="does not run"):
            await client.post("/theirs", content="{}", headers=endpoint.sign("{}"))


async def test_other_methods_and_the_document_know_nothing_of_it(
    webhooks: Webhooks, clerk: Clerk
) -> None:
    """It is for Clerk, which sends POST."""
    app = FastAPI(lifespan=clerk.lifespan)
    app.include_router(webhooks, prefix="/api")
    async with running(app) as client:
        assert (await client.get("/api/webhooks")).status_code == 405
        assert (await client.post("/webhooks")).status_code == 404
        assert (await client.post("/api/webhooks")).status_code == 400
    assert app.openapi()["paths"] == {}


def received(app: FastAPI) -> AuditedRoute:
    """What the audit says of the route."""
    return next(route for route in audit_routes(app) if route.name == "clerk_webhooks")


async def test_audit_knows_that_the_signature_guards_it(webhooks: Webhooks) -> None:
    """It is no public route, and need not be allowed as one."""
    app = FastAPI(openapi_url=None)
    app.include_router(webhooks)
    route = received(app)
    assert (route.verdict, route.path, route.methods) == ("guarded", "/webhooks", ("POST",))
    assert list(map(str, route.guarded_by)) == ["guard: a signature of Clerk's"]
    assert route.to_json()["guarded_by"] == (
        {
            "source": "guard",
            "demand": "a signature of Clerk's",
            "requirement": {"signed_by": "clerk"},
            "accepts_token": (),
            "optional": False,
        },
    )
    assert unguarded(audit_routes(app)) == []
    app.add_middleware(ClerkMiddleware, policies=[Policy("public", routers=[webhooks])])
    assert received(app).verdict == "guarded"


async def test_default_that_wants_a_session_stops_the_start_up(
    webhooks: Webhooks, clerk: Clerk
) -> None:
    """Clerk has none to send; the sentence tells which policy lets it in."""
    app = FastAPI(lifespan=clerk.lifespan, openapi_url=None)
    app.include_router(webhooks)
    app.add_middleware(ClerkMiddleware, default="signed_in")
    with pytest.raises(ConfigurationError) as caught:
        audit_routes(app)
    assert str(caught.value) == (
        "Nobody could pass POST /webhooks: a guard there takes a signature of Clerk's, and the "
        "default session_token; give the route a policy that says 'public'."
    )


async def test_public_policy_lets_clerk_in(
    webhooks: Webhooks, clerk: Clerk, local: LocalClerk
) -> None:
    """The signature is checked all the same."""
    app = FastAPI(lifespan=clerk.lifespan)
    items = APIRouter()
    items.add_api_route("/items", lambda: None)
    app.include_router(webhooks)
    app.include_router(items)
    public = Policy("public", routers=[webhooks])
    app.add_middleware(ClerkMiddleware, policies=[public], default="signed_in")
    endpoint = local.add_webhook_endpoint("http://test/webhooks", secret=SECRET)
    async with running(app) as client:
        endpoint._transport = client._transport
        local.add_user("eve@example.com")
        await local.deliver_webhooks()
        assert (await client.post("/webhooks")).status_code == 400
        assert (await client.get("/items")).status_code == 401
    assert [each.status for each in endpoint.attempts] == [204]
