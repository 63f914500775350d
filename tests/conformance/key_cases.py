"""Publishable keys, the instances they name, and the suffixes of their cookies."""

import base64
import re
from collections.abc import Iterator
from random import Random

from tests.conformance.case import Case, label

__all__ = ["random_cases", "written_cases"]

BARE = "a key names a bare host, with a port only while developing"
STRICT_BASE64 = "the host is written in base64 without line breaks or blanks"

BASE64 = re.compile(r"[^A-Za-z0-9+/]")
BARE_HOST = re.compile(
    r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+(?P<port>:\d{1,5})?", re.ASCII | re.I
)
LIVE_HOSTS = (
    *("clerk.example.com", "clerk.EXAMPLE.com", "clerk.clerk.dev", "a.b", "x1.example", "1.2.3.4"),
    *("clerk.prod.lclclerk.com", "one-two-345.clerk.accounts.dev", "a--b-1.clerk.accounts.dev"),
    *("xn--bcher-kva.example", "a.b.c.d.e.f.g.h", "clerk." + "a" * 63 + ".example.com"),
)
DEVELOPMENT_HOSTS = (
    *("foo-bar-13.clerk.accounts.dev", "one-two-3.clerk.accounts.dev", "a-b-1.clerk.accounts.com"),
    *("One-Two-3.clerk.accounts.dev", "a-b-1.clerk.accounts.stage.dev", "clerk.happy.lcl.dev"),
    *("a-b-1.clerk.accountsstage.dev", "clerk.accounts.lclclerk.com"),
)
NOT_BARE = (
    *("https://clerk.example.com", "clerk.example.com/", "clerk.example.com/v1", "a.b?c", "a.b#c"),
    *("user@clerk.example.com", "clerk.example.com:x", "clerk.example.com:123456", "[::1.2.3.4]"),
    *(".", "..", ".example.com", "example.", "a..b", "-a.example", "a-.example", "a_b.example"),
    *(
        " clerk.example.com",
        "clerk.example.com ",
        "clerk.example.com\n",
        "a.b\x00",
        "a b.c",
        "é.example",
    ),
    "clerk." + "a" * 64 + ".example.com",
)


def written_cases() -> Iterator[Case]:
    """Cases thought of by hand."""
    for host in (*LIVE_HOSTS, *DEVELOPMENT_HOSTS):
        for prefix in ("pk_live_", "pk_test_"):
            yield _key(f"{prefix}{host}", prefix + _unpadded(f"{host}$"))
            yield _key(f"{prefix}{host}-padded", prefix + _padded(f"{host}$"))
        yield _build(f"build-{host}", host, "production" if host in LIVE_HOSTS else "development")
    for host in NOT_BARE:
        key = "pk_live_" + base64.b64encode(f"{host}$".encode("latin-1")).decode()
        yield _key(f"not-bare-{label(host)}", key)
    for prefix in ("pk_live_", "pk_test_"):
        yield _key(f"{prefix}port", prefix + _unpadded("127.0.0.1:8000$"))
    host = _unpadded("clerk.example.com$")
    broken = {
        "empty": "",
        "prefix-alone": "pk_live_",
        "no-prefix": host,
        "secret-key": f"sk_live_{host}",
        "prefix-in-capitals": f"PK_LIVE_{host}",
        "prefix-unknown": f"pk_prod_{host}",
        "prefix-cut": f"pk_live{host}",
        "fourth-part": f"pk_live_{host}_x",
        "underscore-first": f"pk_live__{host}",
        "no-dollar": f"pk_live_{_unpadded('clerk.example.com')}",
        "two-dollars": f"pk_live_{_unpadded('clerk.example.com$$')}",
        "dollar-inside": f"pk_live_{_unpadded('clerk.$example.com$')}",
        "dollar-first": f"pk_live_{_unpadded('$clerk.example.com')}",
        "dollar-alone": f"pk_live_{_unpadded('$')}",
        "no-dot": f"pk_live_{_unpadded('localhost$')}",
        "not-base64": "pk_live_clerk.example.com$",
        "base64url": f"pk_live_{host}-",
        "padding-inside": f"pk_live_{host[:4]}={host[4:]}",
        "padding-alone": "pk_live_====",
        "one-character-left": f"pk_live_{host}AA",
        "blank-before": f" pk_live_{host}",
        "not-ascii": f"pk_live_{host}é",
    }
    for name, text in broken.items():
        yield _key(f"broken-{name}", text)
    for name, text in (
        ("space", f"pk_live_{host[:8]} {host[8:]}"),
        ("line-break", f"pk_live_{host}\n"),
    ):
        yield _key(f"blank-{name}", text, STRICT_BASE64)
    for host in ("clerk.example.com", "clerk.example.org", "clerk.example.co"):
        for marks in range(1, 6):
            yield _key(f"padding-{host}-{marks}", f"pk_live_{_unpadded(host + '$')}{'=' * marks}")


def random_cases(rng: Random, count: int) -> Iterator[Case]:
    """Valid keys of random hosts, and the same with one character changed, added or lost."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    for number in range(count):
        labels = [
            "".join(rng.choices(letters, k=rng.randint(1, 12))) for _ in range(rng.randint(2, 4))
        ]
        host = ".".join(labels)
        text = rng.choice(["pk_live_", "pk_test_"]) + rng.choice([_padded, _unpadded])(f"{host}$")
        yield _key(f"random-{number}", text)
        yield _build(f"random-{number}-build", host, "production")
        at = rng.randrange(len(text))
        bent = (
            text[:at]
            + rng.choice(["", "_", "A", "=", "$", "-", "Z9"])
            + text[at + rng.randint(0, 1) :]
        )
        yield _key(f"random-{number}-bent", bent)


def _key(name: str, text: str, why: str | None = None) -> Case:
    return Case(name, {"op": "key", "text": text}, why or (None if _is_bare(text) else BARE))


def _build(name: str, host: str, instance_type: str) -> Case:
    return Case(name, {"op": "build", "host": host, "instance_type": instance_type})


def _is_bare(key: str) -> bool:
    """Whether a key names a bare host, or nothing at all."""
    host = BASE64.sub("", key[8:])
    try:
        decoded = base64.b64decode(host + "=" * (-len(host) % 4)).decode("latin-1")
    except ValueError:
        return True
    name = BARE_HOST.fullmatch(decoded.removesuffix("$"))
    return name is not None and (name["port"] is None or key.startswith("pk_test_"))


def _padded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _unpadded(text: str) -> str:
    return _padded(text).rstrip("=")
