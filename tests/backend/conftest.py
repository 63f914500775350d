"""A publisher of keys, a cache of them, and an instance with one signed-in user."""

import pytest

from clerk_fastapi.backend.jwks import JwksCache
from clerk_fastapi.testing import LocalClerk, Session, SigningKey
from tests.backend.clock import Clock
from tests.backend.publisher import Publisher


@pytest.fixture
def clock() -> Clock:
    """The time, as the test wants it."""
    return Clock()


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    """A key for every test that wants no other."""
    return SigningKey.generate()


@pytest.fixture
def publisher(signing_key: SigningKey) -> Publisher:
    """One published key, ``ins_1``."""
    return Publisher(signing_key)


@pytest.fixture
def cache(publisher: Publisher, clock: Clock) -> JwksCache:
    """A cold cache of what the publisher publishes."""
    return publisher.cache(clock)


@pytest.fixture
def local(clock: Clock, signing_key: SigningKey) -> LocalClerk:
    """An instance with one user."""
    local = LocalClerk(clock=clock, signing_key=signing_key)
    local.add_user("ada@example.com")
    return local


@pytest.fixture
def session(local: LocalClerk) -> Session:
    """That user's session."""
    return local.sign_in("ada@example.com")
