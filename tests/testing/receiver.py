"""Somebody who receives webhooks, remembers them, and answers as a test wants it."""

import asyncio
import json
import threading
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


@dataclass(frozen=True)
class Received:
    """One delivery as it came in."""

    target: tuple[str, str]
    headers: Headers
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event in it."""
        event = json.loads(self.body)
        assert isinstance(event, dict)
        return event


@dataclass
class Receiver:
    """An ASGI application for webhooks.

    ``answers`` are the statuses of its first answers, where ``None`` breaks the connection; then it
    takes everything. It answers nobody before ``gather`` deliveries are there.
    """

    answers: list[int | None] = field(default_factory=list)
    gather: int = 0
    deliveries: list[Received] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    heard: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        target, body = (request.method, request.url.path), await request.body()
        self.deliveries.append(Received(target, request.headers, body))
        self.asked.set()
        while len(self.deliveries) < self.gather:
            self.asked.clear()
            await self.asked.wait()
        status = self.answers.pop(0) if self.answers else 200
        if status is None:
            raise httpx.ReadError("The receiver hung up.")
        await Response(status_code=status)(scope, receive, send)
        self.heard.release()

    def wait_for(self, deliveries: int) -> None:
        """Wait, in another thread than this runs in, until so many have been answered."""
        for _ in range(deliveries):
            assert self.heard.acquire(timeout=60), "nothing was delivered"
