"""Durations and sizes that an operator may set, and those that stop the start-up."""

from typing import Any

import pytest

from clerk_fastapi import Clerk, ConfigurationError
from clerk_fastapi.testing import LocalClerk

DURATIONS = ["jwks_ttl", "jwks_stale_for", "jwks_cooldown", "backend_timeout"]


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "60", None])
def test_duration_that_is_none_stops_the_start_up(local: LocalClerk, name: str, value: Any) -> None:
    """A cache that never expires, or a call that never ends, is nobody's intention."""
    with pytest.raises(ConfigurationError, match=name):
        Clerk(**local.settings(), **{name: value})


@pytest.mark.parametrize("value", [-1, 1.5, True, "10", None])
def test_memory_size_that_is_none_stops_the_start_up(local: LocalClerk, value: Any) -> None:
    """Tokens are counted in whole numbers."""
    with pytest.raises(ConfigurationError, match="token_memory"):
        Clerk(**local.settings(), token_memory=value)
