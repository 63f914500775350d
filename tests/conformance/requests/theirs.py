"""Clerk's JavaScript SDK as the judge of requests: one long-lived Node.js process."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from tests.conformance.requests.question import Written

__all__ = ["Sdk", "judging"]

PROGRAM = Path(__file__).parent / "authenticate.mjs"


class Sdk:
    """Asks the process; the answers come in the order of the questions."""

    def __init__(self, stdin: IO[str], stdout: IO[str], api_url: str) -> None:
        self._stdin = stdin
        self._api_url = api_url
        self._answers: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(stdout,), daemon=True)
        self._reader.start()

    def ask(self, questions: Sequence[Written]) -> SimpleQueue[dict[str, Any]]:
        """Ask all, without waiting; the answers arrive in a queue."""
        threading.Thread(target=self._write, args=(questions,), daemon=True).start()
        return self._answers

    def _write(self, questions: Sequence[Written]) -> None:
        for written in questions:
            asked: Any = written.asked
            asked["client"]["apiUrl"] = self._api_url
            self._stdin.write(json.dumps(asked) + "\n")
        self._stdin.flush()

    def _read(self, stdout: IO[str]) -> None:
        for line in stdout:
            self._answers.put(json.loads(line))


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
