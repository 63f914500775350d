"""A token that was believed is not verified again, but all that changes is looked at."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from clerk_fastapi import Clerk, TokenError
from clerk_fastapi.protocol._jose import VerificationKey
from clerk_fastapi.testing import LocalClerk, Session, SigningKey
from tests.engine.clock import NOW, Clock
from tests.engine.connections import auth_of, bearer, browser, code_of

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The signing inputs whose signatures were checked."""
    inputs: list[bytes] = []
    check = VerificationKey.verify

    def noted(self: VerificationKey, signing_input: bytes, signature: bytes) -> bool:
        inputs.append(signing_input)
        return check(self, signing_input, signature)

    monkeypatch.setattr(VerificationKey, "verify", noted)
    return inputs


async def reason(clerk: Clerk[Any], token: str) -> str:
    """Why the token is refused, if it is."""
    try:
        await clerk.verify_token(token)
    except TokenError as error:
        return error.code
    return "accepted"


async def test_token_is_verified_once(
    clerk: Clerk[Any], local: LocalClerk, session: Session, checked: list[bytes]
) -> None:
    """However it is carried and however often, one check of the signature is enough."""
    token = local.token(session)
    for _ in range(3):
        assert auth_of(await clerk.authenticate(bearer(token))).user_id == session.user.id
        assert (await clerk.verify_token(token)).user_id == session.user.id
    jar = local.cookies(session) | {"__session": token}
    jar = {name: value for name, value in jar.items() if not name.startswith("__session_")}
    auth_of(await clerk.authenticate(browser(jar)))
    assert len(checked) == 1


async def test_token_that_differs_in_one_character_is_another(
    clerk: Clerk[Any], local: LocalClerk, session: Session
) -> None:
    """What is remembered is the whole token: header, payload and signature."""
    token = local.token(session)
    assert await reason(clerk, token) == "accepted"
    for at in (5, len(token) // 2, len(token) - 5):
        other = "A" if token[at] != "A" else "B"
        assert await reason(clerk, token[:at] + other + token[at + 1 :]) != "accepted"
    for spelling in (f"{token}=", f"{token}.", f" {token}", token.upper()):
        assert await reason(clerk, spelling) == "token-invalid"


# --- the clock ------------------------------------------------------------------------------------


async def test_expiry_is_checked_at_every_use(
    clerk: Clerk[Any], local: LocalClerk, session: Session, clock: Clock
) -> None:
    """A remembered token expires like any other, to the second and including the skew."""
    token = local.token(session)
    for later, expected in [
        (0, "accepted"),
        (59, "accepted"),
        (60, "accepted"),
        (64.9, "accepted"),
        (65, "token-expired"),
        (1e6, "token-expired"),
        (64.9, "accepted"),
    ]:
        clock.now = NOW + later
        assert await reason(clerk, token) == expected
        state = await clerk.authenticate(bearer(token))
        assert (state.status == "signed-in") == (expected == "accepted")


async def test_expired_token_is_dropped(
    clerk: Clerk[Any], local: LocalClerk, session: Session, clock: Clock, checked: list[bytes]
) -> None:
    """What has expired is not kept, not even for a clock that is set back."""
    token = local.token(session)
    assert await reason(clerk, token) == "accepted"
    clock.now = NOW + 65
    assert await reason(clerk, token) == "token-expired"
    clock.now = NOW
    assert await reason(clerk, token) == "accepted"
    assert len(checked) == 2


@pytest.mark.parametrize(
    ("claim", "code"), [("nbf", "token-not-active-yet"), ("iat", "token-iat-in-the-future")]
)
async def test_beginning_is_checked_at_every_use(
    clerk: Clerk[Any], local: LocalClerk, session: Session, clock: Clock, claim: str, code: str
) -> None:
    """A clock that is set back makes a remembered token too early again."""
    token = local.token(session, claims={"nbf": NOW - 100, "iat": NOW - 100, claim: NOW})
    assert await reason(clerk, token) == "accepted"
    clock.now = NOW - 5
    assert await reason(clerk, token) == "accepted"
    clock.now = NOW - 5.1
    assert await reason(clerk, token) == code
    clock.now = NOW
    assert await reason(clerk, token) == "accepted"


async def test_refusal_is_not_remembered(
    clerk: Clerk[Any], local: LocalClerk, session: Session, clock: Clock
) -> None:
    """A token that came too early is believed when its time has come."""
    token = local.token(session, claims={"nbf": NOW + 10})
    assert await reason(clerk, token) == "token-not-active-yet"
    clock.now = NOW + 10
    assert await reason(clerk, token) == "accepted"


# --- the key --------------------------------------------------------------------------------------


async def test_token_goes_with_its_key(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Once the instance stops publishing a key, what was signed with it is refused."""
    clerk, token = make_clerk(), local.token(session, expires_in=10_000)
    async with clerk:
        assert await reason(clerk, token) == "accepted"
        local.rotate_keys(keep_old=False)
        clock.now += 301
        assert await reason(clerk, token) == "jwk-kid-mismatch"
        assert code_of(await clerk.authenticate(bearer(token))) == "jwk-kid-mismatch"
        fresh = local.token(session)
        assert await reason(clerk, fresh) == "accepted"


async def test_key_is_dropped_when_the_rotation_becomes_known(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """A first token of the new key brings the new key set, and the old key is gone at once."""
    clerk, old = make_clerk(), local.token(session)
    async with clerk:
        assert await reason(clerk, old) == "accepted"
        local.rotate_keys(keep_old=False)
        assert await reason(clerk, local.token(session)) == "accepted"
        assert await reason(clerk, old) == "jwk-kid-mismatch"


async def test_key_that_stays_keeps_its_tokens(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    clock: Clock,
    checked: list[bytes],
) -> None:
    """A key set that is fetched again is no reason to verify everything again."""
    clerk, token = make_clerk(), local.token(session, expires_in=10_000)
    async with clerk:
        assert await reason(clerk, token) == "accepted"
        local.rotate_keys(keep_old=True)
        assert await reason(clerk, local.token(session)) == "accepted"
        clock.now += 1
        assert local.jwks_requests == 2
        assert await reason(clerk, token) == "accepted"
    assert len(checked) == 2


async def test_other_key_under_the_same_name_is_another_key(
    clock: Clock, local: LocalClerk, session: Session, key: SigningKey
) -> None:
    """What was remembered under a ``kid`` does not outlive the key that had it."""
    replacement = SigningKey(key.kid, SigningKey.generate().private)
    published = [key.jwk]
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"keys": published}))
    clerk = Clerk(publishable_key=local.publishable_key, transport=transport, clock=clock)
    token = local.token(session, expires_in=10_000)
    async with clerk:
        assert await reason(clerk, token) == "accepted"
        published[0] = replacement.jwk
        clock.now += 301
        assert await reason(clerk, token) == "token-invalid-signature"
        published[0] = key.jwk
        clock.now += 301
        assert await reason(clerk, token) == "accepted"


async def test_other_key_is_noticed_while_its_name_stays_known(
    clock: Clock, local: LocalClerk, session: Session, key: SigningKey
) -> None:
    """That some key of that name is there is not enough: it has to be the very same one."""
    replacement = SigningKey(key.kid, SigningKey.generate().private)
    published = [key.jwk]
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"keys": published}))
    clerk = Clerk(publishable_key=local.publishable_key, transport=transport, clock=clock)
    token = local.token(session, expires_in=10_000)
    renewed = LocalClerk(clock=clock, signing_key=replacement)
    fresh = renewed.token(renewed.sign_in(renewed.add_user("ada@example.com")), expires_in=10_000)
    async with clerk:
        assert await reason(clerk, token) == "accepted"
        published[0] = replacement.jwk
        clock.now += 301
        assert await reason(clerk, fresh) == "accepted"
        assert await reason(clerk, token) == "token-invalid-signature"


# --- bounds ---------------------------------------------------------------------------------------


async def test_memory_is_bounded(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, checked: list[bytes]
) -> None:
    """The token that was not used for longest is verified anew."""
    clerk = make_clerk(token_memory=2)
    first, second, third = (local.token(session, header={"oiat": n}) for n in range(3))
    for token in (first, second, third, third, second):
        assert await reason(clerk, token) == "accepted"
    assert len(checked) == 3
    assert await reason(clerk, first) == "accepted"
    assert len(checked) == 4


async def test_memory_can_be_switched_off(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, checked: list[bytes]
) -> None:
    """An operator may have every token verified every time."""
    clerk, token = make_clerk(token_memory=0), local.token(session)
    for _ in range(3):
        assert await reason(clerk, token) == "accepted"
    assert len(checked) == 3


async def test_strangers_cannot_fill_the_memory(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, checked: list[bytes]
) -> None:
    """Only what was believed is remembered."""
    clerk, token = make_clerk(token_memory=1), local.token(session)
    assert await reason(clerk, token) == "accepted"
    for name in ("key-foreign", "expired", "sub-number", "alg-none", "cat-template"):
        assert await reason(clerk, local.forge(name, session)) != "accepted"
    before = len(checked)
    assert await reason(clerk, token) == "accepted"
    assert len(checked) == before


@pytest.mark.parametrize("kept", [0, 1, 4_096])
async def test_memory_changes_no_answer(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, clock: Clock, kept: int
) -> None:
    """With and without a memory the same tokens get the same answers at the same times."""
    clerk = make_clerk(token_memory=kept, authorized_parties=["https://app.example.com"])
    tokens = {
        name: local.forge(name, session) for name in ("expired", "azp-foreign", "key-foreign")
    }
    tokens["good"] = local.token(session)
    told = []
    for later in (0, 30, 64, 65, 0, -10):
        clock.now = NOW + later
        told.append({name: await reason(clerk, token) for name, token in tokens.items()})
    always = {
        "azp-foreign": "token-invalid-authorized-parties",
        "key-foreign": "token-invalid-signature",
    }
    early = always | {"expired": "token-expired", "good": "accepted"}
    assert told[:3] == [early] * 3
    assert told[3] == always | {"expired": "token-expired", "good": "token-expired"}
    assert told[4] == early
