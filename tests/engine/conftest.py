"""A local instance with one member of an organization, and ``Clerk`` objects connected to it."""

from collections.abc import Callable
from typing import Any

import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.testing import LocalClerk, Session, SigningKey
from tests.engine.clock import Clock
from tests.engine.connections import HOST

ORIGIN = f"https://{HOST}"


@pytest.fixture(scope="session")
def key() -> SigningKey:
    """A key for every test that wants no other."""
    return SigningKey.generate()


@pytest.fixture
def clock() -> Clock:
    """The time, as the test wants it."""
    return Clock()


@pytest.fixture
def local(clock: Clock, key: SigningKey) -> LocalClerk:
    """An instance whose tokens carry metadata."""
    return LocalClerk(
        clock=clock,
        signing_key=key,
        session_claims={"metadata": "{{user.public_metadata}}"},
    )


@pytest.fixture
def session(local: LocalClerk) -> Session:
    """An admin of an organization, signed in on a page of the application."""
    ada = local.add_user("ada@example.com", public_metadata={"plan": "pro"}, features=["beta"])
    acme = local.add_organization("acme", plan="pro", features=["data"])
    local.add_member(acme, ada, role="org:admin", permissions=["org:data:read", "org:data:write"])
    return local.sign_in(ada, organization=acme, origin=ORIGIN)


@pytest.fixture
def make_clerk(local: LocalClerk) -> Callable[..., Clerk[Any]]:
    """Return a function that makes a ``Clerk`` of the local instance, with further arguments."""

    def make(**arguments: Any) -> Clerk[Any]:
        return Clerk(**local.settings() | arguments)

    return make


@pytest.fixture
def clerk(make_clerk: Callable[..., Clerk[Any]]) -> Clerk[Any]:
    """A ``Clerk`` as most applications have it."""
    return make_clerk(authorized_parties=[ORIGIN])


@pytest.fixture
def production(clock: Clock, key: SigningKey) -> LocalClerk:
    """A production instance, whose cookies travel between subdomains."""
    return LocalClerk(
        clock=clock, signing_key=key, host="clerk.example.com", instance_type="production"
    )


@pytest.fixture
def visitor(production: LocalClerk) -> Session:
    """A user of it, signed in on a page of the application."""
    return production.sign_in(production.add_user("eve@example.com"), origin=ORIGIN)
