"""Machine tokens, opaque and JWT, and what Clerk says of them."""

from typing import Any

from tests.conformance.requests.draw import Draw
from tests.conformance.requests.question import Options, Question, Value
from tests.conformance.requests.sessions import issuer_of, session

__all__ = ["accepting", "machine_token"]

TYPES = ("session_token", "api_key", "m2m_token", "oauth_token")
M2M, SESSION, TEMPLATE = "cl_B7d4PD333AAA", "cl_B7d4PD111AAA", "cl_B7d4PD222AAA"
PREFIXES = {"api_key": "ak_", "m2m_token": "mt_", "oauth_token": "oat_"}
OBJECTS = {
    "api_key": "api_key",
    "m2m_token": "machine_to_machine_token",
    "oauth_token": "clerk_idp_oauth_access_token",
}


def accepting(draw: Draw, options: Options, kind: str) -> None:
    """Say which tokens the route accepts, mostly the kind that comes."""
    way = draw.weighted({"that": 45, "any": 20, "list": 25, "other": 7, "session": 3})
    match way:
        case "that":
            options["accepts_token"] = kind
        case "any":
            options["accepts_token"] = "any"
        case "list":
            others = draw.rng.sample(TYPES, draw.one(1, 2, 3))
            options["accepts_token"] = list(dict.fromkeys([kind, *others][draw.one(0, 0, 1) :]))
        case "other":
            options["accepts_token"] = draw.one(*TYPES)


def machine_token(draw: Draw, question: Question, base: int) -> None:
    """Put a token into the header, with options that accept it."""
    options = question["options"]
    kind = draw.one("api_key", "m2m_token", "oauth_token")
    accepting(draw, options, kind)
    value: Value
    way = draw.weighted({"opaque": 50, "jwt": 38, "session": 6, "junk": 4, "none": 4})
    match way:
        case "none":
            return
        case "session":
            value = session(draw, options, base, question["host"])
        case "junk":
            junk = ("unknown", "", "a.b.c", "a b", "\u00e9", "e30.e30.e30", "\n".strip())
            value = PREFIXES[kind] + draw.one(*junk)
        case "opaque":
            value = {"asks": _resource(draw, kind, base), "as": PREFIXES[kind]}
        case _:
            value = {"token": _jwt(draw, kind, options, base)}
    question["authorization"] = ["Bearer ", value]


def _jwt(draw: Draw, kind: str, options: Options, base: int) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "iss": issuer_of(options),
        "jti": "mt_2jwt" if kind == "m2m_token" else "oat_2jwt",
        "iat": base - 10,
        "nbf": base - 20,
        "exp": base + 600,
    }
    token: dict[str, Any] = {"claims": claims, "without": ["claims.sid", "claims.azp"]}
    if kind == "oauth_token":
        claims |= {"sub": "user_2oauth", "client_id": "client_2app", "scope": "data:read profile"}
        token["header"] = {"typ": draw.either(0.8, "at+jwt", "application/at+jwt")}
        token["without"].append("header.cat")
    else:
        claims |= {"sub": "mch_2machine", "scopes": "data:read mch_2other"}
        token["header"] = {"cat": M2M}
    if draw.chance(0.25):
        claims["aud"] = draw.one("api", ["api", "mch_2other"], ["elsewhere"], [], "", 5)
    if draw.chance(0.2):
        claims["extra"] = {"a": [1]}
    if draw.chance(0.4):
        _spoil(draw, kind, token, base)
    return token


def _spoil(draw: Draw, kind: str, token: dict[str, Any], base: int) -> None:
    claims, header = token["claims"], token["header"]
    match draw.one("cat", "cat", "scope", "subject", "time", "signer", "issuer", "typ", "shape"):
        case "cat":
            header["cat"] = draw.one(M2M, SESSION, TEMPLATE, "cl_I7d4PD111III", "cl_x")
            token["without"] = ["claims.sid", "claims.azp"]
            if kind == "m2m_token" and draw.chance(0.4):
                header.pop("cat")
                token["without"].append("header.cat")
        case "scope":
            names = ("scopes",) if kind == "m2m_token" else ("scope", "scp")
            claims[draw.one(*names)] = draw.one(
                "", "a", " a  b ", " a", ["a", "b"], 5, None, [1], {}
            )
            if draw.chance(0.3):
                claims.pop("scope", None)
        case "subject":
            claims["sub"] = draw.one("mch_", "user_2x", "", "mch_2m", "org_2x", 5, None)
        case "time":
            claims |= draw.one(
                {"exp": base - 60},
                {"exp": base - 5},
                {"nbf": base + 60},
                {"iat": base + 60},
                {"exp": None},
                {"iat": "x"},
            )
        case "signer":
            token |= draw.one({"signer": "stranger"}, {"header": {**header, "kid": "ins_2x"}})
        case "issuer":
            claims["iss"] = draw.one("https://clerk.other.example.org", 5)
        case "typ":
            header["typ"] = draw.one("at+jwt", "JWT", "jwt", "at+JWT", None)
        case "shape":
            claims |= draw.one({"client_id": 5}, {"jti": None}, {"act": {"sub": "user_2a"}})


def _resource(draw: Draw, kind: str, base: int) -> dict[str, Any]:
    outcome = draw.weighted({"good": 60, "unknown": 7, "failed": 10, "state": 15, "odd": 8})
    errors = {"errors": [{"code": "resource_not_found", "message": "no"}]}
    if outcome == "unknown":
        return {"status": draw.one(404, 404, 400, 422), "json": errors}
    if outcome == "failed":
        return draw.one(
            {"status": 401, "json": {"errors": [{"code": "clerk_key_invalid", "message": "no"}]}},
            {"status": 401, "json": {}},
            {"status": 403, "json": errors},
            {"status": 429, "json": errors},
            {"status": 500, "json": errors},
            {"status": 503, "type": "text/html", "text": "<html>"},
        )
    body = _described(draw, kind, base)
    if outcome == "state":
        body |= draw.one(
            {"revoked": True, "revocation_reason": "leaked"},
            {"expired": True},
            {"expiration": (base - 60) * 1000},
            {"expiration": base * 1000},
            {"active": False},
            {"revoked": 0},
            {"expiration": "soon"},
            {"expiration": (base + 60) * 1000},
            {"active": True},
        )
    if outcome == "odd":
        return draw.one(
            {"json": {"active": False}},
            {"json": {}},
            {"json": []},
            {"json": None},
            {"type": "text/html", "text": "<html>"},
            {"text": '{"object": "api'},
            {"status": 204, "text": ""},
            {"type": "application/json; charset=utf-8", "json": body},
            {"json": {**body, "object": draw.one("user", *OBJECTS.values())}},
            {"json": {**body, "subject": draw.one("", None, "mch_2x", "client_2x", 5, "user_")}},
            {"json": {**body, "scopes": draw.one(None, "data:read", [5], {})}},
            {"json": {**body, "claims": draw.one({"a": 1}, [], "x")}},
            {"json": {name: body[name] for name in body if name != draw.one(*body)}},
        )
    return {"json": body}


def _described(draw: Draw, kind: str, base: int) -> dict[str, Any]:
    body: dict[str, Any] = {
        "object": OBJECTS[kind],
        "id": PREFIXES[kind] + "2id",
        "subject": draw.one("user_2key", "org_2key"),
        "scopes": draw.one(["data:read"], [], ["data:read", "data:write"]),
        "revoked": False,
        "revocation_reason": None,
        "expired": False,
        "expiration": draw.one(None, (base + 3_600) * 1000),
        "created_at": (base - 100) * 1000,
        "updated_at": (base - 100) * 1000,
    }
    if kind == "api_key":
        body |= {"name": "key", "type": "api_key", "claims": draw.one(None, {"team": "a"})}
    elif kind == "m2m_token":
        body |= {"subject": "mch_2machine", "claims": draw.one(None, {"team": "a"})}
    else:
        body |= {"subject": "user_2oauth", "client_id": "client_2app", "type": "oauth:access_token"}
    return body
