"""What a handshake brought home is believed like a session token: signature first, then dates."""

import pytest

from clerk_fastapi import TokenError
from clerk_fastapi.protocol.tokens import UnverifiedToken
from clerk_fastapi.protocol.verify import Rules, verify_handshake
from clerk_fastapi.testing import ABSENT, HANDSHAKE_FORGERIES, LocalClerk
from clerk_fastapi.testing.signing import base64url
from clerk_fastapi.testing.tokens import changed, header, to_json
from tests.protocol.material import KEY, NOW, Fields, raw, signing_key, verification_key

COOKIES = ["__session=a.b.c; Path=/", "__client_uat=5"]
RULES = Rules(issuers=frozenset({KEY.issuer}))


def handshake(header_says: Fields | None = None, **says: object) -> bytes:
    """A handshake token of the instance, with something said otherwise."""
    claims = {"handshake": COOKIES, "iss": KEY.issuer, "iat": NOW, "exp": NOW + 60}
    head = changed(header(signing_key().kid), header_says or {})
    return raw(to_json(head), to_json(changed(claims, says)))


def opened(token: bytes, rules: Rules = RULES, now: float = NOW) -> list[object] | str | None:
    """What is in a handshake token, or why it is refused."""
    try:
        return verify_handshake(UnverifiedToken.parse(token), verification_key(), rules, now)
    except TokenError as error:
        return error.code


def test_handshake_of_the_instance_is_believed() -> None:
    """Its directives are returned as they are: they are examined where they are used."""
    assert opened(handshake()) == COOKIES
    assert opened(handshake(handshake=[5, None])) == [5, None]
    assert opened(handshake(handshake=[])) == []


@pytest.mark.parametrize("value", [ABSENT, None, "a=b", {"0": "a=b"}, 5, True])
def test_token_without_a_list_of_directives_is_no_handshake(value: object) -> None:
    """A session token, for one, which is signed alike, says nothing of cookies."""
    assert opened(handshake(handshake=value)) is None
    assert opened(handshake(handshake=value, exp=1)) is None


def test_dates_may_be_missing() -> None:
    """Clerk promises none."""
    assert opened(handshake(exp=ABSENT, iat=ABSENT, iss=ABSENT)) == COOKIES


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ({"exp": NOW - 4}, None),
        ({"exp": NOW - 5}, "token-expired"),
        ({"exp": 0}, "token-expired"),
        ({"exp": -1}, "token-expired"),
        ({"nbf": NOW + 5}, None),
        ({"nbf": NOW + 6}, "token-not-active-yet"),
        ({"iat": NOW + 5}, None),
        ({"iat": NOW + 6}, "token-iat-in-the-future"),
        ({"exp": NOW + 0.5, "iat": NOW - 0.5, "nbf": NOW - 0.5}, None),
    ],
)
def test_handshake_is_good_for_its_time(says: Fields, code: str | None) -> None:
    """With the tolerance for clocks that differ; Clerk's SDK looks at no date."""
    assert opened(handshake(**says)) == (code or COOKIES)


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1800000060", True, None, [NOW], {}])
def test_date_of_another_type_is_refused(name: str, value: object) -> None:
    """It is neither past nor future."""
    assert opened(handshake(**{name: value})) == "token-verification-failed"


@pytest.mark.parametrize(
    ("issuer", "code"),
    [
        (KEY.issuer, None),
        (ABSENT, None),
        (None, None),
        ("https://clerk.other.example", "token-invalid-issuer"),
        (f"{KEY.issuer}/", "token-invalid-issuer"),
        ("", "token-invalid-issuer"),
        (5, "token-invalid-issuer"),
    ],
)
def test_handshake_of_another_instance_is_refused(issuer: object, code: str | None) -> None:
    """If it names its issuer, that has to be this one."""
    assert opened(handshake(iss=issuer)) == (code or COOKIES)
    assert opened(handshake(iss=issuer), Rules()) == COOKIES


@pytest.mark.parametrize(
    ("header_says", "code"),
    [
        ({"cat": "cl_B7d4PD111AAA"}, None),
        ({"cat": "cl_I7d4PD111III"}, None),
        ({"cat": ABSENT}, None),
        ({"cat": "cl_B7d4PD222AAA"}, "token-type-mismatch"),
        ({"cat": "cl_B7d4PD333AAA"}, "token-type-mismatch"),
        ({"alg": "none"}, "token-invalid-algorithm"),
        ({"alg": "HS256"}, "token-invalid-algorithm"),
        ({"alg": "RS512"}, "token-invalid-algorithm"),
    ],
)
def test_header_of_a_handshake_is_that_of_a_session(header_says: Fields, code: str | None) -> None:
    """The same category and algorithm."""
    assert opened(handshake(header_says)) == (code or COOKIES)


def test_algorithm_is_the_keys() -> None:
    """Even where several are allowed, a key is good for one."""
    rules = Rules(algorithms=frozenset({"RS256", "RS512"}))
    assert opened(handshake({"alg": "RS512"}), rules) == "token-invalid-algorithm"


def test_signature_comes_before_claims() -> None:
    """Whoever forges one learns nothing else."""
    head, payload, _ = handshake(exp=1).split(b".")
    token = b".".join((head, payload, base64url(bytes(256)).encode()))
    assert opened(token) == "token-invalid-signature"


@pytest.mark.parametrize("payload", [b"[]", b"null", b"5", b"junk", b"\xff"])
def test_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    """Even with a good signature."""
    assert opened(raw(to_json(header(signing_key().kid)), payload)) in (
        "token-invalid",
        "token-verification-failed",
    )


@pytest.mark.parametrize("name", sorted(HANDSHAKE_FORGERIES))
def test_forged_handshake_is_refused(name: str) -> None:
    """Each for its own reason."""
    local = LocalClerk(host=KEY.host, signing_key=signing_key(), clock=lambda: NOW)
    forged = local.forge_handshake(name, COOKIES).encode()
    if HANDSHAKE_FORGERIES[name] == "jwk-kid-mismatch":
        assert UnverifiedToken.parse(forged).header.kid != signing_key().kid
    else:
        assert opened(forged) == HANDSHAKE_FORGERIES[name]
