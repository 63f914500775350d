"""The application with and without policies, and three callers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from clerk_fastapi import Clerk
from clerk_fastapi.testing import LocalClerk, SigningKey
from clerk_fastapi.web.middleware import ClerkMiddleware
from tests.backend.clock import Clock
from tests.tricks.application import Site, build, write_files
from tests.tricks.around import put_inside, put_outside
from tests.tricks.declared import Level
from tests.tricks.policies import closed_but_for, open_but_for

PROTECTIONS: Mapping[str, tuple[Callable[[Site], Any], Any]] = {
    "open": (open_but_for, "public"),
    "closed": (closed_but_for, "signed_in"),
}


@dataclass(frozen=True)
class Instance:
    """An instance, and what requests of each caller carry."""

    local: LocalClerk
    tokens: Mapping[Level, list[tuple[str, str]]]


@pytest.fixture(scope="package")
def instance() -> Instance:
    """Ada is an admin, Bob is signed in and has no role, and somebody has no token."""
    local = LocalClerk(clock=Clock(), signing_key=SigningKey.generate())
    acme = local.add_organization("acme")
    ada, bob = local.add_user("ada@example.com"), local.add_user("bob@example.com")
    local.add_member(acme, ada, role="org:admin")
    sessions = {
        Level.ADMIN: local.sign_in(ada, organization=acme),
        Level.SIGNED_IN: local.sign_in(bob),
    }
    tokens = {level: list(local.bearer(each).items()) for level, each in sessions.items()}
    return Instance(local, {Level.PUBLIC: [], **tokens})


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the application serves."""
    return write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture
def unguarded(files: Path) -> Callable[..., Site]:
    """Return a function that builds the application without any policy."""

    def make(**options: Any) -> Site:
        site = build(FastAPI(), files, **options)
        put_inside(site.app)
        put_outside(site.app)
        return site

    return make


@pytest.fixture
def guarded(files: Path, instance: Instance) -> Callable[..., Site]:
    """Return a function that builds it with one of two kinds of protection."""

    def make(protection: str, **options: Any) -> Site:
        choose, default = PROTECTIONS[protection]
        clerk: Clerk[Any] = Clerk(**instance.local.settings())
        site = build(FastAPI(lifespan=clerk.lifespan), files, **options)
        put_inside(site.app)
        policies = choose(site)
        site.app.add_middleware(ClerkMiddleware, policies=policies, default=default)
        put_outside(site.app)
        return site

    return make
