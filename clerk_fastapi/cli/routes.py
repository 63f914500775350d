"""``clerk-fastapi routes``: every route of an application, and what guards and limits it."""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Final, TypeAlias

from clerk_fastapi.cli.application import load
from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.web.routing.allowance import unguarded
from clerk_fastapi.web.routing.audit import AuditedRoute, audit_routes
from clerk_fastapi.web.routing.limits import AuditedLimit

__all__ = ["add_to"]

_Cells: TypeAlias = tuple[Sequence[str], ...]

_HEADS: Final[_Cells] = (["METHODS"], ["PATH"], ["GUARDED BY"], ["DEFINED AT"])
_WIDTH: Final = 100
_SENTENCE: Final = 30
_GAP: Final = "  "


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Say what the command takes."""
    parser = commands.add_parser(
        "routes",
        help="list the routes of an application, and what guards and limits each",
        description="List the routes of an application, and what guards and limits each. The "
        "application is imported and not started.",
    )
    parser.add_argument("app", metavar="module:app", help="where it is, such as shop.main:app")
    parser.add_argument("--factory", action="store_true", help="module:app is what makes it")
    parser.add_argument("--json", action="store_true", help="say it in JSON")
    parser.add_argument(
        "--require-guard",
        action="store_true",
        help="list what is guarded by nothing, and exit with 1 if there is any",
    )
    parser.add_argument(
        "--allow",
        nargs="+",
        action="extend",
        default=[],
        metavar="ROUTE",
        help='what --require-guard lets pass, such as "GET /health" and "/docs(.*)"',
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.allow and not arguments.require_guard:
        raise ConfigurationError("--allow says what --require-guard lets pass: give both.")
    routes = audit_routes(load(arguments.app, factory=arguments.factory))
    shown = unguarded(routes, arguments.allow) if arguments.require_guard else routes
    if arguments.json:
        print(json.dumps([route.to_json() for route in shown], indent=2))
    else:
        everywhere = _everywhere(routes)
        if shown:
            print(*_table(shown, everywhere), "", sep="\n")
        if arguments.require_guard:
            print(_summary(routes, shown))
        else:
            print(
                *(f"{limit}, for every route" for limit in everywhere), _counted(routes), sep="\n"
            )
    return 1 if arguments.require_guard and shown else 0


def _summary(routes: Sequence[AuditedRoute], left: Sequence[AuditedRoute]) -> str:
    if not left:
        return f"{len(routes)} routes, and none is guarded by nothing but what is allowed."
    are, them = ("is", "it") if len(left) == 1 else ("are", "them")
    return (
        f"{len(left)} of {len(routes)} {are} guarded by nothing: give {them} a guard or a policy, "
        f"or allow {them}."
    )


def _counted(routes: Iterable[AuditedRoute]) -> str:
    count = Counter(route.verdict for route in routes)
    return f"{count['guarded']} guarded, {count['public']} public, {count['unguarded']} unguarded"


def _everywhere(routes: Sequence[AuditedRoute]) -> Sequence[AuditedLimit]:
    """The limits that all routes have: in each line of a table they would drown the others."""
    if len(routes) < 2:
        return ()
    return [limit for limit in routes[0].limits if all(limit in each.limits for each in routes)]


def _table(routes: Iterable[AuditedRoute], untold: Sequence[AuditedLimit]) -> list[str]:
    rows = [_HEADS, *(_cells(route, untold) for route in routes)]
    room = max(shutil.get_terminal_size((_WIDTH, 0)).columns, _WIDTH) - 3 * len(_GAP)
    columns = zip(*rows, strict=True)
    widths = [max(len(line) for cell in column for line in cell) for column in columns]
    # Sentences can be wrapped most easily, then whatever is longest.
    while sum(widths) > room:
        widths[2 if widths[2] > _SENTENCE else widths.index(max(widths))] -= 1
    return [line for row in rows for line in _lines(row, widths)]


def _cells(route: AuditedRoute, untold: Sequence[AuditedLimit]) -> _Cells:
    nothing = ["nothing"] if route.verdict == "unguarded" else []
    limits = [str(limit) for limit in route.limits if limit not in untold]
    guarded_by = [*nothing, *map(str, route.guarded_by), *limits]
    return [route.asked_with or "any"], [route.path], guarded_by, [route.defined_at]


def _lines(row: _Cells, widths: Sequence[int]) -> Iterable[str]:
    columns = [
        [part for line in cell for part in textwrap.wrap(line, width, subsequent_indent=_GAP)]
        for cell, width in zip(row, widths, strict=True)
    ]
    for parts in zip_longest(*columns, fillvalue=""):
        cells = (part.ljust(width) for part, width in zip(parts, widths, strict=True))
        yield _GAP.join(cells).rstrip()
