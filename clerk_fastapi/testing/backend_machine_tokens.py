"""API keys, M2M tokens and OAuth access tokens of the Backend API."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from clerk_fastapi.testing.answers import Refusal, json_body, not_found
from clerk_fastapi.testing.asking import Body, Page, asked, known, read
from clerk_fastapi.testing.credentials import machine_of
from clerk_fastapi.testing.endpoints import endpoint
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.machine_tokens import TokenFormat, described
from clerk_fastapi.testing.records import (
    ApiKey,
    M2MToken,
    MachineToken,
    OAuthToken,
    Organization,
    User,
)

__all__ = ["machine_token_endpoints"]


class _ApiKeys(Page):
    subject: str
    type: Literal["api_key"] = "api_key"
    include_invalid: bool = False
    query: str = ""


class _ChangedApiKey(Body):
    subject: str | None = None
    description: str | None = None
    scopes: list[str] | None = None
    claims: dict[str, Any] | None = None
    seconds_until_expiration: float | None = Field(None, gt=0)


class _NewApiKey(Body):
    name: str = Field(min_length=1)
    subject: str
    type: Literal["api_key"] = "api_key"
    description: str | None = None
    scopes: tuple[str, ...] = ()
    claims: dict[str, Any] | None = None
    created_by: str | None = None
    seconds_until_expiration: float | None = Field(None, gt=0)


class _M2MTokens(Page):
    subject: str
    revoked: bool = False
    expired: bool = False


class _NewM2MToken(Body):
    token_format: TokenFormat = "opaque"
    claims: dict[str, Any] | None = None
    seconds_until_expiration: float | None = Field(None, gt=0)


class _Revocation(Body):
    revocation_reason: str | None = None


def machine_token_endpoints(instance: Instance) -> list[Route]:
    """All that begin with ``/api_keys`` or ``/m2m_tokens``, and the verification of OAuth's."""
    keys, m2m = _ApiKeyEndpoints(instance), _M2MEndpoints(instance)
    key, oauth = "/api_keys/{key_id}", "/oauth_applications/access_tokens/verify"
    return [
        _verification(instance, "/api_keys/verify", ApiKey, "secret"),
        _verification(instance, "/m2m_tokens/verify", M2MToken, "token"),
        _verification(instance, oauth, OAuthToken, "access_token"),
        endpoint("GET", "/api_keys", keys.page, wrong=400),
        endpoint("POST", "/api_keys", keys.create, status=201, wrong=400),
        endpoint("GET", key, keys.get, wrong=400),
        endpoint("PATCH", key, keys.update, wrong=400),
        endpoint("DELETE", key, keys.delete, wrong=400),
        endpoint("GET", f"{key}/secret", keys.secret, wrong=400),
        endpoint("POST", f"{key}/revoke", keys.revoke, wrong=400),
        endpoint("GET", "/m2m_tokens", m2m.page, wrong=400),
        endpoint("POST", "/m2m_tokens", m2m.create, status=201, wrong=400),
        endpoint("POST", "/m2m_tokens/{token_id}/revoke", m2m.revoke, wrong=400),
    ]


def _verification(instance: Instance, path: str, kind: type[MachineToken], parameter: str) -> Route:
    async def verify(request: Request) -> object:
        body = await json_body(request)
        text = body.get(parameter, body.get("secret"))  # Clerk's Python SDK calls all of them so
        if not isinstance(text, str) or not text:
            raise Refusal(400, "form_param_nil", f"Say which token: {parameter}.")
        token = instance.machine_tokens.get(text)
        if not isinstance(token, kind):
            raise not_found("token")
        return described(token, instance.clock())

    return endpoint("POST", path, verify)


class _ApiKeyEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, request: Request) -> object:
        query, now = asked(request, _ApiKeys), self._instance.clock()
        text = query.query.casefold()
        keys = [
            key
            for key in reversed(self._keys().values())
            if key.subject == query.subject
            and (query.include_invalid or key.is_good(now))
            and (text in key.name.casefold() or query.query == key.id)
        ]
        return {"data": [described(key, now) for key in query.of(keys)], "total_count": len(keys)}

    async def create(self, request: Request) -> object:
        body, now = await read(request, _NewApiKey), self._instance.clock()
        subject = self._subject(body.subject)
        held = (key for key in self._keys().values() if key.subject == subject.id)
        if any(key.name == body.name and key.is_good(now) for key in held):
            message = f"The subject has a key {body.name!r} already."
            raise Refusal(409, "token_creation_conflict", message)
        key = self._instance.create_api_key(
            subject,
            name=body.name,
            scopes=body.scopes,
            claims=body.claims,
            expires_in=body.seconds_until_expiration,
            description=body.description,
            created_by=body.created_by,
        )
        return {**described(key, now), "secret": key.token}

    async def get(self, request: Request) -> object:
        return described(self._key(request), self._instance.clock())

    async def update(self, request: Request) -> object:
        key, body = self._key(request), await read(request, _ChangedApiKey)
        given, now = body.model_dump(exclude_unset=True), self._instance.clock()
        if body.subject is not None:
            key.subject = self._subject(body.subject).id
        if body.scopes is not None:
            key.scopes = body.scopes
        key.description = given.get("description", key.description)
        key.claims = given.get("claims", key.claims)
        if "seconds_until_expiration" in given:
            life = body.seconds_until_expiration
            key.expires_at = None if life is None else now + life
        key.updated_at = now
        return described(key, now)

    async def delete(self, request: Request) -> object:
        key = self._key(request)
        del self._instance.machine_tokens[key.token]
        return {"object": "api_key", "id": key.id, "deleted": True}

    async def secret(self, request: Request) -> object:
        return {"secret": self._key(request).token}

    async def revoke(self, request: Request) -> object:
        key, body = self._key(request), await read(request, _Revocation)
        self._instance.revoke(key, reason=body.revocation_reason)
        return described(key, self._instance.clock())

    def _keys(self) -> dict[str, ApiKey]:
        tokens = self._instance.machine_tokens.values()
        return {token.id: token for token in tokens if isinstance(token, ApiKey)}

    def _key(self, request: Request) -> ApiKey:
        return known(self._keys(), request, "key_id", "API key")

    def _subject(self, id: str) -> User | Organization:
        found = self._instance.users.get(id) or self._instance.organizations.get(id)
        if found is None:
            raise Refusal(400, "resource_not_found", "subject: is nobody.", "subject")
        return found


class _M2MEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, request: Request) -> object:
        query, now = asked(request, _M2MTokens), self._instance.clock()
        machine = machine_of(self._instance, request)
        if machine is not None and machine.id != query.subject:
            raise Refusal(403, "authorization_invalid", "These tokens are another machine's.")
        if query.subject not in self._instance.machines:
            raise not_found("machine")
        tokens = [
            token
            for token in reversed(self._tokens().values())
            if token.subject == query.subject
            and (query.revoked or not token.is_revoked)
            and (query.expired or not token.has_expired(now))
        ]
        page = [described(token, now) for token in query.of(tokens)]
        return {"m2m_tokens": page, "total_count": len(tokens)}

    async def create(self, request: Request) -> object:
        body, machine = await read(request, _NewM2MToken), machine_of(self._instance, request)
        if machine is None:
            raise Refusal(
                401, "authentication_invalid", "M2M tokens are made with a machine's secret key."
            )
        life = body.seconds_until_expiration
        if life is None and "seconds_until_expiration" not in body.model_fields_set:
            life = machine.default_token_ttl
        token = self._instance.create_m2m_token(
            machine,
            scopes=machine.may_call,
            claims=body.claims,
            expires_in=life,
            token_format=body.token_format,
        )
        return {**described(token, self._instance.clock()), "token": token.token}

    async def revoke(self, request: Request) -> object:
        token = known(self._tokens(), request, "token_id", "M2M token")
        machine = machine_of(self._instance, request)
        if machine is not None and machine.id != token.subject:
            raise not_found("M2M token")
        body = await read(request, _Revocation)
        self._instance.revoke(token, reason=body.revocation_reason)
        return described(token, self._instance.clock())

    def _tokens(self) -> dict[str, M2MToken]:
        tokens = self._instance.machine_tokens.values()
        return {token.id: token for token in tokens if isinstance(token, M2MToken)}
