"""Handshakes as a browser goes through them, and what they bring."""

from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from clerk_fastapi.testing import LocalClerk
from tests.testing.reading import claims_of

__all__ = [
    "LIVE_PAGE",
    "PAGE",
    "deleted",
    "directives_of",
    "fetch",
    "jar",
    "location",
    "session_claims",
    "set_cookies",
    "shake",
    "values",
]

PAGE = "http://localhost:8000/notes?q=a%20b"
LIVE_PAGE = "https://app.example.com/notes"


async def shake(
    local: LocalClerk,
    *,
    cookies: dict[str, str] | None = None,
    **parameters: str,
) -> httpx.Response:
    """Send a browser to the handshake."""
    async with httpx.AsyncClient(transport=local.transport(), cookies=cookies) as client:
        parameters = {"redirect_url": PAGE, "format": "nonce", **parameters}
        return await client.get(f"https://{local.host}/v1/client/handshake", params=parameters)


async def fetch(local: LocalClerk, nonce: str) -> httpx.Response:
    """Fetch what a handshake brought, as an application does."""
    async with httpx.AsyncClient(transport=local.transport()) as client:
        return await client.get(
            "https://api.clerk.com/v1/clients/handshake_payload",
            params={"nonce": nonce},
            headers={"Authorization": f"Bearer {local.secret_key}"},
        )


async def directives_of(local: LocalClerk, response: httpx.Response) -> list[str]:
    """The directives that a handshake brought by nonce or token, in the query or in a cookie."""
    assert response.status_code == 307
    assert response.headers["cache-control"] == "no-store"
    brought = {
        **{
            name: values[0] for name, values in parse_qs(urlsplit(location(response)).query).items()
        },
        **{name: morsel.value for name, morsel in set_cookies(response).items()},
    }
    if nonce := brought.get("__clerk_handshake_nonce"):
        payload = (await fetch(local, nonce)).json()
        assert payload["nonce"] == nonce
        directives = payload["directives"]
    else:
        directives = claims_of(brought["__clerk_handshake"])["handshake"]
    assert isinstance(directives, list)
    return directives


def location(response: httpx.Response) -> str:
    """Where the browser is sent."""
    return str(response.headers["location"])


def set_cookies(response: httpx.Response) -> SimpleCookie:
    """The cookies that the Frontend API itself sets."""
    return jar(response.headers.get_list("set-cookie"))


def jar(directives: list[str]) -> SimpleCookie:
    """Read directives as a browser does."""
    cookies = SimpleCookie()
    for directive in directives:
        cookies.load(directive)
    return cookies


def values(directives: list[str]) -> dict[str, str]:
    """The cookies that are set, not those that are deleted."""
    return {
        name: morsel.value for name, morsel in jar(directives).items() if morsel["max-age"] != "0"
    }


def deleted(directives: list[str]) -> set[str]:
    """The cookies that are deleted."""
    return {name for name, morsel in jar(directives).items() if morsel["max-age"] == "0"}


def session_claims(directives: list[str]) -> dict[str, Any]:
    """The claims of the session token among the directives."""
    return claims_of(values(directives)["__session"])
