"""Pages: files with blanks, in which text stays text, sent with a policy that runs no script."""

import re
from html import escape
from pathlib import Path

from fastapi.responses import HTMLResponse

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"

_BLANK = re.compile(r"\{\{(\w+)\}\}")

# Nothing but this server's own files, and no inline script: text out of a database stays text.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}


class Html(str):
    """Text that is HTML already; all other text is escaped."""


def fill(template: str, **blanks: str) -> Html:
    """Fill in the blanks of a template, which are written ``{{name}}``."""

    def filled(blank: re.Match[str]) -> str:
        value = blanks[blank[1]]
        return value if isinstance(value, Html) else escape(value)

    return Html(_BLANK.sub(filled, template))


class Pages:
    """The files in ``templates/``; ``embedded`` tells whether they may offer to sign in here."""

    def __init__(self, *, embedded: bool) -> None:
        self._clerk = "embedded" if embedded else "real"
        self._templates = {file.stem: file.read_text("utf-8") for file in TEMPLATES.iterdir()}

    def whole(self, name: str) -> HTMLResponse:
        """A page that is complete in itself."""
        return self._answer(name, 200)

    def page(self, name: str, title: str, status_code: int = 200, **blanks: str) -> HTMLResponse:
        """A page in the layout that most have."""
        content = fill(self._templates[name], **blanks)
        return self._answer("layout", status_code, title=title, content=content)

    def _answer(self, name: str, status_code: int, **blanks: str) -> HTMLResponse:
        content = fill(self._templates[name], clerk=self._clerk, **blanks)
        return HTMLResponse(content, status_code, _HEADERS)
