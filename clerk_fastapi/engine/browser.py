"""The cookie flow: what becomes of a browser, with everything that has to be fetched on the way."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final, Generic

from clerk_fastapi.backend.browser import BrowserBackend
from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.state import Handshake, SignedIn, SignedOut, State
from clerk_fastapi.engine.verifier import Verifier
from clerk_fastapi.errors import (
    BackendUnavailable,
    OriginMismatch,
    SessionEnded,
    SessionTokenMissing,
    TokenError,
    TokenExpired,
    TokenInvalidAuthorizedParties,
    TokenIssuedInFuture,
    TokenNotActiveYet,
    TokenTypeMismatch,
)
from clerk_fastapi.protocol.credentials import Facts, Navigation, read_cookies
from clerk_fastapi.protocol.directives import read_directives
from clerk_fastapi.protocol.handshake import (
    HANDSHAKE,
    HANDSHAKE_NONCE,
    Visit,
    Way,
    after_token,
    before_token,
    homecoming,
    public_url,
    session_reason,
    superseded,
    way,
)
from clerk_fastapi.protocol.reading import ClaimsT
from clerk_fastapi.protocol.site import Site, is_loopback
from clerk_fastapi.protocol.tokens import UnverifiedToken, peek_claims
from clerk_fastapi.protocol.url import hostname_of
from clerk_fastapi.protocol.verify import VerifiedToken, verify_handshake

__all__ = ["Browsers"]

logger = logging.getLogger("clerk_fastapi")

Headers = Iterable[tuple[bytes, bytes]]

_BY_THE_CLOCK: Final = (TokenExpired, TokenNotActiveYet, TokenIssuedInFuture)
# What Clerk shows its users of a session; never what could be used to impersonate them.
_TOLD: Final = frozenset(
    {b"accept-language", b"host", b"origin", b"referer", b"user-agent", b"x-forwarded-for"}
)


class Browsers(Generic[ClaimsT]):
    """Decides for requests that carry no token in the header, from their cookies.

    :param site: how browsers reach the application and Clerk.
    :param verifier: believes session tokens.
    :param backend: what Clerk can be asked; ``None`` without a secret key.
    """

    def __init__(
        self, site: Site, verifier: Verifier[ClaimsT], backend: BrowserBackend | None
    ) -> None:
        self._site = site
        self._verifier = verifier
        self._backend = backend
        self._warned_of_proxy = False

    async def authenticate(self, facts: Facts, headers: Headers) -> State[Auth[ClaimsT]]:
        """Decide who is asking; not being believed is a state.

        :param headers: all headers of the request, some of which Clerk is told.
        :raises BackendUnavailable: if Clerk's answer is needed and cannot be had.
        """
        visit = self.visit(facts)
        outage: BackendUnavailable | None = None
        try:
            brought = await self._brought_home(visit)
        except BackendUnavailable as error:
            # Those who are signed in need not know.
            outage, brought = type(error)(error.message, retry_after=error.retry_after), None
        except TokenError as error:
            return SignedOut(type(error)(error.message))
        if brought is not None:
            return brought
        state = await self._judge(visit, facts, headers)
        if outage is not None and not isinstance(state, SignedIn):
            raise outage
        return state

    def visit(self, facts: Facts) -> Visit:
        """Read what a browser says, its public URL and its cookies, without believing it."""
        seen, site = facts.navigation, self._site
        cookies = read_cookies(facts.cookie, site, self._verifier.clock())
        url = None
        if seen is not None:
            scheme = facts.scheme.replace("ws", "http", 1)
            url = public_url(site, scheme, facts.host, seen)
            self._warn_of_proxy(scheme, facts.host, seen)
        return Visit(site, cookies, url, seen)

    def _warn_of_proxy(self, scheme: str, host: bytes | None, seen: Navigation) -> None:
        if self._warned_of_proxy or self._site.proxies.include(seen.peer):
            return
        said = (seen.forwarded_proto or scheme.encode(), seen.forwarded_host or host)
        if said != (scheme.encode(), host):
            self._warned_of_proxy = True
            logger.warning(
                "X-Forwarded-Proto and X-Forwarded-Host are ignored: scope['client'] is none of "
                "trusted_proxies. Name your proxy there if it sends them, and if it is named "
                "already, let nobody replace the address before: uvicorn --no-proxy-headers"
            )

    async def _judge(self, visit: Visit, facts: Facts, headers: Headers) -> State[Auth[ClaimsT]]:
        refused = before_token(visit)
        if refused is not None:
            return _state(refused)
        token = (visit.cookies.session or "").encode("utf-8", "surrogatepass")
        try:
            verified = await self._verifier.verified(token)
            better = superseded(visit, verified.identity.issued_at)
            if better is None:
                self._judge_page(visit, facts)
                self._judge_party(visit, verified.identity.authorized_party)
                better = after_token(visit, verified.identity)
        except TokenError as error:
            refusal = type(error)(error.message)
        else:
            return self._signed_in(token, verified) if better is None else _state(better)
        return await self._refused(visit, token, refusal, headers)

    async def _refused(
        self, visit: Visit, token: bytes, error: TokenError, headers: Headers
    ) -> State[Auth[ClaimsT]]:
        """Find a way for a browser whose session token is not believed (any more)."""
        if not isinstance(error, TokenTypeMismatch):
            better = superseded(visit, _issued_at(token))
            if better is not None:
                return _state(better)
        why = "non-eligible-non-get"
        if visit.navigation is not None and visit.navigation.method == "GET":
            why = "non-eligible-no-refresh-cookie"
            if isinstance(error, TokenExpired) and visit.cookies.refresh is not None:
                try:
                    fresh = await self._refreshed(visit, token, visit.cookies.refresh, headers)
                except SessionEnded:  # Clerk does not know yet; asking again will not help
                    return SignedOut(SessionEnded())
                if isinstance(fresh, SignedIn):
                    return fresh
                why = fresh
        reason = session_reason(error, why)
        if isinstance(error, _BY_THE_CLOCK):
            return _state(way(visit, error, reason))
        return SignedOut(error, reason)

    def _judge_page(self, visit: Visit, facts: Facts) -> None:
        """Refuse WebSockets of other pages: browsers let any open one anywhere, with cookies."""
        if facts.kind == "websocket":
            origin = (facts.origin or b"").decode("latin-1").lower()
            parties = self._verifier.rules.authorized_parties or ()
            if origin and origin not in _own_origins(visit) and origin not in parties:
                raise OriginMismatch

    def _judge_party(self, visit: Visit, party: str | None) -> None:
        """Hold a cookie against where it comes from: cookies travel without being asked.

        Where nobody said which origins are ours, only this one is: a neighbouring subdomain must
        not be able to plant its own visitors' tokens here.
        """
        if self._verifier.rules.authorized_parties is not None or self._site.is_development:
            return
        if party is not None and party.lower() not in _own_origins(visit):
            raise TokenInvalidAuthorizedParties

    # --- coming home from a handshake -------------------------------------------------------------

    async def _brought_home(self, visit: Visit) -> State[Auth[ClaimsT]] | None:
        """Take what a handshake left for this browser; ``None`` if there is nothing to take.

        :raises TokenError: in development, if it is not from this instance.
        :raises BackendUnavailable: if Clerk cannot be asked what it was.
        """
        directives = await self._directives(visit)
        if directives is None or visit.url is None:
            return None
        key = self._site.key
        suffix = "" if key is None else key.cookie_suffix
        brought = read_directives(directives, suffix, hostname_of(visit.url.origin))
        location = homecoming(visit)
        if not brought.session:
            return SignedOut(SessionTokenMissing(), None, brought.cookies, location)
        token = brought.session.encode()
        try:
            verified = await self._verified_at_home(token)
            self._judge_party(visit, verified.identity.authorized_party)
        except SessionEnded:  # here, though not at Clerk: another round would bring the same
            return SignedOut(SessionEnded())
        except TokenError as error:
            logger.info("a handshake brought home a session that is refused: %s", error.code)
            return None
        return self._signed_in(token, verified, brought.cookies, location)

    async def _directives(self, visit: Visit) -> list[object] | None:
        # In production they come as cookies: what stands in a link, anybody may have written.
        cookies, is_development = visit.cookies, self._site.is_development
        if not visit.may_be_redirected:  # nobody comes home who was not sent away
            return None
        nonce, token = cookies.handshake_nonce, cookies.handshake
        if is_development:
            nonce = visit.parameter(HANDSHAKE_NONCE) or nonce
            token = visit.parameter(HANDSHAKE) or token
        if nonce:
            return None if self._backend is None else await self._backend.handshake_payload(nonce)
        if not token:
            return None
        try:
            return await self._opened(token.encode("utf-8", "surrogatepass"))
        except TokenExpired:
            logger.info(
                "a handshake is ignored that was used before, or the clock of this machine is wrong"
            )
        except TokenError as error:
            if is_development:
                raise
            # Another application below the same domain may have left it.
            logger.info("what a handshake brought home is refused: %s", error.code)
        return None

    async def _opened(self, token: bytes) -> list[object] | None:
        verifier = self._verifier
        unverified = UnverifiedToken.parse(token)
        key = await verifier.keys.key_for(unverified.header.kid)
        return verify_handshake(unverified, key, verifier.rules, verifier.clock())

    async def _verified_at_home(self, token: bytes) -> VerifiedToken:
        try:
            return await self._verifier.verified(token)
        except _BY_THE_CLOCK:
            if not self._site.is_development:
                raise
            logger.warning("the clock of this machine seems to be wrong; set it to the right time")
        return await self._verifier.verified_by_a_wrong_clock(token)

    # --- making an expired session fresh ----------------------------------------------------------

    async def _refreshed(
        self, visit: Visit, token: bytes, refresh_token: str, headers: Headers
    ) -> SignedIn[Auth[ClaimsT]] | str:
        """Exchange an expired session token, or say in a word why that did not work.

        :raises SessionEnded: if the session is refused here, whatever Clerk says.
        """
        if self._backend is None or visit.url is None:
            return "missing-api-client"
        told: dict[str, list[str]] = {}
        for name, value in headers:
            if name in _TOLD or name.startswith((b"sec-ch-ua", b"sec-fetch-")):
                told.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        body = {
            "format": "cookie",
            "expired_token": token.decode("utf-8", "surrogatepass"),
            "refresh_token": refresh_token,
            "request_origin": visit.url.origin,
            "request_headers": told,
        }
        expired = peek_claims(UnverifiedToken.parse(token).payload)
        party = expired.get("azp")
        try:
            self._judge_party(visit, party if isinstance(party, str) else None)
        except TokenError:
            return "invalid-session-token"
        answer = await self._backend.refresh(
            str(expired.get("sid")), body, suffixed=visit.cookies.suffixed
        )
        if isinstance(answer, str):
            return answer
        key = self._site.key
        suffix = "" if key is None else key.cookie_suffix
        fresh = read_directives(answer, suffix, hostname_of(visit.url.origin))
        renewed = fresh.session.encode()
        try:
            verified = await self._verifier.verified(renewed)
            self._judge_party(visit, verified.identity.authorized_party)
        except SessionEnded:
            raise
        except TokenError:
            return "invalid-session-token"
        return self._signed_in(renewed, verified, fresh.cookies)

    def _signed_in(
        self,
        token: bytes,
        verified: VerifiedToken,
        cookies: tuple[str, ...] = (),
        location: str | None = None,
    ) -> SignedIn[Auth[ClaimsT]]:
        return SignedIn(self._verifier.auth(token, verified), cookies, location)


def _state(decided: Way) -> SignedOut | Handshake:
    if decided.location is None:
        return SignedOut(decided.error, decided.reason)
    return Handshake(decided.error, decided.reason, decided.location, decided.cookies)


def _issued_at(token: bytes) -> object:
    """When a token claims to have been issued, if it is one at all."""
    try:
        return peek_claims(UnverifiedToken.parse(token).payload).get("iat")
    except TokenError:
        return None


def _own_origins(visit: Visit) -> frozenset[str]:
    """The origins that a page of this very host can have; TLS may have ended at a proxy."""
    if visit.url is None:
        return frozenset()
    origin = visit.url.origin
    encrypted = "https://" + origin.partition("://")[2].removesuffix(":443")
    # Nobody listens in on the way to one's own machine.
    plain = visit.site.is_development or is_loopback(hostname_of(origin))
    return frozenset({encrypted, origin} if plain else {encrypted})
