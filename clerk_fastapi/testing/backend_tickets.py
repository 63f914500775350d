"""Sign-in tokens, actor tokens and testing tokens of the Backend API."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from clerk_fastapi.testing.answers import Refusal, not_found
from clerk_fastapi.testing.asking import Body, Document, read
from clerk_fastapi.testing.described import described_ticket
from clerk_fastapi.testing.endpoints import endpoint
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.records import Ticket
from clerk_fastapi.testing.signing import new_id

__all__ = ["ticket_endpoints"]

_THIRTY_DAYS, _AN_HOUR = 2_592_000, 3_600


class _SignIn(Body):
    user_id: str
    expires_in_seconds: int | None = Field(None, ge=1)


class _Actor(Body):
    user_id: str
    actor: Document
    expires_in_seconds: int | None = Field(None, ge=1)
    # Of no consequence here, but Clerk's own SDK for Python always says it.
    session_max_duration_in_seconds: int | None = Field(None, ge=1)


def ticket_endpoints(instance: Instance) -> list[Route]:
    """``/sign_in_tokens``, ``/actor_tokens`` and ``/testing_tokens``."""
    tickets = _TicketEndpoints(instance)
    return [
        endpoint("POST", "/sign_in_tokens", tickets.create_sign_in_token),
        endpoint("POST", "/sign_in_tokens/{ticket_id}/revoke", tickets.revoke_sign_in_token),
        endpoint("POST", "/actor_tokens", tickets.create_actor_token),
        endpoint("POST", "/actor_tokens/{ticket_id}/revoke", tickets.revoke_actor_token),
        endpoint("POST", "/testing_tokens", tickets.create_testing_token),
    ]


class _TicketEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def create_sign_in_token(self, request: Request) -> object:
        body = await read(request, _SignIn)
        if body.user_id not in self._instance.users:
            raise not_found("user")
        return self._create("sit", body.user_id, None, body.expires_in_seconds or _THIRTY_DAYS)

    async def create_actor_token(self, request: Request) -> object:
        body = await read(request, _Actor)
        if body.user_id not in self._instance.users:
            raise Refusal(422, "resource_not_found", "There is no such user.", "user_id")
        if not isinstance(body.actor.get("sub"), str):
            raise Refusal(422, "form_param_nil", "actor: sub is missing.", "actor")
        return self._create("act", body.user_id, body.actor, body.expires_in_seconds or _AN_HOUR)

    async def revoke_sign_in_token(self, request: Request) -> object:
        return self._revoke(request, is_actor=False)

    async def revoke_actor_token(self, request: Request) -> object:
        return self._revoke(request, is_actor=True)

    async def create_testing_token(self, request: Request) -> object:
        expires_at = int(self._instance.clock()) + _AN_HOUR
        return {"object": "testing_token", "token": new_id("test"), "expires_at": expires_at}

    def _create(
        self, prefix: str, user_id: str, actor: dict[str, Any] | None, expires_in: int
    ) -> object:
        now = self._instance.clock()
        ticket = Ticket(new_id(prefix), new_id("tkt"), user_id, actor, now, now, now + expires_in)
        self._instance.tickets[ticket.id] = ticket
        url = f"{self._instance.issuer}/v1/tickets/accept?ticket={ticket.token}"
        return {**described_ticket(ticket), "token": ticket.token, "url": url}

    def _revoke(self, request: Request, *, is_actor: bool) -> object:
        ticket = self._instance.tickets.get(request.path_params["ticket_id"])
        if ticket is None or (ticket.actor is not None) != is_actor:
            raise not_found("token")
        ticket.status, ticket.updated_at = "revoked", self._instance.clock()
        return described_ticket(ticket)
