"""What every test may count on: no network, no settings of this machine, asyncio."""

import os
import shutil
import signal
import socket
from collections.abc import Callable, Generator, Iterator
from types import FrameType

import pytest
from hypothesis import settings

from tests.redis_server import RedisServer

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")

LONGEST = 900  # seconds; a test that has not ended by then never would
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """A test that hangs fails, and shows where it hangs."""

    def give_up(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"not over after {LONGEST} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LONGEST)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as FastAPI applications do."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _sealed() -> Iterator[None]:
    """Nobody's real keys are used, nothing beyond loopback is reached, and Ctrl-C ends programs."""
    # Whoever started us may have had SIGINT ignored, and programs that we start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    connect = socket.socket.connect

    def connect_to_loopback(sock: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(sock, address)  # type: ignore[arg-type]  # as the socket was given it

    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CLERK_")]:
            if name != "SUITE_REQUIRES":
                patch.delenv(name)
        patch.setattr(socket.socket, "connect", connect_to_loopback)
        yield


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str], str]:
    """Return a function that finds a program, or skips the test where it is not installed.

    Where SUITE_REQUIRES names it (separated by commas), the test fails instead.
    """
    required = os.environ.get("SUITE_REQUIRES", "").split(",")

    def require(name: str) -> str:
        path = shutil.which(name)
        if path is None and name in required:
            pytest.fail(f"{name} is required here and not installed")
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return require


@pytest.fixture
def redis_server(
    require_tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """A real Redis of this test's own, which may be killed and started again."""
    with RedisServer(require_tool("redis-server"), tmp_path_factory.mktemp("redis")) as server:
        yield server
