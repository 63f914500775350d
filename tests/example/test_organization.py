"""Settings of organizations: members read them, admins decide them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from example_app.models import OrganizationSettings
from tests.example.conftest import Example

WANTED = {"display_name": "The Acme", "about": "Everything for everybody."}


def test_members_see_settings_before_anyone_decided(example: Example) -> None:
    """Until then the organization goes by its slug."""
    answer = example.ask("cleo", "GET", "/settings")
    assert answer.status_code == 200
    assert (answer.json()["display_name"], answer.json()["updated_by"]) == ("acme", None)


def test_admins_decide_and_members_see(example: Example) -> None:
    """What the admin puts is what members get, with who did it and when."""
    put = example.ask("ada", "PUT", "/settings", WANTED)
    assert put.status_code == 200
    admin = example.ask("ada", "GET", "/me").json()
    assert put.json() == WANTED | {
        "organization_id": admin["organization_id"],
        "updated_by": admin["user_id"],
        "updated_at": int(example.clock.now),
    }
    for member in ("bob", "cleo"):
        assert example.ask(member, "GET", "/settings").json() == put.json()


def test_settings_are_replaced(example: Example) -> None:
    """A second decision takes the place of the first, as a whole."""
    example.ask("ada", "PUT", "/settings", WANTED)
    example.clock.now += 60
    second = example.ask("ada", "PUT", "/settings", {"display_name": "Acme again"})
    assert (second.json()["about"], second.json()["updated_at"]) == ("", int(example.clock.now))
    assert example.ask("bob", "GET", "/settings").json() == second.json()


@pytest.mark.parametrize("member", ["bob", "cleo"])
def test_only_admins_decide(example: Example, member: str) -> None:
    """Any other member is refused, and told which role it takes."""
    answer = example.ask(member, "PUT", "/settings", WANTED)
    assert answer.status_code == 403
    assert "org:admin" in answer.json()["detail"]["message"]
    assert example.ask("ada", "GET", "/settings").json()["updated_by"] is None


def test_an_admin_decides_for_one_organization_only(example: Example) -> None:
    """An admin elsewhere changes nothing here."""
    example.ask("ada", "PUT", "/settings", WANTED)
    example.ask("dora", "PUT", "/settings", {"display_name": "Globex"})
    assert example.ask("bob", "GET", "/settings").json()["display_name"] == "The Acme"
    assert example.ask("dora", "GET", "/settings").json()["display_name"] == "Globex"


def test_admins_at_the_same_time(example: Example) -> None:
    """Many first decisions at once all succeed, and one of them stays."""
    headers = {"Authorization": f"Bearer {example.token('ada')}"}

    def decide(number: int) -> int:
        body = {"display_name": str(number)}
        return example.client.put("/settings", json=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(decide, range(8))) == {200}
    assert example.ask("bob", "GET", "/settings").json()["display_name"] in map(str, range(8))


def test_an_admin_who_comes_second_replaces(example: Example) -> None:
    """When another admin made the row a moment before, the insert becomes an update."""
    attempts = []

    def collide(mapper: object, connection: object, row: OrganizationSettings) -> None:
        attempts.append(row)
        if len(attempts) == 1:
            raise IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed"))

    event.listen(OrganizationSettings, "before_insert", collide)
    try:
        assert example.ask("ada", "PUT", "/settings", WANTED).status_code == 200
    finally:
        event.remove(OrganizationSettings, "before_insert", collide)
    assert example.ask("bob", "GET", "/settings").json()["display_name"] == "The Acme"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"display_name": ""},
        {"display_name": "x" * 101},
        {"display_name": "x", "about": "x" * 10_001},
        {"display_name": "x", "organization_id": "org_other"},
    ],
)
def test_bad_settings_are_422(example: Example, body: dict[str, str]) -> None:
    """Whatever does not fit is refused, and nothing is written."""
    assert example.ask("ada", "PUT", "/settings", body).status_code == 422
    assert example.ask("ada", "GET", "/settings").json()["updated_by"] is None
