"""Whatever arrives, the answer is a state or a reason: nothing stumbles, nothing slips through."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clerk_fastapi import Auth, Clerk, Reverified, SessionClaims, TokenError
from clerk_fastapi.errors import CustomClaimsInvalid
from clerk_fastapi.testing import LocalClerk, Session
from clerk_fastapi.testing.signing import base64url
from tests.engine.clock import NOW
from tests.engine.connections import auth_of, bearer, browser, request

pytestmark = pytest.mark.anyio

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
# Every standard claim, each with values that are nearly right.
TEXTS = st.sampled_from(["", "org:admin", "o:data,u:beta", "o:", "a,b", "1,255", "pending"])
NEARLY = JSON | TEXTS | st.sampled_from([2, 2.0, "2", -1, NOW, NOW + 100, [0, -1], [5, 5]])
ORGANIZATION = st.dictionaries(st.sampled_from(["id", "slg", "rol", "per", "fpm"]), TEXTS | NEARLY)
STANDARD = st.dictionaries(
    st.sampled_from(sorted(SessionClaims.model_fields)), NEARLY | ORGANIZATION, max_size=3
)


@cache
def scene() -> tuple[LocalClerk, Session, Clerk]:
    """An instance, a session, and a server that works without a network."""
    local = LocalClerk(clock=lambda: NOW)
    session = local.sign_in(local.add_user("ada@example.com"))
    clerk = Clerk(**local.settings(), jwt_key=local.jwt_key)
    return local, session, clerk


async def outcome(token: str) -> Auth[Any] | str:
    """Who it is, or the code of the refusal; anything else fails the test."""
    try:
        return await scene()[2].verify_token(token)
    except TokenError as error:
        return error.code


async def look_everywhere(auth: Auth[Any]) -> None:
    """Ask everything that a handler can ask; a claim that was let through must not stumble here."""
    assert auth.user_id
    assert auth.session_id
    assert isinstance(auth.is_pending, bool)
    assert isinstance(auth.claims, SessionClaims)
    for answer in (auth.org_id, auth.org_role, auth.org_slug, auth.session_status):
        assert answer is None or isinstance(answer, str)
    assert auth.org_permissions is None or isinstance(auth.org_permissions, tuple)
    assert auth.actor is None or auth.actor.sub
    for asked in ({"role": "admin"}, {"permission": "data:read"}, {"feature": "data"}):
        assert isinstance(auth.has(**asked), bool)
    assert isinstance(auth.has(plan="pro", reverification=Reverified("strict")), bool)
    assert await auth.get_token()
    assert repr(auth)


@given(token=st.text() | st.text(".eyJ-_=").map(lambda text: f"eyJ{text}"))
async def test_random_text_is_no_token(token: str) -> None:
    """Random text is refused, surrogates and all."""
    assert await outcome(token) == "token-invalid"


@given(value=st.binary(), cookie=st.binary(), host=st.binary(), origin=st.binary())
async def test_random_headers_are_survived(
    value: bytes, cookie: bytes, host: bytes, origin: bytes
) -> None:
    """Any bytes in any header that is read make a signed-out request."""
    names = ("authorization", "cookie", "host", "origin")
    headers = list(zip(names, (value, b"__session=" + cookie, host, origin), strict=True))
    for kind in ("http", "websocket"):
        pairs = [(name, text.decode("latin-1")) for name, text in headers]
        state = await scene()[2].authenticate(request(*pairs, kind=kind))
        assert state.status == "signed-out"


@given(at=st.integers(0), replacement=st.binary(max_size=3))
async def test_mutated_token_is_refused(at: int, replacement: bytes) -> None:
    """A token with bytes cut out, put in or changed is another one, which nobody signed."""
    local, session, clerk = scene()
    token = local.token(session)
    at %= len(token)
    bent = token[:at] + replacement.decode("latin-1") + token[at + 1 :]
    if bent != token:
        assert isinstance(await outcome(bent), str)
        assert isinstance(await outcome(token), Auth)
        state = await clerk.authenticate(bearer(bent))
        assert state.status == "signed-out"


@settings(max_examples=300)
@given(says=STANDARD)
async def test_signed_nonsense_is_refused_or_harmless(says: dict[str, object]) -> None:
    """Claims that the instance itself signed are refused, or every question has an answer."""
    local, session, _ = scene()
    found = await outcome(local.token(session, claims=says))
    if isinstance(found, Auth):
        await look_everywhere(found)
    else:
        assert found.startswith("token-")
        assert found != CustomClaimsInvalid.code


@given(says=st.dictionaries(st.text(), JSON, max_size=4))
async def test_unknown_claims_do_no_harm(says: dict[str, object]) -> None:
    """Whatever an application adds under names of its own, the session is read."""
    local, session, _ = scene()
    custom = {name: value for name, value in says.items() if name not in SessionClaims.model_fields}
    try:
        json.dumps(custom).encode("utf-8")
    except UnicodeEncodeError:
        return
    found = await outcome(local.token(session, claims=custom))
    assert isinstance(found, Auth)
    await look_everywhere(found)


@given(header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "cat", "oiat", "x"]), JSON))
async def test_signed_headers_are_refused_or_harmless(header: dict[str, object]) -> None:
    """Header members of any type are judged and never stumbled over."""
    local, session, _ = scene()
    found = await outcome(local.token(session, header=header))
    if isinstance(found, Auth):
        assert header.get("alg", "RS256") == "RS256"
        assert header.get("typ", "JWT") == "JWT"
        await look_everywhere(found)


@given(head=JSON, payload=JSON, signature=st.binary(max_size=300))
async def test_unsigned_json_is_refused(head: object, payload: object, signature: bytes) -> None:
    """JSON of any shape without a signature of ours is nobody's session, in a cookie too."""
    parts = (json.dumps(head).encode(), json.dumps(payload).encode(), signature)
    token = ".".join(base64url(part) for part in parts)
    assert isinstance(await outcome(token), str)
    state = await scene()[2].authenticate(browser({"__session": token, "__client_uat": "5"}))
    assert state.status == "signed-out"


async def test_the_scene_is_sound() -> None:
    """The token that all of this starts from is believed."""
    local, session, clerk = scene()
    auth = auth_of(await clerk.authenticate(bearer(local.token(session))))
    await look_everywhere(auth)
