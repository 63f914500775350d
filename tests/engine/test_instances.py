"""Several instances in one process: none of them ever believes another's tokens."""

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest

from clerk_fastapi import Clerk, TokenError
from clerk_fastapi.testing import LocalClerk, Session, SigningKey
from tests.engine.clock import NOW, Clock
from tests.engine.connections import auth_of, bearer, browser, code_of

pytestmark = pytest.mark.anyio


def instance(clock: Clock, key: SigningKey, host: str) -> tuple[LocalClerk, Session]:
    """An instance with one user, whose ids are the same everywhere."""
    local = LocalClerk(clock=clock, signing_key=key, host=host)
    session = local.sign_in(local.add_user("ada@example.com"), origin="https://app.example.com")
    return local, session


@pytest.fixture(scope="module")
def other_key() -> SigningKey:
    """A key of somebody else."""
    return SigningKey.generate()


async def reason(clerk: Clerk[Any], token: str) -> str:
    """Why the token is refused, if it is."""
    try:
        await clerk.verify_token(token)
    except TokenError as error:
        return error.code
    return "accepted"


HOSTS = ("one.clerk.example", "two.clerk.example")


def pairs(clock: Clock, key: SigningKey, other_key: SigningKey) -> Iterator[tuple[str, Any, Any]]:
    """Two instances each, ever harder to tell apart."""
    same_kid = SigningKey(key.kid, other_key.private)
    for code, second in (
        ("jwk-kid-mismatch", other_key),
        ("token-invalid-signature", same_kid),
        ("token-invalid-issuer", key),
    ):
        yield code, instance(clock, key, HOSTS[0]), instance(clock, second, HOSTS[1])


@pytest.mark.parametrize("source", ["secret", "published", "pem"])
async def test_instances_never_accept_each_others_tokens(
    clock: Clock, key: SigningKey, other_key: SigningKey, source: str
) -> None:
    """Other key, same name for another key, even the same key: warm or cold, the answer is no."""
    for code, one, two in pairs(clock, key, other_key):
        expected = "token-invalid-signature" if (source, code[:3]) == ("pem", "jwk") else code
        clerks = []
        for local, _ in (one, two):
            settings: dict[str, Any] = dict(local.settings())
            if source == "published":
                del settings["secret_key"]
            if source == "pem":
                settings["jwt_key"] = local.jwt_key
            clerks.append(Clerk(**settings))
        for _ in range(2):  # the second time everything is remembered
            for (mine, (local, session)), (foreign, _) in permutations(
                list(zip(clerks, (one, two), strict=True)), 2
            ):
                token = local.token(session)
                assert await reason(mine, token) == "accepted"
                assert await reason(foreign, token) == expected
                assert code_of(await foreign.authenticate(bearer(token))) == expected


async def test_believing_any_issuer_still_needs_the_key(
    clock: Clock, key: SigningKey, other_key: SigningKey
) -> None:
    """The explicit opt-out of the issuer check opens no other door."""
    local, _ = instance(clock, key, HOSTS[0])
    foreign, session = instance(clock, SigningKey(key.kid, other_key.private), HOSTS[1])
    clerk = Clerk(**local.settings(), issuer=False)
    assert await reason(clerk, foreign.token(session)) == "token-invalid-signature"
    same, session = instance(clock, key, HOSTS[1])
    assert await reason(clerk, same.token(session)) == "accepted"


async def test_one_request_two_instances(clock: Clock, key: SigningKey) -> None:
    """A request that both are asked about is judged by each on its own."""
    (one, session), (two, _) = instance(clock, key, HOSTS[0]), instance(clock, key, HOSTS[1])
    first, second = Clerk(**one.settings()), Clerk(**two.settings())
    connection = bearer(one.token(session))
    for _ in range(2):
        assert auth_of(await first.authenticate(connection)).user_id == session.user.id
        assert code_of(await second.authenticate(connection)) == "token-invalid-issuer"


async def test_browser_signed_in_to_both(clock: Clock, key: SigningKey) -> None:
    """Side by side on one domain, each instance takes its own suffixed cookies."""
    (one, ada), (two, bob) = instance(clock, key, HOSTS[0]), instance(clock, key, HOSTS[1])
    jar = one.cookies(ada) | two.cookies(bob)
    for local, session in ((one, ada), (two, bob)):
        state = await Clerk(**local.settings()).authenticate(browser(jar))
        assert auth_of(state).session_id == session.id


async def test_equal_settings_share_no_memory(
    clock: Clock, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two ``Clerk`` objects of one instance with other rules do not answer for each other."""
    local, session = instance(clock, key, HOSTS[0])
    lax = Clerk(**local.settings())
    strict = Clerk(**local.settings(), authorized_parties=["https://other.example"])
    token = local.token(session)
    assert await reason(lax, token) == "accepted"
    assert await reason(strict, token) == "token-invalid-authorized-parties"
    assert await reason(lax, token) == "accepted"
    late = Clerk(**local.settings() | {"clock": Clock(NOW + 1_000)})
    assert await reason(late, token) == "token-expired"


async def test_keys_are_fetched_where_they_are_configured(clock: Clock, key: SigningKey) -> None:
    """PEM: nowhere; secret key: Backend API; publishable key alone: the instance's own address."""
    local, session = instance(clock, key, HOSTS[0])
    settings, token = local.settings(), local.token(session)
    assert await reason(Clerk(**settings, jwt_key=local.jwt_key), token) == "accepted"
    assert local.requests == []
    assert await reason(Clerk(**settings), token) == "accepted"
    assert [request.path for request in local.requests] == ["/v1/jwks"]
    local.requests.clear()
    alone = Clerk(
        publishable_key=settings["publishable_key"],
        transport=settings["transport"],
        clock=clock,
    )
    assert await reason(alone, token) == "accepted"
    assert [request.path for request in local.requests] == ["/.well-known/jwks.json"]


async def test_hopeless_tokens_cause_no_fetch(clock: Clock, key: SigningKey) -> None:
    """What no key can save is refused before a key is fetched for it."""
    local, session = instance(clock, key, HOSTS[0])
    clerk = Clerk(**local.settings())
    for name in ("alg-none", "cat-template", "machine-foreign", "payload-null", "typ-at-jwt"):
        token = local.forge(name, session)
        assert await reason(clerk, token) != "accepted"
    assert local.requests == []
