"""This package as the judge of requests: a `Clerk` of an application, and a scope of a server."""

import json
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import unquote

import httpx
from starlette.requests import HTTPConnection

from clerk_fastapi import Auth, Clerk, OrganizationSync
from clerk_fastapi.errors import ClerkError
from tests.conformance.ours import shown
from tests.conformance.requests.answers import Answers
from tests.conformance.requests.question import KEYS, Options, Written, secret_key
from tests.conformance.tokens import pem

__all__ = ["Package"]

SAME = (
    "audience",
    "authorized_parties",
    "issuer",
    "clock_skew",
    "proxy_url",
    "domain",
    "is_satellite",
    "sign_in_url",
    "satellite_auto_sync",
    "allowed_redirect_origins",
    "trusted_proxies",
    "machine_secret_key",
    "token_memory",
)
MACHINE = (
    "id",
    "name",
    "subject",
    "scopes",
    "claims",
    "user_id",
    "org_id",
    "machine_id",
    "client_id",
)


class _Shared(httpx.AsyncBaseTransport):
    """One pool of connections for all, which none of them closes."""

    def __init__(self, transport: httpx.AsyncHTTPTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._transport.handle_async_request(request)


class Package:
    """Judges as an application would: one `Clerk` for each set of options."""

    def __init__(self, stack: AsyncExitStack, api_url: str, answers: Answers) -> None:
        self._stack = stack
        self._answers = answers
        self._api_url = api_url
        self._transport = httpx.AsyncHTTPTransport(verify=False)
        stack.push_async_callback(self._transport.aclose)
        self._clerks: dict[str, Clerk] = {}
        self._now = 0.0

    async def judge(self, written: Written) -> dict[str, Any]:
        """The verdict, in the words of `authenticate.mjs`."""
        before = len(self._answers.asked)
        verdict = await self._judged(written)
        return {**verdict, "calls": self._answers.asked[before:]}

    async def _judged(self, written: Written) -> dict[str, Any]:
        question = written.question
        options = question["options"]
        self._now = question["now"]
        try:
            clerk = await self._clerk(options)
            state = await clerk.authenticate(
                HTTPConnection(scope_of(written)),
                accepts_token=options.get("accepts_token", "session_token"),
                treat_pending_as_signed_out=not options.get("pending"),
            )
        except ClerkError as error:
            return {"status": f"raises {error.status}", "reason": error.code}
        auth = state.auth if state.status == "signed-in" else None
        return {
            "status": state.status,
            "reason": state.reason,
            "token_type": state.token_type if auth is None else auth.token_type,
            "location": state.location,
            "cookies": list(state.cookies),
            "auth": None if auth is None else _auth(auth),
            "token": None if auth is None else await auth.get_token(),
        }

    async def _clerk(self, options: Options) -> Clerk:
        name = json.dumps(
            [options.get(each) for each in (*SAME, "instance", "keys", "organization_sync")]
        )
        if name not in self._clerks:
            self._clerks[name] = await self._stack.enter_async_context(self._make(options))
        return self._clerks[name]

    def _make(self, options: Options) -> Clerk:
        given: dict[str, Any] = {name: options[name] for name in SAME if name in options}
        if options.get("keys", "pem") == "pem":
            given["jwt_key"] = pem()
        if "organization_sync" in options:
            given["organization_sync"] = OrganizationSync(**options["organization_sync"])
        return Clerk(
            publishable_key=KEYS[options["instance"]].text,
            secret_key=secret_key(options),
            api_url=self._api_url,
            transport=_Shared(self._transport),
            clock=lambda: self._now,
            **given,
        )


def scope_of(written: Written) -> dict[str, Any]:
    """The ASGI scope that a server makes of the request."""
    question = written.question
    path, _, query = written.target.partition("?")
    return {
        "type": "http",
        "method": question["method"],
        "scheme": question["scheme"],
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in written.headers],
        "client": (question["peer"], 50_000),
    }


def _auth(auth: Any) -> Any:
    if isinstance(auth, Auth):
        members = shown(auth)
    else:
        members = {name: getattr(auth, name, None) for name in MACHINE}
        members = {name: value for name, value in members.items() if value is not None}
    return json.loads(json.dumps(members))
