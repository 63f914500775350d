"""Requests per second over uvicorn, in a process of its own, under a few busy connections."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict

from tests.bench.applications import COMMUNITY, EMPTY, OFFICIAL, OPEN, OURS
from tests.bench.load import Clients, connected
from tests.bench.material import Instance, Material
from tests.bench.measure import Contender, Rounds, Spread, over, take_turns
from tests.bench.report import Figure, Ratio, Section

SEEN = f"{OURS}, token seen before"
NEW = f"{OURS}, every token new"
REQUESTS = 50
WARM_UP = 5


async def measure_throughput(material: Material) -> Section:
    """Put each application under load in turns."""
    async with AsyncExitStack() as running:
        ports = await running.enter_async_context(served_applications(material.instance))
        contenders = []
        for name, port in ports.items():
            clients = await running.enter_async_context(connected(port))
            if name == OURS:
                contenders.append(_contender(NEW, clients, fresh=True))
                contenders.append(_contender(SEEN, clients, fresh=False))
            else:
                contenders.append(_contender(name, clients, fresh=True))
        rounds = await take_turns(contenders, material.batches(REQUESTS), WARM_UP)
    return _section(rounds)


@asynccontextmanager
async def served_applications(instance: Instance) -> AsyncIterator[dict[str, int]]:
    """Run the server and give the port of each application."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.server",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(f"{json.dumps(asdict(instance))}\n".encode())
        answer = await process.stdout.readline()
        if not answer:
            raise RuntimeError("the server did not start")
        yield json.loads(answer)
    finally:
        process.stdin.close()
        await process.wait()


def _contender(name: str, clients: Clients, *, fresh: bool) -> Contender:
    def prepare(tokens: Sequence[str]) -> list[bytes]:
        chosen = tokens if fresh else [tokens[0]] * len(tokens)
        return [_request(token) for token in chosen]

    return Contender(name, prepare, clients.send)


def _request(token: str) -> bytes:
    return (
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


def _section(rounds: Rounds) -> Section:
    rates = {name: [1 / seconds for seconds in values] for name, values in rounds.items()}

    def ratio(name: str, base: str, at_least: float | None = None) -> Ratio:
        spread = Spread.of(over(rates[name], rates[base]))
        return Ratio(f"{name} / {base}", spread, at_least=at_least)

    figures = [Figure(name, Spread.of(values)) for name, values in rates.items()]
    ratios = [
        ratio(SEEN, OPEN, at_least=0.9),
        ratio(NEW, OPEN),
        ratio(EMPTY, OPEN),
        ratio(SEEN, EMPTY),
        ratio(OFFICIAL, OPEN),
        ratio(COMMUNITY, OPEN),
    ]
    return Section("Requests a second over uvicorn", "requests/s", figures, ratios)
