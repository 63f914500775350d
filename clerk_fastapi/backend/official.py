"""The official client of the Backend API, made when somebody first asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from pydantic import BaseModel
from pydantic_core import from_json

from clerk_fastapi.backend.calls import BackendCalls, needed
from clerk_fastapi.backend.problems import trace_id_of
from clerk_fastapi.errors import BackendError, ConfigurationError

if TYPE_CHECKING:
    from clerk_backend_api import Clerk

    from clerk_fastapi.backend._clerk_client import OfficialClient

    OfficialClerk: TypeAlias = Clerk

__all__ = ["Official"]

_ModelT = TypeVar("_ModelT", bound=BaseModel)


class Official:
    """Makes the official client, whose import takes a while, for those who want it.

    :param calls: how Clerk is asked; ``None`` without a secret key.
    :param api_url: where the Backend API is.
    """

    def __init__(self, calls: BackendCalls | None, api_url: str) -> None:
        self._calls = calls
        self._base_url = f"{api_url}/v1"
        self._client: OfficialClient | None = None

    @property
    def client(self) -> OfficialClerk:
        """The client.

        :raises ConfigurationError: without a secret key, or without the package.
        """
        if self._client is None:
            self._client = self._make()
        return self._client

    async def ready(self) -> OfficialClerk:
        """The client; while it is imported, the event loop goes on.

        :raises ConfigurationError: without a secret key, or without the package.
        """
        return await self._imported()

    async def ask(
        self,
        kind: type[_ModelT],
        call: Callable[[OfficialClerk], Awaitable[object]],
        *,
        repeatable: bool = False,
    ) -> _ModelT:
        """Ask by a method of the client, and read the answer here.

        The client's own models know no word that is newer than they are, and then what was done
        would look like what failed.

        :param kind: what the answer is read as.
        :param call: awaits one method of the client.
        :param repeatable: whether asking twice does no harm, whatever the method.
        :raises BackendError: the leaf names what went wrong; nothing of the answer is in it.
        :raises ConfigurationError: without a secret key, or without the package.
        """
        answer = await (await self._imported()).hear(call, repeatable=repeatable)
        try:
            return kind.model_validate(from_json(answer.content, allow_inf_nan=False))
        except ValueError:  # quotes the answer
            pass
        raise BackendError(backend_status=answer.status_code, trace_id=trace_id_of(answer.headers))

    async def _imported(self) -> OfficialClient:
        if self._client is None:
            client = await asyncio.to_thread(self._make)
            self._client = self._client or client
        return self._client

    def _make(self) -> OfficialClient:
        calls = needed(self._calls)
        try:
            from clerk_fastapi.backend._clerk_client import OfficialClient
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != "clerk_backend_api":
                raise
            raise ConfigurationError(
                "This needs the package clerk-backend-api, which is not installed: "
                'pip install "clerk-fastapi[backend]".'
            ) from error
        client = OfficialClient(calls, self._base_url)
        _ = client.users  # which takes the models with it: most of the time
        return client
