"""A real Redis server for tests: started, killed, frozen and started again."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self


class RedisServer:
    """One ``redis-server`` on a port of its own, which keeps its data.

    The port is held for as long as this object is in use, so that nobody else gets it before the
    server has started, or while it is away.
    """

    def __init__(self, program: str, directory: Path) -> None:
        self.program = program
        self.directory = directory
        # Bound, and never listening: the server may listen beside it, as both say so.
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.port = int(self._held.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        """Start it and wait until it answers."""
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.directory,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "enable-debug-command": "yes",
        }
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        log = (self.directory / "redis.log").open("ab")
        with log:
            self._process = subprocess.Popen([self.program, *words], stdout=log, stderr=log)
        while not self._answers():
            if self._process.poll() is not None:
                raise AssertionError((self.directory / "redis.log").read_text())
        return self

    def kill(self) -> None:
        """Take it away, as a crash would; what it has answered for is on disk."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def forget(self) -> None:
        """Delete what it has kept; it must not be running."""
        assert self._process is None
        subprocess.run(["rm", "-rf", *self.directory.glob("appendonlydir")], check=True)

    def freeze(self) -> None:
        """Let it hang: connections stay open and nobody answers."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def command(self, *words: str) -> bytes:
        """Send one command and read its answer, whole but undecoded."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
            connection.sendall(f"*{len(words)}\r\n{''.join(parts)}*1\r\n$4\r\nQUIT\r\n".encode())
            answer = b""
            while chunk := connection.recv(65_536):
                answer += chunk
        return answer.removesuffix(b"+OK\r\n")

    def pass_time(self, seconds: float) -> None:
        """Let all keys that expire do so that much earlier: its clock cannot be turned."""
        script = (
            "for _, key in ipairs(redis.call('KEYS', '*')) do local left = redis.call('PTTL', key) "
            "if left >= 0 then redis.call('PEXPIRE', key, math.max(left - ARGV[1], 0)) end end"
        )
        assert self.command("EVAL", script, "0", str(round(seconds * 1000))).startswith(b"$-1")

    def _answers(self) -> bool:
        try:
            return self.command("PING").startswith(b"+PONG")
        except OSError:
            return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGCONT)
        self.kill()
        self._held.close()
