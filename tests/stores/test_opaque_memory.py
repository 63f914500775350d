"""A yes of Clerk's is remembered for a short time: never longer than asked, or than it is true."""

from dataclasses import replace

import pytest

from clerk_fastapi.protocol.machine import MachineToken
from clerk_fastapi.stores.tokens import OpaqueMemory

NOW = 1_800_000_000
TOKEN = MachineToken("api_key", "ak_1", "user_1", expires_at=None)


def test_what_was_put_is_got() -> None:
    """The very same object, and nothing for other tokens."""
    memory = OpaqueMemory(30)
    assert memory.get(b"ak_opaque", NOW) is None
    memory.put(b"ak_opaque", TOKEN, NOW)
    assert memory.get(b"ak_opaque", NOW) is TOKEN
    assert memory.get(b"ak_opaqu", NOW) is None


def test_yes_is_good_for_its_time() -> None:
    """After that Clerk is asked again, so that a revocation takes no longer."""
    memory = OpaqueMemory(30)
    memory.put(b"ak_opaque", TOKEN, NOW)
    assert memory.get(b"ak_opaque", NOW + 29.9) is TOKEN
    assert memory.get(b"ak_opaque", NOW + 30) is None
    assert memory.get(b"ak_opaque", NOW) is None, "it was forgotten"


def test_token_is_not_remembered_beyond_its_own_expiry() -> None:
    """The clock has the last word."""
    memory, short = OpaqueMemory(30), replace(TOKEN, expires_at=NOW + 10)
    memory.put(b"ak_opaque", short, NOW)
    assert memory.get(b"ak_opaque", NOW + 9.9) is short
    assert memory.get(b"ak_opaque", NOW + 10) is None


def test_clock_that_was_set_back_prolongs_nothing() -> None:
    """An answer from the future is of unknown age."""
    memory = OpaqueMemory(30)
    memory.put(b"ak_opaque", TOKEN, NOW)
    assert memory.get(b"ak_opaque", NOW - 1) is None


@pytest.mark.parametrize("size", [1, 50])
def test_memory_is_bounded(size: int) -> None:
    """However many tokens come, only those that came last are kept."""
    memory = OpaqueMemory(30, size)
    tokens = [b"ak_%d" % number for number in range(size * 3)]
    for token in tokens:
        memory.put(token, TOKEN, NOW)
    known = [memory.get(token, NOW) is not None for token in tokens]
    assert known == [False] * size * 2 + [True] * size


def test_memory_holds_no_token() -> None:
    """Whoever reads the memory of the process finds digests, with which nobody can call."""
    memory = OpaqueMemory(30)
    memory.put(b"ak_opaque", TOKEN, NOW)
    held = repr(vars(memory))
    assert "ak_opaque" not in held
    assert "ak_1" in held  # or nothing would have been looked at
