"""An instance with two members of one organization, and a Clerk that belongs to it."""

import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.testing import LocalClerk, Session, SigningKey
from tests.backend.clock import Clock

Headers = dict[str, str]


@pytest.fixture
def clock() -> Clock:
    """The time, as the test wants it."""
    return Clock()


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    """A key for every test that wants no other."""
    return SigningKey.generate()


@pytest.fixture
def local(clock: Clock, signing_key: SigningKey) -> LocalClerk:
    """Ada, an admin of acme who reads and writes data, and Bob, a member who may do nothing."""
    local = LocalClerk(clock=clock, signing_key=signing_key)
    local.add_organization("acme", plan="pro", features=["data"])
    local.add_user("ada@example.com")
    local.add_user("bob@example.com")
    local.add_member(
        "acme",
        "ada@example.com",
        role="org:admin",
        permissions=["org:data:read", "org:data:write"],
    )
    local.add_member("acme", "bob@example.com", permissions=[])
    return local


@pytest.fixture
def other(clock: Clock) -> LocalClerk:
    """Another instance, with one user; its key has a name of its own."""
    other = LocalClerk(host="other-0.clerk.accounts.dev", clock=clock)
    other.add_user("eve@example.com")
    return other


@pytest.fixture
def clerk(local: LocalClerk) -> Clerk:
    """What guards applications with that instance's tokens."""
    return Clerk(**local.settings())


@pytest.fixture
def ada_session(local: LocalClerk) -> Session:
    """Ada's session, with acme active."""
    return local.sign_in("ada@example.com", organization="acme", factor_verification_age=(0, 0))


@pytest.fixture
def ada(local: LocalClerk, ada_session: Session) -> Headers:
    """What Ada's requests carry."""
    return local.bearer(ada_session)


@pytest.fixture
def bob(local: LocalClerk) -> Headers:
    """What Bob's requests carry, with acme active and his factors verified an hour ago."""
    session = local.sign_in(
        "bob@example.com", organization="acme", factor_verification_age=(61, 61)
    )
    return local.bearer(session)


@pytest.fixture
def eve(other: LocalClerk) -> Headers:
    """What requests of the other instance's user carry."""
    return other.bearer(other.sign_in("eve@example.com"))


@pytest.fixture
def callers(local: LocalClerk, ada_session: Session, ada: Headers) -> dict[str, Headers]:
    """What requests of every kind carry; machines may read data."""
    billing, user = local.add_machine("billing"), ada_session.user
    scopes = ["data:read"]
    m2m = local.create_m2m_token(billing, scopes=scopes)
    oauth = local.create_oauth_token(user, client_id="mail", scopes=scopes)
    tokens = {
        "key": local.create_api_key(user, scopes=scopes, claims={"tier": "gold"}).token,
        "org key": local.create_api_key(local.organization("acme"), scopes=scopes).token,
        "m2m": m2m.token,
        "m2m JWT": local.as_jwt(m2m),
        "oauth": oauth.token,
        "oauth JWT": local.as_jwt(oauth),
    }
    headers = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    return headers | {"session": ada, "nobody": {}}
