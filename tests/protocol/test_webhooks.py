"""Signed deliveries: what is believed, and what every way to get it wrong is called."""

import base64
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
import svix
from hypothesis import example, given
from hypothesis import strategies as st

from clerk_fastapi import ConfigurationError
from clerk_fastapi.errors import (
    WebhookHeadersMissing,
    WebhookRefused,
    WebhookSignatureInvalid,
    WebhookTimestampInvalid,
)
from clerk_fastapi.protocol.webhooks import Delivery, SigningSecret, open_delivery

Headers = list[tuple[bytes, bytes]]

SECRET = f"whsec_{base64.b64encode(b'0123456789abcdef01234567').decode()}"
OTHER = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
BODY = b'{"data":{"id":"user_1"},"object":"event","type":"user.created"}'
SIGNATURE = "v1,gnPCi6cmziFwaOioeW2UOiM18olyttf8yimh4OhDplE="
SIGNED_AT = 1_700_000_000


def headers(
    id: str = "msg_1", timestamp: object = SIGNED_AT, signature: str = SIGNATURE
) -> Headers:
    """What comes with a delivery, as ASGI servers tell it."""
    said = {"svix-id": id, "svix-timestamp": str(timestamp), "svix-signature": signature}
    return [(name.encode(), value.encode("latin-1")) for name, value in said.items()]


def opened(sent: Headers, body: bytes = BODY, *secrets: str, now: float = SIGNED_AT) -> Delivery:
    """What becomes of a delivery."""
    return open_delivery(
        [SigningSecret.parse(each) for each in secrets or (SECRET,)], "/webhooks", sent, body, now
    )


def signed(body: bytes, secret: str = SECRET, id: str = "msg_1", at: int = SIGNED_AT) -> str:
    """The signature that Clerk would have sent, made by somebody else's library."""
    return svix.Webhook(secret).sign(id, datetime.fromtimestamp(at, UTC), body.decode())


def test_known_delivery_is_believed() -> None:
    """Its signature was made by another implementation, long ago."""
    delivery = opened(headers())
    assert (delivery.id, delivery.timestamp, delivery.body) == ("msg_1", SIGNED_AT, BODY)


@pytest.mark.parametrize("signer", [svix.Webhook, standardwebhooks.Webhook])
def test_signatures_of_others_are_believed(signer: Callable[[str], Any]) -> None:
    """Whoever signs by the standard is understood, whatever letters the body has."""
    body = json.dumps({"data": {"name": "Zoë 🎈"}}, ensure_ascii=False).encode()
    made = signer(OTHER).sign("msg_2", datetime.fromtimestamp(SIGNED_AT, UTC), body.decode())
    assert opened(headers("msg_2", signature=made), body, OTHER).body == body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        BODY[:-1],
        BODY + b"\n",
        b"\xef\xbb\xbf" + BODY,
        json.dumps(json.loads(BODY)).encode(),
        BODY.replace(b"user_1", b"user_2"),
        b"\xff" + BODY,
        BODY.decode().encode("utf-16"),
    ],
)
def test_other_bytes_than_those_signed_are_refused(body: bytes) -> None:
    """Cut off, added to, changed, written anew or no text at all."""
    with pytest.raises(WebhookSignatureInvalid) as caught:
        opened(headers(), body)
    assert caught.value.__context__ is None  # which could hold the body


def test_bytes_that_are_no_text_stand_for_no_other() -> None:
    """Not for the text that a forgiving decoder makes of them."""
    for decoded in (b"\xef\xbf\xbd", b"", b"\xc3\xbf"):
        with pytest.raises(WebhookSignatureInvalid):
            opened(headers(signature=signed(decoded)), b"\xff")


ENCODED = SIGNATURE.removeprefix("v1,")


@pytest.mark.parametrize(
    "signature",
    [
        "",
        " ",
        ",",
        "v1",
        "v1,",
        "v1,,",
        ENCODED,
        f"v1{ENCODED}",
        f"v1 {ENCODED}",
        f"v2,{ENCODED}",
        f"v1a,{ENCODED}",
        f"V1,{ENCODED}",
        f"v1,{ENCODED[:-4]}",
        f"v1,{ENCODED[:-1]}",
        f"v1,{ENCODED}{ENCODED}",
        f"v1,{ENCODED},x",
        f"v1,\xe9{ENCODED}",
        f"v1,{ENCODED[:5]}\t{ENCODED[5:]}",
        "v1,gnPCi6cmziFwaOioeW2UOiM18olyttf8yimh4OhDplA=",
        f"v1,{base64.b64encode(bytes(32)).decode()}",
        f"v1,{base64.b64decode(ENCODED).hex()}",
        " ".join(["v2,eA=="] * 16 + [SIGNATURE]),
    ],
)
def test_no_other_signature_fits(signature: str) -> None:
    """Empty, cut off, of another version, written in another way, or one of too many."""
    with pytest.raises(WebhookSignatureInvalid):
        opened(headers(signature=signature))


def test_each_signed_part_counts() -> None:
    """A signature is for one id, one time and one secret."""
    for sent in (headers(id="msg_2"), headers(timestamp=SIGNED_AT + 1)):
        with pytest.raises(WebhookSignatureInvalid):
            opened(sent)
    with pytest.raises(WebhookSignatureInvalid):
        opened(headers(), BODY, OTHER)


def test_one_fitting_signature_is_enough() -> None:
    """While a secret is replaced Clerk signs with both; what we do not understand is left."""
    among = f"v1a,{ENCODED} junk v1, v1,%%% {signed(BODY, OTHER)} {SIGNATURE} v1,eA=="
    assert opened(headers(signature=among)).id == "msg_1"


def test_old_and_new_secret_are_accepted_while_one_replaces_the_other() -> None:
    """Deliveries signed with either get in, and with a third one not."""
    third = f"whsec_{base64.b64encode(bytes(24)).decode()}"
    for secret in (SECRET, OTHER):
        sent = headers(signature=signed(BODY, secret))
        assert opened(sent, BODY, OTHER, SECRET).id == "msg_1"
    with pytest.raises(WebhookSignatureInvalid):
        opened(headers(signature=signed(BODY, third)), BODY, OTHER, SECRET)


def test_message_is_the_same_whoever_signed_it() -> None:
    """A new secret makes no new message of one that is delivered again."""
    again = opened(headers(signature=signed(BODY, OTHER)), BODY, SECRET, OTHER)
    assert again.key == opened(headers()).key
    assert again.key != opened(headers(id="msg_2", signature=signed(BODY, id="msg_2"))).key


def test_messages_are_told_apart_by_where_they_came_to() -> None:
    """Each endpoint gets a copy under the same id, and no path and id look like another pair."""
    one = opened(headers())
    assert one.endpoint == "/webhooks"
    keys = {
        replace(one, endpoint=endpoint, id=id).key
        for endpoint, id in [("/a", "x"), ("/b", "x"), ("/a:x", "x"), ("/a", "x:x"), ("/a:", "x")]
    }
    assert len(keys) == 5


@pytest.mark.parametrize("at", [SIGNED_AT - 300, SIGNED_AT + 300, SIGNED_AT + 299.9])
def test_five_minutes_are_tolerated(at: float) -> None:
    """Either way, up to and including the last second."""
    assert opened(headers(), now=at)


@pytest.mark.parametrize("at", [SIGNED_AT - 300.1, SIGNED_AT + 300.1, 0, SIGNED_AT + 86_400])
def test_deliveries_from_long_ago_or_ahead_are_refused(at: float) -> None:
    """Whoever has recorded a delivery cannot send it again later."""
    with pytest.raises(WebhookTimestampInvalid):
        opened(headers(), now=at)


@pytest.mark.parametrize(
    "timestamp",
    [
        *("", "now", "-1", "1700000000.0", "1700000000.5", "+1700000000", " 1700000000"),
        *("01700000000", "1_700_000_000", "0x6553f100", "1.7e9", "inf", "nan", "\u0661"),
        *("1700000000 ", "17000000001700000000", "9" * 5_000),
    ],
)
def test_times_are_whole_seconds(timestamp: str) -> None:
    """What other parsers take for the same number is another text, which nobody has signed."""
    sent = [
        (name, timestamp.encode() if name == b"svix-timestamp" else value)
        for name, value in headers()
    ]
    with pytest.raises(WebhookTimestampInvalid):
        opened(sent)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_every_header_has_to_be_there(missing: int) -> None:
    """Also under the names that others use for the same standard."""
    sent = headers()
    name, value = sent.pop(missing)
    with pytest.raises(WebhookHeadersMissing):
        opened(sent)
    with pytest.raises(WebhookHeadersMissing):
        opened([*sent, (name.replace(b"svix-", b"webhook-"), value)])


@pytest.mark.parametrize("twice", [0, 1, 2])
@pytest.mark.parametrize("value", [None, b"other"])
def test_no_header_may_be_there_twice(twice: int, value: bytes | None) -> None:
    """Whatever stands before us may have looked at the other one."""
    name, same = headers()[twice]
    with pytest.raises(WebhookHeadersMissing):
        opened([*headers(), (name, same if value is None else value)])


def test_headers_of_the_other_family_do_not_count() -> None:
    """Not instead of Clerk's, and not against them."""
    others = [(name.replace(b"svix-", b"webhook-"), b"other") for name, _ in headers()]
    assert opened([*others, *headers()]).id == "msg_1"
    with pytest.raises(WebhookHeadersMissing):
        opened([(name.replace(b"svix-", b"webhook-"), value) for name, value in headers()])


@pytest.mark.parametrize("id", ["", "a b", "msg_1, msg_1", "msg\xe9", "msg\n1", "x" * 257])
def test_ids_are_plain_and_short(id: str) -> None:
    """They are remembered and logged."""
    body = BODY.decode()
    made = svix.Webhook(SECRET).sign(id, datetime.fromtimestamp(SIGNED_AT, UTC), body)
    with pytest.raises(WebhookHeadersMissing):
        opened(headers(id=id, signature=made))


def test_longest_id_is_accepted() -> None:
    """256 characters."""
    id = "x" * 256
    assert opened(headers(id=id, signature=signed(BODY, id=id))).id == id


def bare(secret: str) -> str:
    """A secret without the padding at its end."""
    return secret.rstrip("=")


@pytest.mark.parametrize("secret", [SECRET, OTHER, bare(OTHER), f"  {SECRET}\n"])
def test_secret_is_read_as_the_dashboard_shows_it(secret: str) -> None:
    """With or without padding, and with what copying added around it."""
    assert opened(headers(signature=signed(BODY, secret.strip())), BODY, secret)


@pytest.mark.parametrize(
    "secret",
    [
        *("", "whsec_", "whsec_whsec_", "whsec", SECRET.removeprefix("whsec_"), SECRET[:-4]),
        *(SECRET.upper(), f"x{SECRET}", f"{SECRET}!", SECRET[:20] + " " + SECRET[20:]),
        *(SECRET.replace("whsec", "sk_test"), f"{OTHER}====", None, 5, SECRET.encode()),
        SECRET[:-1],
    ],
)
def test_wrong_secret_is_found_at_start_up(secret: Any) -> None:
    """The sentence names the variable and not its value."""
    with pytest.raises(ConfigurationError, match="CLERK_WEBHOOK_SIGNING_SECRET") as caught:
        SigningSecret.parse(secret)
    assert "MDEy" not in str(caught.value)
    assert caught.value.__context__ is None


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants webhooks is told what to install."""
    monkeypatch.setitem(sys.modules, "standardwebhooks.webhooks", None)
    with pytest.raises(ConfigurationError, match=r'pip install "clerk-fastapi\[webhooks\]"'):
        SigningSecret.parse(SECRET)


def test_nothing_secret_is_printed() -> None:
    """Neither the secret nor what was delivered."""
    assert repr(SigningSecret.parse(SECRET)) == "<SigningSecret>"
    assert not hasattr(SigningSecret.parse(SECRET), "__dict__")
    assert "user_1" not in repr(opened(headers()))


NAMES = st.sampled_from(
    [b"svix-id", b"svix-timestamp", b"svix-signature", b"webhook-id", b"content-type"]
)
VALUES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"msg_1", b"1700000000", SIGNATURE.encode()]),
    st.lists(st.sampled_from([b"v1", b",", b" ", b"v1,eA==", SIGNATURE.encode()])).map(b"".join),
)


@given(sent=st.lists(st.tuples(NAMES, VALUES), max_size=6), body=st.binary(max_size=80))
@example(sent=[(b"svix-id", b"\xff"), *headers()[1:]], body=BODY)
def test_nothing_but_refusals_comes_of_noise(sent: Headers, body: bytes) -> None:
    """Whatever strangers send is refused, and never an error of ours."""
    with suppress(WebhookRefused):
        opened(sent, body)
        assert {*headers()} == {each for each in sent if each[0].startswith(b"svix-")}
        assert body == BODY


@given(body=st.text(st.characters(exclude_categories=["Cs"])), at=st.integers(0, 10**11))
def test_what_is_signed_is_believed(body: str, at: int) -> None:
    """At any time, whatever it says."""
    made = signed(body.encode(), at=at)
    assert opened(headers(timestamp=at, signature=made), body.encode(), now=at).timestamp == at
