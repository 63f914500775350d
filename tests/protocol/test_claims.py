"""Two wire versions in one shape, custom claims beside them, and nothing rewritten."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError, field_validator

from clerk_fastapi import (
    Actor,
    ConfigurationError,
    SessionClaims,
    TokenError,
    custom_claims_size,
)
from clerk_fastapi.protocol.claims import check_claims_model
from clerk_fastapi.protocol.identity import Identity, Scoped
from clerk_fastapi.testing import ABSENT
from clerk_fastapi.testing.tokens import encode, to_json
from tests.protocol.material import KEY, NOW, ORIGIN, claims, identity_of


def read(**says: object) -> SessionClaims:
    """What a handler gets to see."""
    return SessionClaims.model_validate_json(to_json(claims(**says)))


def organization(fea: object, per: object, fpm: object, **says: object) -> dict[str, object]:
    """The claims of a version 2 token with permissions."""
    compact = {"id": "org_1", "slg": "acme", "rol": "admin", "per": per, "fpm": fpm}
    packed = {name: value for name, value in compact.items() if value is not ABSENT}
    return claims(**{"v": 2, "fea": fea, "o": packed} | says)


def permissions(fea: object, per: object, fpm: object) -> tuple[str, ...] | None:
    """The permissions that both readers decode."""
    payload = to_json(organization(fea, per, fpm))
    decoded = SessionClaims.model_validate_json(payload).org_permissions
    assert identity_of(payload).org_permissions == decoded
    return decoded


# --- version 2 ------------------------------------------------------------------------------------

VECTORS = [
    (
        "o:dashboard,o:teams",
        "manage,read",
        "3,2",
        ["dashboard:manage", "dashboard:read", "teams:read"],
    ),
    (
        "u:free,o:dashboard,ou:both,o:teams",
        "manage,read",
        "3,1,2",
        ["dashboard:manage", "dashboard:read", "both:manage", "teams:read"],
    ),
    ("u:a,o:dash,o:teams", "manage,read", "3,2", ["dash:manage", "dash:read", "teams:read"]),
    ("o:a,u:b,uo:c", "x,y,z", "1,6", ["a:x", "c:y", "c:z"]),
    ("o:a", "x,y,z", "5", ["a:x", "a:z"]),
    ("o:a", "x,y,z", "0", []),
    ("o:a", "x", "18446744073709551617", ["a:x"]),
    ("o:a,o:b", "x", "1", ["a:x"]),
    ("o:a", "x", "1,1,1", ["a:x"]),
    ("o:a", "x", "255", ["a:x"]),
    (" o:a , o:b ", " x , y ", " 1 , 2 ", ["a:x", "b:y"]),
    ("\ufeffo:a", "\ufeffx", "\ufeff1", ["a:x"]),
    ("o:a", "\u0085x", "1", ["a:\u0085x"]),
    ("o:a", "x", "\u00851", []),
    ("o:a,o:b", "x", "one,1", ["b:x"]),
    ("o:a,o:b", "x", "-1,1", ["b:x"]),
    ("o:a,o:b", "x", "+1,1", ["b:x"]),
    ("o:a,o:b", "x", "1_0,1", ["b:x"]),
    ("o:a,o:b", "x", "0x1,1", ["b:x"]),
    ("o:a,o:b", "x", "1.0,1", ["b:x"]),
    ("o:a,o:b", "x", ",1", ["b:x"]),
    ("o:a", "x", "\u0661", []),
    ("o:a", "x", "\uff11", []),
    ("o:a", "x", "\u00b9", []),
    ("o:a", "x", "9" * 5_000, []),
    ("o:a", "x,,z", "7", ["a:x", "a:", "a:z"]),
    ("x:a,o:b", "x", "1", ["b:x"]),
    ("o:a:b", "x", "1", ["a:b:x"]),
    ("o:", "x", "1", [":x"]),
    ("", "x", "1", []),
    (ABSENT, "x", "1", []),
    (None, "x", "1", []),
    ("u:a", "x", "1", []),
    ("o:a", "", "1", []),
    ("o:a", "x", "", []),
    ("o:a", ABSENT, "1", []),
    ("o:a", "x", ABSENT, []),
    ("o:a", None, None, []),
    ("o:a,b", "x", "1,1", []),
    ("o:a,", "x", "1", []),
]


@pytest.mark.parametrize(("fea", "per", "fpm", "expected"), VECTORS)
def test_permissions_decode_like_clerks(
    fea: object, per: object, fpm: object, expected: list[str]
) -> None:
    """Entry i is for the i-th organization feature, bit j for the j-th name."""
    assert permissions(fea, per, fpm) == tuple(f"org:{name}" for name in expected)


@pytest.mark.parametrize("bits", [1, 53, 64, 65, 200, 1_000])
def test_masks_have_any_size(bits: int) -> None:
    """Beyond 53 and 64 bits nothing is rounded off: only the first and the last name are held."""
    names = ",".join(f"p{bit}" for bit in range(bits + 1))
    expected = ("org:a:p0", f"org:a:p{bits}")
    assert permissions("o:a", names, str(1 << bits | 1)) == expected


@given(
    features=st.lists(st.from_regex(r"[a-z][a-z0-9]{0,3}", fullmatch=True), unique=True),
    granted=st.data(),
)
def test_decoding_undoes_encoding(features: list[str], granted: st.DataObject) -> None:
    """What a stand-in packs, the reader unpacks: the same permissions, in some order."""
    names = st.from_regex(r"[a-z]{1,3}", fullmatch=True)
    held = set()
    for feature in features:
        for name in granted.draw(st.lists(names, max_size=3)):
            held.add(f"org:{feature}:{name}")
    grant = encode(sorted(held), features)
    fea = str(Scoped(grant.features, ("own",)))
    assert set(permissions(fea, grant.per, grant.fpm) or ()) == held


def test_organization_is_unpacked() -> None:
    """The compact claim becomes the names that version 1 had."""
    unpacked = SessionClaims.model_validate_json(to_json(organization("o:a", "x", "1")))
    assert unpacked.org_id == "org_1"
    assert unpacked.org_slug == "acme"
    assert unpacked.org_role == "org:admin"
    assert unpacked.org_permissions == ("org:a:x",)


def test_personal_account_has_no_organization() -> None:
    """Without the compact claim there is none."""
    for o in (ABSENT, None):
        alone = read(v=2, o=o)
        assert (alone.org_id, alone.org_slug, alone.org_role) == (None, None, None)
        assert alone.org_permissions is None


@pytest.mark.parametrize("role", [ABSENT, None, ""])
def test_role_may_be_missing(role: object) -> None:
    """No role is no role, and never just the prefix."""
    o = {name: value for name, value in {"id": "o", "rol": role}.items() if value is not ABSENT}
    assert read(v=2, o=o).org_role is None


@pytest.mark.parametrize("version", [2, 2.0])
def test_version_2_ignores_the_names_of_version_1(version: object) -> None:
    """Whoever plants them beside the compact claim gains nothing."""
    planted = {"org_id": "org_2", "org_slug": "s", "org_role": "r", "org_permissions": ["org:x:y"]}
    read_claims = read(v=version, **planted)
    assert (read_claims.org_id, read_claims.org_role, read_claims.org_slug) == (None, None, None)
    assert read_claims.org_permissions is None


# --- version 1 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ABSENT, None, 1, 3, 2.5, "2", True, [2], {"v": 2}])
def test_every_other_version_is_read_as_1(version: object) -> None:
    """Only the number 2 means version 2."""
    says = {"org_id": "org_1", "org_slug": "acme", "org_role": "org:admin"}
    old = read(v=version, org_permissions=["org:data:read"], o={"id": "org_2"}, **says)
    assert (old.org_id, old.org_slug, old.org_role) == ("org_1", "acme", "org:admin")
    assert old.org_permissions == ("org:data:read",)


def test_features_and_plans_are_told_apart_by_scope() -> None:
    """``o`` is for the organization, ``u`` for the user, ``ou`` and ``uo`` for both."""
    for version in (2, ABSENT):
        read_claims = read(v=version, fea="o:a,u:b,ou:c,uo:d,x:e", pla="u:free")
        assert read_claims.fea == Scoped(("a", "c", "d"), ("b", "c", "d"))
        assert read_claims.pla == Scoped((), ("free",))


@pytest.mark.parametrize("claim", ["a", "o:a,b", "o:a,", ",o:a", ",", "o", "\u200bo"])
def test_element_without_a_colon_empties_the_claim(claim: str) -> None:
    """A claim that cannot be read in full grants nothing and breaks nothing."""
    assert read(fea=claim, pla=claim).fea == read(fea=claim, pla=claim).pla == Scoped()
    assert Scoped.parse(claim) == Scoped()


@pytest.mark.parametrize("text", ["", "o:a", "u:a", "ou:a", "o:a,ou:b,u:c"])
def test_scoped_slugs_are_written_as_they_are_read(text: str) -> None:
    """Reading and writing are each other's inverse, the organization's slugs first."""
    assert str(Scoped.parse(text)) == text


# --- both versions --------------------------------------------------------------------------------


def test_standard_claims_keep_their_names() -> None:
    """What is on the wire is in the model, under the same name."""
    says = {"jti": "t", "aud": ["a", "b"], "sts": "active", "fva": [0, -1], "nbf": NOW}
    said = read(act={"sub": "user_2", "iss": "https://a.example", "type": "agent"}, **says)
    assert (said.iss, said.sub, said.sid, said.azp) == (KEY.issuer, "user_1", "sess_1", ORIGIN)
    assert (said.iat, said.exp, said.nbf) == (NOW - 10, NOW + 50, NOW)
    assert (said.jti, said.aud, said.sts, said.fva) == ("t", ("a", "b"), "active", (0, -1))
    assert isinstance(said.act, Actor)
    assert said.act.sub == "user_2"
    assert said.act.model_extra == {"iss": "https://a.example", "type": "agent"}


def test_unknown_claims_are_kept() -> None:
    """What nobody declared can still be looked up."""
    said = read(metadata={"plan": "pro"}, email="ada@example.com")
    assert said.model_extra == {"metadata": {"plan": "pro"}, "email": "ada@example.com"}


def test_claims_cannot_be_assigned() -> None:
    """A handler reads claims and does not write them."""
    with pytest.raises(ValidationError):
        read().sub = "user_2"  # type: ignore[misc]  # that is what must fail


def test_claims_can_be_printed_and_dumped() -> None:
    """The model serializes without a warning, slugs as the text they came as."""
    said = SessionClaims.model_validate_json(to_json(organization("o:a,u:b", "x", "1")))
    assert json.loads(said.model_dump_json())["fea"] == "o:a,u:b"
    assert said.model_dump()["org_permissions"] == ("org:a:x",)


# --- one token, two readers -----------------------------------------------------------------------

TEXT = st.sampled_from(["", "o:a", "u:b,o:c", "x", "org:admin", "2"]) | st.text(max_size=5)
ODD = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | TEXT | st.lists(TEXT, max_size=2)
)
OBJECT = st.dictionaries(st.sampled_from(["id", "slg", "rol", "per", "fpm", "sub"]), TEXT | ODD)
STANDARD = sorted(SessionClaims.model_fields)


def view(said: SessionClaims | Identity) -> dict[str, object]:
    """What decisions rest on, told by either reader."""
    if isinstance(said, Identity):
        return {
            "sub": said.user_id,
            "sid": said.session_id,
            "sts": said.session_status,
            "iss": said.issuer,
            "azp": said.authorized_party,
            "aud": said.audience,
            "times": (said.issued_at, said.not_before, said.expires_at),
            "org": (said.org_id, said.org_slug, said.org_role, said.org_permissions),
            "slugs": (said.features, said.plans),
            "fva": said.factor_verification_age,
        }
    return {
        "sub": said.sub,
        "sid": said.sid,
        "sts": said.sts,
        "iss": said.iss,
        "azp": said.azp,
        "aud": (said.aud,) if isinstance(said.aud, str) else said.aud or (),
        "times": (said.iat, said.nbf, said.exp),
        "org": (said.org_id, said.org_slug, said.org_role, said.org_permissions),
        "slugs": (said.fea, said.pla),
        "fva": said.fva,
    }


def assert_readers_agree(payload: bytes) -> None:
    """Whatever is believed can be read, and a handler sees what decisions rest on."""
    try:
        identity = identity_of(payload)
    except TokenError:
        return
    assert view(SessionClaims.model_validate_json(payload)) == view(identity)


@settings(max_examples=400)
@given(says=st.dictionaries(st.sampled_from(STANDARD), ODD | OBJECT, max_size=4))
def test_decisions_and_handlers_see_the_same_claims(says: dict[str, object]) -> None:
    """Whatever of the standard claims is odd, both readers take it for the same."""
    payload = json.dumps(claims(v=2, **{k: w for k, w in says.items() if k != "v"}) | says)
    if "NaN" not in payload and "Infinity" not in payload:  # judged before either reads
        assert_readers_agree(payload.encode())


@pytest.mark.parametrize("name", STANDARD)
@pytest.mark.parametrize("value", [None, "", 0, 2, 2.0, True, [], ["x"], {}, {"sub": "user_2"}])
def test_readers_agree_on_every_claim(name: str, value: object) -> None:
    """One by one, with values right and wrong."""
    assert_readers_agree(to_json(claims(**{name: value})))
    assert_readers_agree(to_json(claims(**{"v": 2, name: value})))


@pytest.mark.parametrize("name", ["sub", "iss", "exp", "v", "o", "org_id", "org_role", "azp"])
def test_readers_agree_on_a_claim_that_comes_twice(name: str) -> None:
    """JSON leaves open which one counts; for a decision it must be the one that is seen."""
    first, second = to_json(claims(v=2, o={"id": "org_1"}, org_id="org_2")), b'"user_9"'
    if name in ("exp", "v"):
        second = b"%d" % (NOW + 20)
    if name == "o":
        second = b'{"id":"org_9","rol":"owner"}'
    for payload in (
        first[:-1] + b',"%b":%b}' % (name.encode(), second),
        b'{"%b":%b,' % (name.encode(), second) + first[1:],
    ):
        assert_readers_agree(payload)


# --- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("custom", "size"),
    [
        ({}, len(b"{}")),
        ({"a": 1}, len(b'{"a":1}')),
        ({"metadata": {"plan": "pro"}}, len(b'{"metadata":{"plan":"pro"}}')),
        ({"name": "\u00e9"}, len('{"name":"\u00e9"}'.encode())),
    ],
)
def test_size_counts_custom_claims_only(custom: dict[str, object], size: int) -> None:
    """Clerk's own claims do not count, and bytes are counted as Clerk writes them."""
    assert custom_claims_size(claims(v=2, o={"id": "org_1"}, **custom)) == size


def test_model_that_validates_standard_claims_is_refused() -> None:
    """What Clerk says is not an application's to change."""

    class Rewritten(SessionClaims):
        @field_validator("sub")
        @classmethod
        def other(cls, value: str) -> str:
            """Never called."""
            return "user_somebody_else"

    with pytest.raises(ConfigurationError, match="other"):
        check_claims_model(Rewritten)
