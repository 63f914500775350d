"""What Clerk tells by webhooks: who is refused from then on, what is noted, what is forgotten."""

from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import httpx
import pytest
from sqlalchemy import select

from clerk_fastapi.testing import LocalClerk
from example_app.application import create_app
from example_app.models import Item
from tests.example.conftest import Connected, Example, Visitor, eventually, serve, settings_for

STRANGER = LocalClerk().add_webhook_endpoint("http://127.0.0.1/")
ENDED = '<ul id="ended">'


def noted(page: httpx.Response) -> str:
    """The list of ended sessions on the page."""
    return page.text.partition(ENDED)[2].partition("</ul>")[0]


def test_what_is_revoked_elsewhere_is_refused_once_clerk_has_told(connected: Connected) -> None:
    """As in the dashboard: the token is good until then, and its session is noted afterwards."""
    mine, stolen, bobs = (connected.sign_in(name) for name in ("ada", "ada", "bob"))
    token = connected.clerk.bearer(stolen)
    connected.clerk.end_session(stolen, "revoked")
    assert connected.client.get("/me", headers=token).status_code == 200
    connected.deliver_webhooks()
    refused = connected.client.get("/me", headers=token)
    assert (refused.status_code, refused.json()["detail"]["code"]) == (401, "session-ended")
    line = f"<code>{stolen.id}</code> revoked <time>2027-01-15 08:00 UTC</time>"
    assert line in noted(connected.ask_in(mine, "/sessions"))
    assert stolen.id not in noted(connected.ask_in(bobs, "/sessions"))


@pytest.mark.parametrize("how", ["ended", "removed"])
def test_every_end_is_noted(connected: Connected, how: Literal["ended", "removed"]) -> None:
    """Signed out, or taken out of the browser: with its word."""
    mine, other = connected.sign_in("ada"), connected.sign_in("ada")
    connected.clerk.end_session(other, how)
    connected.deliver_webhooks()
    assert f"{other.id}</code> {how}" in noted(connected.ask_in(mine, "/sessions"))


def test_a_user_who_is_deleted_is_forgotten(connected: Connected) -> None:
    """The notes of the user go, those of the organization and of others stay."""
    connected.join("ada", "acme", permissions=["org:data:read", "org:data:write"])
    connected.join("bob", "acme", permissions=["org:data:read"])
    for organization in ("acme", None):
        made = connected.ask("ada", "POST", "/items", {"title": "x"}, organization=organization)
        assert made.status_code == 201
    assert connected.ask("bob", "POST", "/items", {"title": "x"}).status_code == 201
    token = connected.headers("ada")
    connected.clerk.delete_user("ada@example.com")
    connected.deliver_webhooks()
    assert connected.client.get("/me", headers=token).status_code == 401
    with connected.app.state.database.reading() as session:
        assert {item.owner_id for item in session.scalars(select(Item))} == {
            connected.clerk.organization("acme").id,
            connected.clerk.user("bob@example.com").id,
        }


def test_a_user_who_is_locked_is_refused_until_let_in_again(connected: Connected) -> None:
    """The package sees to that by itself, and the session goes on afterwards."""
    mine = connected.sign_in("ada")
    for change, status in ((connected.clerk.lock, 401), (connected.clerk.unlock, 200)):
        connected.clock.now += 1
        change("ada@example.com")
        connected.deliver_webhooks()
        assert connected.ask_in(mine, "/me").status_code == status


def test_a_delivery_that_comes_again_changes_nothing(connected: Connected) -> None:
    """One line for one session, whether it was the same delivery or another of the same end."""
    mine, other = connected.sign_in("ada"), connected.sign_in("ada")
    for _ in range(2):
        connected.clerk.end_session(other)
        connected.deliver_webhooks()
    (endpoint,) = connected.clerk.outbox.endpoints
    connected.clock.now += 5
    attempts = anyio.run(partial(endpoint.resend, endpoint.messages[-1], times=3))
    assert {attempt.status for attempt in attempts} == {204}
    assert noted(connected.ask_in(mine, "/sessions")).count(other.id) == 1


@pytest.mark.parametrize("how", ["unsigned", "tampered", "of another endpoint", "old"])
def test_what_clerk_has_not_signed_changes_nothing(connected: Connected, how: str) -> None:
    """It is refused, and whoever it is about goes on."""
    mine = connected.sign_in("ada")
    (endpoint,) = connected.clerk.outbox.endpoints
    body = f'{{"object":"event","type":"user.deleted","data":{{"id":"{mine.user.id}"}}}}'
    signers = {
        "unsigned": dict[str, str],
        "tampered": lambda: endpoint.sign(body + " "),
        "of another endpoint": lambda: STRANGER.sign(body, timestamp=connected.clock.now),
        "old": lambda: endpoint.sign(body, timestamp=connected.clock.now - 301),
    }
    refused = connected.client.post("/webhooks", content=body, headers=signers[how]())
    assert refused.status_code == 400
    assert connected.ask_in(mine, "/me").status_code == 200


def test_without_a_signing_secret_nothing_is_received(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no route that would take what nobody can verify."""
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", LocalClerk().publishable_key)
    with serve(lambda url: create_app(settings_for(url, tmp_path / "example.db"))) as (_, url):
        assert (
            httpx.post(f"{url}/webhooks", json={}, trust_env=False, timeout=60).status_code == 404
        )


def test_the_embedded_clerk_delivers_by_itself(example: Example, visitor: Visitor) -> None:
    """What is revoked on the page is told over HTTP, and noted there a moment later."""
    token = {"Authorization": f"Bearer {example.token('bob')}"}
    listed = example.client.get("/me/sessions", headers=token).json()
    (revoked,) = (session["id"] for session in listed if session["is_this_one"])
    visitor.sign_in("bob")
    visitor.send_form(f"/sessions/{revoked}/revoke", {})
    eventually(lambda: f"{revoked}</code> revoked" in noted(visitor.get("/sessions")))
