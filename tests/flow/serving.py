"""A local Clerk and applications that belong to it, each on a port of its own, and a browser."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from fastapi import Depends, FastAPI, Request

from clerk_fastapi import Auth, Clerk, optional_auth, require_auth
from clerk_fastapi.testing import LocalClerk, Session, User
from clerk_fastapi.testing.loopback import bind, url_of
from clerk_fastapi.testing.server import serve

__all__ = [
    "FETCH",
    "NAVIGATION",
    "Address",
    "Browser",
    "Site",
    "address",
    "open_site",
    "opened",
    "reasons",
]

NAVIGATION = {
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "sec-fetch-dest": "document",
    "sec-fetch-mode": "navigate",
}
FETCH = {"accept": "*/*", "sec-fetch-dest": "empty", "sec-fetch-mode": "cors"}


@dataclass(frozen=True)
class Site:
    """An application that is being served, and the instance it belongs to."""

    url: str
    local: LocalClerk

    @property
    def domain(self) -> str:
        """Whose cookies the application gets: ports do not count."""
        host = urlsplit(self.url).hostname or ""
        return host if "." in host else f"{host}.local"  # as the standard library has it


class Browser(httpx.Client):
    """A client that keeps cookies, follows redirects and asks for pages, as browsers do."""

    def __init__(self) -> None:
        super().__init__(headers=NAVIGATION, follow_redirects=True)

    def hold(self, site: Site, cookies: Mapping[str, str]) -> None:
        """Be given cookies, as by earlier visits."""
        for name, value in cookies.items():
            self.cookies.set(name, value, domain=site.domain)

    def sign_in(self, site: Site, user: User, organization: str | None = None) -> Session:
        """Hold what a sign-in on the site leaves behind, at Clerk as well: it is on this host."""
        local = site.local
        session = local.sign_in(user, organization=organization, origin=site.url)
        self.hold(site, local.cookies(session, azp=site.url))
        self.hold(site, {"__client": session.browser.token})
        return session

    def held(self, site: Site) -> dict[str, str]:
        """The cookies that the site would be sent."""
        jar = self.cookies.jar
        return {each.name: each.value or "" for each in jar if each.domain == site.domain}


def reasons(answer: httpx.Response) -> list[str]:
    """Why the browser was sent to Clerk, each time, on the way to this answer."""
    urls = [step.url for step in (*answer.history, answer)]
    return [
        url.params["__clerk_hs_reason"] for url in urls if url.path.endswith("/client/handshake")
    ]


def opened(clerk: Clerk[Any]) -> FastAPI:
    """Pages that say who sees them, one of which guests may see as well."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.api_route("/page", methods=["GET", "HEAD", "POST"])
    @app.get("/orgs/{slug}")
    @app.get("/me")
    async def page(request: Request, auth: Annotated[Auth, Depends(require_auth)]) -> object:
        return {
            "user": auth.user_id,
            "organization": auth.org_slug,
            "query": str(request.url.query),
        }

    @app.get("/guests")
    async def guests(auth: Annotated[Auth | None, Depends(optional_auth)]) -> object:
        return {"user": None if auth is None else auth.user_id}

    return app


@contextmanager
def open_site(
    local: LocalClerk,
    host: str = "127.0.0.1",
    make: Callable[[Clerk[Any]], FastAPI] = opened,
    **options: Any,
) -> Iterator[Site]:
    """Serve an application of the instance, which is served already."""
    with bind(host, 0) as server_socket:
        url = url_of(server_socket).replace("127.0.0.1", host)
        settings: Any = {
            **local.settings(),
            "transport": None,  # the Backend API is asked over HTTP as well
            "api_url": local.proxy_url,
            "authorized_parties": [url],
            **options,
        }
        config = uvicorn.Config(make(Clerk(**settings)), log_level="warning", lifespan="on")
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [server_socket]})
        thread.start()
        try:
            yield Site(url, local)
        finally:
            server.should_exit = True
            thread.join()


class Address:
    """Where an instance is served: one after the other, since a server takes its time to stop."""

    def __init__(self) -> None:
        self.url = ""
        self._local: LocalClerk | None = None

    @contextmanager
    def of(self, local: LocalClerk) -> Iterator[LocalClerk]:
        """Serve this one while the block runs; browsers and applications find it here."""
        self._local, local.proxy_url = local, self.url
        try:
            yield local
        finally:
            self._local = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            assert self._local is not None, "nobody is served here at the moment"
            await self._local.app(scope, receive, send)


@contextmanager
def address() -> Iterator[Address]:
    """Open an address."""
    address = Address()
    with serve(address) as address.url:
        yield address
