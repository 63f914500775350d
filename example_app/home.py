"""The page on which a person tries every endpoint by hand."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from example_app.services import PagesDep

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=HTMLResponse)
async def home(pages: PagesDep) -> HTMLResponse:
    """The page; its script asks for everything else."""
    return pages.whole("home")
