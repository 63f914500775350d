"""``clerk-fastapi local``: what it prints works, and what it must refuse it refuses."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import clerk_fastapi.testing
from clerk_fastapi.cli import main
from clerk_fastapi.protocol.keys import PublishableKey
from tests.testing.reading import claims_of

ROOT = Path(__file__).parents[2]
LIVE = "sk_" + "live_"  # in two parts, so that nobody's scanner takes it for a leak


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command, running on a free port, and interrupted in the end."""
    command = [sys.executable, "-m", "clerk_fastapi.cli", "local", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_json_says_all_an_application_needs() -> None:
    """The keys open the Backend API at the URL, the forms get tokens, and Ctrl-C is no error."""
    with started("--json") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        environment = told["environment"]
        secret = {"Authorization": f"Bearer {environment['CLERK_SECRET_KEY']}"}
        with httpx.Client(base_url=environment["CLERK_API_URL"], timeout=60) as client:
            assert len(client.get("/v1/jwks", headers=secret).json()["keys"]) == 1
            for member in told["members"]:
                token = client.post("/local/tokens", data=member["form"]).text
                issuer = PublishableKey.parse(environment["CLERK_PUBLISHABLE_KEY"]).issuer
                assert claims_of(token)["iss"] == issuer
    assert len(told["members"]) == 6
    assert process.returncode == 0


def test_browsers_are_led_back_over_plain_http() -> None:
    """The URL for browsers serves the handshake, so the whole flow runs on this machine."""
    with started("--json", "--seed", "none") as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["environment"]["CLERK_PROXY_URL"]
        page = {"redirect_url": "http://localhost:8000/", "format": "nonce"}
        response = httpx.get(f"{url}/v1/client/handshake", params=page, timeout=60)
    assert response.status_code == 307
    assert response.headers["location"].startswith("http://localhost:8000/?__clerk_handshake_nonce")


def test_text_is_ready_to_paste() -> None:
    """Every line is a comment, an export or a command for the shell."""
    with started() as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip("\n") for _ in range(13)]
    assert [line.split("=")[0] for line in lines[1:5]] == [
        "export CLERK_PUBLISHABLE_KEY",
        "export CLERK_SECRET_KEY",
        "export CLERK_API_URL",
        "export CLERK_PROXY_URL",
    ]
    url = lines[3].partition("=")[2]
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", url)
    assert lines[4].partition("=")[2] == url
    assert lines[7] == (
        f"curl -s -X POST {url}/local/tokens -d user=ada@example.com -d organization=acme"
        "  # admin of acme: reads, writes, deletes, manages"
    )
    assert all(line.startswith("curl ") for line in lines[7:])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "clerk.example.com"])
def test_addresses_that_others_reach_are_refused(
    capsys: pytest.CaptureFixture[str], host: str
) -> None:
    """Exit status 2 and one sentence."""
    assert main(["local", "--host", host, "--port", "0"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "this machine only" in output.err


@pytest.mark.parametrize("secret_key", [f"{LIVE}0123456789", "live_0123456789", "0123456789"])
def test_live_keys_are_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, secret_key: str
) -> None:
    """Whoever has a live key in the environment is about to mix up two worlds."""
    monkeypatch.setenv("CLERK_SECRET_KEY", secret_key)
    assert main(["local", "--port", "0"]) == 2
    output = capsys.readouterr()
    assert "CLERK_SECRET_KEY is not a test key" in output.err
    assert secret_key not in output.out + output.err


def test_taken_port_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1 and a sentence that names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["local", "--port", port]) == 1
    assert f"Port {port} cannot be had" in capsys.readouterr().err


def test_impossible_port_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Ports end at 65535."""
    assert main(["local", "--port", "65536"]) == 2
    assert "no port 65536" in capsys.readouterr().err


def test_missing_uvicorn_is_explained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra the command says how to install it."""
    monkeypatch.delattr(clerk_fastapi.testing, "server", raising=False)
    monkeypatch.delitem(sys.modules, "clerk_fastapi.testing.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["local", "--port", "0"]) == 1
    assert 'pip install "clerk-fastapi[local]"' in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["local", "--port", "x"]])
def test_malformed_command_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Exit status 2 and how the command is used."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: clerk-fastapi" in capsys.readouterr().err


def test_empty_instance_can_be_had() -> None:
    """Without the seed there are no members."""
    with started("--json", "--seed", "none") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["members"] == []
