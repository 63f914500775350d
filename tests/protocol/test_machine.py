"""Tokens of machines: told apart before they are believed, and never taken for a session."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi.errors import TokenInvalid
from clerk_fastapi.protocol.machine import (
    MachineToken,
    MachineTokenType,
    classify,
    is_opaque,
    read_answer,
)
from clerk_fastapi.protocol.tokens import MAX_TOKEN_BYTES
from clerk_fastapi.testing import ABSENT
from clerk_fastapi.testing.signing import base64url
from tests.protocol.machines import ANSWERS, m2m, oauth, said
from tests.protocol.material import NOW, raw, signed

KINDS = sorted(ANSWERS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

# --- What kind of token it wants to be ------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        (b"mt_abc", "m2m_token"),
        (b"oat_abc", "oauth_token"),
        (b"ak_abc", "api_key"),
        (b"ak_a.b.c", "api_key"),
        (b"ak_", "api_key"),
        (b"m2m_abc", "session_token"),
        (b"MT_abc", "session_token"),
        (b" ak_abc", "session_token"),
        (b"sk_test_abc", "session_token"),
        (b"", "session_token"),
    ],
)
def test_opaque_token_is_known_by_its_prefix(token: bytes, kind: str) -> None:
    """Clerk's own prefixes, letter by letter; anything else has to be a session token."""
    assert classify(token) == kind


def test_web_token_is_known_by_subject_or_type() -> None:
    """A machine as subject makes an M2M token, whatever its type; the type makes an OAuth token."""
    assert classify(m2m()) == "m2m_token"
    assert classify(m2m(header_says={"typ": "at+jwt", "cat": "cl_B7d4PD111AAA"})) == "m2m_token"
    assert classify(m2m(header_says={"alg": None, "kid": 5, "crit": []})) == "m2m_token"
    assert classify(m2m(header_says={"filler": "x" * 300})) == "m2m_token"
    assert classify(signed({"sub": "mch_1"})) == "m2m_token"
    assert classify(oauth()) == "oauth_token"
    assert classify(oauth(header_says={"typ": "application/at+jwt"})) == "oauth_token"
    assert classify(signed()) == "session_token"
    assert classify(oauth(header_says={"typ": "AT+JWT"})) == "session_token"
    assert classify(oauth(header_says={"typ": ["at+jwt"]})) == "session_token"


def test_subject_cannot_hide_behind_escapes() -> None:
    """JSON has many spellings of one text."""
    payload = rb'{"sub":"\u006d\u0063h\u005f1"}'
    assert json.loads(payload) == {"sub": "mch_1"}
    assert classify(raw(b'{"alg":"RS256"}', payload)) == "m2m_token"
    assert classify(raw(b'{"alg":"RS256"}', rb'{"sub":"user_\u0031"}')) == "session_token"


@pytest.mark.parametrize("subject", [1, None, True, ["mch_1"], {"mch_1": "mch_1"}, "user_mch_1"])
def test_machine_jwt_with_a_subject_that_is_no_text_does_not_crash(subject: object) -> None:
    """Clerk's own backend once stumbled over such subjects (row 23)."""
    assert classify(m2m({"sub": subject})) == "session_token"
    assert classify(oauth({"sub": subject})) == "oauth_token"


@pytest.mark.parametrize("payload", [b"null", b"[]", b'"mch_1"', b"5", b"", b"{", b'{"sub":NaN}'])
@pytest.mark.parametrize("typ", ["JWT", "at+jwt"])
def test_payload_that_is_no_object_is_no_machines(payload: bytes, typ: str) -> None:
    """Junk is left to the verification of session tokens, which refuses it."""
    assert classify(raw(json.dumps({"alg": "RS256", "typ": typ}).encode(), payload)) == (
        "session_token"
    )


@pytest.mark.parametrize("head", [b"null", b"[]", b'"at+jwt"', b"5", b"", b"{"])
def test_header_that_is_no_object_is_no_machines(head: bytes) -> None:
    """Nor does a readable payload make up for it."""
    assert classify(raw(head, b'{"sub":"mch_1"}')) == "session_token"


def test_what_is_not_three_parts_is_no_machines() -> None:
    """Too few parts, too many, an empty signature, another alphabet, or far too long."""
    token = m2m()
    assert classify(token.rpartition(b".")[0]) == "session_token"
    assert classify(token.rpartition(b".")[0] + b".") == "session_token"
    assert classify(token + b".AAAA") == "session_token"
    assert classify(token + b"=") == "session_token"
    assert classify(m2m({"filler": "x" * MAX_TOKEN_BYTES})) == "session_token"


@given(token=st.binary() | st.text("abkmot_.-AeyJ \\").map(str.encode))
def test_classifying_never_raises(token: bytes) -> None:
    """Whatever arrives is of some kind; only Clerk's prefixes make it opaque."""
    kind = classify(token)
    if kind != "session_token":
        assert token.startswith((b"mt_", b"oat_", b"ak_"))


@given(head=JSON, payload=JSON)
def test_classifying_any_json_never_raises(head: object, payload: object) -> None:
    """Neither header nor payload has to be what anybody expects."""
    parts = (base64url(json.dumps(part).encode()) for part in (head, payload))
    assert classify(f"{'.'.join(parts)}.AAAA".encode()) in ("session_token", *KINDS)


def test_only_prefixes_make_a_token_opaque() -> None:
    """A JSON Web Token speaks for itself."""
    assert [is_opaque(token) for token in (b"mt_1", b"oat_1", b"ak_1", b"ak_a.b")] == [True] * 4
    assert not is_opaque(m2m())
    assert not is_opaque(oauth())


@pytest.mark.parametrize(
    "token",
    [
        b"ak_",
        b"ak_\xff",
        b"ak_\n",
        b"ak_a b",
        b"ak_\0",
        b"ak_a.b.c",
        b"ak_" + b"a" * MAX_TOKEN_BYTES,
    ],
    ids=range(7),
)
def test_what_no_token_holds_is_refused_without_asking_clerk(token: bytes) -> None:
    """A stranger's junk is not worth a call."""
    with pytest.raises(TokenInvalid):
        is_opaque(token)


# --- What Clerk says of an opaque token -----------------------------------------------------------


def test_answer_about_an_api_key_is_read() -> None:
    """Whose it is, what it may do, and what was attached to it."""
    assert read_answer("api_key", said("api_key"), NOW) == MachineToken(
        "api_key",
        "ak_1",
        "user_1",
        ("data:read",),
        {"tier": "gold"},
        name="Nightly export",
        expires_at=NOW + 60,
    )
    owned = read_answer("api_key", said("api_key", subject="org_1", expiration=None), NOW)
    assert (owned.subject, owned.expires_at) == ("org_1", None)


def test_answer_about_an_m2m_token_is_read() -> None:
    """The machine that calls."""
    assert read_answer("m2m_token", said("m2m_token"), NOW) == MachineToken(
        "m2m_token", "mt_1", "mch_1", ("mch_2",), expires_at=NOW + 60
    )


def test_answer_about_an_oauth_token_is_read() -> None:
    """The user, the application that acts for them, and whoever really acts."""
    act = {"sub": "user_2", "iss": "https://a.example", "act": {"sub": "user_3", "iss": None}}
    answer = said("oauth_token", aud=["https://api.example.com"], act=act)
    token = read_answer("oauth_token", answer, NOW)
    assert (token.id, token.subject, token.client_id) == ("oat_1", "user_1", "client_1")
    assert token.scopes == ("profile",)
    assert token.audience == ("https://api.example.com",)
    assert token.actor is not None
    assert token.actor.model_dump() == act | {"act": {"sub": "user_3"}}
    assert read_answer("oauth_token", said("oauth_token", act=None), NOW).actor is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "says",
    [
        {"active": False},
        {"active": None},
        {"active": 1},
        {"active": "true"},
        {"revoked": True},
        {"revoked": None},
        {"revoked": 0},
        {"revoked": "false"},
        {"expired": True},
        {"expired": None},
        {"expiration": (NOW - 1) * 1_000},
        {"expiration": NOW * 1_000},
        {"expiration": 0},
        {"expiration": -1},
        {"expiration": "never"},
        {"expiration": True},
        {"expiration": 10**400},
        {"expiration": float("inf")},
        {"object": "token"},
        {"object": ABSENT},
        {"object": None},
        {"id": ABSENT},
        {"id": ""},
        {"id": 5},
        {"subject": ABSENT},
        {"subject": ""},
        {"subject": None},
        {"subject": 5},
        {"subject": ["user_1"]},
        {"subject": "sess_1"},
        {"subject": "user_"},
        {"subject": "mch_"},
        {"subject": "org_"},
        {"scopes": "data:read"},
        {"scopes": [5]},
        {"scopes": {"data:read": True}},
        {"claims": "gold"},
        {"name": 5},
        {"client_id": 5},
        {"aud": 5},
        {"aud": [""]},
        {"act": "user_2"},
        {"act": {}},
        {"act": {"sub": ""}},
        {"act": {"sub": "user_2", "act": {}}},
    ],
    ids=repr,
)
def test_verify_endpoints_200_body_is_examined(
    kind: MachineTokenType, says: dict[str, object]
) -> None:
    """Clerk's own backend signs these in without looking (row 27)."""
    with pytest.raises(TokenInvalid) as refusal:
        read_answer(kind, said(kind, **says), NOW)
    assert refusal.value.__context__ is None


def test_inactive_answer_without_anything_else_is_a_refusal() -> None:
    """All that Clerk says of an OAuth token that has run out."""
    with pytest.raises(TokenInvalid, match="is not active"):
        read_answer("oauth_token", {"active": False}, NOW)


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("api_key", "mch_1"),
        ("m2m_token", "user_1"),
        ("m2m_token", "org_1"),
        ("oauth_token", "mch_1"),
        ("oauth_token", "org_1"),
    ],
)
def test_subject_must_fit_the_kind_of_token(kind: MachineTokenType, subject: str) -> None:
    """A machine holds no API key, and a user is no machine."""
    with pytest.raises(TokenInvalid):
        read_answer(kind, said(kind, subject=subject), NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_answer_about_another_kind_is_a_refusal(kind: MachineTokenType) -> None:
    """What is described must be what was asked about."""
    for other in set(KINDS) - {kind}:
        with pytest.raises(TokenInvalid):
            read_answer(kind, ANSWERS[other], NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_answer_may_leave_out(kind: MachineTokenType) -> None:
    """No scopes grant nothing, no expiration means for ever, and silence is no revocation."""
    left_out = dict.fromkeys(("scopes", "expiration", "revoked", "expired", "claims"), ABSENT)
    token = read_answer(kind, said(kind, active=True, **left_out), NOW)
    assert (token.scopes, token.expires_at, token.claims) == ((), None, None)


def test_expirations_are_milliseconds() -> None:
    """For OAuth tokens sources disagree, so that what can only be seconds is read as such."""
    seconds = NOW + 60
    for kind in KINDS:
        assert read_answer(kind, said(kind, expiration=seconds * 1_000), NOW).expires_at == seconds
    assert read_answer("oauth_token", said("oauth_token", expiration=seconds), NOW).expires_at == (
        seconds
    )
    for kind in ("api_key", "m2m_token"):
        with pytest.raises(TokenInvalid):
            read_answer(kind, said(kind, expiration=seconds), NOW)


@given(
    kind=st.sampled_from(KINDS),
    says=st.dictionaries(
        st.sampled_from(
            ["object", "id", "subject", "scopes", "expiration", "aud", "act", "claims"]
        ),
        JSON,
    ),
)
def test_random_answers_are_read_or_refused(
    kind: MachineTokenType, says: dict[str, object]
) -> None:
    """A body of any shape is a token or a reason to refuse one, and never a crash."""
    try:
        token = read_answer(kind, said(kind, **says), NOW)
    except TokenInvalid:
        return
    assert token.token_type == kind
    assert all(isinstance(scope, str) for scope in token.scopes)
