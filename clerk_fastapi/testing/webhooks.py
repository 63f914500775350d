"""Webhooks as Clerk sends them: signed, in order, and again until they are taken."""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import httpx

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.testing.events import MOST_MESSAGES, Events, Message
from clerk_fastapi.testing.signing import new_id

if TYPE_CHECKING:
    from standardwebhooks import Webhook

__all__ = ["Attempt", "Outbox", "WebhookEndpoint"]

logger = logging.getLogger("clerk_fastapi")

_TIMEOUT: Final = httpx.Timeout(5).as_dict()
_LAST_SECONDS: Final = 1


@dataclass(frozen=True)
class Attempt:
    """One delivery of a message, by its id, and how it was answered; ``None`` is not at all."""

    id: str
    status: int | None

    @property
    def taken(self) -> bool:
        """Whether the endpoint acknowledged it, so that it need not come again."""
        return self.status is not None and 200 <= self.status < 300


class WebhookEndpoint:
    """Somebody who wants to hear of events, and the secret that signs what they hear.

    ``messages`` are those that are for this endpoint, oldest first, and ``attempts`` are the
    deliveries made of them.
    """

    def __init__(
        self,
        url: str,
        *,
        events: str | Iterable[str],
        secret: str | None,
        transport: httpx.AsyncBaseTransport | None,
        clock: Callable[[], float],
    ) -> None:
        self.url = _address(url)
        self.secret = secret or _new_secret()
        self._signer = _signer(self.secret)
        self._types = None if events == "*" else _types(events)
        self._transport = transport
        self._clock = clock
        self._pending: deque[Message] = deque(maxlen=MOST_MESSAGES)
        self.messages: deque[Message] = deque(maxlen=MOST_MESSAGES)
        self.attempts: deque[Attempt] = deque(maxlen=MOST_MESSAGES)
        self._signed_at: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<WebhookEndpoint {self.url}>"

    @property
    def pending(self) -> tuple[Message, ...]:
        """What the endpoint has not taken yet, in the order in which it will be sent."""
        return tuple(self._pending)

    def sign(
        self, body: str | bytes, *, id: str | None = None, timestamp: float | None = None
    ) -> dict[str, str]:
        """Make the headers that go with a body, whatever it says.

        :param body: text in UTF-8.
        :param id: of the message, if not a new one.
        :param timestamp: seconds since the epoch, if not now.
        """
        text = body if isinstance(body, str) else body.decode()
        name = new_id("msg") if id is None else id
        seconds = int(self._clock() if timestamp is None else timestamp)
        signature = self._signer.sign(name, datetime.fromtimestamp(seconds, UTC), text)
        return {"svix-id": name, "svix-timestamp": str(seconds), "svix-signature": signature}

    def take(self, message: Message) -> None:
        """Keep a message to be delivered, if the endpoint wants to hear of its type."""
        if self._types is None or message.type in self._types:
            self.messages.append(message)
            self._pending.append(message)

    async def deliver(self) -> None:
        """Send what is pending, in order; what the endpoint does not take stays pending.

        What a transport raises is logged, and counts as not taken: the one of an application in the
        same process raises what its handlers do.
        """
        unsent = deque(self._pending.popleft() for _ in range(len(self._pending)))
        refused: list[Message] = []
        try:
            async with AsyncExitStack() as stack:
                transport = await self._opened(stack)
                while unsent:
                    if not (await self._send(transport, unsent[0])).taken:
                        refused.append(unsent[0])
                    unsent.popleft()
        finally:
            self._pending.extendleft(reversed([*refused, *unsent]))

    async def resend(self, message: Message, *, times: int = 1) -> list[Attempt]:
        """Send a message once more, whether it has been taken or not.

        :param times: how often, all at the same time; each is signed for a second of its own.
        """
        async with AsyncExitStack() as stack:
            transport = await self._opened(stack)
            return await asyncio.gather(*(self._send(transport, message) for _ in range(times)))

    async def _opened(self, stack: AsyncExitStack) -> httpx.AsyncBaseTransport:
        if self._transport is not None:
            return self._transport  # whoever made it closes it
        return await stack.enter_async_context(httpx.AsyncHTTPTransport())

    async def _send(self, transport: httpx.AsyncBaseTransport, message: Message) -> Attempt:
        # Svix never tries again within a second, and no two attempts are signed for the same one.
        timestamp = max(int(self._clock()), self._signed_at.get(message.id, 0) + 1)
        self._signed_at[message.id] = timestamp
        signed = self.sign(message.body, id=message.id, timestamp=timestamp)
        headers = {"content-type": "application/json", **signed}
        request = httpx.Request(
            "POST",
            self.url,
            headers=headers,
            content=message.body,
            extensions={"timeout": _TIMEOUT},
        )
        (answer,) = await asyncio.gather(_ask(transport, request), return_exceptions=True)
        if isinstance(answer, BaseException) and not isinstance(answer, httpx.RequestError):
            logger.error("webhook %s failed at %s", message.id, self.url, exc_info=answer)
        attempt = Attempt(message.id, answer if isinstance(answer, int) else None)
        self.attempts.append(attempt)
        return attempt


async def _ask(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> int:
    response = await transport.handle_async_request(request)
    await response.aread()
    await response.aclose()
    return response.status_code


class Outbox:
    """The endpoints of an instance, and what is on its way to them.

    :param events: of the instance.
    :param clock: seconds since the epoch.
    """

    def __init__(self, events: Events, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._couriers: list[Callable[[], object]] = []
        self.endpoints: list[WebhookEndpoint] = []
        events.listen(self._take)

    def add_endpoint(
        self,
        url: str,
        *,
        events: str | Iterable[str] = "*",
        secret: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> WebhookEndpoint:
        """Add an endpoint, which hears of what happens from now on.

        :param url: where it is.
        :param events: the types it wants to hear of; ``*`` is all of them.
        :param secret: a signing secret, ``whsec_`` and base64, instead of a new one.
        :param transport: how to get there, if not over HTTP.
        :raises ConfigurationError: for a URL or a secret that is none, or without the extra
            ``webhooks``.
        """
        endpoint = WebhookEndpoint(
            url, events=events, secret=secret, transport=transport, clock=self._clock
        )
        self.endpoints.append(endpoint)
        return endpoint

    async def deliver(self) -> None:
        """Send every endpoint what is pending; endpoints do not wait for each other."""
        await asyncio.gather(*(endpoint.deliver() for endpoint in self.endpoints))

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        """Deliver on its own, as soon as something happens, for as long as the block runs.

        What an endpoint did not take is tried again when the next thing happens, and at the end.
        """
        loop = asyncio.get_running_loop()
        happened, ending = asyncio.Event(), False

        async def deliver() -> None:
            is_last = False
            while not is_last:
                await happened.wait()
                happened.clear()
                is_last = ending
                await self.deliver()

        def courier() -> None:  # things happen in other threads, too
            loop.call_soon_threadsafe(happened.set)

        task = asyncio.create_task(deliver())
        self._couriers.append(courier)
        try:
            yield
        finally:
            self._couriers.remove(courier)
            ending = True
            happened.set()
            with suppress(TimeoutError):  # an endpoint that hangs keeps nobody from stopping
                await asyncio.wait_for(task, _LAST_SECONDS)

    def _take(self, message: Message) -> None:
        for endpoint in self.endpoints:
            endpoint.take(message)
        for courier in tuple(self._couriers):
            courier()


def _address(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError(f"{url!r} is no URL that webhooks could be delivered to.")
    return url


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


def _signer(secret: str) -> Webhook:
    try:
        from standardwebhooks import Webhook
        from standardwebhooks.webhooks import EmptyWebhookSecretError
    except ModuleNotFoundError:
        raise ConfigurationError(
            'Webhooks are signed by standardwebhooks: pip install "clerk-fastapi[webhooks]"'
        ) from None
    try:
        return Webhook(secret)
    except (ValueError, EmptyWebhookSecretError):  # which may quote it
        pass
    raise ConfigurationError("A signing secret is 'whsec_' and base64; this one is not.")


def _types(events: str | Iterable[str]) -> frozenset[str]:
    return frozenset((events,) if isinstance(events, str) else events)
