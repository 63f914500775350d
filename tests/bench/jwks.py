"""A key set on loopback for the contender that can only fetch its keys."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from jose import jwk

from tests.bench.material import KEY_ID, Instance


@contextmanager
def served_key_set(instance: Instance) -> Iterator[str]:
    """Serve the instance's key set, and give its address."""
    key = {**jwk.construct(instance.pem, "RS256").to_dict(), "kid": KEY_ID, "use": "sig"}
    body = json.dumps({"keys": [key]}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the table is the only output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
