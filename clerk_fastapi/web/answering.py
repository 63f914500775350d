"""What is added to answers: renewed cookies, rate limits and, for those who look, the reason."""

from __future__ import annotations

from typing import Any, Final

from starlette.types import Message, Scope, Send

from clerk_fastapi.engine.answer import ANSWER, Answer
from clerk_fastapi.engine.state import Handshake, SignedIn

__all__ = ["answering"]

_CACHING: Final = (b"cache-control", b"expires", b"pragma", b"surrogate-control")
_STARTS: Final = ("http.response.start", "websocket.http.response.start")


def answering(scope: Scope, send: Send, *, explain: bool) -> Send:
    """Collect what is decided from here on, and add to the answer what belongs to it, once.

    :param explain: whether to say in ``x-clerk-auth-*`` headers why somebody was not signed in, as
        Clerk's SDKs do; in words only if the instance is one for development.
    """
    answer = scope.get(ANSWER)
    if isinstance(answer, Answer):
        answer.is_explained |= explain
        return send
    scope[ANSWER] = answer = Answer()
    answer.is_explained = explain
    return _adding(answer, send)


def _adding(answer: Answer, send: Send) -> Send:
    async def send_it(message: Message) -> None:
        if message["type"] in _STARTS:
            if answer.cookies and message["type"] == "http.response.start":
                message = _with_cookies(message, answer.cookies)
            if (
                answer.is_explained
                and answer.state is not None
                and not isinstance(answer.state, SignedIn)
            ):
                headers = [*message.get("headers", ()), *_explained(answer)]
                message = {**message, "headers": headers}
            if answer.headers:
                message = _with_headers(message, answer.headers)
        await send(message)

    return send_it


def _with_cookies(message: Message, cookies: list[str]) -> Message:
    kept = [pair for pair in message.get("headers", ()) if not _is_for_caches(pair[0])]
    added = [(b"set-cookie", cookie.encode("latin-1")) for cookie in cookies]
    # A cache that kept this answer would sign others in.
    private = (b"cache-control", b"private, no-store")
    return {**message, "headers": [*kept, private, *added]}


def _with_headers(message: Message, headers: dict[str, str]) -> Message:
    """Add what an answer does not say itself, as refusals do."""
    said = [(name, value) for name, value in message.get("headers", ())]
    names = {name.lower() for name, _ in said}
    wanted = ((name.lower().encode(), value.encode()) for name, value in headers.items())
    return {**message, "headers": [*said, *(each for each in wanted if each[0] not in names)]}


def _is_for_caches(name: bytes) -> bool:
    return name.lower().endswith(_CACHING)  # those of one's own CDN are called like ours (RFC 9213)


def _explained(answer: Answer) -> list[tuple[bytes, bytes]]:
    """The debug headers of Clerk's SDKs: status, reason, and the sentence about it."""
    state: Any = answer.state
    status = "handshake" if isinstance(state, Handshake) else "signed-out"
    said = {"status": status, "reason": state.reason}
    if answer.in_development:
        said["message"] = state.error.message
    return [
        (f"x-clerk-auth-{name}".encode(), _visible(text).encode()) for name, text in said.items()
    ]


def _visible(text: str) -> str:
    """Reasons can hold what the Backend API wrote, which has no business in a header as it is."""
    return "".join(each if " " <= each <= "~" else "?" for each in text)
