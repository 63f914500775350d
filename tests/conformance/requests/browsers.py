"""What browsers send: cookies old and new, headers of navigations and of fetch(), odd URLs."""

from typing import Any

from tests.conformance.requests.configured import origin
from tests.conformance.requests.draw import Draw
from tests.conformance.requests.question import KEYS, Options, Question, Value
from tests.conformance.requests.sessions import session

__all__ = ["cookies", "forwarded", "kind_of_request", "url"]

ODD_UATS = ("", "abc", "5abc", "-1", "0x10", "1e3", " 0", "00", "1_0", "+5", "99999999999999999999")
ODD_COUNTS = ("4", "-1", "abc", "3.0", "0x3", "1e9", "Infinity", "", "2.5", "03", "1e0")
ODD_QUERIES = (
    "flag",
    "a=1&&b=%zz",
    "=v",
    "a=b=c",
    "x=%C3%A9&y=%E9",
    "p=a+b%2Bc",
    "[]=1&'=2",
    'a="<>`{}|^',
)
LAYOUTS = {"both": 34, "different": 22, "suffixed": 16, "plain": 18, "older": 4, "none": 10}
PATHS = (
    "/",
    "/dashboard",
    "/orgs/acme",
    "/orgs/beta",
    "/orgs/acme/settings",
    "/organizations/org_2a/x",
    "/organizations/org_2z/x",
    "/me",
    "/me/settings",
    "/a%20b",
    "/orgs/caf%C3%A9/x",
    "/caf%C3%A9/%2F",
)
ODD_PATHS = (
    "//evil.example/p",
    "//evil.example",
    "///x",
    "//",
    "/%zz",
    "/a//b",
    "/;x=1",
    "/~a(b)'!*",
    "/ORGS/acme",
    "/orgs/acme/",
    "/orgs//acme",
    "/orgs/ac%2Fme/x",
    "/orgs/%61cme",
    "/orgs/acme/projects/org_2a",
    "/acme/settings",
    "/orgs/acme%0A",
    "/o-acme/x",
    "/aXb/org_2a",
    "/orgs/../me",
    "/./me",
    "/orgs/%2e%2e/me",
    '/a"<>`{}|',
    "/me/%E9",
)


def cookies(draw: Draw, options: Options, base: int, host: str) -> list[list[Any]]:
    """The cookies of one browser, in any state."""
    suffix = f"_{KEYS[options['instance']].cookie_suffix}"
    jar: list[list[Any]] = []
    layout = draw.weighted(LAYOUTS)
    if layout in ("both", "different", "suffixed"):
        _browser(draw, options, base, host, suffix, jar)
    if layout == "both":
        jar += [[name.removesuffix(suffix), value] for name, value in jar]
    if layout in ("different", "plain"):
        _browser(draw, options, base, host, "", jar)
    if layout == "older":
        # An older clerk-js, without suffixes, has signed out here meanwhile.
        left = session(draw, options, base, host, "expired")
        jar += [[f"__session{suffix}", left], [f"__client_uat{suffix}", str(base - 100_000)]]
        jar += [["__client_uat", "0"], [f"__clerk_db_jwt{suffix}", "dvb_2browser"]]
    if layout != "none" and draw.chance(0.45):
        jar.append([f"__refresh{suffix if draw.chance(0.92) else ''}", draw.either(0.95, "r1", "")])
    if draw.chance(0.12):
        count = draw.either(0.6, draw.one("0", "1", "2", "3"), *ODD_COUNTS)
        jar.append(["__clerk_redirect_count", count])
    if draw.chance(0.1):
        jar.append(draw.one(["theme", "dark"], ["__session_AAAAAAAA", "junk"], ["", "x"]))
    if draw.chance(0.1):
        draw.rng.shuffle(jar)
    if jar and draw.chance(0.02):
        jar.append([jar[0][0], "second"])
    return jar


def _browser(
    draw: Draw, options: Options, base: int, host: str, suffix: str, jar: list[list[Any]]
) -> None:
    """One set of cookies, with the suffix or without."""
    if draw.chance(0.88):
        jar.append(
            [f"__session{suffix}", draw.either(0.98, session(draw, options, base, host), "")]
        )
    uat = draw.weighted({"older": 74, "zero": 10, "newer": 5, "absent": 8, "odd": 3})
    times = {
        "older": str(base - 4_000 * 25),
        "zero": "0",
        "newer": str(base - draw.one(2, 5, 10, 30)),
    }
    if uat == "odd":
        times["odd"] = draw.one(*ODD_UATS)
    if uat in times:
        jar.append([f"__client_uat{suffix}", times[uat]])
    if draw.chance(0.88 if options["instance"] == "development" else 0.05):
        jar.append([f"__clerk_db_jwt{suffix}", draw.either(0.97, "dvb_2browser", "")])


def kind_of_request(draw: Draw, question: Question) -> None:
    """A navigation, an iframe, fetch(), a form: method and headers."""
    headers = question["headers"]
    kind = draw.weighted(
        {"document": 62, "html": 10, "iframe": 5, "fetch": 10, "odd": 8, "form": 5}
    )
    match kind:
        case "document" | "iframe":
            headers.append(["sec-fetch-dest", kind])
            headers.append(["accept", "text/html,application/xhtml+xml"])
        case "html":
            headers.append(["accept", "text/html,*/*;q=0.8"])
        case "fetch":
            headers.append(["accept", "*/*"])
            if draw.chance(0.7):
                headers.append(["sec-fetch-dest", "empty"])
        case "form":
            question["method"] = draw.either(0.7, "POST", "PUT", "DELETE", "PATCH")
            headers.append(["sec-fetch-dest", "document"])
        case "odd":
            question["method"] = draw.either(0.5, "GET", "HEAD", "OPTIONS")
            accepts = ("TEXT/HTML", "text/htmlx", "application/json", "", "*/*, text/html")
            headers.append(["accept", draw.one(*accepts)])
            if draw.chance(0.4):
                dests = ("Document", "document ", "script", "", "frame")
                headers.append(["sec-fetch-dest", draw.one(*dests)])
    if draw.chance(0.4):
        headers.append(["referer", _referer(draw, question)])
    if draw.chance(0.15):
        origin = f"{question['scheme']}://{question['host']}"
        headers.append(["origin", draw.either(0.6, origin, "https://other.example.com", "null")])
    if draw.chance(0.2):
        headers.append(["user-agent", "suite"])


def _referer(draw: Draw, question: Question) -> str:
    own = f"{question['scheme']}://{question['host']}"
    key = KEYS[question["options"]["instance"]]
    if "proxy_url" in question["options"] and draw.chance(0.4):
        return "https://accounts.example.com/sign-in"
    return draw.one(
        f"{own}/before",
        f"{own}/before",
        own,
        own.upper() + "/",
        own.replace("https:", "http:") + ":8443/x",
        "https://satellite.example.org/page",
        "https://search.example.net/?q=a",
        f"https://{key.host}/v1/client",
        f"http://{key.host}:99/",
        "https://accounts.example.com/sign-in",
        "https://happy-hippo-1.accounts.dev/sign-in",
        "https://sad-seal-2.accounts.dev/",
        "https://accounts.evil.example/",
        "https://proxy.example.com/clerk/x",
        "about:blank",
        "not a url",
        "/relative",
        "https://user@other.example.com/",
        f"https://user@{key.host}/",
        "https://accounts.example.com:443/",
        f"{own}:443/",
        "https://[::1]:3000/",
        "https://xn--caf-dma.example/",
        "HTTPS://APP.EXAMPLE.COM",
        " ",
        "https://",
    )


def url(draw: Draw, question: Question) -> None:
    """Path and query, with the parameters that mean something to Clerk, and odd ones."""
    options = question["options"]
    question["path"] = draw.either(0.92, draw.one(*PATHS), *ODD_PATHS)
    query = question["query"]
    if draw.chance(0.25):
        query.append(draw.one(["q", "a b&c=d"], ["page", "2"], ["x", "\u00e9"], ["e", ""]))
    if draw.chance(0.04):
        odd = (
            "flag",
            "a=1&&b=%zz",
            "=v",
            "a=b=c",
            "x=%C3%A9&y=%E9",
            "p=a+b%2Bc",
            "[]=1&'=2",
            'a="<>`{}|^',
        )
        query.append([None, draw.one(*odd)])
    if draw.chance(0.04):
        value: Value = draw.either(0.7, "dvb_2query", "")
        query.append(["__clerk_db_jwt", value])
    if draw.chance(0.02):
        query.append(["__dev_session", "legacy"])
    if draw.chance(0.02):
        query.append(["__clerk_help", "1"])
    if draw.chance(0.5 if options.get("is_satellite") else 0.02):
        query.append(["__clerk_synced", draw.one("true", "false", "false", "maybe")])
    if draw.chance(0.08 if options["instance"] == "development" else 0.02):
        query.append(["__clerk_redirect_url", _redirect_url(draw, question)])
    if draw.chance(0.1):
        draw.rng.shuffle(query)


def _redirect_url(draw: Draw, question: Question) -> str:
    own = origin(question["scheme"], question["host"])
    return draw.one(
        "https://satellite.example.org/page?x=1",
        "https://satellite.example.org/page?__clerk_synced=false&y=a+b",
        "https://satellite.example.org",
        f"{own}/here",
        "http://localhost:4000/satellite?a=b#fragment",
        "https://app.example.com/x",
        "https://evil.example/steal",
        "javascript:alert(1)",
        "x",
        "//evil.example",
        "",
    )


def forwarded(draw: Draw, question: Question) -> None:
    """Headers of proxies, trusted or not."""
    headers = question["headers"]
    if "trusted_proxies" in question["options"]:
        question["peer"] = draw.either(0.8, "10.1.2.3", "203.0.113.9")
    hosts = ("app.example.com", "www.example.com", "www.example.com:8443")
    odd = ("a.example.com, b.example.com", " c.example.com ,d", "", "user@evil.example", "evil/x")
    if draw.chance(0.8):
        headers.append(["x-forwarded-host", draw.either(0.75, draw.one(*hosts), *odd)])
    if draw.chance(0.7):
        protos = ("http,https", "https , http", "", "ftp", "HTTPS")
        headers.append(["x-forwarded-proto", draw.either(0.75, "https", "http", *protos)])
    if draw.chance(0.1):
        headers.append(["x-forwarded-port", "8443"])
    if draw.chance(0.1):
        headers.append(["forwarded", "host=evil.example;proto=http"])
