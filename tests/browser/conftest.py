"""A real Chromium without a window, driven over its DevTools protocol."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_websocket

from example_app.application import create_app
from tests.example.conftest import serve, settings_for

ARGUMENTS = [
    "--headless",
    "--no-sandbox",  # impossible for root in a container, and the pages are our own
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
]
PATIENCE = 60.0  # seconds, for anything at all

# Resolves with the text of an element once that text matches; told of every change, it never polls.
TEXT_WHEN = """new Promise((found) => {
  const look = () => {
    const element = document.querySelector(%s);
    if (element && new RegExp(%s).test(element.textContent)) found(element.textContent);
  };
  const changes = { subtree: true, childList: true, characterData: true };
  new MutationObserver(look).observe(document, changes);
  look();
})"""
MIDDLE = """(() => {
  const element = document.querySelector(%s);
  element.scrollIntoView({ block: "center" });
  const { x, y, width, height } = element.getBoundingClientRect();
  return { x: x + width / 2, y: y + height / 2 };
})()"""


class Page:
    """One tab."""

    def __init__(self, devtools: ClientConnection) -> None:
        self._devtools = devtools
        self._calls = 0
        self._has_loaded = False
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, address: str) -> None:
        """Go to an address."""
        self.go(lambda: self._call("Page.navigate", url=address))

    def forget(self) -> None:
        """Throw away all cookies, of other tests' sites, too."""
        self._call("Network.clearBrowserCookies")

    def go(self, leave: Callable[[], object]) -> None:
        """Do what leads to another page, and wait until that has loaded, redirects and all."""
        self._has_loaded = False
        leave()
        while not self._has_loaded:
            self._listen(json.loads(self._devtools.recv(timeout=PATIENCE)))

    def sign_in(self, member: str) -> None:
        """Choose a member on the example's sign-in page that is open, and send the form."""
        self.click(f"input[value={member}]")
        self.go(lambda: self.click("main button"))

    @property
    def place(self) -> str:
        """Where the tab is, without the origin."""
        return str(self.evaluate("location.href.slice(location.origin.length)"))

    def click(self, selector: str) -> None:
        """Press the mouse in the middle of an element, as a person does."""
        place = self.evaluate(MIDDLE % json.dumps(selector))
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def pick(self, selector: str, value: str) -> None:
        """Choose an option of a list."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(value)}")

    def text(self, selector: str, pattern: str = "") -> str:
        """The text of an element, once it matches a pattern."""
        return str(self.evaluate(TEXT_WHEN % (json.dumps(selector), json.dumps(pattern))))

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page; of a promise, once it has one."""
        answer = self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        self._devtools.send(json.dumps(message))
        while True:
            message = json.loads(self._devtools.recv(timeout=PATIENCE))
            if message.get("id") == self._calls:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._listen(message)

    def _listen(self, message: dict[str, Any]) -> None:
        entry = message.get("params", {}).get("entry", {})
        if message.get("method") == "Page.loadEventFired":
            self._has_loaded = True
        elif message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(message["params"]))
        elif message.get("method") == "Log.entryAdded" and entry["source"] != "network":
            self.complaints.append(entry["text"])  # a refused request is no reason to complain


@pytest.fixture(scope="session")
def devtools(
    require_tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address at which a running Chromium is driven."""
    profile = f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"
    command = [require_tool("chromium"), *ARGUMENTS, profile]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as chromium:
        assert chromium.stderr is not None
        try:
            told = (
                re.search(r"DevTools listening on ws://([^/]+)/", line) for line in chromium.stderr
            )
            yield next(f"http://{found[1]}" for found in told if found)
        finally:
            chromium.terminate()
            chromium.stderr.read()


@pytest.fixture
def page(devtools: str) -> Iterator[Page]:
    """An empty tab, which must not have complained by the end of the test."""
    with _tab(devtools) as opened:
        yield opened
        assert opened.complaints == []


@pytest.fixture
def browser(page: Page) -> Page:
    """A tab of a browser that has no cookies yet."""
    page.forget()
    return page


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a running example."""
    with serve(lambda url: create_app(settings_for(url, tmp_path / "example.db"))) as (_, url):
        yield url


@contextmanager
def _tab(devtools: str) -> Iterator[Page]:
    tab = httpx.put(f"{devtools}/json/new", trust_env=False, timeout=PATIENCE).json()
    with connect_websocket(
        tab["webSocketDebuggerUrl"], proxy=None, open_timeout=PATIENCE
    ) as connection:
        yield Page(connection)
    httpx.get(f"{devtools}/json/close/{tab['id']}", trust_env=False, timeout=PATIENCE)
