"""What stands in the way of a browser's cookies, and the redirect (307) that clears it away."""

from __future__ import annotations

from clerk_fastapi.errors.root import ClerkError, TokenError

__all__ = [
    "ClientUatMissing",
    "CrossOriginSync",
    "DevBrowserMissing",
    "DevBrowserSync",
    "HandshakeRequired",
    "OrganizationMismatch",
    "OriginMismatch",
    "PrimaryRespondsToSyncing",
    "SatelliteNeedsSyncing",
    "SessionCookieMissing",
    "SessionSuperseded",
    "SessionTokenMissing",
]


class ClientUatMissing(TokenError):
    """A session cookie, but the ``__client_uat`` cookie says that nobody is signed in."""

    code = "session-token-but-no-client-uat"
    sentence = (
        "This browser has signed out, or its __client_uat cookie is missing; sign in again, or "
        "send the token as 'Authorization: Bearer <session token>'."
    )


class SessionCookieMissing(TokenError):
    """The ``__client_uat`` cookie says that somebody is signed in, but no session cookie came."""

    code = "client-uat-but-no-session-token"
    sentence = "The session cookie is missing; open a page of this site, or fetch a fresh token."


class SessionSuperseded(TokenError):
    """The ``__client_uat`` cookie is newer than the session token beside it."""

    code = "session-token-iat-before-client-uat"
    sentence = "The browser's session changed after this token was issued; fetch a fresh token."


class DevBrowserMissing(TokenError):
    """A development instance has not met this browser yet (``__clerk_db_jwt``)."""

    code = "dev-browser-missing"
    sentence = (
        "This browser is unknown to the development instance; open a page of this site first, or "
        "send the token as 'Authorization: Bearer <session token>'."
    )


class DevBrowserSync(TokenError):
    """The development instance hands its browser token over in the URL."""

    code = "dev-browser-sync"
    sentence = "The browser has to be introduced to the development instance; open the page anew."


class SatelliteNeedsSyncing(TokenError):
    """A satellite domain does not know yet who is signed in on the primary domain."""

    code = "satellite-needs-syncing"
    sentence = "This satellite domain has to be synchronized with its primary domain first."


class PrimaryRespondsToSyncing(TokenError):
    """The primary domain sends a browser back to the satellite domain it came from."""

    code = "primary-responds-to-syncing"
    sentence = "The browser is on its way back to the satellite domain it came from."


class CrossOriginSync(TokenError):
    """A page of another origin led here; the session may have changed there."""

    code = "primary-domain-cross-origin-sync"
    sentence = "The session has to be synchronized, because a page of another origin led here."


class OrganizationMismatch(TokenError):
    """The URL names another organization than the one that is active."""

    code = "active-organization-mismatch"
    sentence = "Another organization has to be made active for this page."


class SessionTokenMissing(TokenError):
    """A handshake with Clerk brought no session home."""

    code = "session-token-missing"
    sentence = "Sign in first: Clerk knows of no session in this browser."


class OriginMismatch(TokenError):
    """A WebSocket opened with cookies by a page of another origin."""

    code = "websocket-origin-mismatch"
    sentence = (
        "This origin may not open WebSockets with the session cookie; "
        "add it to authorized_parties if it is yours."
    )


class HandshakeRequired(ClerkError):
    """The browser has to go to ``location`` and comes back with fresh cookies.

    ``cookies`` are the values of the ``Set-Cookie`` headers to send along, ``reason`` is Clerk's.
    """

    code = "handshake"
    status = 307
    sentence = "The browser has to fetch a fresh session from Clerk first."

    def __init__(self, reason: str, location: str, cookies: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.reason = reason
        self.location = location
        self.cookies = cookies
