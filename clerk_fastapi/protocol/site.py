"""How the browsers of an application reach it and Clerk: what the cookie flow depends on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.keys import InstanceType, PublishableKey
from clerk_fastapi.protocol.patterns import PathPattern
from clerk_fastapi.protocol.url import hostname_of, origin_of

__all__ = ["OrganizationSync", "Proxies", "Site", "check_place", "is_loopback"]

_VISIBLE: Final = re.compile(r"[!#-;=?A-\[\]-~]+", re.ASCII)  # no quotes, brackets, backslash, @
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:localhost|{_LABEL}(?:\.{_LABEL})+)(?::[0-9]{{1,5}})?", re.ASCII)
_SEVERAL: Final = re.compile(r":(?:id|slug)[*+]", re.ASCII)
_CLERK: Final = re.compile(r"clerk\.accounts\.|clerk\.")
_LEGACY_PORTALS: Final = (".lcl.dev", ".lclstage.dev", ".lclclerk.com")
_PORTALS: Final = (".accounts.dev", ".accountsstage.dev", ".accounts.lclclerk.com")


@dataclass(frozen=True, slots=True)
class OrganizationSync:
    """Which paths name the organization that has to be active there.

    :param organization_patterns: such as ``/orgs/:slug`` and ``/orgs/:slug/(.*)``; each has a
        parameter ``:slug`` or ``:id``.
    :param personal_account_patterns: such as ``/me`` and ``/me/(.*)``, where no organization may be
        active; looked at after the others.
    :raises ConfigurationError: for a pattern that cannot be what it was meant to be.

    Source: https://clerk.com/docs/guides/organizations/add-members/sync-organization-with-url
    """

    organization_patterns: Iterable[str] = ()
    personal_account_patterns: Iterable[str] = ()
    _organization: tuple[PathPattern, ...] = field(init=False, repr=False, compare=False)
    _personal: tuple[PathPattern, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("organization_patterns", "personal_account_patterns"):
            given = getattr(self, name)
            if isinstance(given, str) or not isinstance(given, Iterable):
                raise ConfigurationError(f"{name} is a list of path patterns.")
            object.__setattr__(self, name, tuple(given))
        organization = _compiled(self.organization_patterns)
        for pattern in organization:
            if not pattern.names & {"id", "slug"} or _SEVERAL.search(pattern.text):
                raise ConfigurationError(
                    f"The organization pattern {pattern.text!r} names no organization: give it a "
                    "parameter :slug or :id, which is one segment."
                )
        object.__setattr__(self, "_organization", organization)
        object.__setattr__(self, "_personal", _compiled(self.personal_account_patterns))

    def wanted_at(self, path: str) -> tuple[str, str] | None:
        """What has to be active at a path: ``("id", ...)``, ``("slug", ...)`` or, for the personal
        account, ``("id", "")``; ``None`` where anything may be.
        """
        for pattern in self._organization:
            found = pattern.match(path)
            if found is not None:
                named = [(name, found[name]) for name in ("id", "slug") if name in found]
                if named:
                    return named[0]
                break
        if any(pattern.match(path) is not None for pattern in self._personal):
            return ("id", "")
        return None


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies whose word on the public URL counts; ``anyone`` trusts whoever connects."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    anyone: bool = False

    @classmethod
    def named(cls, names: Iterable[str]) -> Proxies:
        """Read addresses (``10.0.0.7``), networks (``10.0.0.0/8``), or ``*`` for whoever connects.

        :raises ConfigurationError: if one is neither.
        """
        try:
            texts = [names] if isinstance(names, str) else list(names)
            networks = tuple(_network(text) for text in texts if text != "*")
        except (TypeError, ValueError):
            raise ConfigurationError(
                "trusted_proxies takes addresses such as 10.0.0.7, networks such as 10.0.0.0/8, or "
                "'*' where nobody but the proxy can connect."
            ) from None
        return cls(networks, "*" in texts)

    def include(self, peer: str | None) -> bool:
        """Whether the other end of the connection is one of them."""
        if self.anyone or not self.networks or peer is None:
            return self.anyone
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Site:
    """The part of the configuration that concerns browsers.

    ``proxy_url`` is where the Frontend API is reached instead of its own host, an absolute URL or a
    path of this site; ``redirect_origins`` are those of the satellites that a development primary
    answers, and of this site too if ``names_own_origins``. ``takes_nonces`` tells whether a nonce
    can be turned in at the Backend API.
    """

    instance_type: InstanceType
    key: PublishableKey | None
    proxy_url: str | None = None
    domain: str | None = None
    is_satellite: bool = False
    satellite_auto_sync: bool = False
    sign_in_url: str | None = None
    sign_up_url: str | None = None
    redirect_origins: frozenset[str] = frozenset()
    names_own_origins: bool = False
    proxies: Proxies = Proxies()
    organization_sync: OrganizationSync | None = None
    takes_nonces: bool = True

    @property
    def is_development(self) -> bool:
        """Whether the instance is one for development."""
        return self.instance_type == "development"

    def __post_init__(self) -> None:
        if self.proxy_url is not None:
            check_place("CLERK_PROXY_URL", self.proxy_url)
            if not set(self.proxy_url).isdisjoint("?#"):
                raise ConfigurationError("CLERK_PROXY_URL has a path at most, and no query.")
        if self.domain is not None and _DOMAIN.fullmatch(self.domain) is None:
            raise ConfigurationError(
                "CLERK_DOMAIN is a host such as satellite.example.com, without a scheme or a path."
            )
        if self.sign_in_url is not None:
            check_place("CLERK_SIGN_IN_URL", self.sign_in_url, plain=self.is_development)
        if self.sign_up_url is not None:
            check_place("CLERK_SIGN_UP_URL", self.sign_up_url, plain=self.is_development)
        if self.is_satellite:
            self._check_satellite()

    def _check_satellite(self) -> None:
        if self.proxy_url is None and self.domain is None:
            raise ConfigurationError(
                "A satellite needs CLERK_DOMAIN, the domain it runs on, or CLERK_PROXY_URL."
            )
        absolute = self.sign_in_url is not None and not self.sign_in_url.startswith("/")
        if self.is_development and not absolute:
            raise ConfigurationError(
                "A satellite of a development instance needs CLERK_SIGN_IN_URL: the whole URL of "
                "the sign-in page on the primary domain."
            )

    def frontend_api(self, origin: str) -> str | None:
        """The base URL of the Frontend API for a page of ``origin``, or ``None`` if unknown."""
        if self.proxy_url is not None:
            return (origin if self.proxy_url.startswith("/") else "") + self.proxy_url.rstrip("/")
        host = self.frontend_host
        return None if host is None else f"https://{host}"

    @property
    def frontend_host(self) -> str | None:
        """The host of the Frontend API, where no proxy stands before it."""
        if self.is_satellite and self.domain is not None and not self.is_development:
            return f"clerk.{self.domain}"
        return None if self.key is None else self.key.host

    @property
    def portal(self) -> str | None:
        """The origin of the account portal, where Clerk has pages to sign in and up."""
        return None if self.key is None else _portal(self.key.host)

    def is_portal(self, referrer: str, hostname: str, frontend_api: str) -> bool:
        """Whether a page belongs to Clerk: the Frontend API or the account portal.

        :param referrer: the page's origin.
        :param hostname: the host of that origin, without its port.
        :param frontend_api: the host of the Frontend API, or of the proxy before it.
        """
        if hostname == frontend_api:
            return True
        if self.is_development and _is_development_portal(hostname):
            return True
        host = self.frontend_host
        return self.proxy_url is None and host is not None and referrer == _portal(host)


def check_place(name: str, place: str, *, plain: bool = False) -> None:
    """Make sure that browsers can be sent to a URL, or to a path of this very site.

    :param plain: whether http will do, beyond this machine.
    :raises ConfigurationError: with the name of the place, if they cannot.
    """
    if place.startswith("/"):
        if place.startswith("//") or not _VISIBLE.fullmatch(place):
            raise ConfigurationError(f"{name} is neither a URL nor a path like /sign-in.")
        return
    origin = origin_of(place)
    if origin is None or origin == "null" or not _VISIBLE.fullmatch(place):
        raise ConfigurationError(f"{name} is not a URL like https://app.example.com.")
    if not plain and origin.startswith("http:") and not is_loopback(hostname_of(origin)):
        raise ConfigurationError(f"{name} must be https; http is for this machine only.")


def is_loopback(hostname: str) -> bool:
    """Whether a host name can only mean the machine that looks it up (RFC 6761 section 6.3)."""
    return hostname in ("localhost", "127.0.0.1", "::1") or hostname.endswith(".localhost")


def _network(text: str) -> IPv4Network | IPv6Network:
    network = ip_network(text if isinstance(text, str) else "")
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None:
        raise ValueError("peers with such addresses are known by their IPv4 address")
    return network


def _compiled(patterns: Iterable[str]) -> tuple[PathPattern, ...]:
    return tuple(PathPattern(text) for text in patterns)


def _is_development_portal(hostname: str) -> bool:
    legacy = hostname.startswith("accounts.") and hostname.endswith(_LEGACY_PORTALS)
    return legacy or any(
        hostname.endswith(suffix) and not hostname.endswith(f".clerk{suffix}")
        for suffix in _PORTALS
    )


def _portal(host: str) -> str:
    """The origin of the account portal that goes with a Frontend API's host."""
    host = host.replace("clerk.accountsstage.", "accountsstage.", 1)
    return f"https://{_CLERK.sub('accounts.', host, count=1)}"
