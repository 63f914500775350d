"""Whom an instance has invited: to sign up, or to join an organization."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.testing.described import described_organization_invitation
from clerk_fastapi.testing.names import Invited, Taken, role_name
from clerk_fastapi.testing.records import (
    Invitation,
    InvitationStatus,
    Organization,
    OrganizationInvitation,
    User,
)
from clerk_fastapi.testing.registry import Registry
from clerk_fastapi.testing.signing import new_id

__all__ = ["InvitationDirectory"]

_A_DAY = 86_400


class InvitationDirectory(Registry, ABC):
    """A directory of those, too, who have not come yet. No mail is sent."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.invitations: dict[str, Invitation] = {}

    @property
    @abstractmethod
    def issuer(self) -> str:
        """Where the links lead."""

    def invite(
        self,
        email: str,
        *,
        public_metadata: Mapping[str, Any] | None = None,
        expires_in_days: int = 30,
        ignore_existing: bool = False,
    ) -> Invitation:
        """Invite somebody to sign up.

        :param public_metadata: what the user will have.
        :param ignore_existing: even though there is such a user or invitation.
        :raises ConfigurationError: if there is one.
        """
        if not ignore_existing:
            self.refuse_taken(None, email=email)
            self.refuse_invited(email, self.invitations.values())
        now = self.clock()
        invitation = Invitation(
            id=new_id("inv"),
            email=email,
            url=self._link(),
            public_metadata=dict(public_metadata or {}),
            created_at=now,
            updated_at=now,
            expires_at=now + expires_in_days * _A_DAY,
        )
        self.invitations[invitation.id] = invitation
        return invitation

    def invite_member(
        self,
        organization: Organization | str,
        email: str,
        *,
        role: str = "org:member",
        inviter: User | str | None = None,
        public_metadata: Mapping[str, Any] | None = None,
        private_metadata: Mapping[str, Any] | None = None,
        expires_in_days: int = 30,
    ) -> OrganizationInvitation:
        """Invite somebody to an organization.

        :param public_metadata: what the membership will have; the private metadata likewise.
        :raises ConfigurationError: if that is a member, or has been invited, already; if the
            organization is full, or something is unknown or malformed.
        """
        group, now = self.organization(organization), self.clock()
        self.refuse_member(group, email)
        self.refuse_invited(email, group.invitations)
        self.refuse_full(group, [email])
        invitation = OrganizationInvitation(
            id=new_id("orginv"),
            email=email,
            url=self._link(),
            public_metadata=dict(public_metadata or {}),
            created_at=now,
            updated_at=now,
            expires_at=now + expires_in_days * _A_DAY,
            organization=group,
            role=role_name(role),
            inviter=None if inviter is None else self.user(inviter),
            private_metadata=dict(private_metadata or {}),
        )
        group.invitations.append(invitation)
        told = described_organization_invitation(invitation)
        self.events.add("organizationInvitation.created", told)
        return invitation

    def accept_invitation(self, invitation: Invitation) -> User:
        """Follow the link: whoever has no account signs up, and joins the organization.

        :raises ConfigurationError: if it is not open, or the organization cannot be joined.
        """
        self.expire_invitations()
        if invitation.status != "pending":
            raise ConfigurationError(
                f"The invitation of {invitation.email} is {invitation.status}."
            )
        to_join = invitation if isinstance(invitation, OrganizationInvitation) else None
        if to_join is not None:
            self.organization(to_join.organization)
        user = next((one for one in self.users.values() if invitation.email in one.emails), None)
        if user is None:
            metadata = invitation.public_metadata if to_join is None else {}
            user = self.add_user(invitation.email, public_metadata=metadata)
        if to_join is not None:
            self.add_member(
                to_join.organization,
                user,
                role=to_join.role,
                public_metadata=to_join.public_metadata,
                private_metadata=to_join.private_metadata,
            )
        self._settle(invitation, "accepted", user_id=user.id)
        return user

    def revoke_invitation(self, invitation: Invitation) -> None:
        """Take an invitation back: its link leads nowhere."""
        self._settle(invitation, "revoked")

    def organization_invitations(self) -> list[OrganizationInvitation]:
        """Those of all organizations, oldest first."""
        groups = self.organizations.values()
        every = [invitation for group in groups for invitation in group.invitations]
        return sorted(every, key=lambda invitation: invitation.created_at)

    def expire_invitations(self) -> None:
        """Close the invitations whose time has run out."""
        now = self.clock()
        for invitation in [*self.invitations.values(), *self.organization_invitations()]:
            if invitation.status == "pending" and not invitation.is_open(now):
                invitation.status, invitation.updated_at = "expired", invitation.expires_at

    def refuse_member(self, organization: Organization, email: str) -> None:
        """Refuse the email address of a member.

        :raises ConfigurationError: if it is one's.
        """
        if any(email in held.user.emails for held in self.members_of(organization)):
            raise Taken(f"{email} is a member of {organization.slug} already.")

    def refuse_invited(self, email: str, invitations: Iterable[Invitation]) -> None:
        """Refuse an email address that one of these invitations is for.

        :raises ConfigurationError: if one is, and is still open.
        """
        now = self.clock()
        if any(held.email == email and held.is_open(now) for held in invitations):
            raise Invited(f"{email} has been invited already.")

    def _settle(self, invitation: Invitation, status: InvitationStatus, **more: object) -> None:
        invitation.status, invitation.updated_at = status, self.clock()
        if isinstance(invitation, OrganizationInvitation):
            told = described_organization_invitation(invitation)
            self.events.add(f"organizationInvitation.{status}", {**told, **more})

    def _link(self) -> str:
        return f"{self.issuer}/v1/tickets/accept?ticket={new_id('tkt')}"
