"""Deliveries of webhooks: a signature over the very bytes that came, and when to believe it."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from clerk_fastapi.errors import (
    ConfigurationError,
    WebhookHeadersMissing,
    WebhookSignatureInvalid,
    WebhookTimestampInvalid,
)

__all__ = ["TOLERANCE", "Delivery", "SigningSecret", "open_delivery"]

TOLERANCE: Final = 300
"""Seconds by which a delivery may seem to have been signed too early or too late."""
_MOST_SIGNATURES: Final = 16
_LEAST_SECRET: Final = 24  # bytes, by the specification of Standard Webhooks

_ID: Final = b"svix-id"
_TIMESTAMP: Final = b"svix-timestamp"
_SIGNATURE: Final = b"svix-signature"

_AN_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")
# As it is signed: another way to write the same number is another text.
_SECONDS: Final = re.compile(r"0|[1-9][0-9]{0,11}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What Clerk sent: ``id`` is that of the message, the same whenever it is delivered again.

    ``endpoint`` is the path that it came to: each endpoint of the Clerk dashboard gets its own copy
    of a message. The signing secret tells less, for it can be replaced between two deliveries.
    """

    id: str
    timestamp: int
    endpoint: str
    body: bytes = field(repr=False)

    @property
    def key(self) -> str:
        """What workers know the message by, at this endpoint."""
        return f"{sha256(self.endpoint.encode()).hexdigest()[:16]}:{self.id}"


class SigningSecret:
    """The secret of an endpoint, with which Clerk signs what it delivers there."""

    __slots__ = ("_webhook",)

    def __init__(self, key: bytes) -> None:
        try:
            from standardwebhooks.webhooks import Webhook
        except ImportError:
            raise ConfigurationError(
                'Webhooks need the extra: pip install "clerk-fastapi[webhooks]".'
            ) from None
        self._webhook: Any = Webhook(key)

    @classmethod
    def parse(cls, text: str) -> SigningSecret:
        """Read a secret as the dashboard shows it: ``whsec_``, then base64.

        :raises ConfigurationError: if it is none, or the extra ``webhooks`` is missing.
        """
        bare = text.strip() if isinstance(text, str) else ""
        encoded = bare.removeprefix("whsec_")
        padded = encoded + "=" * (-len(encoded) % 4)
        key = _decoded(padded) if bare != encoded else None
        if key is None or len(key) < _LEAST_SECRET:
            raise ConfigurationError(
                "CLERK_WEBHOOK_SIGNING_SECRET is not a signing secret; copy it whole, from "
                "'whsec_' on, from the endpoint's page below Webhooks in the Clerk dashboard."
            )
        return cls(key)

    def sign(self, id: str, timestamp: int, body: str) -> bytes:
        """The signature that a delivery must carry, undecorated."""
        # The library takes a date for the seconds that it writes into the text.
        moment = datetime.fromtimestamp(timestamp, UTC)
        signed: str = self._webhook.sign(id, moment, body)
        return base64.b64decode(signed.removeprefix("v1,"))

    def __repr__(self) -> str:
        return "<SigningSecret>"


def open_delivery(
    secrets: Sequence[SigningSecret],
    endpoint: str,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    now: float,
) -> Delivery:
    """Believe a delivery, or say why not.

    :param secrets: of which one must have signed it; several while one replaces another.
    :param endpoint: the path that it came to.
    :param headers: as ASGI has them, with names in lower case.
    :param body: the bytes as they were received.
    :param now: seconds since the epoch.
    :raises WebhookHeadersMissing: unless each header is there once. Those of the same standard that
        begin with ``webhook-`` are not Clerk's.
    :raises WebhookTimestampInvalid: if it was signed more than five minutes ago or ahead.
    :raises WebhookSignatureInvalid: if no secret has signed it.
    """
    said = _read(headers)
    id, timestamp = said[_ID], said[_TIMESTAMP]
    if not _AN_ID.fullmatch(id):
        raise WebhookHeadersMissing
    if not _SECONDS.fullmatch(timestamp) or not abs(now - int(timestamp)) <= TOLERANCE:
        raise WebhookTimestampInvalid
    given, text = _signatures(said[_SIGNATURE]), _text(body)
    if not any(_has_signed(secret, id, int(timestamp), text, given) for secret in secrets):
        raise WebhookSignatureInvalid
    return Delivery(id, int(timestamp), endpoint, body)


def _read(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    wanted = (_ID, _TIMESTAMP, _SIGNATURE)
    found = [(name, value.decode("latin-1")) for name, value in headers if name in wanted]
    said = dict(found)
    if len(found) != len(wanted) or len(said) != len(wanted):
        raise WebhookHeadersMissing
    return said


def _text(body: bytes) -> str:
    with suppress(UnicodeDecodeError):  # which holds the body
        return body.decode()
    raise WebhookSignatureInvalid


def _signatures(header: str) -> list[bytes]:
    """Those of the version we know; what cannot be read fits nothing."""
    items = (item.partition(",") for item in header.split(" ", _MOST_SIGNATURES)[:_MOST_SIGNATURES])
    decoded = (_decoded(encoded) for version, _, encoded in items if version == "v1")
    return [signature for signature in decoded if signature]


def _decoded(encoded: str) -> bytes | None:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        return None


def _has_signed(
    secret: SigningSecret, id: str, timestamp: int, body: str, given: list[bytes]
) -> bool:
    expected = secret.sign(id, timestamp, body)
    return any(hmac.compare_digest(expected, signature) for signature in given)
