"""The URL as the browser knows it, and what is added to and taken from URLs on the way to Clerk."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote, quote_plus

__all__ = ["PublicUrl", "form_encoded", "hostname_of", "origin_of", "with_parameters"]

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_HOST: Final = re.compile(r"(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII | re.I)
_AUTHORITY: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*):(?://(?P<host>[^/?#\\@\s]*)(?=[/?#]|\Z))?", re.ASCII | re.I
)
# What browsers leave as it is in a path and in a query; the rest has no business in a header.
_QUERY: Final = "!$%&()*+,-./:;=?@[]^_`{|}~\\"
_PATH: Final = "!$%&'()*+,-./:;=@[]_|~"
_LONGEST_HOST: Final = 261  # a name of 255 characters (RFC 1035 section 2.3.4) and a port
_OPAQUE: Final = "null"


class PublicUrl(NamedTuple):
    """The URL that stands in the browser's address bar, in parts that cannot be confused.

    ``origin`` is a scheme, ``://`` and a host; ``path`` begins with a slash, so that nothing in it
    can name another host, and ``query`` is without its question mark.
    """

    origin: str
    path: str
    query: str

    @classmethod
    def build(cls, scheme: str, host: str, target: bytes) -> PublicUrl | None:
        """Put a URL together; ``None`` if the parts make none.

        :param scheme: ``http`` or ``https``.
        :param host: host and port.
        :param target: path and query as the request line had them.
        """
        origin = _origin(scheme, host) if len(host) <= _LONGEST_HOST else None
        path, _, query = target.partition(b"?")
        if origin is None or not path.startswith(b"/"):
            return None
        return cls(origin, quote(path, _PATH), quote(query, _QUERY))

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter, which may be empty."""
        if name not in self.query and "%" not in self.query:  # as for nearly all requests
            return None
        return next((value for key, value in _pairs(self.query) if key == name), None)

    def without(self, names: Collection[str]) -> str:
        """Write the whole URL, leaving out these parameters."""
        kept = [(key, value) for key, value in _pairs(self.query) if key not in names]
        query = form_encoded(kept)
        return f"{self.origin}{self.path}{'?' if query else ''}{query}"

    def __repr__(self) -> str:
        return f"<PublicUrl {self.origin}>"  # the query may hold what is secret

    def __str__(self) -> str:
        return f"{self.origin}{self.path}{'?' if self.query else ''}{self.query}"


@lru_cache(maxsize=256)
def _origin(scheme: str, host: str) -> str | None:
    plain = scheme in _DEFAULT_PORTS and _HOST.fullmatch(host) is not None
    return origin_of(f"{scheme}://{host}") if plain else None


def origin_of(url: str) -> str | None:
    """The origin of an absolute URL as browsers write it (RFC 6454), or ``None`` if it has none.

    What is neither http nor https is of an opaque origin, ``null``. User names are refused, and so
    are backslashes, which browsers take for slashes: ``https://evil.example\\@app.example.com``.
    """
    parts = _AUTHORITY.match(url)
    if parts is None:
        return None
    scheme, host = parts["scheme"].lower(), (parts["host"] or "").lower()
    if scheme not in _DEFAULT_PORTS:
        return _OPAQUE
    if not _HOST.fullmatch(host) or int(host.rpartition("]")[2].partition(":")[2] or 0) > 65_535:
        return None
    if host.startswith("[") and not _is_address(host):
        return None
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS[scheme])}"


def hostname_of(origin: str) -> str:
    """The host of an origin, without its port, and an IPv6 address without its brackets."""
    host = origin.partition("://")[2]
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _is_address(bracketed: str) -> bool:
    try:
        IPv6Address(bracketed[1:].partition("]")[0])
    except ValueError:
        return False
    return True


def with_parameters(url: str, added: Iterable[tuple[str, str]]) -> str:
    """Add parameters to the query of an absolute URL; one that it has already takes the new value.

    What has no business in a URL is encoded.
    """
    base, hash_, fragment = url.partition("#")
    base, _, query = base.partition("?")
    base = quote(base, _PATH)
    if "/" not in base.partition("://")[2]:
        base += "/"
    values = dict(added)
    names = frozenset(values)
    pairs = [
        (key, values.pop(key, value))
        for key, value in _pairs(query)
        if key in values or key not in names
    ]
    query = form_encoded([*pairs, *values.items()])
    return f"{base}?{query}{hash_}{quote(fragment, _QUERY)}"


def form_encoded(pairs: Iterable[tuple[str, str]]) -> str:
    """Write a query as browsers do (application/x-www-form-urlencoded, WHATWG URL section 5.2)."""
    return "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in pairs)


def _quoted(text: str) -> str:
    return quote_plus(text, safe="*", errors="replace").replace("~", "%7E")


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, max_num_fields=None)
