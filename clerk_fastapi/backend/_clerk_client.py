"""The only room that knows clerk-backend-api: ids stay ids, calls are bounded, secrets kept."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from copy import copy
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final, NoReturn

import httpx
from clerk_backend_api import Clerk
from clerk_backend_api.basesdk import BaseSDK
from clerk_backend_api.models import ClerkBaseError
from pydantic import BaseModel, ValidationError

from clerk_fastapi.backend.calls import BackendCalls
from clerk_fastapi.backend.paths import path_segment
from clerk_fastapi.backend.problems import trace_id_of
from clerk_fastapi.backend.transport import QuietURL
from clerk_fastapi.errors import BackendError, ClerkError, ConfigurationError

__all__ = ["OfficialClient"]

_PLACEHOLDER: Final = re.compile(r"{(\w+)}")
_TIMEOUT: Final = "timeout"
_HEARING: Final[ContextVar[bool | None]] = ContextVar("clerk_fastapi.hearing", default=None)
"""Whether what is asked may be sent twice; ``None`` if the official client reads the answer."""


class OfficialClient(Clerk):
    """The client of the PyPI package ``clerk-backend-api``, speaking through :class:`BackendCalls`.

    It has every method of Clerk's; those that end in ``_async`` are to be awaited, the others would
    stop the event loop and are refused. It is given no secret key: calls get it on their way out.

    :param calls: how Clerk is asked.
    :param base_url: where the Backend API is, such as ``https://api.clerk.com/v1``.
    """

    def __init__(self, calls: BackendCalls, base_url: str) -> None:
        super().__init__(
            server_url=base_url,
            client=_NoSyncClient(),
            async_client=_AsyncClient(calls, base_url),
            retry_config=None,
            debug_logger=_NoLogger(),
        )

    def __getattr__(self, name: str) -> Any:
        part = super().__getattr__(name)
        if isinstance(part, BaseSDK):
            _teach_manners(part)
        return part

    async def hear(
        self, call: Callable[[Clerk], Awaitable[object]], *, repeatable: bool
    ) -> httpx.Response:
        """Have a method of the client ask, and return the answer as it came, read by nobody.

        :param call: awaits the method.
        :param repeatable: whether asking twice does no harm, whatever the method.
        :raises BackendError: the leaf names what went wrong.
        """
        token = _HEARING.set(repeatable)
        try:
            await call(self)
        except _Heard as heard:
            return heard.answer
        finally:
            _HEARING.reset(token)
        raise AssertionError("every method asks")

    async def __aexit__(self, *details: object) -> None:
        """Stay open: it is the lifespan that closes the connections."""

    def __exit__(self, *details: object) -> None:
        """Stay open, likewise."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def _teach_manners(part: BaseSDK) -> None:
    """Have a part of the client, such as ``users``, send ids as ids and raise our errors."""
    attributes: dict[str, Any] = vars(part)
    attributes["_build_request_async"] = _with_ids_as_ids(part._build_request_async)
    for name in dir(type(part)):
        method = getattr(part, name)
        if name.endswith("_async") and not name.startswith("_") and iscoroutinefunction(method):
            attributes[name] = _with_our_errors(method)


def _with_ids_as_ids(build: Callable[..., httpx.Request]) -> Callable[..., httpx.Request]:
    @wraps(build)
    def build_request(*, path: str, request: object, **arguments: Any) -> httpx.Request:
        ids = _PLACEHOLDER.findall(path)
        built = build(path=path, request=_encoded(request, ids), **arguments)
        built.url = QuietURL(built.url, f"{arguments['base_url']}{path}")
        return built

    return build_request


def _encoded(request: object, ids: list[str]) -> object:
    """What is asked for, with the ids that go into the path encoded for it."""
    if not ids:
        return request
    assert isinstance(request, BaseModel), "ids come in models"
    names = {field.alias or name: name for name, field in type(request).model_fields.items()}
    changed: dict[str, object] = {}
    for placeholder in ids:
        name = names[placeholder]
        value = getattr(request, name)
        # Those of an enumeration are Clerk's own words.
        if type(value) is str:
            changed[name] = path_segment(value)
    return request.model_copy(update=changed)


def _with_our_errors(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def call(*args: Any, **arguments: Any) -> Any:
        failure: ClerkError
        try:
            return await method(*args, **arguments)
        except ClerkError as error:
            failure = copy(error)
        except ValidationError as error:  # of what it was given, and would quote
            names = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
            failure = ConfigurationError(
                "This method of clerk.backend does not take what it was given for "
                f"{', '.join(sorted(names)) or 'its arguments'}."
            )
        except ClerkBaseError as error:  # an answer that it cannot read, and would quote
            trace_id = trace_id_of(error.headers)
            failure = BackendError(backend_status=error.status_code, trace_id=trace_id)
        # Afresh and out here: tracebacks hold on to whatever was sent and answered.
        del args, arguments
        raise failure

    return call


class _AsyncClient:
    """What the official client takes for its HTTP client."""

    def __init__(self, calls: BackendCalls, base_url: str) -> None:
        self._calls = calls
        self._below = f"{base_url}/"

    def build_request(
        self, method: str, url: Any, *, timeout: Any = None, **parts: Any
    ) -> httpx.Request:
        """Build a request, but for this instance's Backend API only: it gets the secret key."""
        if not str(url).startswith(self._below):
            raise ConfigurationError(
                "clerk.backend talks to CLERK_API_URL alone: leave server_url out."
            )
        extensions = dict(parts.pop("extensions", None) or {})
        if isinstance(timeout, int | float):
            extensions[_TIMEOUT] = httpx.Timeout(timeout).as_dict()
        request = httpx.Request(method, url, extensions=extensions, **parts)
        request.headers.setdefault("Accept-Encoding", "gzip, deflate")
        return request

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send it: bounded in time and size, without following redirects."""
        timeout: Mapping[str, float] = request.extensions.get(_TIMEOUT, {})
        hearing = _HEARING.get()
        answer = await self._calls.send(
            request, seconds=timeout.get("read"), repeatable=bool(hearing)
        )
        if hearing is not None:
            raise _Heard(answer)
        return answer

    async def aclose(self) -> None:
        """The connections are closed by the lifespan."""


class _Heard(Exception):
    """An answer on its way past the official client, to somebody who reads it otherwise."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer = answer


class _NoSyncClient:
    """What the official client takes for the HTTP client of its blocking methods."""

    def build_request(self, *args: Any, **parts: Any) -> NoReturn:
        """Refuse: a method that waits in the event loop keeps all requests waiting."""
        raise ConfigurationError(
            "This method of clerk.backend would block the event loop: await the one whose name "
            "ends in _async instead, such as clerk.backend.users.get_async(...)."
        )

    def send(self, *args: Any, **options: Any) -> NoReturn:
        """There is nothing to send."""
        raise AssertionError("no request was built")

    def close(self) -> None:
        """There is nothing to close."""


class _NoLogger:
    """Keeps the official client from writing down requests, keys and all."""

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Write nothing."""
