"""Watching guards at work."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from clerk_fastapi import Guard


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is demanded, each time that a guard judges."""
    demands: list[str] = []
    admit: Callable[..., Awaitable[Any]] = Guard.admit

    async def counted(guard: Guard, *args: Any, **kwargs: Any) -> Any:
        demands.append(str(guard.model.description))
        return await admit(guard, *args, **kwargs)

    monkeypatch.setattr(Guard, "admit", counted)
    return demands
