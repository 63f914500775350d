"""Puts questions to Clerk's JavaScript SDK through `oracle.mjs`."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["ask", "installed"]

HERE = Path(__file__).parent
ORACLE = str(HERE / "oracle.mjs")


def installed(node: str) -> bool:
    """Tell whether the pinned SDK stands beside the oracle (`install.sh` puts it there)."""
    return subprocess.run([node, ORACLE, "--check"], check=False, cwd=HERE).returncode == 0


def ask(node: str, questions: Iterable[Mapping[str, object]]) -> list[object]:
    """Ask all questions at once; the answers come in the same order."""
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    environment = {"PATH": os.environ.get("PATH", ""), "NODE_ENV": "production"}
    done = subprocess.run(
        [node, ORACLE], input=lines, capture_output=True, check=True, text=True, env=environment
    )
    return [json.loads(line) for line in done.stdout.split("\n") if line]
