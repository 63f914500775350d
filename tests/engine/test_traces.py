"""What an error holds on to: nothing that a report of it could show."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from clerk_fastapi import Clerk, SessionClaims, SignedOut, TokenError
from clerk_fastapi.testing import FORGERIES, LocalClerk, Session
from tests.engine.connections import bearer

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]


class Metadata(BaseModel):
    """What no token of these tests carries."""

    level: int


class Claims(SessionClaims):
    """Claims that do not fit."""

    metadata: Metadata


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was raised in the course of."""
    while error is not None:
        yield error
        error = error.__context__


async def test_state_holds_no_raised_error(make_clerk: MakeClerk, local: LocalClerk) -> None:
    """Tracebacks hold frames, and frames hold tokens."""
    session = local.sign_in(local.add_user("eve@example.com"))
    for clerk in (make_clerk(), make_clerk(claims=Claims)):
        for token in (local.token(session, claims={"exp": 1}), local.token(session), "junk"):
            state = await clerk.authenticate(bearer(token))
            if isinstance(state, SignedOut):
                assert state.error.__traceback__ is None
                assert state.error.__context__ is None


@pytest.mark.parametrize("name", sorted(FORGERIES))
async def test_refusal_was_not_raised_in_the_course_of_another_error(
    clerk: Clerk, local: LocalClerk, session: Session, name: str
) -> None:
    """Errors of decoders and validators quote what they could not read."""
    own = {"clerk_fastapi.errors.token", "clerk_fastapi.engine.authenticate"}
    kinds: set[str] = set()
    try:
        await clerk.verify_token(local.forge(name, session))
    except TokenError as error:
        kinds = {type(each).__module__ for each in chain(error)}
    assert kinds <= own


async def test_misfit_is_logged_once_for_each_set_of_fields(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A model that does not fit meets thousands of tokens."""
    clerk = make_clerk(claims=Claims)
    for number in range(5):
        token = local.token(session, claims={"metadata": {"level": f"secret-{number}"}})
        assert isinstance(await clerk.authenticate(bearer(token)), SignedOut)
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.getMessage().count("metadata.level") for record in errors] == [1]
    assert "secret" not in caplog.text
