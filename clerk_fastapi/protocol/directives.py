"""The cookies that Clerk sends along for the browser: which are passed on, and what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["Directives", "read_directives"]

_NAME: Final = re.compile(
    r"(?:__session|__client_uat|__refresh|__clerk_db_jwt)(?:_[A-Za-z0-9_-]{8})?"
    r"|__client|__clerk_handshake(?:_nonce)?",
    re.ASCII,
)
_LINE: Final = re.compile(r"[\x20-\x7e]+", re.ASCII)  # neither a second header nor a second line


class Directives(NamedTuple):
    """Values of ``Set-Cookie`` that may be passed on, and the session token among them, if any."""

    cookies: tuple[str, ...]
    session: str


def read_directives(lines: Iterable[object], suffix: str, host: str) -> Directives:
    """Pick what is Clerk's to set, RFC 6265 section 4.1.

    Other names are left out, and so is a ``Domain`` that this host does not belong to: the cookie
    is then this host's alone. The last of several sessions counts, be it an empty one.

    :param lines: values of ``Set-Cookie``.
    :param suffix: the instance's own, of eight characters.
    :param host: the host that the browser asked, without its port.
    """
    cookies: list[str] = []
    session = ""
    for line in lines:
        if not isinstance(line, str) or not _LINE.fullmatch(line):
            continue
        pair, *attributes = (part.strip() for part in line.split(";"))
        name, equals, value = pair.partition("=")
        if not equals or not _NAME.fullmatch(name):
            continue
        kept = (attribute for attribute in attributes if _is_ours(attribute, host))
        cookies.append("; ".join((pair, *kept)))
        if name in ("__session", f"__session_{suffix}"):
            session = value
    return Directives(tuple(cookies), session)


def _is_ours(attribute: str, host: str) -> bool:
    name, _, domain = attribute.partition("=")
    if name.strip().lower() != "domain":
        return True
    domain = domain.strip().lower().removeprefix(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))
