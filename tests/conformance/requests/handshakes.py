"""Requests that come back from a handshake: tokens and nonces, good and bad."""

from typing import Any

from tests.conformance.requests.draw import Draw
from tests.conformance.requests.question import KEYS, Options, Question, Value
from tests.conformance.requests.sessions import good_session, issuer_of

__all__ = ["return_from_handshake"]

DOMAINS = (
    "; Domain=example.com",
    "; domain=.app.example.com",
    "; Domain=app.example.com",
    "; Domain=ample.com",
    "; Domain=",
)
LASTING = "; Path=/; Secure; SameSite=Lax; Max-Age=31536000"
JUNK_TOKENS = ("junk", "a.b.c", "e30.bnVsbA.AAAA", "e30.e30.e30")


def return_from_handshake(draw: Draw, question: Question, base: int) -> None:
    """Add the result of a handshake, where it belongs or elsewhere."""
    if draw.chance(0.5):
        name, value = "__clerk_handshake_nonce", _nonce(draw, question["options"], base)
    else:
        name, value = "__clerk_handshake", _token(draw, question["options"], base)
    home = "query" if question["options"]["instance"] == "development" else "cookie"
    if draw.chance(0.12):
        home = "cookie" if home == "query" else "query"
    if home == "query":
        question["query"].append([name, value])
    else:
        question["cookies"].append([name, value])
    if draw.chance(0.05):
        question["query"].append(
            ["__clerk_handshake_nonce", _nonce(draw, question["options"], base)]
        )


def _token(draw: Draw, options: Options, base: int) -> Value:
    kind = draw.weighted({"good": 70, "bad": 20, "junk": 6, "empty": 2, "session": 4})
    if kind == "junk":
        return draw.one(*JUNK_TOKENS)
    if kind == "empty":
        return ""
    token: dict[str, Any] = {
        "claims": {"iss": issuer_of(options), "handshake": _directives(draw, options, base)},
        "without": [f"claims.{name}" for name in ("sub", "sid", "azp", "nbf", "iat", "exp")],
    }
    if draw.chance(0.5):
        token["claims"] |= {"iat": base - 2, "nbf": base - 5, "exp": base + 60}
        token["without"] = token["without"][:3]
    if kind == "session":
        token = good_session(draw, options, base)
    if kind == "bad":
        _spoil(draw, token, base)
    return {"token": token}


def _spoil(draw: Draw, token: dict[str, Any], base: int) -> None:
    claims = token["claims"]
    match draw.one("signer", "category", "expired", "early", "issuer", "shape", "kid", "typ"):
        case "signer":
            token["signer"] = "stranger"
        case "category":
            token["header"] = {"cat": draw.one("cl_B7d4PD222AAA", "cl_B7d4PD333AAA", "cl_x")}
        case "expired":
            claims["exp"] = base - draw.one(1, 4, 5, 6, 3_600)
            token["without"] = token["without"][:5]
        case "early":
            claims["nbf"] = base + 60
            token["without"] = token["without"][:3]
            claims |= {"iat": base, "exp": base + 120}
        case "issuer":
            claims["iss"] = draw.one("https://clerk.other.example.org", 5)
        case "shape":
            claims["handshake"] = draw.one(None, "__session=x", [], [5], {"a": 1})
        case "kid":
            token["header"] = {"kid": "ins_2nobody"}
        case "typ":
            token["header"] = {"typ": draw.one("at+jwt", "jwt")}


def _nonce(draw: Draw, options: Options, base: int) -> Value:
    kind = draw.weighted({"good": 76, "unknown": 8, "failed": 5, "odd": 8, "empty": 3})
    match kind:
        case "empty":
            return ""
        case "unknown":
            return draw.one("nonce_unknown", "a b&c", "\u00e9")
        case "failed":
            errors = {"errors": [{"code": "not_ours", "message": "no"}]}
            answer: dict[str, Any] = draw.one(
                {"status": 401, "json": errors},
                {"status": 404, "json": errors},
                {"status": 422, "json": errors},
                {"status": 429, "json": errors},
                {"status": 500, "json": errors},
                {"status": 502, "type": "text/html", "text": "<html>"},
            )
        case "odd":
            answer = draw.one(
                {"json": {"nonce": "n"}},
                {"json": {"nonce": "n", "directives": None}},
                {"json": {"nonce": "n", "directives": "__session=x"}},
                {"json": {"nonce": "n", "directives": [5]}},
                {"json": []},
                {"type": "text/html", "text": "<html>"},
                {"text": '{"directives": ['},
            )
        case _:
            answer = {"json": {"nonce": "n", "directives": _directives(draw, options, base)}}
            if draw.chance(0.05):
                answer["type"] = "application/json; charset=utf-8"
    return {"asks": answer, "as": "nonce_"}


def _directives(draw: Draw, options: Options, base: int) -> list[Any]:
    suffix = KEYS[options["instance"]].cookie_suffix
    kind = draw.weighted({"in": 62, "out": 14, "stale": 10, "bent": 6, "odd": 14})
    if kind == "out":
        return [
            ["__session", "", "; Path=/; Max-Age=0"],
            [f"__session_{suffix}", "", "; Path=/; Max-Age=0"],
            ["__client_uat", "0", "; Path=/; SameSite=Lax"],
        ][draw.one(0, 0, 2) :]
    token = good_session(draw, options, base, sub="user_2handshake")
    if kind == "stale":
        token["claims"] |= draw.one(
            {"iat": base - 120, "nbf": base - 120, "exp": base - 60},
            {"iat": base + 300, "nbf": base + 300, "exp": base + 360},
            {"iat": base - 90_000, "nbf": base - 90_000, "exp": base - 89_000},
        )
    if kind == "bent":
        token |= draw.one(
            {"signer": "stranger"}, {"header": {"cat": "cl_B7d4PD222AAA"}, "without": []}
        )
    domain = draw.either(0.6, "", *DOMAINS)
    if kind == "odd":
        domain = ""
    directives: list[Any] = [
        [f"__session_{suffix}", {"token": token}, LASTING],
        ["__session", {"token": token}, LASTING],
        [f"__client_uat_{suffix}", str(base - 5), f"; Path=/{domain}; SameSite=Lax"],
        [f"__refresh_{suffix}", "r2", "; Path=/; HttpOnly; Secure"],
    ]
    if options["instance"] == "development" and draw.chance(0.5):
        directives.append(["__clerk_db_jwt", "dvb_2new", "; Path=/"])
    if kind == "odd":
        other = good_session(draw, options, base, sub="user_2other")
        directives.insert(
            draw.one(0, len(directives)),
            draw.one(
                ["__session_other123", {"token": other}, LASTING],
                ["__sessionfoo", "junk", "; Path=/"],
                ["admin", "1", "; Path=/"],
                ["__client", "c", "; Path=/; HttpOnly"],
                ["__client_uat", "7\r\nX: y", "; Path=/"],
                ["__client_uat", "7", "; Domain=evil.example; Path=/"],
                ["__session", "junk", "; Path=/"],
                ["__session", "", "; Path=/"],
            ),
        )
    if draw.chance(0.1):
        directives = directives[: draw.one(1, 2)]
    return directives
