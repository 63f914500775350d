"""The route for programs: whose API key opens what, and for how long."""

import pytest

from tests.example.conftest import Connected, Example


def issue(example: Example, member: str, **wish: object) -> dict[str, str]:
    """An API key of a member's organization, or of their own."""
    answer = example.client.post("/local/keys", json={"member": member, **wish})
    assert answer.status_code == 200, answer.text
    key: dict[str, str] = answer.json()
    return key


def code(example: Example, token: str) -> tuple[int, str]:
    """How a token is refused."""
    answer = example.client.get("/export", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json()["detail"]["code"]


def test_a_key_opens_what_belongs_to_its_owner(example: Example) -> None:
    """A key of the organization exports its items, oldest first, and nobody else's."""
    for title in ("first", "second"):
        example.create("bob", title)
    example.create("bob", "private", personal=True)
    example.create("dora", "of others")
    for wish, titles in (({}, ["first", "second"]), ({"personal": True}, ["private"])):
        headers = {"Authorization": f"Bearer {issue(example, 'bob', **wish)['secret']}"}
        answer = example.client.get("/export", headers=headers)
        assert answer.status_code == 200
        assert [item["title"] for item in answer.json()] == titles


def test_a_revoked_key_opens_nothing(example: Example) -> None:
    """Once a key is revoked it is refused, and no other is."""
    key, other = issue(example, "bob"), issue(example, "bob")
    assert example.client.delete(f"/local/keys/{key['id']}").json()["revoked"] is True
    assert code(example, key["secret"]) == (401, "token-invalid")
    headers = {"Authorization": f"Bearer {other['secret']}"}
    assert example.client.get("/export", headers=headers).status_code == 200


def test_sessions_are_no_keys(example: Example) -> None:
    """Whoever is signed in is told that the route takes another kind of token; so are cookies."""
    assert code(example, example.token("ada")) == (401, "token-type-mismatch")
    answer = example.client.get("/export", headers=example.cookies("ada"))
    assert answer.json()["detail"]["code"] == "machine-token-missing"


def test_keys_are_no_sessions(example: Example) -> None:
    """A key of ada's opens no route for sessions."""
    headers = {"Authorization": f"Bearer {issue(example, 'ada')['secret']}"}
    for path in ("/items", "/settings", "/me", "/session"):
        assert example.client.get(path, headers=headers).status_code == 401


def test_unknown_keys_are_404(example: Example) -> None:
    """There is nothing to revoke, and nobody to issue a key to."""
    assert example.client.delete("/local/keys/ak_none").status_code == 404
    assert example.client.post("/local/keys", json={"member": "nobody"}).status_code == 404


def test_a_key_without_the_scope_is_403(connected: Connected) -> None:
    """A key of the real Clerk has to have the scope, and the refusal names it."""
    user = connected.clerk.add_user("ada@example.com")
    for scopes, status in ((["items:write"], 403), (["items:read"], 200)):
        key = connected.clerk.create_api_key(user, scopes=scopes)
        answer = connected.client.get("/export", headers=connected.clerk.bearer(key))
        assert answer.status_code == status
        assert status == 200 or answer.json()["detail"]["missing"] == {"scope": "items:read"}


@pytest.mark.parametrize("host", ["attacker.example", "192.0.2.1"])
def test_keys_are_for_this_machine(example: Example, host: str) -> None:
    """No other machine gets a key, nor a page that came under another name."""
    answer = example.client.post("/local/keys", json={"member": "ada"}, headers={"Host": host})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "loopback-only")
