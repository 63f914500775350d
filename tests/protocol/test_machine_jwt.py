"""M2M and OAuth JSON Web Tokens: signature first, then every rule, and every claim of its type."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi.errors import (
    TokenError,
    TokenExpired,
    TokenInvalid,
    TokenInvalidAlgorithm,
    TokenInvalidIssuer,
    TokenInvalidSignature,
    TokenIssuedInFuture,
    TokenNotActiveYet,
    TokenTypeMismatch,
    TokenVerificationFailed,
)
from clerk_fastapi.protocol.machine import MachineToken, MachineTokenType, verify_machine
from clerk_fastapi.protocol.tokens import UnverifiedToken
from clerk_fastapi.protocol.verify import Rules
from clerk_fastapi.testing import ABSENT, SigningKey
from clerk_fastapi.testing.signing import base64url
from tests.protocol.machines import RULES, believed, m2m, oauth
from tests.protocol.material import KEY, NOW, raw, signing_key, verification_key

Maker = Callable[..., bytes]

SESSION = "cl_B7d4PD111AAA"
TEMPLATE = "cl_B7d4PD222AAA"
M2M = "cl_B7d4PD333AAA"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def refusal(token: bytes, rules: Rules = RULES, now: float = NOW) -> type[TokenError]:
    """Why a token is refused."""
    with pytest.raises(TokenError) as refused:
        believed(token, rules, now)
    assert refused.value.__context__ is None, "which might quote the token"
    return type(refused.value)


def test_m2m_token_is_read() -> None:
    """What it was given beyond its structure are its claims, scopes included."""
    assert believed(m2m({"tier": "gold"})) == MachineToken(
        "m2m_token",
        "mt_1",
        "mch_1",
        ("data:read", "data:write"),
        {"scopes": "data:read data:write", "tier": "gold"},
        expires_at=NOW + 50,
    )
    bare = believed(m2m({"scopes": ABSENT, "jti": ABSENT}))
    assert (bare.id, bare.scopes, bare.claims) == ("", (), None)


@pytest.mark.parametrize(
    ("says", "scopes"),
    [
        ({"scopes": ""}, ()),
        ({"scopes": "  a  b "}, ("a", "b")),
        ({"scopes": "a\tb"}, ("a\tb",)),
        ({"scopes": "a", "aud": ["b"]}, ("a",)),
        ({"scopes": "", "aud": ["b"]}, ()),
        ({"scopes": None, "aud": ["b", "c"]}, ("b", "c")),
        ({"scopes": ABSENT, "aud": "b"}, ("b",)),
        ({"scopes": ABSENT, "aud": None}, ()),
    ],
)
def test_scopes_of_m2m_tokens(says: dict[str, object], scopes: tuple[str, ...]) -> None:
    """Separated by spaces; tokens that have none may call whom they are meant for."""
    assert believed(m2m(says)).scopes == scopes


def test_oauth_token_is_read() -> None:
    """The user, the application that acts for them, and whoever really acts."""
    act = {"sub": "user_2", "iss": "https://a.example"}
    token = believed(oauth({"aud": "https://api.example.com", "act": act}))
    assert (token.token_type, token.id, token.subject) == ("oauth_token", "oat_1", "user_1")
    assert (token.client_id, token.scopes) == ("client_1", ("profile", "email"))
    assert token.audience == ("https://api.example.com",)
    assert token.actor is not None
    assert token.actor.model_dump() == act
    assert (token.claims, token.expires_at) == (None, NOW + 50)
    bare = believed(oauth(dict.fromkeys(("jti", "client_id", "scope"), ABSENT)))
    assert (bare.id, bare.client_id, bare.scopes, bare.audience) == ("", None, (), ())


@pytest.mark.parametrize(
    ("says", "scopes"),
    [
        ({"scp": ["a", "b"]}, ("a", "b")),
        ({"scp": []}, ()),
        ({"scp": None}, ("profile", "email")),
        ({"scope": None}, ()),
        ({"scope": ""}, ()),
    ],
)
def test_scopes_of_oauth_tokens(says: dict[str, object], scopes: tuple[str, ...]) -> None:
    """A list of them goes before a text of them, even if it is empty."""
    assert believed(oauth(says)).scopes == scopes


@pytest.mark.parametrize(
    "category", [SESSION, TEMPLATE, "cl_I7d4PD111III", "cl_unknown", ABSENT, None, 5, "", [M2M]]
)
def test_session_or_template_token_is_not_accepted_as_m2m(category: object) -> None:
    """Signed by the same key, but made for something else (row 5)."""
    assert refusal(m2m(header_says={"cat": category})) is TokenInvalid


@pytest.mark.parametrize("category", [SESSION, TEMPLATE, M2M, None, 5, "", [SESSION]])
def test_token_of_another_category_is_not_accepted_as_oauth(category: object) -> None:
    """Its type alone does not make an access token."""
    assert refusal(oauth(header_says={"cat": category})) is TokenTypeMismatch


@pytest.mark.parametrize("category", [ABSENT, "cl_I7d4PD111III", "cl_B7d4PD444AAA"])
def test_oauth_token_may_have_a_category_of_its_own(category: object) -> None:
    """Nobody has said which, so that only those of other kinds are refused."""
    assert believed(oauth(header_says={"cat": category})).subject == "user_1"


@pytest.mark.parametrize("typ", ["at+jwt", "jwt", "", None, 5, ["JWT"]])
def test_m2m_token_has_the_type_jwt(typ: object) -> None:
    """Or none, which means the same."""
    assert refusal(m2m(header_says={"typ": typ})) is TokenVerificationFailed
    assert believed(m2m(header_says={"typ": ABSENT})).subject == "mch_1"


def test_token_is_not_verified_as_another_kind() -> None:
    """Whoever asks for an access token does not get by with anything else."""
    token = UnverifiedToken.parse(m2m(header_says={"cat": ABSENT}))
    with pytest.raises(TokenVerificationFailed):
        verify_machine(token, "oauth_token", verification_key(), RULES, NOW)


@pytest.mark.parametrize("make", [m2m, oauth])
@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS384", "RS512", "PS256"])
def test_algorithm_is_on_the_list_and_the_keys_own(make: Maker, algorithm: str) -> None:
    """RFC 8725 section 3.1: the token does not choose."""
    token = make(header_says={"alg": algorithm})
    assert refusal(token) is TokenInvalidAlgorithm
    lax = replace(RULES, algorithms=frozenset({"RS256", "RS384", "RS512"}))
    assert refusal(token, lax) is TokenInvalidAlgorithm


@pytest.mark.parametrize("make", [m2m, oauth])
def test_signature_is_checked_before_any_claim(make: Maker) -> None:
    """A forger learns nothing about the rules (row 16), whatever the claims say."""
    for says in ({}, {"exp": 1}, {"iss": "https://evil.example"}, {"iat": "soon"}):
        forged = make(says).rpartition(b".")[0] + b"." + base64url(bytes(256)).encode()
        assert refusal(forged) is TokenInvalidSignature
    head, payload, _ = make().split(b".")
    signed = SigningKey.generate().sign(head + b"." + payload)
    assert refusal(b".".join([head, payload, base64url(signed).encode()])) is TokenInvalidSignature


@pytest.mark.parametrize("make", [m2m, oauth])
def test_issuer_is_this_instance(make: Maker) -> None:
    """Clerk's own backend does not look; a PEM of the wrong instance would go unnoticed."""
    assert refusal(make({"iss": "https://clerk.evil.example"})) is TokenInvalidIssuer
    assert believed(make({"iss": "https://other.example"}), replace(RULES, issuers=None))


@pytest.mark.parametrize("make", [m2m, oauth])
def test_audience_is_demanded_where_one_is_configured(make: Maker) -> None:
    """One of several is enough, none is not."""
    strict = replace(RULES, audience=frozenset({"https://api.example.com", "other"}))
    for audience in ("https://api.example.com", ["x", "other"]):
        assert believed(make({"aud": audience}), strict)
    for absent in (ABSENT, None, [], "https://api.example.com/", ["x"]):
        assert refusal(make({"aud": absent}), strict) is TokenVerificationFailed
        assert believed(make({"aud": absent}))


def test_authorized_parties_do_not_apply() -> None:
    """No browser sends these tokens, so that none of them names an origin."""
    strict = replace(RULES, authorized_parties=frozenset({"https://app.example.com"}))
    assert believed(m2m(), strict)
    assert believed(oauth(), strict)


@pytest.mark.parametrize("make", [m2m, oauth])
def test_times_are_held_against_the_clock(make: Maker) -> None:
    """To the second, with the skew that is allowed."""
    token, skew = make(), int(RULES.clock_skew)
    assert believed(token, now=NOW + 50 + skew - 1)
    assert refusal(token, now=NOW + 50 + skew) is TokenExpired
    assert believed(token, now=NOW - 10 - skew)
    assert refusal(token, now=NOW - 10 - skew - 1) is TokenIssuedInFuture
    assert refusal(make({"nbf": NOW + skew + 1})) is TokenNotActiveYet
    assert believed(make({"nbf": NOW + skew}))
    assert believed(make({"nbf": ABSENT}))


ILL_TYPED: list[tuple[str, object]] = [
    *[(name, value) for name in ("exp", "iat") for value in (ABSENT, None, "5", True, 1.5, -1)],
    ("exp", 10**18),
    *[("nbf", value) for value in (None, "5", True, [])],
    *[("iss", value) for value in (ABSENT, None, "", 5, [KEY.issuer])],
    *[("jti", value) for value in (5, [], {})],
    *[("aud", value) for value in (5, {}, [5], "", ["a", ""], True)],
]


@pytest.mark.parametrize("make", [m2m, oauth])
@pytest.mark.parametrize(("name", "value"), ILL_TYPED)
def test_claim_of_a_wrong_type_is_a_refusal(make: Maker, name: str, value: object) -> None:
    """A claim that nobody can read is not believed, signed or not (row 23)."""
    assert refusal(make({name: value})) is TokenVerificationFailed


@pytest.mark.parametrize("scopes", [5, ["data:read"], {}, True])
def test_scopes_of_m2m_tokens_are_text(scopes: object) -> None:
    """Clerk's own backend crashes on anything else."""
    assert refusal(m2m({"scopes": scopes})) is TokenVerificationFailed


@pytest.mark.parametrize(
    "says",
    [
        {"scope": 5},
        {"scope": ["a"]},
        {"scp": "a b"},
        {"scp": [5]},
        {"client_id": 5},
        {"act": "user_2"},
        {"act": {}},
        {"act": {"sub": 5}},
        {"act": {"sub": "user_2", "iss": 5}},
        {"act": {"sub": "user_2", "act": {"sub": ""}}},
    ],
    ids=repr,
)
def test_claims_of_oauth_tokens_are_of_their_type(says: dict[str, object]) -> None:
    """An actor that cannot be read is no reason to believe that there is none."""
    assert refusal(oauth(says)) is TokenVerificationFailed


@pytest.mark.parametrize("subject", ["org_1", "client_1", "user_", "", 5, None, ABSENT, ["user_1"]])
def test_oauth_token_acts_for_a_user(subject: object) -> None:
    """Whatever else signs in somewhere has no user id."""
    assert refusal(oauth({"sub": subject})) is TokenVerificationFailed


def test_m2m_token_speaks_for_a_machine() -> None:
    """A prefix alone names none."""
    assert refusal(m2m({"sub": "mch_"})) is TokenVerificationFailed


@pytest.mark.parametrize(
    "payload", [b"null", b"[]", b"5", b"", b'{"sub":NaN}', b'{"exp":Infinity}']
)
def test_payload_is_a_json_object(payload: bytes) -> None:
    """Even where classifying was left out."""
    head = {"alg": "RS256", "cat": M2M, "kid": signing_key().kid}
    token = UnverifiedToken.parse(raw(json.dumps(head).encode(), payload))
    with pytest.raises(TokenInvalid):
        verify_machine(token, "m2m_token", verification_key(), RULES, NOW)


NAMES = ["iss", "sub", "exp", "nbf", "iat", "jti", "aud", "scopes", "scope", "scp", "act"]


@given(make=st.sampled_from([m2m, oauth]), says=st.dictionaries(st.sampled_from(NAMES), JSON))
def test_random_claims_are_read_or_refused(make: Maker, says: dict[str, object]) -> None:
    """Whatever was signed, it is believed or refused, and nothing stumbles."""
    token = UnverifiedToken.parse(make(says))
    try:
        kind: MachineTokenType = "m2m_token" if make is m2m else "oauth_token"
        read = verify_machine(token, kind, verification_key(), RULES, NOW)
    except TokenError:
        return
    assert all(isinstance(scope, str) and scope for scope in read.scopes)
