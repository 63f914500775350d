"""Who is not believed, and who may not: the refusals of every route."""

import pytest

from tests.example.conftest import Connected, Example

ROUTES = [
    ("GET", "/items"),
    ("POST", "/items"),
    ("POST", "/items/batch"),
    ("DELETE", "/items/1"),
    ("DELETE", "/items"),
    ("GET", "/settings"),
    ("PUT", "/settings"),
    ("GET", "/me"),
    ("GET", "/session"),
    ("GET", "/me/user"),
    ("GET", "/me/sessions"),
    ("DELETE", "/me/sessions/1"),
    ("GET", "/report"),
]
EVIL = {
    "parts-one": "token-invalid",
    "expired": "token-expired",
    "not-active-yet": "token-not-active-yet",
    "issued-in-the-future": "token-iat-in-the-future",
    "key-foreign": "token-invalid-signature",
    "instance-foreign": "jwk-kid-mismatch",
    "azp-foreign": "token-invalid-authorized-parties",
    "azp-absent": "token-invalid-authorized-parties",
    "alg-hs256-pem": "token-invalid-algorithm",
    "iss-foreign": "token-invalid-issuer",
}
NEEDED = {
    ("GET", "/items"): "org:data:read",
    ("POST", "/items"): "org:data:write",
    ("POST", "/items/batch"): "org:data:write",
    ("DELETE", "/items/1"): "org:data:delete",
    ("DELETE", "/items"): "org:data:delete",
    ("PUT", "/settings"): "org:admin",
}


def test_every_route_is_here(example: Example) -> None:
    """No route of the API is left out of these tests, and all that have secrets are guarded."""
    paths = example.app.openapi()["paths"]
    ids = {"/items/1": "/items/{item_id}", "/me/sessions/1": "/me/sessions/{session_id}"}
    known = {(method, ids.get(path, path)) for method, path in ROUTES}
    known.add(("GET", "/export"))  # for API keys: test_export.py
    known.add(("GET", "/whoami"))  # for everybody: test_middleware.py
    assert {(method.upper(), path) for path in paths for method in paths[path]} == known


def test_no_token_is_401(example: Example) -> None:
    """Without a token every route says so, and offers the bearer scheme without an error."""
    for method, path in ROUTES:
        answer = example.client.request(method, path)
        assert answer.status_code == 401
        assert answer.json()["detail"]["code"] == "session-token-and-uat-missing"
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer garbage", "Bearer a.b.c", "Bearer", "Bearer ünicode"])
def test_garbage_is_401(example: Example, header: str) -> None:
    """What is no token at all is malformed, on every route."""
    for method, path in ROUTES:
        headers = {b"Authorization": header.encode()}
        answer = example.client.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "token-invalid")


@pytest.mark.parametrize("kind", EVIL)
def test_evil_tokens_are_401(example: Example, kind: str) -> None:
    """A forged, foreign or untimely token is refused on every route, with the reason."""
    headers = {"Authorization": f"Bearer {example.token('ada', kind)}"}
    for method, path in ROUTES:
        answer = example.client.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (401, EVIL[kind])
        challenge = f'Bearer error="invalid_token", error_description="{EVIL[kind]}"'
        assert answer.headers["WWW-Authenticate"] == challenge


def test_evil_cookies_are_401(example: Example) -> None:
    """A cookie is judged like a header."""
    for kind, code in EVIL.items():
        answer = example.client.get("/items", headers=example.cookies("ada", kind))
        assert (answer.status_code, answer.json()["detail"]["code"]) == (401, code)


def test_good_cookie_is_believed(example: Example) -> None:
    """Browsers send the session as a cookie."""
    assert example.client.get("/items", headers=example.cookies("ada")).status_code == 200


def test_pending_session_is_401(example: Example) -> None:
    """A user who has yet to choose an organization is signed out everywhere."""
    for method, path in ROUTES:
        answer = example.ask("finn", method, path)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "session-pending")


@pytest.mark.parametrize(("route", "needed"), NEEDED.items())
def test_403_names_what_is_missing(
    connected: Connected, route: tuple[str, str], needed: str
) -> None:
    """Signed in to an organization without the permission or role: the refusal says which."""
    others = {name for name in NEEDED.values() if name.startswith("org:data:")} - {needed}
    connected.join("ada", "acme", permissions=others)
    answer = connected.ask("ada", *route, organization="acme")
    assert answer.status_code == 403
    assert answer.json()["detail"]["code"] == "permission-denied"
    assert needed in answer.json()["detail"]["message"]


@pytest.mark.parametrize("route", [("GET", "/settings"), ("PUT", "/settings")])
def test_personal_accounts_have_no_settings(example: Example, route: tuple[str, str]) -> None:
    """Without an active organization there is nothing to see or decide."""
    answer = example.ask("eve", *route)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "permission-denied")


def test_refusals_are_not_cached(example: Example) -> None:
    """A refusal is never cached: the next request may come with a better token."""
    for answer in (example.client.get("/items"), example.ask("eve", "GET", "/settings")):
        assert answer.headers["Cache-Control"] == "no-store"
