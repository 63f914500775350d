"""Events: every family of Clerk's catalogue is typed, and types to come are kept as they are."""

import json
import pickle
from typing import Any

import pytest

from clerk_fastapi.errors import WebhookBodyInvalid
from clerk_fastapi.protocol.events import (
    EVENT_MODELS,
    DomainDeletedEvent,
    DomainEvent,
    EmailEvent,
    InvitationEvent,
    MembershipEvent,
    OrganizationDeletedEvent,
    OrganizationEvent,
    PaymentAttemptEvent,
    PermissionEvent,
    RoleEvent,
    SessionEvent,
    SmsEvent,
    SubscriptionEvent,
    SubscriptionItemEvent,
    UnknownEvent,
    UserDeletedEvent,
    UserEvent,
    WaitlistEntryEvent,
    parse_event,
)
from tests.protocol.event_bodies import DATA, NOW, SESSION, USER, body

MODELS = {
    "user": UserEvent,
    "session": SessionEvent,
    "organization": OrganizationEvent,
    "organizationMembership": MembershipEvent,
    "organizationInvitation": InvitationEvent,
    "organizationDomain": DomainEvent,
    "role": RoleEvent,
    "permission": PermissionEvent,
    "email": EmailEvent,
    "sms": SmsEvent,
    "waitlistEntry": WaitlistEntryEvent,
    "paymentAttempt": PaymentAttemptEvent,
    "subscription": SubscriptionEvent,
    "subscriptionItem": SubscriptionItemEvent,
    "user.deleted": UserDeletedEvent,
    "organization.deleted": OrganizationDeletedEvent,
    "organizationDomain.deleted": DomainDeletedEvent,
}


def test_catalogue_is_complete() -> None:
    """The known types are those of Clerk's catalogue, no more and no less."""
    assert EVENT_MODELS.keys() == DATA.keys()


@pytest.mark.parametrize("type", DATA)
def test_event_is_read_by_its_family(type: str) -> None:
    """Each type has its family's model, and says what happened, when, and on whose request."""
    event = parse_event(body(type, DATA[type]))
    family = type.partition(".")[0]
    assert event.__class__ is MODELS.get(type, MODELS[family])
    assert (event.type, event.object, event.timestamp) == (type, "event", NOW)
    assert event.data.id == DATA[type]["id"]
    assert event.instance_id == "ins_1"
    assert event.event_attributes is not None
    assert event.event_attributes.http_request is not None
    assert event.event_attributes.http_request.client_ip == "192.0.2.7"


@pytest.mark.parametrize("type", DATA)
def test_nothing_that_was_said_is_lost(type: str) -> None:
    """Declared or not, a value reads as it was on the wire, but for what is never kept."""
    data = DATA[type]
    read = parse_event(body(type, data)).data.model_dump(mode="json")
    for name in data.keys() - {"private_metadata"}:
        assert said_in(read[name], data[name]), name


def said_in(read: object, said: object) -> bool:
    """Whether all that was said is in what was read; null is as good as nothing."""
    if isinstance(said, dict):
        never = {"private_metadata", "backup_codes"}
        assert isinstance(read, dict)
        return all(said_in(read[name], said[name]) for name in said.keys() - never)
    if isinstance(said, list):
        assert isinstance(read, list)
        return len(read) == len(said) and all(map(said_in, read, said))
    return read == said or (said is None and not read)


@pytest.mark.parametrize("type", DATA)
def test_the_id_is_enough(type: str) -> None:
    """Whatever else Clerk leaves out keeps no event from being read."""
    least = {"id": "id_1"}
    if type.startswith("session."):
        least["user_id"] = "user_1"
    if type.startswith("organizationMembership."):
        least |= {"organization": {"id": "org_1"}}  # type: ignore[dict-item]  # it has no name yet
    raw = json.dumps({"data": least, "object": "event", "type": type}).encode()
    event = parse_event(raw)
    assert event.data.id == "id_1"
    assert (event.timestamp, event.instance_id, event.event_attributes) == (None, None, None)


def test_session_event_says_whose_session_ended_and_where() -> None:
    """The user is the one that the Backend API describes, or nobody any more."""
    event = parse_event(body("session.ended", SESSION | {"status": "ended"}))
    assert isinstance(event, SessionEvent)
    assert (event.data.user_id, event.data.status) == ("user_ada", "ended")
    assert event.data.user is not None
    assert event.data.user.primary_email_address == "ada@example.com"
    assert event.data.latest_activity is not None
    assert event.data.latest_activity.browser_name == "Firefox"
    alone = parse_event(body("session.removed", SESSION | {"user": None}))
    assert alone.data.user is None


def test_pending_session_says_what_is_left_to_do() -> None:
    """Tasks are named by their keys."""
    tasks = [{"key": "choose-organization"}]
    event = parse_event(body("session.pending", SESSION | {"status": "pending", "tasks": tasks}))
    assert [task.key for task in event.data.tasks] == ["choose-organization"]


def test_unknown_type_is_kept_as_it_came() -> None:
    """A type that Clerk adds tomorrow reaches whoever wants all of them."""
    event = parse_event(body("passkey.created", {"anything": [1, None]}))
    assert isinstance(event, UnknownEvent)
    assert event.type == "passkey.created"
    assert event.data == {"anything": [1, None]}


def test_what_is_new_in_the_envelope_is_readable() -> None:
    """Clerk has added to it before."""
    event = parse_event(body("user.updated", USER, attempt=2))
    assert event.model_extra == {"attempt": 2}


def test_events_do_not_change() -> None:
    """Several handlers see the same event."""
    event = parse_event(body("user.updated", USER))
    with pytest.raises(ValueError, match="frozen"):
        event.type = "user.created"  # type: ignore[misc]  # it is frozen
    with pytest.raises(ValueError, match="frozen"):
        event.data.banned = True


@pytest.mark.parametrize("type", [*DATA, "passkey.created"])
def test_values_are_not_printed(type: str) -> None:
    """What an event says shows in no log line and no traceback; what it is does."""
    event = parse_event(body(type, DATA.get(type, {"id": "id_1", "otp": "424242"})))
    for text in (repr(event), str(event), f"{event}", repr(event.data) if type in DATA else ""):
        assert not any(word in text for word in ("_1", "ada", "acme", "4242", "hidden"))
    assert type in repr(event)
    assert list(event.__rich_repr__()) == []


@pytest.mark.parametrize("type", DATA)
def test_private_metadata_does_not_leave_with_an_event(type: str) -> None:
    """However deep it lies, it is in no dump, no JSON, and in no copy's."""
    event = parse_event(body(type, DATA[type]))
    for copy in (event, event.model_copy(deep=True), pickle.loads(pickle.dumps(event))):
        assert "hidden" not in copy.model_dump_json()
        assert "hidden" not in str(copy.model_dump())
        assert "hidden" not in str(dict(copy.data))


@pytest.mark.parametrize("type", ["email.created", "sms.created", "session.created", "new.created"])
def test_private_metadata_that_nobody_declared_is_not_kept(type: str) -> None:
    """Neither in JSON that an event brings along, nor beside it, nor in one of a new type."""
    inside = {"user": {"id": "user_1", "private_metadata": {"card": "buried"}}}
    data = DATA.get(type, {}) | {"id": "id_1", "data": inside, "actor": inside, "new": [inside]}
    said = {"object": "event", "type": type, "data": data, "beside": inside}
    event = parse_event(json.dumps(said).encode())
    assert b"buried" not in pickle.dumps(event)
    assert "buried" not in event.model_dump_json()
    assert '"user":{"id":"user_1"}' in event.model_dump_json()


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("user.updated", {"id": 1}, "data.id"),
    ("user.updated", {"id": ""}, "data.id"),
    ("user.updated", {"id": None}, "data.id"),
    ("user.updated", {"banned": "true"}, "data.banned"),
    ("user.updated", {"banned": 1}, "data.banned"),
    ("user.updated", {"locked": "no"}, "data.locked"),
    ("user.updated", {"updated_at": "1800000000000"}, "data.updated_at"),
    ("user.updated", {"updated_at": True}, "data.updated_at"),
    ("user.updated", {"updated_at": -1}, "data.updated_at"),
    ("user.updated", {"updated_at": 2**53}, "data.updated_at"),
    ("user.updated", {"updated_at": 1.8e12}, "data.updated_at"),
    ("user.updated", {"email_addresses": "ada@example.com"}, "data.email_addresses"),
    ("user.updated", {"private_metadata": [1]}, "data"),
    ("user.deleted", {"id": ["user_ada"]}, "data.id"),
    ("user.deleted", {"deleted": "yes"}, "data.deleted"),
    ("session.revoked", {"status": 3}, "data.status"),
    ("session.revoked", {"status": ""}, "data.status"),
    ("session.revoked", {"user_id": None}, "data.user_id"),
    ("session.revoked", {"user_id": 7}, "data.user_id"),
    ("session.revoked", {"user": USER | {"banned": 0}}, "data.user.banned"),
    ("organizationMembership.deleted", {"organization": None}, "data.organization"),
    ("organizationMembership.updated", {"role": ["org:admin"]}, "data.role"),
    ("organizationMembership.updated", {"permissions": "org:x:y"}, "data.permissions"),
    ("organizationInvitation.accepted", {"user_id": 0}, "data.user_id"),
    ("subscription.active", {"status": True}, "data.status"),
]


@pytest.mark.parametrize(("type", "changed", "place"), WRONG)
def test_nothing_that_decides_about_access_is_guessed(
    type: str, changed: dict[str, Any], place: str
) -> None:
    """A wrong type is refused and its place named; what was said there is not repeated."""
    with pytest.raises(WebhookBodyInvalid) as caught:
        parse_event(body(type, DATA[type] | changed))
    assert caught.value.message.endswith(f"wrong type: {place}.")
    assert caught.value.__context__ is None


@pytest.mark.parametrize("type", DATA)
def test_data_without_an_id_is_refused(type: str) -> None:
    """An event that does not say what it happened to is none."""
    with pytest.raises(WebhookBodyInvalid, match=r"data\.id"):
        parse_event(body(type, {name: DATA[type][name] for name in DATA[type] if name != "id"}))


@pytest.mark.parametrize(
    ("type", "name"),
    [("session.ended", "user_id"), ("organizationMembership.deleted", "organization")],
)
def test_data_that_does_not_say_whose_it_is_is_refused(type: str, name: str) -> None:
    """A session is somebody's, and a membership is in an organization."""
    with pytest.raises(WebhookBodyInvalid, match=rf"data\.{name}"):
        parse_event(body(type, {key: DATA[type][key] for key in DATA[type] if key != name}))
