"""Requests that try to get around a policy: targets in many spellings, odd methods, headers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

__all__ = ["PATHS", "SOCKETS", "Asked", "every_request", "spellings"]

Headers = tuple[tuple[str, str], ...]


def _words(text: str) -> list[str]:
    return text.split()


_DEPTHS: Final = [
    "/admin/users",
    "/admin",
    "/files/a/b",
    "/numbers/1",
    "/account/profile",
    "/reports/latest",
    "/open-reports/latest",
    "/one/two/three/box/deep/1",
    "/one/first/raw",
    "/sub/star/secret",
    "/sub/open",
    "/private/index.html",
    "/in/portal/index.html",
    "/v1/thing",
    "/spaces/acme/data",
    "/opaque/x",
    "/legacy/x",
    "/moved/closed",
    "/own/case-blind",
]
_OTHERS: Final = _words("""
    / /items /items/1 /ratios/1.5 /ids/6ba7b810-9dad-11d1-80b4-00c04fd430c8 /colours/all
    /colours/red /colours/light/blue /caf%C3%A9 /with%20space /admin/users/1 /admin/help /plain
    /endpoint /stacked/1 /asgi /account /account/raw /reports/raw/a/b /open-reports/raw/a
    /one/two/three/secret /one/two/three/open /one/two/three/raw /one/first/page /one/second/page
    /one/second/raw /own/timed /own/handling /own/versioned /static/index.html /static/ /private/
    /opaque /wrapped/data /legacy/known /moved/open /moved/old/closed /sub/closed /sub/also/closed
    /sub/star/7 /v2/thing /spaces/acme/logo /site/ /in/portal/ /in/portal /docs
    /nowhere
""")
PATHS: Final = _DEPTHS + _OTHERS
"""Every handler for HTTP is at one of these, as written in the address bar."""

SOCKETS: Final = _words("""
    /ws /ws/open /ws/room /talk /account/live /reports/feed /open-reports/feed /one/two/three/ws
    /sub/star/ws /v1/ws /v2/ws /opaque/ws
""")
"""The same for WebSockets."""

UPGRADE: Final[Headers] = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


@dataclass(frozen=True)
class Asked:
    """A request as it goes over the wire, but for who asks; Latin-1 is written as it is."""

    target: str
    method: str = "GET"
    headers: Headers = ()
    version: str = "1.1"
    host: str = "app.example"

    @property
    def is_upgrade(self) -> bool:
        """Whether it wants to become a WebSocket."""
        return UPGRADE[0] in self.headers

    def upgraded(self) -> "Asked":
        """The same, wanting a WebSocket."""
        return replace(self, headers=(*self.headers, *UPGRADE))


# What can be put at the end of a path, or between its segments, or before it.
_ENDS: Final = _words("""
    / // /// . .. /. /.. /./ /../ /%2e /%2e%2e /..;/ ; ;x=1 /;/ ;.css ;a=b/ .json .html ~ * %2a %00
    %00.html /%00 %09 %20 + %0a %0d %0d%0a /%0a %E2%80%A8 %C2%85 %0b %0c %1c %7f %a0 \\ %5c %5C/
    %3f %23 %3fx=1 %23x ? ?? ?/open ?redirect=/items #x %2f %2F %252f / %25 % %1 %zz %ff %c0%af
    %c0%ae%c0%ae %e0%80%af %u002f %ef%bc%8f %cc%81 %e2%80%8b %EF%BB%BF
""")
_BEFORE: Final = _words("""
    / // /. /./ /x/.. /items/.. /static/../ /static/..%2f /sub/../ /%2e /%2e/ /%2e%2e /..; /; \\
    /\\ %5c /%5c %2f /%2f /%00 /%0a /%0d /%09 /%20 /%E2%80%A8 /ADMIN/.. /open-reports/..%2f..
    /v2/.. ? /? # . http://app.example http://evil.example https://app.example:443 //app.example
    http:// HTTP://APP.EXAMPLE http://app.example/items/.. http:///x ws://app.example
    http://user:word@app.example http://app.example:99999 /http:// /http%3a//app.example
""")
_BETWEEN: Final = _words("""
    // /./ /x/../ %2f %2F %252f %255c %5c \\ /%2e/ /;/ ;/ /%00/ %00/ /%0a %0a/ %09/ %20/ %c0%af
    %e0%80%af %ef%bc%8f %E2%88%95 %E2%81%84 /.. /?/ %3f/ /# / /~/
""")


def spellings(path: str) -> Iterator[str]:
    """Targets that somebody, somewhere, might take for this path."""
    yield path
    for end in _ENDS:
        yield path + end
    for before in _BEFORE:
        yield before + path
    at = path.rfind("/")
    for between in _BETWEEN:
        yield path[:at] + between + path[at + 1 :]
        yield path.replace("/", between) if at else path + between
    yield from _in_other_letters(path)
    yield path + "/" * 500
    yield "/." * 500 + path
    yield path + "?" + "x=1&" * 500


def _in_other_letters(path: str) -> Iterator[str]:
    yield from (path.upper(), path.title(), path.swapcase(), path[:2].upper() + path[2:])
    letters = [at for at, letter in enumerate(path) if letter.isalpha() and "%" not in path]
    for at in letters[:1] + letters[-1:]:
        code = f"{ord(path[at]):02x}"
        for escape in (f"%{code}", f"%{code.upper()}", f"%25{code}", f"%2525{code}", f"\\x{code}"):
            yield path[:at] + escape + path[at + 1 :]
        overlong = f"%{0xC0 | ord(path[at]) >> 6:02x}%{0x80 | ord(path[at]) & 63:02x}"
        fullwidth = quote(chr(ord(path[at]) + 0xFEE0))
        for other in (overlong, fullwidth, quote("\u0430"), quote("\u017f"), quote("\u212a")):
            yield path[:at] + other + path[at + 1 :]
    yield "".join(f"%{ord(letter):02x}" for letter in path)
    yield "/" + "".join(f"%{ord(letter):02X}" for letter in path[1:])
    yield "/" + "".join(f"%25{ord(letter):02X}" for letter in path[1:])


_METHODS: Final = _words("""
    HEAD POST PUT DELETE OPTIONS PATCH TRACE CONNECT get Get post POSt delete head PROPFIND LINK
    LOCK QUERY SUBSCRIBE X GET-POST DISPATCH
""")
_METHOD_PATHS: Final = _words("""
    /items /items/1 /endpoint /admin /account/profile /opaque/x /asgi /own/handling
    /in/portal/index.html /private/index.html /legacy/x /plain /reports/raw/x /one/first/raw
""")
_HEADERS: Final[list[Headers]] = [
    (("X-Original-URL", "/items"),),
    (("X-Rewrite-URL", "/items"),),
    (("X-Original-URL", "/admin"), ("X-Rewrite-URL", "/admin")),
    (("X-Forwarded-Prefix", "/items"),),
    (("X-Forwarded-Prefix", "/admin"), ("X-Script-Name", "/admin"), ("Script-Name", "/admin")),
    (("X-Forwarded-Path", "/items"), ("X-Forwarded-Uri", "/items"), ("X-Envoy-Original-Path", "/")),
    (("X-HTTP-Method-Override", "GET"), ("X-HTTP-Method", "GET"), ("X-Method-Override", "GET")),
    (("X-HTTP-Method-Override", "POST"), ("X-HTTP-Method", "DELETE")),
    (("X-Middleware-Subrequest", "middleware:middleware:middleware:middleware:middleware"),),
    (("X-Middleware-Subrequest", "src/middleware"), ("X-Middleware-Next", "1")),
    (
        ("X-Clerk-Auth-Status", "signed-in"),
        ("X-Clerk-Auth-Reason", ""),
        ("X-Clerk-Auth-Token", "x"),
    ),
    (("x-clerk-auth-status", "signed-in"), ("X_Clerk_Auth_Status", "signed-in")),
    (("X-User-Id", "user_1"), ("X-Forwarded-User", "user_1"), ("Remote-User", "user_1")),
    (("X-Forwarded-Host", "api.example"), ("Forwarded", "host=api.example")),
    (("Host", "api.example"),),
    (("Origin", "https://app.example"), ("Access-Control-Request-Method", "GET")),
    (("Sec-Fetch-Dest", "document"), ("Accept", "text/html")),
    (("X-Version", "2"),),
    (("X-Version", "1"), ("X-Version", "2")),
    (("X-Version", "2"), ("X-Version", "1")),
    (("Purpose", "prefetch"), ("Next-Router-Prefetch", "1"), ("X-Nextjs-Data", "1")),
    (("Transfer-Encoding", "chunked"), ("Content-Length", "5")),
    (("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__"), ("Connection", "Upgrade, close")),
    (("Range", "bytes=0-3"),),
]
_HEADER_PATHS: Final = _words("""
    /admin /admin/users /items /account /reports/latest /own/versioned /sub/star/secret
    /private/index.html /in/portal/index.html /opaque/x /data /legacy/x
""")
_HOSTS: Final = _words("""
    api.example API.EXAMPLE api.example. api.example:80 api.example:x acme.tenants.example
    .tenants.example a.b.tenants.example api.example@evil.example evil.example/api.example
    api.example%00 127.0.0.1 [::1] user@api.example api.example,app.example
""")


def every_request() -> list[Asked]:
    """The whole list, always in the same order."""
    found = [Asked(path, version=version) for path in PATHS for version in ("1.1", "1.0")]
    # Of the spellings of each path some, and different ones for each: all together are all.
    for paths, step in ((_DEPTHS, 8), (_OTHERS, 40)):
        for at, path in enumerate(paths):
            found += [Asked(target) for target in list(spellings(path))[at % step :: step]]
    found += [Asked(path, method) for path in _METHOD_PATHS for method in _METHODS]
    found += [Asked(path, headers=headers) for path in _HEADER_PATHS for headers in _HEADERS]
    found += [Asked(path, "POST", headers) for path in _HEADER_PATHS[:4] for headers in _HEADERS]
    found += [
        Asked(path, host=host)
        for host in ("", *_HOSTS)
        for path in ("/data", "/ping", "/%64ata", "//data", "http://api.example/data")
    ]
    found += [
        Asked("*", "OPTIONS"),
        Asked("*"),
        Asked("app.example:443", "CONNECT"),
        Asked("admin"),
    ]
    for at, path in enumerate(SOCKETS):
        targets = (path, *list(spellings(path))[at % 14 :: 14])
        found += [Asked(target).upgraded() for target in targets]
    found += [Asked(path).upgraded() for path in PATHS]
    found += [Asked(path) for path in SOCKETS]
    return list(dict.fromkeys(found))
