"""Case number N of a seed: the same question every time, whatever was asked before."""

from tests.conformance.requests import browsers
from tests.conformance.requests.configured import configured
from tests.conformance.requests.draw import Draw
from tests.conformance.requests.handshakes import return_from_handshake
from tests.conformance.requests.machines import accepting, machine_token
from tests.conformance.requests.question import Question
from tests.conformance.requests.sessions import JUNK, session
from tests.conformance.tokens import NOW

__all__ = ["generate"]

LATER = 2_200_000_000  # after 2038, where 32 bits end
CONFIGURATIONS = 1_000
STORIES = {"visit": 62, "return": 13, "bearer": 9, "machine": 16}


def generate(seed: int, number: int) -> Question:
    """Make up a case."""
    draw = Draw(f"{seed}-{number}")
    base = draw.either(0.94, NOW, LATER)
    # An application is configured once and asked often: making one takes longer than asking it.
    options, scheme, host = configured(Draw(f"{seed}-options-{number % CONFIGURATIONS}"))
    question: Question = {
        "now": base + draw.either(0.9, 0.0, 0.5, 0.999),
        "options": options,
        "method": "GET",
        "scheme": scheme,
        "host": host,
        "path": "/",
        "query": [],
        "peer": "203.0.113.9",
        "headers": [],
        "authorization": [],
        "cookies": [],
    }
    story = draw.weighted(STORIES)
    browsers.url(draw, question)
    browsers.kind_of_request(draw, question)
    if story in ("visit", "return") or draw.chance(0.3):
        question["cookies"] = browsers.cookies(draw, options, base, host)
    if story == "return" or (story == "bearer" and draw.chance(0.1)):
        return_from_handshake(draw, question, base)
    if story == "bearer":
        _bearer(draw, question, base)
    if story == "machine":
        machine_token(draw, question, base)
    elif draw.chance(0.06):
        accepting(draw, options, "session_token")
    if draw.chance(0.4 if "trusted_proxies" in options else 0.06):
        browsers.forwarded(draw, question)
    return question


def _bearer(draw: Draw, question: Question, base: int) -> None:
    value = session(draw, question["options"], base, question["host"])
    scheme = draw.either(0.85, "Bearer ", "bearer ", "", "Basic ", "Bearer  ", "Token ", "BEARER ")
    question["authorization"] = [scheme, value]
    if draw.chance(0.04):
        question["authorization"].append(draw.one(" more", ", Bearer x", " ", ","))
    if draw.chance(0.02):
        question["authorization"] = [draw.one("Bearer", "Bearer ", "Basic", " ", *JUNK)]
