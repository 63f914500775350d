"""The live WebSocket: who is let in, and what they hear."""

import json
from typing import Any

import anyio
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from example_app.hub import BACKLOG, Hub
from example_app.owner import Owner
from tests.example.conftest import Connected, Example


def bearer(example: Example, member: str, **wish: Any) -> dict[str, str]:
    """The header of a socket that a member opens."""
    return {"Authorization": f"Bearer {example.token(member, **wish)}"}


def heard(socket: ClientConnection) -> dict[str, Any]:
    """The next event; there must be one."""
    event: dict[str, Any] = json.loads(socket.recv(timeout=60))
    return event


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("expired", "token-expired"),
        ("key-foreign", "token-invalid-signature"),
        ("azp-foreign", "token-invalid-authorized-parties"),
    ],
)
def test_evil_tokens_open_no_socket(example: Example, kind: str, code: str) -> None:
    """The handshake is refused with the reason, before the socket is accepted."""
    with pytest.raises(InvalidStatus) as refused, example.listen(bearer(example, "ada", kind=kind)):
        pass
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["detail"]["code"] == code


def test_no_token_opens_no_socket(example: Example) -> None:
    """Without a token the handshake is refused."""
    with pytest.raises(InvalidStatus) as refused, example.listen({}):
        pass
    assert refused.value.response.status_code == 401


def test_members_without_permission_open_no_socket(connected: Connected) -> None:
    """Whoever may not read the items may not hear of them either."""
    connected.join("ada", "acme", permissions=["org:data:write"])
    with (
        pytest.raises(InvalidStatus) as refused,
        connected.listen(connected.headers("ada", organization="acme")),
    ):
        pass
    assert refused.value.response.status_code == 403
    assert "org:data:read" in json.loads(refused.value.response.body)["detail"]["message"]


def test_pages_of_other_origins_open_no_socket(example: Example) -> None:
    """Browsers send cookies along whoever opens the socket, so the page's origin counts."""
    cookie = example.cookies("ada")
    with (
        pytest.raises(InvalidStatus) as refused,
        example.listen(cookie | {"Origin": "https://attacker.example"}),
    ):
        pass
    assert refused.value.response.status_code == 401
    with example.listen(cookie | {"Origin": "http://localhost:8000"}):
        pass


def test_members_hear_of_their_organization(example: Example) -> None:
    """Made, deleted, all gone: every change arrives, in order."""
    with example.listen(bearer(example, "cleo")) as socket:
        item = example.create("bob", "news")
        made = heard(socket)
        assert (made["type"], made["item"]["id"]) == ("item.created", item)
        example.ask("ada", "DELETE", f"/items/{item}")
        assert heard(socket) == {"type": "item.deleted", "id": item}
        example.ask("ada", "DELETE", "/items")
        assert heard(socket) == {"type": "items.purged"}


def test_nobody_hears_of_another_owner(example: Example) -> None:
    """Another organization, and the same user's personal account, hear only what is theirs."""
    with (
        example.listen(bearer(example, "dora")) as dora,
        example.listen(bearer(example, "ada", personal=True)) as private,
    ):
        example.create("ada", "of acme")
        example.create("dora", "of globex")
        example.create("ada", "of ada", personal=True)
        assert heard(dora)["item"]["title"] == "of globex"
        assert heard(private)["item"]["title"] == "of ada"


def test_a_socket_ends_with_its_token(example: Example) -> None:
    """When the token runs out the socket is closed, and says so."""
    headers = bearer(example, "ada")
    example.clock.now += 61  # expired, and still believed for the clock skew
    with example.listen(headers) as socket, pytest.raises(ConnectionClosed):
        socket.recv(timeout=60)
    assert (socket.close_code, socket.close_reason) == (1008, "token-expired")


def test_what_clients_say_is_ignored(example: Example) -> None:
    """The socket only speaks; words from the other side do not end it."""
    with example.listen(bearer(example, "ada")) as socket:
        socket.send("hello")
        socket.send(b"\0")
        example.create("ada", "news")
        assert heard(socket)["type"] == "item.created"


def test_everyone_hears_when_one_has_left(example: Example) -> None:
    """A socket that is gone does not keep the others from hearing."""
    with example.listen(bearer(example, "bob")) as stays:
        with example.listen(bearer(example, "cleo")):
            pass
        example.create("ada", "news")
        assert heard(stays)["type"] == "item.created"


@pytest.mark.anyio
async def test_slow_listeners_are_let_go() -> None:
    """One who falls too far behind gets what has waited, then the end; others go on."""
    hub, owner = Hub(), Owner("organization", "org_1")
    with hub.listen(owner) as slow, hub.listen(owner) as quick:
        for number in range(BACKLOG + 1):
            await anyio.to_thread.run_sync(hub.announce, owner, {"number": number})
            assert await quick.receive() == {"number": number}
        assert [event["number"] async for event in slow] == list(range(BACKLOG))


@pytest.mark.anyio
async def test_listeners_hear_only_their_owner() -> None:
    """An organization and a user of the same id are two owners."""
    hub = Hub()
    with hub.listen(Owner("user", "same")) as user:
        await anyio.to_thread.run_sync(hub.announce, Owner("organization", "same"), {"number": 1})
        await anyio.to_thread.run_sync(hub.announce, Owner("user", "same"), {"number": 2})
        assert await user.receive() == {"number": 2}
