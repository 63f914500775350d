"""Webhooks of a local Clerk: signed as others check it, in order, again until they are taken."""

import asyncio
import base64
import json
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime

import httpx
import pytest
import standardwebhooks
import svix
from starlette.types import Receive, Scope, Send

from clerk_fastapi import ConfigurationError
from clerk_fastapi.protocol.events import UnknownEvent, parse_event
from clerk_fastapi.testing import LocalClerk, Organization, Session, User
from clerk_fastapi.testing.webhooks import WebhookEndpoint
from tests.testing.conftest import Clock
from tests.testing.receiver import Received, Receiver

URL = "http://app.example.com/webhooks"
TYPES = ["user.created", "session.created", "session.revoked"]


@pytest.fixture
def receiver() -> Receiver:
    """Somebody who takes everything, until told otherwise."""
    return Receiver()


@pytest.fixture
def endpoint(local: LocalClerk, receiver: Receiver) -> WebhookEndpoint:
    """An endpoint that wants to hear of everything."""
    return local.add_webhook_endpoint(URL, transport=httpx.ASGITransport(receiver))


def happen(local: LocalClerk, name: str = "bob") -> Session:
    """Let three things happen."""
    session = local.sign_in(local.add_user(f"{name}@example.com"))
    local.end_session(session, "revoked")
    return session


@pytest.mark.anyio
async def test_what_happens_is_delivered_in_order(
    local: LocalClerk, endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    """Nothing is sent before it is asked for, and everything once."""
    session = happen(local)
    assert receiver.deliveries == []
    assert [message.type for message in endpoint.pending] == TYPES
    await local.deliver_webhooks()
    await local.deliver_webhooks()
    assert [delivery.event["type"] for delivery in receiver.deliveries] == TYPES
    assert receiver.deliveries[-1].event["data"]["id"] == session.id
    assert endpoint.pending == ()
    ids = [message.id for message in endpoint.messages]
    assert [(attempt.id, attempt.status) for attempt in endpoint.attempts] == [
        (id, 200) for id in ids
    ]
    assert [delivery.headers["svix-id"] for delivery in receiver.deliveries] == ids
    assert len(set(ids)) == 3
    assert {delivery.headers["content-type"] for delivery in receiver.deliveries} == {
        "application/json"
    }
    assert {delivery.target for delivery in receiver.deliveries} == {("POST", "/webhooks")}


@pytest.mark.anyio
async def test_body_says_what_was_true_when_it_happened(
    local: LocalClerk, endpoint: WebhookEndpoint, receiver: Receiver, clock: Clock
) -> None:
    """An envelope as Clerk's, and what changes later changes nothing in it."""
    bob = local.add_user("bob@example.com", first_name="Bób \ud800")
    clock.now += 5
    local.update_user(bob, first_name="Robert")
    await local.deliver_webhooks()
    first, second = (delivery.event for delivery in receiver.deliveries)
    assert first.keys() == {
        *("data", "object", "type", "timestamp", "instance_id", "event_attributes")
    }
    assert first["data"]["first_name"] == "Bób ?"
    assert second["data"]["first_name"] == "Robert"
    assert (first["timestamp"], second["timestamp"]) == (1_800_000_000_000, 1_800_000_005_000)
    assert first["instance_id"] == second["instance_id"]


@pytest.mark.parametrize("status", [301, 400, 404, 500, None])
@pytest.mark.anyio
async def test_what_is_not_taken_is_sent_again(
    local: LocalClerk,
    endpoint: WebhookEndpoint,
    receiver: Receiver,
    clock: Clock,
    status: int | None,
) -> None:
    """At the next call, under the same id, signed anew; what was taken is not."""
    receiver.answers = [status, 204, status]
    happen(local)
    await local.deliver_webhooks()
    assert [attempt.status for attempt in endpoint.attempts] == [status, 204, status]
    assert [message.type for message in endpoint.pending] == ["user.created", "session.revoked"]
    clock.now += 60
    local.add_user("carl@example.com")
    await local.deliver_webhooks()
    again = receiver.deliveries[-3:]
    assert [delivery.event["type"] for delivery in again] == [
        *("user.created", "session.revoked", "user.created")
    ]
    assert again[0].headers["svix-id"] == receiver.deliveries[0].headers["svix-id"]
    assert again[0].body == receiver.deliveries[0].body
    assert {delivery.headers["svix-timestamp"] for delivery in again} == {"1800000060"}
    for delivery in receiver.deliveries:
        assert delivery.headers["svix-signature"] == expected(endpoint, delivery)
    assert endpoint.pending == ()


def expected(endpoint: WebhookEndpoint, delivery: Received) -> str:
    """The signature that one of Clerk's own signers makes."""
    moment = datetime.fromtimestamp(int(delivery.headers["svix-timestamp"]), UTC)
    signer = svix.Webhook(endpoint.secret)
    return signer.sign(delivery.headers["svix-id"], moment, delivery.body.decode())


@pytest.mark.parametrize("body", ["{}", b'{"a": 1}', '"a.b.c"', '" é" ', "[\n]\n"])
def test_signatures_are_believed_by_svix_and_standardwebhooks(
    endpoint: WebhookEndpoint, body: str | bytes
) -> None:
    """Both of them look at the time themselves."""
    headers = endpoint.sign(body, timestamp=time.time())
    svix.Webhook(endpoint.secret).verify(body, headers)
    renamed = {name.replace("svix", "webhook"): value for name, value in headers.items()}
    standardwebhooks.Webhook(endpoint.secret).verify(body, renamed)
    renamed["webhook-signature"] = endpoint.sign("other")["svix-signature"]
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(endpoint.secret).verify(body, renamed)


def test_signature_is_that_of_the_published_vector(local: LocalClerk) -> None:
    """Secret, id, time and body give the signature that Clerk's own SDK accepts."""
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
    endpoint = local.add_webhook_endpoint(URL, secret=secret)
    body = '{"data":{"id":"user_1"},"object":"event","type":"user.created"}'
    assert endpoint.sign(body, id="msg_1", timestamp=1_700_000_000) == {
        "svix-id": "msg_1",
        "svix-timestamp": "1700000000",
        "svix-signature": "v1,gnPCi6cmziFwaOioeW2UOiM18olyttf8yimh4OhDplE=",
    }


def test_signature_is_of_now_and_under_a_new_id(endpoint: WebhookEndpoint, clock: Clock) -> None:
    """Unless it is asked for otherwise; fractions of seconds are no part of it."""
    clock.now += 0.9
    one, other = endpoint.sign("{}"), endpoint.sign("{}")
    assert one["svix-timestamp"] == "1800000000"
    assert one["svix-id"] != other["svix-id"]
    assert endpoint.sign("{}", id="")["svix-id"] == ""


def test_every_endpoint_has_a_secret_of_its_own(local: LocalClerk) -> None:
    """Of 24 random bytes, which are not shown."""
    one, other = local.add_webhook_endpoint(URL), local.add_webhook_endpoint(URL)
    assert one.secret != other.secret
    assert one.secret.startswith("whsec_")
    assert len(base64.b64decode(one.secret.removeprefix("whsec_"))) == 24
    assert repr(one) == f"<WebhookEndpoint {URL}>"


@pytest.mark.parametrize(
    ("events", "heard"),
    [
        ("*", TYPES),
        ("session.revoked", ["session.revoked"]),
        (["session.revoked", "user.created"], ["user.created", "session.revoked"]),
        ({"role.created"}, []),
    ],
)
@pytest.mark.anyio
async def test_endpoint_hears_of_what_it_wants(
    local: LocalClerk, receiver: Receiver, events: str | Iterable[str], heard: list[str]
) -> None:
    """All types, one, or some; and nothing of what happened before it was added."""
    happen(local, "ada")
    endpoint = local.add_webhook_endpoint(
        URL, events=events, transport=httpx.ASGITransport(receiver)
    )
    happen(local)
    await local.deliver_webhooks()
    assert [delivery.event["type"] for delivery in receiver.deliveries] == heard
    assert [message.type for message in endpoint.messages] == heard


@pytest.mark.anyio
async def test_endpoints_get_the_same_message_under_the_same_id(
    local: LocalClerk, endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    """Each signed for itself, and what one does not take is no other's business."""
    away = Receiver(answers=[None, 500, 500])
    other = local.add_webhook_endpoint(URL, transport=httpx.ASGITransport(away))
    happen(local)
    await local.deliver_webhooks()
    assert list(endpoint.messages) == list(other.messages) == list(other.pending)
    assert endpoint.pending == ()
    assert [d.body for d in receiver.deliveries] == [d.body for d in away.deliveries]
    assert receiver.deliveries[0].headers["svix-id"] == away.deliveries[0].headers["svix-id"]
    signatures = {d.headers["svix-signature"] for d in (*receiver.deliveries, *away.deliveries)}
    assert len(signatures) == 6


@pytest.mark.anyio
async def test_message_is_sent_many_times_at_once(
    local: LocalClerk, endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    """All of them are under way before the first one is answered."""
    receiver.gather = 50
    local.add_user("bob@example.com")
    attempts = await endpoint.resend(endpoint.messages[0], times=50)
    assert [attempt.taken for attempt in attempts] == [True] * 50
    assert {d.headers["svix-id"] for d in receiver.deliveries} == {endpoint.messages[0].id}
    assert len(receiver.deliveries) == 50


@pytest.mark.anyio
async def test_resending_is_no_delivery(
    local: LocalClerk, endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    """What has been taken can be sent once more, and what is pending stays so."""
    local.add_user("bob@example.com")
    await local.deliver_webhooks()
    local.add_user("carl@example.com")
    (attempt,) = await endpoint.resend(endpoint.messages[0])
    assert (attempt.id, attempt.status) == (endpoint.messages[0].id, 200)
    assert endpoint.pending == (endpoint.messages[1],)


@pytest.mark.anyio
async def test_delivery_that_is_given_up_is_made_again(
    local: LocalClerk, endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    """What was on its way may have arrived or not, so it counts as not taken."""
    receiver.answers, receiver.gather = [500], 99
    happen(local)
    task = asyncio.create_task(local.deliver_webhooks())
    await receiver.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [message.type for message in endpoint.pending] == TYPES


@pytest.mark.anyio
async def test_what_happens_meanwhile_is_left_to_the_next_call(
    local: LocalClerk,
) -> None:
    """A handler that makes things happen keeps no delivery from ending; refusals go first."""

    async def busy(scope: Scope, receive: Receive, send: Send) -> None:
        local.add_user(f"{len(local.users)}@example.com")
        await refusing(scope, receive, send)

    refusing = Receiver(answers=[500])
    busy_endpoint = local.add_webhook_endpoint(URL, transport=httpx.ASGITransport(busy))
    local.add_user("bob@example.com")
    await busy_endpoint.deliver()
    assert [attempt.status for attempt in busy_endpoint.attempts] == [500]
    assert list(busy_endpoint.pending) == list(busy_endpoint.messages)
    assert len(busy_endpoint.pending) == 2


@pytest.mark.parametrize(
    "url",
    ["", "/webhooks", "app.example.com", "ftp://app.example.com", "http:///webhooks", "http://a:b"],
)
def test_urls_that_lead_nowhere_are_refused(local: LocalClerk, url: str) -> None:
    """Before anything happens."""
    with pytest.raises(ConfigurationError, match="no URL"):
        local.add_webhook_endpoint(url)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_a", "whsec_é", "é"])
def test_secrets_that_are_none_are_refused(local: LocalClerk, secret: str) -> None:
    """And not repeated."""
    with pytest.raises(ConfigurationError, match="signing secret") as caught:
        local.add_webhook_endpoint(URL, secret=secret)
    assert caught.value.__context__ is None


def test_missing_extra_is_named(local: LocalClerk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to type, and everything else works without it."""
    monkeypatch.setitem(sys.modules, "standardwebhooks", None)
    with pytest.raises(ConfigurationError, match=r'pip install "clerk-fastapi\[webhooks\]"'):
        local.add_webhook_endpoint(URL)
    happen(local)


def test_our_own_events_are_of_known_families(
    local: LocalClerk, ada: User, acme: Organization
) -> None:
    """What the stand-in says of its records is read by the same models as what Clerk says."""
    session = local.sign_in(ada, organization=acme)
    local.end_session(session, "removed")
    local.end_session(local.sign_in(ada, status="pending"), "ended")
    local.ban(ada)
    local.delete_user(ada)
    local.delete_organization(acme)
    events = [parse_event(message.body) for message in local.events.messages]
    assert not any(isinstance(event, UnknownEvent) for event in events)
    families = {event.type.partition(".")[0] for event in events}
    assert families >= {"user", "session", "organization", "organizationMembership"}
    for event, message in zip(events, local.events.messages, strict=True):
        assert event.data.id == json.loads(message.body)["data"]["id"]
