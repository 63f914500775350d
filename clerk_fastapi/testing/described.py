"""What the Backend API and webhooks say of the records of an instance."""

from __future__ import annotations

from clerk_fastapi.testing.records import (
    Activity,
    Browser,
    EmailAddress,
    Invitation,
    JwtTemplate,
    Membership,
    Organization,
    OrganizationInvitation,
    Session,
    Ticket,
    User,
)

__all__ = [
    "deleted",
    "described_browser",
    "described_email",
    "described_invitation",
    "described_membership",
    "described_organization",
    "described_organization_invitation",
    "described_session",
    "described_template",
    "described_ticket",
    "described_user",
    "milliseconds",
    "public_organization_data",
    "session_event",
]


def milliseconds(seconds: float) -> int:
    """A moment as Clerk writes it."""
    return int(seconds * 1_000)


def deleted(kind: str, id: str, **more: str | None) -> dict[str, object]:
    """What is left of something: its id, and other names it had."""
    names = {name: value for name, value in more.items() if value is not None}
    return {"object": kind, "id": id, "deleted": True, **names}


def described_user(user: User) -> dict[str, object]:
    """A user, private metadata included."""
    return {
        "object": "user",
        "id": user.id,
        "external_id": user.external_id,
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "locale": None,
        "image_url": _image_url(user.id),
        "profile_image_url": _image_url(user.id),
        "has_image": False,
        "primary_email_address_id": user.email_addresses[0].id,
        "primary_phone_number_id": None,
        "primary_web3_wallet_id": None,
        "email_addresses": [described_email(address) for address in user.email_addresses],
        "phone_numbers": [],
        "web3_wallets": [],
        "passkeys": [],
        "external_accounts": [],
        "saml_accounts": [],
        "enterprise_accounts": [],
        "password_enabled": user.password is not None,
        "password_last_updated_at": None,
        "two_factor_enabled": False,
        "totp_enabled": False,
        "backup_code_enabled": False,
        "mfa_enabled_at": None,
        "mfa_disabled_at": None,
        "public_metadata": user.public_metadata,
        "private_metadata": user.private_metadata,
        "unsafe_metadata": user.unsafe_metadata,
        "last_sign_in_at": _moment(user.last_sign_in_at),
        "last_active_at": _moment(user.last_active_at),
        "banned": user.banned,
        "locked": user.locked,
        "deprovisioned": False,
        "lockout_expires_in_seconds": None,
        "verification_attempts_remaining": 0 if user.locked else 100,
        "delete_self_enabled": True,
        "create_organization_enabled": True,
        "create_organizations_limit": None,
        "legal_accepted_at": None,
        **_times(user),
    }


def described_email(address: EmailAddress) -> dict[str, object]:
    """An email address; verified ones have been declared so."""
    verification = {
        "object": "verification_admin",
        "status": "verified",
        "strategy": "admin",
        "attempts": None,
        "expire_at": None,
    }
    return {
        "object": "email_address",
        "id": address.id,
        "email_address": address.email,
        "reserved": False,
        "verification": verification if address.is_verified else None,
        "linked_to": [],
        **_times(address),
    }


def described_organization(organization: Organization) -> dict[str, object]:
    """An organization, private metadata included."""
    # Who has not founded it is left out: Clerk's Python SDK does not take null for it.
    founder = {} if organization.created_by is None else {"created_by": organization.created_by}
    return {
        "object": "organization",
        "id": organization.id,
        "name": organization.name,
        "slug": organization.slug,
        "image_url": _image_url(organization.id),
        "has_image": False,
        "members_count": organization.members_count,
        "pending_invitations_count": organization.pending_invitations_count,
        "max_allowed_memberships": organization.max_allowed_memberships,
        "admin_delete_enabled": organization.admin_delete_enabled,
        "public_metadata": organization.public_metadata,
        "private_metadata": organization.private_metadata,
        **founder,
        **_times(organization),
    }


def described_membership(membership: Membership) -> dict[str, object]:
    """A membership, with its organization and what every member may know of the user."""
    user = membership.user
    return {
        "object": "organization_membership",
        "id": membership.id,
        "role": membership.role,
        "role_name": _role_name(membership.role),
        "permissions": membership.permissions,
        "public_metadata": membership.public_metadata,
        "private_metadata": membership.private_metadata,
        "organization": described_organization(membership.organization),
        "public_user_data": {
            "user_id": user.id,
            "identifier": user.email,
            "username": user.username,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "image_url": _image_url(user.id),
            "profile_image_url": _image_url(user.id),
            "has_image": False,
            "banned": user.banned,
        },
        **_times(membership),
    }


def described_session(session: Session) -> dict[str, object]:
    """A session, with where it was last used from."""
    organization = session.organization
    tasks = [{"key": "choose-organization"}] if session.status == "pending" else None
    return {
        "object": "session",
        "id": session.id,
        "client_id": session.browser.id,
        "user_id": session.user.id,
        "status": session.status,
        "actor": None if session.actor is None else dict(session.actor),
        "last_active_organization_id": None if organization is None else organization.id,
        "last_active_at": milliseconds(session.last_active_at),
        "expire_at": milliseconds(session.expire_at),
        "abandon_at": milliseconds(session.abandon_at),
        "latest_activity": _activity(session.activity),
        "tasks": tasks,
        **_times(session),
    }


def session_event(session: Session, user: User | None) -> dict[str, object]:
    """What a webhook says of a session: with its user, unless that user is gone."""
    return {
        **described_session(session),
        "user": None if user is None else described_user(user),
    }


def described_browser(browser: Browser) -> dict[str, object]:
    """What Clerk calls a client: a browser, and who is signed in in it."""
    live = [session for session in browser.sessions if session.is_live]
    return {
        "object": "client",
        "id": browser.id,
        "session_ids": [session.id for session in live],
        "sessions": [described_session(session) for session in live],
        "sign_in_id": None,
        "sign_up_id": None,
        "last_active_session_id": None if browser.session is None else browser.session.id,
        "last_authentication_strategy": None,
        **_times(browser),
    }


def described_template(template: JwtTemplate) -> dict[str, object]:
    """A JWT template, without its signing key."""
    return {
        "object": "jwt_template",
        "id": template.id,
        "name": template.name,
        "claims": template.claims,
        "lifetime": template.lifetime,
        "allowed_clock_skew": template.allowed_clock_skew,
        "custom_signing_key": template.signing_key is not None,
        "signing_algorithm": template.algorithm,
        **_times(template),
    }


def described_ticket(ticket: Ticket) -> dict[str, object]:
    """A sign-in token, or an actor token if somebody else would sign in with it."""
    actor = {} if ticket.actor is None else {"actor": ticket.actor}
    return {
        "object": "sign_in_token" if ticket.actor is None else "actor_token",
        "id": ticket.id,
        "user_id": ticket.user_id,
        "status": ticket.status,
        **actor,
        **_times(ticket),
    }


def described_invitation(invitation: Invitation) -> dict[str, object]:
    """An invitation to sign up; its link as long as it leads anywhere."""
    return {
        "object": "invitation",
        "revoked": invitation.status == "revoked",
        **_invited(invitation),
        **({"url": invitation.url} if invitation.status == "pending" else {}),
    }


def described_organization_invitation(invitation: OrganizationInvitation) -> dict[str, object]:
    """An invitation to join an organization, private metadata included."""
    inviter = invitation.inviter
    return {
        "object": "organization_invitation",
        "role": invitation.role,
        "role_name": _role_name(invitation.role),
        "organization_id": invitation.organization.id,
        "inviter_id": None if inviter is None else inviter.id,
        "public_inviter_data": None if inviter is None else _inviter(inviter),
        "private_metadata": invitation.private_metadata,
        "url": invitation.url if invitation.status == "pending" else None,
        **_invited(invitation),
    }


def public_organization_data(organization: Organization) -> dict[str, object]:
    """What everybody may know of an organization who is invited to it."""
    return {
        "id": organization.id,
        "name": organization.name,
        "slug": organization.slug,
        "image_url": _image_url(organization.id),
        "has_image": False,
    }


def _invited(invitation: Invitation) -> dict[str, object]:
    return {
        "id": invitation.id,
        "email_address": invitation.email,
        "status": invitation.status,
        "public_metadata": invitation.public_metadata,
        "expires_at": milliseconds(invitation.expires_at),
        **_times(invitation),
    }


def _inviter(user: User) -> dict[str, object]:
    return {
        "user_id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "image_url": _image_url(user.id),
        "has_image": False,
        "identifier": user.email,
    }


def _role_name(role: str) -> str:
    return role.removeprefix("org:").replace("_", " ").capitalize()


def _activity(activity: Activity) -> dict[str, object]:
    known = {name: value for name, value in vars(activity).items() if value is not None}
    return {"object": "session_activity", **known}


def _image_url(id: str) -> str:
    return f"https://img.clerk.com/{id}"


def _times(
    record: User
    | EmailAddress
    | Organization
    | Membership
    | Invitation
    | Session
    | Browser
    | JwtTemplate
    | Ticket,
) -> dict[str, int]:
    return {
        "created_at": milliseconds(record.created_at),
        "updated_at": milliseconds(record.updated_at),
    }


def _moment(seconds: float | None) -> int | None:
    return None if seconds is None else milliseconds(seconds)
