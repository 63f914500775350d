"""Session tokens as cookies and headers may hold them, and what Clerk says to their refresh."""

from collections.abc import Mapping
from typing import Any

from tests.conformance.claims_cases import random_claims
from tests.conformance.requests.configured import origin
from tests.conformance.requests.draw import Draw
from tests.conformance.requests.question import KEYS, Options, Value

__all__ = ["answered_refresh", "good_session", "issuer_of", "session"]

SESSION, TEMPLATE, M2M, IGNORE = (
    "cl_B7d4PD111AAA",
    "cl_B7d4PD222AAA",
    "cl_B7d4PD333AAA",
    "cl_I7d4PD111III",
)
ORGANIZATION = {
    "o": {"id": "org_2a", "slg": "acme", "rol": "admin", "per": "read,manage", "fpm": "3"},
    "fea": "o:dash,u:beta",
}
JUNK = (
    "junk",
    "e30.e30.e30",
    "e30.bnVsbA.AAAA",
    "bnVsbA.e30.AAAA",
    "a.b.c",
    "..",
    "e30.eyJpc3MiOjV9.AAAA",
    '"quoted"',
    "%00",
    "x%3B%20__client_uat%3D9",
    "%zz",
    "\u00e9",
)

FORGED: tuple[dict[str, Any], ...] = (
    {"signer": "stranger"},
    {"signer": "nobody"},
    {"damage": "bent-signature"},
    {"damage": "padded"},
    {"header": {"alg": "none"}, "signer": "nobody"},
    {"header": {"alg": "HS256"}, "signer": "pem-as-secret"},
    {"header": {"alg": "RS512"}},
    {"header": {"crit": ["exp"]}},
    {"header": {"typ": "jwt"}},
    {"header": {"extra": 1}},
    {"filler": 17_000},
    {"filler": 3_500},
)
ODD_CLAIMS: tuple[dict[str, Any], ...] = (
    {"sub": ""},
    {"sub": 5},
    {"exp": "soon"},
    {"fea": "dash"},
    {"iat": "then"},
    {"sts": "removed"},
)

KINDS = {
    "good": 56,
    "expired": 30,
    "edge": 4,
    "early": 3,
    "future": 3,
    "foreign": 3,
    "category": 3,
    "machine": 2,
    "forged": 5,
    "party": 3,
    "audience": 2,
    "bare": 2,
    "odd": 2,
    "junk": 3,
    "pending": 5,
    "random": 2,
    "unknown-key": 1,
}


def issuer_of(options: Options) -> str:
    """Who signs the tokens of the instance."""
    if options.get("is_satellite") and options["instance"] == "production" and "domain" in options:
        return f"https://clerk.{options['domain']}"
    return KEYS[options["instance"]].issuer


def scheme_of(host: str) -> str:
    """Whether a host of the suite speaks TLS."""
    return "http" if host.lower().startswith("localhost") else "https"


def good_session(draw: Draw, options: Options, base: int, **claims: object) -> dict[str, Any]:
    """A session in order, a few seconds old."""
    age = draw.one(5, 10, 30)
    token: dict[str, Any] = {
        "claims": {
            "iss": issuer_of(options),
            "iat": base - age,
            "nbf": base - age - 10,
            "exp": base - age + 60,
            **_person(draw),
            **claims,
        }
    }
    if draw.chance(0.1):
        token["without"] = ["header.cat"]
    elif draw.chance(0.05):
        token["header"] = {"cat": IGNORE}
    return token


def session(draw: Draw, options: Options, base: int, host: str, kind: str | None = None) -> Value:
    """Any token that a session cookie or a bearer header may hold."""
    kind = kind or draw.weighted(KINDS)
    if kind == "junk":
        return draw.one(*JUNK)
    token = good_session(draw, options, base)
    claims, value = token["claims"], {"token": token}
    if draw.chance(0.85):
        claims["azp"] = draw.either(0.95, origin(scheme_of(host), host), "https://evil.example.com")
    else:
        token["without"] = [*token.get("without", []), "claims.azp"]
    if kind == "expired":
        age = draw.one(61, 3_600, 90_000)
        claims |= {"iat": base - age - 60, "nbf": base - age - 70, "exp": base - age}
        if draw.chance(0.02):
            token["without"] = [*token.get("without", []), "claims.sid"]
            return value
        return {**value, "sid": answered_refresh(draw, options, base)}
    _spoil(draw, kind, token, base, options.get("keys", "pem") in ("pem", "jwks"))
    if kind == "foreign":
        claims["iss"] = _other_issuer(draw, options)
    return value


def _other_issuer(draw: Draw, options: Options) -> object:
    return draw.one(
        "https://clerk.other.example.org",
        "http://" + issuer_of(options).removeprefix("https://"),
        issuer_of(options).removeprefix("https://"),
        KEYS[options["instance"]].issuer,
        "",
        5,
    )


def _spoil(draw: Draw, kind: str, token: dict[str, Any], base: int, has_keys: bool) -> None:
    """Make a good token one of that kind."""
    claims = token["claims"]
    match kind:
        case "edge":
            name = draw.one("exp", "nbf", "iat")
            claims[name] = base + (draw.one(-6, -5, -4) if name == "exp" else draw.one(4, 5, 6))
        case "early":
            claims["nbf"] = base + draw.one(30, 3_600)
        case "future":
            claims |= {"iat": base + 30, "nbf": base - 10}
        case "category":
            token["header"] = {"cat": draw.one(TEMPLATE, TEMPLATE, M2M, "cl_other", "", None)}
            token.pop("without", None)
        case "machine":
            claims["sub"] = "mch_2machine"
            if draw.chance(0.5):
                claims["sub"], token["header"] = "user_2oracle", {"typ": "at+jwt"}
        case "forged":
            token |= draw.one(*FORGED if has_keys else FORGED[:3])
        case "party":
            claims["azp"] = draw.one("https://evil.example.com", "https://app.example.com", "")
            token.pop("without", None)
        case "audience":
            claims["aud"] = draw.one("api", ["api", "other"], "other", [], "", 5)
        case "bare":
            names = ("claims.sid", "claims.iat", "claims.exp", "claims.nbf", "header.typ")
            token["without"] = [draw.one(*names)]
        case "odd":
            claims |= draw.one(*ODD_CLAIMS)
        case "pending":
            claims["sts"] = "pending"
        case "random":
            claims |= random_claims(draw.rng)
        case "unknown-key":
            token["header"] = {"kid": "ins_2nobody"}


def answered_refresh(draw: Draw, options: Options, base: int) -> Mapping[str, Any]:
    """What the Backend API says when an expired session asks to be refreshed."""
    fresh = good_session(draw, options, base, sub="user_2refreshed")
    suffix = KEYS[options["instance"]].cookie_suffix
    lasting = "; Path=/; Secure; SameSite=Lax; Max-Age=31536000"
    domain = draw.either(0.6, "", "; Domain=example.com")
    good = [
        ["__session", {"token": fresh}, lasting],
        [f"__session_{suffix}", {"token": fresh}, lasting],
        ["__client_uat", str(base - 20), f"; Path=/{domain}; SameSite=Lax"],
    ]
    kind = draw.weighted(
        {"good": 50, "refused": 15, "failed": 8, "odd": 15, "wrong": 12, "charset": 2}
    )
    match kind:
        case "good":
            return {"json": {"object": "cookies", "cookies": good}}
        case "refused":
            codes = ("invalid_refresh_token", "session_not_found", "unexpected_error", "a b<c>", "")
            error = {"code": draw.one(*codes), "message": "no"}
            return {"status": draw.one(400, 401, 404, 422), "json": {"errors": [error]}}
        case "failed":
            return draw.one(
                {"status": 500, "json": {"errors": []}},
                {"status": 429, "json": {"errors": [{"code": "too_many", "message": "slow"}]}},
                {"status": 502, "type": "text/html", "text": "<html>"},
                {"status": 503, "json": {}},
            )
        case "charset":
            return {
                "type": "application/json; charset=utf-8",
                "json": {"object": "cookies", "cookies": good},
            }
        case "wrong":
            stale = good_session(draw, options, base, exp=base - 60)
            bent = {**fresh, "signer": "stranger"}
            template = {**fresh, "header": {"cat": TEMPLATE}, "without": []}
            wrong = draw.one(stale, bent, template)
            cookies = [["__session", {"token": wrong}, lasting], *good[2:]]
            return {"json": {"object": "cookies", "cookies": cookies}}
        case _:
            return draw.one(
                {"json": {"object": "cookies", "cookies": []}},
                {"json": {"object": "cookies", "cookies": None}},
                {"json": {"object": "cookies", "cookies": good[2:]}},
                {"json": {"object": "cookies", "cookies": [["__session", "", lasting]]}},
                {"json": {"object": "cookies", "cookies": "__session=x"}},
                {"json": {"object": "token", "jwt": "x"}},
                {"json": {}},
                {"json": None},
                {"type": "text/html", "text": "<html>"},
                {"text": '{"object": "cook'},
                {"json": {"object": "cookies", "cookies": [*good, *_odd_directives(draw)]}},
            )


def _odd_directives(draw: Draw) -> list[list[Any]]:
    return draw.one(
        [["theme", "dark", "; Path=/"]],
        [["__session_other123", "junk", "; Path=/"]],
        [["__client_uat", "5\r\nSet-Cookie: a=b", ""]],
    )


def _person(draw: Draw) -> dict[str, object]:
    person: dict[str, object] = {"sub": "user_2oracle", "v": 2}
    if draw.chance(0.4):
        person |= ORGANIZATION
    if draw.chance(0.05):
        person = {"sub": "user_2oracle", "org_id": "org_2b", "org_slug": "beta", "org_role": "x"}
    if draw.chance(0.08):
        person["act"] = {"sub": "user_2actor"}
    if draw.chance(0.3):
        person["sts"] = "active"
    return person
