"""Users, as Clerk describes them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from clerk_fastapi.protocol.organizations import Membership
from clerk_fastapi.protocol.resource import (
    Count,
    Flag,
    Metadata,
    Milliseconds,
    Name,
    Resource,
    Several,
    Text,
)

__all__ = [
    "EmailAddress",
    "EnterpriseAccount",
    "ExternalAccount",
    "IdentificationLink",
    "Passkey",
    "PhoneNumber",
    "User",
    "Verification",
    "Web3Wallet",
]


class Verification(Resource):
    """How it was found out that something belongs to its user; ``verified`` is a status."""

    status: Text | None = None
    strategy: Text | None = None
    attempts: Count | None = None
    expire_at: Milliseconds | None = None


class IdentificationLink(Resource):
    """What an email address or a phone number was taken from."""

    id: Name
    type: Text | None = None


class _Identification(Resource):
    id: Text | None = None
    verification: Verification | None = None
    created_at: Milliseconds | None = None
    updated_at: Milliseconds | None = None


class EmailAddress(_Identification):
    """An email address of a user."""

    email_address: Text
    reserved: Flag | None = None
    linked_to: Several[IdentificationLink] = ()


class PhoneNumber(_Identification):
    """A phone number of a user; the backup codes that Clerk sends with it are not kept."""

    phone_number: Text
    reserved: Flag | None = None
    reserved_for_second_factor: Flag | None = None
    default_second_factor: Flag | None = None
    linked_to: Several[IdentificationLink] = ()


class Web3Wallet(_Identification):
    """A wallet of a user."""

    web3_wallet: Text


class Passkey(_Identification):
    """A passkey of a user."""

    name: Text | None = None
    last_used_at: Milliseconds | None = None


class _Account(_Identification):
    provider: Text | None = None
    provider_user_id: Text | None = None
    email_address: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    public_metadata: Metadata = Field(default_factory=dict)


class ExternalAccount(_Account):
    """An account elsewhere with which a user signs in."""

    identification_id: Text | None = None
    approved_scopes: Text | None = None
    username: Text | None = None
    phone_number: Text | None = None
    image_url: Text | None = None
    label: Text | None = None


class EnterpriseAccount(_Account):
    """An account of a user at their company, by SAML or OpenID Connect."""

    active: Flag | None = None


class User(Resource):
    """A person with an account."""

    id: Name
    external_id: Text | None = None
    username: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    image_url: Text | None = None
    has_image: Flag | None = None
    locale: Text | None = None

    primary_email_address_id: Text | None = None
    primary_phone_number_id: Text | None = None
    primary_web3_wallet_id: Text | None = None
    email_addresses: Several[EmailAddress] = ()
    phone_numbers: Several[PhoneNumber] = ()
    web3_wallets: Several[Web3Wallet] = ()
    passkeys: Several[Passkey] = ()
    external_accounts: Several[ExternalAccount] = ()
    saml_accounts: Several[EnterpriseAccount] = ()
    enterprise_accounts: Several[EnterpriseAccount] = ()
    organization_memberships: Several[Membership] = ()

    password_enabled: Flag | None = None
    two_factor_enabled: Flag | None = None
    totp_enabled: Flag | None = None
    backup_code_enabled: Flag | None = None
    mfa_enabled_at: Milliseconds | None = None
    mfa_disabled_at: Milliseconds | None = None

    public_metadata: Metadata = Field(default_factory=dict)
    unsafe_metadata: Metadata = Field(default_factory=dict)
    """Whatever the user wrote there: no decision may rest on it."""

    banned: Flag | None = None
    locked: Flag | None = None
    lockout_expires_in_seconds: Count | None = None
    verification_attempts_remaining: Count | None = None
    delete_self_enabled: Flag | None = None
    create_organization_enabled: Flag | None = None
    create_organizations_limit: Count | None = None
    legal_accepted_at: Milliseconds | None = None
    last_sign_in_at: Milliseconds | None = None
    last_active_at: Milliseconds | None = None
    created_at: Milliseconds | None = None
    updated_at: Milliseconds | None = None

    @property
    def private_metadata(self) -> dict[str, Any]:
        """What only the backend may know; part of no dump and no response."""
        return self._private_metadata

    @property
    def primary_email_address(self) -> str | None:
        """The email address that the user goes by."""
        for address in self.email_addresses:
            if address.id is not None and address.id == self.primary_email_address_id:
                return address.email_address
        return None

    @property
    def full_name(self) -> str | None:
        """First and last name, as far as they are known."""
        return " ".join(name for name in (self.first_name, self.last_name) if name) or None
