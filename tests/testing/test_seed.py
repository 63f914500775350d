"""The members that every demonstration starts with."""

from clerk_fastapi.protocol.claims import SessionClaims
from clerk_fastapi.testing import SEED_CLAIMS, LocalClerk, SigningKey, seed
from tests.testing.reading import claims_of

ALL = ("org:data:read", "org:data:write", "org:data:delete", "org:settings:manage")


def test_seeded_members(key: SigningKey) -> None:
    """Six people, one for each thing worth showing."""
    local = LocalClerk(session_claims=SEED_CLAIMS, signing_key=key)
    shown = []
    for member in seed(local):
        session = local.sign_in(member.user, organization=member.organization, status=member.status)
        claims = SessionClaims.model_validate(claims_of(local.token(session)))
        shown.append((member.user.email, claims.org_slug, claims.org_role, claims.org_permissions))
    assert shown == [
        ("ada@example.com", "acme", "org:admin", ALL),
        ("bob@example.com", "acme", "org:member", ALL[:2]),
        ("cleo@example.com", "acme", "org:viewer", ALL[:1]),
        ("dora@example.com", "globex", "org:admin", ALL),
        ("eve@example.com", None, None, None),
        ("finn@example.com", None, None, None),
    ]


def test_seeded_metadata_and_email_are_in_the_token(local: LocalClerk, key: SigningKey) -> None:
    """Role, plan and email address travel as custom claims."""
    local = LocalClerk(session_claims=SEED_CLAIMS, signing_key=key)
    ada = seed(local)[0]
    claims = claims_of(local.token(local.sign_in(ada.user)))
    assert claims["metadata"] == {"role": "admin", "plan": "pro"}
    assert claims["email"] == "ada@example.com"


def test_one_seeded_member_is_pending(local: LocalClerk) -> None:
    """Exactly one has something left to do before being signed in."""
    assert [m.user.first_name for m in seed(local) if m.status == "pending"] == ["Finn"]
