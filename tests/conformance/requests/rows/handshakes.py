"""Rows about what comes back from a handshake or a refresh."""

import re
from typing import Any

from tests.conformance.requests.question import KEYS, Question, Value
from tests.conformance.requests.reading import claims_of, header_of
from tests.conformance.requests.rows.carriers import asks_for_session, is_page, public_origin
from tests.conformance.requests.rows.machines import has_good_header, token_in
from tests.conformance.requests.rows.sessions import issuers
from tests.conformance.requests.rule import (
    Amend,
    Rule,
    Verdict,
    copied,
    directives_of,
    masked,
    signed_out,
    without,
)

__all__ = ["RULES", "takes_nonces"]

TOKEN, NONCE = "__clerk_handshake", "__clerk_handshake_nonce"
BROUGHT = (TOKEN, NONCE, "__clerk_help")
TEMPLATE = "cl_B7d4PD222AAA"
CODE = re.compile(r"[a-z0-9_-]{1,64}")
ALLOWED = re.compile(
    r"(__session|__client_uat|__refresh|__clerk_db_jwt)(_[A-Za-z0-9_-]{8})?"
    r"|__client|__clerk_handshake(_nonce)?"
)
OTHERS = ("cl_B7d4PD333AAA", "cl_x")
UNAVAILABLE = "raises 503"
UNFETCHED = {
    "jwks_none": "jwk-remote-failed-to-load",
    "jwks_failed": "jwk-remote-failed-to-load",
    "jwks_refused": "secret-key-invalid",
}
"""Key sets that cannot be had, with the code of the error."""
UNVERIFIED = (*UNFETCHED.values(), "session-token-iat-before-client-uat")
CRASHES = {
    "invalid signature": "token-invalid-signature",
    "Invalid JWT form": "token-invalid",
    "Unable to find a signing key": "jwk-kid-mismatch",
    'Invalid JWT type "at+jwt"': "token-type-mismatch",
    "Invalid JWT type": "token-invalid",
    "Invalid JWT algorithm": "token-invalid",
    "token category": "token-type-mismatch",
}


def _carrier(question: Question) -> Question | None:
    """In production, what stands in a link says nothing."""
    if question["options"]["instance"] == "development":
        return None
    return without(question, [TOKEN, NONCE], "query")


def takes_nonces(question: Question) -> bool:
    """Whether a nonce came where one may come: Clerk is asked for it, whatever it says."""
    pairs = list(question["cookies"])
    if question["options"]["instance"] == "development":
        pairs += question["query"]
    return is_page(question) and any(name == NONCE and value for name, value in pairs)


def brought(question: Question) -> tuple[str, Any] | None:
    """What the request brought home: the name and its value; a nonce beats a token."""
    for name in (NONCE, TOKEN):
        for pairs in (question["query"], question["cookies"]):
            found = next((value for each, value in pairs if each == name), None)
            if found:
                return name, found
    return None


def _ignored(question: Question, name: str) -> Question:
    amended = without(question, [name], "query") or question
    return without(amended, [name], "cookies") or amended


def _times(question: Question) -> Question | None:
    """A handshake token that is too old, or in production not yet or not ours, says nothing."""
    home = brought(question)
    if home is None or home[0] != TOKEN or isinstance(home[1], str):
        return None
    if question["options"].get("keys") in (*UNFETCHED, "jwks_elsewhere"):
        return None  # it is refused before anybody looks at the time
    claims = claims_of(home[1])
    skew = question["options"].get("clock_skew", 5.0)
    now = question["now"]
    late = claims.get("exp", now + 100) <= now - skew
    early = max(claims.get("nbf", 0), claims.get("iat", 0)) > now + skew
    allowed = issuers(question)
    foreign = allowed is not None and claims.get("iss", allowed[0]) not in allowed
    shapeless = not isinstance(claims.get("handshake"), list)
    development = question["options"]["instance"] == "development"
    if shapeless or (late and not foreign) or ((early or foreign) and not development):
        return _ignored(question, TOKEN)
    return None


def _said(nonce: Value) -> str:
    """What Clerk says of a nonce."""
    if isinstance(nonce, str):
        return "unknown"
    answer = nonce["asks"]
    if answer.get("status", 200) in (400, 404, 410, 422):
        return "unknown"
    body = answer.get("json")
    if answer.get("status", 200) != 200 or not isinstance(body, dict):
        return "nothing"
    return "directives" if isinstance(body.get("directives"), list) else "nothing"


def _fruitless(said: str) -> Amend:
    def amend(question: Question) -> Question | None:
        home = brought(question)
        if home is None or home[0] != NONCE or _said(home[1]) != said:
            return None
        # The token beside it is not looked at.
        return _ignored(_ignored(question, NONCE), TOKEN)

    return amend


def _outage(question: Question, verdict: Verdict) -> Verdict | None:
    """Those who are signed in need not know that Clerk could not be asked."""
    if verdict["status"] == "signed-in" or is_raised(verdict) or not asks_for_session(question):
        return None
    if not is_page(question) or verdict["reason"] == "session-pending":
        return None  # somebody is signed in, though not for everything
    places = [question["cookies"]]
    if question["options"]["instance"] == "development":
        places.insert(0, question["query"])
    for pairs in places:
        for name, value in pairs:
            if name == masked(NONCE) and value:
                return _unanswered(value)
    return None


def _unanswered(nonce: Value) -> Verdict | None:
    if _said(nonce) != "nothing":
        return None
    refused = not isinstance(nonce, str) and nonce["asks"].get("status") in (401, 403)
    reason = "secret-key-invalid" if refused else "backend-unavailable"
    return {"status": UNAVAILABLE, "reason": reason}


def _refused(question: Question, verdict: Verdict) -> Verdict | None:
    """In development a handshake token that does not verify is refused with a reason."""
    home = brought(question)
    if home is None or home[0] != TOKEN or not asks_for_session(question):
        return None
    if question["options"]["instance"] != "development":
        return None
    # It is refused before a satellite is sent anywhere, but not before keys are asked for.
    if is_raised(verdict) and verdict["reason"] != "configuration-error":
        return None
    if verdict["status"] == "crash":
        found = (reason for words, reason in CRASHES.items() if words in verdict["reason"])
        reason = next(found, None)
    else:
        reason = _untimely(home[1], question)
    return reason and signed_out(reason, {"token_type": "session_token", **verdict})


def _untimely(token: Value, question: Question) -> str | None:
    """What is wrong with a handshake token that was signed as it should be."""
    if isinstance(token, str):
        return None
    claims, allowed = claims_of(token), issuers(question)
    if allowed is not None and claims.get("iss", allowed[0]) not in allowed:
        return "token-invalid-issuer"
    skew = question["options"].get("clock_skew", 5.0)
    return "token-not-active-yet" if claims.get("nbf", 0) > question["now"] + skew else None


def _directives(question: Question) -> Question | None:
    """Only Clerk's own cookies are passed on, for this host, on one line each."""
    amended = copied(question)
    for lines in directives_of(amended):
        kept = []
        for line in lines:
            if not isinstance(line, list):
                continue
            name, value, attributes = line
            if not ALLOWED.fullmatch(name) or "\n" in f"{value}{attributes}":
                continue
            kept.append([name, value, _for_host(attributes, public_origin(question)[1])])
        lines[:] = kept
    return amended if amended != question else None


def _for_host(attributes: str, host: str) -> str:
    host = host.lower().partition(":")[0]
    kept = []
    for part in attributes.split("; "):
        name, _, domain = part.partition("=")
        domain = domain.removeprefix(".")
        if name.lower() != "domain" or host == domain or host.endswith(f".{domain}"):
            kept.append(part)
    return "; ".join(kept)


def _other_sessions(question: Question) -> Question | None:
    """A session under a foreign suffix is passed on, and is not this browser's session."""
    own = ("__session", f"__session_{KEYS[question['options']['instance']].cookie_suffix}")
    amended = copied(question)
    for lines in directives_of(amended):
        for line in lines:
            if isinstance(line, list) and line[0].startswith("__session") and line[0] not in own:
                line[0] = masked(line[0])
    return amended if amended != question else None


def _inner_category(question: Question) -> Question | None:
    """A token of another category is no session, however it was brought."""
    amended = copied(question)
    for lines in directives_of(amended):
        for line in lines:
            if isinstance(line, list) and header_of(line[1]).get("cat") == TEMPLATE:
                line[1]["token"]["signer"] = "stranger"
    return amended if amended != question else None


def _not_home(question: Question) -> Question | None:
    """Nobody comes home who was not sent away: only pages are."""
    if is_page(question):
        return None
    amended = without(question, [TOKEN, NONCE], "query") or question
    amended = without(amended, [TOKEN, NONCE], "cookies") or amended
    return amended if amended is not question else None


def _leads_home(question: Question, verdict: Verdict) -> Verdict | None:
    """The way back of a development browser brings nothing that was brought before."""
    if question["options"]["instance"] != "development" or verdict["status"] != "handshake":
        return None
    base, *pairs = verdict["location"]
    changed = [
        [name, _cleared(value) if name == "redirect_url" else value] for name, value in pairs
    ]
    return {**verdict, "location": [base, *changed]}


def _cleared(url: str) -> str:
    page, _, query = url.partition("?")
    kept = [each for each in query.split("&") if each.partition("=")[0] not in BROUGHT]
    return page + ("?" if kept != [""] and kept else "") + "&".join(kept)


def _long_session(question: Question, verdict: Verdict) -> Verdict | None:
    """A token that fits into no cookie does not fit into a URL either."""
    del question
    if verdict["status"] != "handshake":
        return None
    base, *pairs = verdict["location"]
    kept = [pair for pair in pairs if pair[0] != "__session" or len(pair[1]) <= 4_096]
    return {**verdict, "location": [base, *kept]}


def _refresh_answers(question: Question) -> Question | None:
    """Clerk's word for a refusal is passed on if it is a word; what is no list holds no cookies."""
    amended = copied(question)
    for _, value in amended["cookies"]:
        answer = {} if isinstance(value, str) else value.get("sid", {})
        if answer.get("json", "") is None:
            answer["json"] = {}
        body = answer.get("json")
        if not isinstance(body, dict):
            continue
        errors = body.get("errors")
        if errors and not CODE.fullmatch(errors[0]["code"]):
            body["errors"] = []
        if isinstance(body.get("cookies"), str):
            body["cookies"] = []
    return amended if amended != question else None


def is_raised(verdict: Verdict) -> bool:
    """Whether this is an error of the application or of Clerk, and no verdict on the request."""
    return str(verdict["status"]).startswith("raises")


def _keys(question: Question, verdict: Verdict) -> Verdict | None:
    """Without keys nobody is believed, and nobody is refused either."""
    code = UNFETCHED.get(question["options"].get("keys", "pem"))
    if code is None or is_raised(verdict):
        return None
    wanted = verdict["reason"] in UNVERIFIED and verdict["status"] != "crash"
    token = token_in(question)
    if token is not None and verdict["reason"] == "token-verification-failed":
        wanted = "token" in token and has_good_header(token)
    home = brought(question)
    if home is not None and asks_for_session(question):
        wanted = wanted or _wants_key(home, question)
    return {"status": UNAVAILABLE, "reason": code} if wanted else None


def _wants_key(home: tuple[str, Any], question: Question) -> bool:
    name, value = home
    if name == TOKEN:
        return not isinstance(value, str)
    lists = directives_of(value) if _said(value) == "directives" else []
    own = ("__session", f"__session_{KEYS[question['options']['instance']].cookie_suffix}")
    sessions = [line[1] for line in (lists or [[]])[0] if line[0] in own]
    return bool(sessions) and not isinstance(sessions[-1], str) and _is_session(sessions[-1])


def _is_session(token: Value) -> bool:
    header = header_of(token)
    return header.get("cat") not in (TEMPLATE, *OTHERS) and header.get("typ") == "JWT"


RULES = (
    Rule("keys-unavailable", judge=_keys),
    Rule("refresh-answers", _refresh_answers),
    Rule("homecoming", _not_home, kinder=True),
    Rule("handshake-carrier", _carrier, kinder=True),
    Rule("handshake-times", _times, kinder=True),
    Rule("unknown-nonce", _fruitless("unknown"), kinder=True),
    Rule("nonce-unavailable", _fruitless("nothing"), _outage, kinder=True),
    Rule("directives", _directives, kinder=True),
    Rule("other-sessions", _other_sessions, kinder=True),
    Rule("category", _inner_category),
    Rule("handshake-refused", judge=_refused),
    Rule("way-home", judge=_leads_home),
    Rule("long-session", judge=_long_session),
)
