"""The records: who is there, who belongs to what, who is signed in."""

import pytest

from clerk_fastapi import ConfigurationError
from clerk_fastapi.testing import LocalClerk, Organization, Session, User
from tests.testing.conftest import Clock


def test_records_are_found_by_id_and_by_name(
    local: LocalClerk, ada: User, acme: Organization
) -> None:
    """Users go by id or email address, organizations by id or slug."""
    assert local.user(ada.id) is local.user("ada@example.com") is local.user(ada) is ada
    assert local.organization(acme.id) is local.organization("acme") is acme


def test_ids_look_like_clerks(local: LocalClerk, ada: User, acme: Organization) -> None:
    """Identifiers have Clerk's prefixes and never repeat."""
    session = local.sign_in("ada@example.com", organization="acme")
    for prefix, identifier in (("user", ada.id), ("org", acme.id), ("sess", session.id)):
        assert identifier.startswith(f"{prefix}_")
        assert len(identifier) == len(prefix) + 28
    assert session.id != local.sign_in(ada).id


def test_roles_bring_their_permissions(local: LocalClerk, ada: User, acme: Organization) -> None:
    """A declared role grants what it was declared with, unless a member's own are given."""
    local.add_role("org:viewer", permissions=["org:data:read"])
    bob, cleo = local.add_user("bob@example.com"), local.add_user("cleo@example.com")
    assert local.add_member("acme", bob, role="org:viewer").permissions == ["org:data:read"]
    assert local.add_member("acme", cleo, role="org:viewer", permissions=[]).permissions == []


def test_undeclared_role_grants_nothing(local: LocalClerk, acme: Organization) -> None:
    """A role that nobody declared is only a name."""
    assert local.add_member(acme, local.add_user("bob@example.com")).permissions == []


def test_metadata_is_the_records_own(local: LocalClerk) -> None:
    """Changing the mapping that was given does not change the record."""
    metadata = {"plan": "free"}
    bob = local.add_user("bob@example.com", public_metadata=metadata)
    metadata["plan"] = "pro"
    assert bob.public_metadata == {"plan": "free"}


def test_unknown_names_are_refused(local: LocalClerk, ada: User) -> None:
    """Whoever is not in the instance cannot sign in to it or join it."""
    with pytest.raises(ConfigurationError, match=r"no user nobody@example\.com"):
        local.sign_in("nobody@example.com")
    with pytest.raises(ConfigurationError, match="no organization globex"):
        local.sign_in(ada, organization="globex")


def test_deleted_records_are_unknown(local: LocalClerk, ada: User, acme: Organization) -> None:
    """Whoever still holds one gets nothing for it, least of all a session."""
    local.delete_organization(acme)
    with pytest.raises(ConfigurationError, match="no organization acme"):
        local.sign_in(ada, organization=acme)
    local.delete_user(ada)
    with pytest.raises(ConfigurationError, match=r"no user ada@example\.com"):
        local.sign_in(ada)
    assert local.sessions == {}


def test_only_members_sign_in_to_an_organization(local: LocalClerk, acme: Organization) -> None:
    """A session is active in organizations of its user only."""
    bob = local.add_user("bob@example.com")
    with pytest.raises(ConfigurationError, match="not a member of acme"):
        local.sign_in(bob, organization=acme)


def test_sessions_of_a_browser_are_active_one_after_the_other(local: LocalClerk, ada: User) -> None:
    """Who signed in last is the active one until signing out."""
    browser = local.add_browser()
    assert browser.session is None
    first, second = (local.sign_in(ada, browser=browser) for _ in range(2))
    assert browser.session is second
    local.end_session(second)
    assert browser.session is first
    assert (second.status, second.is_live) == ("ended", False)
    local.end_session(first, "revoked")
    assert browser.session is None
    assert local.browsers[browser.token] is browser


def test_sessions_expire_by_the_clock(local: LocalClerk, ada: User, clock: Clock) -> None:
    """Without anybody having to ask over HTTP first."""
    first, second = local.sign_in(ada), local.sign_in(ada)
    second.expire_at = clock.now + 60
    clock.now += 60
    assert local.cookies(second.browser)["__client_uat"] == "0"
    assert (first.status, second.status) == ("active", "expired")
    clock.now = first.expire_at
    assert local.sessions_of(ada) == []


def test_browser_remembers_when_it_changed(
    local: LocalClerk, session: Session, acme: Organization, clock: Clock
) -> None:
    """Signing in and out and switching organizations are changes; switching to the same is none."""
    changes = []
    for change in (
        lambda: local.switch_organization(session, acme),
        lambda: local.switch_organization(session, None),
        lambda: local.sign_in(session.user, browser=session.browser),
        lambda: local.end_session(session),
    ):
        clock.now += 1
        change()
        changes.append(session.browser.updated_at == clock.now)
    assert changes == [False, True, True, True]


def test_sessions_switch_to_organizations_of_their_user(
    local: LocalClerk, session: Session
) -> None:
    """Others are refused, and nothing changes."""
    local.add_organization("globex")
    with pytest.raises(ConfigurationError, match="not a member of globex"):
        local.switch_organization(session, "globex")
    assert session.organization is local.organization("acme")


def test_tokens_of_browsers_are_not_shown(local: LocalClerk, session: Session) -> None:
    """Printing a session or its browser gives nothing away."""
    shown = repr(session) + repr(session.browser)
    assert session.refresh_token not in shown
    assert session.browser.token not in shown


def test_nothing_is_added_twice(local: LocalClerk, ada: User, acme: Organization) -> None:
    """Email addresses, slugs and memberships are unique."""
    with pytest.raises(ConfigurationError, match="already"):
        local.add_user("ada@example.com")
    with pytest.raises(ConfigurationError, match="already"):
        local.add_organization("acme")
    with pytest.raises(ConfigurationError, match="already"):
        local.add_member(acme, ada)


@pytest.mark.parametrize("slug", ["", "Acme", "a b", "a,b", "a:b", "acme\n"])
def test_slugs_that_would_break_a_token_are_refused(local: LocalClerk, slug: str) -> None:
    """Features and plans are joined by commas and colons, so they may hold neither."""
    with pytest.raises(ConfigurationError, match="will not do"):
        local.add_organization(slug)
    with pytest.raises(ConfigurationError, match="will not do"):
        local.add_user("bob@example.com", features=[slug])
    with pytest.raises(ConfigurationError, match="will not do"):
        local.add_user("bob@example.com", plan=slug)


@pytest.mark.parametrize("permission", ["data:read", "org:data", "org:data:read:all", "org::read"])
def test_malformed_permissions_are_refused(local: LocalClerk, permission: str) -> None:
    """A permission names a feature and what may be done with it."""
    with pytest.raises(ConfigurationError, match="org:data:read"):
        local.add_role("org:admin", permissions=[permission])


@pytest.mark.parametrize("role", ["admin", "org:", "org:data:read"])
def test_malformed_roles_are_refused(local: LocalClerk, role: str) -> None:
    """A role begins with ``org:``."""
    with pytest.raises(ConfigurationError, match="org:admin"):
        local.add_role(role)
