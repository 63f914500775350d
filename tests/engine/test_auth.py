"""Who is asking: what a handler gets to know, and ``has()`` with Clerk's rules of combination."""

import itertools
from types import MappingProxyType
from typing import Any

import pytest

from clerk_fastapi import Actor, Auth, Clerk, Fresh, Permission, Reverified, Role
from clerk_fastapi.testing import ABSENT, LocalClerk, Session
from tests.engine.clock import NOW

pytestmark = pytest.mark.anyio


@pytest.fixture
async def auth(clerk: Clerk, local: LocalClerk, session: Session) -> Auth:
    """The session of an admin who proved both factors, five and twenty minutes ago."""
    token = local.token(session, claims={"fva": [5, 20]})
    return await clerk.verify_token(token)


async def saying(clerk: Clerk, local: LocalClerk, session: Session, **says: object) -> Auth:
    """The same session, with something in its claims said otherwise."""
    return await clerk.verify_token(local.token(session, claims={"fva": [5, 20]} | says))


async def test_auth_says_who_is_signed_in(auth: Auth, session: Session) -> None:
    """The names are those of Clerk's auth object."""
    organization = session.organization
    assert organization is not None
    assert auth.user_id == auth.identity.user_id == session.user.id
    assert auth.session_id == session.id
    assert auth.session_status == "active"
    assert auth.is_pending is False
    assert auth.org_id == organization.id
    assert auth.org_slug == "acme"
    assert auth.org_role == "org:admin"
    assert auth.org_permissions == ("org:data:read", "org:data:write")
    assert auth.factor_verification_age == (5, 20)
    assert auth.actor is None
    assert auth.token_type == "session_token"
    assert auth.claims.sub == session.user.id


async def test_both_versions_say_the_same(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Whichever version Clerk sends, a handler sees no difference."""
    one, two = [
        await clerk.verify_token(local.token(session, version=version)) for version in (1, 2)
    ]
    for name in (
        *("user_id", "session_id", "session_status", "is_pending", "org_id", "org_role"),
        *("org_slug", "org_permissions", "factor_verification_age", "actor", "token_type"),
    ):
        assert getattr(one, name) == getattr(two, name), name


async def test_personal_account_has_no_organization(clerk: Clerk, local: LocalClerk) -> None:
    """Everything about the organization is ``None``."""
    eve = local.sign_in(local.add_user("eve@example.com"), origin="https://app.example.com")
    auth = await clerk.verify_token(local.token(eve))
    assert (auth.org_id, auth.org_role, auth.org_slug, auth.org_permissions) == (None,) * 4


async def test_impersonation_names_the_actor(clerk: Clerk, local: LocalClerk) -> None:
    """Who is really acting is somebody else than the user."""
    actor = {"sub": "user_admin", "iss": "https://dashboard.example"}
    eve = local.add_user("eve@example.com")
    session = local.sign_in(eve, origin="https://app.example.com", actor=actor)
    auth = await clerk.verify_token(local.token(session))
    assert isinstance(auth.actor, Actor)
    assert auth.actor.sub == "user_admin"
    assert auth.user_id == eve.id


async def test_token_can_be_passed_on(clerk: Clerk, local: LocalClerk, session: Session) -> None:
    """The token that came is the one that is given."""
    token = local.token(session)
    assert await (await clerk.verify_token(token)).get_token() == token


async def test_printing_tells_nothing(auth: Auth, session: Session) -> None:
    """An ``Auth`` in a log line gives nobody away."""
    for shown in (repr(auth), str(auth)):
        assert session.user.id not in shown
        assert session.id not in shown
        assert "eyJ" not in shown


async def test_auth_cannot_be_changed_by_assignment(auth: Auth) -> None:
    """A handler cannot promote itself by mistake."""
    for name in ("user_id", "org_role", "org_permissions", "identity", "role"):
        with pytest.raises(AttributeError):
            setattr(auth, name, "org:owner")


# --- has() ----------------------------------------------------------------------------------------

YES: dict[str, Any] = {
    "role": "org:admin",
    "permission": "org:data:read",
    "feature": "data",
    "plan": "pro",
    "reverification": "moderate",
}
NO: dict[str, Any] = {
    "role": "org:member",
    "permission": "org:data:delete",
    "feature": "gamma",
    "plan": "free",
    "reverification": "strict",
}
COMBINATIONS = [
    names for size in range(1, 6) for names in itertools.combinations(sorted(YES), size)
]


async def test_asking_nothing_is_answered_with_no(auth: Auth) -> None:
    """``has()`` without a question is a mistake, and not a yes."""
    assert auth.has() is False


@pytest.mark.parametrize("names", COMBINATIONS, ids="-".join)
async def test_everything_asked_must_be_held(auth: Auth, names: tuple[str, ...]) -> None:
    """All of it is held: yes. One thing is not, or cannot be told: no."""
    asked = {name: YES[name] for name in names}
    assert auth.has(**asked) is True
    for name in names:
        assert auth.has(**asked | {name: NO[name]}) is False
        assert auth.has(**asked | {name: None}) is False
        assert auth.has(**asked | {name: ""}) is False


@pytest.mark.parametrize("name", sorted(YES))
@pytest.mark.parametrize("value", [5, True, False, [], ["org:admin"], {}, {"a": 1}, b"org:admin"])
async def test_question_of_a_wrong_type_is_answered_with_no(
    auth: Auth, name: str, value: object
) -> None:
    """What is asked but cannot be understood is not held."""
    assert auth.has(**{name: value}) is False
    others = {other: YES[other] for other in YES if other != name}
    assert auth.has(**others, **{name: value}) is False


async def test_unknown_question_is_a_mistake(auth: Auth) -> None:
    """A misspelt name is an error and never an unasked question."""
    with pytest.raises(TypeError):
        auth.has(**{"permision": "org:data:read"})


@pytest.mark.parametrize("names", COMBINATIONS, ids="-".join)
async def test_what_the_token_does_not_say_is_not_held(
    clerk: Clerk, local: LocalClerk, session: Session, names: tuple[str, ...]
) -> None:
    """Each claim in turn is missing: whatever depends on it is denied, in any company."""
    depends = {"role": "o", "permission": "o", "feature": "fea", "plan": "pla"}
    asked = {name: YES[name] for name in names}
    for name in names:
        claim = depends.get(name, "fva")
        auth = await saying(clerk, local, session, **{claim: ABSENT})
        assert auth.has(**asked) is False


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        ({"role": "admin"}, True),
        ({"role": "org:org:admin"}, True),
        ({"permission": "data:read"}, True),
        ({"feature": "beta"}, True),
        ({"feature": "user:beta"}, True),
        ({"feature": "org:beta"}, False),
        ({"feature": "org:data"}, True),
        ({"plan": "o:pro"}, True),
        ({"plan": "user:pro"}, False),
        ({"plan": "x:pro"}, False),
        ({"reverification": "lax"}, True),
        ({"reverification": "strict_mfa"}, False),
        ({"reverification": "laxer"}, False),
        ({"reverification": Reverified("moderate")}, True),
        ({"reverification": {"level": "first_factor", "afterMinutes": 6}}, True),
        ({"reverification": {"level": "first_factor", "afterMinutes": 5}}, False),
        ({"reverification": {"level": "second_factor", "afterMinutes": 20}}, False),
        ({"reverification": {"level": "multi_factor", "afterMinutes": 21}}, True),
        ({"reverification": {"level": "first_factor"}}, False),
        ({"reverification": {"afterMinutes": 60}}, False),
        ({"reverification": {"level": "any_factor", "afterMinutes": 60}}, False),
        ({"reverification": {"level": ["first_factor"], "afterMinutes": 60}}, False),
        ({"reverification": {"level": "first_factor", "afterMinutes": "60"}}, False),
        ({"reverification": {"level": "first_factor", "afterMinutes": True}}, False),
        ({"reverification": {"level": "first_factor", "afterMinutes": 0}}, False),
        ({"reverification": MappingProxyType({"level": "first_factor", "afterMinutes": 6})}, True),
        ({"reverification": Role("admin")}, False),
    ],
)
async def test_questions_are_asked_in_clerks_words(
    auth: Auth, asked: dict[str, Any], held: bool
) -> None:
    """Prefixes, scopes, presets and pairs are understood as in Clerk's SDKs."""
    assert auth.has(**asked) is held


async def test_missing_names_what_is_not_held(auth: Auth) -> None:
    """Guards ask this way, and get the part that is missing."""
    assert auth.missing(Role("admin") & Permission("data:read"), NOW) is None
    assert auth.missing(Role("admin") & Permission("data:delete"), NOW) == Permission("data:delete")
    assert auth.missing(Reverified("strict"), NOW) == Reverified("strict")
    assert auth.missing(Fresh(600), NOW) is None
    assert auth.missing(Fresh(600), NOW + 400) == Fresh(600)
