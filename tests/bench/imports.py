"""How long each package takes to import, in fresh interpreters that have FastAPI already."""

import subprocess
import sys

from tests.bench.applications import COMMUNITY, OFFICIAL, OURS
from tests.bench.measure import Spread, over
from tests.bench.report import Figure, Ratio, Section

FASTAPI = "fastapi itself"
ROUNDS = 9
STATEMENTS = {
    OURS: "from clerk_fastapi import Auth, Clerk, SessionClaims, require_auth",
    OFFICIAL: "from clerk_backend_api.security import authenticate_request_async",
    COMMUNITY: "from fastapi_clerk_auth import ClerkConfig, ClerkHTTPBearer",
}
PROGRAM = """
import time
begun = time.perf_counter()
import fastapi
between = time.perf_counter()
{statement}
print(between - begun, time.perf_counter() - between)
"""


def measure_imports() -> Section:
    """Start interpreters in turns; the first round only fills the caches of compiled files."""
    rounds: dict[str, list[float]] = {name: [] for name in (*STATEMENTS, FASTAPI)}
    for number in range(ROUNDS + 1):
        for name, statement in STATEMENTS.items():
            fastapi, package = _import(statement)
            if number:
                rounds[FASTAPI].append(fastapi)
                rounds[name].append(package)
    figures = [Figure(name, Spread.of(rounds[name]).scaled(1e3)) for name in rounds]
    ratios = [
        Ratio(f"{OURS} / {name}", Spread.of(over(rounds[OURS], rounds[name])))
        for name in (OFFICIAL, COMMUNITY)
    ]
    return Section("Import, on top of fastapi", "ms", figures, ratios)


def _import(statement: str) -> tuple[float, float]:
    program = PROGRAM.format(statement=statement)
    answer = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    fastapi, package = answer.stdout.split()
    return float(fastapi), float(package)
