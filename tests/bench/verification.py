"""Verifying tokens never seen before, without HTTP, beside the bare RSA check of the same."""

import base64
import time
from collections.abc import Sequence
from typing import NamedTuple

from clerk_backend_api.security import (
    VerifyTokenOptions,
    authenticate_request_async,
    verify_token_async,
)
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from jose import jwk
from starlette.requests import Request

from clerk_fastapi import Clerk
from clerk_fastapi.protocol._jose import key_from_pem
from clerk_fastapi.protocol.reading import ClaimsReader
from clerk_fastapi.protocol.tokens import UnverifiedToken
from clerk_fastapi.protocol.verify import Rules, verify
from tests.bench.applications import OURS, Claims, official_options, our_clerk
from tests.bench.material import ISSUER, ORIGIN, Material
from tests.bench.measure import Contender, Rounds, Spread, over, take_turns
from tests.bench.report import Figure, Ratio, Section

BARE = "RSA-2048 check alone (cryptography)"
JOSE = "python-jose Key.verify, key built once"
VERIFY = f"{OURS} verify"
VERIFY_TOKEN = f"{OURS} Clerk.verify_token"
REMEMBER = f"{OURS} Clerk.verify_token, remembering"
OFFICIAL_VERIFY = "clerk-backend-api verify_token_async"
OFFICIAL_AUTHENTICATE = "clerk-backend-api authenticate_request_async"
CALLS = 100
WARM_UP = 5


class Signed(NamedTuple):
    """A token taken apart, which the bare check gets for nothing."""

    content: bytes
    signature: bytes


async def measure_verification(material: Material) -> Section:
    """Verify every token of the stock once with each contender."""
    contenders = [
        _bare(material),
        _jose(material),
        _verify(material),
        _ours(VERIFY_TOKEN, our_clerk(material.instance, token_memory=0)),
        _ours(REMEMBER, our_clerk(material.instance)),
        _official_verify(material),
        _official_authenticate(material),
    ]
    rounds = await take_turns(contenders, material.batches(CALLS), WARM_UP)
    return _section(rounds)


def _take_apart(tokens: Sequence[str]) -> list[Signed]:
    parts = (token.rpartition(".") for token in tokens)
    return [
        Signed(content.encode(), base64.urlsafe_b64decode(f"{signature}=="))
        for content, _, signature in parts
    ]


def _bare(material: Material) -> Contender:
    key, padding, algorithm = material.public_key, PKCS1v15(), SHA256()

    async def run(items: Sequence[Signed]) -> None:
        for content, signature in items:
            key.verify(signature, content, padding, algorithm)

    return Contender(BARE, _take_apart, run)


def _jose(material: Material) -> Contender:
    key = jwk.construct(material.instance.pem, "RS256")

    async def run(items: Sequence[Signed]) -> None:
        for content, signature in items:
            if not key.verify(content, signature):
                raise RuntimeError("refused")

    return Contender(JOSE, _take_apart, run)


def _verify(material: Material) -> Contender:
    """Structure, signature, every rule and the declared claims: what a key and a token take."""
    key, reader = key_from_pem(material.instance.pem), ClaimsReader(Claims)
    rules = Rules(issuers=frozenset({ISSUER}), authorized_parties=frozenset({ORIGIN}))

    async def run(tokens: Sequence[bytes]) -> None:
        for token in tokens:
            verify(UnverifiedToken.parse(token), key, rules, reader, time.time())

    return Contender(VERIFY, lambda tokens: [token.encode() for token in tokens], run)


def _ours(name: str, clerk: Clerk[Claims]) -> Contender:
    async def run(tokens: Sequence[str]) -> None:
        for token in tokens:
            await clerk.verify_token(token)

    return Contender(name, list, run)


def _official_verify(material: Material) -> Contender:
    options = VerifyTokenOptions(jwt_key=material.instance.pem, authorized_parties=[ORIGIN])

    async def run(tokens: Sequence[str]) -> None:
        for token in tokens:
            await verify_token_async(token, options)

    return Contender(OFFICIAL_VERIFY, list, run)


def _official_authenticate(material: Material) -> Contender:
    options = official_options(material.instance)

    def prepare(tokens: Sequence[str]) -> list[Request]:
        headers = ([(b"authorization", f"Bearer {token}".encode())] for token in tokens)
        return [Request({"type": "http", "headers": header}) for header in headers]

    async def run(requests: Sequence[Request]) -> None:
        for request in requests:
            state = await authenticate_request_async(request, options)
            if not state.is_signed_in:
                raise RuntimeError(state.message)

    return Contender(OFFICIAL_AUTHENTICATE, prepare, run)


def _section(rounds: Rounds) -> Section:
    def ratio(name: str, base: str, at_most: float | None = None) -> Ratio:
        return Ratio(f"{name} / {base}", Spread.of(over(rounds[name], rounds[base])), at_most)

    figures = [Figure(name, Spread.of(values).scaled(1e6)) for name, values in rounds.items()]
    ratios = [
        ratio(VERIFY, BARE, at_most=1.5),
        ratio(VERIFY, JOSE),
        ratio(VERIFY_TOKEN, BARE),
        ratio(REMEMBER, BARE),
        ratio(VERIFY_TOKEN, OFFICIAL_VERIFY),
        ratio(OFFICIAL_VERIFY, BARE),
    ]
    return Section("Verification of a token never seen before", "µs", figures, ratios)
