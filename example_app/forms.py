"""Forms: taken from pages of this very site, and from nobody else's."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request, status

from example_app.problems import problem


async def only_from_this_site(request: Request) -> None:
    """Refuse forms of other sites: cookies come along with these, too."""
    sender = request.headers.get("Sec-Fetch-Site")
    if sender is None:  # an old browser
        own = f"{request.url.scheme}://{request.url.netloc}"
        sender = "same-origin" if request.headers.get("Origin") == own else "unknown"
    if sender != "same-origin":
        message = "Forms are taken from pages of this site only."
        raise problem(status.HTTP_403_FORBIDDEN, "cross-origin-form", message)


async def _form(request: Request) -> dict[str, str]:
    await only_from_this_site(request)
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


Form = Annotated[dict[str, str], Depends(_form)]
"""The fields of a form of ours."""
