"""A refresh: a fresh token for a session whose last one has expired, without a redirect."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException

from clerk_fastapi.testing.handshake import Destination, set_cookie
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.records import Session

__all__ = ["refresh"]


def refresh(
    instance: Instance, session: Session, body: Mapping[str, object], *, suffixed: bool
) -> dict[str, object]:
    """Answer in the format that was asked for: ``cookie`` or ``token``.

    :param suffixed: cookies under both names, not under the plain one alone.
    :raises HTTPException: 400 for a body that says too little, 401 if it proves nothing or the
        session has ended.
    """
    wanted = _text(body, "format")
    expired, proof = _text(body, "expired_token"), _text(body, "refresh_token")
    origin = Destination.parse(_text(body, "request_origin"))
    if origin is None or wanted not in ("cookie", "token"):
        raise HTTPException(400, "request_origin is an origin, format is 'cookie' or 'token'.")
    if instance.session_of(expired) is not session or proof != session.refresh_token:
        raise HTTPException(401, "These tokens are not of this session.")
    if not session.is_live:
        raise HTTPException(401, f"The session is {session.status}.")
    token = instance.token(session, azp=origin.origin)
    if wanted == "token":
        return {"object": "token", "jwt": token}
    suffix = instance.cookie_suffix
    cookies = {"__session": token, f"__refresh_{suffix}": session.refresh_token}
    if suffixed:
        cookies[f"__session_{suffix}"] = token
    directives = [
        set_cookie(name, value, secure=origin.is_secure) for name, value in cookies.items()
    ]
    return {"object": "cookies", "cookies": directives}


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise HTTPException(400, f"{name} is missing.")
    return value
