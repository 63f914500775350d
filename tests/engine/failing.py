"""Clerk, failing to end certain sessions."""

from typing import Any

import pytest

from clerk_fastapi import Clerk

__all__ = ["Failing"]


class Failing:
    """Has Clerk fail to end certain sessions."""

    def __init__(self, clerk: Clerk[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.failures: dict[str, Exception] = {}
        self.asked: list[str] = []
        part: Any = clerk.backend.sessions
        revoke = part.revoke_async

        async def revoke_or_fail(*, session_id: str) -> Any:
            self.asked.append(session_id)
            if session_id in self.failures:
                raise self.failures[session_id]
            return await revoke(session_id=session_id)

        monkeypatch.setattr(part, "revoke_async", revoke_or_fail)
