"""What an instance keeps: people and organizations, browsers and sessions, machines' tokens.

Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "Activity",
    "ApiKey",
    "Browser",
    "EmailAddress",
    "EndedStatus",
    "Invitation",
    "InvitationStatus",
    "JwtTemplate",
    "LiveStatus",
    "M2MToken",
    "Machine",
    "MachineToken",
    "Membership",
    "OAuthToken",
    "Organization",
    "OrganizationInvitation",
    "Session",
    "SessionStatus",
    "SigningAlgorithm",
    "Ticket",
    "User",
]

LiveStatus = Literal["active", "pending"]
EndedStatus = Literal["ended", "expired", "removed", "replaced", "revoked", "abandoned"]
SessionStatus = LiveStatus | EndedStatus
InvitationStatus = Literal["pending", "accepted", "revoked", "expired"]
SigningAlgorithm = Literal["RS256", "HS256"]


@dataclass(eq=False)
class EmailAddress:
    """Where mail reaches a user."""

    id: str
    email: str
    is_verified: bool
    created_at: float
    updated_at: float


@dataclass(eq=False)
class User:
    """A person with an account; change a field, and the next token says so.

    ``email`` is the primary one of ``email_addresses``, the first.
    """

    id: str
    email_addresses: list[EmailAddress]
    first_name: str | None
    last_name: str | None
    public_metadata: dict[str, Any]
    plan: str | None
    features: list[str]
    created_at: float
    updated_at: float
    username: str | None = None
    external_id: str | None = None
    password: str | None = field(default=None, repr=False)
    private_metadata: dict[str, Any] = field(default_factory=dict, repr=False)
    unsafe_metadata: dict[str, Any] = field(default_factory=dict)
    banned: bool = False
    locked: bool = False
    last_sign_in_at: float | None = None
    last_active_at: float | None = None

    @property
    def email(self) -> str:
        """The primary email address."""
        return self.email_addresses[0].email

    @email.setter
    def email(self, email: str) -> None:
        self.email_addresses[0].email = email

    @property
    def emails(self) -> list[str]:
        """All of the email addresses, the primary one first."""
        return [address.email for address in self.email_addresses]


@dataclass(eq=False)
class Organization:
    """A group of users, with a plan and features of its own."""

    id: str
    slug: str
    name: str
    public_metadata: dict[str, Any]
    plan: str | None
    features: list[str]
    created_at: float
    updated_at: float
    created_by: str | None = None
    private_metadata: dict[str, Any] = field(default_factory=dict, repr=False)
    max_allowed_memberships: int = 0  # as many as want to
    admin_delete_enabled: bool = True
    members_count: int = 0
    invitations: list[OrganizationInvitation] = field(default_factory=list, repr=False)

    @property
    def pending_invitations_count(self) -> int:
        """How many may still join that have not yet."""
        return sum(invitation.status == "pending" for invitation in self.invitations)


@dataclass(eq=False)
class Membership:
    """A user's place in an organization: a role, and what this member may do."""

    organization: Organization
    user: User
    role: str
    permissions: list[str]
    id: str
    created_at: float
    updated_at: float
    public_metadata: dict[str, Any] = field(default_factory=dict)
    private_metadata: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(eq=False, kw_only=True)
class Invitation:
    """An email address that may sign up; ``url`` is the link in the mail that nobody sends."""

    id: str
    email: str
    url: str = field(repr=False)
    public_metadata: dict[str, Any]
    created_at: float
    updated_at: float
    expires_at: float
    status: InvitationStatus = "pending"

    def is_open(self, now: float) -> bool:
        """Whether it can be accepted."""
        return self.status == "pending" and now < self.expires_at


@dataclass(eq=False, kw_only=True)
class OrganizationInvitation(Invitation):
    """An email address whose user may join an organization."""

    organization: Organization
    role: str
    inviter: User | None
    private_metadata: dict[str, Any] = field(repr=False)


@dataclass(eq=False)
class Browser:
    """What Clerk calls a client: a browser, and the sessions that are signed in in it.

    The Frontend API knows it by ``token``: the dev browser token of development instances, the
    ``__client`` cookie of production instances. ``updated_at`` is when somebody last signed in or
    out or switched organizations: what ``__client_uat`` says while somebody is signed in.
    """

    id: str
    token: str = field(repr=False)
    created_at: float
    updated_at: float
    sessions: list[Session] = field(default_factory=list, repr=False)

    @property
    def session(self) -> Session | None:
        """The active session: the one used last of those that have not ended."""
        return next((session for session in reversed(self.sessions) if session.is_live), None)


@dataclass(eq=False)
class Activity:
    """From where a session was last used, as far as that is known."""

    id: str
    device_type: str | None = None
    is_mobile: bool = False
    browser_name: str | None = None
    browser_version: str | None = None
    ip_address: str | None = None
    city: str | None = None
    country: str | None = None


@dataclass(eq=False)
class Session:
    """A signed-in user in one browser.

    ``organization`` is the active one, ``origin`` the page that signed in, ``actor`` who is really
    acting if this is an impersonation. ``factors_verified_at`` holds the moments at which the first
    and the second factor were verified; ``None`` in the place of one means never. It expires by
    the clock at ``expire_at``.
    """

    id: str
    user: User
    browser: Browser
    organization: Organization | None
    status: SessionStatus
    origin: str | None
    actor: Mapping[str, object] | None
    factors_verified_at: tuple[float | None, float | None] | None
    created_at: float
    refresh_token: str = field(repr=False)
    updated_at: float
    last_active_at: float
    expire_at: float
    abandon_at: float
    activity: Activity

    @property
    def is_live(self) -> bool:
        """Whether it has not ended; a pending session is live, too."""
        return self.status in ("active", "pending")


@dataclass(eq=False)
class JwtTemplate:
    """What the tokens say that other services take, such as Supabase or Hasura.

    ``claims`` hold shortcodes; times of life are in seconds. With a signing key of its own it signs
    as HS256 does, otherwise with the key of the instance.
    """

    id: str
    name: str
    claims: dict[str, Any]
    lifetime: int
    allowed_clock_skew: int
    signing_key: str | None = field(repr=False)
    created_at: float
    updated_at: float

    @property
    def algorithm(self) -> SigningAlgorithm:
        """How its tokens are signed."""
        return "RS256" if self.signing_key is None else "HS256"


@dataclass(eq=False)
class Ticket:
    """What lets somebody sign in without proof: as himself, or as somebody else with an actor."""

    id: str
    token: str = field(repr=False)
    user_id: str
    actor: dict[str, Any] | None
    created_at: float
    updated_at: float
    expires_at: float
    status: Literal["pending", "revoked"] = "pending"


@dataclass(eq=False)
class Machine:
    """A service that calls others with M2M tokens, which it makes with its ``secret_key``.

    ``may_call`` holds the ids of those others, and when each one was allowed; ``retired`` the
    secret key before this one, and until when it is still good.
    """

    id: str
    name: str
    secret_key: str = field(repr=False)
    default_token_ttl: int
    created_at: float
    updated_at: float
    may_call: dict[str, float] = field(default_factory=dict)
    retired: tuple[str, float] | None = field(default=None, repr=False)

    def secrets(self, now: float) -> list[str]:
        """The secret keys that are good for this machine."""
        key, until = self.retired or ("", now)
        return [self.secret_key, key] if now < until else [self.secret_key]


@dataclass(eq=False, kw_only=True)
class MachineToken:
    """What is sent in place of a session token where nobody is signed in.

    ``token`` is the text that is sent.
    """

    id: str
    token: str = field(repr=False)
    subject: str
    scopes: list[str]
    created_at: float
    updated_at: float
    expires_at: float | None
    is_revoked: bool = False
    revocation_reason: str | None = None

    def has_expired(self, now: float) -> bool:
        """Whether its time has run out."""
        return self.expires_at is not None and self.expires_at <= now

    def is_good(self, now: float) -> bool:
        """Whether it opens anything."""
        return not self.is_revoked and not self.has_expired(now)


@dataclass(eq=False, kw_only=True)
class ApiKey(MachineToken):
    """A key of a user or an organization, for programs of theirs."""

    name: str
    claims: dict[str, object] | None
    description: str | None = None
    created_by: str | None = None


@dataclass(eq=False, kw_only=True)
class M2MToken(MachineToken):
    """A token with which one machine calls another."""

    claims: dict[str, object] | None


@dataclass(eq=False, kw_only=True)
class OAuthToken(MachineToken):
    """An access token that a user granted to an OAuth client."""

    client_id: str
    audience: list[str]
    actor: Mapping[str, object] | None
