"""The entrance of an application: whom it names while a Clerk runs, and nobody afterwards."""

from typing import Any

import pytest
from fastapi import FastAPI

from clerk_fastapi import Clerk
from clerk_fastapi.web.running import start, stop

pytestmark = pytest.mark.anyio


async def test_entrance_of_a_stopped_clerk_lets_everything_pass(clerk: Clerk) -> None:
    """Wherever it stands by then: something was put before it, and it cannot be taken out."""
    app = FastAPI()
    entrance = start(app, clerk)
    seen: list[dict[str, Any]] = []

    async def before(scope: Any, receive: Any, send: Any) -> None:
        await entrance(scope, receive, send)

    async def routes(scope: Any, receive: Any, send: Any) -> None:
        seen.append(dict(scope))

    app.router.middleware_stack = before
    entrance.routes = routes
    await entrance({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # nobody receives or sends
    stop(app, entrance)
    assert app.router.middleware_stack is before
    await app.router.middleware_stack({"type": "http"}, None, None)
    assert seen == [{"type": "lifespan"}, {"type": "http"}]
