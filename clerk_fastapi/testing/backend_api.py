"""The Backend API, which servers ask: nothing of it is answered without a secret key."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from clerk_fastapi.testing.answers import Refusal
from clerk_fastapi.testing.backend_email_addresses import email_address_endpoints
from clerk_fastapi.testing.backend_invitations import invitation_endpoints
from clerk_fastapi.testing.backend_machine_tokens import machine_token_endpoints
from clerk_fastapi.testing.backend_machines import machine_endpoints
from clerk_fastapi.testing.backend_memberships import membership_endpoints
from clerk_fastapi.testing.backend_organization_invitations import (
    organization_invitation_endpoints,
)
from clerk_fastapi.testing.backend_organizations import organization_endpoints
from clerk_fastapi.testing.backend_sessions import session_endpoints
from clerk_fastapi.testing.backend_templates import template_endpoints
from clerk_fastapi.testing.backend_tickets import ticket_endpoints
from clerk_fastapi.testing.backend_users import user_endpoints
from clerk_fastapi.testing.credentials import refusal
from clerk_fastapi.testing.endpoints import endpoint
from clerk_fastapi.testing.instance import Instance

__all__ = ["backend_api"]


def backend_api(instance: Instance) -> ASGIApp:
    """The routes below ``/v1``, and the same without it, as some of Clerk's SDKs ask."""

    async def jwks(request: Request) -> object:
        return instance.jwks()

    router = Router(
        [
            endpoint("GET", "/jwks", jwks),
            *user_endpoints(instance),
            *email_address_endpoints(instance),
            *session_endpoints(instance),
            *organization_endpoints(instance),
            *membership_endpoints(instance),
            *organization_invitation_endpoints(instance),
            *invitation_endpoints(instance),
            *template_endpoints(instance),
            *machine_endpoints(instance),
            *machine_token_endpoints(instance),
            *ticket_endpoints(instance),
        ],
        redirect_slashes=False,
    )

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        answer = refusal(instance, Request(scope)) if scope["type"] == "http" else None
        try:
            await (answer or router)(scope, receive, send)
        except HTTPException:  # the router's own: endpoints answer for themselves
            # Neither 404, which would tell of a record, nor 5xx, which would be asked again.
            asked = f"{scope['method']} {Request(scope).url.path}"
            raise Refusal(400, "not_in_local_clerk", f"LocalClerk has no {asked}.") from None

    return guarded
