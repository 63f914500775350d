"""Email addresses, as the official client sees and changes them."""

import pytest
from clerk_backend_api import models

from clerk_fastapi import ConfigurationError
from clerk_fastapi.testing import LocalClerk, User
from tests.testing.conftest import Clock
from tests.testing.official import IGNORED, Official, codes

pytestmark = [pytest.mark.anyio, IGNORED]

MS = 1_800_000_000_000


async def test_user_gets_another_email_address(
    official: Official, local: LocalClerk, ada: User, clock: Clock
) -> None:
    """Unverified, unless the caller says so; it is the user's own in every list."""
    clock.now += 1
    made = await official.email_addresses.create(
        request={"user_id": ada.id, "email_address": "countess@example.com"}
    )
    assert (made.email_address, made.verification, made.reserved) == (
        *("countess@example.com", None, False),
    )
    assert made.created_at == made.updated_at == MS + 1_000
    assert await official.email_addresses.get(email_address_id=made.id) == made
    user = await official.users.get(user_id=ada.id)
    assert [one.email_address for one in user.email_addresses] == [ada.email, made.email_address]
    assert user.primary_email_address_id == user.email_addresses[0].id
    for filters in ({"email_address": ["Countess@example.com"]}, {"query": "countess"}):
        assert [one.id for one in await official.users.list(request=filters)] == [ada.id]
    with pytest.raises(ConfigurationError, match="already"):
        local.add_user("countess@example.com")


async def test_primary_address_is_a_verified_one(
    official: Official, local: LocalClerk, ada: User, clock: Clock
) -> None:
    """Another one becomes it as soon as it is both."""
    before, addresses = ada.email_addresses[0], official.email_addresses
    new = {"user_id": ada.id, "email_address": "a@example.com", "primary": True}
    with pytest.raises(models.ClerkErrors) as caught:
        await addresses.create(request=new)
    assert codes(caught.value, 422) == ["form_param_value_invalid"]
    made = await addresses.create(request={**new, "primary": False})
    with pytest.raises(models.ClerkErrors) as caught:
        await addresses.update(email_address_id=made.id, primary=True)
    assert codes(caught.value, 400) == ["form_param_value_invalid"]
    clock.now += 1
    changed = await addresses.update(email_address_id=made.id, verified=True)
    assert (changed.verification.status.value, changed.updated_at) == ("verified", MS + 1_000)
    assert ada.email == "ada@example.com"
    await addresses.update(email_address_id=made.id, primary=True)
    assert ada.emails == ["a@example.com", "ada@example.com"]
    await addresses.create(request={**new, "email_address": "b@example.com", "verified": True})
    assert ada.emails == ["b@example.com", "a@example.com", "ada@example.com"]
    assert ada.email_addresses[-1] is before
    assert local.user("b@example.com") is ada


async def test_email_address_is_deleted(official: Official, local: LocalClerk, ada: User) -> None:
    """The last one stays; what was the second one is the primary one then."""
    old, told = ada.email_addresses[0].id, len(local.events.messages)
    with pytest.raises(models.ClerkErrors) as caught:
        await official.email_addresses.delete(email_address_id=old)
    assert codes(caught.value, 400) == ["last_required_identification_deletion_failed"]
    with pytest.raises(ConfigurationError, match="last one"):
        local.remove_email_address(ada, ada.email_addresses[0])
    local.add_email_address(ada, "a@example.com")
    gone = await official.email_addresses.delete(email_address_id=old)
    assert (gone.object, gone.id, gone.deleted) == ("email_address", old, True)
    assert ada.emails == ["a@example.com"]
    assert [message.type for message in list(local.events.messages)[told:]] == ["user.updated"] * 2


async def test_email_address_that_cannot_be_is_refused(
    client_in_process: Official, local: LocalClerk, ada: User
) -> None:
    """One of somebody else's, or of her own; none at all; nobody's."""
    addresses = client_in_process.email_addresses
    local.add_email_address(local.add_user("bob@example.com"), "robert@example.com")
    for email, status, code in (
        ("robert@example.com", 422, "form_identifier_exists"),
        ("ada@example.com", 422, "form_identifier_exists"),
        ("nobody", 422, "form_param_value_invalid"),
    ):
        with pytest.raises(models.ClerkErrors) as caught:
            await addresses.create(request={"user_id": ada.id, "email_address": email})
        assert codes(caught.value, status) == [code]
    for call in (
        addresses.create(request={"user_id": "user_unknown", "email_address": "a@example.com"}),
        addresses.get(email_address_id="idn_unknown"),
        addresses.update(email_address_id="idn_unknown", verified=True),
        addresses.delete(email_address_id="idn_unknown"),
    ):
        with pytest.raises(models.ClerkErrors) as caught:
            await call
        assert codes(caught.value, 404) == ["resource_not_found"]
    assert ada.emails == ["ada@example.com"]
