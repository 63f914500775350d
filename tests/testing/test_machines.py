"""Machine tokens are what Clerk would give, and the Backend API says what has become of them."""

from collections.abc import Callable

import httpx
import pytest

from clerk_fastapi import ConfigurationError
from clerk_fastapi.testing import LocalClerk, MachineToken, Organization, User
from tests.testing.conftest import Clock
from tests.testing.reading import assert_error, check_signature, claims_of, header_of, pem_key

pytestmark = pytest.mark.anyio

API_KEYS = "/api_keys/verify"
M2M = "/m2m_tokens/verify"
OAUTH = "/oauth_applications/access_tokens/verify"

Make = Callable[[LocalClerk, User], MachineToken]
KINDS: list[tuple[str, str, str, Make]] = [
    (API_KEYS, "secret", "ak_", lambda local, ada: local.create_api_key(ada, expires_in=60)),
    (
        *(M2M, "token", "mt_"),
        lambda local, ada: local.create_m2m_token(local.add_machine("cron"), expires_in=60),
    ),
    (
        *(OAUTH, "access_token", "oat_"),
        lambda local, ada: local.create_oauth_token(ada, client_id="c_1", expires_in=60),
    ),
]
each_kind = pytest.mark.parametrize(("path", "parameter", "prefix", "make"), KINDS)


async def verify(
    local: LocalClerk, path: str, body: object, secret: str | None = None
) -> httpx.Response:
    """Ask the Backend API about a token."""
    async with httpx.AsyncClient(transport=local.transport()) as client:
        return await client.post(
            f"https://api.clerk.com{path}",
            json=body,
            headers={"Authorization": f"Bearer {secret or local.secret_key}"},
        )


@each_kind
@pytest.mark.parametrize("version", ["/v1", ""])
async def test_good_token_is_described(
    local: LocalClerk, ada: User, version: str, path: str, parameter: str, prefix: str, make: Make
) -> None:
    """Under either path that Clerk's SDKs use; times are in milliseconds."""
    token = make(local, ada)
    assert token.token.startswith(prefix)
    response = await verify(local, version + path, {parameter: token.token})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert (answer["id"], answer["subject"]) == (token.id, token.subject)
    assert (answer["revoked"], answer["expired"]) == (False, False)
    assert answer["created_at"] == answer["updated_at"] == 1_800_000_000_000
    assert answer["expiration"] == 1_800_000_060_000
    assert token.token not in response.text


@each_kind
async def test_expired_token_is_described_as_such(
    local: LocalClerk, ada: User, clock: Clock, path: str, parameter: str, prefix: str, make: Make
) -> None:
    """Clerk answers 200 and leaves it to the reader to look."""
    token = make(local, ada)
    clock.now += 60
    response = await verify(local, path, {parameter: token.token})
    assert (response.status_code, response.json()["expired"]) == (200, True)


@each_kind
async def test_revoked_token_is_described_as_such(
    local: LocalClerk, ada: User, clock: Clock, path: str, parameter: str, prefix: str, make: Make
) -> None:
    """With the reason, if there was one."""
    token = make(local, ada)
    clock.now += 1
    local.revoke(token, reason="leaked")
    response = await verify(local, path, {parameter: token.token})
    answer = response.json()
    assert (response.status_code, answer["revoked"]) == (200, True)
    assert (answer["revocation_reason"], answer["updated_at"]) == ("leaked", 1_800_000_001_000)


@each_kind
async def test_tokens_of_other_kinds_are_not_found(
    local: LocalClerk, ada: User, path: str, parameter: str, prefix: str, make: Make
) -> None:
    """Each endpoint knows its own tokens only."""
    tokens = [make(local, ada) for other, _, _, make in KINDS if other != path]
    for text in (f"{prefix}unknown", *(token.token for token in tokens)):
        assert_error(await verify(local, path, {parameter: text}), 404, "resource_not_found")


@each_kind
async def test_python_sdks_name_is_understood(
    local: LocalClerk, ada: User, path: str, parameter: str, prefix: str, make: Make
) -> None:
    """Clerk's own SDK for Python says ``secret`` everywhere."""
    response = await verify(local, path, {"secret": make(local, ada).token})
    assert response.status_code == 200


@each_kind
@pytest.mark.parametrize("value", [None, "", 5, ["ak_1"]])
async def test_missing_token_is_an_error(
    local: LocalClerk, path: str, parameter: str, prefix: str, make: Make, value: object
) -> None:
    """So is one that is no text."""
    assert_error(await verify(local, path, {parameter: value}), 400, "form_param_nil")
    assert_error(await verify(local, path, [value]), 400, "request_invalid")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
async def test_body_that_is_no_json_is_an_error(
    local: LocalClerk, client: httpx.AsyncClient, body: bytes
) -> None:
    """Whatever it breaks off at."""
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    response = await client.post(f"https://api.clerk.com{M2M}", content=body, headers=headers)
    assert_error(response, 400, "request_invalid")


async def test_machine_secret_key_opens_one_endpoint(local: LocalClerk, ada: User) -> None:
    """It asks about M2M tokens, and nothing else."""
    token = local.create_m2m_token(local.add_machine("cron"))
    answers = [
        await verify(local, path, {"token": token.token}, local.machine_secret_key)
        for path in (M2M, f"/v1{M2M}", API_KEYS, OAUTH)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 401, 401]
    assert_error(answers[2], 401, "clerk_key_invalid")


async def test_api_key_of_a_user_and_of_an_organization(
    local: LocalClerk, ada: User, acme: Organization
) -> None:
    """Name, scopes and claims are said as they were given; some keys never expire."""
    key = local.create_api_key(ada, name="CI", scopes=["data:read"], claims={"tier": 2})
    answer = (await verify(local, API_KEYS, {"secret": key.token})).json()
    assert answer["object"] == answer["type"] == "api_key"
    assert (answer["name"], answer["scopes"], answer["claims"], answer["subject"]) == (
        *("CI", ["data:read"], {"tier": 2}, ada.id),
    )
    assert (answer["expiration"], answer["expired"]) == (None, False)
    theirs = local.create_api_key(acme)
    answer = (await verify(local, API_KEYS, {"secret": theirs.token})).json()
    assert (answer["subject"], answer["claims"]) == (acme.id, None)


async def test_oauth_token_names_client_audience_and_actor(local: LocalClerk, ada: User) -> None:
    """What nobody gave is left out."""
    actor = {"sub": "user_support"}
    full = local.create_oauth_token(ada, client_id="c_1", audience=["api"], actor=actor)
    answer = (await verify(local, OAUTH, {"access_token": full.token})).json()
    assert answer["object"] == "clerk_idp_oauth_access_token"
    assert (answer["client_id"], answer["aud"], answer["act"]) == ("c_1", ["api"], actor)
    bare = local.create_oauth_token("ada@example.com", client_id="c_1")
    answer = (await verify(local, OAUTH, {"access_token": bare.token})).json()
    assert not {"aud", "act"} & answer.keys()


async def test_m2m_token_as_jwt(local: LocalClerk) -> None:
    """Of the machine class; its own claims stand beside Clerk's and replace none."""
    machine = local.add_machine("cron")
    token = local.create_m2m_token(
        machine, scopes=["mch_a", "mch_b"], claims={"job": 7, "sub": "user_1"}, token_format="jwt"
    )
    check_signature(token.token, pem_key(local.jwt_key))
    header = header_of(token.token)
    assert (header["cat"], header["typ"]) == ("cl_B7d4PD333AAA", "JWT")
    assert claims_of(token.token) == {
        "exp": 1_800_003_600,
        "iat": 1_800_000_000,
        "iss": local.issuer,
        "job": 7,
        "jti": token.id,
        "nbf": 1_800_000_000,
        "scopes": "mch_a mch_b",
        "sub": machine.id,
    }
    assert (await verify(local, M2M, {"token": token.token})).json()["id"] == token.id


async def test_oauth_token_as_jwt(local: LocalClerk, ada: User) -> None:
    """Of its own type, without a class (RFC 9068)."""
    token = local.create_oauth_token(
        ada,
        client_id="c_1",
        scopes=["email", "data:read"],
        audience=["https://api.example.com"],
        actor={"sub": "user_support"},
        token_format="jwt",
    )
    check_signature(token.token, pem_key(local.jwt_key))
    header = header_of(token.token)
    assert (header["typ"], "cat" in header) == ("at+jwt", False)
    assert claims_of(token.token) == {
        "act": {"sub": "user_support"},
        "aud": ["https://api.example.com"],
        "client_id": "c_1",
        "exp": 1_800_086_400,
        "iat": 1_800_000_000,
        "iss": local.issuer,
        "jti": token.id,
        "nbf": 1_800_000_000,
        "scope": "email data:read",
        "sub": ada.id,
    }


def test_jwt_without_scopes_has_no_claim_for_them(local: LocalClerk, ada: User) -> None:
    """An absent claim, not an empty one."""
    m2m = local.create_m2m_token(local.add_machine("cron"), token_format="jwt")
    oauth = local.create_oauth_token(ada, client_id="c_1", token_format="jwt")
    assert "scopes" not in claims_of(m2m.token)
    assert not {"scope", "aud", "act"} & claims_of(oauth.token).keys()


def test_jwt_has_to_expire(local: LocalClerk, ada: User) -> None:
    """There would be no way to take it back."""
    with pytest.raises(ConfigurationError, match="has to expire"):
        local.create_oauth_token(ada, client_id="c_1", expires_in=None, token_format="jwt")


def test_token_is_sent_as_a_session_token_is(local: LocalClerk, ada: User) -> None:
    """As a bearer token; printing its record does not show it."""
    key = local.create_api_key(ada)
    assert local.bearer(key) == {"Authorization": f"Bearer {key.token}"}
    assert key.token not in repr(key)


def test_machines_may_have_ids_of_your_choice(local: LocalClerk) -> None:
    """As users may, for data that outlives the instance."""
    assert local.add_machine("cron", machine_id="mch_1") is local.machines["mch_1"]
    assert local.add_machine("mail").id.startswith("mch_")
