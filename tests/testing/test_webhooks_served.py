"""A local Clerk that is served, or told to, delivers webhooks on its own."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from clerk_fastapi.testing import LocalClerk, Session
from clerk_fastapi.testing.loopback import url_of
from clerk_fastapi.testing.server import serve
from tests.testing.receiver import Receiver


@pytest.fixture
def receiver() -> Receiver:
    """Somebody who takes everything, until told otherwise."""
    return Receiver()


def revoke(local: LocalClerk, url: str, session: Session) -> int:
    """Revoke a session over the Backend API."""
    secret = {"Authorization": f"Bearer {local.secret_key}"}
    path = f"{url}/v1/sessions/{session.id}/revoke"
    return httpx.post(path, headers=secret, timeout=60).status_code


@contextmanager
def nobody() -> Iterator[str]:
    """The URL of a port at which nobody listens while the block runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield url_of(taken)


def test_request_that_changes_something_is_followed_by_its_webhook(
    local: LocalClerk, session: Session, receiver: Receiver
) -> None:
    """Over HTTP both ways, without anybody asking for it."""
    with serve(receiver) as hooks, serve(local.app) as url:
        endpoint = local.add_webhook_endpoint(f"{hooks}/webhooks")
        assert revoke(local, url, session) == 200
        receiver.wait_for(1)
    (delivery,) = receiver.deliveries
    assert delivery.event["type"] == "session.revoked"
    assert delivery.event["data"]["id"] == session.id
    headers = endpoint.sign(
        delivery.body,
        id=delivery.headers["svix-id"],
        timestamp=int(delivery.headers["svix-timestamp"]),
    )
    assert headers["svix-signature"] == delivery.headers["svix-signature"]
    assert [attempt.status for attempt in endpoint.attempts] == [200]


def test_what_a_test_changes_itself_is_delivered_too(local: LocalClerk, receiver: Receiver) -> None:
    """From another thread than the server's, and in order."""
    with serve(receiver) as hooks, serve(local.app) as url:
        local.add_webhook_endpoint(hooks)
        httpx.get(f"{url}/.well-known/jwks.json", timeout=60)
        for number in range(20):
            local.add_user(f"{number}@example.com")
        receiver.wait_for(20)
    names = [
        delivery.event["data"]["email_addresses"][0]["email_address"]
        for delivery in receiver.deliveries
    ]
    assert names == [f"{number}@example.com" for number in range(20)]


def test_stopping_waits_for_what_is_on_its_way(
    local: LocalClerk, session: Session, receiver: Receiver
) -> None:
    """What happened before the end has been delivered after it, if it was not taken before."""
    receiver.answers = [500]
    with serve(receiver) as hooks:
        with serve(local.app) as url:
            endpoint = local.add_webhook_endpoint(hooks)
            assert revoke(local, url, session) == 200
            receiver.wait_for(1)
        assert [attempt.status for attempt in endpoint.attempts] == [500, 200]
        assert endpoint.pending == ()
        local.add_user("bob@example.com")
    assert len(endpoint.pending) == 1


def test_endpoint_that_is_away_breaks_no_request(
    local: LocalClerk, session: Session, receiver: Receiver
) -> None:
    """The request is answered, others hear of it, and the webhook waits."""
    with nobody() as away, serve(receiver) as hooks, serve(local.app) as url:
        lost = local.add_webhook_endpoint(away)
        local.add_webhook_endpoint(hooks)
        assert revoke(local, url, session) == 200
        receiver.wait_for(1)
    assert {attempt.status for attempt in lost.attempts} == {None}
    assert [message.type for message in lost.pending] == ["session.revoked"]


def test_endpoint_that_hangs_keeps_nobody_from_stopping(
    local: LocalClerk, session: Session
) -> None:
    """Its delivery is given up, and stays pending."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        with serve(local.app) as url:
            endpoint = local.add_webhook_endpoint(url_of(mute))
            assert revoke(local, url, session) == 200
        assert [message.type for message in endpoint.pending] == ["session.revoked"]
        assert not endpoint.attempts


@pytest.mark.anyio
async def test_embedded_instance_delivers_while_told_to(
    local: LocalClerk, receiver: Receiver
) -> None:
    """In an application that is its own Clerk: no server, and no HTTP."""
    transport = httpx.ASGITransport(receiver)
    endpoint = local.add_webhook_endpoint("http://localhost/webhooks", transport=transport)
    local.add_user("before@example.com")
    async with local.delivering_webhooks():
        session = local.sign_in(local.add_user("bob@example.com"))
        await receiver.asked.wait()
        local.end_session(session)
    assert [delivery.event["type"] for delivery in receiver.deliveries] == [
        *("user.created", "user.created", "session.created", "session.ended")
    ]
    local.add_user("after@example.com")
    assert len(endpoint.pending) == 1


@pytest.mark.anyio
async def test_things_may_happen_in_any_thread(local: LocalClerk, receiver: Receiver) -> None:
    """In debug mode, asyncio objects to whoever wakes a sleeping loop in an unsafe way."""
    local.add_webhook_endpoint("http://localhost/", transport=httpx.ASGITransport(receiver))
    async with local.delivering_webhooks():
        asyncio.get_running_loop().set_debug(True)
        try:
            await asyncio.to_thread(local.add_user, "bob@example.com")
        finally:
            asyncio.get_running_loop().set_debug(False)
        await receiver.asked.wait()
    assert len(receiver.deliveries) == 1


@pytest.mark.anyio
async def test_application_that_raises_in_the_same_process_ends_no_deliveries(
    local: LocalClerk, caplog: pytest.LogCaptureFixture
) -> None:
    """What it raised is in the log; the delivery was not taken, and is tried again."""
    failing = [True, True]
    asked = asyncio.Event()
    receiver = Receiver()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        if failing:
            failing.pop()
            raise RuntimeError("broken")
        await receiver(scope, receive, send)

    transport = httpx.ASGITransport(application)
    endpoint = local.add_webhook_endpoint("http://localhost/webhooks", transport=transport)
    async with local.delivering_webhooks():
        local.add_user("bob@example.com")
        await asked.wait()
        local.add_user("carl@example.com")
        await receiver.asked.wait()
    assert [attempt.status for attempt in endpoint.attempts][:2] == [None, None]
    assert {attempt.status for attempt in endpoint.attempts} == {None, 200}
    assert endpoint.pending == ()
    logged = [record.exc_info for record in caplog.records]
    assert [info and info[0] for info in logged] == [RuntimeError, RuntimeError]


@pytest.mark.anyio
async def test_deliveries_stop_without_a_trace(local: LocalClerk) -> None:
    """No task is left when the block has ended."""
    before = asyncio.all_tasks()
    async with local.delivering_webhooks():
        pass
    assert asyncio.all_tasks() == before
