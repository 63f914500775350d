"""The sign-in and sign-up pages of a site, which have to be open to those who are not signed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clerk_fastapi.protocol.patterns import PathTemplate
from clerk_fastapi.protocol.site import Site
from clerk_fastapi.protocol.url import origin_of
from clerk_fastapi.web.routing.routes import Leaf

__all__ = ["Doors"]


class Doors:
    """The paths of these pages, as an application sees them.

    :param sites: the sites whose pages they are.
    :param prefix: where the application is mounted; ``None`` if nobody can tell.
    :param unauthorized_url: the page for those who are signed in and not allowed.
    """

    def __init__(
        self,
        sites: Iterable[Site],
        prefix: str | None = "",
        unauthorized_url: str | None = None,
    ) -> None:
        turned_away = unauthorized_url if unauthorized_url and unauthorized_url[0] == "/" else None
        self.turned_away = list(_below(prefix, turned_away))
        pages = [_page(site, url) for site in sites for url in (site.sign_in_url, site.sign_up_url)]
        self.paths = [path for page in pages for path in _below(prefix, page)]
        self._open = [template for path in self.paths for template in _templates(path)]

    def lead_to(self, leaf: Leaf) -> bool:
        """Whether a route serves nothing but these pages, and what is below them."""
        served = [PathTemplate.parse(path).language for path in leaf.paths]
        return all(any(page.language.covers(each) for page in self._open) for each in served)


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


def _templates(path: str) -> Iterator[PathTemplate]:
    """A page and those of Clerk's components below it, as text: it is no pattern of anything."""
    below = ["/{rest:path}"] if path != "/" else ["tasks", "create"]
    if "{" not in path:
        yield from (PathTemplate.parse(path + end) for end in ["", *below])
