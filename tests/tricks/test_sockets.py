"""The whole list of tricks, byte by byte, over a real server."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

from tests.tricks.application import Site
from tests.tricks.asked import PATHS, SOCKETS, Asked, every_request
from tests.tricks.conftest import Instance
from tests.tricks.declared import REQUEST_ID, Level
from tests.tricks.judging import Outcome, complaint
from tests.tricks.wire import ask, ask_all, serving, written

pytestmark = pytest.mark.anyio

# Parsers of HTTP and of WebSockets that uvicorn can use.
SERVERS = [
    pair
    for pair in (("h11", "websockets-sansio"), ("httptools", "wsproto"))
    if find_spec(pair[0]) and find_spec(pair[1].partition("-")[0])
]

Plain = dict[str, list[Outcome]]


@pytest.fixture(scope="module")
def known() -> Plain:
    """What the requests come to without any policy, once it is known."""
    return {}


async def outcomes(
    site: Site, asked: list[Asked], *callers: list[tuple[str, str]], **options: Any
) -> list[list[Outcome]]:
    """What requests of each caller come to."""
    found = []
    async with serving(site.app, **options) as server:
        for token in callers:
            site.visits.of.clear()
            with_ids = [(each, [(REQUEST_ID, str(at)), *token]) for at, each in enumerate(asked)]
            answers = await ask_all(server, with_ids)
            noted = [site.visits.of[str(at)] for at in range(len(asked))]
            pairs = zip(answers, noted, strict=True)
            found.append([answer.with_reached(reached) for answer, reached in pairs])
    return found


def complaints(
    asked: list[Asked], caller: Level, plain: list[Outcome], guarded: list[Outcome]
) -> list[tuple[Asked, str]]:
    """All that is wrong with what one caller was answered."""
    judged = (complaint(caller, *pair) for pair in zip(plain, guarded, strict=True))
    return [(each, said) for each, said in zip(asked, judged, strict=True) if said is not None]


@pytest.mark.parametrize("protection", ["open", "closed"])
@pytest.mark.parametrize(("http", "ws"), SERVERS)
async def test_no_request_is_answered_otherwise_than_its_route_says(
    unguarded: Callable[..., Site],
    guarded: Callable[..., Site],
    instance: Instance,
    known: Plain,
    http: str,
    ws: str,
    protection: str,
) -> None:
    """Nobody reaches what is not for them, and whoever may gets what there is without policies."""
    asked = every_request()
    assert len(asked) > 1_700
    if http not in known:
        known[http], *_ = await outcomes(unguarded(), asked, [], http=http, ws=ws)
    plain = known[http]
    reached = {name for each in plain for name, _ in each.reached}
    site = guarded(protection)
    assert reached >= site.visits.handlers
    # Most requests get nothing; whoever has a token asks for what there is to be had.
    worth = [at for at, each in enumerate(plain) if each.reached or at % 8 == 0]
    wrong = []
    for caller, token in instance.tokens.items():
        chosen = range(len(asked)) if caller is Level.PUBLIC else worth
        asking = [asked[at] for at in chosen]
        (found,) = await outcomes(site, asking, token, http=http, ws=ws)
        wrong += complaints(asking, caller, [plain[at] for at in chosen], found)
    assert wrong == []


async def test_a_root_of_the_server_changes_nothing(
    unguarded: Callable[..., Site], guarded: Callable[..., Site], instance: Instance
) -> None:
    """Behind a proxy that strips a prefix, which the server puts back, even one like ours."""
    asked = [Asked(path) for path in PATHS] + [Asked(path).upgraded() for path in SOCKETS]
    asked += [Asked(f"/admin{path}") for path in PATHS]
    (plain,) = await outcomes(unguarded(), asked, [], root_path="/admin")
    tokens = instance.tokens.values()
    found = await outcomes(guarded("closed"), asked, *tokens, root_path="/admin")
    for caller, answers in zip(instance.tokens, found, strict=True):
        assert complaints(asked, caller, plain, answers) == []


async def test_requests_in_one_connection_are_judged_one_by_one(
    guarded: Callable[..., Site], instance: Instance
) -> None:
    """Sent at once, with an admin's before and after; and one that hides in another's body."""
    site = guarded("closed")
    admin, nobody = instance.tokens[Level.ADMIN], instance.tokens[Level.PUBLIC]
    hidden = written(Asked("/admin/users"), (REQUEST_ID, "hidden"))
    callers = [admin, nobody, admin, nobody]
    several = b"".join(
        written(Asked("/admin/users"), (REQUEST_ID, f"{at}"), *token, close=at == 3)
        for at, token in enumerate(callers)
    )
    inside = written(
        Asked("/items", "DELETE"), (REQUEST_ID, "outside"), ("Content-Length", f"{len(hidden)}")
    )
    async with serving(site.app) as server:
        answers = (await ask(server, several)).split(b"HTTP/1.1 ")[1:]
        assert [answer[:3] for answer in answers] == [b"200", b"401", b"200", b"401"]
        (answer,) = (await ask(server, inside + hidden)).split(b"HTTP/1.1 ")[1:]
        assert answer.startswith(b"401")
    assert {name for name, noted in site.visits.of.items() if noted} == {"0", "2"}
