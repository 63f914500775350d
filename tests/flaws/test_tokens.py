"""Flaws of tokens: of the wrong kind, for another origin, judged too early, or not text at all."""

from collections.abc import Mapping
from typing import Any

import pytest

from clerk_fastapi import Clerk, TokenError
from clerk_fastapi.testing import ABSENT, LocalClerk, Session, SigningKey
from tests.backend.clock import Clock
from tests.flaws.application import DOCUMENT, ORIGIN, ask, bearer, code, jar

pytestmark = pytest.mark.anyio

SESSION = "cl_B7d4PD111AAA"
TEMPLATE = "cl_B7d4PD222AAA"
NOT_TEXT = [1, None, True, ["mch_1"], {"id": "mch_1"}, 1e400]


def browser(local: LocalClerk, session: Session, token: str) -> dict[str, str]:
    """The cookies of a browser that holds another session token than it should."""
    suffixed = f"__session_{local.cookie_suffix}"
    return jar(local.cookies(session) | {"__session": token, suffixed: token})


@pytest.mark.parametrize("path", ["/session", "/several", "/any"])
@pytest.mark.parametrize("carrier", ["header", "cookies"])
@pytest.mark.parametrize("claims", [{}, {"sid": ABSENT, "v": ABSENT}])
async def test_template_token_was_taken_for_a_session(
    live: LocalClerk, ada: Session, path: str, carrier: str, claims: Mapping[str, object]
) -> None:
    """Row 2: tokens of JWT templates outlive sessions, and are sent to third parties."""
    token = live.token(ada, header={"cat": TEMPLATE}, claims=claims)
    headers = bearer(token) if carrier == "header" else browser(live, ada, token)
    answer = await ask(Clerk(**live.settings()), path, headers)
    assert code(answer) == "token-type-mismatch"


async def test_template_token_was_taken_for_a_session_when_verified_by_hand(
    live: LocalClerk, ada: Session
) -> None:
    """Row 2: also where no request is looked at."""
    token = live.token(ada, header={"cat": TEMPLATE})
    with pytest.raises(TokenError) as refusal:
        await Clerk(**live.settings()).verify_token(token)
    assert refusal.value.code == "token-type-mismatch"


async def test_template_token_came_home_from_a_handshake(live: LocalClerk, ada: Session) -> None:
    """Row 2: what a genuine handshake brings is looked at like any other session."""
    token = live.token(ada, header={"cat": TEMPLATE})
    handshake = live.handshake_token([f"__session={token}; Path=/", "__client_uat=1; Path=/"])
    headers = jar({"__clerk_handshake": handshake}) | DOCUMENT
    assert code(await ask(Clerk(**live.settings()), "/session", headers))


@pytest.mark.parametrize(
    "disguise",
    [
        {"claims": {"sub": "mch_1"}},
        {"claims": {"sub": "mch_1"}, "header": {"cat": "cl_B7d4PD333AAA"}},
        {"header": {"typ": "at+jwt"}},
        {"header": {"typ": "application/at+jwt", "cat": ABSENT}},
    ],
)
@pytest.mark.parametrize("carrier", ["header", "cookies"])
@pytest.mark.parametrize("pem", [True, False])
async def test_token_of_a_machine_became_a_user(
    live: LocalClerk, ada: Session, carrier: str, pem: bool, disguise: Any
) -> None:
    """Row 4: with a good signature by a key at hand, and all claims that a session has."""
    token = live.token(ada, **disguise)
    headers = bearer(token) if carrier == "header" else browser(live, ada, token)
    settings: Any = live.settings() | ({"jwt_key": live.jwt_key} if pem else {})
    assert code(await ask(Clerk(**settings), headers=headers)) == "token-type-mismatch"


async def test_token_of_a_machine_was_refused_only_after_a_look_for_its_key(
    live: LocalClerk, ada: Session
) -> None:
    """Row 4: it is refused for what it is, whoever signed it, and costs no call."""
    for token in (live.forge("machine-foreign", ada), live.token(ada, claims={"sub": "mch_1"})):
        answer = await ask(Clerk(**live.settings()), headers=browser(live, ada, token))
        assert code(answer) == "token-type-mismatch"
    assert live.requests == []


@pytest.mark.parametrize("category", [SESSION, TEMPLATE, "cl_I7d4PD111III", ABSENT])
@pytest.mark.parametrize("path", ["/m2m", "/several", "/any"])
async def test_session_token_was_taken_for_a_machines(
    live: LocalClerk, ada: Session, path: str, category: object
) -> None:
    """Row 5: users choose some claims of a template, but never the category of M2M tokens."""
    token = live.token(ada, header={"cat": category}, claims={"sub": "mch_1"})
    assert code(await ask(Clerk(**live.settings()), path, bearer(token))) == "token-invalid"


@pytest.mark.parametrize("carrier", ["header", "cookies"])
async def test_token_without_a_party_passed_for_authorized(
    live: LocalClerk, ada: Session, carrier: str
) -> None:
    """Row 6: where parties are named, each token must name one of them."""
    token = live.token(ada, claims={"azp": ABSENT})
    headers = bearer(token) if carrier == "header" else browser(live, ada, token)
    clerk = Clerk(**live.settings(), authorized_parties=[ORIGIN])
    assert code(await ask(clerk, headers=headers)) == "token-invalid-authorized-parties"


@pytest.mark.parametrize("parties", [None, [ORIGIN]])
@pytest.mark.parametrize(
    "neighbour",
    [
        "https://evil.example.com",
        "https://app.example.com.evil.test",
        "http://app.example.com",
        "https://app.example.com:8443",
        "null",
    ],
)
async def test_cookie_of_a_neighbouring_subdomain_was_believed(
    live: LocalClerk, ada: Session, neighbour: str, parties: list[str] | None
) -> None:
    """Row 7: it can set cookies here, with sessions of its own visitors."""
    clerk = Clerk(**live.settings(), authorized_parties=parties)
    planted = browser(live, ada, live.token(ada, azp=neighbour))
    assert code(await ask(clerk, headers=planted)) == "token-invalid-authorized-parties"
    own = browser(live, ada, live.token(ada, azp=ORIGIN))
    assert (await ask(clerk, headers=own)).status_code == 200


@pytest.mark.parametrize("attempt", ["wrong key", "edited payload"])
async def test_refusal_told_a_forger_about_the_rules(
    live: LocalClerk, ada: Session, clock: Clock, other_key: SigningKey, attempt: str
) -> None:
    """Row 16: the signature comes first, so that every forgery is answered alike."""
    forger = LocalClerk(
        host=live.host,
        instance_type="production",
        signing_key=SigningKey(live.jwks()["keys"][0]["kid"], other_key.private),
        clock=clock,
    )
    guesses: list[Mapping[str, object]] = [
        {},
        {"azp": "https://evil.example.com"},
        {"exp": 1},
        {"nbf": clock() + 3_600},
        {"iat": clock() + 3_600},
        {"iss": "https://clerk.example.org"},
        {"aud": "elsewhere"},
        {"sub": 5},
        {"sid": ABSENT},
    ]
    clerk = Clerk(**live.settings(), authorized_parties=[ORIGIN], audience="here")
    head, _, signature = live.token(ada).split(".")
    answers = set()
    for claims in guesses:
        forged = forger.token(ada, claims=claims)
        if attempt == "edited payload":
            forged = f"{head}.{forged.split('.')[1]}.{signature}"
        answer = await ask(clerk, headers=bearer(forged))
        answers.add((code(answer), answer.text))
    assert {each for each, _ in answers} == {"token-invalid-signature"}
    assert len(answers) == 1


@pytest.mark.parametrize("path", ["/session", "/m2m", "/oauth", "/several", "/any", "/api_key"])
@pytest.mark.parametrize("subject", NOT_TEXT, ids=repr)
@pytest.mark.parametrize(
    "header", [{}, {"typ": "at+jwt", "cat": ABSENT}, {"cat": "cl_B7d4PD333AAA"}], ids=str
)
async def test_subject_that_is_no_text_crashed_the_request(
    live: LocalClerk, ada: Session, path: str, subject: object, header: Mapping[str, object]
) -> None:
    """Row 23: anybody can send a JSON Web Token whose subject is a number, a list or nothing."""
    token = live.token(ada, claims={"sub": subject, "x": "mch_1"}, header=header)
    assert code(await ask(Clerk(**live.settings()), path, bearer(token)))


@pytest.mark.parametrize("payload", ["null", "[]", '"mch_1"', "5", '{"sub":{"mch_1":["mch_"]}}'])
@pytest.mark.parametrize("path", ["/session", "/m2m", "/oauth", "/any"])
async def test_payload_that_is_no_object_crashed_the_request(
    live: LocalClerk, key: SigningKey, payload: str, path: str
) -> None:
    """Row 23: the same for what is no set of claims at all, in the header and in cookies."""
    for header in (b'{"alg":"RS256"}', b'{"alg":"RS256","typ":"at+jwt"}', b"null", b"[]"):
        token = key.token(header, payload.encode())
        assert code(await ask(Clerk(**live.settings()), path, bearer(token)))
        planted = jar({"__session": token, "__client_uat": "1"})
        assert code(await ask(Clerk(**live.settings()), path, planted))
