"""Bodies of webhooks: what is no event is refused, and what is odd keeps none from being read."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi.errors import WebhookBodyInvalid
from clerk_fastapi.protocol.events import Event, parse_event
from clerk_fastapi.protocol.events.reading import DEEPEST
from tests.protocol.event_bodies import USER, body

HERE = "what json.dumps would not write"

NO_EVENTS = {
    "empty": b"",
    "blank": b" \n",
    "no-json": b"type=user.created",
    "no-utf-8": body("user.updated", {"id": "user_?"}).replace(b"?", b"\xff"),
    "utf-16": body("user.updated", {"id": "user_1"}).decode().encode("utf-16"),
    "byte-order-mark": b"\xef\xbb\xbf" + body("user.updated", {"id": "user_1"}),
    "null": b"null",
    "list": b"[]",
    "text": b'"user.created"',
    "cut-off": body("user.updated", USER)[:-1],
    "more-after-it": body("user.updated", USER) + b"{}",
    "nan": body("user.updated", USER | {"unsafe_metadata": {"n": float("nan")}}),
    "infinity": body("passkey.created", {"n": -float("inf")}),
    "same-name-twice": body("user.updated", {"id": "user_1"})[:-1] + b',"type":"user.deleted"}',
    "same-name-twice-inside": body("user.updated", 0).replace(
        b": 0", b': {"id": "user_1", "id": "user_2"}', 1
    ),
    "no-type": body("user.updated", USER, type=None),
    "type-of-the-wrong-type": body("user.updated", USER, type=["user.updated"]),
    "empty-type": body("", {}),
    "no-data": b'{"object":"event","type":"user.updated"}',
    "no-data-of-a-new-type": b'{"object":"event","type":"passkey.created"}',
    "data-is-a-list": body("user.updated", [USER]),
    "data-of-a-new-type-is-a-list": body("passkey.created", []),
    "data-is-null": body("user.deleted", None),
    "no-object": b'{"type":"user.updated","data":{"id":"user_1"}}',
    "another-object": body("user.updated", USER, object="user"),
    "timestamp-is-text": body("user.updated", USER, timestamp="1800000000000"),
    "instance-is-a-number": body("user.updated", USER, instance_id=1),
    "same-data-twice": body("user.updated", USER)[:-1] + b',"data":{"id":"user_2"}}',
    "lone-surrogate": body("user.updated", {"id": "user_\ud800"}),
    "nothing-but-depth": b"[" * 100_000,
}


@pytest.mark.parametrize("raw", NO_EVENTS.values(), ids=NO_EVENTS)
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    """It is the same error every time, and it holds nothing of the body."""
    with pytest.raises(WebhookBodyInvalid) as caught:
        parse_event(raw)
    assert caught.value.__context__ is None
    assert "user_" not in str(caught.value)


@pytest.mark.parametrize("depth", [DEEPEST, 500, 50_000])
def test_depth_of_metadata_keeps_no_event_from_being_read(depth: int) -> None:
    """A user who nests metadata without end is banned all the same."""
    nested = "[" * depth + r'"]\\\"]"' + "]" * depth
    said = json.dumps(USER | {"unsafe_metadata": {"deep": HERE, "after": "}{"}, "banned": True})
    raw = body("user.updated", 0).replace(
        b": 0", b": " + said.replace(f'"{HERE}"', nested).encode(), 1
    )
    event = parse_event(raw)
    assert event.data.banned is True
    assert event.data.unsafe_metadata["after"] == "}{"
    assert event.data.updated_at == USER["updated_at"]


def test_what_lies_too_deep_is_null() -> None:
    """The last level that is read holds null in its place, and its neighbours stay."""

    def nested(levels: int) -> Any:
        return 1 if levels == 0 else [nested(levels - 1), levels]

    def levels_in(read: Any) -> tuple[int, object]:
        levels = 0
        while isinstance(read, list):
            levels, read = levels + 1, read[0]
        return levels, read

    own = DEEPEST - 2  # the envelope and the data are levels, too
    assert levels_in(parse_event(body("new.type", {"a": nested(own)})).data["a"]) == (own, 1)
    for more in (1, 2, 30):
        read = parse_event(body("new.type", {"a": nested(own + more), "b": 2})).data
        assert levels_in(read["a"]) == (own, None)
        assert read["a"][1] == own + more
        assert read["b"] == 2


def test_depth_is_counted_wherever_the_caller_stands() -> None:
    """Whether an event can be read does not hang on how deep the stack is already."""

    def from_below(frames: int) -> Event[Any]:
        return from_below(frames - 1) if frames else parse_event(raw)

    raw = body("new.type", {}).replace(b"{}", b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", 1)
    frame: Any = sys._getframe()
    depth = 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    free = sys.getrecursionlimit() - depth
    assert from_below(free - 150) == parse_event(raw)


@pytest.mark.parametrize("number", ["9" * 5_000, "-" + "9" * 5_000, "1e999", "1" * 4_300])
def test_size_of_numbers_keeps_no_event_from_being_read(number: str) -> None:
    """Metadata may hold what overflows."""
    said = json.dumps(USER | {"unsafe_metadata": {"n": HERE}, "banned": True})
    raw = body("user.updated", 0).replace(
        b": 0", b": " + said.replace(f'"{HERE}"', number).encode(), 1
    )
    assert parse_event(raw).data.banned is True


@pytest.mark.parametrize(
    "metadata",
    ['{"a":1,"a":2}', '{"a":{"b":1,"b":2},"a":[{"c":1,"c":2}]}', r'{"\ud800":1,"\udc00":2}'],
)
@pytest.mark.parametrize("kind", ["unsafe_metadata", "public_metadata", "private_metadata"])
def test_names_in_metadata_keep_no_event_from_being_read(kind: str, metadata: str) -> None:
    """One that is there twice, where the last counts, or that is no text."""
    said = json.dumps(USER | {kind: HERE, "banned": True})
    raw = body("user.updated", 0).replace(
        b": 0", b": " + said.replace(f'"{HERE}"', metadata).encode(), 1
    )
    event = parse_event(raw)
    assert event.data.banned is True
    last = {"?": 2} if "ud800" in metadata else json.loads(metadata)
    assert getattr(event.data, kind) == last
    assert json.loads(event.model_dump_json())["data"]["banned"] is True


def test_huge_body_is_read() -> None:
    """A megabyte of metadata is no reason to refuse."""
    metadata = {str(number): "é" * 100 for number in range(5_000)}
    event = parse_event(body("user.updated", USER | {"public_metadata": metadata}))
    assert event.data.public_metadata == metadata


FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text() | st.text('[]{}"\\'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_any_data_of_a_new_type_reads_as_it_was_said(said: object) -> None:
    """However many brackets there are, those in texts are text, and the others count by depth."""
    raw = body("new.type", {"a": said, "more": [[]] * DEEPEST})
    assert parse_event(raw).data == json.loads(raw)["data"]


@given(st.binary() | st.text().map(str.encode))
def test_no_body_breaks_the_reader(raw: bytes) -> None:
    """Whatever comes is refused in one way, quickly."""
    with pytest.raises(WebhookBodyInvalid):
        parse_event(raw)


@pytest.mark.parametrize("junk", [b'"' * 200_001, b'\\"' * 200_000, b'"\\' * 200_000])
def test_broken_texts_are_refused_at_once(junk: bytes) -> None:
    """Quotes that never end do not make the reader go over the body again and again."""
    with pytest.raises(WebhookBodyInvalid):
        parse_event(b"[" * (DEEPEST + 1) + junk)
