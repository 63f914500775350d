"""Machines of the Backend API, and which may call which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from clerk_fastapi.testing.answers import Refusal, not_found
from clerk_fastapi.testing.asking import Body, Page, asked, known, ordered, read
from clerk_fastapi.testing.described import milliseconds
from clerk_fastapi.testing.endpoints import endpoint
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.records import Machine
from clerk_fastapi.testing.signing import new_id

__all__ = ["machine_endpoints"]

_FIELDS: Final[Mapping[str, Callable[[Machine], Any]]] = {
    "created_at": lambda machine: machine.created_at,
    "name": lambda machine: machine.name,
}


class _Machines(Page):
    query: str = ""
    order_by: str = "-created_at"


class _ChangedMachine(Body):
    name: str | None = Field(None, min_length=1)
    default_token_ttl: int | None = Field(None, ge=1)


class _NewMachine(Body):
    name: str = Field(min_length=1)
    default_token_ttl: int | None = Field(None, ge=1)
    scoped_machines: tuple[str, ...] = ()


class _Scope(Body):
    to_machine_id: str


class _Rotation(Body):
    previous_token_ttl: int = Field(ge=0)


def machine_endpoints(instance: Instance) -> list[Route]:
    """All that begin with ``/machines``."""
    machines = _MachineEndpoints(instance)
    one = "/machines/{machine_id}"
    return [
        endpoint("GET", "/machines", machines.page),
        endpoint("POST", "/machines", machines.create),
        endpoint("GET", one, machines.get),
        endpoint("PATCH", one, machines.update),
        endpoint("DELETE", one, machines.delete),
        endpoint("GET", f"{one}/secret_key", machines.secret),
        endpoint("POST", f"{one}/secret_key/rotate", machines.rotate),
        endpoint("POST", f"{one}/scopes", machines.add_scope),
        endpoint("DELETE", one + "/scopes/{other_machine_id}", machines.remove_scope),
    ]


class _MachineEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, request: Request) -> object:
        query = asked(request, _Machines)
        text = query.query.casefold()
        machines = [
            machine
            for machine in self._instance.machines.values()
            if text in machine.name.casefold() or query.query == machine.id
        ]
        page = query.of(ordered(machines, query.order_by, _FIELDS))
        return {"data": [self._described(one) for one in page], "total_count": len(machines)}

    async def create(self, request: Request) -> object:
        body = await read(request, _NewMachine)
        if not self._instance.machines.keys() >= set(body.scoped_machines):
            message = "scoped_machines: not all of them are machines."
            raise Refusal(422, "resource_not_found", message, "scoped_machines")
        machine = self._instance.add_machine(body.name)
        machine.may_call = dict.fromkeys(body.scoped_machines, machine.created_at)
        machine.default_token_ttl = body.default_token_ttl or machine.default_token_ttl
        return {**self._described(machine), "secret_key": machine.secret_key}

    async def get(self, request: Request) -> object:
        return self._described(self._machine(request))

    async def update(self, request: Request) -> object:
        machine, body = self._machine(request), await read(request, _ChangedMachine)
        machine.name = body.name or machine.name
        machine.default_token_ttl = body.default_token_ttl or machine.default_token_ttl
        machine.updated_at = self._instance.clock()
        return self._described(machine)

    async def delete(self, request: Request) -> object:
        machine = self._machine(request)
        self._instance.delete_machine(machine)
        return {"object": "machine", "id": machine.id, "deleted": True}

    async def secret(self, request: Request) -> object:
        return _secret(self._machine(request))

    async def rotate(self, request: Request) -> object:
        machine, body = self._machine(request), await read(request, _Rotation)
        now = self._instance.clock()
        machine.retired = (machine.secret_key, now + body.previous_token_ttl)
        machine.secret_key, machine.updated_at = new_id("ak"), now
        return _secret(machine)

    async def add_scope(self, request: Request) -> object:
        machine, body = self._machine(request), await read(request, _Scope)
        if body.to_machine_id not in self._instance.machines:
            raise not_found("machine")
        if body.to_machine_id in machine.may_call:
            raise Refusal(409, "conflict", "The one machine may call the other already.")
        created_at = machine.may_call[body.to_machine_id] = self._instance.clock()
        ids = {"from_machine_id": machine.id, "to_machine_id": body.to_machine_id}
        return {"object": "machine_scope", **ids, "created_at": milliseconds(created_at)}

    async def remove_scope(self, request: Request) -> object:
        machine, other = self._machine(request), request.path_params["other_machine_id"]
        if machine.may_call.pop(other, None) is None:
            raise not_found("scope")
        ids = {"from_machine_id": machine.id, "to_machine_id": other}
        return {"object": "machine_scope", **ids, "deleted": True}

    def _machine(self, request: Request) -> Machine:
        return known(self._instance.machines, request, "machine_id", "machine")

    def _described(self, machine: Machine) -> dict[str, object]:
        others = [self._alone(self._instance.machines[other]) for other in machine.may_call]
        return {**self._alone(machine), "scoped_machines": others}

    def _alone(self, machine: Machine) -> dict[str, object]:
        return {
            "object": "machine",
            "id": machine.id,
            "name": machine.name,
            "instance_id": self._instance.events.instance_id,
            "default_token_ttl": machine.default_token_ttl,
            "created_at": milliseconds(machine.created_at),
            "updated_at": milliseconds(machine.updated_at),
        }


def _secret(machine: Machine) -> dict[str, object]:
    return {"object": "machine_secret_key", "secret": machine.secret_key}
