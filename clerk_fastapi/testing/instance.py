"""A Clerk instance without a face: its keys, its records, and the tokens it issues."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.keys import InstanceType, PublishableKey, secret_key_instance_type
from clerk_fastapi.testing import forgery, shortcodes, tokens
from clerk_fastapi.testing.directory import Directory, Session
from clerk_fastapi.testing.forgers import Original
from clerk_fastapi.testing.signing import SigningKey
from clerk_fastapi.testing.tokens import Version

__all__ = ["DEFAULT_HOST", "Instance"]

# Browser SDKs take a host that ends like this for a development instance; Clerk's own are named by
# random words, so this one is nobody's.
DEFAULT_HOST = "local-clerk-0.clerk.accounts.dev"


class Instance(Directory):
    """One instance of Clerk; its keys are made at run time and live as long as it does."""

    def __init__(
        self,
        *,
        host: str = DEFAULT_HOST,
        instance_type: InstanceType = "development",
        secret_key: str | None = None,
        signing_key: SigningKey | None = None,
        session_claims: Mapping[str, object] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make the keys; there is nobody in it yet.

        :param host: the Frontend API's host, which the publishable key names.
        :param instance_type: ``production`` makes keys that look live, to try out the difference.
        :param secret_key: a test key that two processes agreed on, instead of a new one.
        :param signing_key: a key made before, to save the time of making one.
        :param session_claims: what "Customize session token" adds, with shortcodes such as
            ``{"metadata": "{{user.public_metadata}}"}``.
        :param clock: seconds since the epoch.
        :raises ConfigurationError: for a live secret key, a host that no key can name, or a session
            claim that Clerk sets itself.
        """
        super().__init__(clock)
        if secret_key is not None and secret_key_instance_type(secret_key) != "development":
            raise ConfigurationError("A local Clerk takes no live secret key; leave it out.")
        self._session_claims = dict(session_claims or {})
        shortcodes.check(self._session_claims)
        self._publishable_key = PublishableKey.build(host, instance_type)
        prefix = "sk_test_" if instance_type == "development" else "sk_live_"
        self.secret_key = secret_key or prefix + secrets.token_urlsafe(32)
        self._keys = [signing_key or SigningKey.generate()]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.host}>"

    @property
    def publishable_key(self) -> str:
        """The key that names this instance."""
        return self._publishable_key.text

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
        return self._keys[0].token(
            tokens.to_json(tokens.changed(tokens.header(self._keys[0].kid), header or {})),
            tokens.to_json(tokens.changed(own, claims or {})),
        )

    def forge(self, name: str, session: Session) -> str:
        """Make one of the evil tokens that ``FORGERIES`` names, starting from a good one.

        :raises ConfigurationError: if there is no forgery of that name.
        """
        key = self._keys[0]
        claims = self._claims(session, 2, int(self.clock()), 60, None)
        return forgery.forge(name, Original(key, tokens.header(key.kid), claims))

    def bearer(self, session: Session) -> dict[str, str]:
        """The header of a request that carries a fresh token of this session."""
        return {"Authorization": f"Bearer {self.token(session)}"}

    def cookies(self, session: Session) -> dict[str, str]:
        """The cookies of a browser in which this session is the active one."""
        signed_in = {"__session": self.token(session), "__client_uat": str(int(session.created_at))}
        suffix = self._publishable_key.cookie_suffix
        return signed_in | {f"{name}_{suffix}": value for name, value in signed_in.items()}

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
