"""A Clerk instance without a face: its keys, its records, and the tokens it issues."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.keys import InstanceType, PublishableKey, secret_key_instance_type
from clerk_fastapi.testing import shortcodes, tokens
from clerk_fastapi.testing.forgers import Original
from clerk_fastapi.testing.forgery import EVIL_SESSION_TOKENS
from clerk_fastapi.testing.handshake import HANDSHAKE_SECONDS, Destination, Nonces
from clerk_fastapi.testing.loopback import LOOPBACK_ORIGIN
from clerk_fastapi.testing.machine_forgery import (
    EVIL_HANDSHAKES,
    EVIL_M2M_TOKENS,
    EVIL_OAUTH_TOKENS,
)
from clerk_fastapi.testing.machine_tokens import (
    m2m_claims,
    m2m_header,
    oauth_claims,
    oauth_header,
)
from clerk_fastapi.testing.machines import MachineDirectory
from clerk_fastapi.testing.records import (
    Browser,
    JwtTemplate,
    M2MToken,
    MachineToken,
    OAuthToken,
    Session,
    Ticket,
)
from clerk_fastapi.testing.signing import SigningKey, new_id
from clerk_fastapi.testing.templates import Templates, template_token
from clerk_fastapi.testing.tokens import Version
from clerk_fastapi.testing.webhooks import Outbox

__all__ = ["DEFAULT_HOST", "Instance"]

# Browser SDKs take a host that ends like this for a development instance; Clerk's own are named by
# random words, so this one is nobody's.
DEFAULT_HOST = "local-clerk-0.clerk.accounts.dev"


class Instance(MachineDirectory):
    """One instance of Clerk; its keys are made at run time and live as long as it does."""

    def __init__(
        self,
        *,
        host: str = DEFAULT_HOST,
        instance_type: InstanceType = "development",
        secret_key: str | None = None,
        signing_key: SigningKey | None = None,
        session_claims: Mapping[str, object] | None = None,
        proxy_url: str | None = None,
        allowed_origins: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make the keys; there is nobody in it yet.

        :param host: the Frontend API's host, which the publishable key names.
        :param instance_type: ``production`` makes keys that look live, to try out the difference.
        :param secret_key: a test key that two processes agreed on, instead of a new one.
        :param signing_key: a key made before, to save the time of making one.
        :param session_claims: what "Customize session token" adds, with shortcodes such as
            ``{"metadata": "{{user.public_metadata}}"}``.
        :param proxy_url: where browsers reach the Frontend API, if not at its host; it may be set
            later, when it is known.
        :param allowed_origins: origins, beyond those of this machine, to which a handshake leads
            back.
        :param clock: seconds since the epoch.
        :raises ConfigurationError: for a live secret key, a host that no key can name, a session
            claim that Clerk sets itself, or an origin that is none.
        """
        super().__init__(clock)
        if secret_key is not None and secret_key_instance_type(secret_key) != "development":
            raise ConfigurationError("A local Clerk takes no live secret key; leave it out.")
        self._session_claims = dict(session_claims or {})
        shortcodes.check(self._session_claims)
        self._publishable_key = PublishableKey.build(host, instance_type)
        prefix = "sk_test_" if instance_type == "development" else "sk_live_"
        self.secret_key = secret_key or prefix + secrets.token_urlsafe(32)
        self.machine_secret_key = new_id("ak")
        self.proxy_url = proxy_url
        self.allowed_origins = frozenset(allowed_origins)
        for origin in self.allowed_origins:
            if Destination.parse(origin) != (origin, origin):
                raise ConfigurationError(f"{origin!r} is no origin: https://app.example.com is.")
        self.nonces = Nonces(clock)
        self.outbox = Outbox(self.events, clock)
        self.jwt_templates = Templates(clock)
        self.tickets: dict[str, Ticket] = {}
        self._keys = [signing_key or SigningKey.generate()]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.host}>"

    @property
    def publishable_key(self) -> str:
        """The key that names this instance."""
        return self._publishable_key.text

    @property
    def instance_type(self) -> InstanceType:
        """Development instances know browsers by a dev browser token, others by a cookie."""
        return self._publishable_key.instance_type

    @property
    def cookie_suffix(self) -> str:
        """What ends the names of this instance's cookies: ``__session_<suffix>``."""
        return self._publishable_key.cookie_suffix

    @property
    def host(self) -> str:
        """The host of the Frontend API."""
        return self._publishable_key.host

    @property
    def issuer(self) -> str:
        """The ``iss`` of the session tokens."""
        return self._publishable_key.issuer

    @property
    def jwt_key(self) -> str:
        """The public key that tokens are signed for now, as PEM."""
        return self._keys[0].pem

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set (RFC 7517 section 5) as it is published."""
        return {"keys": [key.jwk for key in self._keys]}

    def rotate_keys(self, *, keep_old: bool = True) -> None:
        """Sign with a new key from now on; the old ones stay published only if they are kept."""
        self._keys = [SigningKey.generate(), *(self._keys if keep_old else ())]

    def token(
        self,
        session: Session,
        *,
        version: Version = 2,
        expires_in: int = 60,
        issued_ago: int = 0,
        azp: str | None = None,
        claims: Mapping[str, object] | None = None,
        header: Mapping[str, object] | None = None,
    ) -> str:
        """Issue a session token.

        :param version: the wire version.
        :param expires_in: seconds of life, counted from its issue.
        :param issued_ago: seconds that it is old already.
        :param azp: the authorized party, if not the session's own origin.
        :param claims: claims to set, or to leave out if given as ``ABSENT``, right or wrong.
        :param header: the same for the header.
        """
        own = self._claims(session, version, int(self.clock()) - issued_ago, expires_in, azp)
        return self.sign(
            tokens.changed(tokens.header(self._keys[0].kid), header or {}),
            tokens.changed(own, claims or {}),
        )

    def add_jwt_template(
        self,
        name: str,
        *,
        claims: Mapping[str, object],
        lifetime: int = 60,
        allowed_clock_skew: int = 5,
        signing_key: str | None = None,
    ) -> JwtTemplate:
        """Add a JWT template, as on that page of the Clerk dashboard.

        :param claims: with shortcodes such as ``{"email": "{{user.primary_email_address}}"}``.
        :param lifetime: seconds of life of its tokens.
        :param allowed_clock_skew: seconds by which the clock of a reader may be behind.
        :param signing_key: a secret that the reader shares, to sign as HS256 does.
        :raises ConfigurationError: if the name is taken, or for a claim that Clerk sets itself.
        """
        return self.jwt_templates.add(
            name=name,
            claims=claims,
            lifetime=lifetime,
            allowed_clock_skew=allowed_clock_skew,
            signing_key=signing_key,
        )

    def template_token(self, session: Session, name: str, *, expires_in: int | None = None) -> str:
        """Issue a token of the session's user from the JWT template of that name.

        :param expires_in: seconds of life, if not the template's.
        :raises ConfigurationError: if there is no template of that name.
        """
        return template_token(
            self.jwt_templates.named(name),
            session,
            self.membership(session),
            key=self._keys[0],
            issuer=self.issuer,
            issued_at=int(self.clock()),
            expires_in=expires_in,
        )

    def forge(self, name: str, of: Session | M2MToken | OAuthToken) -> str:
        """Make one of the evil tokens that ``FORGERIES`` names, starting from a good one.

        Those of an M2M token are named by ``M2M_FORGERIES``, of an OAuth token by
        ``OAUTH_FORGERIES``.

        :raises ConfigurationError: if there is no forgery of that name.
        """
        key = self._keys[0]
        if isinstance(of, Session):
            claims = self._claims(of, 2, int(self.clock()), 60, None)
            original = Original(key, tokens.header(key.kid), claims)
            return EVIL_SESSION_TOKENS.make(name, original)
        forgeries = EVIL_M2M_TOKENS if isinstance(of, M2MToken) else EVIL_OAUTH_TOKENS
        return forgeries.make(name, Original(key, *self._said_by(of)))

    def forge_handshake(self, name: str, directives: Iterable[str]) -> str:
        """Make one of the evil handshake tokens that ``HANDSHAKE_FORGERIES`` names.

        :raises ConfigurationError: if there is no forgery of that name.
        """
        key = self._keys[0]
        original = Original(key, tokens.header(key.kid), self._brought(directives))
        return EVIL_HANDSHAKES.make(name, original)

    def as_jwt(self, token: M2MToken | OAuthToken) -> str:
        """Write a machine's token as a JSON Web Token."""
        return self.sign(*self._said_by(token))

    def bearer(self, of: Session | MachineToken) -> dict[str, str]:
        """The header of a request that carries a machine's token, or a fresh one of a session."""
        token = self.token(of) if isinstance(of, Session) else of.token
        return {"Authorization": f"Bearer {token}"}

    def cookies(
        self, of: Session | Browser, *, azp: str | None = None, refresh: bool = False
    ) -> dict[str, str]:
        """The cookies of a browser as it is, or as long as it takes this session for active.

        :param azp: the authorized party, if not the session's own origin.
        :param refresh: with ``__refresh``, which can replace an expired token without a redirect.
        """
        self.expire_sessions()
        browser, session = (of, of.session) if isinstance(of, Browser) else (of.browser, of)
        held = {"__client_uat": "0" if session is None else str(int(browser.updated_at))}
        if session is not None:
            held["__session"] = self.token(session, azp=azp)
        if self.instance_type == "development":
            held["__clerk_db_jwt"] = browser.token
        suffix = self.cookie_suffix
        suffixed = {f"{name}_{suffix}": value for name, value in held.items()}
        if refresh and session is not None:
            suffixed[f"__refresh_{suffix}"] = session.refresh_token
        return held | suffixed

    def handshake_token(self, directives: Iterable[str]) -> str:
        """Sign what a handshake brings: values of ``Set-Cookie``."""
        return self.sign(tokens.header(self._keys[0].kid), self._brought(directives))

    def leads_back_to(self, destination: Destination) -> bool:
        """Whether a handshake may end on that page: on this machine, or of an allowed origin."""
        origin = destination.origin
        return origin in self.allowed_origins or bool(LOOPBACK_ORIGIN.fullmatch(origin))

    def sign(self, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        """Sign anything with the key of today."""
        return self._keys[0].token(tokens.to_json(header), tokens.to_json(claims))

    def session_of(self, token: str) -> Session | None:
        """The session that a token is of, expired or not; ``None`` if it is not this instance's."""
        header, claims = tokens.read(token)
        session = self.sessions.get(str(claims.get("sid")))
        genuine = header.get("cat") == tokens.SESSION_CATEGORY and any(
            key.signed(token) for key in self._keys
        )
        return session if genuine else None

    def _claims(
        self, session: Session, version: Version, issued_at: int, expires_in: int, azp: str | None
    ) -> dict[str, object]:
        membership = self.membership(session)
        values = shortcodes.values(session, membership)
        custom = {
            name: shortcodes.fill(claim, values) for name, claim in self._session_claims.items()
        }
        own = tokens.session_claims(
            session,
            membership,
            version=version,
            issuer=self.issuer,
            issued_at=issued_at,
            expires_in=expires_in,
            azp=session.origin if azp is None else azp,
        )
        return {**custom, **own}

    def _brought(self, directives: Iterable[str]) -> dict[str, object]:
        now = int(self.clock())
        return {
            "handshake": list(directives),
            "iss": self.issuer,
            "iat": now,
            "exp": now + HANDSHAKE_SECONDS,
        }

    def _said_by(self, token: M2MToken | OAuthToken) -> tuple[dict[str, object], dict[str, object]]:
        kid = self._keys[0].kid
        if isinstance(token, M2MToken):
            return m2m_header(kid), m2m_claims(token, self.issuer)
        return oauth_header(kid), oauth_claims(token, self.issuer)
