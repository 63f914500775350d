"""A refresh gives new cookies for an expired token to those who also hold the refresh token."""

import json
from collections.abc import Mapping

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk, Session
from tests.testing.conftest import Clock
from tests.testing.reading import assert_error, claims_of

pytestmark = pytest.mark.anyio

ORIGIN = "http://localhost:8000"


@pytest.fixture
def body(local: LocalClerk, session: Session, clock: Clock) -> dict[str, object]:
    """What an application sends whose browser came with an expired token."""
    token = local.token(session)
    clock.now += 61
    return {
        "format": "cookie",
        "expired_token": token,
        "refresh_token": session.refresh_token,
        "request_origin": ORIGIN,
        "request_headers": {"user-agent": ["a browser"]},
    }


async def refresh(
    local: LocalClerk, session_id: str, body: object, query: str = ""
) -> httpx.Response:
    """Ask for a refresh with the secret key."""
    async with httpx.AsyncClient(transport=local.transport()) as client:
        return await client.post(
            f"https://api.clerk.com/v1/sessions/{session_id}/refresh{query}",
            content=json.dumps(body),
            headers={"Authorization": f"Bearer {local.secret_key}"},
        )


def cookies_of(response: httpx.Response) -> dict[str, str]:
    """The cookies of an answer, by name."""
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document["object"] == "cookies"
    return {
        name: rest.partition(";")[0]
        for name, _, rest in (cookie.partition("=") for cookie in document["cookies"])
    }


async def test_session_goes_on(
    local: LocalClerk, session: Session, body: dict[str, object]
) -> None:
    """With a fresh token for the page that asked, and the same refresh token."""
    cookies = cookies_of(await refresh(local, session.id, body))
    claims = claims_of(cookies["__session"])
    assert (claims["sid"], claims["azp"], claims["iat"]) == (session.id, ORIGIN, 1_800_000_061)
    assert cookies.keys() == {"__session", f"__refresh_{local.cookie_suffix}"}
    assert cookies[f"__refresh_{local.cookie_suffix}"] == session.refresh_token


async def test_suffixed_cookies_can_be_had(
    local: LocalClerk, session: Session, body: dict[str, object]
) -> None:
    """They are beside the plain one, and say the same."""
    cookies = cookies_of(await refresh(local, session.id, body, "?suffixed_cookies=true"))
    assert cookies[f"__session_{local.cookie_suffix}"] == cookies["__session"]


async def test_token_can_be_had_alone(
    local: LocalClerk, session: Session, body: dict[str, object]
) -> None:
    """The other format that Clerk knows."""
    response = await refresh(local, session.id, body | {"format": "token"})
    assert response.json()["object"] == "token"
    assert claims_of(response.json()["jwt"])["sid"] == session.id


async def test_ended_session_does_not_go_on(
    local: LocalClerk, session: Session, body: dict[str, object]
) -> None:
    """Whoever has signed out, or been signed out, stays so."""
    local.end_session(session, "revoked")
    assert_error(await refresh(local, session.id, body), 401, "authentication_invalid")


async def test_unknown_session_is_not_found(local: LocalClerk, body: dict[str, object]) -> None:
    """There is nothing to go on with."""
    assert_error(await refresh(local, "sess_unknown", body), 404, "resource_not_found")


async def test_tokens_have_to_be_the_sessions_own(
    local: LocalClerk, session: Session, body: dict[str, object]
) -> None:
    """Neither another session's token nor one that the instance did not sign proves anything."""
    other = local.sign_in(local.add_user("bob@example.com"))
    for change in (
        {"refresh_token": other.refresh_token},
        {"expired_token": local.token(other)},
        {"expired_token": local.forge("key-foreign", session)},
        {"expired_token": local.forge("cat-template", session)},
        {"expired_token": local.forge("payload-edited", session)},
        {"expired_token": local.forge("payload-not-json", session)},
        {"expired_token": "junk"},
        {"expired_token": "\u00e9.\ud800.\u00e9"},
    ):
        response = await refresh(local, session.id, {**body, **change})
        assert_error(response, 401, "authentication_invalid")


async def test_withdrawn_keys_vouch_for_nothing(
    local: LocalClerk, session: Session, body: dict[str, object]
) -> None:
    """A key that is still published does."""
    local.rotate_keys()
    cookies_of(await refresh(local, session.id, body))
    local.rotate_keys(keep_old=False)
    assert_error(await refresh(local, session.id, body), 401, "authentication_invalid")


@pytest.mark.parametrize(
    "change",
    [
        {"format": None},
        {"format": "cookies"},
        {"expired_token": ""},
        {"refresh_token": 5},
        {"request_origin": None},
        {"request_origin": "null"},
    ],
)
async def test_malformed_bodies_are_refused(
    local: LocalClerk, session: Session, body: dict[str, object], change: Mapping[str, object]
) -> None:
    """Whatever is missing or no text."""
    response = await refresh(local, session.id, {**body, **change})
    assert_error(response, 400, "request_invalid")


@pytest.mark.parametrize("junk", [[], "text", None])
async def test_bodies_are_objects(local: LocalClerk, session: Session, junk: object) -> None:
    """Other JSON says nothing."""
    assert_error(await refresh(local, session.id, junk), 400, "request_invalid")
