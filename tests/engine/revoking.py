"""Revocations of one process, for tests of those who ask them."""

from collections.abc import Callable

from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.memory import MemoryStore

__all__ = ["revocations"]


def revocations(clock: Callable[[], float], longest_token: float | None = None) -> Revocations:
    """Nobody is revoked yet."""
    memory = 3_600 if longest_token is None else longest_token
    return Revocations(
        MemoryStore(),
        Ledger(clock),
        clock,
        longest_token=longest_token,
        memory=memory,
        memory_of_users=86_400,
    )
