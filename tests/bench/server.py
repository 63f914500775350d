"""The process under load: every application on a port of its own, in one event loop.

Reads the instance from the first line of its input, answers with the ports, and serves until its
input ends, so that it never outlives the benchmark.
"""

import asyncio
import json
import socket
import sys

import uvicorn
from fastapi import FastAPI

from tests.bench.applications import make_applications
from tests.bench.jwks import served_key_set
from tests.bench.material import Instance


async def serve(apps: dict[str, FastAPI]) -> None:
    """Serve every application until the input ends."""
    sockets = {name: listen() for name in apps}
    servers = [
        uvicorn.Server(
            uvicorn.Config(app, log_level="warning", access_log=False, timeout_keep_alive=60)
        )
        for app in apps.values()
    ]
    tasks = [
        asyncio.create_task(server.serve([listener]))
        for server, listener in zip(servers, sockets.values(), strict=True)
    ]
    ports = {name: listener.getsockname()[1] for name, listener in sockets.items()}
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)


def listen() -> socket.socket:
    """Take a free port; asyncio turns Nagle's delay off only for sockets that say they are TCP."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


def main() -> None:
    """Run as `python -m tests.bench.server` by the benchmark."""
    instance = Instance(**json.loads(sys.stdin.readline()))
    with served_key_set(instance) as jwks_url:
        asyncio.run(serve(make_applications(instance, jwks_url)))


if __name__ == "__main__":
    main()
