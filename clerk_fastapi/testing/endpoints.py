"""An endpoint of the Backend API: JSON out, and errors as Clerk says them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.testing.answers import clerk_error, clerk_errors
from clerk_fastapi.testing.asking import complaints
from clerk_fastapi.testing.names import Full, Taken, Unknown

__all__ = ["endpoint"]


def endpoint(
    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"],
    path: str,
    handler: Callable[[Request], Awaitable[object]],
    *,
    status: int = 200,
    wrong: int = 422,
) -> Route:
    """A route whose answer is what the handler returns.

    :param wrong: the status for parameters that are not as they should be.
    """

    async def answer(request: Request) -> Response:
        try:
            said = await handler(request)
        except ValidationError as error:
            return clerk_errors(wrong, complaints(error))
        except Unknown as error:
            return clerk_error(404, "resource_not_found", error.message)
        except Full as error:
            code = "organization_membership_quota_exceeded"
            return clerk_error(403, code, error.message)
        except Taken as error:
            return clerk_error(wrong, "form_identifier_exists", error.message)
        except ConfigurationError as error:
            return clerk_error(wrong, "form_param_value_invalid", error.message)
        return JSONResponse(said, status_code=status)

    return Route(path, answer, methods=[method])
