"""Lists of the Backend API: filters, order, pages and their bounds."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from clerk_backend_api import models
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi.testing import LocalClerk, User
from clerk_fastapi.testing.asking import chosen, ordered
from clerk_fastapi.testing.registry import merged
from tests.testing.conftest import Clock
from tests.testing.official import IGNORED, Official, codes
from tests.testing.reading import assert_error

pytestmark = [pytest.mark.anyio, IGNORED]

MS = 1_800_000_000_000


@pytest.fixture
def crowd(local: LocalClerk, clock: Clock) -> list[User]:
    """Twelve users, one a second; every third is in acme, and the first has signed in."""
    acme, users = local.add_organization("acme"), []
    for number in range(12):
        user = local.add_user(
            f"User{number}@example.com",
            username=f"name{number}",
            external_id=f"ext{number}",
            first_name="Ann" if number % 2 else None,
            last_name=f"Number {number}",
        )
        users.append(user)
        if number % 3 == 0:
            local.add_member(acme, user, role="org:admin" if number else "org:member")
        clock.now += 1
    local.sign_in(users[0])
    local.ban(users[5])
    return users


async def listed(official: Official, **request: Any) -> list[int]:
    """The numbers of the users that a list holds; counting gives the same."""
    users = await official.users.list(request={"limit": 500, **request})
    request.pop("order_by", None)
    count = await official.users.count(request=request)
    assert count.total_count == len(users)
    return [int(user.username.removeprefix("name")) for user in users]


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ({"email_address": ["user3@example.com", "USER4@example.com", "x"]}, [4, 3]),
    ({"username": ["name3", "nobody"]}, [3]),
    ({"external_id": ["ext3", "ext4"]}, [4, 3]),
    ({"external_id": ["+ext3", "ext5", "-ext4"]}, [5, 3]),
    ({"query": "USER1"}, [11, 10, 1]),
    ({"query": "number 1"}, [11, 10, 1]),
    ({"query": "number 1", "external_id": ["ext1", "ext2"]}, [1]),
    ({"email_address_query": "r11@"}, [11]),
    ({"username_query": "ME7"}, [7]),
    ({"name_query": "ann number 7"}, [7]),
    ({"banned": True}, [5]),
    ({"banned": False, "query": "number 5"}, []),
    ({"last_active_at_after": MS}, [0]),
    ({"last_active_at_before": MS}, []),
    ({"last_active_at_since": MS + 12_000}, [0]),
    ({"last_active_at_since": MS + 12_001}, []),
    ({"last_sign_in_at_after": MS, "last_sign_in_at_before": MS + 12_001}, [0]),
    ({"created_at_before": MS + 2_000}, [1, 0]),
    ({"created_at_after": MS + 9_000}, [11, 10]),
    ({"phone_number": ["+15555550100"]}, []),
    ({"phone_number_query": "555"}, []),
    ({"web3_wallet": ["0x0"]}, []),
    ({"provider": "oauth_google"}, []),
    ({"provider_user_id": ["1"]}, []),
    ({"order_by": "created_at"}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    ({"order_by": "+username"}, [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]),
    ({"order_by": "-email_address"}, [9, 8, 7, 6, 5, 4, 3, 2, 1, 11, 10, 0]),
    ({"order_by": "-first_name"}, [10, 8, 6, 4, 2, 0, 11, 9, 7, 5, 3, 1]),
    ({"order_by": "last_sign_in_at", "query": "user1"}, [1, 10, 11]),
    ({"order_by": "-web3wallet", "query": "user1"}, [11, 10, 1]),
]


@pytest.mark.parametrize(("request_", "expected"), FILTERS, ids=str)
async def test_users_are_filtered_and_ordered(
    client_in_process: Official, crowd: list[User], request_: dict[str, Any], expected: list[int]
) -> None:
    """All filters have to be met; the newest come first unless another order is asked for."""
    assert await listed(client_in_process, **request_) == expected


async def test_users_are_filtered_by_organization(
    official: Official, local: LocalClerk, crowd: list[User]
) -> None:
    """And by their ids, for and against."""
    acme = local.organization("acme").id
    assert await listed(official, organization_id=[acme]) == [9, 6, 3, 0]
    assert await listed(official, organization_id=[f"-{acme}"]) == [11, 10, 8, 7, 5, 4, 2, 1]
    assert await listed(official, user_id=[crowd[3].id, f"+{crowd[4].id}"]) == [4, 3]
    without = [f"-{user.id}" for user in crowd[2:]]
    assert await listed(official, user_id=without) == [1, 0]
    assert await listed(official, user_id=[crowd[3].id], organization_id=["org_unknown"]) == []


@pytest.mark.parametrize("limit", [1, 5, 12, 500])
async def test_pages_of_users_hold_everybody_once(
    official: Official, crowd: list[User], limit: int
) -> None:
    """Walking on by the limit until a page is empty meets all of them."""
    met: list[str] = []
    while page := await official.users.list(request={"limit": limit, "offset": len(met)}):
        assert len(page) <= limit
        met += [user.id for user in page]
    assert met == [user.id for user in reversed(crowd)]


async def test_first_page_has_ten(official: Official, crowd: list[User]) -> None:
    """If nothing else is asked for."""
    assert len(await official.users.list()) == 10


LISTS = ["users", "sessions", "clients", "organizations", "jwt_templates", "machines"]
BOUNDS = ["limit=0", "limit=501", "limit=-1", "limit=ten", "limit=", "offset=-1", "offset=1.5"]


@pytest.mark.parametrize("path", [*LISTS, "organization_memberships"])
@pytest.mark.parametrize("bound", BOUNDS)
async def test_bounds_of_pages_are_checked(
    local: LocalClerk, client: httpx.AsyncClient, path: str, bound: str
) -> None:
    """A page has 1 to 500 entries, and starts at 0 at the earliest."""
    response = await client.get(
        f"https://api.clerk.com/v1/{path}?user_id=x&{bound}"
        if path == "sessions"
        else f"https://api.clerk.com/v1/{path}?{bound}",
        headers={"Authorization": f"Bearer {local.secret_key}"},
    )
    assert response.status_code == 422
    error = response.json()["errors"][0]
    assert error["code"] == "form_param_value_invalid"
    assert error["meta"] == {"param_name": bound.partition("=")[0]}


@pytest.mark.parametrize(
    "path", ["api_keys?subject=user_1&limit=0", "m2m_tokens?subject=mch_1&limit=0", "api_keys"]
)
async def test_lists_of_machines_tokens_say_400(
    local: LocalClerk, client: httpx.AsyncClient, path: str
) -> None:
    """Where users and sessions say 422."""
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    response = await client.get(f"https://api.clerk.com/v1/{path}", headers=headers)
    assert response.status_code == 400
    assert response.json()["errors"][0]["code"].startswith("form_param_")


ORDERED: list[Callable[[Official], Any]] = [
    lambda official: official.users.list(request={"order_by": "-password"}),
    lambda official: official.organizations.list(order_by="slug"),
    lambda official: official.users.get_instance_organization_memberships(order_by="--role"),
    lambda official: official.machines.list(order_by="secret_key"),
]


@pytest.mark.parametrize("call", ORDERED)
async def test_unknown_order_is_refused(
    client_in_process: Official, call: Callable[[Official], Any]
) -> None:
    """Nothing can be learned of a field by sorting by it."""
    with pytest.raises(models.ClerkErrors) as caught:
        await call(client_in_process)
    assert codes(caught.value, 422) == ["form_param_value_invalid"]


async def test_unknown_parameter_is_refused_and_the_version_is_not(
    local: LocalClerk, client: httpx.AsyncClient
) -> None:
    """A filter that did nothing would answer another question."""
    url, headers = (
        "https://api.clerk.com/v1/users",
        {"Authorization": f"Bearer {local.secret_key}"},
    )
    assert (await client.get(f"{url}?colour=red", headers=headers)).status_code == 422
    versioned = await client.get(f"{url}?__clerk_api_version=2026-05-12", headers=headers)
    assert versioned.status_code == 200
    # Of a parameter that cannot be repeated the first one counts, and a bare plus sign is a space.
    first = await client.get(f"{url}?order_by=+username&order_by=x", headers=headers)
    assert first.status_code == 200


async def test_too_many_names_are_refused(local: LocalClerk, client: httpx.AsyncClient) -> None:
    """A hundred are the most."""
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    for count, status in ((100, 200), (101, 422)):
        names = "&".join(f"user_id=user_{number}" for number in range(count))
        url = f"https://api.clerk.com/v1/users?{names}"
        assert (await client.get(url, headers=headers)).status_code == status


@pytest.mark.parametrize("path", ["/v1/users/", "/v1/users//ban", "/v1//users", "/v1/sessions/"])
async def test_empty_id_names_nothing(
    local: LocalClerk, client: httpx.AsyncClient, path: str
) -> None:
    """An id that got lost does not turn a request for one into one for all."""
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    url = httpx.URL("https://api.clerk.com", raw_path=path.encode())
    response = await client.get(url, headers=headers, follow_redirects=True)
    assert_error(response, 404, "resource_not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/users/{id}%2Fban",
        "/v1/users/{id}%252Fban",
        "/v1/users/x%2F..%2F{id}/ban",
        "/v1/users/%2e%2e/users/{id}/ban",
        "/v1/users/%252e%252e/ban",
        "/v1/users/{id}%5Cban",
        "/v1/users/{id}%25252e%2f..%2fban",
    ],
)
async def test_ids_do_not_lead_elsewhere(
    local: LocalClerk, client: httpx.AsyncClient, ada: User, path: str
) -> None:
    """Dots and slashes in an id are no way, however often they are encoded."""
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    url = httpx.URL("https://api.clerk.com", raw_path=path.format(id=ada.id).encode())
    assert_error(await client.post(url, headers=headers), 404, "resource_not_found")
    assert not ada.banned


async def test_nobody_is_called_dots(local: LocalClerk, client: httpx.AsyncClient) -> None:
    """Even where somebody is, nobody is asked about him."""
    local.add_user("bob@example.com", user_id="..")
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    for dots in ("%2e%2e", "%252E%252e", ".%2e"):
        url = httpx.URL("https://api.clerk.com", raw_path=f"/v1/users/{dots}".encode())
        assert_error(await client.get(url, headers=headers), 404, "resource_not_found")


@given(st.sets(st.sampled_from("abcde")), st.sets(st.sampled_from("abcde")), st.sampled_from("abc"))
def test_filter_by_names_includes_and_excludes(plus: set[str], minus: set[str], name: str) -> None:
    """Excluding wins; without anything to include, everything else is in."""
    wanted = [*(f"+{one}" for one in plus), *(f"-{one}" for one in minus)]
    assert chosen(wanted, [name]) == (name not in minus and (not plus or name in plus))


@given(st.lists(st.integers(0, 3) | st.none()))
def test_descending_order_is_ascending_order_reversed(values: list[int | None]) -> None:
    """Also where there are equals, and entries without a value."""
    entries = list(enumerate(values))
    upwards = ordered(entries, "value", {"value": lambda entry: entry[1]})
    assert ordered(entries, "-value", {"value": lambda entry: entry[1]}) == upwards[::-1]
    known = [value for _, value in upwards if value is not None]
    assert known == sorted(known) == [value for _, value in upwards][: len(known)]


NESTED = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner), max_leaves=8
)
METADATA = st.dictionaries(st.sampled_from("abc"), NESTED)


@given(METADATA, METADATA)
def test_merging_twice_is_merging_once(metadata: dict[str, Any], changes: dict[str, Any]) -> None:
    """What was merged is there, what was not named stays, and the original is untouched."""
    before = repr(metadata)
    once = merged(metadata, changes)
    assert merged(once, changes) == once
    assert once.keys() == metadata.keys() | changes.keys()
    assert repr(metadata) == before
