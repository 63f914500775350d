"""Sessions, as the official client lists, makes and revokes them, and the tokens they give."""

from typing import Any

import httpx
import pytest
from clerk_backend_api import models

from clerk_fastapi.testing import LocalClerk, Organization, Session, User
from tests.testing.conftest import Clock
from tests.testing.official import IGNORED, Official, asking, codes
from tests.testing.reading import assert_error, check_signature, claims_of, header_of, pem_key

pytestmark = [pytest.mark.anyio, IGNORED]

MS, A_DAY = 1_800_000_000_000, 86_400


async def test_session_is_described_as_the_client_wants_it(
    official: Official, session: Session, acme: Organization, clock: Clock
) -> None:
    """Who, where, in which organization, from which place, and until when."""
    session.activity.city, session.activity.browser_name = "Graz", "Firefox"
    said = await official.sessions.get(session_id=session.id)
    assert (said.id, said.user_id, said.client_id) == (
        *(session.id, session.user.id, session.browser.id),
    )
    assert (said.status, said.last_active_organization_id) == ("active", acme.id)
    assert (said.created_at, said.last_active_at, said.actor) == (MS, MS, None)
    assert said.expire_at == MS + 7 * A_DAY * 1000 < said.abandon_at
    assert (said.latest_activity.city, said.latest_activity.browser_name) == ("Graz", "Firefox")
    assert said.tasks is None


async def test_pending_session_names_its_task(
    official: Official, local: LocalClerk, ada: User
) -> None:
    """And impersonation its actor."""
    session = local.sign_in(ada, status="pending", actor={"sub": "user_support"})
    said = await official.sessions.get(session_id=session.id)
    assert (said.status, [task.key for task in said.tasks]) == ("pending", ["choose-organization"])
    assert said.actor is not None


async def test_sessions_are_listed_newest_first(
    official: Official, local: LocalClerk, ada: User
) -> None:
    """By user, by client, by status, in pages."""
    browser = local.add_browser()
    sessions = [local.sign_in(ada, browser=browser if number < 3 else None) for number in range(5)]
    local.sign_in(local.add_user("bob@example.com"))
    local.end_session(sessions[1])
    ids = [session.id for session in sessions]

    async def listed(**filters: Any) -> list[int]:
        found = await official.sessions.list(**filters)
        return [ids.index(session.id) for session in found]

    assert await listed(user_id=ada.id) == [4, 3, 2, 1, 0]
    assert await listed(user_id=ada.id, limit=2, offset=1) == [3, 2]
    assert await listed(user_id=ada.id, offset=5) == []
    assert await listed(client_id=browser.id) == [2, 1, 0]
    assert await listed(client_id=browser.id, status="active") == [2, 0]
    assert await listed(user_id=ada.id, status="ended") == [1]
    assert await listed(user_id="user_unknown") == []


async def test_sessions_of_everybody_are_not_listed(client_in_process: Official) -> None:
    """Somebody has to be named."""
    with pytest.raises(models.ClerkErrors) as caught:
        await client_in_process.sessions.list()
    assert codes(caught.value, 422) == ["form_param_nil"]


async def test_paginated_list_says_how_many_there_are(
    local: LocalClerk, client: httpx.AsyncClient, session: Session
) -> None:
    """Which the official client for Python cannot read, but others can."""
    local.sign_in(session.user)
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    for path in (f"sessions?user_id={session.user.id}&", "clients?", "jwt_templates?"):
        url = f"https://api.clerk.com/v1/{path}paginated=true&limit=1"
        page = (await client.get(url, headers=headers)).json()
        expected = 0 if path == "jwt_templates?" else 2
        assert (len(page["data"]), page["total_count"]) == (min(expected, 1), expected)


async def test_session_is_created(official: Official, ada: User, acme: Organization) -> None:
    """In the personal account, or in an organization of the user's."""
    personal = await official.sessions.create(request={"user_id": ada.id})
    at_work = await official.sessions.create(
        request={"user_id": ada.id, "active_organization_id": acme.id}
    )
    assert (personal.status, personal.last_active_organization_id) == ("active", None)
    assert at_work.last_active_organization_id == acme.id


async def test_session_that_cannot_be_is_not_created(
    client_in_process: Official, local: LocalClerk, ada: User
) -> None:
    """Of nobody, in an organization of others, in one that is not there."""
    globex = local.add_organization("globex")
    for request, status, code in (
        ({"user_id": "user_unknown"}, 404, "resource_not_found"),
        ({"user_id": "ada@example.com"}, 404, "resource_not_found"),
        ({"user_id": ada.id, "active_organization_id": "org_x"}, 404, "resource_not_found"),
        ({"user_id": ada.id, "active_organization_id": globex.id}, 422, "form_param_value_invalid"),
    ):
        with pytest.raises(models.ClerkErrors) as caught:
            await client_in_process.sessions.create(request=request)
        assert codes(caught.value, status) == [code]
    assert local.sessions == {}


async def test_production_instance_creates_no_sessions(production: LocalClerk) -> None:
    """There somebody has to sign in."""
    ada = production.add_user("ada@example.com")
    async with asking(production, "async-in-process") as official:
        with pytest.raises(models.ClerkErrors) as caught:
            await official.sessions.create(request={"user_id": ada.id})
        assert codes(caught.value, 400) == ["request_invalid"]


async def test_revoked_session_gives_no_tokens(official: Official, session: Session) -> None:
    """And says so; revoking it again changes nothing."""
    revoked = await official.sessions.revoke(session_id=session.id)
    assert (revoked.status, session.status) == ("revoked", "revoked")
    assert (await official.sessions.revoke(session_id=session.id)).status == "revoked"
    for call in (
        official.sessions.create_token(session_id=session.id),
        official.sessions.create_token_from_template(session_id=session.id, template_name="x"),
    ):
        with pytest.raises(models.ClerkErrors, match="is revoked") as caught:
            await call
        assert codes(caught.value, 404) == ["resource_not_found"]


async def test_ended_session_stays_as_it_ended(
    official: Official, local: LocalClerk, session: Session
) -> None:
    """Who has signed out is not revoked afterwards."""
    local.end_session(session)
    assert (await official.sessions.revoke(session_id=session.id)).status == "ended"


async def test_session_expires_by_the_clock(
    official: Official, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """At the second it was said to, for the Backend API and for its browser."""
    clock.now += 7 * A_DAY - 1
    assert (await official.sessions.get(session_id=session.id)).status == "active"
    assert (await official.sessions.create_token(session_id=session.id)).jwt
    clock.now += 1
    with pytest.raises(models.ClerkErrors, match="is expired"):
        await official.sessions.create_token(session_id=session.id)
    assert (await official.sessions.get(session_id=session.id)).status == "expired"
    assert session.browser.session is None
    assert local.cookies(session.browser)["__client_uat"] == "0"


async def test_token_of_a_session(
    official: Official, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Signed, for a minute or as long as asked, and without a page that had asked for it."""
    clock.now += 30
    jwt = (await official.sessions.create_token(session_id=session.id)).jwt
    check_signature(jwt, pem_key(local.jwt_key))
    claims = claims_of(jwt)
    assert (claims["sid"], claims["sub"], "azp" in claims) == (session.id, session.user.id, False)
    assert claims["exp"] - claims["iat"] == 60
    long = await official.sessions.create_token(session_id=session.id, expires_in_seconds=600)
    assert claims_of(long.jwt)["exp"] == clock.now + 600
    assert (session.last_active_at, session.user.last_active_at) == (clock.now, clock.now)


@pytest.mark.parametrize("life", [0, -1, 315_360_001, "60", 1.5, True])
async def test_life_of_a_token_has_bounds(
    local: LocalClerk, client: httpx.AsyncClient, session: Session, life: object
) -> None:
    """A positive number of seconds, of ten years at most."""
    local.add_jwt_template("supabase", claims={})
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    for path in ("tokens", "tokens/supabase"):
        response = await client.post(
            f"https://api.clerk.com/v1/sessions/{session.id}/{path}",
            json={"expires_in_seconds": life},
            headers=headers,
        )
        assert response.status_code == 422
        assert response.json()["errors"][0]["meta"] == {"param_name": "expires_in_seconds"}


async def test_token_needs_no_body(
    local: LocalClerk, client: httpx.AsyncClient, session: Session
) -> None:
    """But one that is there has to be JSON that can be repeated."""
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    url = f"https://api.clerk.com/v1/sessions/{session.id}/tokens"
    assert (await client.post(url, headers=headers)).status_code == 200
    assert (await client.post(url, content=b"{}", headers=headers)).status_code == 200
    for body in (b"{", b"[]", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}', b"\xff"):
        response = await client.post(url, content=body, headers=headers)
        assert_error(response, 400, "request_invalid")


@pytest.mark.parametrize("session_id", ["sess_unknown", "user_1", "\u00e9"])
async def test_unknown_session_is_not_found(
    client_in_process: Official, local: LocalClerk, session: Session, session_id: str
) -> None:
    """Whatever is wanted of it."""
    local.add_jwt_template("supabase", claims={})
    sessions, name = client_in_process.sessions, "supabase"
    for call in (
        sessions.get(session_id=session_id),
        sessions.revoke(session_id=session_id),
        sessions.create_token(session_id=session_id),
        sessions.create_token_from_template(session_id=session_id, template_name=name),
    ):
        with pytest.raises(models.ClerkErrors) as caught:
            await call
        assert codes(caught.value, 404) == ["resource_not_found"]


async def test_refresh_by_the_official_client(
    official: Official, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """A use of the session, like any other."""
    expired = local.token(session)
    clock.now += 120
    fresh = await official.sessions.refresh(
        session_id=session.id,
        expired_token=expired,
        refresh_token=session.refresh_token,
        request_origin="http://localhost:8000",
        format_="token",
    )
    assert claims_of(fresh.jwt)["sid"] == session.id
    assert session.last_active_at == clock.now


async def test_clients_are_browsers(
    official: Official, local: LocalClerk, session: Session, ada: User
) -> None:
    """With the sessions that have not ended, the active one among them."""
    browser = session.browser
    second, third = (local.sign_in(ada, browser=browser) for _ in range(2))
    local.end_session(third)
    client = await official.clients.get(client_id=browser.id)
    assert client.session_ids == [session.id, second.id]
    assert client.last_active_session_id == second.id
    empty = local.add_browser()
    clients = await official.clients.list(limit=1)
    assert [(client.id, client.sessions) for client in clients] == [(empty.id, [])]
    assert len(await official.clients.list()) == 2
    with pytest.raises(models.ClerkErrors) as caught:
        await official.clients.get(client_id=browser.token)
    assert codes(caught.value, 404) == ["resource_not_found"]


async def test_tokens_of_the_backend_sign_in(local: LocalClerk, session: Session) -> None:
    """They are session tokens like those that browsers have."""
    async with asking(local, "async-in-process") as official:
        jwt = (await official.sessions.create_token(session_id=session.id)).jwt
    assert header_of(jwt) == header_of(local.token(session))
    assert local.session_of(jwt) is session
