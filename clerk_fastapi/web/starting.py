"""What stops the start-up of an application, with ClerkMiddleware or without."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.applications import Starlette

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.web.routing.contradictions import kept_out
from clerk_fastapi.web.routing.routes import Leaf, Tree

__all__ = ["check_application"]


def check_application(app: Starlette) -> None:
    """Look for what could only fail, as far as the routes of an application can be seen.

    :raises ConfigurationError: if a guard keeps Clerk's webhooks out.
    """
    wrong = list(kept_out(_leaves(app)))
    if wrong:
        raise ConfigurationError(" ".join(wrong))


def _leaves(app: Starlette) -> Iterable[Leaf]:
    try:
        return Tree(app).leaves
    except ConfigurationError:  # some of them cannot be seen, which only policies cannot bear
        return ()
