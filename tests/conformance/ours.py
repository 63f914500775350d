"""Puts the same questions to this package."""

import asyncio
import json
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack
from typing import Any

import httpx
from starlette.requests import HTTPConnection

from clerk_fastapi import Auth, Clerk, ConfigurationError, SignedOut
from clerk_fastapi.protocol.keys import PublishableKey
from tests.conformance.case import Question, key_set, pem_text
from tests.conformance.tokens import HOST, NOW, sign

__all__ = ["answer_all", "shown"]

KEY = PublishableKey.build(HOST, "production").text


async def answer_all(questions: Iterable[Question]) -> list[object]:
    """Answer every question, in order."""
    async with AsyncExitStack() as stack:
        respondent = Respondent(stack)
        return [await _outcome(respondent.answer(question)) for question in questions]


async def _outcome(answer: Coroutine[object, object, object]) -> object:
    """Await one answer; an exception is one too, so that it fails one vector and not all."""
    (outcome,) = await asyncio.gather(answer, return_exceptions=True)
    return outcome


class Respondent:
    """Answers as an application would: one `Clerk` for each set of keys and rules."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._clerks: dict[str, Clerk] = {}
        self._now: float = NOW

    async def answer(self, question: Question) -> object:
        """Answer in the words of the oracle, or with the code of a refusal."""
        match question["op"]:
            case "key":
                return _key(question["text"])
            case "build":
                return PublishableKey.build(question["host"], question["instance_type"]).text
        try:
            auth = await self._authenticate(question)
        except ConfigurationError as error:
            return error.code
        match question["op"], auth:
            case "verify", _:
                return auth if isinstance(auth, str) else "accepted"
            case "has", Auth():
                return _has(auth, question["asked"])
            case "has", _:
                return False
            case "auth", Auth():
                return shown(auth)
            case _:
                return None if auth == "session-pending" else auth

    async def _authenticate(self, question: Question) -> Auth | str:
        clerk = await self._clerk(question)
        self._now = question.get("now", NOW)
        headers = [(b"authorization", f"Bearer {sign(question['token'])}".encode())]
        scope = {"type": "http", "scheme": "https", "headers": headers}
        state = await clerk.authenticate(
            HTTPConnection(scope), treat_pending_as_signed_out=not question.get("pending")
        )
        return state.error.code if isinstance(state, SignedOut) else state.auth

    async def _clerk(self, question: Question) -> Clerk:
        parts = [question.get(name) for name in ("keys", "options", "algorithms")]
        name = json.dumps(parts)
        if name not in self._clerks:
            clerk = self._make_clerk(question)
            self._clerks[name] = await self._stack.enter_async_context(clerk)
        return self._clerks[name]

    def _make_clerk(self, question: Question) -> Clerk:
        keys = question.get("keys", {"pem": "instance"})
        options = dict(question.get("options", {}))
        if "clock_skew_in_ms" in options:
            options["clock_skew"] = options.pop("clock_skew_in_ms") / 1000
        if "algorithms" in question:
            options["algorithms"] = question["algorithms"]
        if "pem" in keys:
            options["jwt_key"] = pem_text(keys["pem"])
        else:
            document = key_set(keys["jwks"])
            options["secret_key"] = "sk_live_oracle"
            options["transport"] = httpx.MockTransport(lambda _: httpx.Response(200, json=document))
        return Clerk(publishable_key=KEY, clock=lambda: self._now, **options)


def _key(text: str) -> object:
    try:
        key = PublishableKey.parse(text)
    except ConfigurationError:
        return None
    return {
        "instance_type": key.instance_type,
        "host": key.host,
        "cookie_suffix": key.cookie_suffix,
    }


def _has(auth: Auth, asked: dict[str, Any]) -> object:
    try:
        return auth.has(**asked)
    except TypeError:
        return "TypeError"


def shown(auth: Auth) -> dict[str, Any]:
    """What the auth object says, in the words of the oracle."""
    shown = {
        "user_id": auth.user_id,
        "session_id": auth.session_id,
        "session_status": auth.session_status,
        "org_id": auth.org_id,
        "org_role": auth.org_role,
        "org_slug": auth.org_slug,
        "org_permissions": auth.org_permissions and list(auth.org_permissions),
        "actor": auth.actor and auth.actor.model_dump(),
        "factor_verification_age": auth.factor_verification_age,
    }
    said = {name: value for name, value in shown.items() if value is not None}
    return json.loads(json.dumps(said))
