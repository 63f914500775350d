"""Cookies that Clerk sends along are passed on if they are Clerk's to set, and no others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi.protocol.directives import read_directives

SUFFIX = "a1-B2_c3"
HOST = "app.example.com"


def passed_on(*lines: object, host: str = HOST) -> tuple[str, ...]:
    """What the browser is given."""
    return read_directives(lines, SUFFIX, host).cookies


def session(*lines: str) -> str:
    """The session token among the directives."""
    return read_directives(lines, SUFFIX, HOST).session


@pytest.mark.parametrize(
    "name",
    [
        "__session",
        f"__session_{SUFFIX}",
        "__session_other678",
        "__client_uat",
        f"__client_uat_{SUFFIX}",
        f"__refresh_{SUFFIX}",
        "__refresh",
        "__clerk_db_jwt",
        f"__clerk_db_jwt_{SUFFIX}",
        "__client",
        "__clerk_handshake",
        "__clerk_handshake_nonce",
    ],
)
def test_cookies_of_clerk_are_passed_on(name: str) -> None:
    """Word for word, attributes included."""
    line = f"{name}=value; Path=/; Max-Age=31536000; SameSite=Lax; Secure; HttpOnly"
    assert passed_on(line) == (line,)


@pytest.mark.parametrize(
    "name",
    [
        "admin",
        "sessionid",
        "__session_",
        "__session_short",
        "__session_toolong12",
        "__session_white sp",
        "__sessionfoo",
        "__SESSION",
        "x__session",
        f"__client_{SUFFIX}",
        f"__clerk_handshake_{SUFFIX}",
        "__clerk_redirect_count",
        "__client_uat_\u00e4bcdefgh",
        "",
    ],
)
def test_cookies_of_others_are_not(name: str) -> None:
    """A leaked nonce must not be able to set the cookies of the application."""
    assert passed_on(f"{name}=value; Path=/") == ()


@pytest.mark.parametrize(
    "line",
    [
        "__session",
        "",
        "; Path=/",
        "__session=a\r\nSet-Cookie: admin=1",
        "__session=a\nb",
        "__session=a\x00",
        "__session=a\x7f",
        "__session=a\tb",
        "__session=\u00e9",
        None,
        5,
        b"__session=a",
        ["__session=a"],
        {"__session": "a"},
    ],
)
def test_what_is_no_line_of_a_header_is_dropped(line: object) -> None:
    """Alone: the good ones around it stay."""
    good = "__client_uat=5; Path=/"
    assert passed_on(line, good, line) == (good,)


@pytest.mark.parametrize(
    ("domain", "host", "kept"),
    [
        ("example.com", HOST, True),
        (".example.com", HOST, True),
        ("EXAMPLE.com", HOST, True),
        ("app.example.com", HOST, True),
        ("evil.example", HOST, False),
        ("ample.com", HOST, False),
        ("www.example.com", HOST, False),
        ("x.app.example.com", HOST, False),
        ("", HOST, False),
        (".", HOST, False),
        ("", "app.example.com.", False),
    ],
)
def test_domain_that_does_not_cover_the_host_is_taken_out(
    domain: str, host: str, kept: bool
) -> None:
    """Browsers would refuse the whole cookie; so it is this host's alone."""
    line = "__client_uat=5; Path=/; {}Secure"
    for attribute in (f"Domain={domain}; ", f"domain = {domain}; ", f"DOMAIN={domain}; "):
        expected = line.format(attribute if kept else "")
        assert passed_on(line.format(attribute), host=host) == (expected,)


def test_attributes_are_written_with_one_blank_between_them() -> None:
    """However they came."""
    assert passed_on(" __session=a ;Path=/;  Secure ") == ("__session=a; Path=/; Secure",)


@pytest.mark.parametrize(
    ("lines", "token"),
    [
        ((), ""),
        (("__client_uat=5",), ""),
        (("__session=a; Path=/",), "a"),
        ((f"__session_{SUFFIX}=a; Path=/",), "a"),
        (("__session=a", f"__session_{SUFFIX}=b"), "b"),
        ((f"__session_{SUFFIX}=b", "__session=a"), "a"),
        (("__session=a", "__session=; Max-Age=0"), ""),
        (("__session=a=b==",), "a=b=="),
        (("__session_other678=a",), ""),
        (("__session=a", "__session_other678=b"), "a"),
        (("__session=a", "__session=b\n"), "a"),
        (("__sessionfoo=a", "__session_=a"), ""),
    ],
)
def test_session_is_the_last_of_this_instance(lines: tuple[str, ...], token: str) -> None:
    """Neither another instance's, nor one whose name only begins alike, nor a dropped one."""
    assert session(*lines) == token


@given(lines=st.lists(st.text() | st.none() | st.integers() | st.binary()), prefix=st.booleans())
def test_random_directives_break_no_header(lines: list[object], prefix: bool) -> None:
    """Whatever came, what is passed on is one line of visible ASCII under one of our names."""
    if prefix:
        lines = [f"__session={line}" for line in lines]
    for cookie in passed_on(*lines):
        assert cookie.startswith("__")
        assert cookie.isascii()
        assert cookie.isprintable()
