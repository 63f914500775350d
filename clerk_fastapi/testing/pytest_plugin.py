"""Fixtures for pytest: ``pytest_plugins = ["clerk_fastapi.testing.pytest_plugin"]``."""

from __future__ import annotations

import pytest

from clerk_fastapi.testing.local import LocalClerk
from clerk_fastapi.testing.signing import SigningKey

__all__ = ["local_clerk", "local_clerk_key"]


@pytest.fixture(scope="session")
def local_clerk_key() -> SigningKey:
    """The key that all tests share, since making one takes longer than most tests."""
    return SigningKey.generate()


@pytest.fixture
def local_clerk(local_clerk_key: SigningKey) -> LocalClerk:
    """A Clerk of the test's own, with nobody in it yet."""
    return LocalClerk(signing_key=local_clerk_key)
