"""The page on which a person tries every endpoint by hand."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"

# Nothing but this server's own files, and no inline script: text out of a database stays text.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def mount(app: FastAPI, *, embedded: bool) -> None:
    """Serve the page; ``embedded`` says whether it may fetch tokens from ``/local``."""
    page = (STATIC / "home.html").read_text("utf-8")
    if embedded:
        page = page.replace('data-clerk="real"', 'data-clerk="embedded"')
    router = APIRouter(include_in_schema=False)

    @router.get("/", response_class=HTMLResponse)
    async def home() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})

    app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC))
