"""400: a delivery that did not come from Clerk, or not as Clerk sent it."""

from __future__ import annotations

from clerk_fastapi.errors.root import ClerkError

__all__ = [
    "WebhookBodyInvalid",
    "WebhookHeadersMissing",
    "WebhookRefused",
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


class WebhookBodyInvalid(WebhookRefused):
    """A signed body that is no event."""

    code = "webhook-body-invalid"
    sentence = "The body is signed, but it is no event as Clerk describes them."
