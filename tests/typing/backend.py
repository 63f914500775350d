"""What type checkers see of the Backend API; read by mypy and pyright, never run."""

from typing import assert_type

import clerk_backend_api
from clerk_backend_api import models

from clerk_fastapi import (
    Auth,
    BackendApi,
    Clerk,
    CurrentOrganization,
    CurrentUser,
    Guard,
    User,
    require_fresh,
)
from clerk_fastapi.engine.listing import Page
from clerk_fastapi.protocol.events import Session
from clerk_fastapi.protocol.organizations import Membership, Organization

clerk = Clerk()
assert_type(clerk.backend, clerk_backend_api.Clerk)
assert_type(require_fresh(600), Guard)


async def me(user: CurrentUser, organization: CurrentOrganization, api: BackendApi) -> None:
    """Dependencies are what they give."""
    assert_type(user, User)
    assert_type(user.primary_email_address, str | None)
    assert_type(organization, Organization)
    assert_type(await api.users.get_async(user_id=user.id), models.User)
    assert_type(await clerk.backend.sessions.list_async(user_id=user.id), list[models.Session])


async def managed(auth: Auth) -> None:
    """Our own models come out, in pages or one by one."""
    assert_type(await auth.get_token(), str)
    assert_type(await auth.get_token(template="supabase", expires_in_seconds=60), str)
    assert_type(await clerk.sessions.list(user_id=auth.user_id), Page[Session])
    async for session in clerk.sessions.list(user_id=auth.user_id, status="revoked"):
        assert_type(session, Session)
    assert_type(await clerk.sessions.of_user(auth.user_id), tuple[Session, ...])
    assert_type(await clerk.sessions.sign_out_everywhere(auth.user_id), int)
    assert_type(await clerk.users.ban(auth.user_id), User)
    async for member in clerk.organizations.members(auth):
        assert_type(member, Membership)
