"""The floors, walls and gates of docs/architecture.md hold, and the checks that say so can see."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import architecture
from tests.architecture import House

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / architecture.PACKAGE

RULES = [
    architecture.upward_imports,
    architecture.circles,
    architecture.foreign_imports,
    architecture.input_and_output,
    architecture.clock_readings,
    architecture.front_door_definitions,
    architecture.sizes,
    architecture.missing_summaries,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule: Callable[[House], list[str]]) -> None:
    """No module of the package breaks the rule."""
    assert rule(House(PACKAGE)) == []


@pytest.mark.parametrize("folder", ["example_app", "tests"])
def test_sizes_hold_beyond_the_package(folder: str) -> None:
    """The example and the tests are as easy to read as the package."""
    house = House(ROOT / folder)
    assert architecture.sizes(house) + architecture.missing_summaries(house) == []


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[str, str], House]:
    """Return a function that appends source to a module of a copy of the package."""
    copy = shutil.copytree(
        PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__")
    )

    def plant(module: str, source: str) -> House:
        with (copy / module).open("a", encoding="utf-8") as file:
            file.write(f"\n{source}\n")
        return House(copy)

    return plant


UPWARD = [
    ("protocol/keys.py", "from clerk_fastapi.engine import Clerk"),
    ("protocol/keys.py", "from ..engine import Clerk"),
    ("protocol/keys.py", "import clerk_fastapi"),
    ("errors.py", "def late():\n    from clerk_fastapi.protocol import keys"),
    ("engine/__init__.py", "if TYPE_CHECKING:\n    from clerk_fastapi import web"),
    ("backend/__init__.py", "from clerk_fastapi import stores"),
    ("backend/__init__.py", "from clerk_fastapi.settings import Settings"),
    ("web/__init__.py", "importlib.import_module('clerk_fastapi.testing')"),
    ("attic.py", "from clerk_fastapi import errors"),
]


@pytest.mark.parametrize(("module", "source"), UPWARD)
def test_upward_import_is_caught(
    plant: Callable[[str, str], House], module: str, source: str
) -> None:
    """An import of a floor above, or of the next wing, is found however it is written."""
    assert len(architecture.upward_imports(plant(module, source))) == 1


CIRCLES = [
    "from clerk_fastapi.protocol.other import b",
    "from .other import b",
    "from . import other",
    "def late():\n    from clerk_fastapi.protocol import other",
    "if TYPE_CHECKING:\n    import clerk_fastapi.protocol.other",
]


@pytest.mark.parametrize("source", CIRCLES)
def test_circle_is_caught(plant: Callable[[str, str], House], source: str) -> None:
    """Two modules that import each other are found, wherever the import stands."""
    plant("protocol/one.py", source)
    house = plant("protocol/other.py", "from clerk_fastapi.protocol.one import a")
    assert architecture.circles(house) == ["protocol.one -> protocol.other -> protocol.one"]


FOREIGN = [
    ("protocol/keys.py", "from jose import jwk"),
    ("protocol/keys.py", "from cryptography.hazmat.primitives import hashes"),
    ("engine/__init__.py", "import httpx"),
    ("engine/__init__.py", "from starlette.requests import HTTPConnection"),
    ("engine/__init__.py", "def late():\n    import fastapi"),
    ("web/__init__.py", "if TYPE_CHECKING:\n    import cachetools"),
    ("backend/__init__.py", "import redis.asyncio"),
    ("backend/__init__.py", "from pydantic_settings import BaseSettings"),
    ("errors.py", "import pydantic"),
    ("web/__init__.py", "import requests"),
]


@pytest.mark.parametrize(("module", "source"), FOREIGN)
def test_foreign_package_is_caught(
    plant: Callable[[str, str], House], module: str, source: str
) -> None:
    """A foreign package that enters anywhere but by its gate is found, a new one too."""
    assert len(architecture.foreign_imports(plant(module, source))) == 1


CLOCKS = [
    ("protocol/keys.py", "import time"),
    ("backend/__init__.py", "from time import monotonic"),
    ("backend/__init__.py", "deadline = asyncio.get_running_loop().time() + 5"),
    ("backend/__init__.py", "clock = asyncio.get_running_loop().time"),
    ("stores/__init__.py", "cache = cachetools.TTLCache(10, 60)"),
    ("settings.py", "started = datetime.now(UTC)"),
    ("protocol/claims.py", "today = datetime.date.today()"),
]


@pytest.mark.parametrize(("module", "source"), CLOCKS)
def test_clock_reading_is_caught(
    plant: Callable[[str, str], House], module: str, source: str
) -> None:
    """A module below the engine that reads the time by itself is found."""
    assert len(architecture.clock_readings(plant(module, source))) == 1


def test_waiting_in_the_protocol_is_caught(plant: Callable[[str, str], House]) -> None:
    """An import of something that waits or reaches out is found in the protocol."""
    assert len(architecture.input_and_output(plant("protocol/keys.py", "import asyncio"))) == 1


def test_oversize_is_caught(plant: Callable[[str, str], House]) -> None:
    """A module over 400 lines and a function over 60 are found."""
    plant("protocol/long.py", "x = 1\n" * 400)
    house = plant("protocol/tall.py", "def tall():\n" + "    x = 1\n" * 60)
    assert len(architecture.sizes(house)) == 2
