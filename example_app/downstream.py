"""A service of its own, which takes tokens of a JWT template and knows nothing of sessions.

It stands for Supabase, Hasura and the like: all it has of Clerk is the address of the public keys.
"""

from collections.abc import Callable
from typing import Annotated

import httpx
import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ValidationError

from example_app.problems import problem

AUDIENCE = "downstream"
"""The ``aud`` that a template has to write into its tokens, so that they are meant for here."""

TEMPLATE_CLAIMS = {
    "aud": AUDIENCE,
    "email": "{{user.primary_email_address}}",
    "organization": "{{org.slug}}",
}
"""The claims of the template."""

_COOLDOWN = 30  # seconds in which strangers with keys of their own make for one call at most
_LEEWAY = 5  # seconds by which clocks may differ

Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


class Believed(BaseModel):
    """What a token says that was verified."""

    sub: str
    email: str | None = None
    organization: str | None = None
    exp: int
    nbf: int = 0


class KeySet:
    """The public keys of an issuer (RFC 7517), fetched when one is needed that is not there."""

    def __init__(
        self, issuer: str, clock: Callable[[], float], transport: httpx.AsyncBaseTransport | None
    ) -> None:
        self._url = f"{issuer}/.well-known/jwks.json"
        self._clock = clock
        self._transport = transport
        self._fetched_at = float("-inf")
        self._keys: dict[str | None, jwt.PyJWK] = {}

    async def of(self, token: str) -> jwt.PyJWK:
        """Find the key that a token names.

        :raises PyJWTError: if there is no such key, or that is no token.
        :raises HTTPError: if the keys cannot be had.
        """
        kid = jwt.get_unverified_header(token).get("kid")
        now = self._clock()
        if kid not in self._keys and now >= self._fetched_at + _COOLDOWN:
            self._keys = await self._fetched()
            self._fetched_at = now
        if kid not in self._keys:
            raise jwt.InvalidKeyError("there is no key of that name")
        return self._keys[kid]

    async def _fetched(self) -> dict[str | None, jwt.PyJWK]:
        async with httpx.AsyncClient(transport=self._transport) as client:
            answer = await client.get(self._url)
        keys = jwt.PyJWKSet.from_dict(answer.raise_for_status().json())
        return {key.key_id: key for key in keys.keys}


def create_downstream(
    issuer: str, *, clock: Callable[[], float], transport: httpx.AsyncBaseTransport | None = None
) -> FastAPI:
    """Build the service.

    :param issuer: whose tokens it believes.
    :param clock: seconds since the epoch.
    :param transport: an httpx transport for the way to the keys.
    """
    app = FastAPI(title="Downstream", openapi_url=None)
    keys = KeySet(issuer, clock, transport)

    async def believed(bearer: Bearer) -> Believed:
        token = bearer.credentials if bearer else ""
        try:
            found = _verified(token, await keys.of(token), issuer)
        except (jwt.PyJWTError, ValidationError, RecursionError):  # before PyJWT 2.14
            raise _refusal() from None
        except httpx.HTTPError:
            message = "The public keys cannot be had at the moment."
            raise problem(status.HTTP_503_SERVICE_UNAVAILABLE, "no-keys", message) from None
        if not found.nbf - _LEEWAY <= clock() < found.exp + _LEEWAY:
            raise _refusal()
        return found

    @app.get("/believed")
    async def tell(found: Annotated[Believed, Depends(believed)]) -> Believed:
        return found

    return app


def _verified(token: str, key: jwt.PyJWK, issuer: str) -> Believed:
    """Check signature, issuer and audience (RFC 7519 section 7.2); dates go by a clock of ours."""
    claims = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        issuer=issuer,
        audience=AUDIENCE,
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    return Believed.model_validate(claims)


def _refusal() -> HTTPException:
    refusal = problem(status.HTTP_401_UNAUTHORIZED, "token-refused", "That token is not for here.")
    refusal.headers = {"WWW-Authenticate": "Bearer"}
    return refusal
