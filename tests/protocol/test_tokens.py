"""Tokens taken apart: three parts, one spelling, a header that says what it must."""

import json
from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi import TokenError
from clerk_fastapi.errors import TokenInvalid, TokenTypeMismatch
from clerk_fastapi.protocol.tokens import (
    MAX_TOKEN_BYTES,
    UnverifiedToken,
    peek_claims,
    refuse_machine_claims,
)
from clerk_fastapi.testing import ABSENT
from clerk_fastapi.testing.signing import base64url
from tests.protocol.material import NOW, raw, signed, signing_key

BASE64URL = ascii_letters + digits + "-_"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def assert_invalid(token: bytes) -> None:
    """The token cannot be taken apart."""
    with pytest.raises(TokenInvalid):
        UnverifiedToken.parse(token)


def test_token_is_taken_apart() -> None:
    """What was signed, what it says and the signature are told apart."""
    token = signed({"exp": NOW})
    head, payload, signature = token.split(b".")
    unverified = UnverifiedToken.parse(token)
    assert unverified.signing_input == head + b"." + payload
    assert peek_claims(unverified.payload)["exp"] == NOW
    assert unverified.signature == signing_key().sign(head + b"." + payload)
    assert len(signature) > len(unverified.signature)
    assert unverified.header.algorithm == "RS256"
    assert unverified.header.kid == signing_key().kid
    assert unverified.header.category == "cl_B7d4PD111AAA"


@pytest.mark.parametrize("parts", [0, 1, 2, 4, 5, 6])
def test_token_has_three_parts(parts: int) -> None:
    """Neither fewer, nor the five parts of an encrypted token."""
    segments = [*signed().split(b"."), b"AAAA", b"AAAA", b"AAAA"]
    assert_invalid(b".".join(segments[:parts]))


@pytest.mark.parametrize("at", [0, 1])
def test_header_and_payload_say_something(at: int) -> None:
    """A part that is empty holds no JSON."""
    segments = signed().split(b".")
    segments[at] = b""
    with pytest.raises(TokenInvalid):
        refuse_machine_claims(UnverifiedToken.parse(b".".join(segments)).payload)


def test_longest_token_is_read() -> None:
    """Up to the limit a token is read, beyond it not even looked at."""
    token = signed()
    filler = MAX_TOKEN_BYTES - len(token)
    longest = signed({"filler": "x" * (filler * 3 // 4 - 14)})
    assert MAX_TOKEN_BYTES - 8 < len(longest) <= MAX_TOKEN_BYTES
    UnverifiedToken.parse(longest)
    assert_invalid(signed({"filler": "x" * (filler * 3 // 4)}))
    assert_invalid(b"." * (MAX_TOKEN_BYTES + 1))


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("junk", [b"=", b"==", b"+", b"/", b" ", b"\n", b"\0", b"!", b"\xff"])
def test_parts_are_base64url(part: int, junk: bytes) -> None:
    """Padding, the other alphabet, blanks and anything else are refused wherever they stand."""
    segments = signed().split(b".")
    for at in (0, len(segments[part]) // 2, len(segments[part])):
        bent = list(segments)
        bent[part] = bent[part][:at] + junk + bent[part][at:]
        assert_invalid(b".".join(bent))


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize(
    "junk", [b'"', b'","', b'"]', b"\\", b"\\u0041", b'"],["', b'"\n,\n"', b'","AA"]#']
)
def test_parts_cannot_speak_json(part: int, junk: bytes) -> None:
    """However the parts are decoded, quotes and escapes do not change where one ends."""
    segments = signed().split(b".")
    for at in (0, 4, len(segments[part])):
        bent = list(segments)
        bent[part] = bent[part][:at] + junk + bent[part][at:]
        assert_invalid(b".".join(bent))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_every_token_has_one_spelling(part: int) -> None:
    """Unused bits of the last character are zero, or many texts would be one token."""
    segments = [
        base64url(b'{"alg":"RS256","a":"b"}').encode(),
        base64url(b'{"sub":"a"}').encode(),
        base64url(bytes(256)).encode(),
    ]
    UnverifiedToken.parse(b".".join(segments))
    assert len(segments[part]) % 4, "no unused bits to play with"
    last = BASE64URL.index(chr(segments[part][-1]))
    for character in BASE64URL[last + 1 : last + 4]:
        bent = list(segments)
        bent[part] = bent[part][:-1] + character.encode()
        assert_invalid(b".".join(bent))


@pytest.mark.parametrize("length", [1, 5, 9])
def test_base64_of_impossible_length_is_refused(length: int) -> None:
    """One character beyond a multiple of four holds no byte."""
    head, payload, _ = signed().split(b".")
    assert_invalid(b".".join([head, payload, b"A" * length]))
    assert_invalid(b".".join([head, b"A" * length, b"AAAA"]))


HEADERS = [
    b"",
    b"null",
    b"true",
    b"5",
    b'"RS256"',
    b'["RS256"]',
    b"[]",
    b"{",
    b"{}{}",
    b"{alg:RS256}",
    b"{'alg':'RS256'}",
    b'{"alg":"RS256",}',
    b'{"alg":"RS256","n":NaN}',
    b'{"alg":"RS256","n":Infinity}',
    b'{"alg":"RS256","typ":"\xff"}',
    b'{"alg":"RS256","typ":"\\ud800"}',
    b'\xef\xbb\xbf{"alg":"RS256"}',
    '{"alg":"RS256"}'.encode("utf-16"),
    b'{"alg":"RS256","a":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
]


@pytest.mark.parametrize("head", HEADERS, ids=lambda head: repr(head[:24]))
def test_header_is_a_json_object(head: bytes) -> None:
    """What is not JSON, or JSON but no object, is no header."""
    assert_invalid(raw(head, b"{}"))


@pytest.mark.parametrize("algorithm", [ABSENT, None, True, 5, ["RS256"], {"RS256": 1}])
def test_algorithm_is_text(algorithm: object) -> None:
    """A token that does not name its algorithm cannot be checked."""
    assert_invalid(signed(header_says={"alg": algorithm}))


@pytest.mark.parametrize("kid", [5, True, ["ins_1"], {"kid": "ins_1"}])
def test_key_id_is_text(kid: object) -> None:
    """A ``kid`` of another type names no key."""
    assert_invalid(signed(header_says={"kid": kid}))


def test_key_id_may_be_missing() -> None:
    """With a PEM no key has to be named."""
    assert UnverifiedToken.parse(signed(header_says={"kid": ABSENT})).header.kid is None


@pytest.mark.parametrize("name", ["crit", "b64"])
@pytest.mark.parametrize("value", [None, True, False, [], ["exp"], ["b64"], "exp", 0])
def test_extensions_are_refused(name: str, value: object) -> None:
    """A token that changes the rules of reading it is not read (RFC 7515, RFC 7797)."""
    assert_invalid(signed(header_says={name: value}))


def test_unknown_header_members_are_ignored() -> None:
    """Whatever else the header says, keys least of all, nobody listens."""
    says = {"oiat": NOW, "jwk": {"kty": "RSA"}, "jku": "https://a.example", "x5u": "x", "x5c": []}
    plain = UnverifiedToken.parse(signed()).header
    assert UnverifiedToken.parse(signed(header_says=says)).header == plain


def test_header_is_read_anew_for_every_token() -> None:
    """That headers are remembered shows nowhere: equal bytes, equal header, and no other."""
    first, second = signed(header_says={"kid": "ins_a"}), signed(header_says={"kid": "ins_b"})
    for _ in range(2):
        assert UnverifiedToken.parse(first).header.kid == "ins_a"
        assert UnverifiedToken.parse(second).header.kid == "ins_b"
    long = "ins_" + "x" * 1_000
    assert UnverifiedToken.parse(signed(header_says={"kid": long})).header.kid == long


@given(token=st.binary() | st.text(f'{BASE64URL}.=+/"\\,] ').map(str.encode))
def test_random_bytes_are_refused_cleanly(token: bytes) -> None:
    """Whatever arrives, the parser says no or takes it apart; it never stumbles."""
    try:
        unverified = UnverifiedToken.parse(token)
    except TokenError:
        return
    head, payload, signature = token.decode().split(".")
    assert unverified.signing_input.decode() == f"{head}.{payload}"
    assert base64url(unverified.payload) == payload
    assert base64url(unverified.signature) == signature


@given(head=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_random_headers_are_refused_cleanly(head: bytes) -> None:
    """Any header that was signed is read or refused."""
    token = f"{base64url(head)}.AAAA.AAAA".encode()
    try:
        header = UnverifiedToken.parse(token).header
    except TokenError:
        return
    assert json.loads(head)["alg"] == header.algorithm


@given(
    says=st.fixed_dictionaries(
        {"alg": st.just("RS256")}, optional={"typ": JSON, "cat": JSON, "kid": JSON, "oiat": JSON}
    )
)
def test_random_header_members_are_refused_cleanly(says: dict[str, object]) -> None:
    """Members of a wrong type are a reason to refuse and not to crash."""
    token = f"{base64url(json.dumps(says).encode())}.AAAA.AAAA".encode()
    try:
        UnverifiedToken.parse(token)
    except TokenError:
        return


@pytest.mark.parametrize(
    "payload", [b"", b"null", b"5", b'"user_1"', b'[{"sub":"user_1"}]', b"{", b'{"sub":NaN}']
)
def test_peeking_needs_an_object(payload: bytes) -> None:
    """Claims that cannot be read are no claims."""
    with pytest.raises(TokenInvalid):
        peek_claims(payload)


@pytest.mark.parametrize("subject", ["mch_1", "mch_"])
def test_machine_is_named_as_such(subject: str) -> None:
    """A machine token is refused for what it is, before anybody looks for a key."""
    with pytest.raises(TokenTypeMismatch):
        refuse_machine_claims(json.dumps({"sub": subject}).encode())


@pytest.mark.parametrize("subject", ["user_1", "MCH_1", " mch_1", "", 5, None, ["mch_1"], {}])
def test_everything_else_is_no_machine(subject: object) -> None:
    """Subjects of any type are survived."""
    refuse_machine_claims(json.dumps({"sub": subject}).encode())
