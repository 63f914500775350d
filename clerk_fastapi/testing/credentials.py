"""Who asks the Backend API: the instance's secret key, or that of a machine."""

from __future__ import annotations

import re
import secrets
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from clerk_fastapi.testing.answers import clerk_error
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.records import Machine

__all__ = ["machine_of", "refusal"]

_OF_MACHINES = re.compile(r"(/v1)?/m2m_tokens(/[^/]+/revoke|/verify)?")


def refusal(instance: Instance, request: Request) -> Response | None:
    """What is answered to somebody who may not ask this; ``None`` if he may."""
    credential = _bearer(request)
    if not credential:
        return clerk_error(
            401, "authentication_invalid", "Send 'Authorization: Bearer <secret key>'."
        )
    good = [instance.secret_key]
    if request.url.path.endswith("/m2m_tokens/verify"):
        good.append(instance.machine_secret_key)
    if _OF_MACHINES.fullmatch(request.url.path):
        now = instance.clock()
        good += [key for machine in instance.machines.values() for key in machine.secrets(now)]
    if not any(_same(credential, key) for key in good):
        return clerk_error(401, "clerk_key_invalid", "This is not the instance's secret key.")
    if not all(map(_is_plain, _path(request)[1:].split("/"))):
        return clerk_error(404, "resource_not_found", "No id is empty, dots or with slashes.")
    return None


def machine_of(instance: Instance, request: Request) -> Machine | None:
    """The machine whose secret key was sent, if it was one."""
    credential, now = _bearer(request), instance.clock()
    for machine in instance.machines.values():
        if any(_same(credential, key) for key in machine.secrets(now)):
            return machine
    return None


def _bearer(request: Request) -> str:
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    return credential if scheme.lower() == "bearer" else ""


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode())


def _path(request: Request) -> str:
    raw: bytes | None = request.scope.get("raw_path")  # httpx sends the query along
    return request.url.path if raw is None else raw.partition(b"?")[0].decode("latin-1")


def _is_plain(segment: str) -> bool:
    """Whether a segment of a path is a name, however often somebody decodes it."""
    while (decoded := unquote(segment)) != segment:
        segment = decoded
    return segment not in ("", ".", "..") and not {"/", "\\"} & set(segment)
