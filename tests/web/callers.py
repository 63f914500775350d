"""What each of several callers is answered."""

from fastapi import FastAPI

from tests.web.conftest import Headers
from tests.web.serving import statuses

__all__ = ["answers", "let_in"]


async def answers(app: FastAPI, path: str, callers: dict[str, Headers]) -> dict[str, int]:
    """What each caller is answered."""
    found = await statuses(app, path, *callers.values())
    return dict(zip(callers, found, strict=True))


def let_in(found: dict[str, int]) -> set[str]:
    """Who got in; everybody else was refused with 401."""
    assert set(found.values()) <= {200, 401}
    return {name for name, status in found.items() if status == 200}
