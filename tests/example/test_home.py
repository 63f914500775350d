"""The home page: complete in itself, and safe with what others wrote."""

import re

import pytest

from example_app.home import STATIC
from tests.example.conftest import Example

FILES = sorted(path.name for path in STATIC.iterdir())


def test_page_runs_nothing_but_its_own_files(example: Example) -> None:
    """The policy allows this server's files, no inline script and no frame around the page."""
    page = example.client.get("/")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert not re.search(r"<script(?![^>]* src=)|<style| on\w+=| style=", page.text)
    assert 'data-clerk="embedded"' in page.text


@pytest.mark.parametrize("name", FILES)
def test_page_needs_nobody_else(name: str) -> None:
    """No file of the page names another host."""
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", (STATIC / name).read_text("utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_page_writes_text_and_never_markup(name: str) -> None:
    """What comes from the server is put in as text."""
    source = (STATIC / name).read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", source)


def test_members_to_pick(example: Example) -> None:
    """The page offers every seeded member, and tokens that must be refused with their reasons."""
    choices = example.client.get("/local/members").json()
    assert [member["name"] for member in choices["members"]][:2] == ["ada", "bob"]
    assert choices["evil"]["expired"] == "token-expired"
