"""Items: who may do what with them, and that they never cross from one owner to another."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest
from sqlalchemy import event

from example_app.models import Item
from tests.example.conftest import Connected, Example

ALL = ("org:data:read", "org:data:write", "org:data:delete")


def rows(example: Example) -> int:
    """How many items the database holds, whoever owns them."""
    with closing(sqlite3.connect(example.database)) as connection:
        return int(connection.execute("SELECT count(*) FROM items").fetchone()[0])


def crash(example: Example, method: str, path: str, json: object = None) -> None:
    """Make a request that fails inside; on a connection of its own, which the server hangs up."""
    headers = {"Authorization": f"Bearer {example.token('ada')}"}
    answer = httpx.request(
        method, example.url + path, json=json, headers=headers, trust_env=False, timeout=60
    )
    assert answer.status_code == 500


@pytest.mark.parametrize(
    ("member", "listed", "created", "deleted"),
    [("ada", 200, 201, 204), ("bob", 200, 201, 403), ("cleo", 200, 403, 403)],
)
def test_permissions_decide(
    example: Example, member: str, listed: int, created: int, deleted: int
) -> None:
    """Of one organization an admin does everything, a member reads and writes, a viewer reads."""
    item = example.create("ada", "a note")
    assert example.ask(member, "GET", "/items").status_code == listed
    assert example.ask(member, "POST", "/items", {"title": "mine"}).status_code == created
    assert example.ask(member, "DELETE", f"/items/{item}").status_code == deleted


def test_members_share_the_items_of_their_organization(example: Example) -> None:
    """What one member writes another one reads, with its writer and its time on it."""
    example.create("ada", "shared")
    (item,) = example.ask("cleo", "GET", "/items").json()
    author = example.ask("ada", "GET", "/me").json()["user_id"]
    assert (item["title"], item["created_by"]) == ("shared", author)
    assert item["created_at"] == int(example.clock.now)


def test_organizations_never_see_each_other(example: Example) -> None:
    """An admin of one organization neither sees, deletes nor purges another one's items."""
    item = example.create("ada", "of acme")
    assert example.titles("dora") == []
    assert example.ask("dora", "DELETE", f"/items/{item}").status_code == 404
    assert example.ask("dora", "DELETE", "/items").json() == {"deleted": 0}
    assert example.titles("ada") == ["of acme"]


def test_another_owners_item_looks_like_none_at_all(example: Example) -> None:
    """The answer does not tell an item that is not yours from one that does not exist."""
    item = example.create("ada", "of acme")
    foreign = example.ask("dora", "DELETE", f"/items/{item}")
    nowhere = example.ask("dora", "DELETE", f"/items/{item + 1}")
    assert (foreign.status_code, foreign.json()) == (nowhere.status_code, nowhere.json())
    assert foreign.json()["detail"]["code"] == "item-not-found"


def test_personal_accounts_need_no_permission(example: Example) -> None:
    """Outside organizations there are no permissions; everybody handles what is their own."""
    item = example.create("eve", "private")
    assert example.titles("eve") == ["private"]
    assert example.ask("eve", "DELETE", f"/items/{item}").status_code == 204
    assert example.titles("eve") == []


def test_personal_items_stay_out_of_the_organization(example: Example) -> None:
    """One user's items in the organization and in the personal account are two worlds."""
    shared = example.create("bob", "shared")
    private = example.create("bob", "private", personal=True)
    assert example.titles("bob") == ["shared"]
    assert example.titles("bob", personal=True) == ["private"]
    assert example.ask("ada", "DELETE", f"/items/{private}").status_code == 404
    assert example.ask("bob", "DELETE", f"/items/{shared}", personal=True).status_code == 404
    assert example.titles("eve") == []


def test_an_id_is_not_an_owner(connected: Connected) -> None:
    """A user who bore the id of an organization would still not be that organization."""
    connected.join("ada", "acme", permissions=ALL)
    created = connected.ask("ada", "POST", "/items", {"title": "of acme"}, organization="acme")
    double = connected.clerk.add_user("double@example.com")
    double.id = connected.clerk.organization("acme").id
    assert connected.ask("double", "GET", "/items").json() == []
    path = f"/items/{created.json()['id']}"
    assert connected.ask("double", "DELETE", path).status_code == 404
    assert connected.ask("double", "POST", "/items", {"title": "of acme"}).status_code == 201


def test_a_member_without_permissions_has_none_of_the_personal_rights(
    connected: Connected,
) -> None:
    """Whoever acts in an organization needs its permission, though they own nothing there."""
    connected.join("ada", "acme", permissions=())
    for method, path in [("GET", "/items"), ("POST", "/items"), ("DELETE", "/items/1")]:
        answer = connected.ask("ada", method, path, {"title": "no"}, organization="acme")
        assert answer.status_code == 403


def test_purge_needs_a_fresh_verification(example: Example) -> None:
    """Who verified too long ago is asked to do it again, in the words of Clerk's browser SDK."""
    example.create("ada", "a note")
    stale = example.ask("ada", "DELETE", "/items", signed_in_minutes_ago=10)
    assert stale.status_code == 403
    assert stale.json() == {
        "clerk_error": {
            "type": "forbidden",
            "reason": "reverification-error",
            "metadata": {"reverification": "strict"},
        }
    }
    assert example.titles("ada") == ["a note"]
    fresh = example.ask("ada", "DELETE", "/items", signed_in_minutes_ago=9)
    assert (fresh.status_code, fresh.json()) == (200, {"deleted": 1})


def test_purge_needs_the_permission_first(example: Example) -> None:
    """Nobody is asked to verify for something they may not do anyway."""
    answer = example.ask("bob", "DELETE", "/items", signed_in_minutes_ago=60)
    assert answer.json()["detail"]["code"] == "permission-denied"
    assert "org:data:delete" in answer.json()["detail"]["message"]


def test_purge_leaves_other_owners_alone(example: Example) -> None:
    """Everything of one owner goes, and nothing of another."""
    example.create("ada", "of acme")
    example.create("dora", "of globex")
    example.create("ada", "of ada", personal=True)
    assert example.ask("ada", "DELETE", "/items").json() == {"deleted": 1}
    assert example.titles("dora") == ["of globex"]
    assert example.titles("ada", personal=True) == ["of ada"]


def test_pages_follow_each_other(example: Example) -> None:
    """The newest come first, and the last id of a page begins the next one."""
    example.ask("ada", "POST", "/items/batch", [{"title": str(n)} for n in range(5)])
    first = example.ask("ada", "GET", "/items?limit=2").json()
    second = example.ask("ada", "GET", f"/items?limit=2&before={first[-1]['id']}").json()
    assert [item["title"] for item in first + second] == ["4", "3", "2", "1"]


def test_titles_are_unique_within_an_owner(example: Example) -> None:
    """The same title again is a conflict for its owner and nobody else."""
    example.create("ada", "same")
    again = example.ask("bob", "POST", "/items", {"title": " same "})
    assert (again.status_code, again.json()["detail"]["code"]) == (409, "title-taken")
    example.create("dora", "same")
    example.create("ada", "same", personal=True)


def test_a_batch_is_saved_whole_or_not_at_all(example: Example) -> None:
    """One title that is taken, in the middle, and nothing of the batch is written."""
    example.create("ada", "taken")
    batch = [{"title": "before"}, {"title": "taken"}, {"title": "after"}]
    assert example.ask("ada", "POST", "/items/batch", batch).status_code == 409
    twice = [{"title": "twice"}, {"title": "twice"}]
    assert example.ask("ada", "POST", "/items/batch", twice).status_code == 409
    assert rows(example) == 1


def test_a_crash_in_the_middle_writes_nothing(example: Example) -> None:
    """When the server fails between two items, neither is there, and it goes on serving."""

    def fail(mapper: object, connection: object, item: Item) -> None:
        if item.title == "second":
            raise RuntimeError("the lights went out")

    event.listen(Item, "after_insert", fail)
    try:
        crash(example, "POST", "/items/batch", [{"title": "first"}, {"title": "second"}])
    finally:
        event.remove(Item, "after_insert", fail)
    assert rows(example) == 0
    assert example.create("ada", "first")


def test_a_purge_that_fails_deletes_nothing(example: Example) -> None:
    """When the database refuses one row, the others are still there."""
    for title in ("one", "two", "three"):
        example.create("ada", title)
    with closing(sqlite3.connect(example.database)) as connection:
        connection.execute(
            "CREATE TRIGGER stuck BEFORE DELETE ON items WHEN OLD.title = 'two' "
            "BEGIN SELECT RAISE(FAIL, 'stuck'); END"
        )
    crash(example, "DELETE", "/items")
    assert example.titles("ada") == ["one", "two", "three"]


def test_writers_wait_for_each_other(example: Example) -> None:
    """Many writers at once all succeed; the database lets one after the other write."""
    headers = {"Authorization": f"Bearer {example.token('ada')}"}

    def create(number: int) -> int:
        answer = example.client.post("/items", json={"title": str(number)}, headers=headers)
        return answer.status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(create, range(64))) == {201}
    assert rows(example) == 64


def test_one_of_many_with_the_same_title_wins(example: Example) -> None:
    """A race for a title has one winner; the others are told."""
    headers = {"Authorization": f"Bearer {example.token('ada')}"}

    def create(_: int) -> int:
        return example.client.post("/items", json={"title": "x"}, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [201] + [409] * 7
    assert rows(example) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"title": 5}',
        b'{"title": null}',
        b'{"title": NaN}',
        b'{"title": ""}',
        b'{"title": "   "}',
        b'{"title": "a\\u0000b"}',
        b'{"title": "\\ud800"}',
        b'{"\\ud800": "x", "title": "a"}',
        b'{"title": "a", "body": ["x"]}',
        b'{"title": "a", "owner_id": "user_1"}',
        b'{"title": "a", "id": 1}',
        b'{"title": "%s"}' % (b"x" * 201),
        b'{"title": "a", "body": "%s"}' % (b"x" * 10_001),
    ],
)
def test_bad_bodies_are_422(example: Example, body: bytes) -> None:
    """Whatever does not fit is named, and nothing is written."""
    headers = {
        "Authorization": f"Bearer {example.token('ada')}",
        "Content-Type": "application/json",
    }
    answer = example.client.post("/items", content=body, headers=headers)
    assert answer.status_code == 422
    assert all(set(found) == {"type", "loc", "msg"} for found in answer.json()["detail"])
    assert rows(example) == 0


@pytest.mark.parametrize("path", ["/items/0", "/items/-1", "/items/x", f"/items/{2**70}"])
def test_bad_ids_are_422(example: Example, path: str) -> None:
    """An id is a positive number that the database can hold."""
    assert example.ask("ada", "DELETE", path).status_code == 422


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", f"before={2**70}"])
def test_bad_pages_are_422(example: Example, query: str) -> None:
    """A page has a size between 1 and 100."""
    assert example.ask("ada", "GET", f"/items?{query}").status_code == 422


@pytest.mark.parametrize("size", [0, 101])
def test_batches_have_a_size(example: Example, size: int) -> None:
    """A batch holds at least one item and at most a hundred."""
    batch = [{"title": str(number)} for number in range(size)]
    assert example.ask("ada", "POST", "/items/batch", batch).status_code == 422


def test_listing_takes_one_query(example: Example) -> None:
    """However many items there are, the database is asked once."""
    example.ask("ada", "POST", "/items/batch", [{"title": str(n)} for n in range(50)])
    queries = []
    engine = example.app.state.database.engine

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        queries.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    assert len(example.titles("ada")) == 50
    assert [query for query in queries if not query.startswith("BEGIN")] == queries[-1:]
