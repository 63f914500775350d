"""400: a delivery that Clerk did not send like this. 500 and 503: one that has to come again."""

from __future__ import annotations

from typing import ClassVar

from clerk_fastapi.errors.root import ClerkError

__all__ = [
    "WebhookBodyInvalid",
    "WebhookBusy",
    "WebhookHandlerFailed",
    "WebhookHeadersMissing",
    "WebhookRefused",
    "WebhookReplayed",
    "WebhookSignatureInvalid",
    "WebhookTimestampInvalid",
]


class WebhookRefused(ClerkError):
    """A delivery that is not believed."""

    code = "webhook-refused"
    status = 400
    sentence = "The delivery is refused."


class WebhookHeadersMissing(WebhookRefused):
    """One of the headers ``svix-id``, ``svix-timestamp`` and ``svix-signature`` is missing."""

    code = "webhook-headers-missing"
    sentence = "Send svix-id, svix-timestamp and svix-signature, each once, as Clerk does."


class WebhookTimestampInvalid(WebhookRefused):
    """The delivery was signed more than five minutes ago or ahead, or at no readable time."""

    code = "webhook-timestamp-invalid"
    sentence = "The delivery was not signed just now; check the clock of this server, or resend it."


class WebhookSignatureInvalid(WebhookRefused):
    """No signature fits the body as it was received."""

    code = "webhook-signature-invalid"
    sentence = (
        "No signature fits the delivery; compare the signing secret with the one on the Webhooks "
        "page of the Clerk dashboard, and let nothing rewrite the body on the way."
    )


class WebhookReplayed(WebhookRefused):
    """The very same attempt has been acknowledged: whoever sends it again has recorded it."""

    code = "webhook-replayed"
    sentence = "This attempt has been acknowledged already; Clerk signs each new one anew."


class WebhookBodyInvalid(WebhookRefused):
    """A signed body that is no event."""

    code = "webhook-body-invalid"
    sentence = "The body is signed, but it is no event as Clerk describes them."


class WebhookHandlerFailed(ClerkError):
    """A handler of the application raised; the delivery is not acknowledged, and comes again."""

    code = "webhook-handler-failed"
    sentence = "A handler of this event failed; deliver it again."


class WebhookBusy(ClerkError):
    """Somebody else is at this delivery still; ``retry_after`` is in whole seconds."""

    code = "webhook-busy"
    status = 503
    sentence = "This delivery is being handled already; deliver it again later."
    retry_after: ClassVar[int] = 5
