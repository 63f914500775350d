"""Which cookies count: split before they are decoded, our own before shared ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi.protocol.credentials import BrowserCookies, read_cookies
from clerk_fastapi.protocol.keys import PublishableKey
from clerk_fastapi.protocol.site import Site
from tests.protocol.browsers import NO_COOKIES, PRODUCTION, SUFFIX, site
from tests.protocol.material import KEY, NOW, signed

# The same host in a development instance, so that the same tokens are its own.
DEVELOPMENT = Site("development", PublishableKey.build(KEY.host, "development"))
KEYLESS = Site("production", None)


def from_cookies(cookie: str, at: Site = PRODUCTION) -> BrowserCookies:
    """What a ``Cookie`` header gives."""
    return read_cookies(cookie.encode("latin-1"), at, NOW)


# --- splitting cookies ----------------------------------------------------------------------------


@pytest.mark.parametrize("cookie", [None, b"", b"other=1", b"__session=", b"__session_other=abc"])
def test_nothing_at_all_is_nothing(cookie: bytes | None) -> None:
    """Without a cookie of ours there is no session, no statement, and no count."""
    assert read_cookies(cookie, PRODUCTION, NOW) == NO_COOKIES


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("__session=abc", "abc"),
        ("a=1; __session=abc; b=2", "abc"),
        ("a=1;__session=abc;", "abc"),
        ("  __session = abc ;  b=2", "abc"),
        ("__session=abc; __session=def", "abc"),
        ("__session; __session=abc", "abc"),
        (";;=;a;__session=abc", "abc"),
        ("__session=a=b==", "a=b=="),
        ('__session="abc"', '"abc"'),
        ("__session=%3D%3B%20", "=; "),
        ("__session=%C3%A9", "\u00e9"),
        ("__session=%E9", "%E9"),
        ("__session=\xe9", "\u00e9"),
        ("__session=%zz%", "%zz%"),
        ("__session=a+b", "a+b"),
    ],
)
def test_cookies_are_split_before_values_are_decoded(header: str, value: str) -> None:
    """The first of duplicates wins, quotes stay, and what cannot be decoded stays as it came."""
    assert from_cookies(header).session == value


@pytest.mark.parametrize(
    "header",
    ["a=1%3B__session=abc", "a=1%3B%20__session%3Dabc", "%5F%5Fsession=abc", "a=__session=abc"],
)
def test_encoded_separators_forge_no_cookie(header: str) -> None:
    """One cookie stays one cookie, whatever its value decodes to, and names are not decoded."""
    assert from_cookies(header).session is None


def test_encoded_semicolon_forges_no_uat() -> None:
    """A session that ends in an encoded semicolon brings no statement of its own."""
    found = from_cookies("__session=x%3B%20__client_uat%3D9")
    assert found == NO_COOKIES._replace(session="x; __client_uat=9")


def test_first_duplicate_wins_even_if_it_is_empty() -> None:
    """Which of two cookies counts does not depend on what they say."""
    assert from_cookies("__session=; __session=abc").session is None


@given(header=st.binary(), at=st.sampled_from([KEYLESS, PRODUCTION, DEVELOPMENT]))
def test_random_cookies_are_survived(header: bytes, at: Site) -> None:
    """Whatever a browser sends, it is read as something, and what is empty as nothing."""
    for prefix in (b"", b"__session=", f"__session_{SUFFIX}=".encode(), b"__clerk_redirect_count="):
        found = read_cookies(prefix + header, at, NOW)
        assert found.session != ""
        assert 0 <= found.redirects <= 9


@pytest.mark.parametrize(
    "name", ["__sessionfoo", "__session_other", "__SESSION", "session", "___session"]
)
def test_cookie_names_are_exact(name: str) -> None:
    """A cookie whose name only begins like ours is somebody else's."""
    assert from_cookies(f"{name}=abc; __client_uat=5").session is None


# --- suffixed or not: the table of Clerk's SDKs, row by row ---------------------------------------

# The values are read before anybody checks a signature, so that ordinary tokens will do.
OURS = signed().decode()
OLDER = signed({"iat": NOW - 40, "jti": "older"}).decode()
EXPIRED = signed({"exp": NOW, "jti": "expired"}).decode()
FOREIGN = signed({"iss": "https://clerk.other.example"}).decode()


def suffix_of(at: Site) -> str:
    """What ends the names of an instance's own cookies."""
    assert at.key is not None
    return at.key.cookie_suffix


def choice(at: Site = PRODUCTION, **cookies: str) -> str:
    """Which of two session cookies is taken: ``s`` or ``S``, suffixed."""
    suffix = suffix_of(at)
    names = {
        "s": "__session",
        "S": f"__session_{suffix}",
        "u": "__client_uat",
        "U": f"__client_uat_{suffix}",
    }
    header = "; ".join(f"{names[name]}={value}" for name, value in cookies.items())
    found = from_cookies(header, at)
    assert cookies.get("s") != cookies.get("S"), "the two must differ"
    assert found.session == cookies.get("S" if found.suffixed else "s")
    return "S" if found.suffixed else "s"


@pytest.mark.parametrize("junk", ["junk", "a.b.c", signed({"iss": ""}).decode()])
@pytest.mark.parametrize("uat", [{}, {"U": "5"}, {"u": "5"}, {"U": "5", "u": "5"}, {"U": "0"}])
def test_row_1_junk_does_not_hide_our_own_cookie(junk: str, uat: dict[str, str]) -> None:
    """A plain cookie that nobody can read, which any subdomain can set, is passed over.

    Clerk's SDKs take it instead of the suffixed one: cookie tossing signs out there.
    """
    assert choice(s=junk, S=OURS, **uat) == "S"


@pytest.mark.parametrize("uat", [{}, {"U": "5"}, {"u": "5"}, {"U": "5", "u": "5"}, {"U": "0"}])
def test_row_1_empty_cookie_is_none(uat: dict[str, str]) -> None:
    """An empty plain cookie decides nothing that its absence would not."""
    jar = "; ".join(
        f"__client_uat{f'_{SUFFIX}' if name == 'U' else ''}={value}" for name, value in uat.items()
    )
    without = f"__session_{SUFFIX}={OURS}; {jar}"
    assert from_cookies(f"__session=; {without}") == from_cookies(without)


def test_row_1_junk_alone_is_taken_and_refused_later() -> None:
    """Without a cookie of our own the plain one is all there is."""
    assert choice(s="junk") == "s"
    assert choice(s=signed({"iss": 0}).decode()) == "s"


@pytest.mark.parametrize("uat", [{}, {"U": "5"}, {"u": "5"}, {"U": "0"}, {"U": "0", "u": "5"}])
def test_row_2_cookie_of_another_instance_is_passed_over(uat: dict[str, str]) -> None:
    """Several applications share a domain; the plain cookie is whoever's came last."""
    assert choice(s=FOREIGN, S=OURS, **uat) == "S"


def test_row_2_cookie_of_another_instance_alone_is_none_of_ours() -> None:
    """It is not even looked at."""
    assert from_cookies(f"__session={FOREIGN}; __client_uat=5").session is None


@pytest.mark.parametrize("issuer", [KEY.issuer, f"http://{KEY.host}", KEY.host])
def test_row_2_scheme_of_the_issuer_does_not_matter(issuer: str) -> None:
    """Whose cookie it is, is told by the host alone; the issuer itself is judged later."""
    plain = signed({"iss": issuer}).decode()
    assert choice(s=plain) == "s"
    assert choice(s=plain, S=OLDER) == "s"


@pytest.mark.parametrize(
    "issuer", [f"{KEY.issuer}/", f"{KEY.issuer}.evil.example", f"https://x.{KEY.host}", 5, [], True]
)
def test_row_2_issuer_that_is_not_exactly_ours_loses(issuer: object) -> None:
    """Near misses and wrong types do not make a cookie ours."""
    assert choice(s=signed({"iss": issuer}).decode(), S=OURS, U="5", u="5") == "S"


@pytest.mark.parametrize("uat", [{}, {"u": "0"}, {"u": "5"}])
def test_row_3_without_suffixed_cookies_plain_ones_count(uat: dict[str, str]) -> None:
    """Old versions of Clerk's browser SDK write no suffix."""
    assert choice(s=OURS, **uat) == "s"


@pytest.mark.parametrize("uat", [{"U": "5", "u": "5"}, {"U": "5"}])
def test_row_4_newer_plain_cookie_wins(uat: dict[str, str]) -> None:
    """An old suffixed cookie beside a newer plain one was left behind by a downgrade."""
    assert choice(s=OURS, S=OLDER, **uat) == "s"
    assert choice(s=OLDER, S=OURS, **uat) == "S"
    assert choice(s=OURS, S=signed({"jti": "twin"}).decode(), **uat) == "S"


@pytest.mark.parametrize("uat", [{"U": "5", "u": "5"}, {"U": "5"}])
def test_row_4_missing_date_is_the_beginning(uat: dict[str, str]) -> None:
    """A cookie without a date is older than any that has one."""
    for date in (None, 0, "", False):
        assert choice(s=OURS, S=signed({"iat": date}).decode(), **uat) == "s"
        assert choice(s=signed({"iat": date}).decode(), S=OURS, **uat) == "S"


def test_row_4_wrongly_typed_date_is_newer_than_none() -> None:
    """What cannot be compared does not displace our own cookie."""
    for date in ("1", [NOW], {"": NOW}):
        assert choice(s=OURS, S=signed({"iat": date}).decode(), U="5", u="5") == "S"
        assert choice(s=signed({"iat": date}).decode(), S=OURS, U="5", u="5") == "S"


@pytest.mark.parametrize("uat", [{"u": "5"}, {"u": "junk"}, {}])
def test_row_5_suffixed_sign_out_yields_to_plain_cookies(uat: dict[str, str]) -> None:
    """Signed out there but not here: the plain cookies are the newer story."""
    assert choice(s=OURS, S=OLDER, U="0", **uat) == "s"
    assert choice(s=OLDER, S=OURS, U="0", **uat) == "s"


def test_row_6_expired_suffixed_cookie_in_development() -> None:
    """In development a suffixed session that ran out yields to the plain one."""
    assert choice(DEVELOPMENT, s=OURS, S=EXPIRED, U="5", u="0") == "s"
    assert choice(DEVELOPMENT, s=OURS, S=signed({"exp": NOW + 1}).decode(), U="5", u="0") == "S"
    assert choice(DEVELOPMENT, s=OURS, S=signed({"exp": "x"}).decode(), U="5", u="0") == "S"
    assert choice(DEVELOPMENT, s=OURS, S="junk", U="5", u="0") == "S"
    assert choice(PRODUCTION, s=OURS, S=EXPIRED, U="5", u="0") == "S"


def test_row_7_suffixed_session_without_its_uat() -> None:
    """Half a pair is not believed: the plain cookies are taken."""
    assert choice(s=OURS, S=OLDER) == "s"
    assert choice(s=OURS, S=OLDER, u="0") == "s"
    assert from_cookies(f"__session_{SUFFIX}={OURS}").session is None


def test_row_8_otherwise_our_own_cookies_count() -> None:
    """Both say the same: the suffixed pair is ours for certain."""
    assert choice(s=OURS, S=OLDER, U="0", u="0") == "S"
    assert choice(S=OURS, U="5") == "S"
    assert choice(S=OURS, U="5", u="5") == "S"
    assert choice(S=OURS, U="5", u="0") == "S"


def test_suffixed_pair_alone_without_a_session() -> None:
    """Signed out with suffixed cookies only: there is no session."""
    assert from_cookies(f"__client_uat_{SUFFIX}=5").session is None


def test_without_a_publishable_key_only_plain_cookies_are_known() -> None:
    """Without it nobody can tell the suffix."""
    found = from_cookies(
        f"__session=plain; __session_{SUFFIX}=own; __client_uat=7; __refresh_{SUFFIX}=r", KEYLESS
    )
    assert found == NO_COOKIES._replace(session="plain", client_uat=7)


@pytest.mark.parametrize(
    ("value", "uat"),
    [
        ("0", 0),
        ("1800000000", 1_800_000_000),
        ("", 0),
        ("abc", 0),
        ("5abc", 0),
        ("0x7f", 0),
        ("1.5", 0),
        (" 7", 7),
        ("%37", 7),
        ("%D9%A7", 0),
        ("-1", 0),
        ("1" * 15, 111_111_111_111_111),
        ("1" * 16, 0),
        ("1" * 4_300, 0),
        ("1" * 4_999, 0),
    ],
)
def test_client_uat_is_a_number(value: str, uat: int) -> None:
    """What is not a plain number counts as 0, signed out."""
    assert from_cookies(f"__session={OURS}; __client_uat={value}").client_uat == uat


def test_client_uat_may_be_missing() -> None:
    """No cookie says as much as 0: nobody has signed in."""
    assert from_cookies(f"__session={OURS}").client_uat == 0


def test_client_uat_comes_from_the_same_pair() -> None:
    """The suffixed token is held against the suffixed statement, never across."""
    header = (
        f"__session={OLDER}; __client_uat=3; __session_{SUFFIX}={OURS}; __client_uat_{SUFFIX}=4"
    )
    assert from_cookies(header).client_uat == 4
    assert (
        from_cookies(f"__session={OURS}; __client_uat=3; __client_uat_{SUFFIX}=0").client_uat == 3
    )


@pytest.mark.parametrize(
    ("host", "chosen"), [("clerk.example.com", "S"), ("clerk.satellite.example", "s")]
)
def test_row_2_satellite_has_a_host_of_its_own(host: str, chosen: str) -> None:
    """A satellite's own tokens come from the Frontend API on the satellite's domain."""
    satellite = site(is_satellite=True, domain="satellite.example")
    plain = signed({"iss": f"https://{host}"}).decode()
    assert choice(satellite, s=plain, S=OLDER) == chosen


def test_dev_browser_comes_from_the_same_pair() -> None:
    """It follows the session cookies: suffixed where they are."""
    both = f"__clerk_db_jwt=plain; __clerk_db_jwt_{SUFFIX}=own"
    assert from_cookies(both, DEVELOPMENT).dev_browser == "plain"
    own = f"{both.replace(SUFFIX, suffix_of(DEVELOPMENT))}; __client_uat_{suffix_of(DEVELOPMENT)}=5"
    assert from_cookies(own, DEVELOPMENT).dev_browser == "own"


def test_refresh_token_is_always_our_own() -> None:
    """A plain ``__refresh`` is nobody's; ours is read beside plain session cookies, too."""
    assert from_cookies(f"__session={OURS}; __refresh=shared").refresh is None
    assert from_cookies(f"__session={OURS}; __refresh_{SUFFIX}=ours").refresh == "ours"
    assert from_cookies("__session=a; __refresh_other678=b").refresh is None


def test_what_a_handshake_leaves_is_never_suffixed() -> None:
    """Clerk sets these for all instances of a domain alike."""
    uat = f"__client_uat_{SUFFIX}=5"
    left = from_cookies(f"__clerk_handshake=t; __clerk_handshake_nonce=n; {uat}")
    assert (left.handshake, left.handshake_nonce) == ("t", "n")
    other = from_cookies(f"__clerk_handshake_{SUFFIX}=t; __clerk_handshake_nonce_{SUFFIX}=n; {uat}")
    assert (other.handshake, other.handshake_nonce) == (None, None)


@pytest.mark.parametrize(
    ("value", "redirects"),
    [
        ("", 0),
        ("0", 0),
        ("1", 1),
        ("2", 2),
        ("3", 3),
        ("4", 4),
        ("3.0", 3),
        ("0x3", 3),
        ("0X3", 3),
        ("%33", 3),
        ("10", 9),
        ("1e9", 9),
        ("Infinity", 9),
        ("9" * 400, 9),
        ("0x" + "f" * 400, 9),
        ("-1", 0),
        ("-Infinity", 0),
        ("NaN", 0),
        ("abc", 0),
        ("3x", 0),
        ("0x", 0),
        ("0.5", 0),
    ],
)
def test_whatever_may_mean_a_large_count_is_one(value: str, redirects: int) -> None:
    """The count comes from the browser: it can stop the redirects, and never keep them going."""
    assert from_cookies(f"__clerk_redirect_count={value}").redirects == redirects


@pytest.mark.parametrize("planted", ["e30.bnVsbA.AAAA", "e30.W10.AAAA", "junk", "A" * 20_000])
@pytest.mark.parametrize("cookie", ["__session", f"__session_{SUFFIX}"])
def test_no_cookie_spoils_the_choice(planted: str, cookie: str) -> None:
    """Junk that a sibling subdomain plants is passed over, whichever name it comes under."""
    other = f"__session_{SUFFIX}" if cookie == "__session" else "__session"
    header = f"{cookie}={planted}; {other}={OURS}; __client_uat=5; __client_uat_{SUFFIX}=5"
    assert from_cookies(header).session == OURS
