"""What a value says before anybody verifies it: to decide whether a row applies."""

import base64
import binascii
import json
from typing import Any
from urllib.parse import unquote

from tests.conformance.requests.question import Value
from tests.conformance.tokens import CLAIMS, HEADER

__all__ = ["ODD", "claims_of", "decoded", "header_of"]

ODD = "odd"


def decoded(text: str) -> object:
    """The payload; None if it is no token, and the text ``odd`` if it is none to speak of."""
    parts = unquote(text).split(".")
    if len(parts) != 3:
        return None
    try:
        header, payload = (json.loads(_bytes(part)) for part in parts[:2])
    except (ValueError, binascii.Error):
        return None
    odd = not isinstance(header, dict) or not isinstance(header.get("alg"), str) or payload is None
    return ODD if odd else payload


def claims_of(value: Value) -> dict[str, Any]:
    """The claims of a token; none of text that is no token."""
    if isinstance(value, str):
        claims = decoded(value)
        return claims if isinstance(claims, dict) else {}
    if value.get("token", {}).get("damage") == "four-parts":
        return {}
    return _members(value.get("token", {}), CLAIMS, "claims")


def header_of(value: Value) -> dict[str, Any]:
    """The header of a described token."""
    return {} if isinstance(value, str) else _members(value.get("token", {}), HEADER, "header")


def _members(token: dict[str, Any], usual: dict[str, Any], part: str) -> dict[str, Any]:
    members = usual | dict(token.get(part, {}))
    gone = token.get("without", [])
    return {name: value for name, value in members.items() if f"{part}.{name}" not in gone}


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
