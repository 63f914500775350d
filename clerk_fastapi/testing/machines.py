"""The machines an instance knows, and the tokens that machines hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import TypedDict, TypeVar

from clerk_fastapi.testing.invitations import InvitationDirectory
from clerk_fastapi.testing.machine_tokens import TokenFormat
from clerk_fastapi.testing.records import (
    ApiKey,
    M2MToken,
    Machine,
    MachineToken,
    OAuthToken,
    Organization,
    User,
)
from clerk_fastapi.testing.signing import new_id

__all__ = ["MachineDirectory"]

MachineTokenT = TypeVar("MachineTokenT", M2MToken, OAuthToken)


class _Life(TypedDict):
    created_at: float
    updated_at: float
    expires_at: float | None


class MachineDirectory(InvitationDirectory, ABC):
    """A directory of machines, too; their tokens are by the text that is sent.

    Change the record of a token, and the Backend API says so. A JSON Web Token is asked by nobody
    and says until it expires what it said when it was made.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.machines: dict[str, Machine] = {}
        self.machine_tokens: dict[str, MachineToken] = {}

    @abstractmethod
    def as_jwt(self, token: M2MToken | OAuthToken) -> str:
        """Write a token as a JSON Web Token.

        :raises ConfigurationError: if it never expires.
        """

    def add_machine(self, name: str, *, machine_id: str | None = None) -> Machine:
        """Add a service that calls others.

        :param machine_id: an id of your choice, for data that outlives this instance.
        """
        now = self.clock()
        machine = Machine(machine_id or new_id("mch"), name, new_id("ak"), 3_600, now, now)
        self.machines[machine.id] = machine
        return machine

    def delete_machine(self, machine: Machine) -> None:
        """Forget a machine, and its opaque tokens with it."""
        del self.machines[machine.id]
        for other in self.machines.values():
            other.may_call.pop(machine.id, None)
        for text, token in list(self.machine_tokens.items()):
            if token.subject == machine.id:
                del self.machine_tokens[text]

    def create_api_key(
        self,
        subject: User | Organization,
        *,
        name: str = "A key",
        scopes: Iterable[str] = (),
        claims: Mapping[str, object] | None = None,
        expires_in: float | None = None,
        description: str | None = None,
        created_by: str | None = None,
    ) -> ApiKey:
        """Make an API key of a user or an organization; its ``token`` is what programs send.

        :param expires_in: seconds from now; less than none makes one that has expired.
        :param created_by: a user's id.
        """
        key = ApiKey(
            id=new_id("ak"),
            token=new_id("ak"),
            subject=subject.id,
            scopes=list(scopes),
            name=name,
            claims=None if claims is None else dict(claims),
            description=description,
            created_by=created_by,
            **self._life(expires_in),
        )
        self.machine_tokens[key.token] = key
        return key

    def create_m2m_token(
        self,
        machine: Machine,
        *,
        scopes: Iterable[str] = (),
        claims: Mapping[str, object] | None = None,
        expires_in: float | None = 3_600,
        token_format: TokenFormat = "opaque",
    ) -> M2MToken:
        """Make a token with which a machine calls others.

        :param scopes: the ids of the machines that it may call, or whatever else you agreed on.
        :param expires_in: seconds from now; less than none makes one that has expired.
        :raises ConfigurationError: for a JSON Web Token that never expires.
        """
        token = M2MToken(
            id=new_id("mt"),
            token=new_id("mt"),
            subject=machine.id,
            scopes=list(scopes),
            claims=None if claims is None else dict(claims),
            **self._life(expires_in),
        )
        return self._kept(token, token_format)

    def create_oauth_token(
        self,
        user: User | str,
        *,
        client_id: str,
        scopes: Iterable[str] = (),
        audience: Iterable[str] = (),
        actor: Mapping[str, object] | None = None,
        expires_in: float | None = 86_400,
        token_format: TokenFormat = "opaque",
    ) -> OAuthToken:
        """Make an access token that a user granted to an OAuth client.

        :param expires_in: seconds from now; less than none makes one that has expired.
        :raises ConfigurationError: if the user is unknown, or for a JSON Web Token that never
            expires.
        """
        token = OAuthToken(
            id=new_id("oat"),
            token=new_id("oat"),
            subject=self.user(user).id,
            scopes=list(scopes),
            client_id=client_id,
            audience=list(audience),
            actor=actor,
            **self._life(expires_in),
        )
        return self._kept(token, token_format)

    def revoke(self, token: MachineToken, *, reason: str | None = None) -> None:
        """Take a token back; whoever asks the Backend API is told."""
        token.is_revoked, token.revocation_reason = True, reason
        token.updated_at = self.clock()

    def _life(self, expires_in: float | None) -> _Life:
        now = self.clock()
        expires_at = None if expires_in is None else now + expires_in
        return {"created_at": now, "updated_at": now, "expires_at": expires_at}

    def _kept(self, token: MachineTokenT, token_format: TokenFormat) -> MachineTokenT:
        if token_format == "jwt":
            token.token = self.as_jwt(token)
        self.machine_tokens[token.token] = token
        return token
