"""Invitations to sign up, of the Backend API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from clerk_fastapi.testing.answers import Refusal
from clerk_fastapi.testing.asking import (
    Body,
    Email,
    Metadata,
    Page,
    asked,
    known,
    ordered,
    read,
    read_several,
)
from clerk_fastapi.testing.described import described_invitation
from clerk_fastapi.testing.endpoints import endpoint
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.names import Invited
from clerk_fastapi.testing.records import Invitation, InvitationStatus

__all__ = ["NewInvitation", "invitation_endpoints"]

_FIELDS: Final[Mapping[str, Callable[[Invitation], Any]]] = {
    "created_at": lambda invitation: invitation.created_at,
    "email_address": lambda invitation: invitation.email,
    "expires_at": lambda invitation: invitation.expires_at,
}


class _Invitations(Page):
    status: tuple[InvitationStatus, ...] = ("pending", "accepted", "expired")
    query: str = ""
    order_by: str = "-created_at"
    paginated: bool = False


class NewInvitation(Body):
    """What all invitations are made of."""

    email_address: Email
    public_metadata: Metadata | None = None
    expires_in_days: Annotated[int, Field(ge=1, le=365)] | None = None
    # Nobody gets a mail, nor follows its link to a page.
    redirect_url: str | None = None
    notify: bool | None = None


class _ToSignUp(NewInvitation):
    ignore_existing: bool | None = None
    template_slug: Literal["invitation", "waitlist_invitation"] | None = None


def invitation_endpoints(instance: Instance) -> list[Route]:
    """All that begin with ``/invitations``."""
    invitations = _InvitationEndpoints(instance)
    return [
        endpoint("GET", "/invitations", invitations.page),
        endpoint("POST", "/invitations", invitations.create),
        endpoint("POST", "/invitations/bulk", invitations.create_several),
        endpoint("POST", "/invitations/{invitation_id}/revoke", invitations.revoke),
    ]


class _InvitationEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, request: Request) -> object:
        query = asked(request, _Invitations)
        matching = [
            invitation
            for invitation in self._instance.invitations.values()
            if invitation.status in query.status
            and (query.query in invitation.email or query.query == invitation.id)
        ]
        page = query.of(ordered(matching, query.order_by, _FIELDS))
        data = [described_invitation(invitation) for invitation in page]
        return {"data": data, "total_count": len(matching)} if query.paginated else data

    async def create(self, request: Request) -> object:
        body = await read(request, _ToSignUp)
        if not body.ignore_existing:
            self._instance.refuse_taken(None, email=body.email_address)
        return self._created([body])[0]

    async def create_several(self, request: Request) -> object:
        bodies = await read_several(request, _ToSignUp)
        for body in bodies:  # a user is never ignored here
            self._instance.refuse_taken(None, email=body.email_address)
        return self._created(bodies)

    async def revoke(self, request: Request) -> object:
        invitation = known(self._instance.invitations, request, "invitation_id", "invitation")
        if invitation.status in ("accepted", "revoked"):
            message = f"The invitation is {invitation.status} already."
            raise Refusal(400, f"invitation_already_{invitation.status}", message)
        self._instance.revoke_invitation(invitation)
        return described_invitation(invitation)

    def _created(self, bodies: list[_ToSignUp]) -> list[dict[str, object]]:
        """All of them, or none."""
        instance, met = self._instance, list[str]()
        try:
            for email in (one.email_address for one in bodies if not one.ignore_existing):
                instance.refuse_invited(email, instance.invitations.values())
                if email in met:
                    raise Invited(f"{email} is there twice.")
                met.append(email)
        except Invited as error:
            raise Refusal(400, "duplicate_record", error.message, "email_address") from None
        return [
            described_invitation(
                instance.invite(
                    body.email_address,
                    public_metadata=body.public_metadata,
                    expires_in_days=body.expires_in_days or 30,
                    ignore_existing=True,
                )
            )
            for body in bodies
        ]
