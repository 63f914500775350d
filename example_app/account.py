"""What is known of whoever asks: from the session token, from Clerk, from a header."""

from typing import Annotated

from fastapi import APIRouter, Header

from clerk_fastapi import CurrentUser
from clerk_fastapi.protocol.users import User
from example_app.guards import RecentlySignedIn, SignedIn
from example_app.models import Account, SessionAge, WhoAmI
from example_app.services import NowDep

router = APIRouter(tags=["account"])


@router.get("/me")
async def me(auth: SignedIn) -> Account:
    """The plan and the email come from typed custom claims: Clerk is not called for them."""
    return Account(
        user_id=auth.user_id,
        email=auth.claims.email,
        plan=auth.claims.metadata.plan,
        organization_id=auth.org_id,
        role=auth.org_role,
        permissions=auth.org_permissions or (),
    )


@router.get("/me/user")
async def user(user: CurrentUser) -> User:
    """Who that is, asked of Clerk now: all that may be shown, so that private metadata is not."""
    return user


@router.get("/session")
async def session_age(auth: RecentlySignedIn, now: NowDep) -> SessionAge:
    """How long ago the user signed in; an hour is the limit."""
    assert auth.factor_verification_age is not None  # or Fresh would have refused
    minutes_when_issued = auth.factor_verification_age[0]
    seconds = minutes_when_issued * 60 + max(now - auth.claims.iat, 0)
    return SessionAge(session_id=auth.session_id, seconds=seconds)


@router.get("/whoami")
async def whoami(
    x_user_id: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> WhoAmI:
    """Who the middleware says is asking, in a header that clients cannot set.

    So can anything behind it tell that knows nothing of Clerk.
    """
    return WhoAmI(user_id=x_user_id)
