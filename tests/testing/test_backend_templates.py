"""JWT templates: tokens for services that want to read something of their own."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from clerk_backend_api import models

from clerk_fastapi import ConfigurationError
from clerk_fastapi.testing import LocalClerk, Organization, Session, User
from tests.testing.conftest import Clock
from tests.testing.official import IGNORED, Official, codes
from tests.testing.reading import check_signature, claims_of, decode, header_of, pem_key

pytestmark = [pytest.mark.anyio, IGNORED]

CLAIMS = {
    "aud": "authenticated",
    "role": "authenticated",
    "email": "{{user.primary_email_address}}",
    "app_metadata": {"org": "{{org.slug}}", "seats": "{{user.public_metadata.seats}}"},
}


async def test_token_of_a_template(
    official: Official, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Says what was agreed and who it is, in a category that signs nobody in."""
    local.add_jwt_template("supabase", claims=CLAIMS, lifetime=120, allowed_clock_skew=7)
    clock.now += 5
    jwt = (
        await official.sessions.create_token_from_template(
            session_id=session.id, template_name="supabase"
        )
    ).jwt
    check_signature(jwt, pem_key(local.jwt_key))
    key = local.jwks()["keys"][0]["kid"]
    assert header_of(jwt) == {
        "alg": "RS256",
        "cat": "cl_B7d4PD222AAA",
        "kid": key,
        "typ": "JWT",
    }
    claims = claims_of(jwt)
    assert len(claims.pop("jti")) == 20
    assert claims == {
        "app_metadata": {"org": "acme", "seats": 3},
        "aud": "authenticated",
        "email": "ada@example.com",
        "exp": clock.now + 120,
        "iat": clock.now,
        "iss": local.issuer,
        "nbf": clock.now - 7,
        "role": "authenticated",
        "sub": session.user.id,
    }
    assert session.last_active_at == clock.now
    assert local.session_of(jwt) is None


async def test_life_of_a_template_can_be_overridden(
    official: Official, local: LocalClerk, session: Session
) -> None:
    """For one token."""
    local.add_jwt_template("supabase", claims={})
    for life in (30, 3_600):
        token = await official.sessions.create_token_from_template(
            session_id=session.id, template_name="supabase", expires_in_seconds=life
        )
        assert claims_of(token.jwt)["exp"] - claims_of(token.jwt)["iat"] == life


async def test_template_with_a_key_of_its_own(local: LocalClerk, session: Session) -> None:
    """Is verified by whoever shares it, and not by the instance's keys."""
    local.add_jwt_template("hasura", claims={"x": 1}, signing_key="shared secret")
    jwt = local.template_token(session, "hasura")
    signed, _, signature = jwt.rpartition(".")
    mac = hmac.new(b"shared secret", signed.encode(), hashlib.sha256).digest()
    assert decode(signature) == mac
    assert (header_of(jwt)["alg"], "kid" in header_of(jwt)) == ("HS256", False)
    assert claims_of(jwt)["x"] == 1
    assert "shared secret" not in repr(local.jwt_templates.by_id.values())


async def test_unknown_template_is_not_found(
    official: Official, local: LocalClerk, session: Session
) -> None:
    """By its name; its id is none."""
    template = local.add_jwt_template("supabase", claims={})
    for name in ("hasura", template.id):
        with pytest.raises(models.ClerkErrors) as caught:
            await official.sessions.create_token_from_template(
                session_id=session.id, template_name=name
            )
        assert codes(caught.value, 404) == ["resource_not_found"]


async def test_templates_are_made_changed_and_deleted(
    official: Official, local: LocalClerk, clock: Clock
) -> None:
    """As on the page of the Clerk dashboard."""
    made = await official.jwt_templates.create(
        request={"name": "supabase", "claims": {}, "lifetime": 90}
    )
    assert (made.name, made.lifetime, made.allowed_clock_skew) == ("supabase", 90, 5)
    assert (made.custom_signing_key, made.signing_algorithm) == (False, "RS256")
    clock.now += 1
    changed = await official.jwt_templates.update(
        template_id=made.id,
        name="hasura",
        claims={},
        custom_signing_key=True,
        signing_algorithm="HS256",
        signing_key="shared secret",
    )
    assert (changed.name, changed.lifetime, changed.signing_algorithm) == ("hasura", 90, "HS256")
    assert changed.updated_at - changed.created_at == 1000
    assert local.jwt_templates.by_id[made.id].signing_key == "shared secret"
    back = await official.jwt_templates.update(
        template_id=made.id, name="hasura", claims={}, custom_signing_key=False
    )
    assert not back.custom_signing_key
    assert (await official.jwt_templates.get(template_id=made.id)).name == "hasura"
    other = local.add_jwt_template("convex", claims={"aud": "convex"})
    listed = await official.jwt_templates.list()
    assert [template.id for template in listed] == [other.id, made.id]
    gone = await official.jwt_templates.delete(template_id=made.id)
    assert (gone.object, gone.id, gone.deleted) == ("jwt_template", made.id, True)
    with pytest.raises(models.ClerkErrors) as caught:
        await official.jwt_templates.get(template_id=made.id)
    assert codes(caught.value, 404) == ["resource_not_found"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": ""}, "form_param_value_invalid"),
        ({"name": "taken"}, "form_identifier_exists"),
        ({"lifetime": 29}, "form_param_value_invalid"),
        ({"lifetime": 315_360_001}, "form_param_value_invalid"),
        ({"allowed_clock_skew": 301}, "form_param_value_invalid"),
        ({"signing_algorithm": "HS512"}, "form_param_value_invalid"),
        ({"custom_signing_key": True}, "form_param_value_invalid"),
        ({"custom_signing_key": True, "signing_key": "k"}, "form_param_value_invalid"),
        (
            {"custom_signing_key": True, "signing_key": "k", "signing_algorithm": "RS256"},
            "form_param_value_invalid",
        ),
    ],
)
async def test_template_that_cannot_be_is_refused(
    client_in_process: Official, local: LocalClerk, fields: dict[str, Any], code: str
) -> None:
    """New or changed."""
    local.add_jwt_template("taken", claims={})
    mine = local.add_jwt_template("mine", claims={})
    before = repr(mine)
    with pytest.raises(models.ClerkErrors) as caught:
        await client_in_process.jwt_templates.create(
            request={"name": "new", "claims": {}, **fields}
        )
    assert codes(caught.value, 422) == [code]
    with pytest.raises(models.ClerkErrors) as caught:
        await client_in_process.jwt_templates.update(
            **{"template_id": mine.id, "name": "mine", "claims": {}, **fields}
        )
    assert codes(caught.value, 422) == [code]
    assert (len(local.jwt_templates.by_id), repr(mine)) == (2, before)


@pytest.mark.parametrize("claim", ["azp", "exp", "iat", "iss", "jti", "nbf", "sub"])
def test_claims_of_clerks_own_cannot_be_chosen(local: LocalClerk, claim: str) -> None:
    """Nobody can have a token say that he is somebody else."""
    with pytest.raises(ConfigurationError, match=claim):
        local.add_jwt_template("evil", claims={claim: "x"})


def test_record_of_a_template_cannot_choose_them_either(
    local: LocalClerk, session: Session
) -> None:
    """Clerk's own claims are written last."""
    template = local.add_jwt_template("evil", claims={})
    template.claims["sub"] = "user_somebody_else"
    assert claims_of(local.template_token(session, "evil"))["sub"] == session.user.id


def test_template_names_are_unique(local: LocalClerk, session: Session) -> None:
    """And there are no tokens of templates that are not there."""
    local.add_jwt_template("supabase", claims={})
    with pytest.raises(ConfigurationError, match="already"):
        local.add_jwt_template("supabase", claims={})
    with pytest.raises(ConfigurationError, match="no JWT template hasura"):
        local.template_token(session, "hasura")


def test_shortcodes_know_more_of_a_user(local: LocalClerk, ada: User, acme: Organization) -> None:
    """What else other services ask for."""
    local.update_user(ada, username="ada", external_id="7", unsafe_metadata={"theme": "dark"})
    actor = {"sub": "user_support"}
    session = local.sign_in(ada, organization=acme, actor=actor)
    names = ("username", "external_id", "unsafe_metadata", "created_at", "email_verified")
    codes_ = {name: f"{{{{user.{name}}}}}" for name in names}
    local.add_jwt_template("all", claims={**codes_, "actor": "{{session.actor}}"})
    claims = claims_of(local.template_token(session, "all"))
    assert [claims[name] for name in names] == (
        ["ada", "7", {"theme": "dark"}, 1_800_000_000_000, True]
    )
    assert claims["actor"] == actor


def test_key_may_be_any_text(local: LocalClerk, session: Session) -> None:
    """Base64 is text like any other."""
    key = base64.b64encode(b"\0" * 32).decode()
    local.add_jwt_template("hasura", claims={}, signing_key=key)
    signed, _, signature = local.template_token(session, "hasura").rpartition(".")
    assert decode(signature) == hmac.digest(key.encode(), signed.encode(), "sha256")
