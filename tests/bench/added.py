"""What guards and policies add to a request: whole ASGI calls, less those of empty dependencies."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from fastapi import FastAPI
from starlette.types import Message, Scope

from tests.bench.applications import COMMUNITY, EMPTY, OFFICIAL, OURS, make_applications
from tests.bench.material import Material
from tests.bench.measure import Contender, Rounds, Spread, minus, over, take_turns
from tests.bench.policies import (
    AMONG_OTHERS,
    IDENTITY,
    MIDDLEWARE,
    PATH,
    POLICIES,
    make_larger_applications,
)
from tests.bench.report import Figure, Ratio, Section

SEEN = f"{OURS}, token seen before"
NEW = f"{OURS}, every token new"
CALLS = 100
WARM_UP = 5
# What each is measured against.
BASES = {
    SEEN: EMPTY,
    NEW: EMPTY,
    MIDDLEWARE: AMONG_OTHERS,
    POLICIES: AMONG_OTHERS,
    IDENTITY: AMONG_OTHERS,
    OFFICIAL: EMPTY,
    COMMUNITY: EMPTY,
}


async def measure_added_time(material: Material, jwks_url: str) -> Section:
    """Call every application in this process and subtract the empty dependency's time."""
    async with AsyncExitStack() as running:
        contenders = []
        for name, app in make_applications(material.instance, jwks_url).items():
            state = await running.enter_async_context(app.router.lifespan_context(app))
            if name == OURS:
                contenders.append(_contender(NEW, app, state, fresh=True))
                contenders.append(_contender(SEEN, app, state, fresh=False))
            else:
                contenders.append(_contender(name, app, state, fresh=True))
        for name, app in make_larger_applications(material.instance).items():
            state = await running.enter_async_context(app.router.lifespan_context(app))
            contenders.append(_contender(name, app, state, path=PATH, fresh=False))
        rounds = await take_turns(contenders, material.batches(CALLS), WARM_UP)
    return _section(rounds)


def _contender(
    name: str, app: FastAPI, state: Mapping[str, Any] | None, *, path: str = "/", fresh: bool
) -> Contender:
    def prepare(tokens: Sequence[str]) -> list[Scope]:
        chosen = tokens if fresh else [tokens[0]] * len(tokens)
        return [_scope(path, token, dict(state or {})) for token in chosen]

    async def run(scopes: Sequence[Scope]) -> None:
        for scope in scopes:
            await app(scope, _receive, _send)

    return Contender(name, prepare, run)


def _scope(path: str, token: str, state: dict[str, Any]) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [
            (b"host", b"127.0.0.1:8000"),
            (b"accept", b"application/json"),
            (b"authorization", f"Bearer {token}".encode()),
        ],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": state,
    }


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Message) -> None:
    if message.get("status", 200) != 200:
        raise RuntimeError(f"refused with status {message['status']}")


def _section(rounds: Rounds) -> Section:
    added = {name: minus(rounds, name, base) for name, base in BASES.items()}

    def ratio(name: str, base: str, at_most: float | None = None) -> Ratio:
        spread = Spread.of(over(added[name], added[base]))
        return Ratio(f"{name} / {base}", spread, at_most=at_most)

    whole = [Figure(f"whole call, {name}", Spread.of(rounds[name]).scaled(1e6)) for name in rounds]
    parts = [
        Figure(f"added by {name}", Spread.of(values).scaled(1e6)) for name, values in added.items()
    ]
    ratios = [
        ratio(SEEN, OFFICIAL, at_most=0.15),
        ratio(NEW, OFFICIAL, at_most=0.40),
        ratio(MIDDLEWARE, OFFICIAL, at_most=0.25),
        ratio(POLICIES, OFFICIAL),
        ratio(IDENTITY, OFFICIAL),
        ratio(SEEN, COMMUNITY),
        ratio(NEW, COMMUNITY),
    ]
    return Section("Time added to a request", "µs", [*whole, *parts], ratios)
