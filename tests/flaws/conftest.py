"""A production instance and a development instance, and the same user signed in at both."""

import pytest

from clerk_fastapi.testing import LocalClerk, Session, SigningKey
from tests.backend.clock import Clock
from tests.flaws.application import ORIGIN


@pytest.fixture
def clock() -> Clock:
    """The time, as the test wants it."""
    return Clock()


@pytest.fixture(scope="session")
def key() -> SigningKey:
    """A key for every test that wants no other."""
    return SigningKey.generate()


@pytest.fixture(scope="session")
def other_key() -> SigningKey:
    """A key of somebody else."""
    return SigningKey.generate()


@pytest.fixture
def live(clock: Clock, key: SigningKey) -> LocalClerk:
    """A production instance."""
    return LocalClerk(
        host="clerk.example.com",
        instance_type="production",
        allowed_origins=[ORIGIN],
        signing_key=key,
        clock=clock,
    )


@pytest.fixture
def dev(clock: Clock, key: SigningKey) -> LocalClerk:
    """A development instance."""
    return LocalClerk(signing_key=key, clock=clock)


def _signed_in(local: LocalClerk) -> Session:
    ada = local.add_user("ada@example.com")
    acme = local.add_organization("acme", features=["data"])
    local.add_member(acme, ada, role="org:admin", permissions=["org:data:read"])
    return local.sign_in(ada, organization=acme, origin=ORIGIN)


@pytest.fixture
def ada(live: LocalClerk) -> Session:
    """Ada's session at the production instance, in an organization that she administers."""
    return _signed_in(live)


@pytest.fixture
def dev_ada(dev: LocalClerk) -> Session:
    """The same at the development instance."""
    return _signed_in(dev)
