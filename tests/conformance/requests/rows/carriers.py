"""Rows about where a request says what it says: headers, URLs, and the names of cookies."""

import re
from typing import Any

from tests.conformance.requests.configured import origin
from tests.conformance.requests.question import KEYS, Question, Value
from tests.conformance.requests.reading import ODD, claims_of, decoded
from tests.conformance.requests.rule import NOTHING, Rule, Verdict, copied, signed_out, without

__all__ = ["RULES", "asks_for_session", "authorization_of", "is_page", "public_origin"]

FORWARDED = ("x-forwarded-host", "x-forwarded-proto")
HOST = re.compile(r"[A-Za-z0-9_.-]+(:[0-9]{1,5})?")
DOTS = re.compile(r"(\.|%2e){1,2}", re.IGNORECASE)
UAT = re.compile(r" *[0-9]{1,15}", re.ASCII)
COUNT = re.compile(r"__clerk_redirect_count=[^;]*")


def authorization_of(question: Question) -> str:
    """The header as text, tokens shortened to one word each."""
    parts = (part if isinstance(part, str) else "TOKEN" for part in question["authorization"])
    return "".join(parts).strip(" ")


def speaks_for_itself(question: Question) -> bool:
    """Whether there is a bearer token, or what should be one."""
    said = authorization_of(question)
    return bool(said) and (said.lower().startswith("bearer ") or " " not in said)


def _lower_case_bearer(question: Question) -> Question | None:
    said = authorization_of(question)
    scheme, _, rest = said.partition(" ")
    if scheme.lower() != "bearer" or scheme == "Bearer" or not rest.strip():
        return None
    amended = copied(question)
    first = amended["authorization"][0]
    if isinstance(first, str):
        amended["authorization"][0] = "Bearer" + first[len("Bearer") :]
    return amended


def _two_blanks(question: Question) -> Question | None:
    """More than one blank before the token is one blank, as in RFC 9110 section 11.4."""
    scheme, *rest = question["authorization"] or [""]
    rest = [part for part in rest if part != " "]
    if len(rest) != 1 or not isinstance(scheme, str) or scheme.rstrip(" ") != "Bearer":
        return None
    return {**copied(question), "authorization": ["Bearer ", *rest]}


def _refused_header(question: Question, verdict: Verdict) -> Verdict | None:
    """No token, a bare one, or several words: refused without a look at the cookies."""
    said = authorization_of(question)
    if not said:
        return None
    scheme, _, token = said.partition(" ")
    token = token.strip(" ")
    bearer = scheme.lower() == "bearer" and " " in said
    if bearer and token and " " not in token and "," not in token:
        return None
    if not bearer and " " in said and "bearer " not in said.lower():
        return None
    accepted = question["options"].get("accepts_token", "session_token")
    kind = accepted if isinstance(accepted, str) and accepted != "any" else None
    return signed_out("token-invalid", verdict, token_type=kind)


def _is_timely(token: Value, question: Question) -> bool:
    claims, now = claims_of(token), question["now"]
    skew = question["options"].get("clock_skew", 5.0)
    moments = [claims.get(name, 0) for name in ("nbf", "iat")]
    early = [each for each in moments if isinstance(each, int) and each > now + skew]
    return not early and not (isinstance(claims.get("exp"), int) and claims["exp"] <= now - skew)


def _header_stays(question: Question) -> Question | None:
    """As if it were no page that is asked for, and as if there were no refresh token."""
    if not authorization_of(question).lower().startswith("bearer "):
        return None
    if all(
        isinstance(part, str) or _is_timely(part, question) for part in question["authorization"]
    ):
        return None
    refresh = f"__refresh_{KEYS[question['options']['instance']].cookie_suffix}"
    amended = without(question, [refresh], "cookies") or copied(question)
    kept = [pair for pair in amended["headers"] if pair[0] not in ("accept", "sec-fetch-dest")]
    amended["headers"] = kept
    return amended


def public_origin(question: Question) -> tuple[str, str]:
    """Scheme and host as we see them: headers of proxies count if the peer is one."""
    options, scheme, host = question["options"], question["scheme"], question["host"]
    names = options.get("trusted_proxies", [])
    if "*" not in names and not (names and question["peer"].startswith("10.")):
        return scheme, host
    given = {name: value for name, value in reversed(question["headers"]) if name in FORWARDED}
    first = {name: value.partition(",")[0].strip() for name, value in given.items()}
    forwarded = first.get("x-forwarded-host", "")
    if HOST.fullmatch(forwarded):
        host = forwarded
    if first.get("x-forwarded-proto", "").lower() in ("http", "https"):
        scheme = first["x-forwarded-proto"].lower()
    return scheme, host


def _forwarded(question: Question) -> Question | None:
    """The public URL as we see it, where the SDK sees another one."""
    given = {name: value for name, value in reversed(question["headers"]) if name in FORWARDED}
    if not given and not question["path"].startswith("//"):
        return None
    scheme, host = public_origin(question)
    theirs = {name: value.partition(",")[0] for name, value in given.items()}
    headers = [pair for pair in question["headers"] if pair[0] not in FORWARDED]
    if scheme == "http" and theirs.get("x-forwarded-proto", "").strip() == "https":
        # The page before was one of this host, and TLS ended at a proxy that is not trusted.
        own = f"https://{host}"
        headers = [pair for pair in headers if pair[0] != "referer" or _origin(pair[1]) != own]
    same = (
        theirs.get("x-forwarded-host", question["host"]) == host
        and theirs.get("x-forwarded-proto", question["scheme"]) == scheme
    )
    if same and not question["path"].startswith("//"):
        return None
    amended = copied(question)
    amended["headers"] = headers
    default = ":443" if scheme == "https" else ":80"
    amended["scheme"], amended["host"] = scheme, host.lower().removesuffix(default)
    return amended


def _origin(url: str) -> str:
    return "/".join(url.lower().split("/")[:3])


def _odd_tokens(question: Question) -> Question | None:
    """A token that says ``null``, or names no algorithm, is as good as any other junk."""
    amended = copied(question)
    for pairs in (amended["cookies"], amended["query"], [amended["authorization"]]):
        for pair in pairs:
            for index, value in enumerate(pair):
                if isinstance(value, str) and decoded(value) == ODD:
                    pair[index] = NOTHING + value
    return amended if amended != question else None


def _junk_session(question: Question) -> Question | None:
    """A session of somebody else's instead of junk: that one does not hide the own cookies."""
    suffixed = f"__session_{KEYS[question['options']['instance']].cookie_suffix}"
    jar = _jar(question)
    if "__session" not in jar or suffixed not in jar or speaks_for_itself(question):
        return None
    if claims_of(jar["__session"]).get("iss"):
        return None
    amended = copied(question)
    foreign = {"token": {"claims": {"iss": "https://clerk.other.example.org"}}}
    for pair in amended["cookies"]:
        if pair[0] == "__session":
            pair[1] = foreign
    return amended


def _client_uat(question: Question) -> Question | None:
    amended = copied(question)
    for pair in amended["cookies"]:
        value = pair[1]
        if pair[0].startswith("__client_uat") and not UAT.fullmatch(value) and value.strip():
            pair[1] = "none"
    return amended if amended != question else None


def _redirect_count(question: Question) -> Question | None:
    amended = copied(question)
    for pair in amended["cookies"]:
        if pair[0] == "__clerk_redirect_count":
            pair[1] = _counted(pair[1])
    return amended if amended != question else None


def _counted(value: str) -> str:
    try:
        count = float(int(value, 16) if value.startswith("0x") else value)
    except ValueError:
        return value
    return str(max(0, min(int(min(count, 3)), 3)))


def _counter_everywhere(question: Question, verdict: Verdict) -> Verdict | None:
    del question
    if verdict["status"] != "handshake":
        return None
    cookies = [COUNT.sub(lambda found: f"{found[0]}; Path=/", each) for each in verdict["cookies"]]
    return {**verdict, "cookies": cookies}


def _redirect_origin(question: Question) -> Question | None:
    """Where the own satellites are; elsewhere the parameter says nothing."""
    options = question["options"]
    if options["instance"] == "production" or options.get("is_satellite"):
        return None
    given = [value for name, value in question["query"] if name == "__clerk_redirect_url"]
    if not given or not given[0]:
        return None
    known = [
        origin(*public_origin(question)),
        *options.get("allowed_redirect_origins", []),
        *options.get("authorized_parties", []),
    ]
    target = given[0]
    loopback = re.match(r"https?://localhost(:[0-9]+)?(/|$)", target)
    if (_origin(target) in known or loopback) and is_page(question):
        return None
    return without(question, ["__clerk_redirect_url"], "query")


def asks_for_session(question: Question) -> bool:
    """Whether the cookies decide."""
    accepted = question["options"].get("accepts_token", "session_token")
    takes = accepted == "any" or "session_token" in accepted
    return takes and not speaks_for_itself(question)


def is_page(question: Question) -> bool:
    """Whether a browser is loading a page, which may go round by Clerk."""
    headers = {name: value.strip() for name, value in reversed(question["headers"])}
    destination = headers.get("sec-fetch-dest")
    if question["method"] != "GET":
        return False
    if destination:
        return destination in ("document", "iframe")
    return headers.get("accept", "").startswith("text/html")


def _origin_of_sign_in(question: Question) -> str | None:
    """Where a satellite sends browsers to sign in."""
    options = question["options"]
    satellite = options.get("is_satellite") and "sign_in_url" in options
    return "/".join(options["sign_in_url"].split("/")[:3]) if satellite else None


def _own_sign_in(question: Question) -> Question | None:
    """An Origin is no reason to look at the configuration, and none to crash."""
    origins = [value for name, value in question["headers"] if name == "origin"]
    if _origin_of_sign_in(question) not in origins:
        return None
    amended = copied(question)
    amended["headers"] = [pair for pair in question["headers"] if pair[0] != "origin"]
    return amended


def _sent_to_itself(question: Question, verdict: Verdict) -> Verdict | None:
    """Where a satellite would be sent to itself, the operator has made a mistake."""
    if verdict["reason"] != "satellite-needs-syncing":
        return None
    if question["options"]["instance"] == "production":
        return None
    if _origin_of_sign_in(question) != "://".join(public_origin(question)):
        return None
    return {"status": "raises 500", "reason": "configuration-error"}


def _no_patterns(question: Question) -> Question | None:
    patterns = question["options"].get("organization_sync", {})
    if patterns.get("personal_account_patterns") != []:
        return None
    amended = copied(question)
    del amended["options"]["organization_sync"]["personal_account_patterns"]
    return amended


def _after_2038(question: Question) -> Question | None:
    """An expired session of a development instance does not hide the plain cookies."""
    options = question["options"]
    if options["instance"] == "production" or question["now"] < 2**31:
        return None
    suffix = f"_{KEYS['development'].cookie_suffix}"
    jar = _jar(question)
    own = claims_of(jar.get(f"__session{suffix}", ""))
    plain = claims_of(jar.get("__session", ""))
    if jar.get(f"__client_uat{suffix}", "0") == "0" or jar.get("__client_uat") != "0":
        return None
    if "exp" not in own or own["exp"] > question["now"]:
        return None
    if "__session" in jar and plain.get("iss") != KEYS["development"].issuer:
        return None
    names = [f"{name}{suffix}" for name in ("__session", "__client_uat", "__clerk_db_jwt")]
    return without(question, names, "cookies")


def _jar(question: Question) -> dict[str, Any]:
    jar: dict[str, Any] = {}
    for name, value in question["cookies"]:
        jar.setdefault(name, value)
    return {name: value for name, value in jar.items() if value}


def _odd_referer(question: Question) -> Question | None:
    """No browser names a user in it."""
    kept = [pair for pair in question["headers"] if pair[0] != "referer" or "@" not in pair[1]]
    return {**question, "headers": kept} if kept != question["headers"] else None


def _dot_segments(question: Question) -> Question | None:
    """They stay, as they do for the application's router; browsers send none."""
    segments = question["path"].split("/")
    kept = [NOTHING + each if DOTS.fullmatch(each) else each for each in segments]
    return {**question, "path": "/".join(kept)} if kept != segments else None


def _no_page(question: Question) -> Question | None:
    """Whoever sends an Authorization header of another kind is not sent anywhere."""
    said = authorization_of(question)
    if not said or speaks_for_itself(question) or not is_page(question):
        return None
    kept = [pair for pair in question["headers"] if pair[0] != "sec-fetch-dest"]
    return {**question, "headers": [*kept, ["sec-fetch-dest", "empty"]]}


RULES = (
    Rule("authorization-stays", _no_page, kinder=True),
    Rule("odd-referer", _odd_referer, kinder=True),
    Rule("dot-segments", _dot_segments, kinder=True),
    Rule("bearer-spelling", _lower_case_bearer, kinder=True),
    Rule("bearer-spelling", _two_blanks, kinder=True),
    Rule("odd-token", _odd_tokens, kinder=True),
    Rule("bearer-stays", _header_stays),
    Rule("forwarded-headers", _forwarded, kinder=True),
    Rule("junk-session", _junk_session, kinder=True),
    Rule("client-uat", _client_uat),
    Rule("redirect-count", _redirect_count),
    Rule("redirect-count-path", judge=_counter_everywhere),
    Rule("sync-redirect", _redirect_origin, kinder=True),
    Rule("sign-in-origin", _own_sign_in, _sent_to_itself, kinder=True),
    Rule("empty-patterns", _no_patterns, kinder=True),
    Rule("after-2038", _after_2038),
    Rule("bare-token", judge=_refused_header),
)
