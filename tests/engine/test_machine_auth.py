"""What a handler sees of a machine: its scopes, and nothing that belongs to sessions."""

import pytest

from clerk_fastapi import Permission, Reverified, Role
from clerk_fastapi.engine.machine import ApiKeyAuth, M2MAuth, MachineAuth, OAuthAuth
from clerk_fastapi.errors import TokenExpired
from clerk_fastapi.protocol.authorization import Organization, Scope
from clerk_fastapi.protocol.machine import MachineToken
from tests.engine.clock import NOW


def clock() -> float:
    """The moment at which all of them are judged."""
    return NOW


AUTHS = [
    ApiKeyAuth(b"ak_opaque", MachineToken("api_key", "ak_1", "org_1", ("data:read",)), clock),
    M2MAuth(b"mt_opaque", MachineToken("m2m_token", "mt_1", "mch_1", ("data:read",)), clock),
    OAuthAuth(b"oat_opaque", MachineToken("oauth_token", "oat_1", "user_1", ("data:read",)), clock),
]
each_auth = pytest.mark.parametrize("auth", AUTHS, ids=lambda auth: auth.token_type)


@each_auth
def test_machines_have_no_role_permission_or_plan(auth: MachineAuth) -> None:
    """Whatever is asked, and however the scopes are called; a misspelt question is a mistake."""
    assert auth.has() is False
    assert auth.has(role="org:admin") is False
    assert auth.has(permission="org:data:read") is False
    assert auth.has(feature="data", plan="pro", reverification=Reverified("lax")) is False
    with pytest.raises(TypeError):
        auth.has(**{"scope": "data:read"})  # type: ignore[arg-type]  # that is what must fail


@each_auth
def test_what_a_machine_lacks_is_named(auth: MachineAuth) -> None:
    """Scopes are what it can hold."""
    assert auth.missing(Scope("data:read"), NOW) is None
    assert auth.missing(Scope("data:write"), NOW) == Scope("data:write")
    assert auth.missing(Role("admin") & Permission("data:read"), NOW) is not None
    assert (auth.missing(Organization(), NOW) is None) == (auth.subject == "org_1")


@each_auth
def test_printing_tells_nothing(auth: MachineAuth) -> None:
    """An auth object in a log line gives nobody away."""
    for shown in (repr(auth), str(auth), f"{auth}"):
        assert shown == f"<{type(auth).__name__}>"


@each_auth
def test_auth_cannot_be_changed_by_assignment(auth: MachineAuth) -> None:
    """A handler cannot promote its caller by mistake."""
    for name in ("subject", "scopes", "id", "machine", "role", "token_type"):
        with pytest.raises(AttributeError):
            setattr(auth, name, "org:owner")


@each_auth
def test_machines_have_no_tasks_to_finish(auth: MachineAuth) -> None:
    """Only sessions are ever pending."""
    assert auth.is_pending is False


def test_token_that_has_expired_meanwhile_is_noticed() -> None:
    """WebSockets outlive their tokens; one without an expiry stays good."""
    lasting = M2MAuth(b"mt_opaque", MachineToken("m2m_token", "mt_1", "mch_1"), clock)
    lasting.check_times(5, NOW + 1e9)
    short = M2MAuth(b"mt_opaque", MachineToken("m2m_token", "mt_1", "mch_1", expires_at=NOW), clock)
    assert short.machine.expires_at == NOW
    short.check_times(5, NOW + 4.9)
    with pytest.raises(TokenExpired):
        short.check_times(5, NOW + 5)
