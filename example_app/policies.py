"""Who may ask for which routes, before a guard of theirs is heard: the first that fits decides."""

from clerk_fastapi import Organization, Policy, Role, optional_auth, require_api_key
from example_app import export, webhooks
from example_app.local import CLERK_PATH

_ADMIN = Role("org:admin")

POLICIES = (
    Policy("public", "/", "/static(.*)", "/docs(.*)", "/redoc", "/openapi.json"),
    # It sees to its tokens itself, which are no session tokens.
    Policy("public", "/downstream(.*)"),
    # Guests are welcome here, but a browser whose session has expired goes round by Clerk first.
    Policy(optional_auth, "/page", "/whoami", "/unauthorized"),
    Policy(_ADMIN, "/admin(.*)"),
    Policy(_ADMIN, tags=["organization"], methods=["PUT"]),
    Policy(Organization(), tags=["organization"]),
    Policy(require_api_key, routers=[export.router]),
)
"""What everybody needs to know; all other routes are for those who are signed in."""

WEBHOOKS = Policy("public", webhooks.PATH)
"""Deliveries of Clerk's: their signature guards them."""

LOCAL = Policy("public", "/sign-in(.*)", "/sign-out", "/local(.*)", f"{CLERK_PATH}(.*)")
"""What belongs to the embedded LocalClerk, and answers this machine only."""
