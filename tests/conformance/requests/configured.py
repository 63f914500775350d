"""What operators configure: instances, satellites, proxies, patterns and restrictions."""

from tests.conformance.requests.draw import Draw
from tests.conformance.requests.question import Options

__all__ = ["LOOPBACK", "configured", "origin"]

LOOPBACK = "localhost:3000"
ODD_KEY_SETS = ("jwks_charset", "jwks_elsewhere", "jwks_none", "jwks_refused", "jwks_failed")
PATTERNS: list[dict[str, list[str]]] = [
    {"organization_patterns": ["/orgs/:slug", "/orgs/:slug/(.*)"]},
    {"organization_patterns": ["/organizations/:id/(.*)", "/orgs/:slug"]},
    {
        "organization_patterns": ["/orgs/:slug/(.*)"],
        "personal_account_patterns": ["/me", "/me/(.*)"],
    },
    {"personal_account_patterns": ["/me", "/dashboard"]},
    {"organization_patterns": ["/orgs/:slug"], "personal_account_patterns": []},
    {"organization_patterns": ["/orgs/:slug/projects/:id", "/:slug/settings"]},
    {"organization_patterns": ["/orgs/:slug"], "personal_account_patterns": ["/me(.*)"]},
    {"organization_patterns": ["/a.b/:id", "/o-:slug/(.*)", "/orgs/(.*)/:id"]},
]


def configured(draw: Draw) -> tuple[Options, str, str]:
    """Options of an instance, with the scheme and the host of the application."""
    options: Options = {"instance": draw.one("production", "development")}
    production = options["instance"] == "production"
    if draw.chance(0.2):
        options["keys"] = draw.either(0.8, "jwks", *ODD_KEY_SETS)
    scheme, host = "https", "app.example.com"
    if not production and draw.chance(0.6):
        scheme, host = "http", LOOPBACK
    if draw.chance(0.03):
        host = draw.one(host.upper(), "app.example.com:8443", f"{host}:443".replace(":3000", ""))
    if draw.chance(0.18):
        host = _satellite(draw, options)
        scheme = "https"
        if options.get("sign_in_url", "").startswith(f"https://{host}/"):
            options.pop("keys", None)  # of two mistakes at once, no row says which is told first
    elif draw.chance(0.1):
        options["proxy_url"] = draw.one(
            "https://app.example.com/__clerk", "/__clerk", "https://proxy.example.com/clerk/"
        )
    elif draw.chance(0.03):
        options["domain"] = "example.com"
    if draw.chance(0.2):
        options["organization_sync"] = draw.one(*PATTERNS)
    if draw.chance(0.08):
        options["pending"] = True
    if draw.chance(0.5):
        options["token_memory"] = 0
    if draw.chance(0.5):
        options["allowed_redirect_origins"] = ["https://satellite.example.org"]
    if draw.chance(0.15):
        options["trusted_proxies"] = draw.either(0.7, ["10.0.0.0/8"], ["*"])
    if draw.chance(0.15):
        options["machine_secret_key"] = "ak_machine_secret"
    _restrict(draw, options, scheme, host)
    return options, scheme, host


def origin(scheme: str, host: str) -> str:
    """An origin as browsers write it."""
    return f"{scheme}://{host.lower().removesuffix(':443')}"


def _restrict(draw: Draw, options: Options, scheme: str, host: str) -> None:
    """Add restrictions on tokens."""
    if draw.chance(0.25):
        options["authorized_parties"] = draw.one(
            [origin(scheme, host)], ["https://app.example.com", "https://other.example.com"]
        )
    if draw.chance(0.06):
        options["audience"] = draw.one("api", ["api", "web"])
    if draw.chance(0.06):
        options["issuer"] = draw.one(
            "https://clerk.example.com", ["https://clerk.other.example.org"], False
        )
    if draw.chance(0.06):
        options["clock_skew"] = draw.one(0.0, 2.5, 60.0)


def _satellite(draw: Draw, options: Options) -> str:
    options["is_satellite"] = True
    host = "satellite.example.org"
    if draw.chance(0.7):
        options["domain"] = host
    else:
        options["proxy_url"] = draw.one(f"https://{host}/__clerk", "/__clerk")
    if options["instance"] == "development" or draw.chance(0.5):
        options["sign_in_url"] = draw.one(
            "https://app.example.com/sign-in",
            "https://app.example.com/sign-in?from=satellite",
            "https://app.example.com/sign-in#here",
            f"https://{host}/sign-in",
        )
    if draw.chance(0.3):
        options["satellite_auto_sync"] = True
    return host
