"""A handshake's way home: where it leads, the cookies it brings, and the nonce they wait under."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from clerk_fastapi.testing.signing import new_id

__all__ = [
    "HANDSHAKE_SECONDS",
    "NONCE",
    "TOKEN",
    "Destination",
    "Nonces",
    "directives",
    "set_cookie",
]

TOKEN: Final = "__clerk_handshake"
NONCE: Final = "__clerk_handshake_nonce"

HANDSHAKE_SECONDS: Final = 60
"""What a handshake brings has to be fetched, or its token used, within that time."""

_A_YEAR = 31_536_000
# Printable ASCII only, and no user name: readers differ on where the host of such a URL ends.
_URL = re.compile(r"(?P<origin>https?://(?:(?![/?#@\\])[!-~])+)(?:[/?#][!-~]*)?")


class Destination(NamedTuple):
    """The page that a browser came from, and goes back to."""

    url: str
    origin: str

    @classmethod
    def parse(cls, url: str) -> Destination | None:
        """Read an absolute http or https URL; ``None`` if it is something else."""
        match = _URL.fullmatch(url)
        return None if match is None else cls(url, match["origin"].lower())

    @property
    def is_secure(self) -> bool:
        """Whether the page takes ``Secure`` cookies."""
        return self.origin.startswith("https:")

    def domain(self, host: str) -> str | None:
        """The ``Domain`` of cookies that ``clerk.example.com`` sets for ``app.example.com``."""
        clerk, _, parent = host.partition(".")
        own = self.origin.partition("://")[2].partition(":")[0]
        return parent if clerk == "clerk" and f".{own}".endswith(f".{parent}") else None

    def carrying(self, name: str, value: str) -> str:
        """The URL with one parameter more; what an earlier handshake left there is taken out."""
        base, hash_sign, fragment = self.url.partition("#")
        path, _, query = base.partition("?")
        kept = [
            pair for pair in query.split("&") if pair.partition("=")[0] not in ("", NONCE, TOKEN)
        ]
        return f"{path}?{'&'.join([*kept, f'{name}={value}'])}{hash_sign}{fragment}"


class Nonces:
    """Directives that wait for the application to fetch them: once, and soon."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: dict[str, tuple[float, list[str]]] = {}

    def keep(self, directives: list[str]) -> str:
        """Put directives aside, and give the nonce to fetch them with."""
        nonce = new_id("nonce")
        self._waiting[nonce] = (self._clock() + HANDSHAKE_SECONDS, directives)
        return nonce

    def take(self, nonce: str) -> list[str] | None:
        """Hand the directives out; ``None`` if there are none, not any more, or it is too late."""
        deadline, directives = self._waiting.pop(nonce, (0.0, []))
        return directives if self._clock() < deadline else None


def directives(
    cookies: Mapping[str, str], suffix: str, *, secure: bool, domain: str | None = None
) -> list[str]:
    """Make a browser hold these cookies and no others of a session: values of ``Set-Cookie``."""
    session_names = ("__session", f"__session_{suffix}", f"__refresh_{suffix}")
    gone = [name for name in session_names if name not in cookies]
    return [set_cookie(name, "", max_age=0, secure=secure) for name in gone] + [
        set_cookie(
            name, value, secure=secure, domain=domain if name.startswith("__client_uat") else None
        )
        for name, value in cookies.items()
    ]


def set_cookie(
    name: str, value: str, *, secure: bool, domain: str | None = None, max_age: int = _A_YEAR
) -> str:
    """The value of a ``Set-Cookie`` header; scripts see what the browser SDK has to see."""
    attributes = ["Path=/", f"Max-Age={max_age}", "SameSite=Lax"]
    if domain is not None:
        attributes.append(f"Domain={domain}")
    if secure:
        attributes.append("Secure")
    if not name.startswith(("__session", "__client_uat", "__clerk_db_jwt")):
        attributes.append("HttpOnly")
    return "; ".join([f"{name}={value}", *attributes])
