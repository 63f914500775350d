"""No forged machine token or handshake passes, each for its own reason."""

from typing import Literal

import pytest
from starlette.requests import HTTPConnection

from clerk_fastapi import Clerk, ConfigurationError
from clerk_fastapi.testing import (
    HANDSHAKE_FORGERIES,
    M2M_FORGERIES,
    OAUTH_FORGERIES,
    LocalClerk,
    M2MToken,
    OAuthToken,
    Session,
    User,
)
from clerk_fastapi.testing.handshake import directives

pytestmark = pytest.mark.anyio


@pytest.fixture
def m2m(local: LocalClerk) -> M2MToken:
    """What forgeries of M2M tokens start from."""
    return local.create_m2m_token(local.add_machine("cron"), scopes=["data:read"])


@pytest.fixture
def oauth(local: LocalClerk, ada: User) -> OAuthToken:
    """What forgeries of OAuth access tokens start from."""
    return local.create_oauth_token(ada, client_id="c_1", scopes=["data:read"])


def request(*headers: tuple[str, str], query: str = "") -> HTTPConnection:
    """A page is being opened."""
    return HTTPConnection(
        {
            **{"type": "http", "method": "GET", "scheme": "http", "path": "/", "raw_path": b"/"},
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers],
        }
    )


async def code_of(clerk: Clerk, token: str, accepts: Literal["m2m_token", "oauth_token"]) -> str:
    """Why a bearer token is refused where only tokens of one kind are accepted."""
    async with clerk:
        state = await clerk.authenticate(
            request(("authorization", f"Bearer {token}")), accepts_token=[accepts]
        )
    return "accepted" if state.status == "signed-in" else state.error.code


@pytest.mark.parametrize(("name", "code"), M2M_FORGERIES.items())
async def test_forged_m2m_token_is_refused(
    local: LocalClerk, m2m: M2MToken, name: str, code: str
) -> None:
    """With its reason code, and without asking Clerk about anything but keys."""
    clerk = Clerk(**local.settings())
    assert await code_of(clerk, local.forge(name, m2m), "m2m_token") == code
    assert len(local.requests) == local.jwks_requests


@pytest.mark.parametrize(("name", "code"), OAUTH_FORGERIES.items())
async def test_forged_oauth_token_is_refused(
    local: LocalClerk, oauth: OAuthToken, name: str, code: str
) -> None:
    """With its reason code, and without asking Clerk about anything but keys."""
    clerk = Clerk(**local.settings())
    assert await code_of(clerk, local.forge(name, oauth), "oauth_token") == code
    assert len(local.requests) == local.jwks_requests


async def test_the_originals_are_accepted(
    local: LocalClerk, m2m: M2MToken, oauth: OAuthToken
) -> None:
    """What the forgeries start from is beyond doubt."""
    assert await code_of(Clerk(**local.settings()), local.as_jwt(m2m), "m2m_token") == "accepted"
    oauth_token = local.as_jwt(oauth)
    assert await code_of(Clerk(**local.settings()), oauth_token, "oauth_token") == "accepted"


@pytest.mark.parametrize(("name", "code"), HANDSHAKE_FORGERIES.items())
async def test_forged_handshake_signs_nobody_in(
    local: LocalClerk, session: Session, name: str, code: str
) -> None:
    """It is refused with its reason code; one that has only expired leads to another handshake."""
    cookies = directives(local.cookies(session), local.cookie_suffix, secure=False)
    token = local.forge_handshake(name, cookies)
    page = request(
        ("host", "localhost"), ("accept", "text/html"), query=f"__clerk_handshake={token}"
    )
    async with Clerk(**local.settings()) as clerk:
        state = await clerk.authenticate(page)
    expected = ("signed-out", code)
    if code == "token-expired":
        expected = ("handshake", "dev-browser-missing")
    assert (state.status, state.reason) == expected
    assert not any("__session" in cookie for cookie in state.cookies)


async def test_handshake_that_is_not_forged_signs_in(local: LocalClerk, session: Session) -> None:
    """What the forgeries start from brings the session home."""
    cookies = directives(local.cookies(session), local.cookie_suffix, secure=False)
    token = local.handshake_token(cookies)
    page = request(
        ("host", "localhost"), ("accept", "text/html"), query=f"__clerk_handshake={token}"
    )
    async with Clerk(**local.settings()) as clerk:
        state = await clerk.authenticate(page)
    assert state.status == "signed-in"
    assert state.auth.session_id == session.id


def test_unknown_forgeries_are_refused(local: LocalClerk, m2m: M2MToken) -> None:
    """A misspelt name makes nothing; each kind of token has names of its own."""
    with pytest.raises(ConfigurationError, match="azp-foreign"):
        local.forge("azp-foreign", m2m)
    with pytest.raises(ConfigurationError, match="nothing"):
        local.forge_handshake("nothing", [])
