"""Which message a delivery is, what handlers read of it, and what becomes of odd ones."""

import json
import logging
from typing import Any

import httpx
import pytest
from fastapi import Depends, Request

from clerk_fastapi import Clerk, require_auth
from clerk_fastapi.protocol.events import Event, UserEvent
from clerk_fastapi.testing import LocalClerk, Session
from clerk_fastapi.web.webhooks import Webhooks
from tests.web.conftest import Headers
from tests.web.receiving import CREATED, Site, told
from tests.web.serving import running

pytestmark = pytest.mark.anyio


@pytest.fixture
def site(clerk: Clerk, local: LocalClerk) -> Site:
    """An application without handlers."""
    return Site(clerk, local.add_webhook_endpoint("http://test/webhooks"))


async def test_handlers_read_the_body_that_was_signed(site: Site) -> None:
    """Each of them, in whichever way, as often as it likes."""
    raw = json.dumps(CREATED).encode()
    seen: list[object] = []

    @site.webhooks.on("user.created")
    async def first(event: UserEvent, request: Request) -> None:
        seen.append([chunk async for chunk in request.stream() if chunk])
        seen.append(await request.json())

    @site.webhooks.on("user.created")
    async def second(event: UserEvent, request: Request) -> None:
        seen.append([await request.body(), await request.body()])
        seen.append(await request.is_disconnected())

    async with site.open() as deliver:
        assert (await deliver(raw)).status_code == 204
    assert seen == [[raw], CREATED, [raw, raw], False]


async def test_new_secret_makes_no_new_message(site: Site, local: LocalClerk) -> None:
    """While one replaces another, a message is the same with either signature, and with both."""
    new = local.add_webhook_endpoint("http://test/webhooks")
    webhooks = Webhooks(secret=[new.secret, site.endpoint.secret], path="/both")
    site.app.include_router(webhooks)

    @webhooks.on("*")
    async def see(event: Event[Any]) -> None:
        site.seen.append(event)

    raw = json.dumps(CREATED).encode()
    async with running(site.app) as client:
        for attempt, signers in enumerate([[site.endpoint], [new, site.endpoint], [new]]):
            at = local.clock() + attempt
            signed = [each.sign(raw, id="msg_1", timestamp=at) for each in signers]
            both = " ".join(each["svix-signature"] for each in signed)
            headers = {**signed[0], "svix-signature": both}
            answer = await client.post("/both", content=raw, headers=headers)
            assert answer.status_code == 204
    assert len(site.seen) == 1


async def test_two_endpoints_get_a_copy_each(site: Site, local: LocalClerk) -> None:
    """Of one message, at two paths; a root that is left in the path or not makes no third."""
    site.see("*")
    raw = json.dumps(CREATED).encode()
    site.app.include_router(site.webhooks, prefix="/other")
    async with running(site.app) as client:
        mounted = httpx.ASGITransport(client._transport.app, root_path="/api")  # type: ignore[attr-defined]  # an ASGITransport
        async with httpx.AsyncClient(transport=mounted, base_url="http://test") as behind:
            asked = [
                *(
                    (client, "/webhooks", 1),
                    (client, "/other/webhooks", 2),
                    (client, "/webhooks", 2),
                ),
                *((behind, "/webhooks", 3), (behind, "/api/webhooks", 3)),
            ]
            for attempt, (who, path, ran) in enumerate(asked):
                at = local.clock() + attempt
                headers = site.endpoint.sign(raw, id="msg_1", timestamp=at)
                answer = await who.post(path, content=raw, headers=headers)
                assert (answer.status_code, len(site.seen)) == (204, ran)


ODD = {
    "email_addresses": [{"email_address": None}],
    "first_name": "secret",
    "last_name": ["secret"],
}


@pytest.mark.parametrize("handled", [True, False])
async def test_odd_event_shuts_out_all_the_same(
    site: Site,
    ada_session: Session,
    ada: Headers,
    caplog: pytest.LogCaptureFixture,
    handled: bool,
) -> None:
    """Clerk is told only if somebody wants the rest of it; the log says where, and not what."""
    site.app.add_api_route("/me", lambda: None, dependencies=[Depends(require_auth)])
    if handled:
        site.see("user.updated")
    raw = json.dumps(
        told("user.updated", **{"id": ada_session.user.id, "banned": True, **ODD})
    ).encode()
    async with running(site.app) as client:
        assert (await client.get("/me", headers=ada)).status_code == 200
        headers = site.endpoint.sign(raw, id="msg_1")
        answer = await client.post("/webhooks", content=raw, headers=headers)
        assert (await client.get("/me", headers=ada)).status_code == 401
    assert answer.status_code == (400 if handled else 204)
    assert site.seen == []
    (record,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert record.getMessage() == (
        "webhook msg_1, a 'user.updated': The body is signed, but it is no event as Clerk "
        "describes them; missing or of the wrong type: data.last_name, "
        "data.email_addresses.0.email_address."
    )


async def test_what_decides_is_not_guessed(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Such an event is refused although nobody wants it, and the log says so."""
    async with site.open() as deliver:
        answer = await deliver(told("user.updated", banned="secret"), id="msg_1")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "webhook-body-invalid")
    (record,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert record.getMessage().startswith("webhook msg_1 is refused: ")
    assert record.getMessage().endswith(" type: data.banned.")
