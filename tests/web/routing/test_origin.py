"""Where code is defined: file and line for one's own, module and name for all other."""

import functools
import importlib
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import MethodType, ModuleType
from typing import Any

import pytest
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from clerk_fastapi.web.routing.origin import origin_of

SOURCE = """
import functools


def plain():
    pass


def decorator(function):
    @functools.wraps(function)
    def wrapper():
        function()

    return wrapper


@decorator
def decorated():
    pass


class Endpoint:
    def method(self):
        pass

    def __call__(self):
        pass


anonymous = lambda: None
partial = functools.partial(functools.partial(plain))
instance = Endpoint()
method = instance.method
"""


class Answering:
    """An object that can be called."""

    def __call__(self) -> None:
        """Do nothing."""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of one's own."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "own_origin.py").write_text(textwrap.dedent(SOURCE), "utf-8")
    monkeypatch.syspath_prepend(package)
    monkeypatch.delitem(sys.modules, "own_origin", raising=False)
    return importlib.import_module("own_origin")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("plain", 5),
        ("decorated", 17),
        ("Endpoint", 22),
        ("anonymous", 30),
        ("partial", 5),
        ("instance", 22),
        ("method", 23),
    ],
)
def test_own_code_has_file_and_line(
    module: ModuleType, tmp_path: Path, name: str, line: int
) -> None:
    """Functions, however they are wrapped, classes, and objects by their class."""
    assert origin_of(getattr(module, name), tmp_path) == f"shop/own_origin.py:{line}"


def test_code_elsewhere_has_module_and_name(module: ModuleType, tmp_path: Path) -> None:
    """In another directory, or in this one as part of what is installed there."""
    assert origin_of(module.plain, tmp_path / "other") == "own_origin:plain"
    assert origin_of(module.Endpoint().method, tmp_path / "other") == "own_origin:Endpoint.method"
    assert origin_of(StaticFiles(directory=tmp_path), Path("/")) == (
        "starlette.staticfiles:StaticFiles"
    )


def test_inner_functions_have_short_names(tmp_path: Path) -> None:
    """Where they were made is not said."""

    def inner() -> None: ...

    assert origin_of(inner, tmp_path) == "tests.web.routing.test_origin:inner"


@pytest.mark.parametrize("thing", [len, functools.partial(len), dict, {}.get, type("Made", (), {})])
def test_code_without_source_has_module_and_name(thing: Callable[..., Any]) -> None:
    """Whatever was not written in Python, or not in a file."""
    assert ":" in origin_of(thing, Path.cwd())


def test_code_of_no_file_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as what was typed at a prompt."""
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {"__name__": "typed"}
    exec(compile("def here(): pass", "<stdin>", "exec"), space)
    assert origin_of(space["here"], tmp_path) == "typed:here"


def test_method_of_no_function_is_told_by_its_class() -> None:
    """Python lets any callable be one."""
    assert origin_of(MethodType(Answering(), 1), Path("/nowhere")) == "builtins:method"


def test_an_object_is_told_by_its_class() -> None:
    """It is called by it, after all."""
    assert origin_of(Response(), Path("/nowhere")) == "starlette.responses:Response"
