"""Rows about session tokens, wherever they are carried."""

from collections.abc import Callable
from typing import Any

from tests.conformance.claims_cases import emptied_features
from tests.conformance.requests.question import KEYS, Question
from tests.conformance.requests.reading import claims_of, decoded, header_of
from tests.conformance.requests.rows.carriers import asks_for_session, public_origin
from tests.conformance.requests.rule import (
    Rule,
    Verdict,
    copied,
    directives_of,
    signed_out,
    tokens_of,
)

__all__ = ["RULES", "issuers"]

UNFIT = {"sub": 5}
"""Claims that are refused as ``token-verification-failed`` after the signature, before all else."""
UNBELIEVED = {"json": {"object": "cookies", "cookies": [["__session", "junk", ""]]}}
BELIEVED = ("primary-domain-cross-origin-sync", "active-organization-mismatch")


def issuers(question: Question) -> list[str] | None:
    """Who may have issued tokens; ``None`` if anybody may."""
    options = question["options"]
    given = options.get("issuer")
    if given is False:
        return None
    if isinstance(given, str | list):
        return [given] if isinstance(given, str) else given
    own = [KEYS[options["instance"]].issuer]
    if options.get("is_satellite") and options["instance"] == "production" and "domain" in options:
        own.append(f"https://clerk.{options['domain']}")
    proxy = options.get("proxy_url", "/")
    return own if proxy.startswith("/") else [*own, proxy.rstrip("/")]


def _each_token(change: Callable[[dict[str, Any], Question], None]) -> Any:
    def amend(question: Question) -> Question | None:
        amended = copied(question)
        for token in tokens_of(amended):
            if token.get("damage") != "four-parts":  # such a one says nothing
                change(token, question)
        return amended if amended != question else None

    return amend


def _issuer(question: Question) -> Question | None:
    if "issuer" in question["options"]:
        return None
    allowed = issuers(question)
    said = [claims_of({"token": token}) for token in tokens_of(question)]
    if all(claims.get("iss") in allowed for claims in said if claims):
        return None
    amended = copied(question)
    amended["options"]["issuer"] = allowed
    return amended


def _audience(token: dict[str, Any], question: Question) -> None:
    if "audience" not in question["options"] or _is_machines(token):
        return
    aud = claims_of({"token": token}).get("aud")
    if not aud or not isinstance(aud, str | list):
        token["claims"] = {**token["claims"], "aud": "nobody"}


def _algorithm(token: dict[str, Any], question: Question) -> None:
    del question
    if header_of({"token": token}).get("alg") in ("RS384", "RS512"):
        token |= {"header": {**token["header"], "alg": "none"}, "signer": "nobody"}


def _critical(token: dict[str, Any], question: Question) -> None:
    del question
    if "crit" in header_of({"token": token}):
        token["damage"] = "four-parts"


def _encoding(token: dict[str, Any], question: Question) -> None:
    del question
    if token.get("damage") == "padded":
        token["damage"] = "four-parts"


def _size(token: dict[str, Any], question: Question) -> None:
    del question
    if token.get("filler", 0) > 12_000:  # bytes, which are 16 KB in base64
        token["damage"] = "four-parts"


def _required(token: dict[str, Any], question: Question) -> None:
    del question
    claims = claims_of({"token": token})
    if _is_machines(token) or "handshake" in claims:
        return
    if not claims.get("sid") or "iat" not in claims or claims.get("sub") == "":
        token["claims"] = {**token["claims"], **UNFIT}


def _types(token: dict[str, Any], question: Question) -> None:
    del question
    claims = claims_of({"token": token})
    issuer, aud = claims.get("iss"), claims.get("aud", "")
    lists = isinstance(aud, list) and all(isinstance(each, str) for each in aud)
    dates = all(isinstance(claims.get(name, 0), int) for name in ("iat", "nbf"))
    dates = dates and isinstance(claims.get("exp"), int)
    fits = isinstance(issuer, str) and issuer and (lists or isinstance(aud, str)) and dates
    if not fits and not _is_machines(token) and "handshake" not in claims:
        token["claims"] = {**token["claims"], **UNFIT}


def _features(token: dict[str, Any], question: Question) -> None:
    del question
    emptied = emptied_features(token.get("claims", {}))
    if emptied is not None and not _is_machines(token):
        token["claims"] = emptied


def _status(token: dict[str, Any], question: Question) -> None:
    if question["options"].get("pending"):
        return
    if token.get("claims", {}).get("sts") not in (None, "active", "pending"):
        token["claims"] = {**token["claims"], "sts": "pending"}


def _is_machines(token: dict[str, Any]) -> bool:
    subject = claims_of({"token": token}).get("sub")
    return "at+jwt" in str(header_of({"token": token}).get("typ")) or (
        isinstance(subject, str) and subject.startswith("mch_")
    )


def _pending(question: Question, verdict: Verdict) -> Verdict | None:
    if question["options"].get("pending") or verdict["status"] != "signed-in":
        return None
    if verdict["token_type"] != "session_token" or verdict["auth"] is not None:
        return None
    return {**verdict, "status": "signed-out", "reason": "session-pending", "token": None}


def _is_foreign(party: object, question: Question) -> bool:
    """Whether a session names another host than the one it was sent to, where that counts."""
    options = question["options"]
    if options["instance"] != "production" or "authorized_parties" in options:
        return False
    own = f"https://{public_origin(question)[1].lower().removesuffix(':443')}"
    return isinstance(party, str) and party.lower() != own


def _own_host(question: Question, verdict: Verdict) -> Verdict | None:
    """A session cookie that names another host, and that would otherwise be believed."""
    if not _is_foreign(_believed_party(question, verdict), question):
        return None
    return signed_out("token-invalid-authorized-parties", verdict)


def _brought_by_others(question: Question) -> Question | None:
    """The same inside handshakes and refreshes, and for the session that is to be refreshed."""
    amended = copied(question)
    for lines in directives_of(amended):
        for line in lines:
            inner = line[1] if isinstance(line, list) else ""
            if not isinstance(inner, str) and _is_foreign(claims_of(inner).get("azp"), question):
                inner["token"]["signer"] = "stranger"
    for name, value in amended["cookies"]:
        if not name.startswith("__session") or isinstance(value, str):
            continue
        if _is_foreign(claims_of(value).get("azp"), question):
            value["sid"] = UNBELIEVED
    return amended if amended != question else None


def _believed_party(question: Question, verdict: Verdict) -> object:
    """The ``azp`` of the session cookie that was verified and believed, if one was."""
    if verdict.get("cookies") and verdict["status"] == "signed-in":
        return None
    token = None
    if verdict["status"] == "signed-in" and asks_for_session(question):
        token = verdict["token"]
    elif verdict["reason"] in BELIEVED and isinstance(verdict["location"], list):
        token = dict(verdict["location"][1:]).get("__session")
    claims = decoded(token) if token else None
    return claims.get("azp") if isinstance(claims, dict) else None


RULES = (
    Rule("algorithm", _each_token(_algorithm)),
    Rule("critical", _each_token(_critical), kinder=True),
    Rule("encoding", _each_token(_encoding), kinder=True),
    Rule("token-size", _each_token(_size), kinder=True),
    Rule("claim-types", _each_token(_types)),
    Rule("issuer", _issuer),
    Rule("audience", _each_token(_audience)),
    Rule("required-claims", _each_token(_required)),
    Rule("feature-colon", _each_token(_features), kinder=True),
    Rule("session-status", _each_token(_status)),
    Rule("own-host", _brought_by_others, _own_host),
    Rule("pending", judge=_pending),
)
