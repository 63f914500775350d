"""A transport that puts something else in the place of Clerk's answer."""

import asyncio
import json
from typing import Any

import httpx

from clerk_fastapi.testing import LocalClerk


class Instead(httpx.AsyncBaseTransport):
    """Answers other than the instance would, about all but its keys.

    :param answer: what comes instead of Clerk's answer.
    :param carried_out: whether Clerk does what it is asked for all the same.
    :param edit: what Clerk's answer, or each entry of a list, says otherwise.
    :param held: until when Clerk's answer is held back.
    :param to: the methods of requests that are meant.
    """

    def __init__(
        self,
        local: LocalClerk,
        answer: httpx.Response | Exception | None = None,
        *,
        carried_out: bool = False,
        edit: dict[str, Any] | None = None,
        held: asyncio.Event | None = None,
        to: frozenset[str] = frozenset({"GET", "POST", "DELETE"}),
    ) -> None:
        self._inner = local.transport()
        self._answer = answer
        self._carried_out = carried_out
        self._edit = edit or {}
        self._held = held
        self._to = to

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/jwks") or request.method not in self._to:
            return await self._inner.handle_async_request(request)
        if self._answer is not None and not self._carried_out:
            return self._come(self._answer)
        response = await self._inner.handle_async_request(request)
        if self._held is not None:
            await self._held.wait()
        if self._answer is not None:
            return self._come(self._answer)
        said = json.loads(await response.aread())
        if isinstance(said, list):
            said = [each | self._edit for each in said]
        else:
            said |= self._edit
        return httpx.Response(response.status_code, json=said)

    def _come(self, answer: httpx.Response | Exception) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer
