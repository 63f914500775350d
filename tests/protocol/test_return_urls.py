"""Where somebody says a browser shall go on to: only a page of our own is believed."""

import json
import random
import subprocess
from collections.abc import Callable, Iterable

import pytest

from clerk_fastapi.protocol.redirects import safe_return_url
from tests.protocol.browsers import DEVELOPMENT, HOST, PRODUCTION, site, visit

OWN = f"https://{HOST}"
SHOP = "https://shop.example.net"
NAMED = frozenset({OWN, SHOP, "chrome-extension://abcdefghijklmnop"})
SITE = site(PRODUCTION, redirect_origins=NAMED, names_own_origins=True)
BASES = [f"{OWN}/", f"{OWN}/a/b/c?d=e#f"]
RESOLVER = """
const lines = require("fs").readFileSync(0, "utf8").split("\\n").filter((line) => line);
for (const [location, base] of lines.map((line) => JSON.parse(line))) {
  let origin = "invalid";
  try { origin = new URL(location, base).origin; } catch {}
  console.log(origin);
}
"""

SAFE = [
    "/",
    "/dashboard",
    "/dashboard/",
    "/a/b/../c",
    "/a/./b",
    "/..",
    "/search?q=a%20b&next=https://evil.example/",
    "/search?q=%5C",
    "/caf%C3%A9",
    "/a%2Fb",
    "/a@evil.example",
    "/:evil",
    "/;evil",
    "/evil.example",
    "/#//evil.example",
    "/?//evil.example",
    "/?",
    "/#",
    OWN,
    f"{OWN}/",
    f"{OWN}/page?x=y#z",
    f"{OWN}?x=/y",
    f"{OWN}#x",
    f"{OWN}:443/page",
    f"HTTPS://{HOST.upper()}/Page",
    f"{SHOP}/cart",
]

# The list says why: nothing, other hosts, other schemes, and what some reader could take for one.
HOSTILE = [
    *("", " ", "?", "#", ".", "..", "dashboard", "./dashboard", "../dashboard", "?a=b", "#a"),
    # other hosts
    *("//evil.example", "///evil.example", "////evil.example", "//evil.example/%2f.."),
    *("//evil.example:443/", "//evil.example@app.example.com/", "//app.example.com@evil.example/"),
    *("//app.example.com/", "//evil%2eexample/", "//[::1]/", "//0x7f.1/", "//2130706433/"),
    *(
        "https://evil.example",
        "https://evil.example/",
        "http://evil.example/",
        "HTTPS://EVIL.example",
    ),
    *(
        "https://evil.example:443/",
        "https://evil.example#app.example.com",
        "https://evil.example?x",
    ),
    *(
        "https://app.example.com.evil.example/",
        "https://app.example.com.",
        "https://app.example.co",
    ),
    *("https://evilapp.example.com/", "https://evil.app.example.com/", "https://example.com/"),
    *(
        "https://app.example.com:8443/",
        "https://app.example.com:0443/",
        "https://app.example.com:/",
    ),
    *("http://app.example.com/", "http://app.example.com:443/", "http://shop.example.net/"),
    *(
        "https://app.example.com:443443/",
        "https://app.example.com:x/",
        "https://app.example.com%2f",
    ),
    *("https://app.example.com%00.evil.example/", "https://app.example.com%2eevil.example/"),
    *("https://app.example.com%23.evil.example", "https://app.example.com%3f.evil.example"),
    *("https://app.example.com%5c.evil.example", "https://app.example.com%40evil.example/"),
    *("http://localhost/", "http://127.0.0.1/", "http://[::1]/", "https://0/", "https://0x7f.1/"),
    *(
        "https://\u0430pp.example.com/",
        "https://app\u3002example\u3002com/",
        "https://\uff41pp.example.com/",
    ),
    *(
        "https://app.example.com\uff0fevil.example",
        "https://app.example.com\u2044evil",
        "https://\u00ad/",
    ),
    # user names
    *(
        "https://app.example.com@evil.example/",
        "https://ada@app.example.com/",
        "https://@app.example.com/",
    ),
    *(
        "https://ada:secret@app.example.com/",
        "https://:@app.example.com/",
        "https://a@b@app.example.com/",
    ),
    *("https://evil.example\\@app.example.com/", "https://evil.example#@app.example.com/"),
    *("https://evil.example?@app.example.com/", "https://app.example.com:443@evil.example/"),
    # too few slashes, and too many
    *(
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "https:////evil.example",
    ),
    *("https:app.example.com", "https:/app.example.com", "https:///app.example.com/", "https:"),
    *("http:dashboard", "http:/dashboard", "https://", "https:///", "https:?x", "https:#x", "://x"),
    *("https//evil.example", "https;//evil.example", "evil.example:80", "app.example.com/"),
    # other schemes
    *("javascript:alert(1)", "JavaScript:alert(1)", "javascript://app.example.com/%0aalert(1)"),
    *("javascript:/dashboard", "java\tscript:alert(1)", "data:text/html,x", "vbscript:x", "blob:x"),
    *(
        "data://app.example.com/",
        "ftp://app.example.com/",
        "file:///etc/passwd",
        "ws://app.example.com/",
    ),
    *("wss://app.example.com/", "mailto:ada@example.com", "intent://x#Intent;end", "view-source:x"),
    *(
        "about:blank",
        "chrome-extension://abcdefghijklmnop",
        "chrome-extension://abcdefghijklmnop/x",
    ),
    *(f"blob:{OWN}/x", f"view-source:{OWN}/", f"feed:{OWN}/", f"url:{OWN}/", "null", "undefined"),
    # backslashes, which browsers take for slashes
    *(
        "\\",
        "\\\\evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\\/evil.example",
        "/\\\\evil",
    ),
    *("/./\\evil.example", "/x/..\\\\evil.example", "/x\\..\\..\\evil", "https:\\\\evil.example"),
    *("https:/\\evil.example", "https:\\/evil.example", "https://app.example.com\\evil.example"),
    *("https://app.example.com\\.evil.example", "https://app.example.com\\@evil.example", "/?a=\\"),
    # paths that resolve to something that looks like a host
    *("/x/..//evil.example", "/.//evil.example", "/..//evil.example", "/x//evil.example", "/x//"),
    *("/%2e//evil.example", "/%2e%2e//evil.example", "/;//evil.example", "/x/../..//evil.example"),
    *(
        "/%2f",
        "/%2fevil.example",
        "/%2F/evil.example",
        "/%5cevil.example",
        "/%5Cevil",
        "/%5c%5cevil",
    ),
    *("/x%2f/evil.example", "/x/%2fevil.example", "/x/..%2f%2fevil.example", "/.%5cevil.example"),
    *(f"{OWN}//evil.example", f"{OWN}/x//evil.example", f"{OWN}/%5cevil.example", f"{SHOP}//x"),
    # white space and control characters, which browsers leave out
    *("\t//evil.example", "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "/\r\n/evil"),
    *(
        " //evil.example",
        " /dashboard",
        "/dashboard ",
        "/dash board",
        "\n/dashboard",
        "/dashboard\n",
    ),
    *(
        "\x00/dashboard",
        "/\x00/evil.example",
        "/\x0b/evil",
        "/\x1f/evil",
        "/\x7f/evil",
        "\x01//evil",
    ),
    *("ht\ttps://evil.example", "https:/\t/evil.example", "https://app.example.com\t.evil.example"),
    *(
        "https://app.example.com\n@evil.example",
        "https://app.example.com /",
        " https://app.example.com/",
    ),
    *(
        "\u00a0//evil.example",
        "/\u2028/evil",
        "/\u2029/evil",
        "\ufeff//evil.example",
        "/\u200b/evil",
    ),
    *("/caf\u00e9", "/\uff0fevil.example", "/\u2215evil.example", "/\u29f5evil.example", "/\ud800"),
    *('/"onclick="x', "/<script>", "/`x`", "/?a=<b>", '/#"x'),
    # the same, encoded: whoever decodes it once too often is split in two
    *("/%09/evil.example", "/%0a/evil.example", "/%0d/evil.example", "/%00/evil.example", "/%7f"),
    *(
        "/%0d%0aSet-Cookie:%20a=b",
        "/x%0d%0a%0d%0a<script>",
        "/?a=%0d%0aSet-Cookie:a=b",
        "/#%0d%0ax",
    ),
    *(f"{OWN}/%0d%0aLocation:%20x", f"{OWN}?%0d%0ax", f"{OWN}#%0ax", "/%0D%0A", "/x%1F"),
]


def believed(candidate: str) -> str | None:
    """What is believed on the way to a page of the application."""
    return safe_return_url(visit(SITE, "/sign-in"), candidate)


@pytest.fixture(scope="module")
def resolve(require_tool: Callable[[str], str]) -> Callable[[Iterable[str]], dict[str, set[str]]]:
    """The origins to which browsers would follow a location, by the WHATWG URL standard."""
    node = require_tool("node")

    def resolved(locations: Iterable[str]) -> dict[str, set[str]]:
        asked = [(location, base) for location in locations for base in BASES]
        lines = "".join(json.dumps(question) + "\n" for question in asked)
        done = subprocess.run(
            [node, "-e", RESOLVER], input=lines, capture_output=True, check=True, text=True
        )
        found: dict[str, set[str]] = {}
        for (location, _), origin in zip(asked, done.stdout.splitlines(), strict=True):
            found.setdefault(location, set()).add(origin)
        return found

    return resolved


@pytest.mark.parametrize("candidate", SAFE)
def test_pages_of_our_own_are_believed(candidate: str) -> None:
    """Paths, and URLs of this origin or of one that was named, unchanged."""
    assert believed(candidate) == candidate


@pytest.mark.parametrize("candidate", HOSTILE)
def test_anything_else_is_not(candidate: str) -> None:
    """Other hosts, other schemes, and whatever somebody could read as one."""
    assert believed(candidate) is None


def test_what_was_not_said_is_not_believed() -> None:
    """No candidate is none."""
    assert safe_return_url(visit(SITE), None) is None


def test_hostile_list_is_long() -> None:
    """And says nothing twice."""
    assert len(HOSTILE) == len(set(HOSTILE))
    assert len(HOSTILE) > 200


def test_browsers_stay_with_us(resolve: Callable[[Iterable[str]], dict[str, set[str]]]) -> None:
    """What is believed leads where it seems to; the list would lead some browsers elsewhere."""
    for candidate, origins in resolve(SAFE).items():
        assert origins <= {OWN, SHOP}, candidate
    elsewhere = [each for each, origins in resolve(HOSTILE).items() if origins - {OWN, SHOP}]
    assert len(elsewhere) > 90


def test_no_mixture_leads_browsers_away(
    resolve: Callable[[Iterable[str]], dict[str, set[str]]],
) -> None:
    """Thousands of combinations of what makes hosts, paths and schemes."""
    parts = [
        *("/", "/", "\\", ".", "..", "@", ":", "?", "#", "%2f", "%5c", "%09", "%2e", "\t", "\n"),
        *("http", "https", "https:", "https://", "javascript:", "evil.example", HOST, OWN, SHOP),
        *("a", "443", "[", "]", ";", "|", "^", "`", "<", '"', "{", "\u00e9", "\uff0f", "\u3002"),
    ]
    dice = random.Random(4)
    mixed = {"".join(dice.choices(parts, k=dice.randint(1, 7))) for _ in range(40_000)}
    taken = sorted(each for each in mixed if believed(each) is not None)
    assert len(taken) > 300
    for candidate, origins in resolve(taken).items():
        assert origins <= {OWN, SHOP}, candidate


# --- whose origin is ours -------------------------------------------------------------------------


def test_origin_of_this_page_is_ours_unless_others_are_named() -> None:
    """Where the operator has named origins, a ``Host`` header adds none."""
    for at in (PRODUCTION, DEVELOPMENT):
        assert safe_return_url(visit(at), f"{OWN}/x") == f"{OWN}/x"
        assert safe_return_url(visit(at), f"{SHOP}/x") is None
    forged = visit(SITE, host="evil.example")
    assert safe_return_url(forged, "https://evil.example/x") is None
    assert safe_return_url(forged, f"{OWN}/x") == f"{OWN}/x"


def test_naming_satellites_does_not_disown_the_primary() -> None:
    """They are named for other reasons."""
    primary = site(PRODUCTION, redirect_origins=frozenset({SHOP}))
    for url in (f"{OWN}/x", f"{SHOP}/x"):
        assert safe_return_url(visit(primary), url) == url


def test_page_without_a_host_has_no_origin() -> None:
    """A path is safe anywhere."""
    nowhere = visit(PRODUCTION, host="")
    assert nowhere.url is None
    assert safe_return_url(nowhere, "/x") == "/x"
    assert safe_return_url(nowhere, f"{OWN}/x") is None
