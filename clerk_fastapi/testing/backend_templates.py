"""JWT templates of the Backend API."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from clerk_fastapi.testing.answers import Refusal
from clerk_fastapi.testing.asking import Body, Document, Page, asked, known, read
from clerk_fastapi.testing.described import deleted, described_template
from clerk_fastapi.testing.endpoints import endpoint
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.records import JwtTemplate, SigningAlgorithm

__all__ = ["template_endpoints"]

_TEN_YEARS = 315_360_000


class _Templates(Page):
    paginated: bool = False


class _Template(Body):
    lifetime: int | None = Field(None, ge=30, le=_TEN_YEARS)
    allowed_clock_skew: int | None = Field(None, ge=0, le=300)
    custom_signing_key: bool | None = Field(None, exclude=True)
    signing_algorithm: SigningAlgorithm | None = Field(None, exclude=True)
    signing_key: str | None = Field(None, exclude=True)

    def fields(self) -> dict[str, Any]:
        """What was given, under the names of a record.

        :raises HTTPException: 422, for a key without its algorithm, or the other way round.
        """
        given = self.model_dump(exclude_none=True)
        if self.custom_signing_key is None:
            return given
        own = (self.signing_key, self.signing_algorithm)
        if self.custom_signing_key and (not own[0] or own[1] != "HS256"):
            message = "A key of a template's own is given in signing_key, and signs as HS256."
            raise Refusal(422, "form_param_value_invalid", message, "signing_key")
        return {**given, "signing_key": self.signing_key if self.custom_signing_key else None}


class _NewTemplate(_Template):
    name: str = Field(min_length=1)
    claims: Document


class _ChangedTemplate(_Template):
    name: str | None = Field(None, min_length=1)
    claims: Document | None = None


def template_endpoints(instance: Instance) -> list[Route]:
    """All that begin with ``/jwt_templates``."""
    templates = _TemplateEndpoints(instance)
    one = "/jwt_templates/{template_id}"
    return [
        endpoint("GET", "/jwt_templates", templates.page),
        endpoint("POST", "/jwt_templates", templates.create),
        endpoint("GET", one, templates.get),
        endpoint("PATCH", one, templates.update),
        endpoint("DELETE", one, templates.delete),
    ]


class _TemplateEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._templates = instance.jwt_templates

    async def page(self, request: Request) -> object:
        query = asked(request, _Templates)
        templates = list(reversed(self._templates.by_id.values()))
        data = [described_template(template) for template in query.of(templates)]
        return {"data": data, "total_count": len(templates)} if query.paginated else data

    async def create(self, request: Request) -> object:
        fields = (await read(request, _NewTemplate)).fields()
        return described_template(self._templates.add(**fields))

    async def get(self, request: Request) -> object:
        return described_template(self._template(request))

    async def update(self, request: Request) -> object:
        template = self._template(request)
        self._templates.change(template, **(await read(request, _ChangedTemplate)).fields())
        return described_template(template)

    async def delete(self, request: Request) -> object:
        template = self._template(request)
        del self._templates.by_id[template.id]
        return deleted("jwt_template", template.id)

    def _template(self, request: Request) -> JwtTemplate:
        return known(self._templates.by_id, request, "template_id", "JWT template")
