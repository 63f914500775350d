"""Clerk's JavaScript SDK as the judge of requests: one long-lived Node.js process."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.conformance.requests.question import Written

__all__ = ["Sdk", "judging"]

PROGRAM = Path(__file__).parent / "authenticate.mjs"


class Sdk:
    """Asks the process; the answers come in the order of the questions."""

    def __init__(self, stdin: IO[str], stdout: IO[str], api_url: str) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._api_url = api_url

    def judge(self, questions: Sequence[Written]) -> Iterator[dict[str, Any]]:
        """Ask all, and answer one by one."""
        writer = threading.Thread(target=self._write, args=(questions,), daemon=True)
        writer.start()
        for _ in questions:
            yield json.loads(self._stdout.readline())
        writer.join()

    def _write(self, questions: Sequence[Written]) -> None:
        for written in questions:
            asked: Any = written.asked
            asked["client"]["apiUrl"] = self._api_url
            self._stdin.write(json.dumps(asked) + "\n")
        self._stdin.flush()


@contextmanager
def judging(node: str, api_url: str) -> Iterator[Sdk]:
    """Run the process until the end of the block."""
    environment = {"PATH": os.environ.get("PATH", ""), "NODE_ENV": "production"}
    with subprocess.Popen(
        [node, str(PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Sdk(process.stdin, process.stdout, api_url)
        finally:
            process.stdin.close()
            process.wait(timeout=10)
