"""May this machine do this? Only where a requirement speaks of machines."""

from typing import Any

import pytest

from clerk_fastapi import (
    ConfigurationError,
    Feature,
    Fresh,
    Organization,
    Permission,
    Plan,
    Requirement,
    Reverified,
    Role,
)
from clerk_fastapi.protocol.authorization import AllOf, AnyOf, Scope, missing
from clerk_fastapi.protocol.identity import Identity
from clerk_fastapi.protocol.machine import MachineToken
from tests.protocol.material import NOW, identity

READ, WRITE = Scope("data:read"), Scope("data:write")
KEY = MachineToken("api_key", "ak_1", "user_1", ("data:read", "org:admin", "data"))
OWNED = MachineToken("api_key", "ak_1", "org_1", ("data:read",))
M2M = MachineToken("m2m_token", "mt_1", "mch_1", ("data:read",))
OAUTH = MachineToken("oauth_token", "oat_1", "user_1", ("data:read",))
MACHINES = [KEY, OWNED, M2M, OAUTH]


class Everybody(Requirement):
    """A requirement of an application's own, written with sessions in mind."""

    def met_by(self, identity: Identity, now: float) -> bool:
        return True

    def describe(self) -> str:
        return "nothing"

    def to_json(self) -> dict[str, object]:
        return {}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.token_type)
@pytest.mark.parametrize(
    "requirement",
    [
        Role("org:admin"),
        Permission("org:data:read"),
        Feature("data"),
        Plan("data"),
        Reverified("lax"),
        Fresh(1e9),
        Everybody(),
    ],
    ids=lambda requirement: type(requirement).__name__,
)
def test_what_is_demanded_of_sessions_no_machine_meets(
    machine: MachineToken, requirement: Requirement
) -> None:
    """Whatever its scopes are called, and even if any session would do."""
    assert not requirement.met_by_machine(machine, NOW)
    assert missing(requirement, machine, NOW) is requirement


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.token_type)
def test_scope_is_held_by_name(machine: MachineToken) -> None:
    """Letter by letter, without wildcards, prefixes or parts."""
    assert READ.met_by_machine(machine, NOW)
    for other in ("data:write", "data:rea", "data:read ", "DATA:READ", "data:*", "org:data:read"):
        assert not Scope(other).met_by_machine(machine, NOW)


def test_no_session_holds_a_scope() -> None:
    """A permission of the same name is not one."""
    member: dict[str, object] = {"v": 2, "fea": "o:data", "scope": "data:read"}
    member["o"] = {"id": "org_1", "rol": "admin", "per": "read", "fpm": "1"}
    session = identity(**member)
    assert Permission("data:read").met_by(session, NOW)
    assert not READ.met_by(session, NOW)
    assert missing(READ, session, NOW) == READ


def test_scope_says_what_it_is() -> None:
    """To people, and to programs."""
    assert READ.describe() == "scope data:read"
    assert READ.to_json() == {"scope": "data:read"}


@pytest.mark.parametrize("name", ["", None, 5, ["data:read"]])
def test_scope_needs_a_name(name: Any) -> None:
    """A scope that nobody can hold, or everybody, is a mistake."""
    with pytest.raises(ConfigurationError):
        Scope(name)


def test_organizations_own_key_acts_in_it() -> None:
    """Any organization, or the one with that id; a key does not know its slug."""
    assert Organization().met_by_machine(OWNED, NOW)
    assert Organization("org_1").met_by_machine(OWNED, NOW)
    assert not Organization("org_2").met_by_machine(OWNED, NOW)
    assert not Organization("acme").met_by_machine(OWNED, NOW)


@pytest.mark.parametrize("machine", [KEY, M2M, OAUTH], ids=lambda machine: machine.token_type)
def test_nobody_else_acts_in_an_organization(machine: MachineToken) -> None:
    """A user's key is the user's, and a machine or application is no organization."""
    assert not Organization().met_by_machine(machine, NOW)
    assert not Organization(machine.subject).met_by_machine(machine, NOW)
    impostor = MachineToken("oauth_token", "oat_1", "org_1")
    assert not Organization().met_by_machine(impostor, NOW)


def test_parts_are_combined_for_machines_too() -> None:
    """All of them, or any of them."""
    assert not (READ & WRITE).met_by_machine(M2M, NOW)
    assert (READ & Organization()).met_by_machine(OWNED, NOW)
    assert (WRITE | READ).met_by_machine(M2M, NOW)
    assert (READ | Permission("data:read")).met_by_machine(M2M, NOW)
    assert not (WRITE | Permission("data:read")).met_by_machine(M2M, NOW)
    assert not AllOf(()).met_by_machine(M2M, NOW)
    assert not AnyOf(()).met_by_machine(M2M, NOW)


def test_missing_names_the_part_that_a_machine_lacks() -> None:
    """What it holds is not mentioned."""
    assert missing(READ, M2M, NOW) is None
    assert missing(READ & WRITE, M2M, NOW) == WRITE
    assert missing(READ & Permission("a:b") & WRITE, M2M, NOW) == Permission("a:b") & WRITE
    assert missing(WRITE | Organization(), M2M, NOW) == WRITE | Organization()
