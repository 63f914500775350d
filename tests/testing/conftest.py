"""A local Clerk with one member, under a clock that only the test turns."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk, Organization, Session, SigningKey, User
from tests.testing.official import WAYS, Official, asking


@dataclass
class Clock:
    """Seconds since the epoch; turn it by adding to ``now``."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time, as the test wants it."""
    return Clock()


@pytest.fixture(scope="session")
def key() -> SigningKey:
    """A key for every test that wants no other."""
    return SigningKey.generate()


@pytest.fixture
def local(clock: Callable[[], float], key: SigningKey) -> LocalClerk:
    """An instance with nobody in it."""
    return LocalClerk(clock=clock, signing_key=key)


@pytest.fixture
def ada(local: LocalClerk) -> User:
    """A user with a plan, a feature and metadata."""
    return local.add_user(
        "ada@example.com",
        first_name="Ada",
        last_name="Lovelace",
        public_metadata={"role": "admin", "seats": 3, "tags": {"beta": True}},
        plan="free",
        features=["export"],
    )


@pytest.fixture
def acme(local: LocalClerk, ada: User) -> Organization:
    """An organization with two features, in which Ada has permissions for both."""
    acme = local.add_organization("acme", plan="pro", features=["data", "settings"])
    permissions = ["org:data:read", "org:data:write", "org:settings:manage"]
    local.add_member(acme, ada, role="org:admin", permissions=permissions)
    return acme


@pytest.fixture
def session(local: LocalClerk, ada: User, acme: Organization) -> Session:
    """Ada at work."""
    return local.sign_in(ada, organization=acme, origin="http://localhost:8000")


@pytest.fixture
def production(clock: Callable[[], float], key: SigningKey) -> LocalClerk:
    """A production instance with nobody in it, for pages of one allowed origin."""
    return LocalClerk(
        host="clerk.example.com",
        instance_type="production",
        allowed_origins=["https://app.example.com"],
        clock=clock,
        signing_key=key,
    )


@pytest.fixture
async def client(local: LocalClerk) -> AsyncIterator[httpx.AsyncClient]:
    """A client all of whose requests end up at the instance."""
    async with httpx.AsyncClient(transport=local.transport()) as client:
        yield client


@pytest.fixture(params=WAYS)
async def official(local: LocalClerk, request: pytest.FixtureRequest) -> AsyncIterator[Official]:
    """The official client, connected with the instance in each of its ways."""
    async with asking(local, request.param) as official:
        yield official


@pytest.fixture
async def client_in_process(local: LocalClerk) -> AsyncIterator[Official]:
    """The official client in the one way that costs no time, for what is the same in all."""
    async with asking(local, "async-in-process") as official:
        yield official
