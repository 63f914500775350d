"""Events as Clerk writes them: one realistic body for every family, made up throughout."""

import json
from typing import Any

from tests.protocol.billing_bodies import (
    NOW,
    PAYMENT_ATTEMPT,
    SUBSCRIPTION,
    SUBSCRIPTION_ITEM,
    THEN,
)

VERIFIED = {
    "object": "verification_otp",
    "status": "verified",
    "strategy": "email_code",
    "attempts": 1,
    "expire_at": NOW,
}

ORGANIZATION: dict[str, Any] = {
    "object": "organization",
    "id": "org_acme",
    "name": "Acme",
    "slug": "acme",
    "image_url": "https://img.example.com/acme",
    "has_image": False,
    "members_count": 2,
    "pending_invitations_count": 0,
    "max_allowed_memberships": 5,
    "admin_delete_enabled": True,
    "public_metadata": {"tier": "gold"},
    "private_metadata": {"customer": "hidden-of-organization"},
    "created_by": "user_ada",
    "created_at": THEN,
    "updated_at": NOW,
    "role_set_key": "role_set:default",
}

PUBLIC_USER_DATA = {
    "user_id": "user_ada",
    "identifier": "ada@example.com",
    "first_name": "Ada",
    "last_name": None,
    "image_url": "https://img.example.com/ada",
    "has_image": True,
    "banned": False,
}

MEMBERSHIP: dict[str, Any] = {
    "object": "organization_membership",
    "id": "orgmem_1",
    "role": "org:admin",
    "role_name": "Admin",
    "permissions": ["org:data:read", "org:sys_memberships:manage"],
    "public_metadata": {"team": "red"},
    "private_metadata": {"note": "hidden-of-membership"},
    "organization": ORGANIZATION,
    "public_user_data": PUBLIC_USER_DATA,
    "created_at": THEN,
    "updated_at": NOW,
}

USER: dict[str, Any] = {
    "object": "user",
    "id": "user_ada",
    "external_id": "7",
    "username": None,
    "first_name": "Ada",
    "last_name": "Lovelace",
    "image_url": "https://img.example.com/ada",
    "has_image": True,
    "locale": "en-GB",
    "primary_email_address_id": "idn_2",
    "primary_phone_number_id": "idn_3",
    "primary_web3_wallet_id": None,
    "email_addresses": [
        {
            "object": "email_address",
            "id": f"idn_{number}",
            "email_address": address,
            "reserved": False,
            "verification": VERIFIED,
            "linked_to": [{"type": "oauth_google", "id": "idn_9"}],
            "matches_sso_connection": False,
            "created_at": THEN,
            "updated_at": NOW,
        }
        for number, address in enumerate(("old@example.com", "ada@example.com"), 1)
    ],
    "phone_numbers": [
        {
            "object": "phone_number",
            "id": "idn_3",
            "phone_number": "+15555550100",
            "reserved": False,
            "reserved_for_second_factor": True,
            "default_second_factor": True,
            "backup_codes": ["hidden-of-phone"],
            "verification": None,
            "linked_to": [],
            "created_at": THEN,
            "updated_at": NOW,
        }
    ],
    "web3_wallets": [],
    "passkeys": [
        {
            "object": "passkey",
            "id": "idn_4",
            "name": "Laptop",
            "last_used_at": NOW,
            "verification": {"status": "verified", "strategy": "passkey", "nonce": "nonce"},
        }
    ],
    "external_accounts": [
        {
            "object": "external_account",
            "id": "eac_1",
            "provider": "oauth_google",
            "identification_id": "idn_9",
            "provider_user_id": "1000",
            "approved_scopes": "email openid profile",
            "email_address": "ada@example.com",
            "first_name": "Ada",
            "last_name": "Lovelace",
            "public_metadata": {},
            "label": None,
            "verification": VERIFIED,
        }
    ],
    "saml_accounts": [],
    "enterprise_accounts": [
        {
            "object": "enterprise_account",
            "id": "entacc_1",
            "provider": "saml_okta",
            "protocol": "saml",
            "active": True,
            "email_address": "ada@example.com",
            "public_metadata": None,
            "enterprise_connection": {"id": "entconn_1", "domain": "example.com"},
        }
    ],
    "organization_memberships": None,
    "password_enabled": True,
    "two_factor_enabled": True,
    "totp_enabled": False,
    "backup_code_enabled": True,
    "mfa_enabled_at": THEN,
    "mfa_disabled_at": None,
    "public_metadata": {"role": "admin"},
    "private_metadata": {"customer": "hidden-of-user"},
    "unsafe_metadata": {"theme": "dark"},
    "banned": False,
    "locked": False,
    "lockout_expires_in_seconds": None,
    "verification_attempts_remaining": 100,
    "delete_self_enabled": True,
    "create_organization_enabled": True,
    "legal_accepted_at": THEN,
    "last_sign_in_at": NOW,
    "last_active_at": NOW,
    "created_at": THEN,
    "updated_at": NOW,
}

SESSION: dict[str, Any] = {
    "object": "session",
    "id": "sess_1",
    "client_id": "client_1",
    "user_id": "user_ada",
    "status": "active",
    "user": USER,
    "actor": None,
    "last_active_organization_id": "org_acme",
    "latest_activity": {
        "object": "session_activity",
        "id": "sess_activity_1",
        "device_type": "Macintosh",
        "is_mobile": False,
        "browser_name": "Firefox",
        "browser_version": "140.0",
        "ip_address": "192.0.2.7",
        "city": "London",
        "country": "GB",
    },
    "tasks": None,
    "last_active_at": NOW,
    "expire_at": NOW + 604_800_000,
    "abandon_at": NOW + 2_592_000_000,
    "created_at": THEN,
    "updated_at": NOW,
}

INVITATION: dict[str, Any] = {
    "object": "organization_invitation",
    "id": "orginv_1",
    "email_address": "bob@example.com",
    "role": "org:member",
    "role_name": "Member",
    "organization_id": "org_acme",
    "public_organization_data": {"id": "org_acme", "name": "Acme", "slug": "acme"},
    "inviter_id": "user_ada",
    "public_inviter_data": PUBLIC_USER_DATA,
    "status": "pending",
    "public_metadata": {},
    "private_metadata": {"note": "hidden-of-invitation"},
    "url": "https://accounts.example.com/accept",
    "expires_at": NOW,
    "created_at": THEN,
    "updated_at": NOW,
}

DOMAIN: dict[str, Any] = {
    "object": "organization_domain",
    "id": "orgdmn_1",
    "organization_id": "org_acme",
    "name": "example.com",
    "enrollment_mode": "automatic_invitation",
    "affiliation_email_address": "admin@example.com",
    "verification": {
        "status": "verified",
        "strategy": "email_code",
        "attempts": 1,
        "expires_at": NOW,
    },
    "total_pending_invitations": 0,
    "total_pending_suggestions": 1,
    "created_at": THEN,
    "updated_at": NOW,
}

PERMISSION: dict[str, Any] = {
    "object": "permission",
    "id": "perm_1",
    "key": "org:data:read",
    "name": "Read data",
    "description": "See everything",
    "type": "user",
    "created_at": THEN,
    "updated_at": NOW,
}

ROLE: dict[str, Any] = {
    "object": "role",
    "id": "role_1",
    "key": "org:viewer",
    "name": "Viewer",
    "description": None,
    "is_creator_eligible": False,
    "permissions": [PERMISSION],
    "created_at": THEN,
    "updated_at": NOW,
}

EMAIL: dict[str, Any] = {
    "object": "email",
    "id": "ema_1",
    "slug": "verification_code",
    "from_email_name": "notifications",
    "to_email_address": "ada@example.com",
    "email_address_id": "idn_2",
    "user_id": "user_ada",
    "subject": "424242 is your code",
    "body": "<p>424242</p>",
    "body_plain": "424242",
    "status": "queued",
    "data": {"otp_code": "424242"},
    "delivered_by_clerk": True,
}

SMS: dict[str, Any] = {
    "object": "sms_message",
    "id": "sms_1",
    "slug": "verification_code",
    "from_phone_number": "+15555550199",
    "to_phone_number": "+15555550100",
    "phone_number_id": "idn_3",
    "user_id": "user_ada",
    "message": "424242 is your code",
    "status": "queued",
    "data": {"otp_code": "424242"},
    "delivered_by_clerk": False,
}

WAITLIST_ENTRY: dict[str, Any] = {
    "object": "waitlist_entry",
    "id": "wle_1",
    "email_address": "carl@example.com",
    "status": "pending",
    "is_locked": False,
    "invitation": None,
    "created_at": THEN,
    "updated_at": NOW,
}


def deleted(kind: str, id: str) -> dict[str, Any]:
    """What is left of an object that is gone."""
    return {"object": kind, "id": id, "deleted": True}


FAMILIES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "user": (["created", "updated"], USER),
    "session": (["created", "pending", "ended", "removed", "revoked"], SESSION),
    "organization": (["created", "updated"], ORGANIZATION),
    "organizationMembership": (["created", "updated", "deleted"], MEMBERSHIP),
    "organizationInvitation": (["created", "revoked"], INVITATION),
    "organizationDomain": (["created", "updated"], DOMAIN),
    "role": (["created", "updated", "deleted"], ROLE),
    "permission": (["created", "updated", "deleted"], PERMISSION),
    "email": (["created"], EMAIL),
    "sms": (["created"], SMS),
    "waitlistEntry": (["created", "updated"], WAITLIST_ENTRY),
    "paymentAttempt": (["created", "updated"], PAYMENT_ATTEMPT),
    "subscription": (["created", "updated", "active", "pastDue"], SUBSCRIPTION),
    "subscriptionItem": (
        [
            *("created", "updated", "active", "canceled", "upcoming", "ended", "abandoned"),
            *("incomplete", "pastDue", "freeTrialEnding"),
        ],
        SUBSCRIPTION_ITEM,
    ),
}

DATA: dict[str, dict[str, Any]] = {
    "user.deleted": deleted("user", "user_ada") | {"external_id": "7"},
    "organization.deleted": deleted("organization", "org_acme") | {"slug": "acme"},
    "organizationDomain.deleted": deleted("organization_domain", "orgdmn_1"),
    "organizationInvitation.accepted": INVITATION | {"status": "accepted", "user_id": "user_bob"},
    **{f"{family}.{name}": data for family, (names, data) in FAMILIES.items() for name in names},
}
"""The data of every type of event in Clerk's catalogue."""


def body(type: str, data: object, /, **changed: object) -> bytes:
    """Write an event as it comes in, with whatever else it is to say."""
    envelope = {
        "data": data,
        "object": "event",
        "type": type,
        "timestamp": NOW,
        "instance_id": "ins_1",
        "event_attributes": {"http_request": {"client_ip": "192.0.2.7", "user_agent": "Firefox"}},
    }
    return json.dumps(envelope | changed).encode()
