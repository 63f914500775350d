"""A token is believed if its signature is ours and every rule holds, and refused by name if not."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi import SessionClaims, TokenError
from clerk_fastapi.errors import (
    TokenExpired,
    TokenInvalid,
    TokenInvalidAlgorithm,
    TokenInvalidAuthorizedParties,
    TokenInvalidIssuer,
    TokenInvalidSignature,
    TokenIssuedInFuture,
    TokenNotActiveYet,
    TokenTypeMismatch,
    TokenVerificationFailed,
)
from clerk_fastapi.protocol._jose import key_from_jwk
from clerk_fastapi.protocol.tokens import UnverifiedToken
from clerk_fastapi.protocol.verify import Rules, check_header
from clerk_fastapi.testing import ABSENT, SigningKey
from tests.protocol.material import (
    HEAD,
    KEY,
    NOW,
    ORIGIN,
    claims,
    code,
    forged,
    judged,
    raw,
    signed,
    signing_key,
    verification_key,
)

STRICT = Rules(
    issuers=frozenset({KEY.issuer}),
    authorized_parties=frozenset({ORIGIN}),
    audience=frozenset({"app"}),
)
WRONG: dict[str, object] = {
    "azp": "https://attacker.example",
    "iss": "https://clerk.attacker.example",
    "exp": NOW - 1_000,
    "nbf": NOW + 1_000,
    "iat": NOW + 1_000,
    "aud": "other",
}


def test_ordinary_token_is_believed() -> None:
    """Signed by the instance, for us, now: the payload comes back as it was signed."""
    verified = judged(signed({"aud": "app", "plan": "pro"}), STRICT)
    assert verified.identity.user_id == "user_1"
    assert verified.identity.session_id == "sess_1"
    assert json.loads(verified.payload) == claims(aud="app", plan="pro")
    assert verified.key is verification_key()


# --- signature first ------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{}, *({name: value} for name, value in WRONG.items()), WRONG])
def test_signature_is_judged_before_any_claim(wrong: dict[str, object]) -> None:
    """A forger learns nothing about the rules: all forgeries get the same answer."""
    assert code(forged(wrong), STRICT) == "token-invalid-signature"


@pytest.mark.parametrize("name", ["sub", "sid", "iss", "exp", "iat"])
@pytest.mark.parametrize("value", [ABSENT, None, True, [], "x"])
def test_malformed_claims_of_a_forger_tell_nothing_either(name: str, value: object) -> None:
    """Types are judged after the signature too."""
    assert code(forged({name: value}), STRICT) == "token-invalid-signature"


def test_checks_come_in_clerks_order() -> None:
    """Of several faults the one is named that Clerk's SDK names: aud, azp, iss, exp, nbf, iat."""
    told = []
    good = {"aud": "app"} | {name: claims()[name] for name in ("azp", "iss", "exp", "nbf", "iat")}
    says = dict(WRONG)
    for name in ("aud", "azp", "iss", "exp", "nbf", "iat"):
        told.append(code(signed(says), STRICT))
        says[name] = good[name]
    assert told == [
        "token-verification-failed",
        "token-invalid-authorized-parties",
        "token-invalid-issuer",
        "token-expired",
        "token-not-active-yet",
        "token-iat-in-the-future",
    ]
    assert code(signed(says), STRICT) == "accepted"


def test_header_is_judged_before_the_signature() -> None:
    """What needs no key to be refused is refused first."""
    token = UnverifiedToken.parse(signed(header_says={"alg": "none"}))
    with pytest.raises(TokenInvalidAlgorithm):
        check_header(token, STRICT)
    with pytest.raises(TokenInvalidAlgorithm):
        judged(signed(header_says={"alg": "none"}), STRICT)


def test_forged_machine_token_is_named_as_such() -> None:
    """Which kind of token it would be is said before the signature, as Clerk does."""
    with pytest.raises(TokenTypeMismatch):
        judged(forged({"sub": "mch_1"}), STRICT)
    with pytest.raises(TokenTypeMismatch):
        judged(signed({"sub": "mch_1", "sid": ABSENT}))


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"{", b'"x"', b"\xff", b"\xef\xbb\xbf{}"])
def test_payload_is_a_json_object(payload: bytes) -> None:
    """Signed or not, what is not a JSON object is malformed."""
    with pytest.raises(TokenInvalid):
        judged(raw(HEAD, payload))
    with pytest.raises(TokenInvalid):
        judged(raw(HEAD, payload).rpartition(b".")[0] + b".AAAA")


def test_key_of_somebody_else_does_not_fit() -> None:
    """The same ``kid`` on another key makes no difference."""
    other = key_from_jwk(SigningKey(signing_key().kid, SigningKey.generate().private).jwk)
    with pytest.raises(TokenInvalidSignature):
        judged(signed(), key=other)


# --- algorithm, type and category -----------------------------------------------------------------


@pytest.mark.parametrize(
    "algorithm",
    ["none", "None", "NONE", "HS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", ""],
)
def test_algorithm_is_on_the_allow_list(algorithm: str) -> None:
    """RS256 and nothing else, unless it was configured."""
    with pytest.raises(TokenInvalidAlgorithm):
        judged(signed(header_says={"alg": algorithm}))


def test_allowed_algorithm_must_be_the_keys_own() -> None:
    """Allowing RS512 as well does not let a key for RS256 be used with it, nor the other way."""
    both = Rules(algorithms=frozenset({"RS256", "RS512"}))
    with pytest.raises(TokenInvalidAlgorithm):
        judged(signed(header_says={"alg": "RS512"}), both)
    wide = key_from_jwk(signing_key().jwk | {"alg": "RS512"})
    with pytest.raises(TokenInvalidAlgorithm):
        judged(signed(), both, key=wide)


@pytest.mark.parametrize("category", ["cl_B7d4PD111AAA", "cl_I7d4PD111III", ABSENT])
def test_categories_of_sessions_are_accepted(category: object) -> None:
    """Session tokens, those of instances that opted out, and those older than categories."""
    assert code(signed(header_says={"cat": category})) == "accepted"


@pytest.mark.parametrize(
    "category",
    ["cl_B7d4PD222AAA", "cl_B7d4PD333AAA", "cl_b7d4pd111aaa", "", None, 111, True, [], ["x"], {}],
)
def test_other_categories_are_refused(category: object) -> None:
    """Template and machine tokens are genuine, but they are not sessions."""
    with pytest.raises(TokenTypeMismatch):
        judged(signed(header_says={"cat": category}))


def test_category_can_be_required() -> None:
    """An operator may do without tokens that do not say their category."""
    rules = Rules(require_category=True)
    assert code(signed(header_says={"cat": ABSENT}), rules) == "token-type-mismatch"
    assert code(signed(), rules) == "accepted"


@pytest.mark.parametrize("kind", ["JWT", ABSENT])
def test_type_is_jwt_if_it_is_named(kind: object) -> None:
    """Session tokens may leave ``typ`` out."""
    assert code(signed(header_says={"typ": kind})) == "accepted"


@pytest.mark.parametrize("kind", ["jwt", "JOSE", "", None, 5, True, [], ["JWT"], {"typ": "JWT"}])
def test_other_types_are_refused(kind: object) -> None:
    """``typ`` is compared letter by letter."""
    with pytest.raises(TokenInvalid):
        judged(signed(header_says={"typ": kind}))


@pytest.mark.parametrize("kind", ["at+jwt", "application/at+jwt"])
def test_access_tokens_are_another_kind(kind: str) -> None:
    """OAuth access tokens are genuine, but they are not sessions."""
    with pytest.raises(TokenTypeMismatch):
        judged(signed(header_says={"typ": kind}))


# --- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("skew", [0.0, 5.0, 0.5])
def test_expiry_counts_from_the_second_itself(skew: float) -> None:
    """``exp`` plus the skew is the first moment at which a token is too old."""
    rules, token = Rules(clock_skew=skew), signed({"exp": NOW})
    judged(token, rules, NOW + skew - 0.001)
    for late in (0, 0.001, 1, 1e9):
        with pytest.raises(TokenExpired):
            judged(token, rules, NOW + skew + late)


@pytest.mark.parametrize("skew", [0.0, 5.0, 0.5])
def test_beginning_counts_to_the_second_itself(skew: float) -> None:
    """``nbf`` and ``iat`` minus the skew are the first moments at which a token counts."""
    rules = Rules(clock_skew=skew)
    for name, refusal in (("nbf", TokenNotActiveYet), ("iat", TokenIssuedInFuture)):
        token = signed({"nbf": ABSENT, "iat": NOW - 10, name: NOW})
        judged(token, rules, NOW - skew)
        for early in (0.001, 1, 5):
            with pytest.raises(refusal):
                judged(token, rules, NOW - skew - early)


def test_beginning_may_be_missing() -> None:
    """``nbf`` is optional; ``iat`` says enough."""
    assert code(signed({"nbf": ABSENT})) == "accepted"


def test_latest_date_is_the_end_of_the_year_9999() -> None:
    """Beyond it clocks overflow, and an expiry that overflows never comes."""
    assert code(signed({"exp": 253_402_300_799})) == "accepted"
    for value in (253_402_300_800, 8_640_000_000_001, 10**400, -1):
        assert code(signed({"exp": value})) == "token-verification-failed"


# --- for whom, from whom --------------------------------------------------------------------------


@pytest.mark.parametrize("audience", ["app", ["app"], ["other", "app"], ["app", "app"]])
def test_audience_names_us(audience: object) -> None:
    """One of the token's audiences has to be one of ours."""
    rules = Rules(audience=frozenset({"app", "api"}))
    assert code(signed({"aud": audience}), rules) == "accepted"


@pytest.mark.parametrize(
    "audience", [ABSENT, None, "", [], "other", ["other"], "APP", "app ", ["app,api"]]
)
def test_configured_audience_is_required(audience: object) -> None:
    """A token that names nobody is not for us, once we said who we are."""
    rules = Rules(audience=frozenset({"app", "api"}))
    assert code(signed({"aud": audience}), rules) == "token-verification-failed"
    assert code(signed({"aud": audience})) == "accepted"


def test_refused_audience_is_explained() -> None:
    """The message says what to compare, without repeating it."""
    with pytest.raises(TokenVerificationFailed, match="audience") as caught:
        judged(signed({"aud": "other-app"}), Rules(audience=frozenset({"app"})))
    assert "other-app" not in caught.value.message


@pytest.mark.parametrize(
    "party",
    [
        ABSENT,
        None,
        "",
        "https://attacker.example",
        f"{ORIGIN}/",
        f"{ORIGIN}.attacker.example",
        ORIGIN.upper(),
        ORIGIN.replace("https", "http"),
        f"{ORIGIN}:443",
        f" {ORIGIN}",
    ],
)
def test_configured_authorized_party_is_required(party: object) -> None:
    """``azp`` is there and equal to one of ours; near is not enough, and absent is not either."""
    rules = Rules(authorized_parties=frozenset({ORIGIN, "https://other.example"}))
    with pytest.raises(TokenInvalidAuthorizedParties):
        judged(signed({"azp": party}), rules)
    assert code(signed({"azp": party})) == "accepted"


def test_every_configured_party_is_accepted() -> None:
    """Several applications may share an API."""
    rules = Rules(authorized_parties=frozenset({ORIGIN, "https://other.example"}))
    for party in (ORIGIN, "https://other.example"):
        assert code(signed({"azp": party}), rules) == "accepted"


@pytest.mark.parametrize(
    "issuer",
    [
        "https://clerk.attacker.example",
        f"{KEY.issuer}/",
        f"{KEY.issuer}.attacker.example",
        KEY.issuer.replace("https", "http"),
        KEY.host,
        KEY.issuer.upper(),
    ],
)
def test_issuer_is_the_instance(issuer: str) -> None:
    """``iss`` is compared letter by letter, and only an explicit choice believes any."""
    with pytest.raises(TokenInvalidIssuer):
        judged(signed({"iss": issuer}), Rules(issuers=frozenset({KEY.issuer})))
    assert code(signed({"iss": issuer})) == "accepted"


# --- anything at all ------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
CLAIMS = [*SessionClaims.model_fields, "metadata"]


@given(says=st.dictionaries(st.sampled_from(CLAIMS) | st.text(), JSON, max_size=4))
def test_random_claims_are_refused_cleanly(says: dict[str, object]) -> None:
    """Whatever the instance itself signs, the answer is a yes or the name of the reason."""
    says = {"aud": "app"} | says
    outcome = code(signed(says), STRICT)
    assert outcome == "accepted" or outcome.startswith("token-")
    if outcome == "accepted":
        said = claims(**says)
        assert (said["iss"], said["azp"]) == (KEY.issuer, ORIGIN)
        assert said["aud"] == "app" or "app" in said["aud"]


@given(payload=st.binary(max_size=64) | JSON.map(lambda value: json.dumps(value).encode()))
def test_random_payloads_are_refused_cleanly(payload: bytes) -> None:
    """No payload without issuer, user, session and times is ever believed."""
    assert code(raw(HEAD, payload)) in {
        "token-invalid",
        "token-type-mismatch",
        "token-verification-failed",
    }


@given(at=st.integers(0), bit=st.integers(0, 7))
def test_no_bent_token_is_believed(at: int, bit: int) -> None:
    """Flipping any one bit of a good token makes it a bad one."""
    token = bytearray(signed({"aud": "app"}))
    token[at % len(token)] ^= 1 << bit
    try:
        judged(bytes(token), STRICT)
    except TokenError:
        return
    raise AssertionError(f"bit {bit} at {at % len(token)} does not matter")


@pytest.mark.parametrize("now", [0.0, -1.0, 1e300, -1e300, math.inf, -math.inf])
def test_broken_clock_believes_nothing(now: float) -> None:
    """Whatever the clock says, a token is never believed outside of its times."""
    with pytest.raises(TokenError):
        judged(signed({"aud": "app"}), STRICT, now)
