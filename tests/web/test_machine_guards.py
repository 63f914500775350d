"""Guards for machines: API keys, M2M tokens and OAuth access tokens, alone and mixed."""

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, WebSocket

from clerk_fastapi import (
    ApiKeyAuth,
    Auth,
    Clerk,
    ConfigurationError,
    M2MAuth,
    OAuthAuth,
    Requirement,
    optional_auth,
    require,
    require_api_key,
    require_auth,
    require_m2m,
    require_oauth,
    require_scope,
)
from clerk_fastapi.testing import LocalClerk, Session
from tests.web.callers import answers, let_in
from tests.web.conftest import Headers
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(clerk: Clerk) -> FastAPI:
    """An application without routes."""
    return FastAPI(lifespan=clerk.lifespan)


# --- one kind, or several -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guard", "names"),
    [
        (require_auth, {"session"}),
        (require_api_key, {"key", "org key"}),
        (require_m2m, {"m2m", "m2m JWT"}),
        (require_oauth, {"oauth", "oauth JWT"}),
        (require(accepts_token="api_key"), {"key", "org key"}),
        (require(accepts_token=["session_token", "m2m_token"]), {"session", "m2m", "m2m JWT"}),
        (
            require(accepts_token=("api_key", "oauth_token")),
            {"key", "org key", "oauth", "oauth JWT"},
        ),
        (
            require(accepts_token="any"),
            {"session", "key", "org key", "m2m", "m2m JWT", "oauth", "oauth JWT"},
        ),
    ],
)
async def test_guard_lets_in_the_kinds_that_it_names(
    app: FastAPI, callers: dict[str, Headers], guard: Any, names: set[str]
) -> None:
    """And nobody else."""

    @app.get("/", dependencies=[Depends(guard)])
    async def page() -> str:
        return "page"

    assert let_in(await answers(app, "/", callers)) == names


async def test_refused_kind_costs_no_call(
    app: FastAPI, local: LocalClerk, callers: dict[str, Headers]
) -> None:
    """A session route never spends a Backend API call on a machine token, nor the other way."""

    @app.get("/session", dependencies=[Depends(require_auth)])
    async def session() -> None:
        raise AssertionError("nobody gets here")

    @app.get("/key", dependencies=[Depends(require_api_key)])
    async def key() -> None:
        raise AssertionError("nobody gets here")

    machines = {name: caller for name, caller in callers.items() if name != "session"}
    others = {name: caller for name, caller in callers.items() if "key" not in name}
    with local.outage("unreachable"):
        assert set((await answers(app, "/session", machines)).values()) == {401}
        assert set((await answers(app, "/key", others)).values()) == {401}
    assert local.requests == []


async def test_route_gets_the_auth_of_the_kind_that_came(
    app: FastAPI, local: LocalClerk, ada_session: Session, callers: dict[str, Headers]
) -> None:
    """Told apart by its type or by ``token_type``."""
    seen: list[Any] = []

    @app.get("/")
    async def page(auth: Annotated[Any, Depends(require(accepts_token="any"))]) -> str:
        seen.append(auth)
        return str(auth.token_type)

    async with running(app) as client:
        said = {
            name: (await client.get("/", headers=headers)).json()
            for name, headers in callers.items()
            if name != "nobody"
        }
    assert said == {
        "key": "api_key",
        "org key": "api_key",
        "m2m": "m2m_token",
        "m2m JWT": "m2m_token",
        "oauth": "oauth_token",
        "oauth JWT": "oauth_token",
        "session": "session_token",
    }
    key, org_key, m2m, _, oauth, _, session = seen
    assert isinstance(key, ApiKeyAuth)
    assert (key.user_id, key.org_id) == (ada_session.user.id, None)
    assert key.claims == {"tier": "gold"}
    assert org_key.org_id == local.organization("acme").id
    assert isinstance(m2m, M2MAuth)
    assert m2m.machine_id == next(iter(local.machines))
    assert isinstance(oauth, OAuthAuth)
    assert (oauth.user_id, oauth.client_id) == (ada_session.user.id, "mail")
    assert isinstance(session, Auth)
    assert not any(auth.has(permission="org:data:read") for auth in seen[:-1])


async def test_guards_that_share_no_kind_let_nobody_in(
    app: FastAPI, callers: dict[str, Headers]
) -> None:
    """Each has to be passed."""

    @app.get("/", dependencies=[Depends(require_auth), Depends(require_api_key)])
    async def page() -> None:
        raise AssertionError("nobody gets here")

    assert let_in(await answers(app, "/", callers)) == set()


# --- how they are refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "code", "challenge"),
    [
        ("nobody", "machine-token-missing", "Bearer"),
        (
            "session",
            "token-type-mismatch",
            'Bearer error="invalid_token", error_description="token-type-mismatch"',
        ),
        (
            "m2m",
            "token-type-mismatch",
            'Bearer error="invalid_token", error_description="token-type-mismatch"',
        ),
    ],
)
async def test_refusal_says_what_is_wanted(
    app: FastAPI, callers: dict[str, Headers], caller: str, code: str, challenge: str
) -> None:
    """Without a token there is no error to name (RFC 6750 section 3.1)."""

    @app.get("/", dependencies=[Depends(require_api_key)])
    async def page() -> None:
        raise AssertionError("nobody gets here")

    async with running(app) as client:
        response = await client.get("/", headers=callers[caller])
    assert response.status_code == 401
    assert response.json()["detail"]["code"] == code
    assert response.headers["www-authenticate"] == challenge
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("how", ["revoked", "expired", "unknown"])
async def test_key_that_is_good_no_more_is_refused(
    app: FastAPI, local: LocalClerk, ada_session: Session, how: str
) -> None:
    """Clerk has the last word, every time."""

    @app.get("/", dependencies=[Depends(require_api_key)])
    async def page() -> str:
        return "page"

    key = local.create_api_key(ada_session.user, expires_in=-1 if how == "expired" else None)
    if how == "revoked":
        local.revoke(key)
    token = "ak_unknown" if how == "unknown" else key.token
    async with running(app) as client:
        response = await client.get("/", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401
    assert token not in response.text


@pytest.mark.parametrize("outage", [{"status": 500}, {"kind": "html"}, {"status": 401}])
async def test_outage_is_503_and_not_401(
    app: FastAPI, local: LocalClerk, callers: dict[str, Headers], outage: Any
) -> None:
    """With the time to wait."""

    @app.get("/", dependencies=[Depends(require_api_key)])
    async def page() -> str:
        return "page"

    with local.outage(**outage):
        async with running(app) as client:
            response = await client.get("/", headers=callers["key"])
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1


# --- elsewhere ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("caller", "accepted"), [("key", True), ("m2m JWT", False)])
async def test_machines_open_websockets(
    app: FastAPI, callers: dict[str, Headers], caller: str, accepted: bool
) -> None:
    """From any origin, since no page can make a browser send such a header."""

    @app.websocket("/", dependencies=[Depends(require_api_key)])
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    headers = {"host": "test", "origin": "https://evil.example"} | callers[caller]
    async with running(app):
        sent = await open_websocket(app, "/", headers, denials=True)
    assert (sent[0]["type"] == "websocket.accept") is accepted


async def test_optional_sign_in_takes_sessions_only(
    app: FastAPI, callers: dict[str, Headers]
) -> None:
    """A machine is a guest there."""

    @app.get("/")
    async def page(auth: Annotated[Auth | None, Depends(optional_auth)]) -> str:
        return "guest" if auth is None else "user"

    async with running(app) as client:
        for name, headers in callers.items():
            expected = "user" if name == "session" else "guest"
            assert (await client.get("/", headers=headers)).json() == expected


async def test_machine_is_asked_about_once_a_request(
    app: FastAPI, local: LocalClerk, callers: dict[str, Headers]
) -> None:
    """However many guards want to know."""

    @app.get("/", dependencies=[Depends(require_api_key), Depends(require_scope("data:read"))])
    async def page(auth: Annotated[Any, Depends(require(accepts_token="any"))]) -> str:
        return str(auth.token_type)

    async with running(app) as client:
        assert (await client.get("/", headers=callers["key"])).json() == "api_key"
    assert len(local.requests_to("/api_keys/verify")) == 1


@pytest.mark.parametrize("wrong", ["", "session", [], ["api_key", "x"], None, 5])
def test_kind_that_does_not_exist_stops_the_start_up(wrong: Any) -> None:
    """Where the guard is written."""
    with pytest.raises(ConfigurationError, match="accepts_token"):
        require(accepts_token=wrong)


def test_guard_with_a_clerk_that_is_none_stops_the_start_up() -> None:
    """Settings are not a Clerk."""
    with pytest.raises(ConfigurationError, match="takes a Clerk"):
        require(clerk="clerk")  # type: ignore[arg-type]  # that is what must fail


def test_requirement_that_cannot_be_hashed_stops_the_start_up() -> None:
    """FastAPI compares guards at every request."""

    class Own(Requirement):
        __hash__ = None  # type: ignore[assignment]  # as Python does for eq

        def describe(self) -> str:
            return "something"

        def to_json(self) -> dict[str, object]:
            return {"own": True}

        def met_by(self, who: Any, now: float) -> bool:
            return True

    with pytest.raises(ConfigurationError, match="hashable"):
        require(Own())


def test_guards_that_accept_the_same_are_equal() -> None:
    """So that FastAPI's ``dependency_overrides`` find them, however the list was written."""
    one = require(accepts_token=["api_key", "session_token"])
    two = require(accepts_token=("session_token", "api_key"))
    assert one == two
    assert hash(one) == hash(two)
    assert require(accepts_token="api_key") == require_api_key
    assert require(accepts_token=iter(["api_key", "session_token"])) == one
    assert require(accepts_token=["api_key"]) != require_api_key
    assert require_auth not in (require_api_key, require_m2m, require_oauth)
