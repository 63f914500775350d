"""The members every demonstration starts with, one for each thing worth showing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from clerk_fastapi.testing.directory import Directory
from clerk_fastapi.testing.records import LiveStatus, Organization, User

__all__ = ["SEED_CLAIMS", "SeededMember", "seed"]

SEED_CLAIMS: Final[Mapping[str, object]] = MappingProxyType(
    {"metadata": "{{user.public_metadata}}", "email": "{{user.primary_email_address}}"}
)
"""The session claims that go with the seed: ``LocalClerk(session_claims=SEED_CLAIMS)``."""

_READ, _WRITE, _DELETE = "org:data:read", "org:data:write", "org:data:delete"
_MANAGE = "org:settings:manage"


@dataclass(frozen=True)
class SeededMember:
    """Somebody to sign in as: ``local.sign_in(m.user, organization=m.organization)``."""

    user: User
    organization: Organization | None
    status: LiveStatus
    summary: str


def seed(directory: Directory) -> list[SeededMember]:
    """Add six users, two organizations and three roles, under the same ids every time."""
    directory.add_role("org:admin", permissions=[_READ, _WRITE, _DELETE, _MANAGE])
    directory.add_role("org:member", permissions=[_READ, _WRITE])
    directory.add_role("org:viewer", permissions=[_READ])

    def found(slug: str, plan: str) -> Organization:
        return directory.add_organization(
            slug,
            plan=plan,
            features=["data", "settings"],
            organization_id=f"org_{slug:0<27}",
        )

    def add(name: str, role: str, plan: str) -> User:
        return directory.add_user(
            f"{name}@example.com",
            first_name=name.capitalize(),
            public_metadata={"role": role, "plan": plan},
            plan=plan,
            user_id=f"user_{name:0<27}",
        )

    def join(organization: Organization, user: User, role: str, summary: str) -> SeededMember:
        directory.add_member(organization, user, role=role)
        return SeededMember(user, organization, "active", summary)

    acme, globex = found("acme", "pro"), found("globex", "free")
    finn = add("finn", "member", "free")
    directory.add_member(acme, finn, role="org:member")
    powers = "reads, writes, deletes, manages"
    return [
        join(acme, add("ada", "admin", "pro"), "org:admin", f"admin of acme: {powers}"),
        join(acme, add("bob", "member", "pro"), "org:member", "member of acme: reads, writes"),
        join(acme, add("cleo", "viewer", "free"), "org:viewer", "viewer of acme: reads"),
        join(globex, add("dora", "admin", "free"), "org:admin", f"admin of globex: {powers}"),
        SeededMember(add("eve", "member", "free"), None, "active", "personal account"),
        SeededMember(finn, None, "pending", "has yet to choose an organization"),
    ]
