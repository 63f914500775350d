"""Machines in the flow: verified or asked about, remembered only if wanted, and never a session."""

import json
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from clerk_fastapi import ConfigurationError
from clerk_fastapi.backend.jwks import PinnedKey
from clerk_fastapi.backend.transport import Transport
from clerk_fastapi.engine.machine import (
    ApiKeyAuth,
    M2MAuth,
    MachineAuth,
    MachineAuthenticator,
    OAuthAuth,
)
from clerk_fastapi.engine.state import SignedIn, SignedOut
from clerk_fastapi.errors import BackendUnavailable, KeyIdMismatch, SecretKeyRefused
from clerk_fastapi.protocol._jose import VerificationKey
from clerk_fastapi.protocol.machine import MachineTokenType, classify
from clerk_fastapi.settings import KeyArguments, RuleArguments, SiteArguments, read_settings
from clerk_fastapi.testing import ABSENT
from tests.engine.clock import NOW, Clock
from tests.engine.revoking import revocations
from tests.protocol.machines import ANSWERS, m2m, oauth, said
from tests.protocol.material import KEY, Fields, verification_key

pytestmark = pytest.mark.anyio

SECRET = "sk_live_" + "not-a-real-one"
OPAQUE: dict[MachineTokenType, bytes] = {
    "api_key": b"ak_opaque",
    "m2m_token": b"mt_opaque",
    "oauth_token": b"oat_opaque",
}
KINDS = sorted(OPAQUE)
NO = {"errors": [{"code": "whatever", "message": ""}]}


class Elsewhere(PinnedKey):
    """Keys of an instance that does not publish the one that is asked for."""

    async def key_for(self, kid: str | None) -> VerificationKey:
        raise KeyIdMismatch


class Away(PinnedKey):
    """Keys that cannot be had."""

    async def key_for(self, kid: str | None) -> VerificationKey:
        raise BackendUnavailable


class House:
    """A machine's way in: what Clerk answers, how often it was asked, and what it came to."""

    def __init__(
        self,
        answer: object = None,
        status: int = 200,
        keys: type[PinnedKey] = PinnedKey,
        ttl: float = 0,
        secret: str = SECRET,
        **rules: Any,
    ) -> None:
        self.clock, self.calls = Clock(), 0
        self.answer, self.status = answer, status
        settings = read_settings(
            KeyArguments(publishable_key=KEY.text, secret_key=secret),
            RuleArguments(**rules),
            SiteArguments(),
        )
        self.door = MachineAuthenticator(
            settings,
            Transport(httpx.MockTransport(self._serve), retry_delays=()),
            keys(verification_key()),
            revocations(self.clock),
            self.clock,
            ttl,
        )

    def _serve(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        return httpx.Response(self.status, json=self.answer)

    async def state(self, token: bytes) -> SignedIn[MachineAuth] | SignedOut:
        """What becomes of a token."""
        kind = classify(token)
        assert kind != "session_token"
        return await self.door.authenticate(token, kind)

    async def auth(self, token: bytes) -> Any:
        """Who it is."""
        state = await self.state(token)
        assert isinstance(state, SignedIn)
        return state.auth

    async def refusal(self, token: bytes) -> SimpleNamespace:
        """Why it is nobody."""
        state = await self.state(token)
        assert isinstance(state, SignedOut)
        assert state.error.__context__ is None
        assert state.error.__traceback__ is None, "which would hold the token"
        return SimpleNamespace(
            code=state.error.code, reason=state.reason, token_type=state.token_type
        )


def asked(kind: MachineTokenType, **says: Any) -> House:
    """A house whose Clerk answers of such a token, with something said otherwise."""
    return House(said(kind, **says))


# --- Opaque tokens --------------------------------------------------------------------------------


async def test_api_key_of_a_user() -> None:
    """What the handler gets to know, by the names of Clerk's auth object."""
    auth = await asked("api_key").auth(b"ak_opaque")
    assert isinstance(auth, ApiKeyAuth)
    assert (auth.token_type, auth.id, auth.name) == ("api_key", "ak_1", "Nightly export")
    assert (auth.subject, auth.user_id, auth.org_id) == ("user_1", "user_1", None)
    assert (auth.scopes, auth.claims) == (("data:read",), {"tier": "gold"})
    assert await auth.get_token() == "ak_opaque"


async def test_api_key_of_an_organization() -> None:
    """It acts for the organization and for no user."""
    auth = await asked("api_key", subject="org_1", claims=None).auth(b"ak_opaque")
    assert (auth.subject, auth.user_id, auth.org_id) == ("org_1", None, "org_1")
    assert auth.claims is None


async def test_m2m_token() -> None:
    """The machine that calls."""
    auth = await asked("m2m_token").auth(b"mt_opaque")
    assert isinstance(auth, M2MAuth)
    assert (auth.token_type, auth.id, auth.machine_id) == ("m2m_token", "mt_1", "mch_1")
    assert (auth.scopes, auth.claims) == (("mch_2",), None)


async def test_oauth_token() -> None:
    """The user, the application, and whoever really acts."""
    house = asked("oauth_token", aud="https://api.example.com", act={"sub": "user_2"})
    auth = await house.auth(b"oat_opaque")
    assert isinstance(auth, OAuthAuth)
    assert (auth.token_type, auth.id, auth.client_id) == ("oauth_token", "oat_1", "client_1")
    assert (auth.user_id, auth.scopes) == ("user_1", ("profile",))
    assert auth.audience == ("https://api.example.com",)
    assert auth.actor is not None
    assert auth.actor.sub == "user_2"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "says",
    [
        {"revoked": True},
        {"expired": True},
        {"active": False},
        {"expiration": (NOW - 1) * 1_000},
        {"object": "session"},
        {"subject": ABSENT},
        {"id": ABSENT},
        {"scopes": 5},
    ],
    ids=repr,
)
async def test_verify_endpoints_yes_is_examined(kind: MachineTokenType, says: Any) -> None:
    """An answer of 200 is not yet a yes (row 27)."""
    refusal = await asked(kind, **says).refusal(OPAQUE[kind])
    assert (refusal.reason, refusal.code) == ("token-invalid", "token-invalid")
    assert refusal.token_type == kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "token-invalid"), (400, "unexpected-error"), (422, "unexpected-error")],
)
async def test_token_that_clerk_does_not_know(
    kind: MachineTokenType, status: int, reason: str
) -> None:
    """Not believed, in Clerk's own words."""
    refusal = await House(NO, status).refusal(OPAQUE[kind])
    assert (refusal.reason, refusal.code) == (reason, reason)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, SecretKeyRefused), (500, BackendUnavailable), (429, BackendUnavailable)],
)
async def test_failure_of_clerk_is_not_the_tokens(status: int, error: type) -> None:
    """Nobody is told to get a new token because Clerk is out of order."""
    with pytest.raises(error):
        await House(NO, status).state(b"ak_opaque")


async def test_without_a_secret_key_the_operator_is_told() -> None:
    """An opaque token cannot be verified then, and that is nobody else's fault."""
    house = House(secret="")
    with pytest.raises(ConfigurationError, match="CLERK_SECRET_KEY is missing"):
        await house.state(b"ak_opaque")
    assert house.calls == 0
    assert (await house.auth(m2m())).machine_id == "mch_1"


@pytest.mark.parametrize("token", [b"ak_", b"mt_a.b.c", b"oat_\xff", b"ak_" + b"a" * 20_000])
async def test_malformed_token_costs_no_call(token: bytes) -> None:
    """What no token looks like is refused here."""
    house = House()
    assert (await house.refusal(token)).reason == "token-invalid"
    assert house.calls == 0


async def test_opaque_oauth_token_is_meant_for_this_api() -> None:
    """As a JSON Web Token would have to be; other kinds have no audience."""
    house = House(said("oauth_token", aud=["https://other.example"]), audience="https://a.example")
    refusal = await house.refusal(b"oat_opaque")
    assert (refusal.reason, refusal.code) == ("token-verification-failed",) * 2
    house.answer = said("oauth_token", aud=["https://other.example", "https://a.example"])
    assert (await house.auth(b"oat_opaque")).user_id == "user_1"
    house.answer = said("oauth_token")
    assert (await house.refusal(b"oat_opaque")).code == "token-verification-failed"
    for kind in ("api_key", "m2m_token"):
        house.answer = ANSWERS[kind]
        assert (await house.auth(OPAQUE[kind])).token_type == kind


# --- Memory of opaque tokens ----------------------------------------------------------------------


async def test_nothing_is_remembered_unless_asked_for() -> None:
    """A revoked key stops working at once."""
    house = asked("api_key")
    for _ in range(2):
        await house.auth(b"ak_opaque")
    assert house.calls == 2


async def test_yes_is_remembered_for_its_time() -> None:
    """One call for many requests, and a handler that changes its claims changes nobody else's."""
    claims = {"tier": "gold", "limits": {"day": 5}}
    house = House(said("api_key", expiration=None, claims=claims), ttl=30)
    changed = (await house.auth(b"ak_opaque")).claims
    changed["tier"], changed["limits"]["day"] = "platinum", 5_000
    house.clock.now += 29
    assert (await house.auth(b"ak_opaque")).claims == claims
    assert house.calls == 1
    assert (await house.state(b"ak_other")).status == "signed-in"
    assert house.calls == 2
    house.clock.now += 1
    await house.auth(b"ak_opaque")
    assert house.calls == 3


async def test_no_is_not_remembered() -> None:
    """Neither a refusal nor a failure: the next answer may be another."""
    house = House(said("api_key", revoked=True), ttl=30)
    await house.refusal(b"ak_opaque")
    house.answer = said("api_key")
    assert await house.auth(b"ak_opaque")
    house = House(said("oauth_token", aud="x"), ttl=30, audience="y")
    await house.refusal(b"oat_opaque")
    await house.refusal(b"oat_opaque")
    assert house.calls == 2


async def test_token_that_expires_is_not_remembered_beyond_that() -> None:
    """However long a yes may be remembered."""
    house = House(said("api_key"), ttl=3_600)
    await house.auth(b"ak_opaque")
    house.clock.now += 60
    assert (await house.refusal(b"ak_opaque")).code == "token-invalid"
    assert house.calls == 2


# --- JSON Web Tokens ------------------------------------------------------------------------------


async def test_web_tokens_are_verified_without_asking_clerk() -> None:
    """The key is enough."""
    house = House()
    assert (await house.auth(m2m())).machine_id == "mch_1"
    assert (await house.auth(oauth())).client_id == "client_1"
    assert house.calls == 0


@pytest.mark.parametrize("category", ["cl_B7d4PD111AAA", "cl_B7d4PD222AAA", ABSENT])
async def test_session_or_template_token_is_no_m2m_token(category: object) -> None:
    """Clerk once accepted them (row 5)."""
    refusal = await House().refusal(m2m(header_says={"cat": category}))
    assert (refusal.reason, refusal.code) == ("token-invalid", "token-invalid")


@pytest.mark.parametrize(
    ("make", "says", "header_says", "code"),
    [
        (m2m, {"exp": NOW - 60}, {}, "token-expired"),
        (m2m, {"nbf": NOW + 60}, {}, "token-not-active-yet"),
        (m2m, {"iat": NOW + 60}, {}, "token-iat-in-the-future"),
        (m2m, {"iss": "https://clerk.evil.example"}, {}, "token-invalid-issuer"),
        (m2m, {"scopes": 5}, {}, "token-verification-failed"),
        (m2m, {}, {"alg": "none"}, "token-invalid-algorithm"),
        (m2m, {}, {"typ": "at+jwt"}, "token-verification-failed"),
        (oauth, {"exp": NOW - 60}, {}, "token-expired"),
        (oauth, {"sub": 1}, {}, "token-verification-failed"),
        (oauth, {}, {"cat": "cl_B7d4PD111AAA"}, "token-type-mismatch"),
    ],
)
async def test_refused_web_token_says_why(
    make: Callable[..., bytes], says: Fields, header_says: Fields, code: str
) -> None:
    """The code is precise; the reason is as vague as Clerk's own backend has it."""
    token = make(says, header_says)
    refusal = await House().refusal(token)
    assert (refusal.code, refusal.reason) == (code, "token-verification-failed")
    assert refusal.token_type == classify(token)


@pytest.mark.parametrize("make", [m2m, oauth])
async def test_signature_is_the_instances_own(make: Callable[..., bytes]) -> None:
    """Anybody can write claims."""
    refusal = await House().refusal(make()[:-8] + b"A" * 8)
    assert (refusal.code, refusal.reason) == (
        "token-invalid-signature",
        "token-verification-failed",
    )


async def test_unknown_key_is_a_refusal_and_a_missing_one_an_outage() -> None:
    """A stranger's signature is not Clerk's failure, and the other way round."""
    refusal = await House(keys=Elsewhere).refusal(m2m())
    assert (refusal.code, refusal.reason) == ("jwk-kid-mismatch", "token-verification-failed")
    with pytest.raises(BackendUnavailable):
        await House(keys=Away).state(m2m())


async def test_header_is_judged_before_any_key_is_fetched() -> None:
    """A token that cannot be accepted costs nothing."""
    house = House(keys=Away)
    assert (await house.refusal(m2m(header_says={"cat": ABSENT}))).code == "token-invalid"
    assert (await house.refusal(oauth(header_says={"alg": "HS256"}))).code == (
        "token-invalid-algorithm"
    )
    assert (await house.refusal(m2m(header_says={"crit": ["exp"]}))).code == "token-invalid"


# --- What is logged -------------------------------------------------------------------------------


async def test_debug_output_holds_no_machine_token(caplog: pytest.LogCaptureFixture) -> None:
    """Neither of good tokens nor of bad ones, whoever logs (row 15)."""
    caplog.set_level(logging.DEBUG)
    for name in ("clerk_fastapi", "httpx"):
        caplog.set_level(logging.DEBUG, logger=name)
    jwts = [m2m(), oauth(), m2m({"exp": 1}), oauth({"act": {"sub": 5}}), m2m({"sub": "mch_"})]
    states = [await House().state(token) for token in jwts]
    for kind in KINDS:
        for house in (asked(kind), asked(kind, revoked=True), House(NO, 404)):
            states.append(await house.state(OPAQUE[kind]))
    said_of = [repr(state.auth) for state in states if isinstance(state, SignedIn)]
    said_of += [repr(state.error) for state in states if isinstance(state, SignedOut)]
    logged = caplog.text + json.dumps(said_of)
    assert {"clerk_fastapi", "httpx"} <= {record.name for record in caplog.records}
    assert [part for part in ("eyJ", "opaque", SECRET, "Bearer") if part in logged] == []
