"""Flaws of opaque tokens: an answer with status 200 was taken for a yes, whatever it said."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.testing import LocalClerk
from tests.backend.clock import Clock
from tests.flaws.application import ask, bearer

pytestmark = pytest.mark.anyio

SECOND = 1_000
KINDS = {
    "/api_key": ("ak_1", "api_key", "user_1"),
    "/m2m": ("mt_1", "machine_to_machine_token", "mch_1"),
    "/oauth": ("oat_1", "clerk_idp_oauth_access_token", "user_1"),
}
paths = pytest.mark.parametrize("path", KINDS)


def said(path: str) -> dict[str, object]:
    """What the Backend API says of a good token."""
    token, kind, subject = KINDS[path]
    return {
        "object": kind,
        "id": token,
        "subject": subject,
        "scopes": [],
        "revoked": False,
        "expired": False,
        "expiration": None,
    }


async def status(local: LocalClerk, path: str, answer: Mapping[str, object] | list[object]) -> int:
    """What a caller is answered when the Backend API says this of the token, with status 200."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
    settings: Any = local.settings() | {"transport": transport}
    token = KINDS[path][0]
    return (await ask(Clerk(**settings), path, bearer(token))).status_code


@paths
async def test_good_token_is_believed(live: LocalClerk, path: str) -> None:
    """Row 27: what the others are measured by."""
    assert await status(live, path, said(path)) == 200


@paths
@pytest.mark.parametrize(
    "verdict",
    [
        {"active": False},
        {"active": None},
        {"revoked": True},
        {"revoked": 1},
        {"expired": True},
        {"expired": "no"},
    ],
    ids=str,
)
async def test_token_was_accepted_although_clerk_said_no(
    live: LocalClerk, path: str, verdict: dict[str, object]
) -> None:
    """Row 27: inactive, revoked or expired, and whatever is neither a yes nor a no."""
    assert await status(live, path, said(path) | verdict) == 401


@paths
@pytest.mark.parametrize(("expiration", "expected"), [(-SECOND, 401), (0, 401), (SECOND, 200)])
async def test_expiry_was_not_looked_at(
    live: LocalClerk, clock: Clock, path: str, expiration: int, expected: int
) -> None:
    """Row 27: the moment counts, also where nobody calls it expired."""
    moment = int(clock()) * 1_000 + expiration
    assert await status(live, path, said(path) | {"expiration": moment}) == expected


@paths
@pytest.mark.parametrize(
    "subject",
    ["", "sess_1", "client_1", "user_", "mch_", 5, None, ["user_1"], {"id": "user_1"}],
    ids=repr,
)
async def test_token_without_an_owner_was_accepted(
    live: LocalClerk, path: str, subject: object
) -> None:
    """Row 27: nobody is not a user, and a token belongs to somebody who may hold one."""
    assert await status(live, path, said(path) | {"subject": subject}) == 401


@pytest.mark.parametrize(
    ("path", "subject"), [("/api_key", "mch_1"), ("/m2m", "user_1"), ("/oauth", "org_1")]
)
async def test_token_of_another_kind_of_owner_was_accepted(
    live: LocalClerk, path: str, subject: str
) -> None:
    """Row 27: machines hold no API keys, and users no M2M tokens."""
    assert await status(live, path, said(path) | {"subject": subject}) == 401


@paths
@pytest.mark.parametrize("kind", ["api_key_secret", "session", "", None, 5, *KINDS], ids=repr)
async def test_answer_about_something_else_was_accepted(
    live: LocalClerk, path: str, kind: object
) -> None:
    """Row 27: an object of another kind says nothing about this token."""
    other = KINDS[str(kind)][1] if kind in KINDS else kind
    expected = 200 if other == said(path)["object"] else 401
    assert await status(live, path, said(path) | {"object": other}) == expected


@paths
@pytest.mark.parametrize("missing", ["object", "id", "subject"])
async def test_answer_with_a_gap_was_accepted(live: LocalClerk, path: str, missing: str) -> None:
    """Row 27: what is not said is not made up."""
    answer = said(path)
    del answer[missing]
    assert await status(live, path, answer) == 401


@paths
@pytest.mark.parametrize("answer", [{"active": False}, {"object": "error"}], ids=str)
async def test_any_object_was_accepted(
    live: LocalClerk, path: str, answer: Mapping[str, object]
) -> None:
    """Row 27: an inactive OAuth token is described by one word, and with status 200."""
    assert await status(live, path, answer) == 401


@paths
async def test_answer_that_is_no_object_was_accepted(live: LocalClerk, path: str) -> None:
    """Row 27: that is a fault of the server's, so the caller is not blamed."""
    for answer in ([said(path)], {}):
        assert await status(live, path, answer) == 503
