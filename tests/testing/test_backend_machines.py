"""API keys, M2M tokens, machines and tickets, as the official client makes and takes them back."""

from typing import Any

import httpx
import pytest
from clerk_backend_api import models

from clerk_fastapi.testing import LocalClerk, Organization, User
from tests.testing.conftest import Clock
from tests.testing.official import IGNORED, Official, asking, codes
from tests.testing.reading import claims_of, header_of

pytestmark = [pytest.mark.anyio, IGNORED]

MS = 1_800_000_000_000


def refused(error: models.ClerkBaseError, status: int) -> str:
    """The one code of an error that the client has a class of its own for."""
    assert error.status_code == status
    problem: dict[str, Any] = error.raw_response.json()["errors"][0]
    return str(problem["code"])


async def test_api_key_lives_and_dies(
    official: Official, local: LocalClerk, ada: User, acme: Organization, clock: Clock
) -> None:
    """Made, shown once, verified, changed, handed over, revoked, deleted."""
    made = await official.api_keys.create_api_key(
        name="CI",
        subject=ada.id,
        description="builds",
        scopes=["data:read"],
        claims={"tier": 2},
        created_by=ada.id,
        seconds_until_expiration=60,
    )
    assert (made.name, made.subject, made.scopes, made.claims) == (
        *("CI", ada.id, ["data:read"], {"tier": 2}),
    )
    assert (made.description, made.created_by, made.expiration) == ("builds", ada.id, MS + 60_000)
    assert local.machine_tokens[made.secret].id == made.id
    verified = await official.api_keys.verify_api_key(secret=made.secret)
    assert (verified.id, verified.expired, verified.revoked) == (made.id, False, False)
    assert (await official.api_keys.get_api_key_secret(api_key_id=made.id)).secret == made.secret
    clock.now += 60
    assert (await official.api_keys.get_api_key(api_key_id=made.id)).expired
    changed = await official.api_keys.update_api_key(
        api_key_id=made.id, subject=acme.id, scopes=[], claims=None, seconds_until_expiration=None
    )
    assert (changed.subject, changed.scopes, changed.claims) == (acme.id, [], None)
    assert (changed.expired, changed.expiration, changed.description) == (False, None, "builds")
    revoked = await official.api_keys.revoke_api_key(api_key_id=made.id, revocation_reason="leaked")
    assert (revoked.revoked, revoked.revocation_reason) == (True, "leaked")
    gone = await official.api_keys.delete_api_key(api_key_id=made.id)
    assert (gone.id, gone.DELETED) == (made.id, True)
    with pytest.raises(models.ClerkBaseError) as caught:
        await official.api_keys.verify_api_key(secret=made.secret)
    assert refused(caught.value, 404) == "resource_not_found"


async def test_what_is_not_named_of_an_api_key_stays(official: Official, ada: User) -> None:
    """Null takes a description away."""
    made = await official.api_keys.create_api_key(
        name="CI", subject=ada.id, description="builds", scopes=["a"], seconds_until_expiration=60
    )
    changed = await official.api_keys.update_api_key(api_key_id=made.id, description=None)
    assert (changed.description, changed.subject, changed.scopes) == (None, ada.id, ["a"])
    assert changed.expiration == MS + 60_000


async def test_name_of_an_api_key_is_its_subjects_own(
    official: Official, local: LocalClerk, ada: User, acme: Organization
) -> None:
    """Two good keys of one subject cannot share it."""
    await official.api_keys.create_api_key(name="CI", subject=ada.id)
    await official.api_keys.create_api_key(name="CI", subject=acme.id)
    with pytest.raises(models.ClerkBaseError) as caught:
        await official.api_keys.create_api_key(name="CI", subject=ada.id)
    assert refused(caught.value, 409) == "token_creation_conflict"
    for key in local.machine_tokens.values():
        local.revoke(key)
    assert (await official.api_keys.create_api_key(name="CI", subject=ada.id)).name == "CI"


async def test_api_keys_of_one_subject_are_listed(
    official: Official, local: LocalClerk, ada: User, acme: Organization
) -> None:
    """Good ones, or all; newest first, in pages."""
    keys = [local.create_api_key(ada, name=f"key {number}") for number in range(4)]
    local.create_api_key(acme)
    local.revoke(keys[1])
    expired = local.create_api_key(ada, name="old", expires_in=-1)

    async def listed(**filters: Any) -> tuple[list[str], float]:
        page = await official.api_keys.get_api_keys(subject=ada.id, **filters)
        return [key.id for key in page.data], page.total_count

    good = [key.id for key in (keys[3], keys[2], keys[0])]
    assert await listed() == (good, 3)
    assert await listed(limit=1, offset=1) == (good[1:2], 3)
    assert await listed(query="KEY 3") == (good[:1], 1)
    every = [expired.id, *(key.id for key in reversed(keys))]
    assert await listed(include_invalid="true") == (every, 5)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": ""}, "form_param_value_invalid"),
        ({"subject": "user_unknown"}, "resource_not_found"),
        ({"subject": "ada@example.com"}, "resource_not_found"),
        ({"type_": "other"}, "form_param_value_invalid"),
        ({"seconds_until_expiration": 0}, "form_param_value_invalid"),
    ],
)
async def test_api_key_that_cannot_be_is_refused(
    client_in_process: Official, local: LocalClerk, ada: User, fields: dict[str, Any], code: str
) -> None:
    """By the status that the client has a class for."""
    with pytest.raises(models.CreateAPIKeyAPIKeysResponseBody) as caught:
        await client_in_process.api_keys.create_api_key(
            **{"name": "CI", "subject": ada.id, **fields}
        )
    assert refused(caught.value, 400) == code
    assert local.machine_tokens == {}


async def test_unknown_api_key_is_not_found(client_in_process: Official, local: LocalClerk) -> None:
    """Nor is the token of a machine one."""
    token = local.create_m2m_token(local.add_machine("cron"))
    keys = client_in_process.api_keys
    for id in ("ak_unknown", token.id):
        for call in (
            keys.get_api_key(api_key_id=id),
            keys.get_api_key_secret(api_key_id=id),
            keys.update_api_key(api_key_id=id, scopes=[]),
            keys.revoke_api_key(api_key_id=id),
            keys.delete_api_key(api_key_id=id),
        ):
            with pytest.raises(models.ClerkBaseError) as caught:
                await call
            assert refused(caught.value, 404) == "resource_not_found"
    assert token.token in local.machine_tokens


@pytest.mark.parametrize("token_format", ["opaque", "jwt"])
async def test_machine_makes_tokens_of_its_own(
    local: LocalClerk, clock: Clock, token_format: str
) -> None:
    """With its secret key it makes, verifies, lists and revokes its tokens."""
    cron, mail = local.add_machine("cron"), local.add_machine("mail")
    cron.may_call[mail.id] = clock.now
    async with asking(local, "sync-over-http", secret_key=cron.secret_key) as official:
        made = await official.m2m.create_token(
            token_format=token_format, claims={"job": 7}, seconds_until_expiration=60
        )
        assert (made.subject, made.scopes, made.claims) == (cron.id, [mail.id], {"job": 7})
        assert made.expiration == MS + 60_000
        if token_format == "jwt":
            assert header_of(made.token)["cat"] == "cl_B7d4PD333AAA"
            assert claims_of(made.token)["sub"] == cron.id
        assert (await official.m2m.verify_token(token=made.token)).id == made.id
        revoked = await official.m2m.revoke_token(m2m_token_id=made.id, revocation_reason="leaked")
        assert (revoked.revoked, revoked.revocation_reason) == (True, "leaked")


async def test_m2m_tokens_live_as_long_as_the_machine_says(local: LocalClerk) -> None:
    """Unless the caller says something else; null is for ever, which no signed token can be."""
    cron = local.add_machine("cron")
    cron.default_token_ttl = 120
    async with asking(local, "async-in-process", secret_key=cron.secret_key) as official:
        create = official.m2m.create_token
        assert (await create()).expiration == MS + 120_000
        assert (await create(seconds_until_expiration=None)).expiration is None
        with pytest.raises(models.ClerkBaseError) as caught:
            await create(seconds_until_expiration=None, token_format="jwt")
        assert refused(caught.value, 400) == "form_param_value_invalid"


async def test_m2m_tokens_are_listed(official: Official, local: LocalClerk) -> None:
    """Those of one machine; the others only if they are asked for."""
    cron = local.add_machine("cron")
    local.create_m2m_token(local.add_machine("mail"))
    tokens = [local.create_m2m_token(cron) for _ in range(3)]
    expired = local.create_m2m_token(cron, expires_in=-1)
    local.revoke(tokens[1])

    async def listed(**filters: Any) -> tuple[list[str], float]:
        page = await official.m2m.list_tokens(subject=cron.id, **filters)
        return [token.id for token in page.m2m_tokens], page.total_count

    assert await listed() == ([tokens[2].id, tokens[0].id], 2)
    assert await listed(limit=1, offset=1) == ([tokens[0].id], 2)
    assert await listed(revoked=True) == ([token.id for token in reversed(tokens)], 3)
    assert await listed(expired=True) == ([expired.id, tokens[2].id, tokens[0].id], 3)
    with pytest.raises(models.ClerkBaseError) as caught:
        await official.m2m.list_tokens(subject="mch_unknown")
    assert refused(caught.value, 404) == "resource_not_found"


async def test_machine_sees_no_tokens_of_others(local: LocalClerk) -> None:
    """Nor can it revoke them, and its key opens nothing else."""
    cron, mail = local.add_machine("cron"), local.add_machine("mail")
    theirs = local.create_m2m_token(mail)
    async with asking(local, "async-in-process", secret_key=cron.secret_key) as official:
        with pytest.raises(models.ClerkBaseError) as caught:
            await official.m2m.list_tokens(subject=mail.id)
        assert refused(caught.value, 403) == "authorization_invalid"
        with pytest.raises(models.ClerkBaseError) as caught:
            await official.m2m.revoke_token(m2m_token_id=theirs.id)
        assert refused(caught.value, 404) == "resource_not_found"
        for call in (official.users.list(request={}), official.machines.list()):
            with pytest.raises(models.ClerkErrors) as error:
                await call
            assert codes(error.value, 401) == ["clerk_key_invalid"]
    assert not theirs.is_revoked


async def test_instance_is_no_machine(client_in_process: Official) -> None:
    """A token has to be somebody's."""
    with pytest.raises(models.ClerkBaseError) as caught:
        await client_in_process.m2m.create_token()
    assert refused(caught.value, 401) == "authentication_invalid"


async def test_machines_are_made_changed_and_deleted(
    official: Official, local: LocalClerk, clock: Clock
) -> None:
    """With the machines that they may call."""
    mail = await official.machines.create(request={"name": "mail"})
    clock.now += 1
    cron = await official.machines.create(
        request={"name": "cron", "scoped_machines": [mail.id], "default_token_ttl": 60}
    )
    assert (cron.default_token_ttl, cron.instance_id) == (60, local.events.instance_id)
    assert cron.secret_key == local.machines[cron.id].secret_key
    assert [machine.id for machine in cron.scoped_machines] == [mail.id]
    assert [machine.name for machine in (await official.machines.list()).data] == ["cron", "mail"]
    page = await official.machines.list(query="MAI", order_by="name", limit=1)
    assert ([machine.id for machine in page.data], page.total_count) == ([mail.id], 1)
    changed = await official.machines.update(machine_id=cron.id, name="timer")
    assert (changed.name, changed.default_token_ttl) == ("timer", 60)
    removed = await official.machines.delete_scope(machine_id=cron.id, other_machine_id=mail.id)
    assert (removed.from_machine_id, removed.DELETED) == (cron.id, True)
    with pytest.raises(models.ClerkErrors) as caught:
        await official.machines.delete_scope(machine_id=cron.id, other_machine_id=mail.id)
    assert codes(caught.value, 404) == ["resource_not_found"]
    added = await official.machines.create_scope(machine_id=cron.id, to_machine_id=mail.id)
    assert (added.to_machine_id, added.created_at) == (mail.id, MS + 1000)
    with pytest.raises(models.ClerkErrors) as caught:
        await official.machines.create_scope(machine_id=cron.id, to_machine_id=mail.id)
    assert codes(caught.value, 409) == ["conflict"]
    kept = local.create_m2m_token(local.machines[cron.id])
    local.create_m2m_token(local.machines[mail.id])
    assert (await official.machines.delete(machine_id=mail.id)).DELETED
    assert (await official.machines.get(machine_id=cron.id)).scoped_machines == []
    assert local.machine_tokens == {kept.token: kept}


async def test_rotated_secret_key_is_good_for_a_while(
    official: Official, local: LocalClerk, clock: Clock
) -> None:
    """As long as the caller says."""
    cron = local.add_machine("cron")
    old = (await official.machines.get_secret_key(machine_id=cron.id)).secret
    assert old == cron.secret_key
    new = await official.machines.rotate_secret_key(machine_id=cron.id, previous_token_ttl=60)
    assert new.secret == cron.secret_key != old
    clock.now += 59
    for secret in (old, new.secret):
        async with asking(local, "async-in-process", secret_key=secret) as machine:
            assert (await machine.m2m.create_token()).subject == cron.id
    clock.now += 1
    async with asking(local, "async-in-process", secret_key=old) as machine:
        with pytest.raises(models.ClerkBaseError) as caught:
            await machine.m2m.create_token()
        assert refused(caught.value, 401) == "clerk_key_invalid"


async def test_unknown_machine_is_not_found(client_in_process: Official, local: LocalClerk) -> None:
    """Nor can one be called."""
    cron, machines = local.add_machine("cron"), client_in_process.machines
    unknown = {"machine_id": "mch_unknown"}
    for call in (
        machines.get(**unknown),
        machines.update(**unknown, name="x"),
        machines.delete(**unknown),
        machines.get_secret_key(**unknown),
        machines.rotate_secret_key(**unknown, previous_token_ttl=0),
        machines.create_scope(**unknown, to_machine_id=cron.id),
        machines.create_scope(machine_id=cron.id, to_machine_id="mch_unknown"),
    ):
        with pytest.raises(models.ClerkErrors) as caught:
            await call
        assert codes(caught.value, 404) == ["resource_not_found"]
    with pytest.raises(models.ClerkErrors) as caught:
        await machines.create(request={"name": "new", "scoped_machines": ["mch_unknown"]})
    assert codes(caught.value, 422) == ["resource_not_found"]
    assert list(local.machines) == [cron.id]


async def test_sign_in_and_actor_tokens_are_made_and_revoked(
    official: Official, local: LocalClerk, ada: User
) -> None:
    """Each kind by its own path."""
    signing_in = await official.sign_in_tokens.create(request={"user_id": ada.id})
    assert (signing_in.user_id, signing_in.status) == (ada.id, "pending")
    assert signing_in.token in signing_in.url
    assert local.tickets[signing_in.id].expires_at == 1_800_000_000 + 2_592_000
    acting = await official.actor_tokens.create(
        request={"user_id": ada.id, "actor": {"sub": "user_support"}, "expires_in_seconds": 60}
    )
    assert (acting.user_id, acting.status) == (ada.id, "pending")
    assert local.tickets[acting.id].expires_at == 1_800_000_060
    assert local.tickets[acting.id].actor == {"sub": "user_support"}
    assert signing_in.token not in repr(local.tickets)
    with pytest.raises(models.ClerkErrors) as caught:
        await official.sign_in_tokens.revoke(sign_in_token_id=acting.id)
    assert codes(caught.value, 404) == ["resource_not_found"]
    revoked = await official.sign_in_tokens.revoke(sign_in_token_id=signing_in.id)
    assert revoked.status == "revoked"
    assert (await official.actor_tokens.revoke(actor_token_id=acting.id)).status == "revoked"


async def test_tickets_of_nobody_are_refused(
    client_in_process: Official, local: LocalClerk, client: httpx.AsyncClient, ada: User
) -> None:
    """And actor tokens without an actor."""
    with pytest.raises(models.ClerkErrors) as caught:
        await client_in_process.sign_in_tokens.create(request={"user_id": "user_unknown"})
    assert codes(caught.value, 404) == ["resource_not_found"]
    actor = {"sub": "user_support"}
    with pytest.raises(models.ClerkErrors) as caught:
        await client_in_process.actor_tokens.create(
            request={"user_id": "user_unknown", "actor": actor}
        )
    assert codes(caught.value, 422) == ["resource_not_found"]
    response = await client.post(
        "https://api.clerk.com/v1/actor_tokens",
        json={"user_id": ada.id, "actor": {"name": "x"}},
        headers={"Authorization": f"Bearer {local.secret_key}"},
    )
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "form_param_nil")


async def test_testing_token_expires_in_seconds(official: Official) -> None:
    """The one time that Clerk does not write in milliseconds."""
    token = await official.testing_tokens.create()
    assert (token.expires_at, bool(token.token)) == (1_800_003_600, True)


async def test_official_client_asks_for_keys(official: Official, local: LocalClerk) -> None:
    """Those that are published."""
    keys = (await official.jwks.get_jwks()).keys
    assert [key.kid for key in keys] == [key["kid"] for key in local.jwks()["keys"]]


async def test_wrong_secret_key_is_refused(local: LocalClerk) -> None:
    """Whatever is asked."""
    for way in ("sync-over-http", "async-in-process"):
        async with asking(local, way, secret_key="sk_test_wrong") as official:
            for call in (
                official.users.list(request={}),
                official.users.get(user_id="user_1"),
                official.sessions.get(session_id="sess_1"),
                official.sessions.create(request={"user_id": "user_1"}),
            ):
                with pytest.raises(models.ClerkErrors) as caught:
                    await call
                assert codes(caught.value, 401) == ["clerk_key_invalid"]
