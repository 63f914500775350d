"""Where somebody's code is defined: file and line, or module and name."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import Any, Final

__all__ = ["origin_of"]

_INSTALLED: Final = {"site-packages", "dist-packages"}


def origin_of(thing: object, folder: Path) -> str:
    """Say where a function, a class or the class of an object is defined.

    :returns: ``shop/items.py:12`` for what is below the folder and not installed there, such as in
        a virtual environment; else ``starlette.staticfiles:StaticFiles``.
    """
    code = _code_of(thing)
    path, line = _place_of(code)
    if path is not None and path.is_relative_to(folder):
        inner = path.relative_to(folder)
        if _INSTALLED.isdisjoint(inner.parts):
            return f"{inner.as_posix()}:{line}"
    return f"{code.__module__}:{code.__qualname__.rpartition('<locals>.')[2]}"


def _code_of(thing: object) -> Any:
    """The function or class behind what FastAPI was given."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    if callable(thing):
        thing = inspect.unwrap(thing)
    return thing if hasattr(thing, "__qualname__") else type(thing)


def _place_of(code: Any) -> tuple[Path | None, int]:
    if inspect.isfunction(code):
        name, line = code.__code__.co_filename, code.__code__.co_firstlineno
    else:
        try:
            name, line = inspect.getfile(code), inspect.getsourcelines(code)[1]
        except (OSError, TypeError):  # it was not written in Python, or its file is not here
            return None, 0
    path = Path(name)
    return (path.resolve(), line) if path.is_file() else (None, 0)
