"""The ``clerk-fastapi`` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from clerk_fastapi.cli import local, routes
from clerk_fastapi.errors import ConfigurationError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give the status to exit with: 2 for what was asked for wrongly."""
    parser = argparse.ArgumentParser(
        prog="clerk-fastapi", description="Clerk authentication for FastAPI, from the command line."
    )
    commands = parser.add_subparsers(title="commands", required=True)
    for command in (local, routes):
        command.add_to(commands)
    arguments = parser.parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except ConfigurationError as error:
        print(error.message, file=sys.stderr)
        return 2
    return status
