"""One assertion for a test of one's own: no route is left unguarded by accident."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.applications import Starlette

from clerk_fastapi.web.routing.allowance import unguarded
from clerk_fastapi.web.routing.audit import audit_routes

__all__ = ["assert_routes_guarded"]


def assert_routes_guarded(app: Starlette, allow: Iterable[str] = ()) -> None:
    """Assert that every route has a guard, or a policy that says it is public.

    :param allow: what else may be public: templates or patterns of paths such as ``/docs(.*)``,
        with methods if they matter, such as ``GET /health``.
    :raises AssertionError: if there are others; it has a line for each.
    :raises ConfigurationError: if an entry allows nothing that has to be allowed, or a policy is
        wrong.
    """
    __tracebackhide__ = True
    found = unguarded(audit_routes(app), allow)
    if found:
        lines = [f"  {route}  ({route.defined_at})" for route in found]
        cure = (
            "Give each a guard, or a policy of ClerkMiddleware; what is public on purpose gets a "
            "policy that says so, or an entry in allow=[...]."
        )
        raise AssertionError("\n".join(["These routes are guarded by nothing:", *lines, cure]))
