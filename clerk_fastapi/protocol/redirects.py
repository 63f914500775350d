"""Where browsers go to sign in, and which way leads back: never to a stranger's page."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from clerk_fastapi.errors import (
    CredentialsMissing,
    CustomClaimsInvalid,
    MachineTokenMissing,
    OriginMismatch,
    SessionPending,
    SessionTooOld,
    TokenError,
)
from clerk_fastapi.protocol.credentials import SIGN_INS
from clerk_fastapi.protocol.handshake import (
    DEV_BROWSER,
    LEFT_OUT,
    LONGEST_LOCATION,
    MOST_REDIRECTS,
    SYNCED,
    Visit,
    Way,
)
from clerk_fastapi.protocol.site import Site
from clerk_fastapi.protocol.url import PublicUrl, origin_of, with_parameters

__all__ = [
    "REDIRECT_URL",
    "is_at",
    "location",
    "safe_return_url",
    "sign_in_page",
    "sign_up_page",
    "tasks_page",
    "to_sign_in",
]

REDIRECT_URL: Final = "redirect_url"
"""The parameter that tells a sign-in page where to go on to."""

_LEFT_BEHIND: Final = LEFT_OUT | {SYNCED, "__clerk_hs_reason"}
# Signing in cures none of these: whoever is signed in already would be sent back at once.
_NO_CURE: Final = (CustomClaimsInvalid, MachineTokenMissing, OriginMismatch, SessionTooOld)
_LOOP: Final = (
    "Signing in did not help three times in a row: check that this server and the sign-in page use "
    "keys of the same Clerk instance, and that authorized_parties names the origin of the page."
)
_COUNTED: Final = f"{SIGN_INS}={{}}; Path=/; SameSite=Lax; HttpOnly; Max-Age=60"

# What browsers write into URLs by themselves: no backslash, quotes or angle brackets.
_VISIBLE: Final = re.compile(r"[!#-;=?-\[\]-_a-~]+", re.ASCII)
_PARTS: Final = re.compile(r"([a-z]+://[^/?#]*)?([^?#]*)(.*)", re.ASCII | re.I | re.S)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_MISREAD: Final = re.compile(r"//|\\")  # what somebody might take for the beginning of a host


# --- pages ----------------------------------------------------------------------------------------


def sign_in_page(site: Site, sign_in_url: str | None = None) -> str | None:
    """The sign-in page: the one given, the configured one, or that of Clerk's account portal.

    :returns: a URL or a path of this site; ``None`` if nobody knows where it is.
    """
    return sign_in_url or site.sign_in_url or _portal_page(site, "sign-in")


def sign_up_page(
    site: Site, sign_in_url: str | None = None, sign_up_url: str | None = None
) -> str | None:
    """The sign-up page, likewise; where only a sign-in page is known, the part of it for that."""
    own = sign_up_url or site.sign_up_url
    sign_in = sign_in_url or site.sign_in_url
    if own is None and sign_in is not None:
        own = _below(sign_in, "create")
    return own or _portal_page(site, "sign-up")


def tasks_page(page: str) -> str:
    """The part of a sign-in or sign-up page where a pending session is finished."""
    return _below(page, "tasks")


def is_at(visit: Visit, page: str | None) -> bool:
    """Whether a browser is on a page already, or below it."""
    if visit.url is None or page is None or _crosses(visit.url, page):
        return False
    here, there = (unquote(path).rstrip("/") for path in (visit.url.path, _split(page)[1]))
    return here == there or (bool(there) and here.startswith(f"{there}/"))


def _portal_page(site: Site, name: str) -> str | None:
    return None if site.portal is None else f"{site.portal}/{name}"


def _below(page: str, segment: str) -> str:
    if "#/" in page:  # pages that find their way by the fragment
        return f"{page.rstrip('/')}/{segment}"
    origin, path, rest = _split(page)
    return f"{origin}{path.rstrip('/')}/{segment}{rest}"


# --- the way there --------------------------------------------------------------------------------


def to_sign_in(
    visit: Visit, error: TokenError, sign_in: str | None, sign_up: str | None = None
) -> Way:
    """Send a page load that was refused to sign in, if that can help; else there is no location.

    Whoever sent nothing is always sent. Whoever seemed to be signed in may be signed in at Clerk,
    too, and then comes back as they went: after three times in a row it is said what to check.
    """
    way = Way(error, error.code)
    if sign_in is None or not visit.may_be_redirected or isinstance(error, _NO_CURE):
        return way
    if is_at(visit, sign_in) or is_at(visit, sign_up):
        return way
    if isinstance(error, SessionPending):
        if is_at(visit, tasks_page(sign_in)):
            return way
        return way._replace(location=location(visit, tasks_page(sign_in)))
    if isinstance(error, CredentialsMissing):
        return way._replace(location=location(visit, sign_in))
    if visit.cookies.redirects >= MOST_REDIRECTS:
        return way  # the handshake was no use, and its refusal says why
    if visit.cookies.sign_ins >= MOST_REDIRECTS:
        return way._replace(error=type(error)(_LOOP))
    count = _COUNTED.format(visit.cookies.sign_ins + 1)
    return way._replace(location=location(visit, sign_in), cookies=(count,))


def location(visit: Visit, page: str, back: str | None = None) -> str:
    """Where to send a browser that shall come back from a page of this site or of Clerk.

    :param page: a URL or a path, chosen by the operator.
    :param back: where to come back to, if that is safe; by default, and otherwise, the page that
        the browser is on. An origin that is not ours is never named.

    Source: what is added, and when, is that of Clerk's own SDKs.
    """
    url = visit.url
    if url is None or not _is_own(visit.site, url.origin):
        return page
    crosses = _crosses(url, page)
    added = [(REDIRECT_URL, _way_back(visit, url, back, crosses=crosses))]
    if crosses and visit.site.is_development and visit.cookies.dev_browser is not None:
        added.append((DEV_BROWSER, visit.cookies.dev_browser))
    prefix = url.origin if page.startswith("/") else ""
    there = with_parameters(prefix + page, added).removeprefix(prefix)
    return there if len(there) <= LONGEST_LOCATION else page


def _way_back(visit: Visit, url: PublicUrl, back: str | None, *, crosses: bool) -> str:
    chosen = safe_return_url(visit, back)
    fragment = ""
    if chosen is not None:
        origin, path, rest = _split(chosen)
        query, hash_, after = rest.partition("#")
        url = PublicUrl(origin_of(origin) or url.origin, path or "/", query.removeprefix("?"))
        fragment = hash_ + after
    clean = url.without(_LEFT_BEHIND)
    if crosses and visit.site.is_satellite:
        clean = with_parameters(clean, [(SYNCED, "false")])
    return clean + fragment


# --- the way back ---------------------------------------------------------------------------------


def safe_return_url(visit: Visit, candidate: str | None) -> str | None:
    """Believe where somebody says a browser shall go on to, if that is a page of our own.

    A page of our own is a path of this very site, or a URL whose origin is this one, an authorized
    party or an allowed redirect origin. Whatever browsers, proxies or programs could read in
    different ways is refused, even where no harm is known.

    :returns: the candidate, unchanged, or ``None``.
    """
    if candidate is None or not _VISIBLE.fullmatch(candidate):
        return None
    if not candidate.startswith("/") and origin_of(candidate) not in _our_origins(visit):
        return None
    _, path, rest = _split(candidate)
    if _MISREAD.search(unquote(path)) or _CONTROL.search(unquote(path + rest)):
        return None
    return candidate


def _our_origins(visit: Visit) -> frozenset[str]:
    named = visit.site.redirect_origins
    if visit.url is not None and _is_own(visit.site, visit.url.origin):
        return named | {visit.url.origin}
    return named


def _is_own(site: Site, origin: str) -> bool:
    """Whether an origin is ours, and not one that stands in a forged ``Host`` header."""
    return not site.names_own_origins or origin in site.redirect_origins


def _crosses(url: PublicUrl, page: str) -> bool:
    """Whether a page is on another host; TLS may have ended at a proxy."""
    origin = origin_of(page) or url.origin
    return origin.partition("://")[2] != url.origin.partition("://")[2]


def _split(url: str) -> tuple[str, str, str]:
    """Divide a URL, or a path, into scheme and host, path, and the rest of it."""
    found = _PARTS.fullmatch(url)
    assert found is not None, "every part may be empty"
    origin, path, rest = found.groups(default="")
    return origin, path, rest
