"""The organization that a page belongs to becomes the active one on the way to it."""

from collections.abc import Iterator

import httpx
import pytest

from clerk_fastapi import OrganizationSync
from clerk_fastapi.testing import LocalClerk, User
from tests.flow.serving import FETCH, Browser, Site, open_site, reasons

MISMATCH = "active-organization-mismatch"


@pytest.fixture
def site(local: LocalClerk, ada: User) -> Iterator[Site]:
    """An application with pages of organizations, in two of which Ada is a member."""
    for slug in ("acme", "beta"):
        local.add_member(local.add_organization(slug), ada)
    local.add_organization("strangers")
    sync = OrganizationSync(["/orgs/:slug", "/orgs/:slug/(.*)"], ["/me"])
    with open_site(local, organization_sync=sync) as site:
        yield site


def organization(answer: httpx.Response) -> object:
    """The active organization on a page that is shown."""
    assert answer.status_code == 200, answer.text
    return answer.json()["organization"]


def test_page_of_another_organization_switches_to_it(
    site: Site, ada: User, browser: Browser
) -> None:
    """Once, and it stays so until a page of yet another one is opened."""
    session = browser.sign_in(site, ada, "acme")
    answer = browser.get(f"{site.url}/orgs/beta?a=1")
    assert (organization(answer), reasons(answer)) == ("beta", [MISMATCH])
    assert answer.json()["query"] == "a=1"
    assert session.organization is not None
    assert session.organization.slug == "beta"
    for path, expected in (
        ("/orgs/beta", []),
        ("/page", []),
        ("/orgs/acme", [MISMATCH]),
        ("/orgs/acme", []),
    ):
        assert reasons(browser.get(site.url + path)) == expected


def test_personal_page_switches_to_the_personal_account(
    site: Site, ada: User, browser: Browser
) -> None:
    """And a page of an organization back to that."""
    browser.sign_in(site, ada, "acme")
    answer = browser.get(f"{site.url}/me")
    assert (organization(answer), reasons(answer)) == (None, [MISMATCH])
    assert organization(browser.get(f"{site.url}/orgs/acme")) == "acme"


@pytest.mark.parametrize("slug", ["strangers", "nobody"])
def test_organization_that_cannot_be_active_leads_into_no_loop(
    site: Site, ada: User, browser: Browser, slug: str
) -> None:
    """The page is shown as it is in the end; what may be seen there is the guard's matter."""
    browser.sign_in(site, ada, "acme")
    answer = browser.get(f"{site.url}/orgs/{slug}")
    # In production the page is shown by the very request that comes home.
    times = 3 if site.local.instance_type == "development" else 1
    assert (organization(answer), reasons(answer)) == ("acme", [MISMATCH] * times)


def test_scripts_get_what_is_active(site: Site, ada: User, browser: Browser) -> None:
    """Only pages are switched."""
    browser.sign_in(site, ada, "acme")
    answer = browser.get(f"{site.url}/orgs/beta", headers=FETCH)
    assert (organization(answer), answer.history) == ("acme", [])
