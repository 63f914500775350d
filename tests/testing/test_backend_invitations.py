"""Invitations to sign up, as the official client makes and revokes them."""

from typing import Any

import httpx
import pytest
from clerk_backend_api import models

from clerk_fastapi import ConfigurationError
from clerk_fastapi.testing import LocalClerk, User
from tests.testing.conftest import Clock
from tests.testing.official import IGNORED, Official, codes
from tests.testing.reading import assert_error

pytestmark = [pytest.mark.anyio, IGNORED]

MS = 1_800_000_000_000
A_DAY = 86_400


async def test_somebody_is_invited_and_signs_up(official: Official, local: LocalClerk) -> None:
    """With a link for thirty days; the user has what the invitation said."""
    made = await official.invitations.create(
        request={
            "email_address": "bob@example.com",
            "public_metadata": {"plan": "pro"},
            "redirect_url": "http://localhost:8000/welcome",
            "notify": False,
        }
    )
    assert (made.email_address, made.status.value, made.revoked) == (
        *("bob@example.com", "pending", False),
    )
    assert (made.created_at, made.expires_at) == (MS, MS + 30 * A_DAY * 1_000)
    assert made.url.startswith(f"{local.issuer}/v1/tickets/accept?ticket=")
    bob = local.accept_invitation(local.invitations[made.id])
    assert (bob.email, bob.public_metadata) == ("bob@example.com", {"plan": "pro"})
    (said,) = await official.invitations.list(status="accepted")
    assert (said.id, said.status.value, said.url) == (made.id, "accepted", None)


async def test_invitations_are_listed(official: Official, local: LocalClerk, clock: Clock) -> None:
    """Newest first, in pages, by status and text; who asks for no status sees no revoked ones."""
    invited = []
    for number in range(4):
        invited.append(local.invite(f"user-{3 - number}@example.com", expires_in_days=4 - number))
        clock.now += 1
    local.revoke_invitation(invited[0])
    clock.now += A_DAY

    async def listed(**filters: Any) -> list[int]:
        page = await official.invitations.list(limit=500, **filters)
        return [invited.index(local.invitations[one.id]) for one in page]

    assert await listed() == [3, 2, 1]
    assert await listed(status="revoked") == [0]
    assert await listed(status="expired") == [3]
    assert await listed(status="pending", order_by="expires_at") == [2, 1]
    assert await listed(order_by="email_address") == [3, 2, 1]
    assert await listed(query="user-1") == [2]
    assert await listed(query=invited[1].id) == [1]
    assert [one.id for one in await official.invitations.list(limit=1, offset=1)] == [invited[2].id]


async def test_invitation_is_revoked_once(official: Official, local: LocalClerk) -> None:
    """What was accepted or revoked stays so, and what is unknown is not found."""
    made = local.invite("bob@example.com")
    revoked = await official.invitations.revoke(invitation_id=made.id)
    assert (revoked.id, revoked.REVOKED, revoked.status.value) == (made.id, True, "revoked")
    accepted = local.invite("carl@example.com")
    local.accept_invitation(accepted)
    for id, status, code in (
        (made.id, 400, "invitation_already_revoked"),
        (accepted.id, 400, "invitation_already_accepted"),
        ("inv_unknown", 404, "resource_not_found"),
    ):
        with pytest.raises(models.ClerkErrors) as caught:
            await official.invitations.revoke(invitation_id=id)
        assert codes(caught.value, status) == [code]
    with pytest.raises(ConfigurationError, match="is revoked"):
        local.accept_invitation(made)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"email_address": "bob@example.com"}, 400, "duplicate_record"),
        ({"email_address": "ada@example.com"}, 422, "form_identifier_exists"),
        ({"email_address": "nobody"}, 422, "form_param_value_invalid"),
        ({"expires_in_days": 366}, 422, "form_param_value_invalid"),
        ({"expires_in_days": 0}, 422, "form_param_value_invalid"),
        ({"public_metadata": {"x": "x" * 8_192}}, 422, "form_param_exceeds_allowed_size"),
    ],
)
async def test_invitation_that_cannot_be_is_refused(
    client_in_process: Official,
    local: LocalClerk,
    ada: User,
    fields: dict[str, Any],
    status: int,
    code: str,
) -> None:
    """One alone, and among others, of which none is made then."""
    local.invite("bob@example.com")
    wrong = {"email_address": "carl@example.com", **fields}
    for call in (
        client_in_process.invitations.create(request=wrong),
        client_in_process.invitations.bulk_create(request=[{"email_address": "d@d.de"}, wrong]),
    ):
        with pytest.raises(models.ClerkErrors) as caught:
            await call
        assert codes(caught.value, status) == [code]
    assert len(local.invitations) == 1


async def test_several_are_invited_at_once(
    official: Official, local: LocalClerk, ada: User
) -> None:
    """One to ten; nobody twice, unless that is to be ignored, and no user."""
    first, second = await official.invitations.bulk_create(
        request=[{"email_address": "b@example.com"}, {"email_address": "c@example.com"}]
    )
    assert [first.email_address, second.email_address] == ["b@example.com", "c@example.com"]
    again = {"email_address": "b@example.com", "ignore_existing": True}
    assert len(await official.invitations.bulk_create(request=[again, again])) == 2
    user, twice = {"email_address": ada.email, "ignore_existing": True}, {"email_address": "e@e.de"}
    assert (await official.invitations.create(request=user)).email_address == ada.email
    for wrong, status, code in (
        ([user], 422, "form_identifier_exists"),
        ([twice, twice], 400, "duplicate_record"),
        ([], 422, "form_param_value_invalid"),
        ([again] * 11, 422, "form_param_value_invalid"),
    ):
        with pytest.raises(models.ClerkErrors) as caught:
            await official.invitations.bulk_create(request=wrong)
        assert codes(caught.value, status) == [code]
    assert len(local.invitations) == 5


@pytest.mark.parametrize("body", ["", "{}", "[NaN]", "[", '["\\ud800"]'])
async def test_several_invitations_are_a_json_array(
    local: LocalClerk, client: httpx.AsyncClient, body: str
) -> None:
    """Nothing else is."""
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    url = "https://api.clerk.com/v1/invitations/bulk"
    assert_error(await client.post(url, headers=headers, content=body), 400, "request_invalid")


async def test_invited_user_who_exists_only_comes_back(local: LocalClerk, ada: User) -> None:
    """An invitation changes nothing about her; without being told so, she is not invited."""
    with pytest.raises(ConfigurationError, match=r"is a user ada@.* already"):
        local.invite(ada.email)
    invitation = local.invite(ada.email, public_metadata={"x": 1}, ignore_existing=True)
    assert local.accept_invitation(invitation) is ada
    assert "x" not in ada.public_metadata
