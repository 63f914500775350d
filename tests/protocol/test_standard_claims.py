"""Every standard claim is there, of the right type and in range, or the token is refused."""

import json

import pytest

from clerk_fastapi.errors import TokenVerificationFailed
from clerk_fastapi.testing import ABSENT
from clerk_fastapi.testing.tokens import to_json
from tests.protocol.material import HEAD, NOW, claims, code, judged, raw, signed

NEEDED = ["iss", "sub", "sid", "iat", "exp"]
TEXTS = ["azp", "jti", "sts", "fea", "pla", "org_id", "org_slug", "org_role"]
NOT_TEXT: list[object] = [5, 1.5, True, False, [], ["x"], {}, {"x": "y"}]
NOT_DATE: list[object] = [None, "1", True, False, 1.5, 1.0, -1, [], [NOW], {}]
NOT_LISTS: list[object] = ["0,-1", 5, True, {}, {"0": 0}]


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("value", [ABSENT, None])
def test_needed_claims_are_there(name: str, value: object) -> None:
    """Without issuer, user, session and times there is no session."""
    with pytest.raises(TokenVerificationFailed):
        judged(signed({name: value}))


@pytest.mark.parametrize("name", ["iss", "sub", "sid"])
@pytest.mark.parametrize("value", ["", *NOT_TEXT])
def test_names_are_texts_that_say_something(name: str, value: object) -> None:
    """An empty user id would be nobody signed in."""
    with pytest.raises(TokenVerificationFailed):
        judged(signed({name: value}))


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", NOT_TEXT)
def test_texts_are_texts(name: str, value: object) -> None:
    """A claim of another type is refused and not guessed at."""
    with pytest.raises(TokenVerificationFailed):
        judged(signed({name: value}))


@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
@pytest.mark.parametrize("value", NOT_DATE)
def test_dates_are_whole_seconds(name: str, value: object) -> None:
    """Booleans are numbers in Python, and no dates."""
    with pytest.raises(TokenVerificationFailed):
        judged(signed({name: value}))


@pytest.mark.parametrize("value", [*NOT_LISTS, [True, False], ["0", "-1"], [None], [[0]], [{}]])
def test_ages_are_numbers(value: object) -> None:
    """Booleans are numbers in Python, and no ages."""
    with pytest.raises(TokenVerificationFailed):
        judged(signed({"fva": value}))


@pytest.mark.parametrize("name", ["aud", "org_permissions"])
@pytest.mark.parametrize("value", [5, True, {}, [5], [None], ["app", 5], [["app"]]])
def test_lists_hold_texts(name: str, value: object) -> None:
    """One wrong member spoils the list."""
    with pytest.raises(TokenVerificationFailed):
        judged(signed({name: value}))


@pytest.mark.parametrize("value", ["user_1", 5, [], {}, {"sub": ""}, {"sub": 5}, {"sid": "sess_1"}])
def test_actor_is_somebody(value: object) -> None:
    """An impersonation by nobody is refused."""
    with pytest.raises(TokenVerificationFailed):
        judged(signed({"act": value}))


@pytest.mark.parametrize("value", ["org_1", 5, True, [], ["org_1"], [{"id": "org_1"}]])
def test_organization_is_an_object(value: object) -> None:
    """Something else is no organization, and not none either."""
    with pytest.raises(TokenVerificationFailed):
        judged(signed({"o": value, "v": 2}))


@pytest.mark.parametrize("name", ["id", "slg", "rol", "per", "fpm"])
@pytest.mark.parametrize("value", NOT_TEXT)
def test_members_of_the_organization_are_texts(name: str, value: object) -> None:
    """Every member of the compact organization is looked at, whatever version the token has."""
    for version in (2, ABSENT):
        with pytest.raises(TokenVerificationFailed):
            judged(signed({"o": {"id": "org_1", name: value}, "v": version}))


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "01", "+1"])
@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "fva"])
def test_numbers_are_json_numbers(name: str, literal: str) -> None:
    """JSON has no NaN, and what overflows is no date."""
    text = json.dumps(claims(**{name: "@"}))
    payload = text.replace('"@"', literal if name != "fva" else f"[{literal},-1]").encode()
    assert code(raw(HEAD, payload)) in {"token-invalid", "token-verification-failed"}


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "[NaN]", '{"a":-Infinity}'])
def test_nothing_in_a_token_is_not_a_number(literal: str) -> None:
    """Not in claims that nobody declared, either: what is no JSON is no token."""
    payload = to_json(claims(more="@")).replace(b'"@"', literal.encode())
    assert code(raw(HEAD, payload)) == "token-invalid"


@pytest.mark.parametrize("literal", ["1" * 4_301, f"1e{'9' * 30}", "-0", "1E2"])
def test_numbers_of_any_size_are_survived(literal: str) -> None:
    """Numbers too long to be turned into integers are refused like others."""
    text = json.dumps(claims(exp="@")).replace('"@"', literal)
    assert code(raw(HEAD, text.encode())) in {
        "token-expired",
        "token-invalid",
        "token-verification-failed",
    }


@pytest.mark.parametrize("name", [*TEXTS, "aud", "act", "fva", "o", "org_permissions", "v"])
def test_optional_claims_may_be_null(name: str) -> None:
    """``null`` is the same as leaving a claim out."""
    assert code(signed({name: None})) == "accepted"
