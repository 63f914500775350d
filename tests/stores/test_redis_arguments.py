"""What a RedisStore is told wrongly stops the start-up, and what it is told is not repeated."""

from typing import Any, cast

import pytest

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.stores.redis import RedisStore


@pytest.mark.parametrize(
    "url",
    ["", "localhost:6379", "http://localhost", "redis://:hunter2@host:port/0", 6379, None],
)
def test_malformed_url_stops_the_start_up(url: object) -> None:
    """With a sentence that does not repeat it: it may hold a password."""
    with pytest.raises(ConfigurationError, match="redis://") as raised:
        RedisStore(cast("str", url))
    told = f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}"
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "arguments", [{"on_outage": "ignore"}, {"prefix": ""}, {"prefix": None}], ids=str
)
def test_wrong_argument_stops_the_start_up(arguments: dict[str, Any]) -> None:
    """Nobody guesses what was meant."""
    with pytest.raises(ConfigurationError):
        RedisStore("redis://localhost:6379/0", **arguments)


def test_password_is_not_shown() -> None:
    """Nor where Redis is."""
    assert repr(RedisStore("redis://:hunter2@host:1/0")) == "<RedisStore 'clerk_fastapi'>"
