"""Thousands of tricks on top of each other, without a server that would straighten any of them."""

from collections.abc import Callable

import pytest

from tests.tricks.application import Site
from tests.tricks.conftest import Instance
from tests.tricks.declared import Level
from tests.tricks.memory import scopes, wrong_answers
from tests.web.serving import running

pytestmark = pytest.mark.anyio

CONFIGURATIONS = [
    ("open", None),
    ("open", Level.SIGNED_IN),
    ("closed", None),
    ("closed", Level.PUBLIC),
]


@pytest.mark.parametrize(("protection", "catch_all"), CONFIGURATIONS)
async def test_no_scope_is_answered_otherwise_than_its_route_says(
    unguarded: Callable[..., Site],
    guarded: Callable[..., Site],
    instance: Instance,
    protection: str,
    catch_all: Level | None,
) -> None:
    """Whatever a path, its raw form and the root say, and with a route for all that is left."""
    seed = CONFIGURATIONS.index((protection, catch_all))
    site, plain = guarded(protection, catch_all=catch_all), unguarded(catch_all=catch_all)
    async with running(plain.app), running(site.app):
        assert await wrong_answers(plain, site, instance.tokens, scopes(seed, 800)) == []
