"""``clerk-fastapi local``: a Clerk of your own over HTTP, until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.keys import secret_key_instance_type
from clerk_fastapi.testing import SEED_CLAIMS, LocalClerk, SeededMember, seed
from clerk_fastapi.testing.loopback import bind, url_of
from clerk_fastapi.testing.workbench import TOKENS_PATH

__all__ = ["add_to"]


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Say what the command takes."""
    parser = commands.add_parser(
        "local",
        help="start a local Clerk with a few members, for development",
        description="Start a local Clerk for development and say how to use it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (%(default)s)")
    parser.add_argument("--port", default=8787, type=int, help="0 takes a free one (%(default)s)")
    parser.add_argument(
        "--seed", default="small", choices=["small", "none"], help="who is in it (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="say it in one line of JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    _refuse_live_keys(os.environ)
    try:
        server_socket = bind(arguments.host, arguments.port)
    except OSError as error:
        print(f"Port {arguments.port} cannot be had: {error}.", file=sys.stderr)
        return 1
    with server_socket:
        return _serve(server_socket, arguments)


def _serve(server_socket: socket.socket, arguments: argparse.Namespace) -> int:
    try:
        # uvicorn is an extra; everything else in this package does without.
        from clerk_fastapi.testing import server
    except ModuleNotFoundError:
        print('This needs uvicorn: pip install "clerk-fastapi[local]"', file=sys.stderr)
        return 1
    local = LocalClerk(session_claims=SEED_CLAIMS)
    members = seed(local) if arguments.seed == "small" else []
    say = _as_json if arguments.json else _as_text
    print(say(local, url_of(server_socket), members), flush=True)
    server.run(local.app, server_socket)
    return 0


def _refuse_live_keys(environment: Mapping[str, str]) -> None:
    secret_key = environment.get("CLERK_SECRET_KEY", "")
    if secret_key and secret_key_instance_type(secret_key) != "development":
        raise ConfigurationError(
            "CLERK_SECRET_KEY is not a test key; a local Clerk is for development, so unset it."
        )


def _settings(local: LocalClerk, url: str) -> dict[str, str]:
    return {
        "CLERK_PUBLISHABLE_KEY": local.publishable_key,
        "CLERK_SECRET_KEY": local.secret_key,
        "CLERK_API_URL": url,
        "CLERK_PROXY_URL": url,
    }


def _as_json(local: LocalClerk, url: str, members: Sequence[SeededMember]) -> str:
    return json.dumps(
        {
            "url": url,
            "environment": _settings(local, url),
            "members": [{"summary": member.summary, "form": _form(member)} for member in members],
        }
    )


def _as_text(local: LocalClerk, url: str, members: Sequence[SeededMember]) -> str:
    lines = [f"# A local Clerk answers at {url} until Ctrl-C. Give your application these:"]
    lines += [f"export {name}={value}" for name, value in _settings(local, url).items()]
    if members:
        lines += ["", "# and take a session token (add -d azp=<origin> for an authorized party):"]
    for member in members:
        form = " ".join(f"-d {name}={value}" for name, value in _form(member).items())
        lines.append(f"curl -s -X POST {url}{TOKENS_PATH} {form}  # {member.summary}")
    return "\n".join(lines)


def _form(member: SeededMember) -> dict[str, str]:
    form = {"user": member.user.email}
    if member.organization is not None:
        form["organization"] = member.organization.slug
    if member.status != "active":
        form["status"] = member.status
    return form
