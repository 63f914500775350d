"""Guards, policies and limits in the OpenAPI document: schemes, requirements, and refusals."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI
from starlette.applications import Starlette

from clerk_fastapi.protocol.authorization import Permission, Scope
from clerk_fastapi.protocol.machine import TokenType
from clerk_fastapi.web.ratelimit import RateLimit
from clerk_fastapi.web.routing.force import InForce, Operation, operations_in_force
from clerk_fastapi.web.running import applications
from clerk_fastapi.web.schemes import ACCEPTS, KINDS, OPTIONAL, PREFIX, REQUIREMENT

__all__ = ["document"]

_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})

_BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A Clerk session token, as getToken() returns it.",
}
_MACHINES: Final = {
    "ClerkApiKey": "An API key of a user or an organization, ak_...",
    "ClerkM2M": "An M2M token of a machine: mt_..., or a JWT.",
    "ClerkOAuth": "An OAuth access token: oat_..., or a JWT.",
}
_COOKIE: Final = {
    "type": "apiKey",
    "in": "cookie",
    "name": "__session",
    "description": "The session cookie that Clerk's browser SDK keeps.",
}
_REFUSAL: Final = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "Stable, for programs."},
                "message": {"type": "string", "description": "One sentence with the cure."},
                "missing": {"type": "object", "description": "What the route demands."},
            },
        }
    },
}
_REFERENCE: Final = {"$ref": "#/components/schemas/ClerkRefusal"}
_WAIT: Final = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
_AWAY: Final = "Clerk, or the store, cannot be asked at the moment."
_ODD: Final = "Clerk gave an unexpected answer."
_REVERIFICATION: Final = {
    "type": "object",
    "required": ["clerk_error"],
    "properties": {
        "clerk_error": {
            "type": "object",
            "required": ["type", "reason", "metadata"],
            "properties": {
                "type": {"const": "forbidden"},
                "reason": {"const": "reverification-error"},
                "metadata": {"type": "object"},
            },
        }
    },
}


def document(app: Starlette) -> None:
    """Make the OpenAPI documents of an application, and of what it mounts, tell what is demanded.

    Of guards and limits, and of the rules of ClerkMiddleware. ``clerk.lifespan`` does this. Call it
    yourself to export a document without starting the application; twice does no harm.
    """
    for application in applications(app):
        if isinstance(application, FastAPI) and not isinstance(application.openapi, _Documented):
            completed = _Documented(application, app)
            application.openapi = completed  # type: ignore[method-assign]  # as FastAPI says


class _Documented:
    """An application's ``openapi`` method, completed."""

    def __init__(self, app: FastAPI, around: Starlette) -> None:
        self._build = app.openapi
        self._app = app
        self._around = around
        self._completed: object = None

    def __call__(self) -> dict[str, Any]:
        schema = self._build()
        paths = schema.get("paths")
        if paths is not self._completed:  # FastAPI keeps the document until there are new routes
            self._completed = paths
            _add_rules(schema, operations_in_force(self._around, self._app))
            _complete(schema)
        return schema


def _add_rules(schema: dict[str, Any], rules: Mapping[Operation, InForce]) -> None:
    """Write what policies demand as FastAPI writes the guards of dependencies, and all limits.

    And what may come of it where a dependency asks Clerk.
    """
    for (path, method), (guards, limits, asks) in rules.items():
        operation = schema.get("paths", {}).get(path, {}).get(method.lower())
        if operation is None or not (guards or limits or asks):
            continue
        components = schema.setdefault("components", {})
        for guard in guards:
            schemes = components.setdefault("securitySchemes", {})
            schemes[guard.scheme_name] = guard.model.model_dump(mode="json", exclude_none=True)
            operation.setdefault("security", []).append({guard.scheme_name: []})
        if limits or asks:
            components.setdefault("schemas", {})["ClerkRefusal"] = _REFUSAL
        if limits:
            _limit(operation, limits)
        if asks:
            operation.setdefault("responses", {}).setdefault("502", _answer(_ODD, _REFERENCE, {}))


def _limit(operation: dict[str, Any], limits: Sequence[RateLimit]) -> None:
    labels = dict.fromkeys(limit.label for limit in limits)
    words = f"Too many requests; the limit is {' and '.join(labels)}."
    told = {name: {"schema": {"type": "string"}} for name in ("RateLimit", "RateLimit-Policy")}
    answer = _answer(words, _REFERENCE, {**_WAIT, **told})
    answers = operation.setdefault("responses", {})
    answers.setdefault("429", answer)
    if any(limit.on_outage == "refuse" for limit in limits):
        answers.setdefault("503", _answer(_AWAY, _REFERENCE, _WAIT))


def _complete(schema: dict[str, Any]) -> None:
    schemes: dict[str, Any] = schema.get("components", {}).get("securitySchemes", {})
    guards = {name: schemes[name] for name in schemes if name.startswith(PREFIX)}
    if guards:
        for operation in _operations(schema):
            _rewrite(operation, guards)
        for name in guards:
            del schemes[name]
        schemes.update(_schemes(guards))
        schemas = schema["components"].setdefault("schemas", {})
        schemas.update(ClerkRefusal=_REFUSAL, ClerkReverification=_REVERIFICATION)


def _schemes(guards: dict[str, Any]) -> dict[str, Any]:
    accepted = {kind for guard in guards.values() for kind in guard[ACCEPTS]}
    found: dict[str, Any] = {}
    if "session_token" in accepted:
        found.update(ClerkBearer=_BEARER, ClerkCookie=_COOKIE)
    for kind, (_, name) in KINDS.items():
        if kind in accepted and name in _MACHINES:
            bearer = {"type": "http", "scheme": "bearer", "description": _MACHINES[name]}
            found[name] = bearer
    return found


def _operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for section in ("paths", "webhooks"):
        yield from _operations_below(schema.get(section, {}))


def _operations_below(paths: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in paths.values():
        for method, operation in path.items():
            if method in _METHODS:
                yield operation
                for callback in operation.get("callbacks", {}).values():
                    yield from _operations_below(callback)


def _rewrite(operation: dict[str, Any], guards: dict[str, Any]) -> None:
    """Replace the guards among an operation's security by what they stand for."""
    security: list[dict[str, list[str]]] = operation.get("security", [])
    used = [
        (guards[name], scopes)
        for each in security
        for name, scopes in each.items()
        if name in guards
    ]
    if not used:
        return
    others = {
        name: scopes for each in security for name, scopes in each.items() if name not in guards
    }
    optional = all(guard[OPTIONAL] for guard, _ in used)
    # Alternatives are OR in OpenAPI, but every guard of a route must be passed.
    accepted = set.intersection(*(set(guard[ACCEPTS]) for guard, _ in used))
    names = _names(accepted)
    if "ClerkBearer" in names:
        names.insert(1, "ClerkCookie")
    # No alternative at all would mean that the route is public: what cannot be is to ask for all.
    everything: dict[str, list[str]] = {
        name: [] for guard, _ in used for name in _names(guard[ACCEPTS])
    }
    operation["security"] = [{name: [], **others} for name in names] or [{**everything, **others}]
    if optional:
        operation["security"].append(others)
    demands, words = _demands(used)
    demand = demands[0] if len(demands) == 1 else {"all_of": demands}
    sentence = f"**Requires** {' and '.join(words)}."
    if optional:
        sentence = "Signing in is optional."
    else:
        operation[REQUIREMENT] = demand
    if accepted != {"session_token"}:
        operation[ACCEPTS] = sorted(accepted)
    operation["description"] = "\n\n".join(filter(None, [operation.get("description"), sentence]))
    _answers(operation, demand, optional=optional)


def _names(accepted: Collection[TokenType]) -> list[str]:
    return [name for kind, (_, name) in KINDS.items() if kind in accepted]


def _demands(used: list[tuple[dict[str, Any], list[str]]]) -> tuple[list[Any], list[str]]:
    """Collect what guards and scopes demand, each once; being signed in goes without saying."""
    found: dict[str, tuple[Any, str]] = {}
    for guard, scopes in used:
        found.setdefault(json.dumps(guard[REQUIREMENT]), (guard[REQUIREMENT], guard["description"]))
        kind = Permission if "session_token" in guard[ACCEPTS] else Scope
        for scope in map(kind, scopes):
            demand = scope.to_json()
            found.setdefault(json.dumps(demand), (demand, scope.describe()))
    if len(found) > 1:
        found.pop(json.dumps({"signed_in": True}), None)
    return [demand for demand, _ in found.values()], [words for _, words in found.values()]


def _answers(operation: dict[str, Any], demand: Any, *, optional: bool) -> None:
    answers = operation.setdefault("responses", {})
    if not optional:
        challenge = {"WWW-Authenticate": {"schema": {"type": "string"}}}
        answers.setdefault("401", _answer("Not signed in.", _REFERENCE, challenge))
    if denials := _denials(demand):
        schemas = [{"$ref": f"#/components/schemas/{name}"} for name in sorted(denials)]
        denial = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
        answers.setdefault("403", _answer("Not allowed.", denial, {}))
    answers.setdefault("503", _answer(_AWAY, _REFERENCE, _WAIT))


def _denials(demand: Any) -> set[str]:
    """Name the bodies that a 403 can have where this is demanded."""
    if "all_of" in demand:
        return set().union(*map(_denials, demand["all_of"]))
    if "signed_in" in demand or "max_age" in demand:
        return set()  # answered with 401
    return {"ClerkReverification" if "reverification" in demand else "ClerkRefusal"}


def _answer(description: str, schema: object, headers: Mapping[str, object]) -> dict[str, object]:
    content = {"application/json": {"schema": schema}}
    return {
        "description": description,
        "content": content,
        **({"headers": headers} if headers else {}),
    }
