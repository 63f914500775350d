"""The embedded LocalClerk, and its tokens, good and evil, for a person at this very machine."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, status
from fastapi.requests import HTTPConnection
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp, Receive, Scope, Send

from clerk_fastapi import ConfigurationError
from clerk_fastapi.testing import FORGERIES, ApiKey, LocalClerk, SeededMember, Session
from example_app.devices import note_device
from example_app.problems import problem

CLERK_PATH = "/__clerk"
"""Where browsers find the Frontend API of the embedded LocalClerk: on this very site."""

_A_DAY = 86_400


class Account(BaseModel):
    """A member, in the organization or in the personal account."""

    model_config = ConfigDict(extra="forbid")

    member: str
    personal: bool = False


class Wish(Account):
    """What kind of token; ``none`` is a browser in which nobody is signed in."""

    kind: str = "good"
    signed_in_minutes_ago: Annotated[int, Field(ge=0, le=1_000_000)] = 0


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def only_this_machine(connection: HTTPConnection) -> None:
    """Refuse other machines, and pages that came here under another name (DNS rebinding)."""
    client = connection.client.host if connection.client else ""
    if not (is_loopback(client) and is_loopback(connection.url.hostname or "")):
        raise problem(status.HTTP_403_FORBIDDEN, "loopback-only", "Ask from this machine itself.")


def on_this_machine(app: ASGIApp) -> ASGIApp:
    """An application that refuses everybody else."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        await only_this_machine(HTTPConnection(scope))
        await app(scope, receive, send)

    return guarded


def errands_to(local: LocalClerk) -> Callable[[], list[str]]:
    """Tell in words, and once, what browsers and this server asked the LocalClerk for sessions."""

    def errands() -> list[str]:
        told = []
        for seen in local.requests:
            if seen.path.endswith("/client/handshake"):
                reasons = parse_qs(seen.query).get("__clerk_hs_reason", ["no reason given"])
                told.append(f"The browser was sent to Clerk and back: {reasons[0]}.")
            elif seen.path.endswith("/handshake_payload"):
                told.append("This server fetched the cookies that Clerk had left for the browser.")
            elif seen.path.endswith("/refresh"):
                told.append("This server asked Clerk to renew the expired session token.")
        local.requests.clear()
        return told

    return errands


def local_router(local: LocalClerk, members: Sequence[SeededMember], origin: str) -> APIRouter:
    """The routes from which the home page has its members, and tokens issued to ``origin``."""
    router = APIRouter(
        prefix="/local", include_in_schema=False, dependencies=[Depends(only_this_machine)]
    )
    known = by_name(members)

    @router.get("/members")
    async def choices() -> dict[str, object]:
        return {
            "members": [_described(name, member) for name, member in known.items()],
            "evil": dict(FORGERIES),
        }

    @router.post("/token")
    async def token(wish: Wish, request: Request) -> dict[str, object]:
        member = found(known, wish.member)
        session = local.sign_in(
            member.user,
            organization=None if wish.personal else member.organization,
            status=member.status,
            origin=origin,
            factor_verification_age=(wish.signed_in_minutes_ago, -1),
        )
        note_device(session, request)
        issued, cookies = "", dict.fromkeys(local.cookies(session), "")
        if wish.kind != "none":
            issued = _issued(local, session, wish.kind)
            cookies = local.cookies(session)
            cookies |= {name: issued for name in cookies if name.startswith("__session")}
        return {"token": issued, "cookies": cookies}

    @router.post("/keys")
    async def issue_key(account: Account) -> dict[str, object]:
        member = found(known, account.member)
        organization = None if account.personal else member.organization
        key = local.create_api_key(organization or member.user, scopes=["items:read"])
        return {"object": "api_key", "id": key.id, "subject": key.subject, "secret": key.token}

    @router.delete("/keys/{key_id}")
    async def revoke_key(key_id: str) -> dict[str, object]:
        for key in local.machine_tokens.values():
            if isinstance(key, ApiKey) and key.id == key_id:
                local.revoke(key)
                return {"id": key.id, "revoked": True}
        raise problem(status.HTTP_404_NOT_FOUND, "no-such-key", "There is no such key.")

    return router


def by_name(members: Sequence[SeededMember]) -> dict[str, SeededMember]:
    """The members by the names under which they are chosen."""
    return {member.user.email.partition("@")[0]: member for member in members}


def found(members: Mapping[str, SeededMember], name: str) -> SeededMember:
    """The member of that name, or a 404."""
    if name not in members:
        raise problem(status.HTTP_404_NOT_FOUND, "nobody-here", "There is no such member.")
    return members[name]


def _issued(local: LocalClerk, session: Session, kind: str) -> str:
    if kind == "good":
        return local.token(session)
    # In a cookie, old tokens are to be refused for themselves, not because of a sign-in since then.
    session.browser.updated_at -= _A_DAY
    try:
        return local.forge(kind, session)
    except ConfigurationError as error:
        raise problem(status.HTTP_404_NOT_FOUND, "no-such-kind", error.message) from error


def _described(name: str, member: SeededMember) -> dict[str, str | None]:
    organization = member.organization
    return {
        "name": name,
        "first_name": member.user.first_name,
        "summary": member.summary,
        "organization": organization.slug if organization else None,
    }
