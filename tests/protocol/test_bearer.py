"""The token in the Authorization header, before any cookie is looked at."""

import pytest

from clerk_fastapi.errors import TokenInvalid
from clerk_fastapi.protocol.credentials import bearer_token


@pytest.mark.parametrize(
    "value",
    [b"Bearer abc", b"bearer abc", b"BEARER abc", b"bEaReR abc", b"Bearer   abc", b"Bearer abc  "],
)
def test_bearer_token_is_read_from_the_header(value: bytes) -> None:
    """The scheme is written in any case (RFC 9110), with blanks around the token."""
    assert bearer_token(value) == b"abc"


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer",
        b"bearer",
        b"Bearer ",
        b"Bearer    ",
        b"Bearer abc def",
        b"Bearer Bearer abc",
        b"Bearer abc,def",
        b"Bearer abc, Bearer def",
        b"Bearer abc, Basic def",
        b"abc",
        b" abc ",
        b"eyJhbGciOiJSUzI1NiJ9.e30.AAAA",
        b"Bearer\tabc",
        b"Bearer:abc",
    ],
)
def test_header_that_should_be_a_bearer_token_is_refused(value: bytes) -> None:
    """A request that tries to speak for itself and fails does not fall back on its cookies."""
    with pytest.raises(TokenInvalid):
        bearer_token(value)


@pytest.mark.parametrize(
    "value", [None, b"Basic dXNlcjpwYXNz", b"Digest username=a", b"Token abc", b"Bearers abc", b""]
)
def test_other_schemes_leave_the_decision_to_cookies(value: bytes | None) -> None:
    """Basic authentication of a proxy or of a staging site is not ours."""
    assert bearer_token(value) is None


@pytest.mark.parametrize(
    "value", [b", Bearer abc", b"Basic dXNlcjpwYXNz, Bearer abc", b"Bearer abc, Basic dXNlcjpwYXNz"]
)
def test_bearer_token_beside_another_scheme_is_refused(value: bytes) -> None:
    """Of two headers one is a bearer token: the cookies are for requests that carry none."""
    with pytest.raises(TokenInvalid):
        bearer_token(value)
