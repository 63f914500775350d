"""What a session token tells: plan and email, and the age of the session."""

import pytest

from clerk_fastapi.testing import ABSENT
from tests.example.conftest import Connected, Example


@pytest.mark.parametrize(("member", "plan"), [("ada", "pro"), ("cleo", "free"), ("eve", "free")])
def test_plan_and_email_come_from_custom_claims(example: Example, member: str, plan: str) -> None:
    """What "Customize session token" adds arrives typed."""
    account = example.ask(member, "GET", "/me").json()
    assert (account["plan"], account["email"]) == (plan, f"{member}@example.com")


def test_custom_claims_have_defaults(connected: Connected) -> None:
    """A token without them is a free plan and no email."""
    ada = connected.clerk.add_user("ada@example.com")
    session = connected.clerk.sign_in(ada, origin="http://localhost:8000")
    token = connected.clerk.token(session, claims={"metadata": ABSENT, "email": ABSENT})
    answer = connected.client.get("/me", headers={"Authorization": f"Bearer {token}"})
    assert (answer.json()["plan"], answer.json()["email"]) == ("free", None)


def test_custom_claims_that_do_not_fit_are_401(connected: Connected) -> None:
    """A plan that this application does not know is no plan to act upon."""
    ada = connected.clerk.add_user("ada@example.com", public_metadata={"plan": "platinum"})
    session = connected.clerk.sign_in(ada, origin="http://localhost:8000")
    answer = connected.client.get("/me", headers=connected.clerk.bearer(session))
    assert answer.status_code == 401
    assert answer.json()["detail"]["code"] == "token-custom-claims-invalid"
    assert "platinum" not in answer.text


def test_account_tells_organization_and_permissions(example: Example) -> None:
    """In an organization there are a role and permissions, in a personal account none."""
    acting = example.ask("bob", "GET", "/me").json()
    assert (acting["role"], acting["permissions"]) == (
        "org:member",
        ["org:data:read", "org:data:write"],
    )
    alone = example.ask("bob", "GET", "/me", personal=True).json()
    assert (alone["organization_id"], alone["role"], alone["permissions"]) == (None, None, [])


@pytest.mark.parametrize("minutes", [0, 59, 60])
def test_young_sessions_tell_their_age(example: Example, minutes: int) -> None:
    """Up to an hour after signing in, the age is told."""
    answer = example.ask("ada", "GET", "/session", signed_in_minutes_ago=minutes)
    assert (answer.status_code, answer.json()["seconds"]) == (200, minutes * 60)


@pytest.mark.parametrize("minutes", [61, 60 * 24])
def test_old_sessions_are_401(example: Example, minutes: int) -> None:
    """A fresh token of an old session does not help: sign in again."""
    answer = example.ask("ada", "GET", "/session", signed_in_minutes_ago=minutes)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "session-too-old")


def test_a_session_grows_old_while_its_token_lives(example: Example) -> None:
    """The seconds since the token was issued count as well."""
    token = example.token("ada", signed_in_minutes_ago=60)
    headers = {"Authorization": f"Bearer {token}"}
    assert example.client.get("/session", headers=headers).status_code == 200
    example.clock.now += 1
    answer = example.client.get("/session", headers=headers)
    assert answer.json()["detail"]["code"] == "session-too-old"
