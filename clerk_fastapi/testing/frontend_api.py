"""The Frontend API, which browsers ask: keys, dev browsers, and the handshake."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.testing.answers import clerk_error
from clerk_fastapi.testing.handshake import (
    HANDSHAKE_SECONDS,
    NONCE,
    TOKEN,
    Destination,
    directives,
    set_cookie,
)
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.records import Browser

__all__ = ["frontend_api"]

_DEV_BROWSER = "__clerk_db_jwt"
_CLIENT = "__client"


def frontend_api(instance: Instance) -> list[Route]:
    """The routes on the host that the publishable key names, or behind a proxy of it."""

    async def jwks(request: Request) -> Response:
        return JSONResponse(instance.jwks())

    async def dev_browser(request: Request) -> Response:
        if instance.instance_type == "production":
            raise HTTPException(404)
        return JSONResponse({"id": instance.add_browser().token})

    async def handshake(request: Request) -> Response:
        destination = Destination.parse(request.query_params.get("redirect_url", ""))
        if destination is None or not instance.leads_back_to(destination):
            message = "redirect_url is no page of this machine, nor of an allowed origin."
            return clerk_error(400, "form_param_value_invalid", message)
        browser = _browser(instance, request) or instance.add_browser()
        _switch_organization(instance, browser, request.query_params.get("organization_id"))
        return _lead_back(instance, request, browser, destination)

    return [
        Route("/.well-known/jwks.json", jwks),
        Route("/v1/dev_browser", dev_browser, methods=["POST"]),
        Route("/v1/client/handshake", handshake),
    ]


def _browser(instance: Instance, request: Request) -> Browser | None:
    """Who is asking: by a parameter or cookie in development, by a cookie alone in production."""
    if instance.instance_type == "production":
        token = request.cookies.get(_CLIENT)
    else:
        token = request.query_params.get(_DEV_BROWSER) or request.cookies.get(_DEV_BROWSER)
    return instance.browsers.get(token or "")


def _switch_organization(instance: Instance, browser: Browser, organization: str | None) -> None:
    """Do what ``organization_id`` says; where that cannot be done, everything stays as it is."""
    if browser.session is None or organization is None:
        return
    try:
        instance.switch_organization(browser.session, organization or None)
    except ConfigurationError:
        return


def _lead_back(
    instance: Instance, request: Request, browser: Browser, destination: Destination
) -> Response:
    """Send the browser home with all it should hold: by query in development, else by cookie."""
    secure, domain = destination.is_secure, destination.domain(request.url.hostname or "")
    brought = directives(
        instance.cookies(browser, azp=destination.origin, refresh=True),
        instance.cookie_suffix,
        secure=secure,
        domain=domain,
    )
    name = NONCE if request.query_params.get("format") == "nonce" else TOKEN
    in_production = instance.instance_type == "production"
    if in_production:  # it has served then
        brought.append(set_cookie(name, "", secure=secure, domain=domain, max_age=0))
    value = instance.nonces.keep(brought) if name == NONCE else instance.handshake_token(brought)
    response = Response(status_code=307, headers={"Cache-Control": "no-store"})
    if not in_production:
        response.headers["Location"] = destination.carrying(name, value)
        return response
    response.headers["Location"] = destination.url
    for cookie in (
        set_cookie(_CLIENT, browser.token, secure=request.url.scheme == "https"),
        set_cookie(name, value, secure=secure, domain=domain, max_age=HANDSHAKE_SECONDS),
    ):
        response.headers.append("Set-Cookie", cookie)
    return response
