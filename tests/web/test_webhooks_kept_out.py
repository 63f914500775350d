"""Guards that would keep Clerk's webhooks out stop the start-up, wherever they stand."""

import base64
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Match, Mount
from starlette.types import Scope

from clerk_fastapi import (
    Auth,
    Clerk,
    ClerkMiddleware,
    ConfigurationError,
    Policy,
    RateLimit,
    optional_auth,
    require_api_key,
    require_auth,
    require_permission,
)
from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.web.routing.audit import audit_routes
from clerk_fastapi.web.webhooks import Webhooks
from tests.web.serving import running

pytestmark = pytest.mark.anyio

SECRET = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
SIGNED_IN = Depends(require_auth)


@pytest.fixture
def webhooks() -> Webhooks:
    """A router without handlers."""
    return Webhooks(secret=SECRET)


async def current_user(auth: Annotated[Auth, SIGNED_IN]) -> str:
    """A dependency with a guard inside."""
    return auth.user_id


def of_application(webhooks: Webhooks, **options: Any) -> FastAPI:
    """The guard of an application."""
    app = FastAPI(dependencies=[SIGNED_IN], **options)
    app.include_router(webhooks)
    return app


def of_inclusion(webhooks: Webhooks, **options: Any) -> FastAPI:
    """The guard of ``include_router``."""
    app = FastAPI(**options)
    app.include_router(webhooks, prefix="/clerk", dependencies=[SIGNED_IN])
    return app


def of_router_around(webhooks: Webhooks, **options: Any) -> FastAPI:
    """The guard of a router that has included them."""
    app, router = FastAPI(**options), APIRouter(dependencies=[SIGNED_IN])
    router.include_router(webhooks)
    app.include_router(router)
    return app


def of_dependency(webhooks: Webhooks, **options: Any) -> FastAPI:
    """The guard of a dependency."""
    app = FastAPI(dependencies=[Depends(current_user)], **options)
    app.include_router(webhooks)
    return app


def of_mounted(webhooks: Webhooks, **options: Any) -> FastAPI:
    """The guard of an application that is mounted."""
    app = FastAPI(**options)
    app.mount("/inner", of_application(webhooks))
    return app


@pytest.mark.parametrize(
    ("make", "whose", "path"),
    [
        (of_application, "of the application", "/webhooks"),
        (of_inclusion, "of a router", "/clerk/webhooks"),
        (of_router_around, "of a router", "/webhooks"),
        (of_dependency, "of the application", "/webhooks"),
        (of_mounted, "of the application", "/inner/webhooks"),
    ],
)
async def test_guard_before_webhooks_stops_the_start_up(
    webhooks: Webhooks,
    clerk: Clerk,
    make: Callable[..., FastAPI],
    whose: str,
    path: str,
) -> None:
    """Clerk would get a 401 for ever; the audit says the same."""
    app = make(webhooks, lifespan=clerk.lifespan, openapi_url=None)
    sentence = (
        f"Clerk could not pass POST {path}: a guard {whose} demands a signed-in user, and webhooks "
        "come with nothing but a signature; guard the other routes by their routers, or all of "
        "them by ClerkMiddleware(default=...), with a public policy for this one."
    )
    with pytest.raises(ConfigurationError) as stopped:
        async with running(app):
            pass
    assert stopped.value.message == sentence
    assert not clerk.is_running
    with pytest.raises(ConfigurationError) as audited:
        audit_routes(app)
    assert audited.value.message == sentence


@pytest.mark.parametrize("guard", [require_api_key, require_permission("org:data:read")], ids=str)
async def test_no_guard_suits_clerk(webhooks: Webhooks, clerk: Clerk, guard: Any) -> None:
    """It has no session, no key and no permission."""
    app = FastAPI(lifespan=clerk.lifespan, dependencies=[Depends(guard)])
    app.include_router(webhooks)
    with pytest.raises(ConfigurationError, match=f"demands {guard.model.description}, and"):
        async with running(app):
            pass


async def test_each_endpoint_is_told(clerk: Clerk) -> None:
    """So that nobody has to start twice."""
    app = FastAPI(lifespan=clerk.lifespan, dependencies=[SIGNED_IN])
    for path in ("/a", "/b"):
        app.include_router(Webhooks(secret=SECRET, path=path))
    with pytest.raises(ConfigurationError, match=r"POST /a: .* POST /b: "):
        async with running(app):
            pass


async def acknowledged(app: FastAPI, local: LocalClerk, path: str = "/webhooks") -> bool:
    """Whether an application starts and takes a delivery."""
    endpoint = local.add_webhook_endpoint(f"http://test{path}", secret=SECRET)
    body = b'{"object":"event","type":"user.created","data":{"id":"user_1"}}'
    async with running(app) as client:
        answer = await client.post(path, content=body, headers=endpoint.sign(body))
        return answer.status_code == 204


async def nobody_in_particular() -> None:
    """A dependency of somebody's own."""


async def test_what_keeps_nobody_out_is_no_mistake(
    webhooks: Webhooks, clerk: Clerk, local: LocalClerk
) -> None:
    """A guard that lets guests pass, a limit, and dependencies that are no guards."""
    free = [optional_auth, RateLimit(9, per=60), nobody_in_particular]
    app = FastAPI(lifespan=clerk.lifespan, dependencies=list(map(Depends, free)))
    app.include_router(webhooks, dependencies=[Depends(optional_auth)])
    assert await acknowledged(app, local)


async def test_guards_of_other_routes_are_no_mistake(
    webhooks: Webhooks, clerk: Clerk, local: LocalClerk
) -> None:
    """Of a router beside it, and of an application around the mounted one with the webhooks."""
    app = FastAPI(lifespan=clerk.lifespan, dependencies=[SIGNED_IN])
    app.include_router(APIRouter(dependencies=[SIGNED_IN]))
    inner = FastAPI()
    inner.include_router(webhooks)
    app.mount("/inner", inner)
    assert await acknowledged(app, local, "/inner/webhooks")


async def test_the_cure_that_is_told_lets_clerk_in(
    webhooks: Webhooks, clerk: Clerk, local: LocalClerk
) -> None:
    """ClerkMiddleware guards all routes but this one."""
    app = FastAPI(lifespan=clerk.lifespan)
    app.include_router(webhooks)
    public = Policy("public", routers=[webhooks])
    app.add_middleware(ClerkMiddleware, default="signed_in", policies=[public])
    assert await acknowledged(app, local)


async def test_without_webhooks_any_guard_will_do(clerk: Clerk) -> None:
    """Signatures are not missed where nobody delivers."""
    async with running(FastAPI(lifespan=clerk.lifespan, dependencies=[SIGNED_IN])) as client:
        assert (await client.get("/webhooks")).status_code == 404


class OwnRouter(APIRouter):
    """A router that chooses by itself, so that nobody else can tell what it serves."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say what it says anyway."""
        return super().matches(scope)


async def test_what_cannot_be_seen_stops_nothing(webhooks: Webhooks, clerk: Clerk) -> None:
    """Applications behind other middleware, routers of a kind of their own, routes that come later.

    They are refused when they are asked, as they always were.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with clerk.lifespan(app):
            app.include_router(webhooks, prefix="/late", dependencies=[SIGNED_IN])
            yield

    app = FastAPI(lifespan=lifespan)
    app.router.routes.append(Mount("/cors", CORSMiddleware(of_application(webhooks))))
    own = OwnRouter(dependencies=[SIGNED_IN])
    own.include_router(webhooks)
    app.include_router(own, prefix="/own")
    async with running(app) as client:
        for path in ("/late", "/cors", "/own"):
            assert (await client.post(f"{path}/webhooks")).status_code == 401
