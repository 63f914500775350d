"""What the environment decides: which Clerk, whose tokens, who may knock."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from clerk_fastapi import ConfigurationError
from clerk_fastapi.testing import SEED_CLAIMS, LocalClerk
from example_app.application import create_app
from example_app.settings import Settings
from tests.example.conftest import Connected, Example, eventually, serve, settings_for
from tests.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
ANOTHER = LocalClerk()
SIGNING_SECRET = ANOTHER.add_webhook_endpoint("http://127.0.0.1/").secret


@pytest.mark.parametrize(
    "variables",
    [
        {"CLERK_SECRET_KEY": ANOTHER.secret_key},
        {"CLERK_JWT_KEY": ANOTHER.jwt_key},
        {"CLERK_API_URL": "https://api.clerk.com"},
        {"CLERK_PUBLISHABLE_KEY": ""},
        {"CLERK_PUBLISHABLE_KEY": "pk_test_garbage"},
        {"CLERK_PUBLISHABLE_KEY": "", "CLERK_SECRET_KEY": ANOTHER.secret_key},
        {"CLERK_PUBLISHABLE_KEY": ANOTHER.publishable_key, "CLERK_SECRET_KEY": "sk_live_x"},
        {"CLERK_PUBLISHABLEKEY": ANOTHER.publishable_key},
        {"CLERK_WEBHOOK_SIGNING_SECRET": SIGNING_SECRET},
        {
            "CLERK_PUBLISHABLE_KEY": ANOTHER.publishable_key,
            "CLERK_WEBHOOK_SIGNING_SECRET": SIGNING_SECRET[:-8],
        },
    ],
    ids=lambda variables: "+".join(variables),
)
def test_half_a_configuration_starts_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    """One CLERK_* variable, even empty or misspelt, means Clerk, and never the LocalClerk."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match="CLERK_"):
        create_app(settings)


def run(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m example_app`` with these variables, until it stops by itself."""
    return subprocess.run(
        [sys.executable, "-m", "example_app"],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_start_up_names_the_missing_variable() -> None:
    """A wrong configuration is one line with the cure, not a traceback."""
    ended = run(CLERK_SECRET_KEY=ANOTHER.secret_key)
    assert ended.returncode == 1
    assert ended.stderr.startswith("CLERK_PUBLISHABLE_KEY is missing")
    assert ended.stderr.count("\n") == 1
    assert ANOTHER.secret_key not in ended.stderr


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"PORT": "abc"}, "PORT: Input should be a valid integer"),
        ({"PORT": "0"}, "PORT: Input should be greater than"),
        ({"REDIS_ON_OUTAGE": "sometimes"}, "REDIS_ON_OUTAGE: Input should be 'refuse' or"),
    ],
)
def test_malformed_variable_is_named(variables: dict[str, str], sentence: str) -> None:
    """In one line, like all that is configured wrongly."""
    ended = run(**variables)
    assert ended.returncode == 1
    assert ended.stderr.startswith(sentence)
    assert ended.stderr.count("\n") == 1


def test_all_malformed_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever server imports the application; nobody has to start as often as there are some."""
    monkeypatch.setenv("PORT", "secret")
    monkeypatch.setenv("REDIS_ON_OUTAGE", "secret")
    with pytest.raises(ConfigurationError, match=r"PORT: .*\. REDIS_ON_OUTAGE: .*\.") as error:
        create_app()
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_embedded_clerk_stays_on_this_machine(host: str) -> None:
    """Where others could reach it, the embedded LocalClerk does not start."""
    ended = run(HOST=host)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"HOST={host}")


def test_embedded_clerk_says_so_in_one_line(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever starts the example without keys is told what it runs on."""
    create_app(settings)
    (record,) = caplog.records
    assert "embedded LocalClerk" in record.getMessage()


def test_keys_in_the_environment_mean_clerk(connected: Connected) -> None:
    """With keys there is no LocalClerk and none of its routes, and the page says what to do."""
    assert connected.client.get("/local/members").status_code == 404
    assert connected.client.post("/local/token", json={"member": "ada"}).status_code == 404
    assert 'data-clerk="real"' in connected.client.get("/").text
    connected.clerk.add_user("ada@example.com")
    assert connected.ask("ada", "GET", "/me").json()["email"] == "ada@example.com"


def test_keys_are_fetched_once(connected: Connected) -> None:
    """The keys come from Clerk's Backend API, once for all requests."""
    connected.clerk.add_user("ada@example.com")
    for _ in range(5):
        assert connected.ask("ada", "GET", "/me").status_code == 200
    assert connected.clerk.jwks_requests == 1


def test_an_outage_of_clerk_is_503(connected: Connected) -> None:
    """When the keys cannot be had it is nobody's fault but ours, and there is a time to wait."""
    connected.clerk.add_user("ada@example.com")
    with connected.clerk.outage():
        answer = connected.ask("ada", "GET", "/me")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("host", ["attacker.example", "127.0.0.1.attacker.example", "192.0.2.1"])
def test_local_tokens_are_for_this_machine(example: Example, host: str) -> None:
    """A page that reached this port under a name of its own gets no tokens (DNS rebinding)."""
    headers = {"Host": host}
    for answer in (
        example.client.get("/local/members", headers=headers),
        example.client.post("/local/token", json={"member": "ada"}, headers=headers),
    ):
        assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "loopback-only")


def test_local_tokens_are_not_for_forwarded_clients(example: Example) -> None:
    """What a proxy on this machine passes on comes from somewhere else."""
    headers = {"X-Forwarded-For": "192.0.2.1"}
    answer = example.client.post("/local/token", json={"member": "ada"}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "wish", [{"member": "nobody"}, {"member": "ada", "kind": "no-such-kind"}], ids=str
)
def test_unknown_wishes_are_404(example: Example, wish: dict[str, str]) -> None:
    """There are tokens only of seeded members and known kinds."""
    assert example.client.post("/local/token", json=wish).status_code == 404


def test_parties_default_to_this_server() -> None:
    """Unless told, only pages of this server are believed."""
    assert Settings(port=9000).parties == ("http://localhost:9000", "http://127.0.0.1:9000")


def test_parties_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """AUTHORIZED_PARTIES is a list with commas."""
    monkeypatch.setenv("AUTHORIZED_PARTIES", "https://a.example, https://b.example,")
    assert Settings().parties == ("https://a.example", "https://b.example")


def test_any_asgi_server_can_import_it(settings: Settings) -> None:
    """``uvicorn example_app.main:app`` finds a complete application."""
    ended = subprocess.run(
        [sys.executable, "-c", "from example_app.main import app; print(app.openapi()['info'])"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": settings.database_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Notes for organizations" in ended.stdout


@pytest.mark.parametrize("url", ["http://localhost:6379", "localhost"])
def test_a_malformed_redis_url_starts_nothing(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """It is said at the start, and not quoted: it may hold a password."""
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(ConfigurationError, match="redis://localhost"):
        create_app()


def test_an_outage_of_redis_means_what_the_operator_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless told otherwise, nobody is let in of whom nobody can know whether they are revoked."""
    monkeypatch.setenv("REDIS_URL", "redis://localhost:6379/0")
    assert Settings().store.on_outage == "refuse"
    monkeypatch.setenv("REDIS_ON_OUTAGE", "continue")
    assert Settings().store.on_outage == "continue"


def test_two_servers_with_one_redis_know_the_same(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that is revoked at one of them is refused by the other, while its token is good."""
    clerk = LocalClerk(session_claims=SEED_CLAIMS)
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", clerk.publishable_key)
    monkeypatch.setenv("CLERK_SECRET_KEY", clerk.secret_key)
    monkeypatch.setenv("REDIS_URL", redis_server.url)

    def make_app(url: str) -> FastAPI:
        return create_app(settings_for(url, tmp_path / "example.db"), transport=clerk.transport())

    clerk.add_user("ada@example.com")
    mine, stolen = (
        clerk.sign_in("ada@example.com", origin="http://localhost:8000") for _ in range(2)
    )
    taken = clerk.bearer(stolen)
    with (
        serve(make_app) as (_, here),
        serve(make_app) as (_, there),
        httpx.Client(trust_env=False, timeout=60) as client,
    ):
        assert client.get(f"{there}/me", headers=taken).status_code == 200
        path = f"{here}/me/sessions/{stolen.id}"
        assert client.delete(path, headers=clerk.bearer(mine)).status_code == 204
        eventually(lambda: client.get(f"{there}/me", headers=taken).status_code == 401)
        assert client.get(f"{there}/me", headers=clerk.bearer(mine)).status_code == 200
