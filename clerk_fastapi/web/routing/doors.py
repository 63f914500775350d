"""The sign-in and sign-up pages of a site, which have to be open to those who are not signed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clerk_fastapi.protocol.patterns import PathPattern, PathTemplate
from clerk_fastapi.protocol.site import Site
from clerk_fastapi.protocol.url import origin_of
from clerk_fastapi.web.routing.routes import Leaf

__all__ = ["Doors"]


class Doors:
    """The paths of these pages, as an application sees them.

    :param sites: the sites whose pages they are.
    :param prefix: where the application is mounted; ``None`` if nobody can tell.
    """

    def __init__(self, sites: Iterable[Site], prefix: str | None = "") -> None:
        pages = [_page(site, url) for site in sites for url in (site.sign_in_url, site.sign_up_url)]
        self.paths = [path for page in pages for path in _below(prefix, page)]
        self._patterns = [pattern for path in self.paths for pattern in _patterns(path)]

    def lead_to(self, leaf: Leaf) -> bool:
        """Whether a route serves nothing but these pages, and what is below them."""
        templates = [PathTemplate.parse(path) for path in leaf.paths]
        return all(
            any(pattern.covers(template) for pattern in self._patterns) for template in templates
        )


def _page(site: Site, url: str | None) -> str | None:
    """The path of a page, if it is one of this very site."""
    if url is None:
        return None
    path = url
    if not url.startswith("/"):
        origin = origin_of(url)
        if origin not in site.redirect_origins:
            return None
        path = "/" + url.partition("://")[2].partition("/")[2]
    return "/" + path.partition("?")[0].partition("#")[0].strip("/")


def _below(prefix: str | None, page: str | None) -> Iterator[str]:
    if page is not None and prefix is not None and f"{page}/".startswith(f"{prefix}/"):
        yield page[len(prefix) :] or "/"


def _patterns(path: str) -> Iterator[PathPattern]:
    yield PathPattern(path)
    if path != "/":  # Clerk's components have pages of their own below
        yield PathPattern(f"{path}/(.*)")
