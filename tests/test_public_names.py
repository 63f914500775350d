"""The public names: which they are, and that each one is there and explained."""

import importlib
import inspect
import pkgutil

import pytest

import clerk_fastapi

FRONT_DOOR: list[str] = []

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(clerk_fastapi.__path__, "clerk_fastapi.")
    if "._" not in module.name
)


def test_front_door() -> None:
    """`from clerk_fastapi import *` gives exactly these names."""
    assert sorted(clerk_fastapi.__all__) == FRONT_DOOR


@pytest.mark.parametrize("name", ["clerk_fastapi", *MODULES])
def test_listed_names_exist(name: str) -> None:
    """Every public module lists its names in order, and each one is there."""
    module = importlib.import_module(name)
    listed = module.__all__
    assert sorted(listed) == sorted(set(listed))
    assert [entry for entry in listed if not hasattr(module, entry)] == []


@pytest.mark.parametrize("name", ["clerk_fastapi", *MODULES])
def test_listed_names_are_explained(name: str) -> None:
    """Every public class and function, and every public method of one, has a docstring."""
    module = importlib.import_module(name)
    unexplained = []
    for listed in module.__all__:
        thing = getattr(module, listed)
        if not (inspect.isclass(thing) or inspect.isroutine(thing)):
            continue
        members = vars(thing).items() if inspect.isclass(thing) else ()
        if not thing.__doc__:
            unexplained.append(listed)
        unexplained += [
            f"{listed}.{member}"
            for member, value in members
            if not member.startswith("_")
            and (inspect.isroutine(value) or isinstance(value, property))
            and not inspect.getdoc(getattr(thing, member))
        ]
    assert unexplained == []
