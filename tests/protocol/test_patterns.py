"""Path patterns take what Clerk's documentation says, and refuse what they do not understand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi import ConfigurationError
from clerk_fastapi.protocol.patterns import PathPattern


def found(pattern: str, path: str) -> dict[str, str] | None:
    """What a pattern takes from a path."""
    taken = PathPattern(pattern).match(path)
    return None if taken is None else dict(taken)


@pytest.mark.parametrize(
    ("pattern", "path", "taken"),
    [
        ("/orgs/:slug", "/orgs/acme", {"slug": "acme"}),
        ("/orgs/:slug", "/orgs/acme/", {"slug": "acme"}),
        ("/orgs/:slug", "/ORGS/Acme", {"slug": "Acme"}),
        ("/orgs/:slug", "/orgs/a%20b", {"slug": "a%20b"}),
        ("/orgs/:slug", "/orgs/", None),
        ("/orgs/:slug", "/orgs", None),
        ("/orgs/:slug", "/orgs//", None),
        ("/orgs/:slug", "/orgs/acme/settings", None),
        ("/orgs/:slug", "/x/orgs/acme", None),
        ("/orgs/:slug", "/orgs/acme//", None),
        ("/orgs/:slug", "/orgs/acme\n", {"slug": "acme\n"}),
        ("/orgs/:id/(.*)", "/orgs/org_1/a/b", {"id": "org_1"}),
        ("/orgs/:id/(.*)", "/orgs/org_1/", {"id": "org_1"}),
        ("/orgs/:id/(.*)", "/orgs/org_1", None),
        ("/:any?/orgs/:slug", "/orgs/acme", {"slug": "acme"}),
        ("/:any?/orgs/:slug", "/de/orgs/acme", {"any": "de", "slug": "acme"}),
        ("/orgs/:slug?", "/orgs", {}),
        ("/orgs/:slug/:rest*", "/orgs/acme", {"slug": "acme"}),
        ("/orgs/:slug/:rest*", "/orgs/acme/a/b", {"slug": "acme", "rest": "a/b"}),
        ("/orgs/:slug/:rest+", "/orgs/acme", None),
        ("/orgs/:slug/:rest+", "/orgs/acme/a", {"slug": "acme", "rest": "a"}),
        ("/orgs/:slug/:rest+", "/orgs/acme/a/b", {"slug": "acme", "rest": "a/b"}),
        ("/org-:slug", "/org-acme", {"slug": "acme"}),
        ("/org-:slug+", "/org-acme", {"slug": "acme"}),
        ("/org-:slug+", "/org-a/b", None),
        ("/files/a.b", "/files/a.b", {}),
        ("/files/a.b", "/files/aXb", None),
        ("/me", "/me", {}),
        ("/me", "/me/", {}),
        ("/me", "/mean", None),
        ("/me(.*)", "/mean/x", {}),
        ("/(.*)", "/", {}),
        ("/(.*)", "/anything/at/all", {}),
        ("/", "/", {}),
        ("/", "/x", None),
    ],
)
def test_pattern_takes_what_it_says(pattern: str, path: str, taken: dict[str, str] | None) -> None:
    """``:name`` takes a segment, ``(.*)`` anything, and a slash at the end is forgiven."""
    assert found(pattern, path) == taken


@pytest.mark.parametrize(
    "text",
    [
        "",
        "orgs/:slug",
        "https://app.example.com/orgs",
        "/orgs/:",
        "/orgs/:1",
        "/orgs/(:slug)",
        "/orgs/:slug(\\d+)",
        "/orgs/{:slug}",
        "/orgs/*",
        "/orgs/*slug",
        "/orgs/[a-z]",
        "/orgs/(a|b)",
        "/orgs/\\:slug",
        "/orgs/a?",
        "/orgs/a+",
        "/orgs/^a",
        "/orgs/$",
        "/orgs/(.*)?",
        "/caf\u00e9/:slug",
        "/a b",
        "/a\n",
        "/orgs/:slug\x7f",
        "/orgs/()",
        None,
        5,
        ["/orgs"],
    ],
)
def test_unknown_syntax_stops_the_start_up(text: object) -> None:
    """A pattern that means less than it seems to would leave pages unguarded in silence."""
    with pytest.raises(ConfigurationError, match="pattern"):
        PathPattern(text)  # type: ignore[arg-type]  # that is what must fail


def test_path_without_end_is_not_looked_at() -> None:
    """Strangers choose the paths, and no page of an application is called so."""
    assert found("/:slug", "/" + "a" * 2_047) == {"slug": "a" * 2_047}
    assert found("/:slug", "/" + "a" * 2_048) is None


def test_name_given_twice_stops_the_start_up() -> None:
    """Nobody could tell which of the two counts."""
    with pytest.raises(ConfigurationError, match="pattern"):
        PathPattern("/:id/:id")


def test_names_of_parameters_are_known() -> None:
    """A pattern tells which it has before it meets a path."""
    assert PathPattern("/a/:id/b/:slug?/(.*)").names == {"id", "slug"}
    assert PathPattern("/me").names == set()


@given(path=st.text())
def test_random_paths_are_survived(path: str) -> None:
    """No path makes a pattern fail, or take something empty."""
    for text in ("/orgs/:slug", "/orgs/:id/:rest*", "/:any?/x/(.*)"):
        for value in (found(text, "/orgs/" + path) or {}).values():
            assert value


@pytest.mark.parametrize(
    "text",
    [
        "/orgs/:id(.*)",  # in Clerk's own syntax a parameter that takes everything
        "/orgs/(.*):id",
        "/orgs/:a-:b",
        "/(.*)/x/(.*)",
        "/:a*/:b*",
        "/:a+/(.*)",
    ],
)
def test_pattern_that_takes_too_long_stops_the_start_up(text: str) -> None:
    """Strangers choose the paths, and dividing one among several open ends takes ever longer."""
    with pytest.raises(ConfigurationError, match="too many ways"):
        PathPattern(text)


def test_endless_path_fits_no_pattern() -> None:
    """No page has such an address."""
    pattern = PathPattern("/orgs/:slug/(.*)")
    assert pattern.match("/orgs/acme/" + "x" * 2_000) == {"slug": "acme"}
    assert pattern.match("/orgs/acme/" + "x" * 2_048) is None
