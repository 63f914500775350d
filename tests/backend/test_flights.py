"""One question for all who ask the same at the same time, whoever gives up."""

import asyncio
import gc

import pytest

from clerk_fastapi.backend.flights import Flights
from clerk_fastapi.errors import BackendUnavailable, ResourceNotFound
from tests.backend.publisher import settle


class Oracle:
    """Answers when it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: str | Exception = "yes"
        self.told = asyncio.Event()

    async def ask(self) -> str:
        """What flights call."""
        self.asked += 1
        await self.told.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def flights() -> Flights[str, str]:
    """Nothing is under way."""
    return Flights()


@pytest.mark.anyio
async def test_all_who_ask_at_once_share_one_answer(flights: Flights[str, str]) -> None:
    """And whoever comes later asks anew."""
    oracle = Oracle()
    waiting = [asyncio.create_task(flights.join("q", oracle.ask)) for _ in range(100)]
    await settle()
    oracle.told.set()
    assert await asyncio.gather(*waiting) == ["yes"] * 100
    assert oracle.asked == 1
    assert await flights.join("q", oracle.ask) == "yes"
    assert oracle.asked == 2


@pytest.mark.anyio
async def test_other_questions_are_asked_besides(flights: Flights[str, str]) -> None:
    """Nobody gets the answer to something else."""
    first, second = Oracle(), Oracle()
    second.answer = "no"
    first.told.set()
    second.told.set()
    answers = await asyncio.gather(flights.join("p", first.ask), flights.join("q", second.ask))
    assert answers == ["yes", "no"]


@pytest.mark.anyio
async def test_who_gives_up_takes_the_answer_from_nobody(flights: Flights[str, str]) -> None:
    """Not even if it is whoever asked first."""
    oracle = Oracle()
    first, second = (asyncio.create_task(flights.join("q", oracle.ask)) for _ in range(2))
    await settle()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    oracle.told.set()
    assert await second == "yes"
    assert first.cancelled()
    assert oracle.asked == 1


@pytest.mark.anyio
async def test_failure_reaches_everybody_as_an_error_of_their_own(
    flights: Flights[str, str],
) -> None:
    """Shared ones would grow a longer traceback with everybody who sees them."""
    oracle = Oracle()
    oracle.answer = ResourceNotFound(backend_status=404, trace_id="abc")
    waiting = [asyncio.create_task(flights.join("q", oracle.ask)) for _ in range(3)]
    await settle()
    oracle.told.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in outcomes} == {ResourceNotFound}
    assert len({id(each) for each in outcomes}) == 3
    assert all(vars(each) == vars(oracle.answer) for each in outcomes)
    assert all(each.__context__ is None for each in outcomes)  # type: ignore[union-attr]  # errors


@pytest.mark.anyio
async def test_failure_that_nobody_waits_for_makes_no_noise(
    flights: Flights[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """asyncio complains of exceptions that nobody looked at; there are none."""
    gc.collect()  # what other tests have left behind
    caplog.clear()
    oracle = Oracle()
    oracle.answer = ResourceNotFound()
    waiter = asyncio.create_task(flights.join("q", oracle.ask))
    await settle()
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    oracle.told.set()
    await settle()
    del waiter
    gc.collect()
    assert caplog.records == []


@pytest.mark.anyio
async def test_mistake_is_shown_as_it_is(flights: Flights[str, str]) -> None:
    """What is no error of ours is a fault to be found."""
    oracle = Oracle()
    oracle.answer = ZeroDivisionError()
    oracle.told.set()
    with pytest.raises(ZeroDivisionError):
        await flights.join("q", oracle.ask)


@pytest.mark.anyio
async def test_closing_ends_what_is_under_way(flights: Flights[str, str]) -> None:
    """Whoever waits is told that there will be no answer."""
    oracle = Oracle()
    waiting = asyncio.create_task(flights.join("q", oracle.ask))
    await settle()
    await flights.close()
    with pytest.raises(BackendUnavailable):
        await waiting


@pytest.mark.anyio
async def test_cancelled_at_the_moment_of_closing_is_cancelled(flights: Flights[str, str]) -> None:
    """A cancellation is not turned into something else."""
    waiting = asyncio.create_task(flights.join("q", Oracle().ask))
    await settle()
    closing = asyncio.create_task(flights.close())
    waiting.cancel()
    await asyncio.gather(waiting, closing, return_exceptions=True)
    assert waiting.cancelled()


def test_question_of_another_event_loop_is_not_joined() -> None:
    """It would never be answered here."""
    flights: Flights[str, str] = Flights()

    async def leave_one_behind() -> asyncio.Task[str]:
        return asyncio.ensure_future(flights.join("q", Oracle().ask))

    async def ask_again() -> str:
        oracle = Oracle()
        oracle.told.set()
        answer = await flights.join("q", oracle.ask)
        await flights.close()
        return answer

    with asyncio.Runner() as runner:
        runner.run(leave_one_behind())
        runner.run(settle())
        assert asyncio.run(in_a_thread(ask_again)) == "yes"


async def in_a_thread(ask: object) -> str:
    """Run it in an event loop of its own."""
    return await asyncio.to_thread(lambda: asyncio.run(ask()))  # type: ignore[operator]  # async
