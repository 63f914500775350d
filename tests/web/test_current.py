"""The current user and organization: fetched once a request, and never more than may be seen."""

import json
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, WebSocket

from clerk_fastapi import (
    BackendApi,
    Clerk,
    CurrentAuth,
    CurrentOrganization,
    CurrentUser,
    ResourceNotFound,
    User,
    backend_api,
    current_organization,
    current_user,
    require_fresh,
)
from clerk_fastapi.testing import LocalClerk, Session
from tests.backend.clock import Clock
from tests.web.conftest import Headers
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio

SECRET = "4111-1111"


def fetches(local: LocalClerk) -> list[str]:
    """What the Backend API was asked for, but for keys."""
    return [seen.path for seen in local.requests if not seen.path.endswith("/jwks")]


@pytest.fixture
def app(clerk: Clerk, local: LocalClerk) -> FastAPI:
    """An application that shows users as they are."""
    local.update_user("ada@example.com", private_metadata={"card": SECRET})
    local.update_organization("acme", private_metadata={"card": SECRET})
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/me")
    async def me(user: CurrentUser) -> User:
        return user

    @app.get("/as-it-is", response_model=None)
    async def as_it_is(user: CurrentUser) -> User:
        return user

    @app.get("/in-a-dict")
    async def in_a_dict(user: CurrentUser) -> dict[str, Any]:
        return {"user": user, "fields": dict(user), "dump": user.model_dump()}

    @app.get("/private")
    async def private(user: CurrentUser) -> object:
        return user.private_metadata["card"]

    @app.get("/acme")
    async def acme(organization: CurrentOrganization) -> object:
        return organization

    @app.get("/many")
    async def many(
        user: CurrentUser,
        again: Annotated[User, Depends(current_user, use_cache=False)],
        auth: CurrentAuth,
        organization: CurrentOrganization,
        other: Annotated[object, Depends(current_organization, use_cache=False)],
    ) -> bool:
        return user is again and organization is other and user.id == auth.user_id

    @app.get("/api", dependencies=[Depends(current_user)])
    async def api(api: BackendApi, same: Annotated[Any, Depends(backend_api)]) -> object:
        organizations = await api.organizations.list_async()
        return {"same": api is same, "count": organizations.total_count}

    @app.get("/users/{user_id}")
    async def user(user_id: str, auth: CurrentAuth) -> str:
        return (await clerk.users.get(user_id)).id

    @app.get("/fresh", dependencies=[Depends(require_fresh(120))])
    async def fresh() -> None: ...

    @app.websocket("/live")
    async def live(ws: WebSocket, user: CurrentUser) -> None:
        await ws.accept()
        await ws.send_text(user.primary_email_address or "")

    return app


async def test_current_user_is_fetched_from_clerk(
    app: FastAPI, local: LocalClerk, ada: Headers, ada_session: Session
) -> None:
    """With all that a token does not say."""
    async with running(app) as client:
        answer = await client.get("/me", headers=ada)
    assert answer.status_code == 200
    assert answer.json()["id"] == ada_session.user.id
    assert answer.json()["email_addresses"][0]["email_address"] == "ada@example.com"
    assert fetches(local) == [f"/v1/users/{ada_session.user.id}"]


@pytest.mark.parametrize("path", ["/me", "/as-it-is", "/in-a-dict", "/acme"])
async def test_private_metadata_is_sent_by_no_accident(
    app: FastAPI, ada: Headers, path: str
) -> None:
    """However a user or an organization is returned."""
    async with running(app) as client:
        answer = await client.get(path, headers=ada)
        document = (await client.get("/openapi.json")).text
    assert answer.status_code == 200
    assert SECRET not in answer.text
    assert "private_metadata" not in answer.text + document


async def test_private_metadata_is_there_for_those_who_name_it(app: FastAPI, ada: Headers) -> None:
    """Handlers may need it."""
    async with running(app) as client:
        assert (await client.get("/private", headers=ada)).json() == SECRET


async def test_one_call_a_request_however_many_ask(
    app: FastAPI, local: LocalClerk, ada: Headers
) -> None:
    """Also where FastAPI's own cache is off; the next request asks anew."""
    async with running(app) as client:
        for calls in (1, 2):
            assert (await client.get("/many", headers=ada)).json() is True
            assert len([path for path in fetches(local) if "/users/" in path]) == calls
            assert len([path for path in fetches(local) if "/organizations/" in path]) == calls


async def test_guests_are_refused_before_anybody_is_asked(app: FastAPI, local: LocalClerk) -> None:
    """There is no user to fetch."""
    async with running(app) as client:
        for path in ("/me", "/acme"):
            answer = await client.get(path)
            assert answer.status_code == 401
            assert answer.json()["detail"]["code"] == "session-token-and-uat-missing"
    assert local.requests == []


async def test_users_of_one_request_are_not_those_of_another(
    app: FastAPI, ada: Headers, bob: Headers
) -> None:
    """Side by side."""
    async with running(app) as client:
        ids = [(await client.get("/me", headers=who)).json()["id"] for who in (ada, bob, ada)]
    assert ids[0] == ids[2] != ids[1]


@pytest.mark.parametrize("action", ["delete_user", "ban", "lock"])
async def test_user_who_is_gone_has_no_session(
    app: FastAPI, local: LocalClerk, ada: Headers, ada_session: Session, action: str
) -> None:
    """401, though the token is good for a minute yet and nobody has been told."""
    getattr(local, action)(ada_session.user)
    async with running(app) as client:
        answer = await client.get("/me", headers=ada)
    assert answer.status_code == 401
    assert answer.json()["detail"]["code"] == "session-ended"


async def test_without_an_organization_there_is_none(
    app: FastAPI, local: LocalClerk, ada_session: Session
) -> None:
    """403, also if it was deleted after the token was issued."""
    belated = local.bearer(ada_session)
    local.delete_organization("acme")
    async with running(app) as client:
        for who in (belated, local.bearer(ada_session)):
            answer = await client.get("/acme", headers=who)
            assert answer.status_code == 403
            assert answer.json()["detail"]["missing"] == {"organization": True}
    assert len(fetches(local)) == 1


async def test_outage_is_no_fault_of_the_caller(
    app: FastAPI, local: LocalClerk, ada: Headers
) -> None:
    """503, with the time to wait."""
    async with running(app) as client:
        await client.get("/me", headers=ada)
        with local.outage(status=429, headers={"retry-after": "60"}):
            answer = await client.get("/me", headers=ada)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert answer.json()["detail"]["code"] == "backend-rate-limited"
    assert "trace" not in answer.text


async def test_client_of_the_backend_api_is_handed_out(app: FastAPI, ada: Headers) -> None:
    """The one of the running Clerk."""
    async with running(app) as client:
        assert (await client.get("/api", headers=ada)).json() == {"same": True, "count": 1}


async def test_unknown_resource_is_404(app: FastAPI, ada: Headers) -> None:
    """Without what Clerk said of it."""
    async with running(app) as client:
        for unknown in ("user_unknown", "%2e%2e", "%252e%252e"):
            answer = await client.get(f"/users/{unknown}", headers=ada)
            assert answer.status_code == 404
            detail = {"code": "resource-not-found", "message": ResourceNotFound.sentence}
            assert answer.json() == {"detail": detail}


async def test_current_user_on_a_websocket(app: FastAPI, ada: Headers) -> None:
    """The same dependency."""
    async with running(app):
        sent = await open_websocket(app, "/live", ada)
    assert sent[1]["text"] == "ada@example.com"


async def test_two_clerks_fetch_their_own_users(
    clerk: Clerk, other: LocalClerk, local: LocalClerk, ada: Headers, eve: Headers
) -> None:
    """Each application asks the Clerk that runs in it."""
    staff = Clerk(**other.settings())
    inner, outer = FastAPI(), FastAPI(lifespan=clerk.lifespan)
    for app in (inner, outer):

        @app.get("/me")
        async def me(user: CurrentUser) -> str | None:
            return user.primary_email_address

    outer.mount("/staff", inner)
    async with staff.lifespan(inner), running(outer) as client:
        assert (await client.get("/me", headers=ada)).json() == "ada@example.com"
        assert (await client.get("/staff/me", headers=eve)).json() == "eve@example.com"
        assert (await client.get("/staff/me", headers=ada)).status_code == 401


async def test_foreign_entry_of_a_scope_is_no_user(
    clerk: Clerk, ada: Headers, ada_session: Session
) -> None:
    """Nobody else's word counts for what Clerk was asked."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.middleware("http")
    async def plant(request: Any, call_next: Any) -> Any:
        request.scope["clerk_fastapi.current_user"] = User(id="user_evil")
        return await call_next(request)

    @app.get("/me")
    async def me(user: CurrentUser) -> str:
        return user.id

    async with running(app) as client:
        assert (await client.get("/me", headers=ada)).json() == ada_session.user.id


async def test_what_was_fetched_for_another_is_not_handed_on(
    clerk: Clerk, other: LocalClerk, local: LocalClerk, ada: Headers, bob: Headers
) -> None:
    """Neither to another user nor by another Clerk, should a scope be used again."""
    name = "clerk_fastapi.current_user"
    twin = other.add_user("twin@example.com", user_id=local.user("bob@example.com").id)
    fetched: list[Any] = []
    apps = [FastAPI(lifespan=each.lifespan) for each in (clerk, Clerk(**other.settings()))]
    for app in apps:

        @app.middleware("http")
        async def reuse(request: Any, call_next: Any) -> Any:
            if fetched:
                request.scope[name] = fetched[-1]
            answer = await call_next(request)
            fetched.append(request.scope[name])
            return answer

        @app.get("/me")
        async def me(user: CurrentUser) -> str | None:
            return user.primary_email_address

    async with running(apps[0]) as here, running(apps[1]) as there:
        headers = other.bearer(other.sign_in(twin))
        asked = [(here, ada), (here, bob), (there, headers), (here, bob)]
        found = [(await client.get("/me", headers=who)).json() for client, who in asked]
    assert found == ["ada@example.com", "bob@example.com", "twin@example.com", "bob@example.com"]


async def test_session_that_is_too_old_is_refused(
    app: FastAPI, local: LocalClerk, ada_session: Session, clock: Clock
) -> None:
    """401, until the user proves anew who they are."""
    async with running(app) as client:
        for seconds, status in ((0, 200), (120, 200), (60, 401)):
            clock.now += seconds
            answer = await client.get("/fresh", headers=local.bearer(ada_session))
            assert answer.status_code == status
    assert answer.json()["detail"]["code"] == "session-too-old"


async def test_documents_say_what_is_demanded(app: FastAPI) -> None:
    """Dependencies on the current user are guards, too."""
    async with running(app) as client:
        paths = json.loads((await client.get("/openapi.json")).text)["paths"]
    assert paths["/me"]["get"]["security"]
    assert paths["/acme"]["get"]["x-clerk-requirement"] == {"organization": True}
    assert paths["/fresh"]["get"]["x-clerk-requirement"] == {"max_age": 120}


async def test_documents_say_that_clerk_is_asked(app: FastAPI) -> None:
    """Where a dependency does, however deep: 502, beside what guards answer; own words stay."""

    async def name(user: CurrentUser) -> str | None:
        return user.first_name

    inner = FastAPI()
    inner.add_api_route("/deep", name, dependencies=[Depends(name)])
    app.mount("/inner", inner)
    said: dict[int | str, dict[str, Any]] = {502: {"description": "Own words."}}
    app.add_api_route("/own", name, responses=said)
    async with running(app) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
        paths |= (await client.get("/inner/openapi.json")).json()["paths"]
    answers = {path: paths[path]["get"]["responses"] for path in paths}
    asking = ["/me", "/as-it-is", "/in-a-dict", "/private", "/acme", "/many", "/api", "/deep"]
    assert [path for path in answers if "502" in answers[path]] == [*asking[:-1], "/own", "/deep"]
    for path in asking:
        schema = answers[path]["502"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/ClerkRefusal"}
        assert {"401", "502", "503"} <= answers[path].keys()
    assert answers["/own"]["502"] == {"description": "Own words."}
