"""Receiving webhooks: a router with one route, and the handlers that Clerk's events go to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from clerk_fastapi.engine.consequences import take_consequences
from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.errors import ConfigurationError, WebhookBodyInvalid
from clerk_fastapi.protocol import events
from clerk_fastapi.protocol.events.reading import read_said, type_event
from clerk_fastapi.protocol.webhooks import Delivery
from clerk_fastapi.settings import read_signing_secrets
from clerk_fastapi.web.event_handlers import EventHandlers, check_types
from clerk_fastapi.web.signed import SignedByClerk, with_body

__all__ = ["Webhooks"]

logger = logging.getLogger("clerk_fastapi")

_EventT = TypeVar("_EventT")
_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Takes(Protocol[_EventT]):
    """A decorator of functions that take an event."""

    def __call__(
        self, handler: Callable[Concatenate[_EventT, _P], _R], /
    ) -> Callable[Concatenate[_EventT, _P], _R]: ...


class Webhooks(APIRouter):
    """Receives what Clerk delivers to an endpoint: ``app.include_router(Webhooks())``.

    What is not signed by Clerk is refused (400). Sessions that are over and users who are shut out
    are refused from then on in all workers, before any handler is called. A delivery is
    acknowledged (204) when all handlers of its event are through with it, in whichever worker;
    otherwise Clerk delivers it again, and those that are not through yet run again.

    :param clerk: the instance, in an application with several; by default the running one.
    :param secret: the signing secret of the endpoint, or several while one replaces another; by
        default ``CLERK_WEBHOOK_SIGNING_SECRET``, with spaces between several.
    :param path: where Clerk delivers to.
    :raises ConfigurationError: if a secret is missing or malformed, or the extra ``webhooks``.
    """

    def __init__(
        self,
        clerk: Engine[Any] | None = None,
        *,
        secret: str | Iterable[str] | None = None,
        path: str = "/webhooks",
    ) -> None:
        super().__init__()
        if not isinstance(clerk, Engine | None):
            raise ConfigurationError("Webhooks take a Clerk, if they are for a certain one.")
        self._handlers = EventHandlers()
        signed = SignedByClerk(read_signing_secrets(secret), clerk)

        async def receive(request: Request, delivery: Delivery = Depends(signed)) -> Response:  # noqa: B008  # FastAPI
            await self._take(delivery, request, signed.engine(request))
            return Response(status_code=204)

        # Nobody but Clerk has any use for it in the OpenAPI document.
        self.add_api_route(
            path, receive, methods=["POST"], include_in_schema=False, name="clerk_webhooks"
        )

    @overload
    def on(self, *types: events.UserEventType) -> _Takes[events.UserEvent]: ...
    @overload
    def on(self, *types: events.UserDeletedEventType) -> _Takes[events.UserDeletedEvent]: ...
    @overload
    def on(self, *types: events.SessionEventType) -> _Takes[events.SessionEvent]: ...
    @overload
    def on(self, *types: events.OrganizationEventType) -> _Takes[events.OrganizationEvent]: ...
    @overload
    def on(
        self, *types: events.OrganizationDeletedEventType
    ) -> _Takes[events.OrganizationDeletedEvent]: ...
    @overload
    def on(self, *types: events.MembershipEventType) -> _Takes[events.MembershipEvent]: ...
    @overload
    def on(self, *types: events.InvitationEventType) -> _Takes[events.InvitationEvent]: ...
    @overload
    def on(self, *types: events.DomainEventType) -> _Takes[events.DomainEvent]: ...
    @overload
    def on(self, *types: events.DomainDeletedEventType) -> _Takes[events.DomainDeletedEvent]: ...
    @overload
    def on(self, *types: events.RoleEventType) -> _Takes[events.RoleEvent]: ...
    @overload
    def on(self, *types: events.PermissionEventType) -> _Takes[events.PermissionEvent]: ...
    @overload
    def on(self, *types: events.EmailEventType) -> _Takes[events.EmailEvent]: ...
    @overload
    def on(self, *types: events.SmsEventType) -> _Takes[events.SmsEvent]: ...
    @overload
    def on(self, *types: events.WaitlistEntryEventType) -> _Takes[events.WaitlistEntryEvent]: ...
    @overload
    def on(self, *types: events.PaymentAttemptEventType) -> _Takes[events.PaymentAttemptEvent]: ...
    @overload
    def on(self, *types: events.SubscriptionEventType) -> _Takes[events.SubscriptionEvent]: ...
    @overload
    def on(
        self, *types: events.SubscriptionItemEventType
    ) -> _Takes[events.SubscriptionItemEvent]: ...
    @overload
    def on(self, *types: Literal["*"]) -> _Takes[events.Event[Any]]: ...
    @overload
    def on(self, *types: str) -> _Takes[Any]: ...

    def on(self, *types: str) -> Any:
        """Declare a handler of events: ``@webhooks.on("user.created", "user.updated")``.

        It takes the event and, if it has a parameter of that name, the ``request``. A plain
        function runs in a thread. One that raises gets the event again, and so does one whose
        worker dies in the middle.

        :param types: such as ``session.revoked``, types that Clerk has added since included; ``*``
            is for all of them.
        :raises ConfigurationError: for what looks like a slip, for a function that takes something
            else or yields, and for two functions of one name.
        """

        check_types(types)  # before there is a function: ``@webhooks.on`` would never get one

        def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
            self._handlers.add(handler, types)
            return handler

        return declare

    async def _take(self, delivery: Delivery, request: Request, clerk: Engine[Any]) -> None:
        try:
            said = read_said(delivery.body)
            await take_consequences(said, clerk.revocations, clerk.clock())
        except WebhookBodyInvalid as error:
            logger.warning("webhook %s is refused: %s", delivery.id, error.message)
            raise
        handlers = self._handlers.of(said["type"])
        try:
            event = type_event(said)
        except WebhookBodyInvalid as error:
            # Who had to be shut out is; that nobody can be handed the rest matters to handlers.
            logger.warning("webhook %s, a %.80r: %s", delivery.id, said["type"], error.message)
            if handlers:
                raise
            return
        if handlers:
            whole = await with_body(request, delivery.body)
            todo = {name: partial(each.run, event, whole) for name, each in handlers.items()}
            await clerk.deliveries.handle(delivery, todo)
