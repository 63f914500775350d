"""Users of the Backend API."""

from __future__ import annotations

import secrets
from typing import Any

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.routing import Route

from clerk_fastapi.testing.answers import Refusal
from clerk_fastapi.testing.asking import Body, Email, Metadata, Page, asked, known, ordered, read
from clerk_fastapi.testing.described import deleted, described_membership, described_user
from clerk_fastapi.testing.endpoints import endpoint
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.records import User
from clerk_fastapi.testing.registry import merged
from clerk_fastapi.testing.user_filters import USER_FIELDS, UserFilters, matching

__all__ = ["user_endpoints"]

_SHORTEST_PASSWORD = 8


class _Users(UserFilters, Page):
    order_by: str = "-created_at"


class _Profile(Body):
    username: str | None = None
    external_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    skip_password_checks: bool | None = Field(None, exclude=True)
    password: str | None = None
    created_at: AwareDatetime | None = None
    # Nothing of that kind is checked here.
    skip_legal_checks: bool | None = Field(None, exclude=True)

    @field_validator("password")
    @classmethod
    def _is_long(cls, password: str | None, info: ValidationInfo) -> str | None:
        is_short = password is not None and len(password) < _SHORTEST_PASSWORD
        if is_short and not info.data.get("skip_password_checks"):
            raise PydanticCustomError("form_password_length_too_short", "is too short")
        return password

    def fields(self) -> dict[str, Any]:
        """What was given, under the names of a record."""
        given = self.model_dump(exclude_unset=True)
        if self.created_at is not None:
            given["created_at"] = self.created_at.timestamp()
        else:
            given.pop("created_at", None)
        return given


class _NewUser(_Profile):
    email_address: list[Email] = Field(min_length=1, max_length=1, exclude=True)
    public_metadata: Metadata | None = None
    private_metadata: Metadata | None = None
    unsafe_metadata: Metadata | None = None
    skip_password_requirement: bool | None = Field(None, exclude=True)


class _ChangedUser(_Profile):
    # Clerk's own SDK for Python always says this; no address changes here.
    notify_primary_email_address_changed: bool | None = Field(None, exclude=True)
    sign_out_of_other_sessions: bool | None = Field(None, exclude=True)


class _UserMetadata(Body):
    public_metadata: Metadata | None = None
    private_metadata: Metadata | None = None
    unsafe_metadata: Metadata | None = None


class _Password(Body):
    password: str


class _Removal(Body):
    sign_out_of_other_sessions: bool | None = None


class _UserIds(Body):
    user_ids: list[str]


def user_endpoints(instance: Instance) -> list[Route]:
    """All that begin with ``/users``."""
    users = _UserEndpoints(instance)
    return [
        endpoint("GET", "/users", users.page),
        endpoint("POST", "/users", users.create),
        endpoint("GET", "/users/count", users.count),
        endpoint("POST", "/users/ban", users.ban_all, wrong=400),
        endpoint("POST", "/users/unban", users.unban_all, wrong=400),
        endpoint("GET", "/users/{user_id}", users.get),
        endpoint("PATCH", "/users/{user_id}", users.update),
        endpoint("DELETE", "/users/{user_id}", users.delete),
        endpoint("PATCH", "/users/{user_id}/metadata", users.merge_metadata),
        endpoint("PUT", "/users/{user_id}/metadata", users.replace_metadata),
        endpoint("POST", "/users/{user_id}/ban", users.ban),
        endpoint("POST", "/users/{user_id}/unban", users.unban),
        endpoint("POST", "/users/{user_id}/lock", users.lock),
        endpoint("POST", "/users/{user_id}/unlock", users.unlock),
        endpoint("POST", "/users/{user_id}/verify_password", users.verify_password),
        endpoint("POST", "/users/{user_id}/remove_password", users.remove_password),
        endpoint("GET", "/users/{user_id}/organization_memberships", users.memberships),
    ]


class _UserEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, request: Request) -> object:
        query = asked(request, _Users)
        users = ordered(matching(self._instance, query), query.order_by, USER_FIELDS)
        return [described_user(user) for user in query.of(users)]

    async def count(self, request: Request) -> object:
        users = matching(self._instance, asked(request, UserFilters))
        return {"object": "total_count", "total_count": len(users)}

    async def create(self, request: Request) -> object:
        body = await read(request, _NewUser)
        return described_user(self._instance.add_user(body.email_address[0], **body.fields()))

    async def get(self, request: Request) -> object:
        return described_user(self._user(request))

    async def update(self, request: Request) -> object:
        user = self._user(request)
        body = await read(request, _ChangedUser)
        changed = self._instance.update_user(user, **body.fields())
        if body.sign_out_of_other_sessions:
            self._sign_out(user)
        return described_user(changed)

    async def delete(self, request: Request) -> object:
        user = self._user(request)
        self._instance.delete_user(user)
        return deleted("user", user.id, external_id=user.external_id)

    async def merge_metadata(self, request: Request) -> object:
        user = self._user(request)
        given = (await read(request, _UserMetadata)).model_dump(exclude_none=True)
        changes: Any = {name: merged(getattr(user, name), new) for name, new in given.items()}
        return described_user(self._instance.update_user(user, **changes))

    async def replace_metadata(self, request: Request) -> object:
        user = self._user(request)
        given = (await read(request, _UserMetadata)).model_dump(exclude_none=True)
        return described_user(self._instance.update_user(user, **given))

    async def ban(self, request: Request) -> object:
        user = self._user(request)
        self._instance.ban(user)
        return described_user(user)

    async def unban(self, request: Request) -> object:
        user = self._user(request)
        self._instance.unban(user)
        return described_user(user)

    async def ban_all(self, request: Request) -> object:
        users = await self._users(request)
        for user in users:
            self._instance.ban(user)
        return [described_user(user) for user in users]

    async def unban_all(self, request: Request) -> object:
        users = await self._users(request)
        for user in users:
            self._instance.unban(user)
        return [described_user(user) for user in users]

    async def lock(self, request: Request) -> object:
        user = self._user(request)
        self._instance.lock(user)
        return described_user(user)

    async def unlock(self, request: Request) -> object:
        user = self._user(request)
        self._instance.unlock(user)
        return described_user(user)

    async def verify_password(self, request: Request) -> object:
        user = self._user(request)
        said = (await read(request, _Password)).password.encode()
        if user.password is None:
            raise Refusal(400, "no_password_set", "The user has no password.")
        if not secrets.compare_digest(said, user.password.encode()):
            raise Refusal(422, "incorrect_password", "The password is not right.", "password")
        return {"verified": True}

    async def remove_password(self, request: Request) -> object:
        user, body = self._user(request), await read(request, _Removal)
        if user.password is not None:
            self._instance.update_user(user, password=None)
        if body.sign_out_of_other_sessions:
            self._sign_out(user)
        return described_user(user)

    async def memberships(self, request: Request) -> object:
        held = self._instance.memberships_of(self._user(request))[::-1]
        page = asked(request, Page)
        data = [described_membership(membership) for membership in page.of(held)]
        return {"data": data, "total_count": len(held)}

    def _sign_out(self, user: User) -> None:
        for session in self._instance.sessions_of(user):
            self._instance.end_session(session, "revoked")

    def _user(self, request: Request) -> User:
        return known(self._instance.users, request, "user_id", "user")

    async def _users(self, request: Request) -> list[User]:
        found = [self._instance.users.get(id) for id in (await read(request, _UserIds)).user_ids]
        users = [user for user in found if user is not None]
        if len(users) < len(found):
            raise Refusal(400, "resource_not_found", "Not all of them are users.", "user_ids")
        return users
