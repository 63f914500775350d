"""Handshakes that are forged, foreign, late or used: who they sign in, and who learns of it."""

import logging
from typing import Any

import pytest

from clerk_fastapi import Clerk, SignedOut
from clerk_fastapi.testing import ABSENT, HANDSHAKE_FORGERIES, LocalClerk, Session
from tests.engine.connections import auth_of, code_of
from tests.engine.pages import directives, page, told, with_nonce, with_token

pytestmark = pytest.mark.anyio

HANDSHAKE = "https://local-clerk-0.clerk.accounts.dev/v1/client/handshake"

# --- what is not believed -------------------------------------------------------------------------

IGNORED = {"token-expired"}


@pytest.mark.parametrize("name", sorted(HANDSHAKE_FORGERIES))
async def test_forged_handshake_is_refused_in_development(
    clerk: Clerk, local: LocalClerk, session: Session, name: str
) -> None:
    """With its reason, so that whoever mixed up keys learns it; one that ran out is ignored."""
    token = local.forge_handshake(name, directives(local, session))
    state = await clerk.authenticate(page(with_token(token)))
    code = HANDSHAKE_FORGERIES[name]
    if code in IGNORED:
        assert told(state) == f"handshake dev-browser-missing {HANDSHAKE}"
    else:
        assert told(state) == f"signed-out {code}"
        assert isinstance(state, SignedOut)
        assert state.error.__traceback__ is None
        assert state.error.__context__ is None
    assert code_of(await clerk.authenticate(page(with_token("junk")))) == "token-invalid"


@pytest.mark.parametrize("name", sorted(HANDSHAKE_FORGERIES))
async def test_forged_handshake_is_ignored_in_production(
    production: LocalClerk, visitor: Session, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Another application below the same domain may have left it; who is signed in stays so."""
    clerk = Clerk(**production.settings())
    token = production.forge_handshake(name, directives(production, visitor))
    jar = {"__clerk_handshake": token}
    assert told(await clerk.authenticate(page("/", jar))) == (
        "signed-out session-token-and-uat-missing"
    )
    both = production.cookies(visitor) | jar
    assert told(await clerk.authenticate(page("/", both))) == "signed-in"
    assert token not in caplog.text


@pytest.mark.parametrize("value", ["a=b", None, {}, ABSENT])
async def test_token_that_is_no_handshake_is_ignored(
    clerk: Clerk, local: LocalClerk, session: Session, value: object
) -> None:
    """A session token in the place of a handshake, for one, signs nobody in or out."""
    claims = {} if value is ABSENT else {"handshake": value}
    target = with_token(local.token(session, claims=claims))
    state = await clerk.authenticate(page(target))
    assert told(state) == f"handshake dev-browser-missing {HANDSHAKE}"


@pytest.mark.parametrize(
    "forgery",
    ["template", "key-foreign", "iss-foreign", "typ-at-jwt", "sub-absent", "parts-two"],
)
async def test_session_brought_home_is_verified_like_any_other(
    clerk: Clerk,
    local: LocalClerk,
    session: Session,
    forgery: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Category included; what is refused is logged, and ignored; strangers write no warnings."""
    caplog.set_level(logging.INFO, "clerk_fastapi")
    evil = local.forge(forgery, session)
    state = await clerk.authenticate(page(with_nonce(local, [f"__session={evil}"])))
    assert told(state) == f"handshake dev-browser-missing {HANDSHAKE}"
    assert [record.levelno for record in caplog.records if record.name == "clerk_fastapi"] == [
        logging.INFO
    ]
    assert evil not in caplog.text


@pytest.mark.parametrize("nonce", ["unknown", "a%0d%0ab", "%E2%82%AC", "n" * 3_000])
async def test_unknown_nonce_is_ignored(
    clerk: Clerk, local: LocalClerk, session: Session, nonce: str
) -> None:
    """A stale bookmark signs nobody out: the request goes on with what it has."""
    target = f"/page?__clerk_handshake_nonce={nonce}"
    jar = local.cookies(session)
    assert told(await clerk.authenticate(page(target, jar))) == "signed-in"
    assert told(await clerk.authenticate(page(target))) == (
        f"handshake dev-browser-missing {HANDSHAKE}"
    )


async def test_used_nonce_is_ignored(clerk: Clerk, local: LocalClerk, session: Session) -> None:
    """Whoever finds one in a history finds nothing."""
    target = with_nonce(local, directives(local, session))
    assert auth_of(await clerk.authenticate(page(target)))
    assert told(await clerk.authenticate(page(target))).startswith("handshake dev-browser-missing")


async def test_nonce_without_a_secret_key_is_ignored(local: LocalClerk, session: Session) -> None:
    """Nobody can turn it in, and none was asked for."""
    settings = local.settings() | {"secret_key": "", "jwt_key": local.jwt_key}
    clerk: Clerk[Any] = Clerk(**settings)
    state = await clerk.authenticate(page(with_nonce(local, directives(local, session))))
    assert told(state) == f"handshake dev-browser-missing {HANDSHAKE}"
    assert "format=nonce" not in (state.location or "")
    assert local.requests == []


# --- clocks that are wrong ------------------------------------------------------------------------

OFF = {"expires_in": 60, "issued_ago": 3_600}
AHEAD = {"issued_ago": -3_600}


@pytest.mark.parametrize("says", [OFF, AHEAD])
async def test_wrong_clock_of_a_developers_machine_is_forgiven(
    clerk: Clerk,
    local: LocalClerk,
    session: Session,
    says: dict[str, int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Clerk has just issued the token, so the clock must be wrong; by a day at most."""
    connection = page(with_nonce(local, directives(local, session, **says)))
    state = await clerk.authenticate(connection)
    assert auth_of(state).user_id == session.user.id
    assert await clerk.authenticate(connection) is state
    assert "clock" in caplog.text
    late = directives(local, session, issued_ago=100_000)
    state = await clerk.authenticate(page(with_nonce(local, late)))
    assert told(state).startswith("handshake dev-browser-missing")


@pytest.mark.parametrize("says", [OFF, AHEAD])
async def test_wrong_clock_is_not_forgiven_in_production(
    production: LocalClerk, visitor: Session, says: dict[str, int]
) -> None:
    """There, tokens that ran out are what an attacker would bring."""
    clerk = Clerk(**production.settings())
    nonce = production.nonces.keep(directives(production, visitor, **says))
    state = await clerk.authenticate(page("/", {"__clerk_handshake_nonce": nonce}))
    assert told(state) == "signed-out session-token-and-uat-missing"
