"""Two ways to protect the application: what is closed is named, or what is open."""

from clerk_fastapi import Role
from clerk_fastapi.web.routing.policies import Demand, Policy
from tests.tricks.application import Site

__all__ = ["closed_but_for", "open_but_for"]

ADMIN = Role("org:admin")


def open_but_for(site: Site) -> list[Policy]:
    """For ``default="public"``: what is protected."""
    return [
        Policy("signed_in", "/items", "/items/{item_id}", methods=["POST", "PUT"]),
        Policy(ADMIN, "/items", methods=["DELETE"]),
        Policy("public", names=["help"]),
        Policy(ADMIN, "/admin(.*)"),
        Policy("signed_in", "/numbers/{n}", "/ratios/{r:float}", "/ids/:id", "/files/(.*)"),
        Policy("public", "/colours/all"),
        Policy("signed_in", "/colours/{c}", "/caf%C3%A9", names=["colour", "coffee"]),
        Policy("signed_in", names=["space", "plain", "timed", "handling", "case_blind"]),
        Policy("signed_in", "/endpoint", methods=["POST"]),
        Policy(ADMIN, "/stacked/:x", "/asgi", "/opaque(.*)"),
        Policy("public", names=["ws_open"]),
        Policy("signed_in", "/ws(.*)", "/talk"),
        Policy("signed_in", tags=["account"], routers=[site.routers["account"]]),
        Policy("signed_in", "/reports/(.*)"),
        Policy("public", names=["deep_open"]),
        Policy(ADMIN, routers=[site.routers["three"]]),
        Policy("signed_in", tags=["first"]),
        Policy(ADMIN, names=["version_two"]),
        Policy("signed_in", "/private(.*)", "/wrapped/(.*)", "/moved/closed"),
        Policy("public", names=["legacy:known"]),
        Policy(ADMIN, "/legacy(.*)", names=["legacy:"]),
        Policy(ADMIN, names=["tenant:tenant_data", "sub:star:star_secret"]),
        Policy("signed_in", names=["api:host_data"]),
        Policy("public", "/sub/open"),
        Policy("signed_in", routers=[site.routers["sub"]]),
        Policy("signed_in", "/v1/:any*", names=["v1:thing", "v1:thing_ws"]),
        Policy("signed_in", "/spaces/{space}/data"),
        Policy("signed_in", tags=["portal"]),
        *_for_the_rest(site, "signed_in"),
    ]


def closed_but_for(site: Site) -> list[Policy]:
    """For ``default="signed_in"``: what is public, and what needs more."""
    three = site.routers["three"]
    return [
        Policy("public", "/", "/items", "/items/{item_id}", methods=["GET", "OPTIONS"]),
        Policy(ADMIN, names=["drop_items"], methods=["DELETE"]),
        Policy("public", "/admin/help", "/colours/all", "/open-reports/(.*)", "/ws/open"),
        Policy(ADMIN, "/admin", "/admin/users", "/admin/users/{user_id}"),
        Policy("public", names=["Endpoint"], methods=["GET"]),
        Policy(ADMIN, "/stacked/{x}", "/asgi", "/opaque/(.*)"),
        Policy("public", "/one/two/three/open", routers=[three]),
        Policy(ADMIN, routers=[three]),
        Policy("public", tags=["second"]),
        Policy("public", names=["version_one"]),
        Policy(ADMIN, names=["version_two"]),
        Policy("public", "/static(.*)", "/site/(.*)", "/moved/open"),
        Policy("public", names=["legacy:known", "api:host_ping", "sub:sub_open"]),
        Policy(ADMIN, "/legacy/{path}"),
        Policy(ADMIN, names=["tenant:tenant_data"]),
        Policy(ADMIN, "/sub/star/secret", routers=[site.routers["sub"]]),
        Policy("public", "/v2/(.*)", "/spaces/:space/logo"),
        *_for_the_rest(site, "public"),
    ]


def _for_the_rest(site: Site, demand: Demand) -> list[Policy]:
    return [Policy(demand, names=["catch_all"])] if site.has_catch_all else []
