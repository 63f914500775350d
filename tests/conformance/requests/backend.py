"""The Backend API of the suite: one server on this machine, which answers both sides the same."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from tests.conformance.requests.answers import Answer, Answers

__all__ = ["serving"]

NOT_FOUND = Answer(404, "application/json", b'{"errors": [{"code": "resource_not_found"}]}')
SECRETS = {
    "/m2m_tokens/verify": "token",
    "/oauth_applications/access_tokens/verify": "access_token",
    "/api_keys/verify": "secret",
}


@contextmanager
def serving(answers: Answers) -> Iterator[str]:
    """Serve until the end of the block; gives the address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    starting = asyncio.start_server(_Server(answers).converse, "127.0.0.1", 0)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result()
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    conversations = asyncio.all_tasks() - {asyncio.current_task()}
    for each in conversations:
        each.cancel()
    await asyncio.gather(*conversations, return_exceptions=True)


class _Server:
    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request, *lines = head.decode("latin-1").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines if line)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                method, target, _ = request.split(" ")
                bearer = head.decode("latin-1").partition("earer ")[2].partition("\r\n")[0]
                if headers.get("user-agent", "").startswith("clerk-fastapi/"):
                    call = {"method": method, "target": target, "bearer": f"Bearer {bearer}"}
                    self._answers.asked.append({**call, "body": body.decode() or None})
                writer.write(_written(self._answer(method, target, bearer, body)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, target: str, bearer: str, body: bytes) -> Answer:
        parts = urlsplit(target)
        path = parts.path.removeprefix("/v1")
        match method, path.split("/")[1:]:
            case "GET", ["jwks"]:
                kind = bearer.split("_", 2)[-1]
                return self._answers.get(kind) or self._answers.get("jwks") or NOT_FOUND
            case "GET", ["clients", "handshake_payload"]:
                name = parse_qs(parts.query).get("nonce", [""])[0]
            case "POST", ["sessions", name, "refresh"]:
                pass
            case "POST", _ if path in SECRETS:
                name = json.loads(body).get(SECRETS[path], "")
            case _:
                name = ""
        return self._answers.get(name.rpartition("_")[2]) or NOT_FOUND


def _written(answer: Answer) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n\r\n"
    )
    return head.encode() + answer.body
