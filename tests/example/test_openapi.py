"""The document of the example: valid, and telling what each route demands."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from tests.example.conftest import Example


@pytest.fixture
def document(example: Example) -> dict[str, Any]:
    """The document as a client gets it."""
    answer: dict[str, Any] = example.client.get("/openapi.json").json()
    return answer


def test_document_is_valid(document: dict[str, Any]) -> None:
    """Tools can read it."""
    validate(document)


def test_routes_say_what_they_demand(document: dict[str, Any]) -> None:
    """A requirement of the example's own stands beside those of the package."""
    wanted = {"any_of": [{"permission": "org:data:read"}, {"personal_account": True}]}
    operation = document["paths"]["/items"]["get"]
    assert operation["x-clerk-requirement"] == wanted
    assert "permission org:data:read or a personal account" in operation["description"]


def test_local_routes_are_left_out(document: dict[str, Any]) -> None:
    """What only the embedded LocalClerk has is no part of the API."""
    assert not [path for path in document["paths"] if path.startswith("/local")]
