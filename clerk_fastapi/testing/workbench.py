"""What Clerk does not have: tokens for the asking, below ``/local``."""

from __future__ import annotations

from typing import TypeGuard, get_args
from urllib.parse import parse_qsl

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.testing.answers import clerk_error
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.loopback import LOOPBACK_ORIGIN
from clerk_fastapi.testing.records import LiveStatus

__all__ = ["TOKENS_PATH", "workbench"]

TOKENS_PATH = "/local/tokens"


def workbench(instance: Instance) -> ASGIApp:
    """The routes below ``/local``."""

    async def issue_token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        user, status = form.get("user"), form.get("status", "active")
        if user is None:
            return clerk_error(
                422, "form_param_nil", "Say whose token: user=<email address or id>."
            )
        if not _is_live(status):
            return clerk_error(422, "form_param_value_invalid", "A status is active or pending.")
        origin = form.get("azp") or request.headers.get("origin")
        try:
            session = instance.sign_in(
                user, organization=form.get("organization"), status=status, origin=origin
            )
        except ConfigurationError as error:
            return clerk_error(404, "resource_not_found", error.message)
        return PlainTextResponse(instance.token(session))

    router = Router([Route("/tokens", issue_token, methods=["POST"])])
    # A page that is being developed may fetch its token itself; nobody else's page may read one.
    return CORSMiddleware(
        router, allow_origin_regex=LOOPBACK_ORIGIN.pattern, allow_methods=["POST"]
    )


def _is_live(text: str) -> TypeGuard[LiveStatus]:
    return text in get_args(LiveStatus)
