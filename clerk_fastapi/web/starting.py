"""What stops the start-up of an application, with ClerkMiddleware or without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.applications import Starlette

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.stores.redis import RedisStore
from clerk_fastapi.stores.store import Store
from clerk_fastapi.stores.windows import count_script
from clerk_fastapi.web.limit_names import limits_of_middleware
from clerk_fastapi.web.ratelimit import RateLimit
from clerk_fastapi.web.routing.contradictions import kept_out
from clerk_fastapi.web.routing.declared import called_at
from clerk_fastapi.web.routing.routes import Leaf, Tree

__all__ = ["check_application"]


def check_application(app: Starlette, store: Store) -> None:
    """Look for what could only fail, as far as the routes of an application can be seen.

    :raises ConfigurationError: if a guard keeps Clerk's webhooks out, or an extra is missing that
        its rate limits need.
    """
    leaves = _leaves(app)
    wrong = list(kept_out(leaves))
    if wrong:
        raise ConfigurationError(" ".join(wrong))
    if isinstance(store, RedisStore) and _is_limited(app, leaves):
        count_script()  # says what is missing


def _leaves(app: Starlette) -> Sequence[Leaf]:
    try:
        return Tree(app).leaves
    except ConfigurationError:  # some of them cannot be seen, which only policies cannot bear
        return ()


def _is_limited(app: Starlette, leaves: Iterable[Leaf]) -> bool:
    called = (called for leaf in leaves for called in called_at(leaf))
    limits = limits_of_middleware(app, RateLimit)
    return any(isinstance(each, RateLimit) for each in called) or any(True for _ in limits)
