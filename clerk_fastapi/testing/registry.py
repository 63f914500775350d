"""What can become of those an instance knows: changes, bans, deletions, and sessions that end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.testing.described import (
    deleted,
    described_membership,
    described_organization,
    described_user,
)
from clerk_fastapi.testing.directory import Directory
from clerk_fastapi.testing.names import Unknown, permission_names, role_name, well_formed_slug
from clerk_fastapi.testing.records import (
    EmailAddress,
    Membership,
    Organization,
    Session,
    User,
)
from clerk_fastapi.testing.signing import new_id

__all__ = ["MemberChanges", "OrganizationChanges", "Registry", "UserChanges", "merged"]


class UserChanges(TypedDict, total=False):
    """What can be changed about a user; metadata is replaced."""

    email: str
    username: str | None
    external_id: str | None
    first_name: str | None
    last_name: str | None
    password: str | None
    created_at: float
    public_metadata: Mapping[str, Any]
    private_metadata: Mapping[str, Any]
    unsafe_metadata: Mapping[str, Any]


class OrganizationChanges(TypedDict, total=False):
    """What can be changed about an organization; metadata is replaced."""

    name: str
    slug: str
    max_allowed_memberships: int
    admin_delete_enabled: bool
    created_at: float
    public_metadata: Mapping[str, Any]
    private_metadata: Mapping[str, Any]


class MemberChanges(TypedDict, total=False):
    """What can be changed about a membership; metadata is replaced."""

    role: str
    public_metadata: Mapping[str, Any]
    private_metadata: Mapping[str, Any]


class Registry(Directory):
    """A directory whose records change, the way Clerk changes them, and go."""

    def update_user(self, user: User | str, **changes: Unpack[UserChanges]) -> User:
        """Change some of a user's fields.

        :raises ConfigurationError: if there is no such user, or a name is taken.
        """
        person = self.user(user)
        self.refuse_taken(
            person,
            email=changes.get("email"),
            username=changes.get("username"),
            external_id=changes.get("external_id"),
        )
        self._change(person, changes)
        self.events.add("user.updated", described_user(person))
        return person

    def add_email_address(
        self, user: User | str, email: str, *, verified: bool = True, primary: bool = False
    ) -> EmailAddress:
        """Give a user another email address.

        :raises ConfigurationError: if there is no such user, or the address is taken.
        """
        person, now = self.user(user), self.clock()
        self.refuse_taken(None, email=email)
        address = EmailAddress(new_id("idn"), email, verified, now, now)
        person.email_addresses.insert(0 if primary else len(person.email_addresses), address)
        self._set_user(person)
        return address

    def update_email_address(
        self, user: User | str, address: EmailAddress, *, verified: bool, primary: bool
    ) -> None:
        """Have an address of a user verified, or be the primary one, too.

        :raises ConfigurationError: if there is no such user.
        """
        person = self.user(user)
        address.is_verified, address.updated_at = address.is_verified or verified, self.clock()
        if primary:
            person.email_addresses.remove(address)
            person.email_addresses.insert(0, address)
        self._set_user(person)

    def remove_email_address(self, user: User | str, address: EmailAddress) -> None:
        """Take an address away; of those that are left the first one is the primary one.

        :raises ConfigurationError: if there is no such user, or no other address.
        """
        person = self.user(user)
        if person.email_addresses == [address]:
            raise ConfigurationError(f"{address.email} is the last one of its user.")
        person.email_addresses.remove(address)
        self._set_user(person)

    def ban(self, user: User | str) -> None:
        """Sign somebody out everywhere, for good.

        :raises ConfigurationError: if there is no such user.
        """
        person = self.user(user)
        self._set_user(person, banned=True)
        for session in self.sessions_of(person):
            self.end_session(session, "revoked")

    def unban(self, user: User | str) -> None:
        """Let somebody sign in again.

        :raises ConfigurationError: if there is no such user.
        """
        self._set_user(self.user(user), banned=False)

    def lock(self, user: User | str) -> None:
        """Let somebody sign in no more, as after too many wrong passwords.

        :raises ConfigurationError: if there is no such user.
        """
        self._set_user(self.user(user), locked=True)

    def unlock(self, user: User | str) -> None:
        """Let somebody sign in again.

        :raises ConfigurationError: if there is no such user.
        """
        self._set_user(self.user(user), locked=False)

    def delete_user(self, user: User | str) -> None:
        """Forget a user, with all memberships and sessions.

        :raises ConfigurationError: if there is no such user.
        """
        person = self.user(user)
        del self.users[person.id]
        for membership in self.memberships_of(person):
            self._drop(membership)
        for session in [held for held in self.sessions.values() if held.user is person]:
            if session.is_live:
                self.end_session(session, "removed")
            del self.sessions[session.id]
        gone = deleted("user", person.id, external_id=person.external_id)
        self.events.add("user.deleted", gone)

    def update_organization(
        self, organization: Organization | str, **changes: Unpack[OrganizationChanges]
    ) -> Organization:
        """Change some of an organization's fields.

        :raises ConfigurationError: if there is no such organization, or the slug is taken or
            malformed.
        """
        group = self.organization(organization)
        if "slug" in changes:
            self.refuse_taken_slug(group, well_formed_slug(changes["slug"]))
        self._change(group, changes)
        self.events.add("organization.updated", described_organization(group))
        return group

    def delete_organization(self, organization: Organization | str) -> None:
        """Forget an organization; whoever is signed in to it is in the personal account then.

        :raises ConfigurationError: if there is no such organization.
        """
        group = self.organization(organization)
        for membership in self.members_of(group):
            self._drop(membership)
        del self.organizations[group.id]
        gone = deleted("organization", group.id, slug=group.slug)
        self.events.add("organization.deleted", gone)

    def update_member(
        self,
        organization: Organization | str,
        user: User | str,
        **changes: Unpack[MemberChanges],
    ) -> Membership:
        """Change a membership; with another role come its permissions.

        :raises ConfigurationError: if there is no such member, or the role is malformed.
        """
        membership = self.member(organization, user)
        if "role" in changes:
            granted = self.roles.get(role_name(changes["role"]), [])
            membership.permissions = permission_names(granted)
        self._change(membership, changes)
        self.events.add("organizationMembership.updated", described_membership(membership))
        return membership

    def remove_member(self, organization: Organization | str, user: User | str) -> Membership:
        """End a membership; who is signed in to the organization is in the personal account then.

        :raises ConfigurationError: if there is no such member.
        """
        membership = self.member(organization, user)
        self._drop(membership)
        self.events.add("organizationMembership.deleted", described_membership(membership))
        return membership

    def member(self, organization: Organization | str, user: User | str) -> Membership:
        """Find a membership.

        :raises ConfigurationError: if there is none.
        """
        group, person = self.organization(organization), self.user(user)
        membership = self.memberships.get((group.id, person.id))
        if membership is None:
            raise Unknown(f"{person.email} is not a member of {group.slug}.")
        return membership

    def members_of(self, organization: Organization) -> list[Membership]:
        """All members of an organization, in the order they joined."""
        return [held for held in self.memberships.values() if held.organization is organization]

    def memberships_of(self, user: User) -> list[Membership]:
        """All memberships of a user, in the order of joining."""
        return [held for held in self.memberships.values() if held.user is user]

    def sessions_of(self, user: User) -> list[Session]:
        """The sessions of a user that have not ended, oldest first."""
        self.expire_sessions()
        return [held for held in self.sessions.values() if held.user is user and held.is_live]

    def use(self, session: Session) -> None:
        """Note that somebody has just used a session."""
        session.last_active_at = session.user.last_active_at = self.clock()

    def expire_sessions(self) -> None:
        """End the sessions whose time has run out."""
        now = self.clock()
        for session in self.sessions.values():
            if session.expire_at <= now and session.is_live:
                self.end_session(session, "expired")

    def _set_user(self, user: User, **flags: bool) -> None:
        self._change(user, flags)
        self.events.add("user.updated", described_user(user))

    def _drop(self, membership: Membership) -> None:
        organization, user = membership.organization, membership.user
        for session in self.sessions.values():
            if session.user is user and session.organization is organization:
                self.switch_organization(session, None)
        del self.memberships[organization.id, user.id]
        organization.members_count -= 1

    def _change(
        self, record: User | Organization | Membership, changes: Mapping[str, object]
    ) -> None:
        for name, value in changes.items():
            setattr(record, name, dict(value) if isinstance(value, Mapping) else value)
        record.updated_at = self.clock()


def merged(metadata: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay changes over metadata, at every depth; ``None`` takes a key away."""
    result = dict(metadata)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            below = result.get(key)
            result[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[key] = value
    return result
