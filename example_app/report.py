"""A report that another service makes, in the name of the user who asks for it."""

from typing import Annotated, NamedTuple

import httpx
from fastapi import APIRouter, Depends, status
from fastapi.requests import HTTPConnection

from clerk_fastapi import RateLimit
from example_app.downstream import Believed
from example_app.guards import SignedIn
from example_app.models import Report
from example_app.problems import problem

router = APIRouter(tags=["report"])

ten_in_ten_seconds = RateLimit(10, per=10, by="user")


class Downstream(NamedTuple):
    """The way to the service that is asked, and the JWT template whose tokens it takes."""

    client: httpx.AsyncClient
    path: str
    template: str

    async def ask(self, token: str) -> Believed:
        """Pass a token on.

        :raises HTTPException: 502, if the service does not take it or cannot be asked.
        """
        headers = {"Authorization": f"Bearer {token}"}
        try:
            answer = await self.client.get(self.path, headers=headers)
            return Believed.model_validate(answer.raise_for_status().json())
        except (httpx.HTTPError, ValueError):
            message = "The downstream service gave no report."
            raise problem(status.HTTP_502_BAD_GATEWAY, "downstream-failed", message) from None


async def _downstream(connection: HTTPConnection) -> Downstream:
    downstream: Downstream = connection.state.downstream
    return downstream


@router.get("/report", dependencies=[Depends(ten_in_ten_seconds)])
async def report(auth: SignedIn, downstream: Annotated[Downstream, Depends(_downstream)]) -> Report:
    """Ten in ten seconds, whoever else asks: the other service gets a token made for it alone."""
    believed = await downstream.ask(await auth.get_token(template=downstream.template))
    return Report(template=downstream.template, believed=believed.model_dump())
