"""A server that is told to stop while a handler runs."""

import os
import socket
import subprocess
import sys

import httpx

from clerk_fastapi.testing import LocalClerk

BODY = '{"object":"event","type":"user.created","data":{"id":"user_1"}}'


def test_handler_that_never_ends_keeps_no_server_from_stopping() -> None:
    """Its request has an end, though uvicorn waits for all of them, for ever unless told not to."""
    local = LocalClerk()
    endpoint = local.add_webhook_endpoint("http://test/webhooks")
    settings = {
        "CLERK_PUBLISHABLE_KEY": local.publishable_key,
        "CLERK_JWT_KEY": local.jwt_key,
        "CLERK_WEBHOOK_SIGNING_SECRET": endpoint.secret,
    }
    with socket.create_server(("127.0.0.1", 0)) as listening:
        descriptor = listening.fileno()
        command = [sys.executable, "-m", "uvicorn", "tests.web.endless:app", "--fd"]
        with subprocess.Popen(
            [*command, str(descriptor), "--log-level", "error"],
            env={**os.environ, **settings},
            pass_fds=[descriptor],
        ) as server:
            try:
                url = f"http://127.0.0.1:{listening.getsockname()[1]}/webhooks"
                answer = httpx.post(url, content=BODY, headers=endpoint.sign(BODY), timeout=60)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
                server.terminate()
                assert server.wait(timeout=60) in (0, -15)
            finally:
                server.kill()
