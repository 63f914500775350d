"""Guards for machines in the OpenAPI document: their schemes, and which kinds a route accepts."""

import json
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Security
from openapi_spec_validator import validate

from clerk_fastapi import (
    Permission,
    Scope,
    document,
    optional_auth,
    require,
    require_api_key,
    require_auth,
    require_m2m,
    require_oauth,
    require_scope,
)

SESSION = ["ClerkBearer", "ClerkCookie"]
EVERY = [*SESSION, "ClerkApiKey", "ClerkM2M", "ClerkOAuth"]
MACHINES = ["api_key", "m2m_token", "oauth_token"]


def documented(*dependencies: Any) -> dict[str, Any]:
    """The document of an application with one guarded route."""
    app = FastAPI(title="Test", version="1")

    @app.get("/", dependencies=list(dependencies))
    async def page() -> str:
        """A page."""
        return "page"

    document(app)
    schema = app.openapi()
    validate(schema)
    assert "ClerkGuard" not in json.dumps(schema)
    return schema


def operation(schema: dict[str, Any]) -> dict[str, Any]:
    """What it says of that route."""
    found: dict[str, Any] = schema["paths"]["/"]["get"]
    return found


def security(schema: dict[str, Any]) -> list[str]:
    """The schemes of which one is enough."""
    alternatives = operation(schema)["security"]
    assert all(list(each.values()) == [[]] for each in alternatives)
    return [name for each in alternatives for name in each]


@pytest.mark.parametrize(
    ("guard", "schemes", "accepted", "words"),
    [
        (require_auth, SESSION, None, "a signed-in user"),
        (require_api_key, ["ClerkApiKey"], ["api_key"], "an API key"),
        (require_m2m, ["ClerkM2M"], ["m2m_token"], "a machine (M2M token)"),
        (require_oauth, ["ClerkOAuth"], ["oauth_token"], "an OAuth access token"),
        (
            require(accepts_token=["api_key", "session_token"]),
            [*SESSION, "ClerkApiKey"],
            ["api_key", "session_token"],
            "a signed-in user or an API key",
        ),
        (
            require(accepts_token="any"),
            EVERY,
            [*MACHINES, "session_token"],
            "a signed-in user or an API key or a machine (M2M token) or an OAuth access token",
        ),
        (require(accepts_token=["session_token"]), SESSION, None, "a signed-in user"),
    ],
)
def test_kinds_of_token_are_documented(
    guard: Any, schemes: list[str], accepted: list[str] | None, words: str
) -> None:
    """As alternatives for people and generators, and by name for programs."""
    schema = documented(Depends(guard))
    assert security(schema) == schemes
    assert sorted(schema["components"]["securitySchemes"]) == sorted(schemes)
    said = operation(schema)
    assert said.get("x-clerk-accepts-token") == accepted
    assert said["x-clerk-requirement"] == {"signed_in": True}
    assert said["description"] == f"A page.\n\n**Requires** {words}."
    assert set(said["responses"]) == {"200", "401", "503"}


def test_schemes_say_how_tokens_look() -> None:
    """All of them are bearer tokens; which is which stands in words."""
    schemes = documented(Depends(require(accepts_token="any")))["components"]["securitySchemes"]
    for name, beginning in (("ClerkApiKey", "ak_"), ("ClerkM2M", "mt_"), ("ClerkOAuth", "oat_")):
        assert (schemes[name]["type"], schemes[name]["scheme"]) == ("http", "bearer")
        assert beginning in schemes[name]["description"]
        assert set(schemes[name]) == {"type", "scheme", "description"}


@pytest.mark.parametrize(
    ("dependency", "requirement", "words"),
    [
        (Depends(require_scope("data:read")), {"scope": "data:read"}, "data:read"),
        (
            Security(require_api_key, scopes=["data:read"]),
            {"scope": "data:read"},
            "data:read",
        ),
        (
            Security(require_oauth, scopes=["data:read", "data:write"]),
            {"all_of": [{"scope": "data:read"}, {"scope": "data:write"}]},
            "data:write",
        ),
        (
            Depends(require(Permission("org:data:read") | Scope("data:read"), accepts_token="any")),
            {"any_of": [{"permission": "org:data:read"}, {"scope": "data:read"}]},
            "org:data:read",
        ),
    ],
)
def test_scopes_are_documented_as_scopes(dependency: Any, requirement: Any, words: str) -> None:
    """Of machines; with the refusal that names what is missing."""
    said = operation(documented(dependency))
    assert said["x-clerk-requirement"] == requirement
    assert words in said["description"]
    refusal = said["responses"]["403"]["content"]["application/json"]["schema"]
    assert refusal == {"$ref": "#/components/schemas/ClerkRefusal"}


def test_scope_alone_accepts_every_machine() -> None:
    """And no session."""
    schema = documented(Depends(require_scope("data:read")))
    assert security(schema) == ["ClerkApiKey", "ClerkM2M", "ClerkOAuth"]
    assert operation(schema)["x-clerk-accepts-token"] == MACHINES


def test_several_guards_leave_what_all_of_them_accept() -> None:
    """Alternatives are OR in OpenAPI, but every guard of a route must be passed."""
    schema = documented(
        Depends(require(accepts_token="any")),
        Depends(require(accepts_token=["api_key", "session_token"])),
        Depends(require_scope("data:read")),
    )
    assert security(schema) == ["ClerkApiKey"]
    assert operation(schema)["x-clerk-accepts-token"] == ["api_key"]


def test_guards_that_share_no_kind_leave_nothing() -> None:
    """A route that nobody can call says so to programs; no scheme at all would mean public."""
    schema = documented(Depends(require_auth), Depends(require_api_key))
    assert operation(schema)["security"] == [{"ClerkBearer": [], "ClerkApiKey": []}]
    assert operation(schema)["x-clerk-accepts-token"] == []


def test_optional_sign_in_beside_machines_is_strict() -> None:
    """The stricter guard counts; who is optional accepts sessions only."""
    schema = documented(Depends(optional_auth), Depends(require(accepts_token="any")))
    assert security(schema) == SESSION
    assert "x-clerk-accepts-token" not in operation(schema)


def test_guards_of_different_kinds_are_different_guards() -> None:
    """Equal requirements do not make them share a scheme."""
    names = {
        guard.scheme_name
        for guard in (require_auth, require_api_key, require_m2m, require_oauth, optional_auth)
    }
    assert len(names) == 5
    one, two = (require(accepts_token=kinds) for kinds in (["api_key"], "api_key"))
    assert one.scheme_name == two.scheme_name
