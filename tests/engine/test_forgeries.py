"""No forged token passes, however it is carried, also beside a genuine one that is remembered."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from clerk_fastapi import Clerk, TokenError
from clerk_fastapi.testing import FORGERIES, LocalClerk, Session
from tests.engine.clock import NOW
from tests.engine.connections import auth_of, bearer, browser, code_of

pytestmark = pytest.mark.anyio

ORIGIN = "https://app.example.com"


@dataclass
class Scene:
    """An instance, a session, and a server that knows the session's genuine token."""

    local: LocalClerk
    session: Session
    genuine: str
    clerk: Clerk

    def cookies(self, token: str) -> dict[str, str]:
        """The cookies of a browser in which somebody put this token, under every name."""
        jar = self.local.cookies(self.session)
        sessions = {name: token for name in jar if name.startswith("__session")}
        others = {name: "1" if "uat" in name else jar[name] for name in jar if name not in sessions}
        return others | sessions


@pytest.fixture(scope="module")
async def scene() -> AsyncIterator[Scene]:
    """One server for all forgeries, because none of them leaves a trace."""
    local = LocalClerk(clock=lambda: NOW)
    ada = local.add_user("ada@example.com")
    acme = local.add_organization("acme", features=["data"])
    local.add_member(acme, ada, role="org:admin", permissions=["org:data:read"])
    session = local.sign_in(ada, organization=acme, origin=ORIGIN)
    async with Clerk(**local.settings(), authorized_parties=[ORIGIN]) as clerk:
        scene = Scene(local, session, local.token(session), clerk)
        auth_of(await clerk.authenticate(bearer(scene.genuine)))
        yield scene


async def test_genuine_token_passes(scene: Scene) -> None:
    """What forgeries start from is beyond doubt, in the header and in a cookie."""
    state = await scene.clerk.authenticate(browser(scene.cookies(scene.genuine)))
    assert auth_of(state).user_id == scene.session.user.id
    assert (await scene.clerk.verify_token(scene.genuine)).session_id == scene.session.id


@pytest.mark.parametrize(("name", "code"), FORGERIES.items())
async def test_forgery_is_refused(scene: Scene, name: str, code: str) -> None:
    """Every forgery is refused with its reason code: verified alone, as bearer token, as cookie."""
    token = scene.local.forge(name, scene.session)
    with pytest.raises(TokenError) as caught:
        await scene.clerk.verify_token(token)
    assert caught.value.code == code
    assert code_of(await scene.clerk.authenticate(bearer(token))) == code
    # In a browser a token from before its last change of mind is old news, whatever else it is.
    old_news = {"iat-negative", "expired-long-ago"}
    in_browser = "session-token-iat-before-client-uat" if name in old_news else code
    assert code_of(await scene.clerk.authenticate(browser(scene.cookies(token)))) == in_browser


@pytest.mark.parametrize("prefix", ["ak", "mt", "m2m", "oat", "sk_test", "pk_test", "whsec"])
async def test_opaque_credentials_are_no_session(scene: Scene, prefix: str) -> None:
    """Keys and machine tokens of other kinds are malformed where a session token belongs."""
    token = f"{prefix}_2aBcDeFgHiJkLmNoPqRsTuVwXyZ"
    assert code_of(await scene.clerk.authenticate(bearer(token))) == "token-invalid"
    assert code_of(await scene.clerk.authenticate(browser(scene.cookies(token)))) == "token-invalid"


async def test_forgeries_leave_no_trace(scene: Scene) -> None:
    """After all of them, asked again, the answers are the same."""
    for name, code in FORGERIES.items():
        token = scene.local.forge(name, scene.session)
        for _ in range(2):
            assert code_of(await scene.clerk.authenticate(bearer(token))) == code
    assert auth_of(await scene.clerk.authenticate(bearer(scene.genuine)))


@pytest.mark.parametrize("part", [0, 1, 2])
async def test_parts_of_genuine_tokens_cannot_be_mixed(scene: Scene, part: int) -> None:
    """Header, payload and signature belong together."""
    other = scene.local.token(scene.session, expires_in=61, header={"oiat": NOW}).split(".")
    segments = scene.genuine.split(".")
    segments[part] = other[part]
    state = await scene.clerk.authenticate(bearer(".".join(segments)))
    assert code_of(state) == "token-invalid-signature"
