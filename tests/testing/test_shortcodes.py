"""Session tokens are customized as in the Clerk dashboard."""

import pytest

from clerk_fastapi import ConfigurationError
from clerk_fastapi.testing import LocalClerk, Session, SigningKey
from clerk_fastapi.testing.shortcodes import fill, values
from clerk_fastapi.testing.tokens import Version
from tests.testing.reading import claims_of

SHORTCODES = [
    ("{{user.public_metadata}}", {"role": "admin", "seats": 3, "tags": {"beta": True}}),
    ("{{user.public_metadata.seats}}", 3),
    ("{{ user.public_metadata.tags.beta }}", True),
    ("{{user.primary_email_address}}", "ada@example.com"),
    ("{{user.first_name}}", "Ada"),
    ("{{user.full_name}}", "Ada Lovelace"),
    ("{{org.slug}}", "acme"),
    ("{{org.role}}", "org:admin"),
    ("{{user.unheard_of}}", None),
    ("{{user.first_name.deeper}}", None),
    ("{{nobody}}", None),
    ("Dear {{user.first_name}} of {{org.name}}", "Dear Ada of Acme"),
    ("{{user.public_metadata.seats}} seats", "3 seats"),
    ("beta: {{user.public_metadata.tags}}", 'beta: {"beta": true}'),
    ("<{{user.unheard_of}}>", "<>"),
    ("{{not a shortcode}}", "{{not a shortcode}}"),
    ("plain", "plain"),
    ("", ""),
    (5, 5),
    (None, None),
    (["{{org.slug}}", {"deep": "{{org.slug}}"}], ["acme", {"deep": "acme"}]),
]


@pytest.mark.parametrize(("template", "expected"), SHORTCODES, ids=lambda value: str(value)[:40])
def test_shortcode_is_filled_in(
    local: LocalClerk, session: Session, template: object, expected: object
) -> None:
    """Alone it keeps its JSON type, in other text it becomes text, at any depth."""
    assert fill(template, values(session, local.membership(session))) == expected


def test_organization_shortcodes_are_null_in_the_personal_account(
    local: LocalClerk, session: Session
) -> None:
    """Without an active organization there is nothing to name."""
    session.organization = None
    assert fill("{{org.slug}}", values(session, local.membership(session))) is None


def test_name_of_somebody_without_one_is_null(local: LocalClerk) -> None:
    """No first and no last name make no full name."""
    session = local.sign_in(local.add_user("bob@example.com"))
    assert fill("{{user.full_name}}", values(session, None)) is None


@pytest.mark.parametrize("version", [1, 2])
def test_custom_claims_are_in_every_token(key: SigningKey, version: Version) -> None:
    """What was customized is there in both versions, beside Clerk's own claims."""
    template = {"email": "{{user.primary_email_address}}", "aud": "app"}
    local = LocalClerk(session_claims=template, signing_key=key)
    session = local.sign_in(local.add_user("ada@example.com"))
    claims = claims_of(local.token(session, version=version))
    assert (claims["email"], claims["aud"]) == ("ada@example.com", "app")
    assert claims["sid"] == session.id


@pytest.mark.parametrize("claim", ["sub", "sid", "exp", "o", "org_permissions", "v"])
def test_claims_of_clerks_own_cannot_be_customized(claim: str) -> None:
    """Customizing never replaces what Clerk says itself."""
    with pytest.raises(ConfigurationError, match=claim):
        LocalClerk(session_claims={claim: "x"})
