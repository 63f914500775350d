"""The instance over HTTP: on this machine, and nowhere else."""

import importlib
import sys

import httpx
import pytest

import clerk_fastapi.testing
from clerk_fastapi import ConfigurationError
from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.testing.loopback import bind, url_of
from clerk_fastapi.testing.server import serve

LOOPBACK = [("127.0.0.1", "http://127.0.0.1:"), ("localhost", "http://127.0.0.1:")]
ELSEWHERE = ["0.0.0.0", "::", "", "192.168.0.1", "10.0.0.1", "169.254.1.1", "clerk.example.com"]


def test_keys_are_served_over_http(local: LocalClerk) -> None:
    """Both APIs answer at the URL, with the bare content type that Clerk's SDKs insist on."""
    secret = {"Authorization": f"Bearer {local.secret_key}"}
    with serve(local.app) as url, httpx.Client(base_url=url, timeout=60) as client:
        for response in (
            client.get("/.well-known/jwks.json", timeout=60),
            client.get("/v1/jwks", headers=secret),
        ):
            assert response.status_code == 200
            assert response.headers["content-type"] == "application/json"
            assert response.json() == local.jwks()
        assert client.get("/v1/jwks").status_code == 401


def test_server_stops_with_its_block(local: LocalClerk) -> None:
    """Afterwards nobody answers any more."""
    with serve(local.app) as url:
        pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, timeout=60)


def test_half_an_answer_breaks_off_over_http(local: LocalClerk) -> None:
    """The client sees the connection end in the middle of the body."""
    with (
        serve(local.app) as url,
        local.outage("half"),
        pytest.raises(httpx.RemoteProtocolError, match="without sending complete"),
    ):
        httpx.get(f"{url}/.well-known/jwks.json")


@pytest.mark.parametrize(("host", "start"), LOOPBACK)
def test_loopback_addresses_are_taken(host: str, start: str) -> None:
    """A free port is found if none is asked for."""
    with bind(host, 0) as server_socket:
        assert url_of(server_socket).startswith(start)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_other_addresses_are_refused(local: LocalClerk, host: str) -> None:
    """Whatever other machines might reach is refused before anything is opened."""
    with pytest.raises(ConfigurationError, match="this machine only"), serve(local.app, host=host):
        pytest.fail("it is being served")


def test_taken_port_is_refused() -> None:
    """Two servers do not share a port."""
    with bind("127.0.0.1", 0) as first, pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", first.getsockname()[1])


def test_missing_uvicorn_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever serves without the extra is told how to install it."""
    monkeypatch.delattr(clerk_fastapi.testing, "server", raising=False)
    monkeypatch.delitem(sys.modules, "clerk_fastapi.testing.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "clerk-fastapi\[local\]"'):
        importlib.import_module("clerk_fastapi.testing.server")
