"""Fixtures for pytest: ``pytest_plugins = ["clerk_fastapi.testing.pytest_plugin"]``."""

from __future__ import annotations

import pytest

from clerk_fastapi.testing.local import LocalClerk

__all__ = ["local_clerk"]


@pytest.fixture
def local_clerk() -> LocalClerk:
    """A Clerk of the test's own, with nobody in it yet."""
    return LocalClerk()
