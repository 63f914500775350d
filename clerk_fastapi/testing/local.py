"""LocalClerk: a Clerk of your own, for development and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import cached_property
from typing import NotRequired, TypedDict

import httpx
from starlette.types import ASGIApp

from clerk_fastapi.testing.app import build_app
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.traffic import Outage, SeenRequest, Traffic
from clerk_fastapi.testing.webhooks import WebhookEndpoint

__all__ = ["ClerkSettings", "LocalClerk"]


class ClerkSettings(TypedDict):
    """Arguments that connect a ``Clerk`` to a ``LocalClerk``."""

    publishable_key: str
    secret_key: str
    transport: httpx.AsyncBaseTransport
    clock: Callable[[], float]
    proxy_url: NotRequired[str]


class LocalClerk(Instance):
    """A Clerk instance in this process, on no network, with keys made when it is.

    Add users, organizations and members, sign them in and take their tokens; connect the
    application under test with ``Clerk(**local.settings())``::

        local = LocalClerk(session_claims={"metadata": "{{user.public_metadata}}"})
        ada = local.add_user("ada@example.com", public_metadata={"plan": "pro"})
        acme = local.add_organization("acme")
        local.add_member(acme, ada, role="org:admin", permissions=["org:data:read"])
        token = local.token(local.sign_in(ada, organization=acme))
    """

    @cached_property
    def _traffic(self) -> Traffic:
        return Traffic(build_app(self))

    @property
    def app(self) -> ASGIApp:
        """The instance as an ASGI application: its Frontend API and its Backend API."""
        return self._traffic

    def transport(self) -> httpx.AsyncBaseTransport:
        """Make an httpx transport that takes every request to this instance, whatever its host."""
        return httpx.ASGITransport(self.app)

    def settings(self) -> ClerkSettings:
        """The arguments with which a ``Clerk`` belongs to this instance and shares its clock.

        With ``proxy_url`` among them, if that is set by then: it sends browsers to wherever this
        instance is served.
        """
        settings: ClerkSettings = {
            "publishable_key": self.publishable_key,
            "secret_key": self.secret_key,
            "transport": self.transport(),
            "clock": self.clock,
        }
        if self.proxy_url is not None:
            settings["proxy_url"] = self.proxy_url
        return settings

    @property
    def requests(self) -> list[SeenRequest]:
        """The requests that were made, oldest first; clear the list to start counting anew."""
        return self._traffic.requests

    def requests_to(self, path: str) -> list[SeenRequest]:
        """Those to one path, such as ``/api_keys/verify``, below ``/v1`` or not."""
        return [seen for seen in self.requests if seen.path.removeprefix("/v1") == path]

    @property
    def jwks_requests(self) -> int:
        """How many of them were for the keys."""
        return len(self.requests_to("/jwks") + self.requests_to("/.well-known/jwks.json"))

    def outage(
        self,
        kind: Outage = "error",
        *,
        status: int = 503,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[None]:
        """Fail in one way for as long as the block runs; inside another outage, instead of it.

        :param kind: ``error`` answers ``status`` with ``headers``; ``html`` answers a web page,
            ``half`` hangs up in the middle of the answer, ``hang`` never answers, and
            ``unreachable`` does not even take the call.
        """
        return self._traffic.outage(kind, status, headers or {})

    def add_webhook_endpoint(
        self,
        url: str,
        *,
        events: str | Iterable[str] = "*",
        secret: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> WebhookEndpoint:
        """Add an endpoint, which hears of what happens from now on.

        :param events: the types of events it wants to hear of; ``*`` is all of them.
        :param secret: a signing secret that two processes agreed on, instead of a new one.
        :param transport: how to get there, if not over HTTP:
            ``httpx.ASGITransport(app, raise_app_exceptions=False)`` is an application of yours.
        :raises ConfigurationError: for a URL or a secret that is none, or without the extra
            ``webhooks``.
        """
        return self.outbox.add_endpoint(url, events=events, secret=secret, transport=transport)

    async def deliver_webhooks(self) -> None:
        """Send every endpoint what it has not taken yet, in order."""
        await self.outbox.deliver()

    def delivering_webhooks(self) -> AbstractAsyncContextManager[None]:
        """Deliver on its own, as soon as something happens, for as long as the block runs.

        A server that runs ``app`` does so by itself. What an endpoint did not take is tried again
        when the next thing happens, and once more at the end.
        """
        return self.outbox.delivering()
