"""Who an instance knows: users, organizations, roles, memberships, browsers and sessions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.testing.records import (
    Browser,
    EndedStatus,
    LiveStatus,
    Membership,
    Organization,
    Session,
    User,
)
from clerk_fastapi.testing.signing import new_id

__all__ = ["Directory"]

RecordT = TypeVar("RecordT", User, Organization)

_SLUG = re.compile(r"[a-z0-9_-]+", re.ASCII)
_ROLE = re.compile(r"org:[a-z0-9_-]+", re.ASCII)
_PERMISSION = re.compile(r"org:[a-z0-9_-]+:[a-z0-9_-]+", re.ASCII)


class Directory:
    """Everyone an instance knows, by id; browsers are by token, since that is all they bring.

    Times are seconds since the epoch, read from ``clock``.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
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
    ) -> User:
        """Add a user; ``plan`` and ``features`` are the user's own, not an organization's.

        :param user_id: an id of your choice, for data that outlives this instance.
        :raises ConfigurationError: if the email address is taken, or a slug malformed.
        """
        if any(user.email == email for user in self.users.values()):
            raise ConfigurationError(f"There is a user {email} already; add each one once.")
        user = User(
            user_id or new_id("user"),
            email,
            first_name,
            last_name,
            dict(public_metadata or {}),
            _optional_slug(plan),
            _slugs(features),
        )
        self.users[user.id] = user
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
    ) -> Organization:
        """Add an organization; without a name it is called by its slug.

        :param organization_id: an id of your choice, for data that outlives this instance.
        :raises ConfigurationError: if the slug is taken or malformed.
        """
        if any(organization.slug == slug for organization in self.organizations.values()):
            raise ConfigurationError(f"There is an organization {slug} already; add each one once.")
        organization = Organization(
            organization_id or new_id("org"),
            _slug(slug),
            name or slug.capitalize(),
            dict(public_metadata or {}),
            _optional_slug(plan),
            _slugs(features),
        )
        self.organizations[organization.id] = organization
        return organization

    def add_role(self, key: str, *, permissions: Iterable[str] = ()) -> None:
        """Declare what the members with a role (``org:admin``) may do (``org:data:read``).

        :raises ConfigurationError: if the role or a permission is malformed.
        """
        self.roles[_role(key)] = _permissions(permissions)

    def add_member(
        self,
        organization: Organization | str,
        user: User | str,
        *,
        role: str = "org:member",
        permissions: Iterable[str] | None = None,
    ) -> Membership:
        """Make a user a member. Without ``permissions`` the member gets those of the declared role.

        :raises ConfigurationError: if the user is a member already, or something is unknown or
            malformed.
        """
        member, group = self.user(user), self.organization(organization)
        if (group.id, member.id) in self.memberships:
            raise ConfigurationError(f"{member.email} is a member of {group.slug} already.")
        granted = self.roles.get(role, []) if permissions is None else permissions
        membership = Membership(group, member, _role(role), _permissions(granted))
        self.memberships[group.id, member.id] = membership
        return membership

    def add_browser(self) -> Browser:
        """Add a browser in which nobody is signed in."""
        browser = Browser(new_id("client"), new_id("dvb"), self.clock())
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
        :raises ConfigurationError: if the user is unknown, or no member of the organization.
        """
        person = self.user(user)
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
            self.clock(),
            new_id("refresh"),
        )
        self.sessions[session.id] = session
        session.browser.sessions.append(session)
        session.browser.updated_at = self.clock()
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
            session.browser.updated_at = self.clock()

    def end_session(self, session: Session, status: EndedStatus = "ended") -> None:
        """Sign out: its tokens live on until they expire, and nobody gets new ones.

        :param status: how it ended; somebody else may have ``revoked`` it.
        """
        session.status = status
        session.browser.updated_at = self.clock()

    def user(self, user: User | str) -> User:
        """Find a user by id or email address.

        :raises ConfigurationError: if there is none.
        """
        return _find(user, self.users, "user", "email")

    def organization(self, organization: Organization | str) -> Organization:
        """Find an organization by id or slug.

        :raises ConfigurationError: if there is none.
        """
        return _find(organization, self.organizations, "organization", "slug")

    def membership(self, session: Session) -> Membership | None:
        """The session's user as a member of its active organization."""
        if session.organization is None:
            return None
        return self.memberships.get((session.organization.id, session.user.id))

    def _joined(self, user: User, organization: Organization | str) -> Organization:
        group = self.organization(organization)
        if (group.id, user.id) not in self.memberships:
            raise ConfigurationError(f"{user.email} is not a member of {group.slug}.")
        return group

    def _minutes_ago(self, minutes: float) -> float | None:
        return None if minutes < 0 else self.clock() - 60 * minutes


def _find(wanted: RecordT | str, records: Mapping[str, RecordT], kind: str, name: str) -> RecordT:
    if not isinstance(wanted, str):
        return wanted
    for record in records.values():
        if wanted in (record.id, getattr(record, name)):
            return record
    raise ConfigurationError(f"There is no {kind} {wanted} in this instance; add it first.")


def _slug(text: str) -> str:
    return _match(_SLUG, text, "a slug is written 'dashboard'")


def _slugs(texts: Iterable[str]) -> list[str]:
    return [_slug(text) for text in dict.fromkeys(texts)]


def _optional_slug(text: str | None) -> str | None:
    return None if text is None else _slug(text)


def _role(text: str) -> str:
    return _match(_ROLE, text, "a role is written 'org:admin'")


def _permissions(texts: Iterable[str]) -> list[str]:
    rule = "a permission is written 'org:data:read'"
    return [_match(_PERMISSION, text, rule) for text in dict.fromkeys(texts)]


def _match(pattern: re.Pattern[str], text: str, rule: str) -> str:
    if pattern.fullmatch(text) is None:
        raise ConfigurationError(f"{text!r} will not do: {rule}.")
    return text
