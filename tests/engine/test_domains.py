"""Browsers that come by way of proxies, other domains and other organizations."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from clerk_fastapi import Clerk, ConfigurationError, OrganizationSync
from clerk_fastapi.testing import LocalClerk, Session
from tests.engine.connections import HOST
from tests.engine.pages import DOCUMENT, page, parameter, place, told

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]
HANDSHAKE = "https://local-clerk-0.clerk.accounts.dev/v1/client/handshake"

# --- behind proxies -------------------------------------------------------------------------------

FORWARDED = [("x-forwarded-host", "www.example.com"), ("x-forwarded-proto", "https")]


@pytest.mark.parametrize(
    ("proxies", "peer", "origin"),
    [
        ((), "10.0.0.7", "http://internal:8000"),
        (["10.0.0.0/8"], "10.0.0.7", "https://www.example.com"),
        (["10.0.0.0/8"], "203.0.113.9", "http://internal:8000"),
        (["10.0.0.0/8"], None, "http://internal:8000"),
        (["*"], None, "https://www.example.com"),
    ],
)
async def test_public_url_is_what_trusted_proxies_say(
    make_clerk: MakeClerk, proxies: list[str], peer: str | None, origin: str
) -> None:
    """Anybody else's word would send browsers and their tokens elsewhere."""
    clerk = make_clerk(trusted_proxies=proxies)
    connection = page(
        "/", None, DOCUMENT, *FORWARDED, host="internal:8000", scheme="http", peer=peer
    )
    state = await clerk.authenticate(connection)
    assert parameter(state, "redirect_url") == f"{origin}/"


@pytest.mark.parametrize(
    ("headers", "proxies", "warned"),
    [
        (FORWARDED, (), 1),
        ([("x-forwarded-proto", "https")], (), 0),
        ([("x-forwarded-proto", "http")], (), 1),
        ([("x-forwarded-host", HOST)], (), 0),
        ([], (), 0),
        (FORWARDED, ["203.0.113.9"], 0),
    ],
)
async def test_ignored_proxy_is_mentioned_once(
    make_clerk: MakeClerk,
    caplog: pytest.LogCaptureFixture,
    headers: list[Any],
    proxies: list[str],
    warned: int,
) -> None:
    """If it says anything that was not known."""
    clerk = make_clerk(trusted_proxies=proxies)
    for _ in range(3):
        await clerk.authenticate(page("/", None, DOCUMENT, *headers))
    said = [record for record in caplog.records if "trusted_proxies" in record.getMessage()]
    assert [record.levelno for record in said] == [logging.WARNING] * warned
    assert "www.example.com" not in caplog.text


# --- organizations, referrers, satellites ---------------------------------------------------------


async def test_page_of_another_organization_goes_to_clerk(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """Which makes the other one active, if the user is a member."""
    sync = OrganizationSync(["/orgs/:slug"], ["/me"])
    clerk, jar = make_clerk(organization_sync=sync), local.cookies(session)
    assert told(await clerk.authenticate(page("/orgs/acme", jar))) == "signed-in"
    state = await clerk.authenticate(page("/orgs/other", jar))
    assert told(state) == f"handshake active-organization-mismatch {HANDSHAKE}"
    assert parameter(state, "organization_id") == "other"
    state = await clerk.authenticate(page("/me", jar))
    assert parameter(state, "organization_id") == ""
    tired = jar | {"__clerk_redirect_count": "3"}
    assert told(await clerk.authenticate(page("/orgs/other", tired))) == "signed-in"


async def test_page_of_another_site_leads_to_clerk(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Unless it is one of Clerk's own."""
    jar = local.cookies(session)
    for referrer, expected in (
        ("https://www.example.com/", f"handshake primary-domain-cross-origin-sync {HANDSHAKE}"),
        (f"https://{HOST}/other", "signed-in"),
        ("https://local-clerk-0.accounts.dev/sign-in", "signed-in"),
    ):
        state = await clerk.authenticate(page("/", jar, DOCUMENT, ("referer", referrer)))
        assert told(state) == expected


async def test_satellite_asks_the_primary(make_clerk: MakeClerk) -> None:
    """In development by way of its sign-in page, and back."""
    primary = make_clerk(allowed_redirect_origins=["https://satellite.example"])
    satellite = make_clerk(
        is_satellite=True,
        domain="satellite.example",
        sign_in_url=f"https://{HOST}/sign-in",
        satellite_auto_sync=True,
    )
    away = await satellite.authenticate(page("/page", host="satellite.example"))
    assert told(away) == f"handshake satellite-needs-syncing https://{HOST}/sign-in"
    query = (away.location or "").partition("?")[2]
    back = await primary.authenticate(page(f"/sign-in?{query}", {"__clerk_db_jwt": "dvb_1"}))
    assert told(back) == "handshake primary-responds-to-syncing https://satellite.example/page"
    assert parameter(back, "__clerk_db_jwt") == "dvb_1"
    query = (back.location or "").partition("?")[2]
    home = await satellite.authenticate(page(f"/page?{query}", host="satellite.example"))
    assert told(home) == f"handshake dev-browser-sync {HANDSHAKE}"


async def test_satellite_that_names_itself_is_found_out(make_clerk: MakeClerk) -> None:
    """Only where it would go round for ever."""
    satellite = make_clerk(
        is_satellite=True, domain="satellite.example", sign_in_url=f"https://{HOST}/sign-in"
    )
    with pytest.raises(ConfigurationError, match="CLERK_SIGN_IN_URL"):
        await satellite.authenticate(page("/?__clerk_synced=false"))


async def test_proxied_frontend_api_is_asked_through_the_proxy(make_clerk: MakeClerk) -> None:
    """A path stands for one on this very origin."""
    state = await make_clerk(proxy_url="/__clerk").authenticate(page())
    assert place(state) == f"https://{HOST}/__clerk/v1/client/handshake"
