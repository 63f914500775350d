"""Session tokens are what Clerk would issue, in both wire versions."""

import pytest
from cryptography.exceptions import InvalidSignature
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi.protocol.claims import SessionClaims
from clerk_fastapi.testing import ABSENT, LocalClerk, Organization, Session, User
from clerk_fastapi.testing.tokens import Version, encode
from tests.testing.conftest import Clock
from tests.testing.reading import check_signature, claims_of, header_of, pem_key, public_key

SLUG = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=12)
VERSIONS: tuple[Version, ...] = (1, 2)
PERMISSION = st.builds("org:{}:{}".format, SLUG, SLUG)


def read(token: str) -> SessionClaims:
    """Read a token's claims as the package does."""
    return SessionClaims.model_validate(claims_of(token))


def test_token_is_signed_with_the_published_key(local: LocalClerk, session: Session) -> None:
    """The JWK and the PEM both verify a token, by RS256 and nothing else."""
    token = local.token(session)
    (jwk,) = local.jwks()["keys"]
    check_signature(token, public_key(jwk))
    check_signature(token, pem_key(local.jwt_key))
    assert jwk.keys() == {"use", "kty", "kid", "alg", "n", "e"}
    assert (jwk["use"], jwk["kty"], jwk["alg"], jwk["e"]) == ("sig", "RSA", "RS256", "AQAB")


def test_header_is_a_session_tokens(local: LocalClerk, session: Session) -> None:
    """The header names the key, the algorithm and the class of the token."""
    header = header_of(local.token(session))
    assert header == {
        "alg": "RS256",
        "cat": "cl_B7d4PD111AAA",
        "kid": local.jwks()["keys"][0]["kid"],
        "typ": "JWT",
    }
    assert header["kid"].startswith("ins_")


def test_version_2_claims(
    local: LocalClerk, session: Session, ada: User, acme: Organization
) -> None:
    """Every claim of version 2 is there and says what the records say."""
    claims = claims_of(local.token(session))
    assert len(claims.pop("jti")) == 20
    assert claims == {
        "azp": "http://localhost:8000",
        "exp": 1_800_000_060,
        "fea": "o:data,o:settings,u:export",
        "fva": [0, -1],
        "iat": 1_800_000_000,
        "iss": "https://local-clerk-0.clerk.accounts.dev",
        "nbf": 1_799_999_990,
        "o": {
            "id": acme.id,
            "slg": "acme",
            "rol": "admin",
            "per": "read,write,manage",
            "fpm": "3,4",
        },
        "pla": "o:pro,u:free",
        "sid": session.id,
        "sts": "active",
        "sub": ada.id,
        "v": 2,
    }


def test_version_1_claims(
    local: LocalClerk, session: Session, ada: User, acme: Organization
) -> None:
    """Version 1 writes the organization out and knows neither plans nor features."""
    assert claims_of(local.token(session, version=1)) == {
        "azp": "http://localhost:8000",
        "exp": 1_800_000_060,
        "fva": [0, -1],
        "iat": 1_800_000_000,
        "iss": "https://local-clerk-0.clerk.accounts.dev",
        "nbf": 1_799_999_990,
        "org_id": acme.id,
        "org_permissions": ["org:data:read", "org:data:write", "org:settings:manage"],
        "org_role": "org:admin",
        "org_slug": "acme",
        "sid": session.id,
        "sts": "active",
        "sub": ada.id,
    }


def test_both_versions_mean_the_same(local: LocalClerk, session: Session) -> None:
    """Whoever reads them sees one organization, role and set of permissions."""
    first, second = (read(local.token(session, version=version)) for version in VERSIONS)
    for name in ("org_id", "org_slug", "org_role", "org_permissions", "sub", "sid", "fva", "sts"):
        assert getattr(first, name) == getattr(second, name)


def test_personal_account_has_no_organization_claims(local: LocalClerk, ada: User) -> None:
    """Without an active organization only the user's own plan and features remain."""
    session = local.sign_in(ada)
    claims = claims_of(local.token(session))
    assert (claims["fea"], claims["pla"]) == ("u:export", "u:free")
    assert "o" not in claims
    assert "org_id" not in claims_of(local.token(session, version=1))


def test_optional_claims_are_left_out(local: LocalClerk) -> None:
    """No origin, no features, no plan, no factors: no claims for them."""
    session = local.sign_in(local.add_user("bob@example.com"), factor_verification_age=None)
    assert not {"azp", "fea", "pla", "fva", "act"} & claims_of(local.token(session)).keys()


def test_member_without_permissions_carries_no_masks(local: LocalClerk, acme: Organization) -> None:
    """The compact organization then ends with the role."""
    bob = local.add_user("bob@example.com")
    local.add_member(acme, bob, permissions=[])
    token = local.token(local.sign_in(bob, organization=acme))
    assert claims_of(token)["o"] == {"id": acme.id, "slg": "acme", "rol": "member"}
    assert read(token).org_permissions == ()


def test_shared_slug_is_scoped_to_both(local: LocalClerk, ada: User, acme: Organization) -> None:
    """A feature that organization and user both have is written once, for both."""
    ada.features.append("data")
    token = local.token(local.sign_in(ada, organization=acme))
    assert claims_of(token)["fea"] == "ou:data,o:settings,u:export"


def test_records_are_read_at_every_issue(local: LocalClerk, session: Session, ada: User) -> None:
    """A change of the records shows in the next token."""
    ada.plan = "pro"
    membership = local.membership(session)
    assert membership is not None
    membership.permissions.remove("org:data:write")
    claims = read(local.token(session))
    assert claims.pla.user == ("pro",)
    assert claims.org_permissions == ("org:data:read", "org:settings:manage")


def test_lost_membership_takes_the_organization_away(
    local: LocalClerk, session: Session, ada: User, acme: Organization
) -> None:
    """Who is no longer a member has no active organization in the next token."""
    del local.memberships[acme.id, ada.id]
    assert read(local.token(session)).org_id is None


def test_factors_grow_older(local: LocalClerk, ada: User, clock: Clock) -> None:
    """The ages of the factors are whole minutes and follow the clock."""
    session = local.sign_in(ada, factor_verification_age=(5, 0))
    clock.now += 119
    assert claims_of(local.token(session))["fva"] == [6, 1]
    assert claims_of(local.token(session, issued_ago=600))["fva"] == [0, 0]


def test_impersonation_names_the_actor(local: LocalClerk, ada: User) -> None:
    """The actor given at sign-in travels as it is."""
    session = local.sign_in(ada, actor={"sub": "user_support"})
    assert claims_of(local.token(session))["act"] == {"sub": "user_support"}


def test_pending_session_says_so(local: LocalClerk, ada: User) -> None:
    """A session with tasks left carries its status."""
    assert claims_of(local.token(local.sign_in(ada, status="pending")))["sts"] == "pending"


def test_age_life_and_origin_can_be_chosen(local: LocalClerk, session: Session) -> None:
    """A token can be old, long-lived, and meant for another origin."""
    claims = claims_of(local.token(session, issued_ago=100, expires_in=30, azp="https://b.example"))
    assert (claims["iat"], claims["nbf"]) == (1_799_999_900, 1_799_999_890)
    assert (claims["exp"], claims["azp"]) == (1_799_999_930, "https://b.example")


def test_anything_can_be_overridden(local: LocalClerk, session: Session) -> None:
    """Claims and header fields are set as given, or taken away."""
    token = local.token(session, claims={"sub": 5, "sid": ABSENT}, header={"typ": ABSENT, "x": []})
    assert claims_of(token)["sub"] == 5
    assert "sid" not in claims_of(token)
    assert header_of(token).keys() == {"alg", "cat", "kid", "x"}
    check_signature(token, pem_key(local.jwt_key))


def test_rotation_signs_with_a_new_key(local: LocalClerk, session: Session) -> None:
    """After a rotation both keys are published, the new one first, and the new one signs."""
    before, old_pem = local.token(session), local.jwt_key
    local.rotate_keys()
    new, old = local.jwks()["keys"]
    check_signature(before, public_key(old))
    check_signature(local.token(session), public_key(new))
    assert header_of(local.token(session))["kid"] == new["kid"] != old["kid"]
    with pytest.raises(InvalidSignature):
        check_signature(local.token(session), pem_key(old_pem))


def test_rotation_can_withdraw_the_old_key(local: LocalClerk) -> None:
    """A key that is not kept is no longer published."""
    (old,) = local.jwks()["keys"]
    local.rotate_keys(keep_old=False)
    assert [key["kid"] for key in local.jwks()["keys"]] != [old["kid"]]


@given(st.sets(PERMISSION, max_size=12), st.lists(SLUG, unique=True, max_size=6))
def test_permissions_survive_the_compact_form(permissions: set[str], features: list[str]) -> None:
    """Whatever permissions go in, exactly these are read again, whatever the features are."""
    grant = encode(permissions, features)
    claims = SessionClaims.model_validate(
        {
            **{"iss": "https://a.b", "sub": "user_1", "sid": "sess_1", "iat": 1, "exp": 2, "v": 2},
            "o": {"id": "org_1", "per": grant.per, "fpm": grant.fpm},
            "fea": ",".join([*(f"o:{feature}" for feature in grant.features), "u:last"]),
        }
    )
    assert sorted(claims.org_permissions or ()) == sorted(permissions)
    assert list(grant.features[: len(features)]) == features


def test_masks_may_be_wider_than_any_machine_word() -> None:
    """A hundred features with two hundred permissions each have masks of two hundred bits."""
    permissions = [f"org:f{feature}:p{name}" for feature in range(100) for name in range(200)]
    grant = encode(permissions, [])
    assert grant.features == tuple(f"f{feature}" for feature in range(100))
    assert grant.fpm.split(",") == [str(2**200 - 1)] * 100
    lowest, highest = encode(["org:a:x", "org:b:x", *(f"org:b:p{i}" for i in range(70))], ["a"])[
        2
    ].split(",")
    assert (int(lowest), int(highest)) == (1, 2**71 - 1)
