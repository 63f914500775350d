"""The application that a command is about: ``module:app``, imported and not started."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
from types import ModuleType
from typing import Any

from starlette.applications import Starlette

from clerk_fastapi.errors import ConfigurationError

__all__ = ["load"]


def load(where: str, *, factory: bool) -> Starlette:
    """Import an application from the current directory, or from what is installed.

    :param where: ``module:app``, such as ``shop.main:app``.
    :param factory: whether it is a function that makes the application.
    :raises ConfigurationError: if there is none; the sentence says what to do about it.
    """
    name, _, attributes = where.partition(":")
    if not all(part.isidentifier() for part in (*name.split("."), *attributes.split("."))):
        raise ConfigurationError(f"{where!r} names no application: write module:app.")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as servers do
    with contextlib.redirect_stdout(sys.stderr):  # what modules print is no part of the answer
        try:
            found = _attribute(_module(name), attributes)
            if factory:
                found = _made_by(found, where)
        except SystemExit:
            # Its status would be taken for that of the audit.
            raise ConfigurationError(
                f"{name} ends the process when it is imported: leave that to what runs under "
                "__name__ == '__main__'."
            ) from None
    if isinstance(found, Starlette):
        return found
    if inspect.isroutine(found) or inspect.isclass(found):
        raise ConfigurationError(f"{where} is no application; if it makes one, add --factory.")
    kind = type(found).__name__
    raise ConfigurationError(
        f"{where} is of type {kind}: name the FastAPI application, and not what is around it."
    )


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise ConfigurationError(
                f"There is no module {name!r}: run the command in the directory that {name!r} is "
                "imported from."
            ) from None
        raise ConfigurationError(
            f"{name} cannot be imported: {error}. Run the command where all it needs is installed."
        ) from None
    except (ImportError, SyntaxError) as error:
        raise ConfigurationError(f"{name} cannot be imported: {error}. Mend that first.") from None


def _attribute(module: ModuleType, attributes: str) -> Any:
    found: Any = module
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            applications = [name for name, it in vars(module).items() if isinstance(it, Starlette)]
            hint = f"; did you mean {module.__name__}:{applications[0]}?" if applications else "."
            raise ConfigurationError(f"{module.__name__} has no {attributes!r}{hint}")
        found = getattr(found, attribute)
    return found


def _made_by(factory: Any, where: str) -> Any:
    try:
        inspect.signature(factory).bind()
    except TypeError:
        raise ConfigurationError(
            f"{where} cannot be called without arguments: give --factory a function that can."
        ) from None
    return factory()
