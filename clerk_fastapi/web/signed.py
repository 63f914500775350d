"""Deliveries as they come in: read whole, within bounds, and let in if Clerk has signed them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Scope

from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.errors import ConfigurationError, WebhookRefused
from clerk_fastapi.protocol.webhooks import Delivery, SigningSecret, open_delivery
from clerk_fastapi.web.refusals import teach
from clerk_fastapi.web.running import running_engine

__all__ = ["DEMAND", "MOST_BYTES", "SignedByClerk", "with_body"]

MOST_BYTES: Final = 1_048_576
"""How large a body may be; Clerk's have a few kilobytes."""

DEMAND: Final = "a signature of Clerk's"
"""What it takes to get in, in words."""


@dataclass(frozen=True)
class SignedByClerk:
    """A dependency that lets only deliveries in that were signed with one of several secrets."""

    secrets: tuple[SigningSecret, ...]
    clerk: Engine[Any] | None = field(default=None, repr=False)

    async def __call__(self, request: Request) -> Delivery:
        """Open a delivery; called by FastAPI.

        :raises WebhookRefused: 400; the leaf tells what is wrong with it.
        """
        teach(request.scope)
        clerk = self.engine(request)
        return open_delivery(
            self.secrets,
            _path(request.scope),
            request.scope["headers"],
            await _body(request),
            clerk.clock(),
        )

    def engine(self, request: Request) -> Engine[Any]:
        """The Clerk that the deliveries are for.

        :raises ConfigurationError: if it does not run, so that it could tell nobody.
        """
        if self.clerk is None:
            return running_engine(request.scope)
        if not self.clerk.is_running:
            raise ConfigurationError(
                "The Clerk of these Webhooks does not run: start it with the application, "
                "async with that_clerk, in its lifespan."
            )
        return self.clerk


def _path(scope: Scope) -> str:
    """The whole path, whether what stands before us leaves the root in it or not."""
    path: str = scope["path"]
    # A mount moves the root of what is mounted, and keeps that of the application.
    root: str = scope.get("app_root_path", scope.get("root_path", ""))
    return path if path.startswith(f"{root}/") else f"{root}{path}"


async def with_body(request: Request, body: bytes) -> Request:
    """The same request for somebody else, who can read its body as often as they like."""
    unread = [body]

    async def receive() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await request.receive()

    again = Request(request.scope, receive)
    await again.body()  # which keeps it
    return again


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                raise WebhookRefused("The delivery is larger than any that Clerk sends.")
    except ClientDisconnect:
        raise WebhookRefused("The delivery broke off.") from None
    return bytes(body)
