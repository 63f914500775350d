"""A published key set (RFC 7517): what is taken from it, and what is not taken for one."""

import json
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import SecretStr

from clerk_fastapi.backend.jwks import fetch_keys
from clerk_fastapi.backend.transport import Transport
from clerk_fastapi.errors import BackendUnavailable, SecretKeyRefused
from clerk_fastapi.protocol._jose import VerificationKey
from clerk_fastapi.testing import SigningKey
from clerk_fastapi.testing.signing import base64url

pytestmark = pytest.mark.anyio

URL = "https://api.clerk.com/v1/jwks"
SECRET = "sk_test_" + "not-a-real-one"
REFUSED = {"errors": [{"code": "clerk_key_invalid", "message": ""}]}


async def fetch(
    response: httpx.Response, secret_key: str | None = SECRET
) -> dict[str, VerificationKey]:
    """Fetch a key set that is answered like this, without waiting between attempts."""
    transport = Transport(httpx.MockTransport(lambda _: response), retry_delays=(0,))
    secret = None if secret_key is None else SecretStr(secret_key)
    return await fetch_keys(transport, URL, secret)


def key_set(*keys: object) -> httpx.Response:
    """Publish these keys."""
    return httpx.Response(200, json={"keys": keys})


def short_key(good: dict[str, str]) -> dict[str, str]:
    """A key that RFC 7518 section 3.3 finds too short."""
    numbers = rsa.generate_private_key(65_537, 1_024).public_key().public_numbers()
    return {**good, "n": base64url(numbers.n.to_bytes(128))}


def elliptic_key(kid: str) -> dict[str, str]:
    """A key for ES256."""
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = (base64url(number.to_bytes(32)) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "kid": kid, "use": "sig", "alg": "ES256", "crv": "P-256", "x": x, "y": y}


@pytest.fixture(scope="module")
def good() -> dict[str, str]:
    """A key as Clerk publishes it."""
    return SigningKey.generate().jwk


UNUSABLE: dict[str, Callable[[dict[str, str]], object]] = {
    "an elliptic curve key": lambda good: elliptic_key(good["kid"]),
    "a key of 1024 bits": short_key,
    "a private key": lambda good: {**good, "d": good["n"]},
    "a key for encryption": lambda good: {**good, "use": "enc"},
    "a key for another algorithm": lambda good: {**good, "alg": "PS256"},
    "a key for no algorithm": lambda good: {**good, "alg": None},
    "a shared secret": lambda good: {"kty": "oct", "kid": good["kid"], "k": good["n"]},
    "a key without a name": lambda good: {name: good[name] for name in good if name != "kid"},
    "a key with an empty name": lambda good: {**good, "kid": ""},
    "a key named by a number": lambda good: {**good, "kid": 5},
    "a key without modulus": lambda good: {name: good[name] for name in good if name != "n"},
    "a modulus that is no base64": lambda good: {**good, "n": "!!!"},
    "a modulus that is empty": lambda good: {**good, "n": ""},
    "a modulus that is a list": lambda good: {**good, "n": [good["n"]]},
    "an exponent of one": lambda good: {**good, "e": "AQ"},
    "an even exponent": lambda good: {**good, "e": "Ag"},
    "text": lambda good: good["kid"],
    "null": lambda good: None,
}


async def test_usable_keys_are_taken_by_name(good: dict[str, str]) -> None:
    """The set becomes keys for RS256, under their names."""
    other = {**good, "kid": "ins_other"}
    keys = await fetch(key_set(good, other))
    assert list(keys) == [good["kid"], "ins_other"]
    assert {key.algorithm for key in keys.values()} == {"RS256"}
    assert keys["ins_other"].modulus == good["n"]


async def test_key_that_says_no_algorithm_is_for_rs256(good: dict[str, str]) -> None:
    """``alg`` and ``use`` are optional in a JSON Web Key."""
    bare = {name: good[name] for name in ("kty", "kid", "n", "e")}
    (key,) = (await fetch(key_set(bare))).values()
    assert key.algorithm == "RS256"


@pytest.mark.parametrize("flaw", list(UNUSABLE))
async def test_unusable_key_is_left_out_and_the_others_stay(
    good: dict[str, str], flaw: str
) -> None:
    """One odd key costs nobody the rest of the set; alone it makes an unusable set."""
    odd = UNUSABLE[flaw]({**good, "kid": "ins_odd"})
    assert list(await fetch(key_set(odd, good, odd))) == [good["kid"]]
    with pytest.raises(BackendUnavailable):
        await fetch(key_set(odd))


async def test_last_of_duplicate_kids_wins(good: dict[str, str]) -> None:
    """As in Clerk's own SDKs; an unusable duplicate does not count."""
    later = replace(SigningKey.generate(), kid=good["kid"]).jwk
    (key,) = (await fetch(key_set(good, later, elliptic_key(good["kid"])))).values()
    assert key.modulus == later["n"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><title>Sign in to the hotel's network</title>",
        b'{"keys": []}',
        b'{"keys": {}}',
        b'{"keys": null}',
        b'{"errors": []}',
        b"[]",
        b"null",
        b'"keys"',
        b'{"keys": [',
        b'{"keys": ["\xff"]}',
        b"[" * 100_000,
        b'{"keys": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ],
    ids=lambda body: body[:24].decode("latin-1"),
)
async def test_what_is_no_key_set_is_an_outage(body: bytes) -> None:
    """A captive portal's page or a broken answer is 503, never 401 and never a crash."""
    with pytest.raises(BackendUnavailable) as refusal:
        await fetch(httpx.Response(200, content=body))
    assert (refusal.value.status, refusal.value.code) == (503, "jwk-remote-failed-to-load")


@pytest.mark.parametrize("status", [201, 204, 301, 302, 304, 400, 404, 429, 500, 503])
async def test_every_other_status_is_an_outage(good: dict[str, str], status: int) -> None:
    """Only a 200 publishes keys, whatever the body of another answer holds."""
    body = json.dumps({"keys": [good]}).encode()
    with pytest.raises(BackendUnavailable) as refusal:
        await fetch(httpx.Response(status, content=body))
    assert refusal.value.code == "jwk-remote-failed-to-load"


async def test_refused_secret_key_is_503_with_a_code_of_its_own() -> None:
    """The operator's mistake is not the caller's, and is worth a look once a minute only."""
    with pytest.raises(SecretKeyRefused) as refusal:
        await fetch(httpx.Response(401, json=REFUSED))
    assert (refusal.value.status, refusal.value.code) == (503, "secret-key-invalid")
    assert refusal.value.retry_after == 60


@pytest.mark.parametrize("status", [401, 403])
async def test_refusal_without_a_secret_key_blames_none(status: int) -> None:
    """Nobody is told to mend a key that was never sent."""
    with pytest.raises(BackendUnavailable) as refusal:
        await fetch(httpx.Response(status, json=REFUSED), secret_key=None)
    assert refusal.value.code == "jwk-remote-failed-to-load"


async def test_retry_after_of_an_answer_is_passed_on() -> None:
    """How long to wait is Clerk's to say."""
    with pytest.raises(BackendUnavailable) as refusal:
        await fetch(httpx.Response(429, headers={"Retry-After": "42"}))
    assert refusal.value.retry_after == 42
