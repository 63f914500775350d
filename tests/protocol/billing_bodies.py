"""What events of Clerk's billing are about, as Clerk writes it; made up throughout."""

from typing import Any

THEN = 1_799_990_000_000
NOW = 1_800_000_000_000

PAYER = {
    "object": "commerce_payer",
    "id": "cpayer_1",
    "instance_id": "ins_1",
    "user_id": "user_ada",
    "first_name": "Ada",
    "email": "ada@example.com",
    "created_at": THEN,
    "updated_at": NOW,
}

SUBSCRIPTION_ITEM: dict[str, Any] = {
    "object": "commerce_subscription_item",
    "id": "csub_item_1",
    "status": "active",
    "plan_period": "month",
    "plan": {
        "id": "cplan_1",
        "name": "Pro",
        "slug": "pro",
        "is_default": False,
        "is_recurring": True,
        "amount": 1_000,
        "currency": "USD",
    },
    "plan_id": "cplan_1",
    "amount": {
        "amount": 1_000,
        "amount_formatted": "10.00",
        "currency": "USD",
        "currency_symbol": "$",
    },
    "lifetime_paid": 3_000,
    "next_payment_amount": 1_000,
    "next_payment_date": NOW,
    "period_start": THEN,
    "period_end": NOW,
}

SUBSCRIPTION: dict[str, Any] = {
    "object": "commerce_subscription",
    "id": "csub_1",
    "status": "active",
    "payer_id": "cpayer_1",
    "payer": PAYER,
    "latest_payment_id": "cpay_1",
    "payment_source_id": "cpm_1",
    "items": [SUBSCRIPTION_ITEM],
    "active_at": THEN,
    "created_at": THEN,
    "updated_at": NOW,
}

PAYMENT_ATTEMPT: dict[str, Any] = {
    "object": "commerce_payment_attempt",
    "id": "cpayatt_1",
    "instance_id": "ins_1",
    "payment_id": "cpay_1",
    "statement_id": "cstmt_1",
    "status": "failed",
    "charge_type": "recurring",
    "failed_at": NOW,
    "failed_reason": {"code": "card_declined", "decline_code": "generic"},
    "billing_date": NOW,
    "payee": {"id": "cpayee_1", "gateway_type": "stripe"},
    "payer": PAYER,
    "totals": {"grand_total": {"amount": 1_000, "currency": "USD"}},
    "payment_source": {"id": "cpm_1", "payment_method": "card", "last4": "4242"},
    "subscription_items": [SUBSCRIPTION_ITEM],
    "created_at": THEN,
    "updated_at": NOW,
}
