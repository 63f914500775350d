"""Rows about API keys, M2M tokens and OAuth access tokens."""

from typing import Any

from tests.conformance.requests.question import Question, Value
from tests.conformance.requests.reading import claims_of, header_of
from tests.conformance.requests.rows.carriers import authorization_of
from tests.conformance.requests.rows.sessions import issuers
from tests.conformance.requests.rule import Judge, Rule, Verdict, copied, signed_out

__all__ = ["RULES", "has_good_header", "token_in"]

M2M = "cl_B7d4PD333AAA"
NOT_OAUTH = ("cl_B7d4PD111AAA", "cl_B7d4PD222AAA", M2M, "")
OBJECTS = {
    "api_key": ("api_key", ("user_", "org_")),
    "m2m_token": ("machine_to_machine_token", ("mch_",)),
    "oauth_token": ("clerk_idp_oauth_access_token", ("user_",)),
}
PREFIXES = {"api_key": "ak_", "m2m_token": "mt_", "oauth_token": "oat_"}
NO_CLIENT = ("client_id", "")
FAILED = "token-verification-failed"
UNJUDGED = ("token-type-mismatch", "No token in header")


def _media_type(question: Question) -> Question | None:
    """Every answer is read as JSON, whatever is said of its type."""
    amended = copied(question)
    for answer in _answers(amended):
        answer.pop("type", None)
    return amended if amended != question else None


def _answers(part: object) -> list[dict[str, Any]]:
    if isinstance(part, dict):
        found = [part[name] for name in ("asks", "sid") if isinstance(part.get(name), dict)]
        return found + [each for value in part.values() for each in _answers(value)]
    return [each for value in part for each in _answers(value)] if isinstance(part, list) else []


def token_in(question: Question) -> Value | None:
    """The token in the header, as it is described."""
    if not authorization_of(question).startswith("Bearer "):
        return None
    return next((part for part in question["authorization"] if not isinstance(part, str)), None)


def _judged(verdict: Verdict) -> bool:
    machine = verdict.get("token_type") in OBJECTS
    return verdict["status"] != "crash" and machine and verdict["reason"] not in UNJUDGED


def _failed(question: Question, verdict: Verdict) -> Verdict | None:
    """Whoever cannot be asked has not refused anybody."""
    token = token_in(question)
    if token is None or isinstance(token, str) or "asks" not in token or not _judged(verdict):
        return None
    answer = token["asks"]
    status, body = answer.get("status", 200), _object(answer)
    if status == 401 and "errors" in body:
        return {"status": "raises 503", "reason": "secret-key-invalid"}
    if status not in (200, 400, 404, 422) or not _is_clerks(status, body):
        return {"status": "raises 503", "reason": "backend-unavailable"}
    return None


def _object(answer: dict[str, Any]) -> dict[str, Any]:
    body = answer.get("json")
    return body if isinstance(body, dict) else {}


def _is_clerks(status: int, body: dict[str, Any]) -> bool:
    if status != 200:
        return "errors" in body
    return bool({"object", "subject"} & body.keys()) or body.get("active") is False


def _examined(question: Question, verdict: Verdict) -> Verdict | None:
    """An answer with 200 is read before it is believed."""
    token = token_in(question)
    if token is None or isinstance(token, str) or "asks" not in token or not _judged(verdict):
        return None
    answer = token["asks"]
    if answer.get("status", 200) != 200 or not _is_clerks(200, _object(answer)):
        return None
    if _describes(answer["json"], verdict["token_type"], question["now"]):
        return None
    return signed_out("token-invalid", verdict)


def _describes(body: dict[str, Any], kind: str, now: float) -> bool:
    name, prefixes = OBJECTS[kind]
    subject, expiration = body.get("subject"), body.get("expiration")
    scopes, claims = body.get("scopes"), body.get("claims")
    alive = (body.get("active", True), body.get("revoked", False), body.get("expired", False))
    if any(each is not usual for each, usual in zip(alive, (True, False, False), strict=True)):
        return False
    if body.get("object") != name or not isinstance(body.get("id"), str):
        return False
    if not isinstance(subject, str) or subject in prefixes or not subject.startswith(prefixes):
        return False
    if scopes is not None and not (
        isinstance(scopes, list) and all(isinstance(each, str) for each in scopes)
    ):
        return False
    if claims is not None and not isinstance(claims, dict):
        return False
    return expiration is None or (isinstance(expiration, int) and expiration > now * 1_000)


def _jwt(refused: str, applies: Any) -> Judge:
    """Refuse a machine's JWT that the SDK believes, or that crashes it."""

    def judge(question: Question, verdict: Verdict) -> Verdict | None:
        token = token_in(question)
        if token is None or "token" not in token:
            return None
        if verdict["status"] == "signed-out" and verdict["reason"] != FAILED:
            return None
        if verdict["status"] == "crash" and "scope" not in verdict["reason"]:
            return None
        kind = kind_of(token)
        if kind is None or not applies(token, kind, question):
            return None
        return signed_out(refused, {"token_type": kind, **verdict})

    return judge


def kind_of(token: Value) -> str | None:
    """The kind of machine token that a JWT wants to be."""
    subject = claims_of(token).get("sub")
    if isinstance(subject, str) and subject.startswith("mch_"):
        return "m2m_token"
    return "oauth_token" if "at+jwt" in str(header_of(token).get("typ")) else None


def has_good_header(token: Value) -> bool:
    """Whether a machine's JWT is what it says, as far as its header goes."""
    kind, header = kind_of(token), header_of(token)
    if kind == "m2m_token":
        return header.get("cat") == M2M and header.get("typ", "JWT") == "JWT"
    return kind == "oauth_token" and header.get("cat") not in NOT_OAUTH


def _uncategorized(token: Value, kind: str, question: Question) -> bool:
    del question
    return kind == "m2m_token" and "cat" not in header_of(token)


def _categorized(token: Value, kind: str, question: Question) -> bool:
    del question
    return kind == "oauth_token" and header_of(token).get("cat") in NOT_OAUTH


def _foreign(token: Value, kind: str, question: Question) -> bool:
    del kind
    allowed = issuers(question)
    return allowed is not None and claims_of(token).get("iss") not in allowed


def _unaddressed(token: Value, kind: str, question: Question) -> bool:
    del kind
    asked = question["options"].get("audience")
    if asked is None:
        return False
    said = claims_of(token).get("aud")
    meant = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    return not set(meant) & set([asked] if isinstance(asked, str) else asked)


def _mistyped(token: Value, kind: str, question: Question) -> bool:
    del question
    claims = claims_of(token)
    subject, prefix = claims.get("sub"), OBJECTS[kind][1][0]
    words = ("client_id", "scope") if kind == "oauth_token" else ("scopes",)
    texts = [claims[name] for name in ("jti", *words) if claims.get(name) is not None]
    lists = [claims.get("scp")] if kind == "oauth_token" else []
    aud, issuer = claims.get("aud"), claims.get("iss")
    lists.append([aud] if isinstance(aud, str) else aud)
    return not (
        isinstance(issuer, str)
        and issuer
        and isinstance(subject, str)
        and subject.startswith(prefix)
        and subject != prefix
        and all(isinstance(each, str) for each in texts)
        and all(each is None or _are_texts(each) for each in lists)
        and all(isinstance(claims.get(name), int) for name in ("iat", "exp"))
    )


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and each for each in value)


def _by_prefix(question: Question, verdict: Verdict) -> Verdict | None:
    """The beginning of an opaque token tells its kind, whatever follows."""
    if verdict.get("token_type") not in OBJECTS or verdict["reason"] != "token-invalid":
        return None
    for part in question["authorization"]:
        for kind, prefix in PREFIXES.items():
            if isinstance(part, str) and part.startswith(prefix) and part.count(".") == 2:
                return {**verdict, "token_type": kind}
    return None


def _scopes(question: Question, verdict: Verdict) -> Verdict | None:
    """Nothing between two blanks is no scope, and what is absent is no text of no length."""
    del question
    if verdict.get("token_type") not in OBJECTS or not isinstance(verdict["auth"], dict):
        return None
    scopes = [scope for scope in verdict["auth"].get("scopes", []) if scope]
    said = {name: value for name, value in verdict["auth"].items() if (name, value) != NO_CLIENT}
    return {**verdict, "auth": {**said, "scopes": scopes}}


RULES = (
    Rule("media-type", _media_type, kinder=True),
    Rule("backend-failure", judge=_failed),
    Rule("opaque-answers", judge=_examined),
    Rule("m2m-category", judge=_jwt("token-invalid", _uncategorized)),
    Rule("oauth-category", judge=_jwt(FAILED, _categorized)),
    Rule("machine-issuer", judge=_jwt(FAILED, _foreign)),
    Rule("machine-audience", judge=_jwt(FAILED, _unaddressed)),
    Rule("machine-claims", judge=_jwt(FAILED, _mistyped)),
    Rule("malformed-opaque", judge=_by_prefix),
    Rule("scopes", judge=_scopes),
)
