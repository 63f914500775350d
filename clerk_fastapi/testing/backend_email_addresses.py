"""Email addresses of the Backend API."""

from __future__ import annotations

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from clerk_fastapi.testing.answers import Refusal, not_found
from clerk_fastapi.testing.asking import Body, Email, read
from clerk_fastapi.testing.described import deleted, described_email
from clerk_fastapi.testing.endpoints import endpoint
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.records import EmailAddress, User

__all__ = ["email_address_endpoints"]


class _ChangedAddress(Body):
    verified: bool | None = None
    primary: bool | None = None
    # Nobody gets a mail.
    notify_primary_email_address_changed: bool | None = Field(None, exclude=True)


class _NewAddress(_ChangedAddress):
    user_id: str
    email_address: Email


def email_address_endpoints(instance: Instance) -> list[Route]:
    """All that begin with ``/email_addresses``."""
    addresses = _EmailAddressEndpoints(instance)
    one = "/email_addresses/{email_address_id}"
    return [
        endpoint("POST", "/email_addresses", addresses.create),
        endpoint("GET", one, addresses.get),
        endpoint("PATCH", one, addresses.update, wrong=400),
        endpoint("DELETE", one, addresses.delete),
    ]


class _EmailAddressEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def create(self, request: Request) -> object:
        body = await read(request, _NewAddress)
        if body.user_id not in self._instance.users:
            raise not_found("user")
        verified, primary = bool(body.verified), bool(body.primary)
        _check_primary(primary, verified, 422)
        return described_email(
            self._instance.add_email_address(
                body.user_id, body.email_address, verified=verified, primary=primary
            )
        )

    async def get(self, request: Request) -> object:
        return described_email(self._found(request)[1])

    async def update(self, request: Request) -> object:
        (user, address), body = self._found(request), await read(request, _ChangedAddress)
        verified, primary = bool(body.verified), bool(body.primary)
        _check_primary(primary, address.is_verified or verified, 400)
        self._instance.update_email_address(user, address, verified=verified, primary=primary)
        return described_email(address)

    async def delete(self, request: Request) -> object:
        user, address = self._found(request)
        if len(user.email_addresses) == 1:
            message = "A user has one email address at least."
            raise Refusal(400, "last_required_identification_deletion_failed", message)
        self._instance.remove_email_address(user, address)
        return deleted("email_address", address.id)

    def _found(self, request: Request) -> tuple[User, EmailAddress]:
        for user in self._instance.users.values():
            for address in user.email_addresses:
                if address.id == request.path_params["email_address_id"]:
                    return user, address
        raise not_found("email address")


def _check_primary(primary: bool, verified: bool, status: int) -> None:
    if primary and not verified:
        message = "primary: the email address is not verified."
        raise Refusal(status, "form_param_value_invalid", message, "primary")
