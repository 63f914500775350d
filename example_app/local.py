"""Tokens of the embedded LocalClerk, good and evil, for a person at this very machine."""

import ipaddress
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request, status
from pydantic import BaseModel, ConfigDict, Field

from clerk_fastapi import ConfigurationError
from clerk_fastapi.testing import FORGERIES, LocalClerk, SeededMember
from example_app.problems import problem


class Wish(BaseModel):
    """Whose token, and what kind of token."""

    model_config = ConfigDict(extra="forbid")

    member: str
    personal: bool = False
    kind: str = "good"
    signed_in_minutes_ago: Annotated[int, Field(ge=0, le=1_000_000)] = 0


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def only_this_machine(request: Request) -> None:
    """Refuse other machines, and pages that came here under another name (DNS rebinding)."""
    client = request.client.host if request.client else ""
    if not (is_loopback(client) and is_loopback(request.url.hostname or "")):
        raise problem(status.HTTP_403_FORBIDDEN, "loopback-only", "Ask from this machine itself.")


def local_router(local: LocalClerk, members: Sequence[SeededMember], origin: str) -> APIRouter:
    """The routes from which the home page has its members, and tokens issued to ``origin``."""
    router = APIRouter(
        prefix="/local", include_in_schema=False, dependencies=[Depends(only_this_machine)]
    )
    by_name = {member.user.email.partition("@")[0]: member for member in members}

    @router.get("/members")
    async def choices() -> dict[str, object]:
        return {
            "members": [_described(name, member) for name, member in by_name.items()],
            "evil": dict(FORGERIES),
        }

    @router.post("/token")
    async def token(wish: Wish) -> dict[str, str]:
        member = by_name.get(wish.member)
        if member is None:
            raise problem(status.HTTP_404_NOT_FOUND, "nobody-here", "There is no such member.")
        session = local.sign_in(
            member.user,
            organization=None if wish.personal else member.organization,
            status=member.status,
            origin=origin,
            factor_verification_age=(wish.signed_in_minutes_ago, -1),
        )
        if wish.kind == "good":
            return {"token": local.token(session)}
        try:
            return {"token": local.forge(wish.kind, session)}
        except ConfigurationError as error:
            raise problem(status.HTTP_404_NOT_FOUND, "no-such-kind", error.message) from error

    return router


def _described(name: str, member: SeededMember) -> dict[str, str | None]:
    organization = member.organization
    return {
        "name": name,
        "first_name": member.user.first_name,
        "summary": member.summary,
        "organization": organization.slug if organization else None,
    }
