"""Workers: real uvicorn processes on sockets of the test's own."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import httpx

__all__ = ["client", "workers"]


@contextmanager
def workers(application: str, count: int, environment: Mapping[str, str]) -> Iterator[list[str]]:
    """Start processes that serve an application, each at a URL of its own.

    They need not be waited for: their sockets listen already, and what is asked too early waits.
    """
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    started = []
    try:
        for each in listening:
            command = [sys.executable, "-m", "uvicorn", application, "--fd", str(each.fileno())]
            options = ["--log-level", "warning", "--timeout-graceful-shutdown", "1"]
            options += ["--timeout-keep-alive", "600"]  # clients may be held up, and ask then
            started.append(
                subprocess.Popen(
                    [*command, *options],
                    env={**os.environ, **environment},
                    pass_fds=[each.fileno()],
                )
            )
        yield [f"http://127.0.0.1:{each.getsockname()[1]}" for each in listening]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=60)
            process.kill()
            process.wait()
        for each in listening:
            each.close()


def client(url: str) -> httpx.Client:
    """Ask one worker, patiently."""
    return httpx.Client(base_url=url, timeout=60)
