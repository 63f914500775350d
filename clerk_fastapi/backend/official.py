"""The official client of the Backend API, made when somebody first asks for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from clerk_fastapi.backend.calls import BackendCalls, needed
from clerk_fastapi.errors import ConfigurationError

if TYPE_CHECKING:
    from clerk_backend_api import Clerk

    OfficialClerk: TypeAlias = Clerk

__all__ = ["Official"]


class Official:
    """Makes the official client, whose import takes a while, for those who want it.

    :param calls: how Clerk is asked; ``None`` without a secret key.
    :param api_url: where the Backend API is.
    """

    def __init__(self, calls: BackendCalls | None, api_url: str) -> None:
        self._calls = calls
        self._base_url = f"{api_url}/v1"
        self._client: OfficialClerk | None = None

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
        if self._client is None:
            client = await asyncio.to_thread(self._make)
            self._client = self._client or client
        return self._client

    def _make(self) -> OfficialClerk:
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
