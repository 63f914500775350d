"""A proxy before the Frontend API: where a request goes, what goes along, and what comes back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from pydantic import SecretStr

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.site import Site, is_loopback
from clerk_fastapi.protocol.url import PublicUrl, hostname_of, origin_of

__all__ = ["METHODS", "Asked", "Outgoing", "Passage", "ProxyRefused", "declared_length"]

Headers = Iterable[tuple[bytes, bytes]]

# Where Clerk wants the requests of proxies: an instance behind one has no host of its own in DNS.
# https://clerk.com/docs/guides/dashboard/dns-domains/proxy-fapi
_PRODUCTION: Final = "https://frontend-api.clerk.dev"

_PREFIX: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)+", re.ASCII)
_PATH: Final = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)+", re.ASCII)
_MOST_ENCODINGS: Final = 4
METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
"""The methods that are passed on."""
_LENGTH: Final = re.compile(rb"[0-9]{1,15}")

# RFC 9110 section 7.6.1, and what was used before it.
_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# What we say ourselves, and what only a proxy may say.
_OURS: Final = frozenset(
    {
        b"accept-encoding",
        b"clerk-proxy-url",
        b"clerk-secret-key",
        b"content-length",
        b"cookie",
        b"expect",
        b"forwarded",
        b"host",
        b"true-client-ip",
        b"x-client-ip",
        b"x-http-method-override",
        b"x-method-override",
        b"x-original-url",
        b"x-real-ip",
        b"x-rewrite-url",
    }
)
_OURS_PREFIXES: Final = (b"cf-", b"x-forwarded-")
# What Clerk says of its own host and must not become true of the application's.
_THEIRS: Final = frozenset(
    {
        b"alt-svc",
        b"date",
        b"nel",
        b"report-to",
        b"server",
        b"strict-transport-security",
    }
)
# The cookies of Clerk, and of the network that it stands behind.
_COOKIE: Final = re.compile(
    rb"(?:(?:__session|__client|__client_uat|__refresh)(?:_[A-Za-z0-9_-]{8})?"
    rb"|__clerk_[A-Za-z0-9_-]+|__dev_session|clerk_active_context"
    rb"|__cf_bm|__cflb|__cfruid|_cfuvid|cf_clearance) *="
)


class ProxyRefused(Exception):
    """A request that is not passed on, or whose answer is not: a status, a code and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Asked(NamedTuple):
    """What a browser asks of the Frontend API; ``url`` is missing if its host makes none."""

    method: str
    url: PublicUrl | None
    peer: str | None
    headers: tuple[tuple[bytes, bytes], ...]

    def __repr__(self) -> str:
        return "<Asked>"  # tracebacks show it, and it holds what may be secret


class Outgoing(NamedTuple):
    """What the Frontend API is asked; headers that frame the body are not among these."""

    method: str
    url: str
    headers: tuple[tuple[bytes, bytes], ...]
    proxy_url: str

    def __repr__(self) -> str:
        return f"<Outgoing {self.method}>"  # tracebacks show it, and it holds the secret key


@dataclass(frozen=True, slots=True)
class Passage:
    """The way from below ``prefix`` to the Frontend API at ``origin``, and back."""

    site: Site
    secret_key: SecretStr
    prefix: str
    origin: str

    @classmethod
    def between(cls, site: Site, secret_key: SecretStr | None, url: str | None) -> Passage:
        """Make the way, with everything that it needs.

        :param url: where the Frontend API is, if not where Clerk has it.
        :raises ConfigurationError: if something is missing.
        """
        if site.proxy_url is None:
            raise ConfigurationError(
                "The proxy has no place: set CLERK_PROXY_URL to the path where it is to be, such "
                "as /__clerk, or to the whole URL."
            )
        if site.key is None:
            raise ConfigurationError(
                "The proxy does not know which instance it stands before: set "
                "CLERK_PUBLISHABLE_KEY."
            )
        if secret_key is None:
            raise ConfigurationError(
                "Clerk takes requests from a proxy with the secret key only: set CLERK_SECRET_KEY."
            )
        prefix = urlsplit(site.proxy_url).path.rstrip("/")
        if not _PREFIX.fullmatch(prefix):
            raise ConfigurationError(
                "CLERK_PROXY_URL needs a path of plain letters, such as /__clerk: what is below it "
                "goes to Clerk."
            )
        if url is None:
            url = f"https://{site.key.host}" if site.is_development else _PRODUCTION
        return cls(site, secret_key, prefix, _checked_origin(url))

    def covers(self, path: str) -> bool:
        """Whether a path of this site is the prefix or below it."""
        return path == self.prefix or path.startswith(f"{self.prefix}/")

    def outgoing(self, asked: Asked) -> Outgoing:
        """Decide what the Frontend API is asked.

        :raises ProxyRefused: if this is nothing to pass on.
        """
        if asked.method not in METHODS:
            message = "This method is not passed on to Clerk."
            raise ProxyRefused(405, "proxy_method_not_allowed", message)
        if asked.url is None:
            raise ProxyRefused(400, "proxy_request_failed", "The Host header names no host.")
        path = self._rest(asked.url.path)
        query = f"?{asked.url.query}" if asked.url.query else ""
        base = self.site.frontend_api(asked.url.origin)
        assert base is not None, "there is a proxy_url"
        headers = (*_passed_on(asked.headers), *self._said(asked, asked.url.origin, base))
        return Outgoing(asked.method, f"{self.origin}{path}{query}", headers, base)

    def answer_headers(
        self, status: int, headers: Headers, sent: Outgoing
    ) -> list[tuple[bytes, bytes]]:
        """Pick the headers of an answer that belong to the browser.

        The body is passed on as it comes, so that its encoding and its length stay true.
        """
        headers = [(name.lower(), value) for name, value in headers]
        dropped = _HOP_BY_HOP | _THEIRS | _nominated(headers)
        if status in (204, 304) or declared_length(headers) is None:
            dropped |= {b"content-length"}
        kept = [(name, value) for name, value in headers if name not in dropped]
        return [
            (name, self._led_back(value, sent) if name == b"location" else value)
            for name, value in kept
        ]

    def _rest(self, path: str) -> str:
        """What is asked for below the prefix; only what every reader understands alike."""
        rest = path.removeprefix(self.prefix) or "/"
        if not self.covers(path) or not _is_plain(rest):
            message = f"The path is none that is passed on to Clerk from {self.prefix}."
            raise ProxyRefused(400, "proxy_path_mismatch", message)
        return rest

    def _said(self, asked: Asked, origin: str, base: str) -> Headers:
        scheme, _, host = origin.partition("://")
        cookies = _clerks_cookies(asked.headers)
        if cookies:
            yield b"cookie", cookies
        yield b"host", self.origin.partition("://")[2].encode()
        yield b"accept-encoding", b"identity"
        yield b"clerk-proxy-url", base.encode()
        yield b"clerk-secret-key", self.secret_key.get_secret_value().encode()
        yield b"x-forwarded-host", host.encode()
        yield b"x-forwarded-proto", scheme.encode()
        visitor = self._visitor(asked)
        if visitor is not None:
            yield b"x-forwarded-for", visitor.encode()

    def _visitor(self, asked: Asked) -> str | None:
        """The address of whoever is asking, as far as somebody says so who is to be believed."""
        said: list[str | None] = [asked.peer]
        if self.site.proxies.include(asked.peer):
            names = (b"cf-connecting-ip", b"x-real-ip")
            said[:0] = [_value(asked.headers, name) for name in names]
            said.insert(2, _value(asked.headers, b"x-forwarded-for").partition(",")[0])
        return next(filter(None, map(_address, said)), None)

    def _led_back(self, location: bytes, sent: Outgoing) -> bytes:
        """Have a redirect within the Frontend API lead through the proxy."""
        try:
            there = urljoin(sent.url, location.decode("latin-1").strip())
            parts = urlsplit(there)
        except ValueError:
            return location
        host = (origin_of(there) or "").partition("://")[2]
        here = (self.origin, f"https://{self.site.frontend_host}".lower())
        if host not in (each.partition("://")[2] for each in here):
            return location
        query = f"?{parts.query}" if parts.query else ""
        fragment = f"#{parts.fragment}" if parts.fragment else ""
        back = f"{sent.proxy_url}{parts.path or '/'}{query}{fragment}"
        return back.encode("latin-1")


def declared_length(headers: Headers) -> int | None:
    """How long a body is said to be; ``None`` if nobody says so, or not in one clear word."""
    named = [(name.lower(), value) for name, value in headers]
    lengths = [value for name, value in named if name == b"content-length"]
    if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]):
        return None
    return None if any(name == b"transfer-encoding" for name, _ in named) else int(lengths[0])


def _checked_origin(url: str) -> str:
    origin = origin_of(url)
    if origin is None or origin != url.removesuffix("/").lower():
        raise ConfigurationError(
            "frontend_api_url is an origin such as https://frontend-api.clerk.dev: without a user, "
            "a path, a query or a fragment."
        )
    if origin.startswith("http:") and not is_loopback(hostname_of(origin)):
        raise ConfigurationError("frontend_api_url must be https; http is for this machine only.")
    return origin


def _is_plain(path: str) -> bool:
    """Whether a path means the same to everybody, however often it is decoded."""
    if not _PATH.fullmatch(path):
        return False
    decoded = path.encode()
    for _ in range(_MOST_ENCODINGS):
        before, decoded = decoded, unquote_to_bytes(decoded)
        if decoded == before:
            break
    else:
        return False
    try:
        text = decoded.decode()
    except UnicodeDecodeError:  # such as the overlong encoding of a dot
        return False
    if "\\" in text or text.startswith("//") or not text.isprintable():
        return False
    # Some servers take what follows a semicolon off a segment.
    return all(segment.partition(";")[0] not in (".", "..") for segment in text.split("/"))


def _nominated(headers: Headers) -> frozenset[bytes]:
    """The headers that are for this connection alone, because it says so."""
    listed = (value for name, value in headers if name == b"connection")
    return frozenset(each.strip().lower() for value in listed for each in value.split(b","))


def _passed_on(headers: Headers) -> Headers:
    headers = [(name.lower(), value) for name, value in headers]
    dropped = _HOP_BY_HOP | _OURS | _nominated(headers)
    for name, value in headers:
        # Some servers read an underscore as a hyphen.
        meant = name.replace(b"_", b"-")
        if not {name, meant} & dropped and not meant.startswith(_OURS_PREFIXES):
            yield name, value


def _clerks_cookies(headers: Headers) -> bytes:
    """The cookies that are Clerk's; those of the application stay at home."""
    values = (value for name, value in headers if name.lower() == b"cookie")
    pairs = (pair.strip() for value in values for pair in value.split(b";"))
    return b"; ".join(pair for pair in pairs if _COOKIE.match(pair))


def _value(headers: Headers, name: bytes) -> str:
    values = (value for each, value in headers if each.lower() == name)
    return b",".join(values).decode("latin-1")


def _address(text: str | None) -> str | None:
    text = (text or "").strip()
    if "%" in text:  # what follows may be anything
        return None
    try:
        return str(ip_address(text))
    except ValueError:
        return None
