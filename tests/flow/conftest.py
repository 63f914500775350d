"""An instance of either kind with one user, an application of its own, and a browser."""

from collections.abc import Iterator

import pytest

from clerk_fastapi.testing import LocalClerk, SigningKey, User
from tests.backend.clock import Clock
from tests.flow.serving import Address, Browser, Site, address, open_site


@pytest.fixture
def clock() -> Clock:
    """The time, as the test wants it."""
    return Clock()


@pytest.fixture(scope="session")
def key() -> SigningKey:
    """A key for every test that wants no other."""
    return SigningKey.generate()


@pytest.fixture(scope="session")
def clerks_address() -> Iterator[Address]:
    """Where the instance of each test is served."""
    with address() as place:
        yield place


@pytest.fixture
def development(clerks_address: Address, clock: Clock, key: SigningKey) -> Iterator[LocalClerk]:
    """A development instance, being served: it hands over by the query."""
    with clerks_address.of(LocalClerk(signing_key=key, clock=clock)) as local:
        yield local


@pytest.fixture
def production(clerks_address: Address, clock: Clock, key: SigningKey) -> Iterator[LocalClerk]:
    """A production instance, being served: it hands over by cookies."""
    local = LocalClerk(
        host="clerk.example.com", instance_type="production", signing_key=key, clock=clock
    )
    with clerks_address.of(local):
        yield local


@pytest.fixture(params=["development", "production"])
def local(request: pytest.FixtureRequest) -> LocalClerk:
    """An instance of either kind."""
    local: LocalClerk = request.getfixturevalue(request.param)
    return local


@pytest.fixture
def ada(local: LocalClerk) -> User:
    """A user."""
    return local.add_user("ada@example.com")


@pytest.fixture
def site(local: LocalClerk) -> Iterator[Site]:
    """An application of that instance."""
    with open_site(local) as site:
        yield site


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser that has been nowhere."""
    with Browser() as browser:
        yield browser
