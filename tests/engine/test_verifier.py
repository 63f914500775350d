"""Tokens are believed with keys that may have to be fetched, and wrong clocks forgiven for once."""

from typing import Any

import pytest

from clerk_fastapi import BackendUnavailable, TokenError
from clerk_fastapi.backend.jwks import PinnedKey
from clerk_fastapi.engine.session_tokens import SessionTokens
from clerk_fastapi.engine.verifier import KeyWanted, Verifier
from clerk_fastapi.errors import KeyIdMismatch
from clerk_fastapi.protocol._jose import VerificationKey
from clerk_fastapi.protocol.verify import Rules
from tests.engine.revoking import revocations
from tests.protocol.material import (
    KEY,
    NOW,
    READER,
    Fields,
    forged,
    signed,
    signing_key,
    verification_key,
)

pytestmark = pytest.mark.anyio

A_DAY = 86_400
RULES = Rules(issuers=frozenset({KEY.issuer}))


class Shelf(PinnedKey):
    """Keys that have to be fetched first, and the names by which they were asked for."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__(verification_key())
        self.asked: list[str | None] = []
        self._failure = failure

    def ready(self, kid: str | None) -> None:
        """Nothing is at hand."""

    async def key_for(self, kid: str | None) -> VerificationKey:
        """Fetch it, unless that fails."""
        self.asked.append(kid)
        if self._failure is not None:
            raise self._failure
        return await super().key_for(kid)


def verifier(keys: PinnedKey, rules: Rules = RULES) -> Verifier[Any]:
    """What believes tokens, and remembers none."""
    revoked = revocations(lambda: NOW)
    tokens = SessionTokens(None, revoked, lambda: NOW, 3_600)
    return Verifier(rules, keys, None, revoked, tokens, READER, lambda: NOW)


async def reason(keys: PinnedKey, token: bytes, rules: Rules = RULES) -> str:
    """What becomes of a token."""
    try:
        await verifier(keys, rules).verified(token)
    except TokenError as error:
        return error.code
    return "accepted"


async def test_key_is_fetched_by_its_name() -> None:
    """Once a token, and only if it is not at hand."""
    shelf = Shelf()
    assert await reason(shelf, signed()) == "accepted"
    assert shelf.asked == [signing_key().kid]
    assert await reason(PinnedKey(verification_key()), signed()) == "accepted"


def test_wish_for_a_key_is_told_and_not_printed() -> None:
    """The name is the token's own word, and exceptions end up in logs."""
    with pytest.raises(KeyWanted) as caught:
        verifier(Shelf()).at_once(signed())
    assert caught.value.kid == signing_key().kid
    assert str(caught.value) == ""


@pytest.mark.parametrize(
    ("header_says", "claims", "code"),
    [
        ({"alg": "HS256"}, {}, "token-invalid-algorithm"),
        ({"cat": "cl_B7d4PD222AAA"}, {}, "token-type-mismatch"),
        ({"typ": "at+jwt"}, {}, "token-type-mismatch"),
        ({}, {"sub": "mch_1"}, "token-type-mismatch"),
    ],
)
async def test_no_key_is_fetched_for_what_none_can_save(
    header_says: Fields, claims: Fields, code: str
) -> None:
    """Strangers must not drive calls."""
    shelf = Shelf()
    assert await reason(shelf, signed(claims, header_says)) == code
    assert shelf.asked == []


async def test_keys_that_cannot_be_had_are_no_refusal() -> None:
    """Unlike a key that the instance does not have."""
    with pytest.raises(BackendUnavailable):
        await reason(Shelf(BackendUnavailable()), signed())
    assert await reason(Shelf(KeyIdMismatch()), signed()) == "jwk-kid-mismatch"


# --- wrong clocks ---------------------------------------------------------------------------------


async def forgiven(token: bytes, rules: Rules = RULES) -> str:
    """What becomes of a token that Clerk has issued just now, whatever the clock says."""
    try:
        await verifier(Shelf(), rules).verified_by_a_wrong_clock(token)
    except TokenError as error:
        return error.code
    return "accepted"


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ({"exp": NOW - A_DAY + 1}, "accepted"),
        ({"exp": NOW - A_DAY}, "token-expired"),
        ({"nbf": NOW + A_DAY}, "accepted"),
        ({"nbf": NOW + A_DAY + 1}, "token-not-active-yet"),
        ({"iat": NOW + A_DAY, "exp": NOW + A_DAY + 60}, "accepted"),
        ({"iat": NOW + A_DAY + 1, "exp": NOW + A_DAY + 60}, "token-iat-in-the-future"),
    ],
)
async def test_wrong_clock_is_forgiven_by_a_day(says: Fields, code: str) -> None:
    """That much is a wrong time zone, and more is another token."""
    assert await forgiven(signed(says)) == code


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (forged(), "token-invalid-signature"),
        (signed({"iss": "https://clerk.other.example"}), "token-invalid-issuer"),
        (signed({}, {"cat": "cl_B7d4PD222AAA"}), "token-type-mismatch"),
        (signed({}, {"alg": "HS256"}), "token-invalid-algorithm"),
        (b"junk", "token-invalid"),
    ],
)
async def test_nothing_else_is_forgiven(token: bytes, code: str) -> None:
    """All other rules hold."""
    assert await forgiven(token) == code
    parties = Rules(authorized_parties=frozenset({"https://www.example.com"}))
    assert await forgiven(signed(), parties) == "token-invalid-authorized-parties"
