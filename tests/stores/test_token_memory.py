"""One process remembers what it verified: bounded, by digest, and apart from any other."""

import pytest

from clerk_fastapi.protocol.verify import VerifiedToken
from clerk_fastapi.stores.tokens import TokenMemory
from tests.protocol.material import identity, verification_key


def verified(payload: bytes = b"{}") -> VerifiedToken:
    """A token that was believed."""
    return VerifiedToken(identity(), payload, verification_key())


def put(memory: TokenMemory, *tokens: bytes) -> None:
    """Remember some tokens, in this order."""
    for token in tokens:
        memory.put(memory.digest(token), verified())


def knows(memory: TokenMemory, token: bytes) -> bool:
    """Whether a token is remembered; asking counts as using it."""
    return memory.get(memory.digest(token)) is not None


def test_what_was_put_is_got() -> None:
    """The very same object comes back, and nothing for other tokens."""
    memory, known = TokenMemory(4), verified()
    digest = memory.digest(b"token")
    assert memory.get(digest) is None
    memory.put(digest, known)
    assert memory.get(digest) is known
    for other in (b"token ", b"Token", b"", digest):
        assert not knows(memory, other)


def test_latest_finding_counts() -> None:
    """A token that was verified anew, with a new key, replaces what was known of it."""
    memory, renewed = TokenMemory(4), verified(b'{"renewed":true}')
    put(memory, b"token")
    memory.put(memory.digest(b"token"), renewed)
    assert memory.get(memory.digest(b"token")) is renewed


@pytest.mark.parametrize("size", [1, 2, 50])
def test_memory_is_bounded(size: int) -> None:
    """However many tokens come, only so many are kept: those that came last."""
    memory = TokenMemory(size)
    tokens = [b"%d" % number for number in range(size * 3)]
    put(memory, *tokens)
    assert [knows(memory, token) for token in tokens] == [False] * size * 2 + [True] * size


def test_least_recently_used_is_forgotten_first() -> None:
    """Whoever is active stays known."""
    memory = TokenMemory(2)
    put(memory, b"first", b"second")
    assert knows(memory, b"first")
    put(memory, b"third")
    assert knows(memory, b"first")
    assert not knows(memory, b"second")


def test_token_can_be_forgotten() -> None:
    """One is dropped, the others stay, and dropping twice does no harm."""
    memory = TokenMemory(4)
    put(memory, b"one", b"two")
    memory.forget(memory.digest(b"one"))
    memory.forget(memory.digest(b"one"))
    assert not knows(memory, b"one")
    assert knows(memory, b"two")


def test_memory_holds_no_token() -> None:
    """Whoever reads the memory of the process finds digests, with which nobody can sign in."""
    memory = TokenMemory(4)
    put(memory, b"header.payload.signature")
    held = repr(vars(memory))
    assert "signature" not in held
    assert len(memory.digest(b"header.payload.signature")) == 32
    assert len(held) > 64  # or nothing would have been looked at


def test_memories_share_nothing() -> None:
    """What one instance believes is nothing to another."""
    one, other = TokenMemory(4), TokenMemory(4)
    put(one, b"token")
    assert not knows(other, b"token")
