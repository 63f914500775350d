"""A token for another service, which verifies it by itself; and how often it may be asked for."""

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk, Session
from example_app.downstream import TEMPLATE_CLAIMS
from tests.example.conftest import Connected, Example

BELIEVED = "/downstream/believed"
STRANGER = LocalClerk(host="stranger-1.clerk.accounts.dev")


def template_token(connected: Connected, session: Session, **changes: object) -> str:
    """A token of the template, with other claims if need be; ``None`` leaves one out."""
    clerk = connected.clerk
    if not clerk.jwt_templates.by_id:
        clerk.add_jwt_template("downstream", claims=TEMPLATE_CLAIMS)
    good = clerk.template_token(session, "downstream")
    if not changes:
        return good
    header, claims = opened(good)
    changed = {name: value for name, value in (claims | changes).items() if value is not None}
    return clerk.sign(header, changed)


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims."""
    parts = (base64.urlsafe_b64decode(part + "==") for part in token.split(".")[:2])
    header, claims = map(json.loads, parts)
    return header, claims


def with_header(connected: Connected, session: Session, **changes: object) -> str:
    """A token of the template with another header."""
    header, claims = opened(template_token(connected, session))
    return connected.clerk.sign(header | changes, claims)


def segment(value: object) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def tampered(token: str, **changes: object) -> str:
    """The claims changed, and the signature left as it was."""
    header, _, signature = token.split(".")
    return f"{header}.{segment(opened(token)[1] | changes)}.{signature}"


def respelled(token: str, algorithm: str, secret: bytes | None = None) -> str:
    """Another algorithm in the header, with a MAC of a secret, or with nothing."""
    header, claims = opened(token)
    signed = f"{segment(header | {'alg': algorithm})}.{segment(claims)}"
    mac = b"" if secret is None else hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def believed(connected: Connected, token: str) -> httpx.Response:
    """What the other service makes of a token."""
    headers = {"Authorization": f"Bearer {token}"}
    return connected.client.get(BELIEVED, headers=headers)


EVIL: dict[str, Callable[[Connected, Session], str]] = {
    "somebody else": lambda c, s: tampered(template_token(c, s), sub="user_root"),
    "another audience, tampered": lambda c, s: tampered(template_token(c, s, aud="x"), aud="y"),
    "another audience": lambda c, s: template_token(c, s, aud="supabase"),
    "no audience": lambda c, s: template_token(c, s, aud=None),
    "another issuer": lambda c, s: template_token(c, s, iss="https://attacker.example"),
    "no issuer": lambda c, s: template_token(c, s, iss=None),
    "no subject": lambda c, s: template_token(c, s, sub=None),
    "no end": lambda c, s: template_token(c, s, exp=None),
    "an odd end": lambda c, s: template_token(c, s, exp="soon"),
    "expired": lambda c, s: template_token(c, s, exp=int(c.clock.now) - 5),
    "not yet": lambda c, s: template_token(c, s, nbf=int(c.clock.now) + 6),
    "no signature": lambda c, s: respelled(template_token(c, s), "none"),
    "the public key": lambda c, s: respelled(
        template_token(c, s), "HS256", c.clerk.jwt_key.encode()
    ),
    "half a signature": lambda c, s: template_token(c, s)[:-100],
    "another instance": lambda c, s: STRANGER.sign(*opened(template_token(c, s))),
    "a key nobody knows": lambda c, s: STRANGER.token(STRANGER.sign_in(s.user.email)),
    "a session token": lambda c, s: c.clerk.token(s),
    "an odd key": lambda c, s: with_header(c, s, kid=["x"]),
    "no key": lambda c, s: with_header(c, s, kid=None),
    "a deep header": lambda c, s: f"{'W1tb' * 9_000}.e30.e30",
    "garbage": lambda c, s: "garbage",
}
STRANGER.add_user("ada@example.com")


def test_the_report_is_made_in_the_name_of_the_user(example: Example) -> None:
    """The other service believes who it is, and in which organization, by the token's own word."""
    report = example.ask("dora", "GET", "/report").json()
    told = report["believed"]
    assert report["template"] == "downstream"
    assert told["sub"] == example.ask("dora", "GET", "/me").json()["user_id"]
    assert (told["email"], told["organization"]) == ("dora@example.com", "globex")
    assert told["exp"] == int(example.clock.now) + 60


def test_ten_reports_in_ten_seconds(connected: Connected) -> None:
    """The eleventh has to wait, whichever session asks; others need not."""
    connected.clerk.add_jwt_template("downstream", claims=TEMPLATE_CLAIMS)
    ada, bob = connected.sign_in("ada"), connected.sign_in("bob")
    for left in reversed(range(10)):
        answer = connected.ask_in(ada, "/report")
        assert answer.status_code == 200
        assert answer.headers["RateLimit"] == f'"10 per 10 s by user";r={left};t=10'
    for session in (ada, connected.sign_in("ada")):
        refused = connected.ask_in(session, "/report")
        assert (refused.status_code, refused.json()["detail"]["code"]) == (429, "rate-limited")
        assert refused.headers["Retry-After"] == "10"
    assert connected.ask_in(bob, "/report").status_code == 200
    connected.clock.now += 10
    assert connected.ask_in(ada, "/report").status_code == 200


def test_one_token_serves_many_reports(connected: Connected) -> None:
    """Clerk is asked for it once, and again before it expires."""
    connected.clerk.add_jwt_template("downstream", claims=TEMPLATE_CLAIMS)
    ada = connected.sign_in("ada")
    minting = f"/sessions/{ada.id}/tokens/downstream"
    for _ in range(5):
        assert connected.ask_in(ada, "/report").status_code == 200
    assert len(connected.clerk.requests_to(minting)) == 1
    connected.clock.now += 59
    assert connected.ask_in(ada, "/report").status_code == 200
    assert len(connected.clerk.requests_to(minting)) == 2


def test_a_template_that_is_missing_is_named_as_the_reason(connected: Connected) -> None:
    """Whoever runs the example finds out what to do in the dashboard."""
    answer = connected.ask_in(connected.sign_in("ada"), "/report")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (502, "jwt-template-not-found")
    assert "JWT templates page of the Clerk dashboard" in answer.json()["detail"]["message"]


def test_a_template_for_others_makes_no_report(connected: Connected) -> None:
    """Its tokens have another audience, and so the other service does not take them."""
    connected.clerk.add_jwt_template("downstream", claims={**TEMPLATE_CLAIMS, "aud": "supabase"})
    answer = connected.ask_in(connected.sign_in("ada"), "/report")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (502, "downstream-failed")


def test_a_session_that_has_ended_gets_no_token(connected: Connected) -> None:
    """Clerk refuses to make one, and the caller is told that it is over."""
    connected.clerk.add_jwt_template("downstream", claims=TEMPLATE_CLAIMS)
    ada = connected.sign_in("ada")
    connected.clerk.end_session(ada)
    answer = connected.ask_in(ada, "/report")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "session-ended")


# --- the other service ----------------------------------------------------------------------------


def test_a_good_token_is_believed(connected: Connected) -> None:
    """Within the seconds by which clocks may differ."""
    ada = connected.sign_in("ada")
    for offset in (0, 64):
        token = template_token(connected, ada)
        connected.clock.now += offset
        answer = believed(connected, token)
        assert (answer.status_code, answer.json()["sub"]) == (200, ada.user.id)


@pytest.mark.parametrize("evil", EVIL)
def test_an_evil_token_is_refused(connected: Connected, evil: str) -> None:
    """Without a word on why, to whoever tries."""
    ada = connected.sign_in("ada")
    answer = believed(connected, EVIL[evil](connected, ada))
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "token-refused")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_no_token_is_refused_likewise(connected: Connected) -> None:
    """Another scheme, too."""
    for headers in ({}, {"Authorization": "Basic YTpi"}):
        answer = connected.client.get(BELIEVED, headers=headers)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "token-refused")


def test_a_template_token_signs_nobody_in(connected: Connected) -> None:
    """The other service cannot act as its user here."""
    headers = {"Authorization": f"Bearer {template_token(connected, connected.sign_in('ada'))}"}
    answer = connected.client.get("/me", headers=headers)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "token-type-mismatch")


def test_strangers_do_not_make_it_fetch_keys(connected: Connected) -> None:
    """Names of keys are anybody's to make up: they are looked up once in half a minute."""
    ada = connected.sign_in("ada")
    token = template_token(connected, ada)
    for _ in range(5):
        assert believed(connected, token).status_code == 200
        assert believed(connected, STRANGER.sign(*opened(token))).status_code == 401
        header, claims = opened(token)
        assert (
            believed(connected, STRANGER.sign(header | {"kid": "new"}, claims)).status_code == 401
        )
    assert connected.clerk.jwks_requests == 1
    connected.clerk.rotate_keys()
    connected.clock.now += 30
    assert believed(connected, template_token(connected, ada)).status_code == 200
    assert connected.clerk.jwks_requests == 2


def test_without_keys_nothing_is_believed(connected: Connected) -> None:
    """An outage of Clerk is not the caller's fault."""
    token = template_token(connected, connected.sign_in("ada"))
    with connected.clerk.outage():
        answer = believed(connected, token)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "no-keys")
    assert believed(connected, token).status_code == 200
