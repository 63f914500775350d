"""No forged token passes, each for its own reason, whatever the keys come from."""

import pytest

from clerk_fastapi import BackendUnavailable, Clerk, ConfigurationError, TokenError
from clerk_fastapi.testing import FORGERIES, LocalClerk, Session
from tests.testing.reading import check_signature, pem_key

pytestmark = pytest.mark.anyio

ORIGIN = "http://localhost:8000"


async def reason(clerk: Clerk, token: str) -> str:
    """Why the token is refused."""
    async with clerk:
        try:
            await clerk.verify_token(token)
        except (TokenError, BackendUnavailable) as error:
            return error.code
    return "accepted"


@pytest.mark.parametrize(("name", "code"), FORGERIES.items())
async def test_forgery_is_refused(
    local: LocalClerk, session: Session, name: str, code: str
) -> None:
    """With the instance's published keys, every forgery is refused with its reason code."""
    clerk = Clerk(**local.settings(), authorized_parties=[ORIGIN])
    assert await reason(clerk, local.forge(name, session)) == code


@pytest.mark.parametrize(("name", "code"), FORGERIES.items())
async def test_forgery_is_refused_without_a_network(
    local: LocalClerk, session: Session, name: str, code: str
) -> None:
    """With the instance's PEM, a stranger's key is only a wrong signature."""
    clerk = Clerk(**local.settings(), jwt_key=local.jwt_key, authorized_parties=[ORIGIN])
    expected = "token-invalid-signature" if code == "jwk-kid-mismatch" else code
    assert await reason(clerk, local.forge(name, session)) == expected
    assert local.requests == []


async def test_the_original_is_accepted(local: LocalClerk, session: Session) -> None:
    """What the forgeries start from is beyond doubt, so each one is refused for what it changes."""
    clerk = Clerk(**local.settings(), authorized_parties=[ORIGIN])
    assert await reason(clerk, local.token(session)) == "accepted"


async def test_forgeries_without_authorized_parties(local: LocalClerk, session: Session) -> None:
    """Where nobody said which origins are authorized, those of other origins pass."""
    token = local.forge("azp-foreign", session)
    assert await reason(Clerk(**local.settings()), token) == "accepted"


@pytest.mark.parametrize(
    "name", ["expired", "sub-number", "cat-template", "crit-unknown", "payload-null", "azp-foreign"]
)
def test_wrong_words_carry_a_right_signature(
    local: LocalClerk, session: Session, name: str
) -> None:
    """Where a forgery is about what the token says, its signature is the instance's own."""
    check_signature(local.forge(name, session), pem_key(local.jwt_key))


def test_unknown_forgery_is_refused(local: LocalClerk, session: Session) -> None:
    """A misspelt name does not quietly make a good token."""
    with pytest.raises(ConfigurationError, match="alg-nome"):
        local.forge("alg-nome", session)
