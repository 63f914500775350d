"""Patterns choose routes by their templates: exactly those whose every path fits, or some path."""

import re
from itertools import product
from urllib.parse import quote

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from starlette.routing import compile_path

from clerk_fastapi import ConfigurationError
from clerk_fastapi.protocol.patterns import PathPattern, PathTemplate

WHOLLY, PARTLY, NOT = "wholly", "partly", "not"


def fits(pattern: str, template: str) -> str:
    """How much of what a route serves fits a pattern."""
    chosen, route = PathPattern(pattern), PathTemplate.parse(template)
    if chosen.covers(route):
        assert chosen.meets(route)
        return WHOLLY
    return PARTLY if chosen.meets(route) else NOT


@pytest.mark.parametrize(
    ("pattern", "template", "how_much"),
    [
        ("/", "/", WHOLLY),
        ("/", "/{path:path}", PARTLY),
        ("/", "", NOT),
        ("/admin", "/admin", WHOLLY),
        ("/admin", "/administrators", NOT),
        ("/admin", "/admin/{id}", NOT),
        ("/admin", "/{page}", PARTLY),
        ("/admin(.*)", "/admin", WHOLLY),
        ("/admin(.*)", "/admin/{id}", WHOLLY),
        ("/admin(.*)", "/admin/{rest:path}", WHOLLY),
        ("/admin(.*)", "/administrators", WHOLLY),
        ("/admin(.*)", "/{page}", PARTLY),
        ("/admin(.*)", "/{path:path}", PARTLY),
        ("/admin(.*)", "/a{rest}", PARTLY),
        ("/admin(.*)", "/users/{id}", NOT),
        ("/admin/(.*)", "/admin/", WHOLLY),
        ("/admin/(.*)", "/admin/{id}", WHOLLY),
        ("/admin/(.*)", "/admin", NOT),
        ("/(.*)", "/", WHOLLY),
        ("/(.*)", "/{path:path}", WHOLLY),
        ("/(.*)", "/a/{b:int}/{c:uuid}", WHOLLY),
        ("/(.*)/edit", "/items/{id}/edit", WHOLLY),
        ("/(.*)/edit", "/items/{id}", PARTLY),
        ("/(.*)/edit", "/items/{id:int}", NOT),
        ("/(.*)/edit", "/items/{id:path}", PARTLY),
        ("/(.*)a/b", "/aa/b", WHOLLY),
        ("/users/me", "/users/{id}", PARTLY),
        ("/users/:id", "/users/me", WHOLLY),
        ("/items/:id", "/items/{id}", WHOLLY),
        ("/items/:id", "/items/{id:str}", WHOLLY),
        ("/items/:id", "/items/{id}.{format}", WHOLLY),
        ("/items/:id", "/items/{id:path}", PARTLY),
        ("/items/:id", "/items/", NOT),
        ("/items/:id", "/items/{id}/x", NOT),
        ("/items/v-:id", "/items/{id}", PARTLY),
        ("/items/v-:id", "/items/v-{id}", WHOLLY),
        ("/items/v-:id", "/items/v-", NOT),
        ("/api/:path?", "/api", WHOLLY),
        ("/api/:path?", "/api/{a}", WHOLLY),
        ("/api/:path?", "/api/{a}/{b}", NOT),
        ("/api/:path*", "/api", WHOLLY),
        ("/api/:path*", "/api/{a}/{b}", WHOLLY),
        ("/api/:path*", "/apis", NOT),
        ("/api/:path*", "/api/{rest:path}", WHOLLY),  # though it serves /api//x
        ("/api/:path+", "/api/{rest:path}", PARTLY),  # it serves /api/, too
        ("/api/:path+", "/api", NOT),
        ("/api/:path+", "/api/{a}", WHOLLY),
        ("/api/:path+", "/api/{a}/{b}", WHOLLY),
        ("/api/v-:path*", "/api/v-", WHOLLY),
        ("/api/v-:path*", "/api/v-{a}/{b}", NOT),
        ("/api/v-:path+", "/api/v-{a}", WHOLLY),
        ("/api/v-:path+", "/api/v-", NOT),
        ("/:any?/orgs", "/orgs", WHOLLY),
        ("/:any?/orgs", "/{language}/orgs", WHOLLY),
        ("/:any?/:id?", "/a/b/c", NOT),
        ("//:any?", "/b", NOT),
        ("//:any*", "/b", NOT),
    ],
)
def test_pattern_fits_what_a_route_serves(pattern: str, template: str, how_much: str) -> None:
    """Wholly if no path of the route is outside of the pattern, not at all if none is inside."""
    assert fits(pattern, template) == how_much


@pytest.mark.parametrize(
    ("pattern", "template", "how_much"),
    [
        ("/me", "/me/", WHOLLY),
        ("/me/", "/me", NOT),
        ("/me/", "/me/", WHOLLY),
        ("/me", "/me//", NOT),
        ("/items/:id", "/items/{id}/", WHOLLY),
        ("/me", "/me{rest:path}", PARTLY),
    ],
)
def test_slash_at_the_end_is_forgiven(pattern: str, template: str, how_much: str) -> None:
    """As for organization sync: a route may have one that the pattern has not."""
    assert fits(pattern, template) == how_much


@pytest.mark.parametrize(
    ("pattern", "template", "how_much"),
    [
        ("/Admin(.*)", "/aDMIN/{id}", WHOLLY),
        ("/%41dmin", "/admin", WHOLLY),
        ("/caf%C3%A9", "/caf\u00c9", NOT),
        ("/stra%C3%9Fe", "/strasse", NOT),
        ("/task", "/tas\u212a", NOT),  # the Kelvin sign is no k
        ("/settings", "/\u017fettings", NOT),  # the long s is no s
        ("/ABCDEFAB-:rest", "/{id:uuid}", PARTLY),
    ],
)
def test_case_is_folded_for_ascii_only(pattern: str, template: str, how_much: str) -> None:
    """More than the letters of ASCII would make one path of two."""
    assert fits(pattern, template) == how_much


@pytest.mark.parametrize(
    ("pattern", "template", "how_much"),
    [
        ("/caf%C3%A9", "/caf\u00e9", WHOLLY),
        ("/caf%c3%a9(.*)", "/caf\u00e9/{id}", WHOLLY),
        ("/caf%C3%A9", "/caf%C3%A9", NOT),
        ("/100%25", "/100%", WHOLLY),
        ("/100%2525", "/100%25", WHOLLY),
        ("/users/%3Aid", "/users/:id", WHOLLY),
        ("/users/%3Aid", "/users/{id}", PARTLY),
        ("/a%2Fb", "/a/b", WHOLLY),
        ("/%28.%2A%29", "/(.*)", WHOLLY),
        ("/%28.%2A%29", "/x", NOT),
        ("/%7Bid%7D", "/{id}", PARTLY),
    ],
)
def test_text_of_a_pattern_is_decoded(pattern: str, template: str, how_much: str) -> None:
    """It is written as in the address bar, and a template as the router sees paths: decoded."""
    assert fits(pattern, template) == how_much


@pytest.mark.parametrize(
    "text", ["/caf%E9", "/%C3:id", "/%ff(.*)", "/100%", "/%zz", "/%4", "/%:id", "/%4(.*)"]
)
def test_escape_that_stands_for_no_text_chooses_no_routes(text: str) -> None:
    """A route with such a path cannot be written, while organization sync compares raw paths."""
    pattern, template = PathPattern(text), PathTemplate.parse("/x")
    with pytest.raises(ConfigurationError, match="escapes"):
        pattern.covers(template)
    with pytest.raises(ConfigurationError, match="escapes"):
        pattern.meets(template)
    assert pattern.match("/x") is None


UUID = "01234567-89ab-CDEF-0123-456789abcdef"


@pytest.mark.parametrize(
    ("pattern", "template", "how_much"),
    [
        ("/12", "/{id:int}", PARTLY),
        ("/1a", "/{id:int}", NOT),
        ("/-1", "/{id:int}", NOT),
        ("/", "/{id:int}", NOT),
        ("/%D9%A1", "/{id:int}", NOT),  # an Arabic one
        ("/1.5", "/{x:int}", NOT),
        ("/1.5", "/{x:float}", PARTLY),
        ("/15", "/{x:float}", PARTLY),
        ("/1.", "/{x:float}", NOT),
        ("/.5", "/{x:float}", NOT),
        ("/1.5.2", "/{x:float}", NOT),
        (f"/{UUID}", "/{id:uuid}", PARTLY),
        (f"/{UUID.replace('-', '')}", "/{id:uuid}", PARTLY),
        (f"/{UUID}0", "/{id:uuid}", NOT),
        (f"/{UUID[:-1]}", "/{id:uuid}", NOT),
        (f"/{UUID.replace('a', 'g')}", "/{id:uuid}", NOT),
        ("/0-:rest", "/{id:uuid}", NOT),
        ("/:id", "/{id:int}", WHOLLY),
        ("/:id", "/{x:float}", WHOLLY),
        ("/:id", "/{id:uuid}", WHOLLY),
        ("/a/b", "/{id}", NOT),
        ("/a/b", "/{id:path}", PARTLY),
        ("/a/b", "/{id:own}", PARTLY),
        ("/:id", "/{id:own}", PARTLY),
        ("/(.*)", "/{id:own}", WHOLLY),
        ("/x", "/x{id:own}", PARTLY),
        ("/x", "/x{id:path}", PARTLY),
        ("/x", "/x{id}", NOT),
    ],
)
def test_convertors_take_what_starlette_says(pattern: str, template: str, how_much: str) -> None:
    """What an application's own convertor takes is not known: it may be anything."""
    assert fits(pattern, template) == how_much


@pytest.mark.parametrize("template", ["/a\n{b}", "/a\r", "/a\u2028", "/a\n"])
def test_line_feeds_are_characters_like_others(template: str) -> None:
    """In JavaScript the wildcard takes none, and that has led around Clerk's own matcher."""
    assert fits("/a(.*)", template) == fits("/a:rest", template) == WHOLLY
    assert fits("/a%0A%0D", "/a{rest}") == fits("/a%0A%0D", "/a{rest:path}") == PARTLY


@pytest.mark.parametrize("text", ["/{", "/{}", "/{1}", "/{a:}", "/{a b}", "/{a:1}", "/a}", "/{{"])
def test_braces_around_no_name_are_text(text: str) -> None:
    """The router reads them so."""
    assert fits(quote(text), text) == WHOLLY


def test_template_tells_its_text() -> None:
    """And two with the same text are one."""
    template = PathTemplate.parse("/items/{id:int}")
    assert template.text == "/items/{id:int}"
    assert template == PathTemplate.parse("/items/{id:int}") != PathTemplate.parse("/items/{id}")


WORDS = ["/" + "".join(word) for length in range(8) for word in product("a/b", repeat=length)]


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """Short patterns, with every syntax that there is."""
    parts = st.sampled_from(["a", "/", ":", "/:", "/:?", "/:*", "/:+", ":?", "(.*)", "/(.*)"])
    listed = enumerate(draw(st.lists(parts, max_size=3)))
    text = "/" + "".join(part.replace(":", f":p{at}") for at, part in listed)
    try:
        PathPattern(text)
    except ConfigurationError:  # it could be matched in too many ways
        reject()
    return text


@st.composite
def templates(draw: st.DrawFn) -> str:
    """Short templates: text and parameters."""
    parts = st.sampled_from(["A", "/", "{}", "{:path}"])
    listed = enumerate(draw(st.lists(parts, max_size=3)))
    return "/" + "".join(part.replace("{", f"{{p{at}") for at, part in listed)


@given(pattern=patterns(), template=templates())
def test_answers_are_those_of_trying_all_paths(pattern: str, template: str) -> None:
    """Both are exact: they say what the router and the pattern say of all short paths."""
    served = re.compile(compile_path(template)[0].pattern, re.IGNORECASE)
    chosen, route = PathPattern(pattern), PathTemplate.parse(template)
    fitting = [chosen.match(path) is not None for path in WORDS if served.match(path)]
    assert chosen.covers(route) is all(fitting)
    assert chosen.meets(route) is any(fitting)


@given(text=st.text())
def test_every_template_is_read(text: str) -> None:
    """No template makes it fail, and the pattern for everything covers each."""
    assert fits("/(.*)", "/" + text) == WHOLLY


@given(text=st.text(st.characters(exclude_characters="{", exclude_categories=["Cs"])))
def test_text_fits_itself(text: str) -> None:
    """Once it is written as in the address bar."""
    assert fits("/" + quote(text, safe=""), "/" + text) == WHOLLY


MANY = range(40)
SEGMENTS = "".join(f"/:p{at}" for at in MANY)
PARAMETERS = "".join(f"/{{p{at}}}" for at in MANY)


@pytest.mark.parametrize(
    ("pattern", "template", "how_much"),
    [
        ("/(.*)/x" + SEGMENTS, "/{path:path}/x" + PARAMETERS, WHOLLY),
        ("/(.*)/y" + SEGMENTS, "/{path:path}/x" + PARAMETERS, NOT),
        ("/(.*)/0123456789" + SEGMENTS, "/{x:int}" * 40 + "/0123456789" + PARAMETERS, WHOLLY),
        (
            "/(.*)//:x" + "".join(f"//:p{at}?" for at in MANY),
            "/{path:path}//{x}" + "/" * 40,
            WHOLLY,
        ),
    ],
)
def test_answers_come_though_paths_have_many_ways_to_fit(
    pattern: str, template: str, how_much: str
) -> None:
    """What a path began with decides where in the pattern it can be: to try all takes forever."""
    assert fits(pattern, template) == how_much
