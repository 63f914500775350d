"""A request with its options and its moment: described in JSON, and written out for both sides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict
from urllib.parse import quote

from clerk_fastapi.protocol.keys import PublishableKey
from tests.conformance.requests.answers import Answers, directive
from tests.conformance.tokens import Token, pem, sign

__all__ = [
    "DEVELOPMENT",
    "KEYS",
    "PRODUCTION",
    "Options",
    "Question",
    "Value",
    "Written",
    "secret_key",
    "text_of",
    "written",
]

PRODUCTION = PublishableKey.build("clerk.example.com", "production")
DEVELOPMENT = PublishableKey.build("happy-hippo-1.clerk.accounts.dev", "development")
KEYS = {"production": PRODUCTION, "development": DEVELOPMENT}

Value = str | Mapping[str, Any]
"""Text as it is sent, ``{"token": Token}``, or ``{"asks": answer, "as": prefix}``: the name under
which the Backend API gives that answer."""


class Options(TypedDict, total=False):
    """What the operator configured, in the words of this package where there are any."""

    instance: str
    keys: str
    """``pem``, or the name of what ``/v1/jwks`` answers."""
    accepts_token: str | list[str]
    pending: bool
    """Whether pending sessions count as signed in."""
    audience: str | list[str]
    authorized_parties: list[str]
    issuer: str | list[str] | bool
    clock_skew: float
    proxy_url: str
    domain: str
    is_satellite: bool
    sign_in_url: str
    satellite_auto_sync: bool
    allowed_redirect_origins: list[str]
    trusted_proxies: list[str]
    organization_sync: dict[str, list[str]]
    machine_secret_key: str
    token_memory: int


class Question(TypedDict):
    """One case: nothing in it is signed yet, so that it can be read, printed and amended."""

    now: float
    options: Options
    method: str
    scheme: str
    host: str
    path: str
    query: list[list[Any]]
    """Names with values; a name that is ``None`` has its value put in as it is."""
    peer: str
    headers: list[list[str]]
    authorization: list[Value]
    """Parts of the header, one after the other; empty for none."""
    cookies: list[list[Any]]


@dataclass(frozen=True)
class Written:
    """A question as it goes over the wire, with tokens signed."""

    question: Question
    url: str
    target: str
    headers: list[tuple[str, str]]

    @property
    def asked(self) -> dict[str, object]:
        """The line for the SDK, but for the address of the Backend API."""
        options = self.question["options"]
        key = KEYS[options["instance"]]
        client: dict[str, object] = {"publishableKey": key.text, "secretKey": secret_key(options)}
        if options.get("keys", "pem") == "pem":
            client["jwtKey"] = pem()
        if "machine_secret_key" in options:
            client["machineSecretKey"] = options["machine_secret_key"]
        return {
            "now": self.question["now"] * 1000,
            "method": self.question["method"],
            "url": self.url,
            "headers": self.headers,
            "client": client,
            "options": {
                theirs: options[ours] for ours, theirs in SDK_OPTIONS.items() if ours in options
            }
            | _converted(options),
            "pending": options.get("pending", False),
        }


SDK_OPTIONS = {
    "accepts_token": "acceptsToken",
    "audience": "audience",
    "authorized_parties": "authorizedParties",
    "proxy_url": "proxyUrl",
    "domain": "domain",
    "is_satellite": "isSatellite",
    "sign_in_url": "signInUrl",
    "satellite_auto_sync": "satelliteAutoSync",
}


def secret_key(options: Options) -> str:
    """The secret key, which names what ``/v1/jwks`` answers to it."""
    kind = "live" if options["instance"] == "production" else "test"
    return f"sk_{kind}_{options.get('keys', 'pem')}"


def written(question: Question, answers: Answers) -> Written:
    """Sign every token, and tell the Backend API what it will be asked."""
    query = "&".join(_query(question["query"], answers))
    target = question["path"] + (f"?{query}" if query else "")
    headers = [("host", question["host"])]
    headers += [(name, value.strip(" ")) for name, value in question["headers"]]  # as servers do
    if question["authorization"]:
        parts = (text_of(value, answers) for value in question["authorization"])
        headers.append(("authorization", "".join(parts).strip(" ")))
    if question["cookies"]:
        pairs = (f"{name}={text_of(value, answers)}" for name, value in question["cookies"])
        headers.append(("cookie", "; ".join(pairs)))
    url = f"{question['scheme']}://{question['host']}{target}"
    return Written(question, url, target, headers)


def text_of(value: Value, answers: Answers) -> str:
    """A value as it is sent."""
    if isinstance(value, str):
        return value
    if "asks" in value:
        return answers.name(value["as"], value["asks"])
    token: Token = value["token"]
    claims = dict(token.get("claims", {}))
    if "sid" in value:
        claims["sid"] = answers.name("sess_", value["sid"])
    if isinstance(claims.get("handshake"), list):
        claims["handshake"] = list(map(directive, claims["handshake"]))
    return sign({**token, "claims": claims})


def _query(items: Sequence[Sequence[Any]], answers: Answers) -> Iterator[str]:
    for name, value in items:
        yield value if name is None else f"{name}={quote(text_of(value, answers), safe='')}"


def _converted(options: Options) -> dict[str, object]:
    converted: dict[str, object] = {}
    if "clock_skew" in options:
        converted["clockSkewInMs"] = options["clock_skew"] * 1000
    if isinstance(options.get("issuer"), str | list):
        converted["issuer"] = options["issuer"]
    if "organization_sync" in options:
        names = {
            "organization_patterns": "organizationPatterns",
            "personal_account_patterns": "personalAccountPatterns",
        }
        patterns = options["organization_sync"].items()
        converted["organizationSyncOptions"] = {names[name]: value for name, value in patterns}
    return converted
