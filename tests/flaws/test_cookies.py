"""Flaws of cookies: forged by encoding, taken by half a name, and sent where they should not be."""

from collections.abc import Mapping

import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.testing import LocalClerk, Session
from tests.flaws.application import DOCUMENT, ask, bearer, code, jar

pytestmark = pytest.mark.anyio


async def reason(local: LocalClerk, cookies: Mapping[str, str]) -> str:
    """Why a browser with these cookies is refused."""
    return code(await ask(Clerk(**local.settings()), headers=jar(cookies)))


@pytest.mark.parametrize("separator", ["%3B", "%3b", "%3B%20", "%0A", "%00", "%22%3B"])
async def test_encoded_semicolon_forged_cookies(
    live: LocalClerk, ada: Session, separator: str
) -> None:
    """Row 8: whoever controls one value, such as a theme, must not add a session to it."""
    forged = separator.join(f"{name}={value}" for name, value in live.cookies(ada).items())
    assert await reason(live, {"theme": f"dark{separator}{forged}"}) == (
        "session-token-and-uat-missing"
    )


async def test_encoded_semicolon_forged_the_time_of_signing_in(
    live: LocalClerk, ada: Session
) -> None:
    """Row 8: what comes after it is part of the session token, which is none then."""
    token = live.token(ada)
    assert await reason(live, {"__session": f"{token}%3B%20__client_uat%3D9"}) == (
        "session-token-but-no-client-uat"
    )
    assert await reason(live, {"__session": f"x%3B%20__session={token}", "__client_uat": "9"}) == (
        "token-invalid"
    )


@pytest.mark.parametrize("issuer", [5, None, True, ["https://clerk.example.com"], {}], ids=repr)
async def test_issuer_that_is_no_text_crashed_the_request(
    live: LocalClerk, ada: Session, issuer: object
) -> None:
    """Row 8: the issuer decides between cookies, long before anything is verified."""
    good = live.cookies(ada)
    evil = live.token(ada, claims={"iss": issuer})
    assert code(await ask(Clerk(**live.settings()), headers=bearer(evil)))
    assert await reason(live, {"__session": evil, "__client_uat": good["__client_uat"]})
    beside_good = await ask(Clerk(**live.settings()), headers=jar(good | {"__session": evil}))
    assert beside_good.json() == ada.user.id


@pytest.mark.parametrize(
    "name",
    ["__session_other", "__sessionfoo", "__session_", "__session2", "__SESSION", "x__session"],
)
async def test_cookie_was_taken_by_half_its_name(live: LocalClerk, ada: Session, name: str) -> None:
    """Row 30: a session is in ``__session`` or in the cookie with the instance's own suffix."""
    assert await reason(live, {name: live.token(ada)}) == "session-token-and-uat-missing"


@pytest.mark.parametrize("name", ["__session_other", "__sessionfoo", "__session_12345678"])
async def test_directive_was_taken_by_half_its_name(
    live: LocalClerk, ada: Session, name: str
) -> None:
    """Row 30: nor does a handshake bring a session in any other."""
    handshake = live.handshake_token([f"{name}={live.token(ada)}; Path=/"])
    headers = jar({"__clerk_handshake": handshake}) | DOCUMENT
    answer = await ask(Clerk(**live.settings()), headers=headers)
    assert answer.json()["detail"]["code"] == "session-token-missing"


@pytest.mark.parametrize("carrier", ["header", "cookies"])
async def test_pending_session_was_taken_for_a_complete_one(
    live: LocalClerk, ada: Session, carrier: str
) -> None:
    """Row 30: who has not chosen an organization yet is not signed in."""
    ada.status = "pending"
    headers = bearer(live.token(ada)) if carrier == "header" else jar(live.cookies(ada))
    for path in ("/session", "/several", "/any"):
        assert code(await ask(Clerk(**live.settings()), path, headers)) == "session-pending"
    assert (await ask(Clerk(**live.settings()), "/optional", headers)).json() == "a guest"
