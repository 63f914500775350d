"""The public names: which they are, and that each one is there and explained."""

import importlib
import inspect
import pkgutil

import pytest

import clerk_fastapi

FRONT_DOOR = [
    "AccessDenied",
    "Actor",
    "ApiKeyAuth",
    "Auth",
    "BackendApi",
    "BackendError",
    "BackendUnavailable",
    "Clerk",
    "ClerkError",
    "ClerkMiddleware",
    "ConfigurationError",
    "CurrentAuth",
    "CurrentOrganization",
    "CurrentUser",
    "Feature",
    "Fresh",
    "FrontendApiProxy",
    "Guard",
    "Handshake",
    "HandshakeRequired",
    "Identity",
    "M2MAuth",
    "MachineAuth",
    "MemoryStore",
    "MiddlewareOptions",
    "OAuthAuth",
    "Organization",
    "OrganizationSync",
    "Permission",
    "Plan",
    "Policy",
    "RateLimit",
    "RateLimitRule",
    "RateLimited",
    "RedisStore",
    "Requirement",
    "ResourceNotFound",
    "ReverificationRequired",
    "Reverified",
    "Role",
    "Scope",
    "SessionClaims",
    "SessionEnded",
    "SignedIn",
    "SignedOut",
    "State",
    "StoreUnavailable",
    "TemplateNotFound",
    "TokenError",
    "TokenType",
    "User",
    "WebhookRefused",
    "Webhooks",
    "__version__",
    "backend_api",
    "current_organization",
    "current_user",
    "custom_claims_size",
    "document",
    "events",
    "optional_auth",
    "redirect_to_sign_in",
    "redirect_to_sign_up",
    "require",
    "require_api_key",
    "require_auth",
    "require_feature",
    "require_fresh",
    "require_m2m",
    "require_oauth",
    "require_organization",
    "require_permission",
    "require_plan",
    "require_reverification",
    "require_role",
    "require_scope",
    "return_url",
]

MODULES = [
    "clerk_fastapi",
    *(
        module.name
        for module in pkgutil.walk_packages(clerk_fastapi.__path__, "clerk_fastapi.")
        if "._" not in module.name
    ),
]


def test_front_door() -> None:
    """`from clerk_fastapi import *` gives exactly these names."""
    assert sorted(clerk_fastapi.__all__) == FRONT_DOOR


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_listed(name: str) -> None:
    """Classes and functions without an underscore are in `__all__`, and all of that exists."""
    module = importlib.import_module(name)
    listed = getattr(module, "__all__", [])
    defined = {
        entry
        for entry, thing in vars(module).items()
        if (inspect.isclass(thing) or inspect.isroutine(thing))
        and thing.__module__ == name
        and not entry.startswith("_")
        and entry.isidentifier()  # pydantic leaves its Event[User] there
    }
    assert len(listed) == len(set(listed))
    assert defined <= set(listed)
    assert [entry for entry in listed if not hasattr(module, entry)] == []


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_explained(name: str) -> None:
    """Every public class and function, and every public method of one, has a docstring."""
    module = importlib.import_module(name)
    unexplained = []
    for listed in getattr(module, "__all__", []):
        thing = getattr(module, listed)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            unexplained += [listed] * (not thing.__doc__)
        if inspect.isclass(thing):
            unexplained += [f"{listed}.{member}" for member in unexplained_members(thing)]
    assert unexplained == []


def unexplained_members(thing: type) -> list[str]:
    """The public methods and properties of a class without a docstring, their own or a base's."""
    return [
        name
        for name, value in vars(thing).items()
        if not name.startswith("_")
        and (inspect.isroutine(value) or isinstance(value, property))
        and not inspect.getdoc(getattr(thing, name))
    ]
