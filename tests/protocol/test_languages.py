"""Languages hold the strings that they are made for, however they are put together."""

import re
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi.protocol.languages import Language

WORDS = ["".join(word) for length in range(5) for word in product("ab/", repeat=length)]
LETTERS = st.sampled_from(
    [
        (Language.text("a"), "a"),
        (Language.text("AB"), "ab"),
        (Language.one_of("b/"), "[b/]"),
        (Language.none_of("/"), "[^/]"),
        (Language.none_of(""), "[ab/]"),
    ]
)


def larger(
    parts: st.SearchStrategy[tuple[Language, str]],
) -> st.SearchStrategy[tuple[Language, str]]:
    """What can be made of languages, and of the regular expressions that say the same."""
    return st.one_of(
        st.tuples(parts, parts).map(lambda two: (two[0][0] + two[1][0], two[0][1] + two[1][1])),
        parts.map(lambda one: (one[0].optional(), f"(?:{one[1]})?")),
        parts.map(lambda one: (one[0].repeated(), f"(?:{one[1]})+")),
    )


LANGUAGES = st.recursive(LETTERS, larger, max_leaves=6)


@given(LANGUAGES)
def test_language_holds_what_a_regular_expression_takes(made: tuple[Language, str]) -> None:
    """Parts do not leak into one another: what repeats itself or is left out ends where it does."""
    language, expression = made
    for word in WORDS:
        expected = re.fullmatch(expression, word) is not None
        assert language.covers(Language.text(word)) is expected
        assert language.meets(Language.text(word)) is expected
        assert Language.text(word).meets(language) is expected


@given(LANGUAGES, LANGUAGES)
def test_no_string_says_otherwise(one: tuple[Language, str], other: tuple[Language, str]) -> None:
    """What one language is said to cover, or not to meet, is so for every short string."""
    shared = [
        re.fullmatch(one[1], word) is not None for word in WORDS if re.fullmatch(other[1], word)
    ]
    assert all(shared) or not one[0].covers(other[0])
    assert one[0].meets(other[0]) or not any(shared)


@given(LANGUAGES, LANGUAGES)
def test_more_covers_less(one: tuple[Language, str], other: tuple[Language, str]) -> None:
    """Whatever is made optional or repeated still holds what it held, and is met by it."""
    for more in (one[0], one[0].optional(), one[0].repeated()):
        assert more.covers(one[0])
        assert more.meets(one[0])
        assert (more + other[0]).covers(one[0] + other[0])
    assert one[0].repeated().covers(one[0] + one[0])
