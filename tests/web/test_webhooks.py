"""What becomes of a delivery: refused, handled by those who declared to, acknowledged or not."""

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable
from typing import Any

import pytest
from fastapi import Depends, Request
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi import Clerk, require_auth
from clerk_fastapi.errors import StoreUnavailable
from clerk_fastapi.protocol.events import Event, SessionEvent, UnknownEvent, UserEvent
from clerk_fastapi.testing import LocalClerk, Session
from tests.backend.clock import Clock
from tests.web.conftest import Headers
from tests.web.receiving import CREATED, Site, told
from tests.web.serving import running

pytestmark = pytest.mark.anyio


@pytest.fixture
def site(clerk: Clerk, local: LocalClerk) -> Site:
    """An application without handlers."""
    return Site(clerk, local.add_webhook_endpoint("http://test/webhooks"))


async def test_handlers_get_the_events_they_are_for(site: Site) -> None:
    """Read as what they are, those of a type that nobody knows yet, too."""
    site.see("user.created", "user.merged", "session.ended")
    async with site.open() as deliver:
        ended = told("session.ended", user_id="user_1")
        answers = [await deliver(each) for each in (CREATED, told("user.merged"), ended)]
        answers += [await deliver(told("user.updated"))]
    assert [(each.status_code, each.content) for each in answers] == [(204, b"")] * 4
    assert list(map(type, site.seen)) == [UserEvent, UnknownEvent, SessionEvent]


async def test_star_is_for_all_events(site: Site) -> None:
    """Known and unknown."""
    site.see("*")
    async with site.open() as deliver:
        for name in ("user.created", "user.merged", "email.created"):
            await deliver(told(name))
    assert [each.type for each in site.seen] == ["user.created", "user.merged", "email.created"]


async def test_event_without_handler_is_acknowledged(site: Site) -> None:
    """Clerk need not send it again."""
    async with site.open() as deliver:
        assert (await deliver(CREATED)).status_code == 204
        assert (await deliver(told("user.merged"))).status_code == 204


async def test_plain_handlers_run_beside_the_event_loop(site: Site) -> None:
    """And all handlers may look at the request."""
    seen: list[object] = []

    @site.webhooks.on("user.created")
    def plain(event: UserEvent, request: Request) -> None:
        seen.append((event.data.id, request.url.path, threading.current_thread().name))

    @site.webhooks.on("user.created")
    async def waiting(event: UserEvent, *, request: Request) -> None:
        seen.append((event.data.id, request.method, threading.current_thread().name))

    @site.webhooks.on("user.created")
    def passed_on(event: UserEvent) -> Awaitable[None]:
        return waiting(event, request=Request({"type": "http", "method": "LATER"}))

    async with site.open() as deliver:
        assert (await deliver(CREATED)).status_code == 204
    here = threading.current_thread().name
    paths, threads = [each[1] for each in seen], [each[2] for each in seen]  # type: ignore[index]  # triples
    assert paths == ["/webhooks", "POST", "LATER"]
    assert threads[0] != here
    assert threads[1:] == [here, here]


async def test_fifty_at_once_run_the_handler_once(site: Site, local: LocalClerk) -> None:
    """All of them are acknowledged, when it is through."""
    begun, leave = asyncio.Event(), asyncio.Event()
    ran: list[str] = []

    @site.webhooks.on("user.created")
    async def slow(event: UserEvent) -> None:
        ran.append(event.data.id)
        begun.set()
        await leave.wait()

    async with site.open() as deliver, asyncio.TaskGroup() as group:
        asked = [group.create_task(deliver(CREATED, id="msg_1")) for _ in range(50)]
        await begun.wait()
        leave.set()
    assert {task.result().status_code for task in asked} == {204}
    assert ran == ["user_1"]


async def test_handler_that_raises_gets_its_event_again(
    site: Site, local: LocalClerk, caplog: pytest.LogCaptureFixture
) -> None:
    """Not acknowledged, delivered again, and only to the one that was not through."""
    failing = [True]
    site.see("user.created")

    @site.webhooks.on("user.created")
    async def bad(event: UserEvent) -> None:
        if failing:
            raise KeyError(failing.pop())
        site.seen.append(event)

    async with running(site.app) as client:
        site.endpoint._transport = client._transport
        local.add_user("eve@example.com")
        await local.deliver_webhooks()
        assert [each.status for each in site.endpoint.attempts] == [500]
        assert len(site.seen) == 1
        await local.deliver_webhooks()
    assert [each.status for each in site.endpoint.attempts] == [500, 204]
    assert len(site.seen) == 2
    (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "test_handler_that_raises_gets_its_event_again.<locals>.bad failed" in record.message
    assert "eve@example.com" not in caplog.text
    assert site.seen[0].data.id not in caplog.text


async def test_answer_tells_that_a_handler_failed(site: Site) -> None:
    """And nothing about why."""

    @site.webhooks.on("*")
    def bad(event: Event[Any]) -> None:
        raise ValueError("secret")

    async with site.open() as deliver:
        answer = await deliver(CREATED)
    assert answer.status_code == 500
    assert answer.json() == {
        "detail": {
            "code": "webhook-handler-failed",
            "message": "A handler of this event failed; deliver it again.",
        }
    }


@pytest.mark.parametrize("away", ["claim", "finish"])
async def test_store_that_is_away_is_no_acknowledgement(
    site: Site, clerk: Clerk, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    """503, and when to come again."""
    site.see("*")

    async def refuse(*_: object, **__: object) -> None:
        raise StoreUnavailable

    clerk.deliveries.pace = clerk.deliveries.pace._replace(grace=0.01)
    async with site.open() as deliver:
        with monkeypatch.context() as patch:
            patch.setattr(clerk.store, away, refuse)
            answer = await deliver(CREATED, id="msg_1")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "store-unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_double_of_what_takes_long_is_told_to_come_again(site: Site, clerk: Clerk) -> None:
    """503, and when."""
    begun, leave = asyncio.Event(), asyncio.Event()
    clerk.deliveries.pace = clerk.deliveries.pace._replace(pauses=(0,))

    @site.webhooks.on("user.created")
    async def slow(event: UserEvent) -> None:
        begun.set()
        await leave.wait()

    async with site.open() as deliver:
        first = asyncio.create_task(deliver(CREATED, id="msg_1"))
        await begun.wait()
        answer = await deliver(CREATED, id="msg_1")
        leave.set()
        assert (await first).status_code == 204
    assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "webhook-busy")
    assert answer.headers["retry-after"] == "5"


async def test_handler_that_takes_too_long_is_not_waited_for(site: Site, clerk: Clerk) -> None:
    """Whoever delivered is told to come again, the handler goes on, and then it was done once."""
    begun, leave, left = asyncio.Event(), asyncio.Event(), asyncio.Event()
    clerk.deliveries.pace = clerk.deliveries.pace._replace(first=0)

    @site.webhooks.on("user.created")
    async def slow(event: UserEvent) -> None:
        begun.set()
        await leave.wait()
        site.seen.append(event)
        left.set()

    async with site.open() as deliver:
        async with asyncio.timeout(60):
            answer = await deliver(CREATED, id="msg_1")
        assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "webhook-busy")
        await begun.wait()
        leave.set()
        await left.wait()
        assert (await deliver(CREATED, id="msg_1")).status_code == 204
    assert len(site.seen) == 1


async def test_refusals_have_a_code(site: Site, clock: Clock) -> None:
    """400, and nothing is handled."""
    site.see("*")
    sign, body = site.endpoint.sign, json.dumps(CREATED).encode()
    good = sign(body)
    others = {name.replace("svix", "webhook"): value for name, value in good.items()}
    again = json.dumps(CREATED, separators=(",", ":")).encode()
    sent: list[tuple[bytes, Any, str]] = [
        (body, {}, "webhook-headers-missing"),
        (body, others, "webhook-headers-missing"),
        (body, [*good.items(), *good.items()], "webhook-headers-missing"),
        (body, sign(body, timestamp=clock.now - 301), "webhook-timestamp-invalid"),
        (body, sign(body, timestamp=clock.now + 301), "webhook-timestamp-invalid"),
        (again, good, "webhook-signature-invalid"),
        (b"", good, "webhook-signature-invalid"),
        (b"", sign(b""), "webhook-body-invalid"),
        (b"[]", sign(b"[]"), "webhook-body-invalid"),
        (bytes(1_048_577), good, "webhook-refused"),
    ]
    async with site.open() as deliver:
        answers = [await deliver(raw, headers) for raw, headers, _ in sent]
    assert [each.status_code for each in answers] == [400] * len(sent)
    assert [each.json()["detail"]["code"] for each in answers] == [code for *_, code in sent]
    assert {each.headers["cache-control"] for each in answers} == {"no-store"}
    assert site.seen == []


async def test_recorded_delivery_cannot_be_sent_again(site: Site, clock: Clock) -> None:
    """Neither while its signature is believed nor afterwards."""
    site.see("*")
    headers = site.endpoint.sign(json.dumps(CREATED))
    async with site.open() as deliver:
        assert (await deliver(CREATED, headers)).status_code == 204
        for seconds in (0, 300, 1):
            clock.now += seconds
            assert (await deliver(CREATED, headers)).status_code == 400
    assert len(site.seen) == 1


async def test_body_comes_in_pieces_or_breaks_off(site: Site) -> None:
    """What was signed is put together again; what is not all there is refused."""
    site.see("*")
    raw = json.dumps(CREATED).encode()
    headers = [(name.encode(), value.encode()) for name, value in site.endpoint.sign(raw).items()]
    pieces = [
        {"type": "http.request", "body": raw[at : at + 9], "more_body": True}
        for at in range(0, len(raw), 9)
    ]
    ends: list[Any] = [{"type": "http.disconnect"}, {"type": "http.request", "body": b""}]
    statuses = []
    async with running(site.app):
        for end in ends:
            incoming = iter([*pieces, end])

            async def receive(incoming: Any = incoming) -> Any:
                return next(incoming)

            async def send(message: Any) -> None:
                statuses.append(message.get("status"))

            scope = {
                **{"type": "http", "method": "POST", "path": "/webhooks", "query_string": b""},
                **{"headers": headers, "scheme": "http", "server": ("test", 80)},
            }
            await site.app(scope, receive, send)
    assert [status for status in statuses if status] == [400, 204]
    assert len(site.seen) == 1


async def test_session_that_was_revoked_is_refused_at_once(
    site: Site, local: LocalClerk, ada: Headers, ada_session: Session, bob: Headers
) -> None:
    """Before any handler is called, and although its token is good for another minute."""
    answers: list[int] = []
    site.app.add_api_route("/me", lambda: None, dependencies=[Depends(require_auth)])
    async with running(site.app) as client:
        site.endpoint._transport = client._transport

        @site.webhooks.on("session.revoked")
        async def look(event: SessionEvent) -> None:
            answers.append((await client.get("/me", headers=ada)).status_code)

        assert (await client.get("/me", headers=ada)).status_code == 200
        local.end_session(ada_session, "revoked")
        await local.deliver_webhooks()
        assert (await client.get("/me", headers=bob)).status_code == 200
    assert answers == [401]


async def test_user_who_is_banned_is_refused_until_let_in_again(
    site: Site, local: LocalClerk, clock: Clock, ada: Headers
) -> None:
    """And without a handler for it."""
    site.app.add_api_route("/me", lambda: None, dependencies=[Depends(require_auth)])
    async with running(site.app) as client:
        site.endpoint._transport = client._transport
        local.ban("ada@example.com")
        await site.endpoint.deliver()
        refused = await client.get("/me", headers=ada)
        clock.now += 1
        local.unban("ada@example.com")
        await site.endpoint.deliver()
        again = local.bearer(local.sign_in("ada@example.com"))
        assert (await client.get("/me", headers=again)).status_code == 200
    assert (refused.status_code, refused.json()["detail"]["code"]) == (401, "session-ended")


async def test_store_that_cannot_tell_others_of_a_revocation(
    site: Site,
    clerk: Clerk,
    local: LocalClerk,
    ada_session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not acknowledged: it comes again, and no handler has seen it yet."""
    site.see("session.revoked")

    async def refuse(*_: object) -> None:
        raise StoreUnavailable

    async with running(site.app) as client:
        site.endpoint._transport = client._transport
        local.end_session(ada_session, "revoked")
        with monkeypatch.context() as patch:
            patch.setattr(clerk.store, "announce", refuse)
            await local.deliver_webhooks()
        assert (site.seen, site.endpoint.attempts[-1].status) == ([], 503)
        await local.deliver_webhooks()
    assert site.endpoint.attempts[-1].status == 204
    assert [each.type for each in site.seen] == ["session.revoked"]


@given(
    body=st.binary(max_size=60) | st.sampled_from([json.dumps(CREATED).encode(), b"{}"]),
    names=st.lists(st.sampled_from(["svix-id", "svix-timestamp", "svix-signature", "x"])),
    value=st.text("msg_1v1,= 0179\t", max_size=20).map(str.strip),
)
def test_nothing_that_strangers_send_is_an_error_of_ours(
    body: bytes, names: list[str], value: str
) -> None:
    """Whatever it is, it is 400."""
    local = LocalClerk()
    site = Site(Clerk(**local.settings()), local.add_webhook_endpoint("http://test/webhooks"))

    async def send() -> int:
        async with site.open() as deliver:
            headers = {**site.endpoint.sign(b"other"), **dict.fromkeys(names, value)}
            return (await deliver(body, headers)).status_code

    assert asyncio.run(send()) == 400
