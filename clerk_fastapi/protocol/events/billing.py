"""What events of Clerk's billing are about."""

from __future__ import annotations

from clerk_fastapi.protocol.resource import (
    Count,
    Flag,
    Milliseconds,
    Name,
    Resource,
    Several,
    Text,
)

__all__ = ["Money", "Payer", "PaymentAttempt", "Plan", "Subscription", "SubscriptionItem"]


class Money(Resource):
    """An amount in the smallest unit of its currency."""

    amount: Count
    amount_formatted: Text | None = None
    currency: Text | None = None
    currency_symbol: Text | None = None


class Payer(Resource):
    """A user or an organization that pays."""

    id: Text | None = None
    user_id: Name | None = None
    organization_id: Name | None = None
    organization_name: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    email: Text | None = None


class Plan(Resource):
    """What can be subscribed to."""

    id: Name
    name: Text | None = None
    slug: Text | None = None
    is_default: Flag | None = None
    is_recurring: Flag | None = None


class _Billed(Resource):
    id: Name
    status: Name | None = None
    created_at: Milliseconds | None = None
    updated_at: Milliseconds | None = None


class SubscriptionItem(_Billed):
    """One plan of a subscription."""

    plan: Plan | None = None
    plan_id: Text | None = None
    plan_period: Text | None = None
    payer: Payer | None = None
    payer_id: Text | None = None
    subscription_id: Text | None = None
    amount: Money | None = None
    is_free_trial: Flag | None = None
    period_start: Milliseconds | None = None
    period_end: Milliseconds | None = None
    canceled_at: Milliseconds | None = None
    past_due_at: Milliseconds | None = None
    ended_at: Milliseconds | None = None


class Subscription(_Billed):
    """All that one payer has subscribed to."""

    payer: Payer | None = None
    payer_id: Text | None = None
    latest_payment_id: Text | None = None
    items: Several[SubscriptionItem] = ()
    active_at: Milliseconds | None = None
    canceled_at: Milliseconds | None = None
    past_due_at: Milliseconds | None = None
    ended_at: Milliseconds | None = None


class PaymentAttempt(_Billed):
    """A payment that went through, or did not."""

    payment_id: Text | None = None
    statement_id: Text | None = None
    charge_type: Text | None = None
    payer: Payer | None = None
    subscription_items: Several[SubscriptionItem] = ()
    billing_date: Milliseconds | None = None
    paid_at: Milliseconds | None = None
    failed_at: Milliseconds | None = None
