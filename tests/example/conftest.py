"""The example served on a free port, with a clock that tests turn and a database of its own."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, IPPROTO_TCP, SOCK_STREAM, socket
from threading import Thread
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_websocket

from clerk_fastapi.testing import SEED_CLAIMS, LocalClerk, Session
from example_app.application import create_app
from example_app.models import Base
from example_app.settings import Settings
from example_app.webhooks import EVENTS


@dataclass
class Clock:
    """Seconds since the epoch; they pass when a test says so."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@contextmanager
def serve(make_app: Callable[[str], FastAPI]) -> Iterator[tuple[FastAPI, str]]:
    """Answer on a free loopback port while the block runs.

    :param make_app: makes the application for a base URL.
    """
    # The protocol is named, so that asyncio turns off Nagle's algorithm: 40 ms a request.
    with socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) as server_socket:
        server_socket.bind(("127.0.0.1", 0))
        server_socket.listen()  # from here on clients wait until the application has started
        url = f"http://127.0.0.1:{server_socket.getsockname()[1]}"
        app = make_app(url)
        config = uvicorn.Config(app, log_level="critical", lifespan="on", timeout_keep_alive=600)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [server_socket]})
        thread.start()
        try:
            yield app, url
        finally:
            server.should_exit = True
            thread.join()


def eventually(look: Callable[[], object]) -> None:
    """Look until it is so. Looking is a request, during which others get their turn."""
    assert any(look() for _ in range(2_000))


@dataclass
class Example:
    """The running example, and ways to ask it as somebody."""

    app: FastAPI
    url: str
    client: httpx.Client
    clock: Clock
    database: Path

    def token(self, member: str, kind: str = "good", **wish: Any) -> str:
        """A token of one of the seeded members, good or evil."""
        answer = self.client.post("/local/token", json={"member": member, "kind": kind, **wish})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def cookies(self, member: str, kind: str = "good", **wish: Any) -> dict[str, str]:
        """The header of a browser in which one of the seeded members is signed in."""
        answer = self.client.post("/local/token", json={"member": member, "kind": kind, **wish})
        cookies = answer.json()["cookies"]
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}

    def ask(
        self, member: str, method: str, path: str, json: Any = None, **wish: Any
    ) -> httpx.Response:
        """Make a request as one of the seeded members, with a fresh token."""
        headers = {"Authorization": f"Bearer {self.token(member, **wish)}"}
        return self.client.request(method, path, json=json, headers=headers)

    def titles(self, member: str, **wish: Any) -> list[str]:
        """The titles of the items that a member sees, oldest first."""
        items = self.ask(member, "GET", "/items", **wish)
        assert items.status_code == 200, items.text
        return [item["title"] for item in reversed(items.json())]

    def create(self, member: str, title: str, **wish: Any) -> int:
        """Make an item and return its id."""
        created = self.ask(member, "POST", "/items", {"title": title}, **wish)
        assert created.status_code == 201, created.text
        return int(created.json()["id"])

    def listen(self, headers: dict[str, str]) -> AbstractContextManager[ClientConnection]:
        """Open the live WebSocket."""
        return _listen(self.client, headers)


class Visitor(httpx.Client):
    """A browser: it loads pages, keeps cookies, goes where it is sent, and sends forms."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, trust_env=False, follow_redirects=True, timeout=60)
        self.headers["Accept"] = "text/html,*/*;q=0.8"

    def send_form(self, path: str, form: dict[str, str], **options: Any) -> httpx.Response:
        """Send a form from a page of the site itself."""
        return self.post(path, data=form, headers={"Sec-Fetch-Site": "same-origin"}, **options)

    def sign_in(self, member: str, onward: str = "/page", **options: Any) -> httpx.Response:
        """Choose a member on the sign-in page, and go on."""
        return self.send_form("/sign-in", {"member": member, "redirect_url": onward}, **options)


@dataclass
class Connected:
    """The example as it runs with a real Clerk: keys in the environment, a Clerk elsewhere."""

    app: FastAPI
    clerk: LocalClerk
    client: httpx.Client
    clock: Clock

    def sign_in(self, name: str, **options: Any) -> Session:
        """Open a session of a user, who is added if need be."""
        email = f"{name}@example.com"
        if all(user.email != email for user in self.clerk.users.values()):
            self.clerk.add_user(email)
        return self.clerk.sign_in(email, origin="http://localhost:8000", **options)

    def ask_in(self, session: Session, path: str, method: str = "GET") -> httpx.Response:
        """Make a request in a session, with a token that is good by its dates."""
        return self.client.request(method, path, headers=self.clerk.bearer(session))

    def deliver_webhooks(self) -> None:
        """Have Clerk deliver what has happened; when this is over, it was delivered."""
        anyio.run(self.clerk.deliver_webhooks)

    def join(self, name: str, slug: str, *, permissions: Iterable[str]) -> None:
        """Make a user a plain member of an organization, with these permissions."""
        email = f"{name}@example.com"
        if all(user.email != email for user in self.clerk.users.values()):
            self.clerk.add_user(email)
        if all(each.slug != slug for each in self.clerk.organizations.values()):
            self.clerk.add_organization(slug)
        self.clerk.add_member(slug, email, permissions=permissions)

    def ask(
        self,
        name: str,
        method: str,
        path: str,
        json: Any = None,
        *,
        organization: str | None = None,
    ) -> httpx.Response:
        """Make a request as a user, in an organization or in the personal account."""
        headers = self.headers(name, organization=organization)
        return self.client.request(method, path, json=json, headers=headers)

    def headers(self, name: str, *, organization: str | None = None) -> dict[str, str]:
        """The header that carries a fresh token of a user."""
        session = self.clerk.sign_in(
            f"{name}@example.com", organization=organization, origin="http://localhost:8000"
        )
        return self.clerk.bearer(session)

    def listen(self, headers: dict[str, str]) -> AbstractContextManager[ClientConnection]:
        """Open the live WebSocket."""
        return _listen(self.client, headers)


def _listen(
    client: httpx.Client, headers: dict[str, str]
) -> AbstractContextManager[ClientConnection]:
    url = str(client.base_url.copy_with(scheme="ws", path="/live"))
    return connect_websocket(url, additional_headers=headers, proxy=None, open_timeout=60)


def settings_for(url: str, database: Path) -> Settings:
    """Tokens are issued to the first party; pages, and so handshakes, are those of the server."""
    parties = f"http://localhost:8000,{url}"
    port = httpx.URL(url).port
    assert port
    return Settings(port=port, authorized_parties=parties, database_url=f"sqlite:///{database}")


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    database = tmp_path_factory.mktemp("example") / "example.db"
    clock = Clock()

    def make_app(url: str) -> FastAPI:
        return create_app(settings_for(url, database), clock=clock)

    with (
        serve(make_app) as (app, url),
        httpx.Client(base_url=url, trust_env=False, timeout=60) as client,
    ):
        yield Example(app, url, client, clock, database)


@pytest.fixture
def example(_served: Example) -> Example:
    """The example with its embedded LocalClerk, serving, and nothing in its database."""
    with _served.app.state.database.writing() as session:
        Base.metadata.drop_all(session.connection())
        Base.metadata.create_all(session.connection())
    return _served


@pytest.fixture
def visitor(example: Example) -> Iterator[Visitor]:
    """A browser in which nobody is signed in."""
    with Visitor(example.url) as browser:
        yield browser


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An empty database."""
    return Settings(database_url=f"sqlite:///{tmp_path / 'example.db'}")


@pytest.fixture
def connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connected]:
    """The example connected to a Clerk by ``CLERK_*`` variables, serving, and hearing of events."""
    clock = Clock()
    clerk = LocalClerk(session_claims=SEED_CLAIMS, clock=clock)
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", clerk.publishable_key)
    monkeypatch.setenv("CLERK_SECRET_KEY", clerk.secret_key)

    def make_app(url: str) -> FastAPI:
        endpoint = clerk.add_webhook_endpoint(f"{url}/webhooks", events=EVENTS)
        monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", endpoint.secret)
        settings = settings_for(url, tmp_path / "example.db")
        return create_app(settings, clock=clock, transport=clerk.transport())

    with (
        serve(make_app) as (app, url),
        httpx.Client(base_url=url, trust_env=False, timeout=60) as client,
    ):
        yield Connected(app, clerk, client, clock)
