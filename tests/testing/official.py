"""The official client, unmodified, in both of its ways to ask."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import clerk_backend_api
import httpx
import pytest
from clerk_backend_api import models

from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.testing.server import serve

IGNORED = pytest.mark.filterwarnings("ignore:.*DEPRECATED:DeprecationWarning")
"""The client reads a field of its own that it says is not to be read."""

WAYS = ["sync-over-http", "async-over-http", "async-in-process"]


class Official:
    """``await official.users.get(user_id=...)``, whichever way it is asked."""

    def __init__(self, clerk: clerk_backend_api.Clerk, *, is_async: bool) -> None:
        self._clerk, self._is_async = clerk, is_async

    def __getattr__(self, group: str) -> Any:
        return _Group(getattr(self._clerk, group), self._is_async)


class _Group:
    def __init__(self, group: object, is_async: bool) -> None:
        self._group, self._is_async = group, is_async

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if self._is_async:
            asynchronous: Callable[..., Any] = getattr(self._group, f"{method}_async")
            return asynchronous
        synchronous = getattr(self._group, method)
        return lambda **arguments: asyncio.to_thread(synchronous, **arguments)


@asynccontextmanager
async def asking(
    local: LocalClerk, way: str, *, secret_key: str | None = None
) -> AsyncIterator[Official]:
    """Connect the client with an instance, without trying again what failed."""
    secret = secret_key or local.secret_key
    if way == "async-in-process":
        async with (
            httpx.AsyncClient(transport=local.transport()) as http,
            clerk_backend_api.Clerk(
                bearer_auth=secret, async_client=http, retry_config=None
            ) as clerk,
        ):
            yield Official(clerk, is_async=True)
        return
    with serve(local.app) as url:
        async with clerk_backend_api.Clerk(
            bearer_auth=secret, server_url=f"{url}/v1", retry_config=None
        ) as clerk:
            with clerk:
                yield Official(clerk, is_async=way == "async-over-http")


def codes(error: models.ClerkErrors, status: int) -> list[str]:
    """The codes of an error, which has that status and a trace id."""
    assert error.raw_response.status_code == status
    assert len(error.raw_response.json()["clerk_trace_id"]) == 32
    assert all(problem.long_message for problem in error.data.errors)
    return [problem.code for problem in error.data.errors]
