"""Who an instance knows: users, organizations, roles, memberships, browsers and sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.testing.described import (
    described_membership,
    described_organization,
    described_user,
    session_event,
)
from clerk_fastapi.testing.events import Events
from clerk_fastapi.testing.names import (
    Full,
    Taken,
    find,
    optional_slug,
    permission_names,
    role_name,
    slugs,
    well_formed_slug,
)
from clerk_fastapi.testing.records import (
    Activity,
    Browser,
    EmailAddress,
    EndedStatus,
    LiveStatus,
    Membership,
    Organization,
    Session,
    User,
)
from clerk_fastapi.testing.signing import new_id

__all__ = ["Directory"]

_A_DAY = 86_400
_TOLD = ("ended", "removed", "revoked")  # of other ends Clerk tells nobody


class Directory:
    """Everyone an instance knows, by id; browsers are by token, since that is all they bring.

    Times are seconds since the epoch, read from ``clock``. What is changed by a method is told to
    ``events``; the fields of a record may be set as well, and nobody is told.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.events = Events(clock)
        self.users: dict[str, User] = {}
        self.organizations: dict[str, Organization] = {}
        self.roles: dict[str, list[str]] = {}
        self.memberships: dict[tuple[str, str], Membership] = {}
        self.browsers: dict[str, Browser] = {}
        self.sessions: dict[str, Session] = {}

    def add_user(
        self,
        email: str,
        *,
        first_name: str | None = None,
        last_name: str | None = None,
        public_metadata: Mapping[str, Any] | None = None,
        plan: str | None = None,
        features: Iterable[str] = (),
        user_id: str | None = None,
        username: str | None = None,
        external_id: str | None = None,
        password: str | None = None,
        private_metadata: Mapping[str, Any] | None = None,
        unsafe_metadata: Mapping[str, Any] | None = None,
        created_at: float | None = None,
    ) -> User:
        """Add a user; ``plan`` and ``features`` are the user's own, not an organization's.

        :param user_id: an id of your choice, for data that outlives this instance.
        :raises ConfigurationError: if the email address, user name or external id is taken, or a
            slug malformed.
        """
        self.refuse_taken(None, email=email, username=username, external_id=external_id)
        created_at = self.clock() if created_at is None else created_at
        user = User(
            user_id or new_id("user"),
            [EmailAddress(new_id("idn"), email, True, created_at, created_at)],
            first_name,
            last_name,
            dict(public_metadata or {}),
            optional_slug(plan),
            slugs(features),
            created_at,
            created_at,
            username,
            external_id,
            password,
            dict(private_metadata or {}),
            dict(unsafe_metadata or {}),
        )
        self.users[user.id] = user
        self.events.add("user.created", described_user(user))
        return user

    def add_organization(
        self,
        slug: str,
        *,
        name: str | None = None,
        public_metadata: Mapping[str, Any] | None = None,
        plan: str | None = None,
        features: Iterable[str] = (),
        organization_id: str | None = None,
        private_metadata: Mapping[str, Any] | None = None,
        max_allowed_memberships: int = 0,
        created_by: str | None = None,
        created_at: float | None = None,
    ) -> Organization:
        """Add an organization; without a name it is called by its slug.

        :param organization_id: an id of your choice, for data that outlives this instance.
        :param max_allowed_memberships: 0 for any number.
        :param created_by: a user's id.
        :raises ConfigurationError: if the slug is taken or malformed.
        """
        self.refuse_taken_slug(None, slug)
        created_at = self.clock() if created_at is None else created_at
        organization = Organization(
            organization_id or new_id("org"),
            well_formed_slug(slug),
            name or slug.capitalize(),
            dict(public_metadata or {}),
            optional_slug(plan),
            slugs(features),
            created_at,
            created_at,
            created_by,
            dict(private_metadata or {}),
            max_allowed_memberships,
        )
        self.organizations[organization.id] = organization
        self.events.add("organization.created", described_organization(organization))
        return organization

    def add_role(self, key: str, *, permissions: Iterable[str] = ()) -> None:
        """Declare what the members with a role (``org:admin``) may do (``org:data:read``).

        :raises ConfigurationError: if the role or a permission is malformed.
        """
        self.roles[role_name(key)] = permission_names(permissions)

    def add_member(
        self,
        organization: Organization | str,
        user: User | str,
        *,
        role: str = "org:member",
        permissions: Iterable[str] | None = None,
        public_metadata: Mapping[str, Any] | None = None,
        private_metadata: Mapping[str, Any] | None = None,
    ) -> Membership:
        """Make a user a member. Without ``permissions`` the member gets those of the declared role.

        :raises ConfigurationError: if the user is a member already, the organization is full, or
            something is unknown or malformed.
        """
        member, group = self.user(user), self.organization(organization)
        if (group.id, member.id) in self.memberships:
            raise Taken(f"{member.email} is a member of {group.slug} already.")
        self.refuse_full(group, [member.email])
        membership = Membership(
            group,
            member,
            role_name(role),
            permission_names(self.roles.get(role, []) if permissions is None else permissions),
            new_id("orgmem"),
            self.clock(),
            self.clock(),
            dict(public_metadata or {}),
            dict(private_metadata or {}),
        )
        self.memberships[group.id, member.id] = membership
        group.members_count += 1
        self.events.add("organizationMembership.created", described_membership(membership))
        return membership

    def add_browser(self) -> Browser:
        """Add a browser in which nobody is signed in."""
        browser = Browser(new_id("client"), new_id("dvb"), self.clock(), self.clock())
        self.browsers[browser.token] = browser
        return browser

    def sign_in(
        self,
        user: User | str,
        *,
        organization: Organization | str | None = None,
        browser: Browser | None = None,
        status: LiveStatus = "active",
        origin: str | None = None,
        actor: Mapping[str, object] | None = None,
        factor_verification_age: tuple[float, float] | None = (0, -1),
    ) -> Session:
        """Open a session, in an organization or in the personal account.

        :param browser: where, if not in a new browser; the session is the active one there.
        :param origin: the page's origin, which becomes ``azp`` in the session's tokens.
        :param factor_verification_age: minutes since the first and the second factor were verified,
            -1 for never. They grow older with the clock; ``None`` leaves the claim out.
        :raises ConfigurationError: if the user is unknown, banned or locked, or no member of the
            organization.
        """
        person, now = self.user(user), self.clock()
        if person.banned or person.locked:
            raise ConfigurationError(f"{person.email} is banned or locked, and cannot sign in.")
        active = None if organization is None else self._joined(person, organization)
        verified = None
        if factor_verification_age is not None:
            first, second = factor_verification_age
            verified = (self._minutes_ago(first), self._minutes_ago(second))
        session = Session(
            new_id("sess"),
            person,
            browser or self.add_browser(),
            active,
            status,
            origin,
            actor,
            verified,
            now,
            new_id("refresh"),
            now,
            now,
            now + 7 * _A_DAY,
            now + 30 * _A_DAY,
            Activity(new_id("sess_activity")),
        )
        self.sessions[session.id] = session
        session.browser.sessions.append(session)
        session.browser.updated_at = person.last_sign_in_at = person.last_active_at = now
        self._tell("session.pending" if status == "pending" else "session.created", session)
        return session

    def switch_organization(
        self, session: Session, organization: Organization | str | None
    ) -> None:
        """Make another organization the active one; ``None`` is the personal account.

        :raises ConfigurationError: if the user is no member of it.
        """
        chosen = None if organization is None else self._joined(session.user, organization)
        if chosen is not session.organization:
            session.organization = chosen
            session.updated_at = session.browser.updated_at = self.clock()

    def end_session(self, session: Session, status: EndedStatus = "ended") -> None:
        """Sign out: its tokens live on until they expire, and nobody gets new ones.

        :param status: how it ended; somebody else may have ``revoked`` it.
        """
        session.status = status
        session.updated_at = session.browser.updated_at = self.clock()
        if status in _TOLD:
            self._tell(f"session.{status}", session)

    def user(self, user: User | str) -> User:
        """Find a user by id or email address.

        :raises ConfigurationError: if there is none.
        """
        return find(user, self.users, "user", "email")

    def organization(self, organization: Organization | str) -> Organization:
        """Find an organization by id or slug.

        :raises ConfigurationError: if there is none.
        """
        return find(organization, self.organizations, "organization", "slug")

    def membership(self, session: Session) -> Membership | None:
        """The session's user as a member of its active organization."""
        if session.organization is None:
            return None
        return self.memberships.get((session.organization.id, session.user.id))

    def refuse_taken(self, but: User | None, **names: str | None) -> None:
        """Refuse a user name, email address or external id that somebody else has.

        :raises ConfigurationError: if there is such a user.
        """
        for field, name in names.items():
            others = [user for user in self.users.values() if user is not but]
            held = [getattr(user, field) for user in others]
            if field == "email":
                held = [email for user in others for email in user.emails]
            if name is not None and name in held:
                raise Taken(f"There is a user {name} already; add each one once.")

    def refuse_taken_slug(self, but: Organization | None, slug: str) -> None:
        """Refuse a slug that another organization has.

        :raises ConfigurationError: if there is such an organization.
        """
        if any(group.slug == slug and group is not but for group in self.organizations.values()):
            raise Taken(f"There is an organization {slug} already; add each one once.")

    def refuse_full(self, organization: Organization, joining: list[str]) -> None:
        """Refuse more members than an organization may have; whoever is invited counts as one.

        :param joining: the email addresses of those to come.
        :raises ConfigurationError: if they are too many.
        """
        most, now = organization.max_allowed_memberships, self.clock()
        invited = {held.email for held in organization.invitations if held.is_open(now)}
        if organization.members_count + len(invited | set(joining)) > most > 0:
            raise Full(f"{organization.slug} is full: it has room for {most}.")

    def _tell(self, type: str, session: Session) -> None:
        self.events.add(type, session_event(session, self.users.get(session.user.id)))

    def _joined(self, user: User, organization: Organization | str) -> Organization:
        group = self.organization(organization)
        if (group.id, user.id) not in self.memberships:
            raise ConfigurationError(f"{user.email} is not a member of {group.slug}.")
        return group

    def _minutes_ago(self, minutes: float) -> float | None:
        return None if minutes < 0 else self.clock() - 60 * minutes
