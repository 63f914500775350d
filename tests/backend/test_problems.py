"""What went wrong, as Clerk says it, becomes an error of its own kind that shows no values."""

import json
import logging
from typing import Any

import httpx
import pytest

from clerk_fastapi.backend.problems import error_of, may_be_done, trace_id_of
from clerk_fastapi.backend.transport import WholeAnswer
from clerk_fastapi.errors import (
    BackendError,
    BackendRateLimited,
    BackendUnavailable,
    Problem,
    ResourceNotFound,
    SecretKeyRefused,
)

TRACE = "0123456789abcdef0123456789abcdef"


def answer(status: int, body: Any = None, **headers: str) -> WholeAnswer:
    """An answer of the Backend API; bytes are sent as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WholeAnswer(status, httpx.Headers(headers), content)


def problem(code: str, **more: object) -> dict[str, object]:
    """Clerk's shape of an error."""
    return {"errors": [{"code": code, "message": "No.", **more}], "clerk_trace_id": TRACE}


KINDS: list[tuple[int, str, type[BackendError]]] = [
    (400, "form_param_invalid", BackendError),
    (401, "clerk_key_invalid", SecretKeyRefused),
    (401, "could_not_authenticate_request", SecretKeyRefused),
    (401, "authentication_invalid", BackendError),
    (402, "unsupported_subscription_plan_features", BackendError),
    (403, "not_allowed", BackendError),
    (404, "resource_not_found", ResourceNotFound),
    (409, "conflict", BackendError),
    (422, "form_param_nil", BackendError),
    (429, "too_many_requests", BackendRateLimited),
    (500, "internal_clerk_error", BackendUnavailable),
    (503, "maintenance_mode", BackendUnavailable),
    (302, "elsewhere", BackendError),
]


@pytest.mark.parametrize(("status", "code", "kind"), KINDS)
def test_status_makes_the_kind_of_error(status: int, code: str, kind: type[BackendError]) -> None:
    """And the error carries Clerk's own code, the status and the trace id."""
    error = error_of(answer(status, problem(code)))
    assert type(error) is kind
    assert error.backend_status == status
    assert [each.code for each in error.errors] == [code]
    assert error.trace_id == TRACE


def test_problem_is_what_clerk_says() -> None:
    """Code, both messages and the details, for those who look for them."""
    said = problem("form_param_nil", long_message="Say who.", meta={"param_name": "user_id"})
    (found,) = error_of(answer(422, said)).errors
    assert found == Problem("form_param_nil", "No.", "Say who.", {"param_name": "user_id"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html>",
        b"[]",
        b"null",
        b'{"errors": 5}',
        b'{"errors": {"code": "x"}}',
        b'{"errors": ["x", null, {"code": 5}, {}]}',
        b'{"errors": [',
    ],
)
def test_body_that_says_nothing_makes_an_error_all_the_same(body: bytes) -> None:
    """The status is enough."""
    error = error_of(answer(422, body))
    assert (type(error), error.errors, error.trace_id) == (BackendError, (), None)


@pytest.mark.parametrize("body", [b"<html>nginx 404</html>", b"", b"{}", b'{"errors": []}'])
def test_404_in_other_words_than_clerks_is_about_no_resource(body: bytes) -> None:
    """A web server has no page there, which says nothing of users and sessions."""
    assert type(error_of(answer(404, body))) is BackendError


@pytest.mark.parametrize("body", [b"Unauthorized", problem("clerk_key_invalid")])
def test_401_for_a_key_of_the_callers_is_theirs(
    body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator has nothing to set."""
    assert type(error_of(answer(401, body), is_our_key=False)) is BackendError
    assert not [each for each in caplog.records if each.levelno == logging.ERROR]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, BackendUnavailable),
        (401, SecretKeyRefused),
        (404, ResourceNotFound),
        (409, BackendUnavailable),
        (429, BackendUnavailable),
        (500, BackendUnavailable),
    ],
)
def test_refusal_of_a_second_attempt_says_nothing_of_the_first(
    status: int, kind: type[BackendError]
) -> None:
    """Clerk may have done what it was asked for; only that something is gone says enough."""
    code = "clerk_key_invalid" if status == 401 else "whatever"
    error = error_of(answer(status, problem(code), **{"retry-after": "7"}), is_first=False)
    assert (type(error), error.backend_status) == (kind, status)
    assert may_be_done(error) is (kind is BackendUnavailable)


@pytest.mark.parametrize(
    ("error", "may_be"),
    [
        (BackendUnavailable(), True),
        (BackendUnavailable(backend_status=504), True),
        (BackendError(backend_status=200), True),
        (BackendError(backend_status=302), False),
        (BackendError(backend_status=422), False),
        (BackendError(), False),
        (ResourceNotFound(backend_status=404), False),
        (BackendRateLimited(backend_status=429), False),
        (SecretKeyRefused(backend_status=401), False),
    ],
)
def test_only_what_was_refused_is_certain_not_to_be_done(error: BackendError, may_be: bool) -> None:
    """An answer that got lost, or that makes no sense, is none."""
    assert may_be_done(error) is may_be


def test_details_of_the_wrong_type_are_left_out() -> None:
    """Nothing of it is taken at its word."""
    said = {"errors": [{"code": "x", "message": 5, "long_message": [], "meta": "m"}]}
    assert error_of(answer(400, said)).errors == (Problem("x", "", None, None),)


def test_401_in_other_words_than_clerks_is_about_no_key() -> None:
    """It is a proxy that lets nobody in."""
    assert type(error_of(answer(401, b"Unauthorized"))) is BackendError


def test_refused_key_is_logged_for_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    """By the name of its variable."""
    error_of(answer(401, problem("clerk_key_invalid")))
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "CLERK_SECRET_KEY" in record.getMessage()


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7), ("0", 1), ("", 1), ("soon", 1), ("-1", 1), ("86400", 300)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_passed_on_within_reason(status: int, said: str, seconds: int) -> None:
    """Clerk cannot keep callers away for a day."""
    error = error_of(answer(status, **{"retry-after": said}))
    assert isinstance(error, BackendUnavailable)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("in_body", "in_header", "found"),
    [
        (TRACE, "8f-FRA", TRACE),
        (None, "8f-FRA", "8f-FRA"),
        ("", "8f-FRA", "8f-FRA"),
        (5, None, None),
        ("two\nlines", None, None),
        ("x" * 129, None, None),
    ],
)
def test_trace_id_comes_from_the_body_or_from_the_network(
    in_body: object, in_header: str | None, found: str | None
) -> None:
    """And only if it looks like one, since it is logged and shown."""
    headers = {} if in_header is None else {"cf-ray": in_header}
    assert trace_id_of(headers, {"clerk_trace_id": in_body}) == found
    assert trace_id_of(headers) == in_header


def test_error_shows_no_values() -> None:
    """Clerk quotes what was sent; only those who ask for it by name see it."""
    said = problem("form_identifier_exists", meta={"email": "ada@example.com"})
    error = error_of(answer(422, said))
    assert "ada" not in str(error) + repr(error) + error.message


def test_problems_without_end_are_cut_short() -> None:
    """An error is no place for a megabyte."""
    said = {"errors": [{"code": "x", "message": ""}] * 1_000}
    assert len(error_of(answer(422, said)).errors) == 100
