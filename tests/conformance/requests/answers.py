"""What the Backend API answers: every answer has a name, and whoever says the name gets it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.conformance.tokens import jwk, sign

__all__ = ["KEY_SETS", "Answer", "Answers", "directive"]

JSON = "application/json"


class Answer(NamedTuple):
    """A status, a content type and a body, or none: then the connection is closed."""

    status: int
    content_type: str
    body: bytes


OTHER_KEY = {"kid": "ins_2elsewhere"}
KEY_SETS: dict[str, Any] = {
    "jwks": {"json": {"keys": ["instance"]}},
    "jwks_charset": {
        "type": "application/json; charset=utf-8",
        "json": {"keys": ["elsewhere", "instance"]},
    },
    "jwks_elsewhere": {"json": {"keys": ["elsewhere"]}},
    "jwks_none": {"json": {"keys": []}},
    "jwks_refused": {
        "status": 401,
        "json": {"errors": [{"code": "clerk_key_invalid", "message": "no"}]},
    },
    "jwks_failed": {"status": 500, "json": {"errors": []}},
}
"""By what follows ``sk_test_`` in the secret key. All else is answered with ``jwks``."""


class Answers:
    """The answers that were promised so far, by name.

    An answer is described in JSON: ``status`` (200), ``type``, and ``json`` or ``text``. Cookies in
    it are ``[name, value, attributes]``, and a value may be a token to sign. Names are digests of
    descriptions, so that one case changes nothing for another.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        """The calls that this package made, in order."""
        self._answers: dict[str, Answer] = {}
        self._names: dict[str, str] = {}
        for name, described in KEY_SETS.items():
            self._answers[name] = _key_set(described)

    def name(self, prefix: str, described: Mapping[str, Any]) -> str:
        """The name that gets the described answer."""
        text = json.dumps(described, sort_keys=True)
        if text not in self._names:
            digest = hashlib.sha256(text.encode()).hexdigest()[:20]
            self._answers[digest] = _answer(described)
            self._names[text] = digest
        return prefix + self._names[text]

    def get(self, name: str) -> Answer | None:
        """The answer to a nonce, a session id, an opaque token or a secret key."""
        return self._answers.get(name)


def directive(described: Any) -> Any:
    """A ``Set-Cookie`` value, if it is described as one."""
    if not isinstance(described, list):
        return described
    name, value, attributes = described
    text = value if isinstance(value, str) else sign(value["token"])
    return f"{name}={text}{attributes}"


def _answer(described: Mapping[str, Any]) -> Answer:
    if "text" in described:
        body = described["text"]
    else:
        members = described["json"]
        if isinstance(members, dict):
            members = {
                name: list(map(directive, value))
                if name in ("cookies", "directives") and isinstance(value, list)
                else value
                for name, value in members.items()
            }
        body = json.dumps(members)
    return Answer(described.get("status", 200), described.get("type", JSON), body.encode())


def _key_set(described: Mapping[str, Any]) -> Answer:
    document = dict(described["json"])
    if "keys" in document:
        keys = {"instance": jwk(), "elsewhere": jwk("stranger") | OTHER_KEY}
        document["keys"] = [keys[name] for name in document["keys"]]
    return _answer({**described, "json": document})
