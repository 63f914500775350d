"""Timing by turns: contenders alternate in short slices, and ratios are taken within a round."""

import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

RUN_IN = 5
"""One token in so many runs a slice in, untimed."""

Batch = Sequence[str]
Rounds = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Contender:
    """Something to time: `prepare` makes a batch of tokens ready, `run` is what the clock sees."""

    name: str
    prepare: Callable[[Batch], Sequence[Any]]
    run: Callable[[Sequence[Any]], Awaitable[None]]


@dataclass(frozen=True)
class Spread:
    """The median of the rounds, the middle half of them, and the two furthest out."""

    median: float
    lower: float
    upper: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise one number from each round."""
        lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, lower, upper, min(values), max(values))

    def scaled(self, factor: float) -> "Spread":
        """The same in another unit."""
        return Spread(*(value * factor for value in astuple(self)))


async def take_turns(
    contenders: Sequence[Contender], batches: Iterable[Batch], warm_up: int
) -> dict[str, list[float]]:
    """Time each contender once per batch, in an order that moves on by one each round.

    The rounds of the warm-up are run and forgotten, and so are the first tokens of every slice,
    which find the processor's caches filled by somebody else. The answer has the seconds per token
    of every contender, round by round. Garbage is collected before each slice, so that nobody pays
    for another's, and the collector stays on during it, as in production; what exists when the
    first round starts is kept out of these collections.
    """
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    gc.collect()
    gc.freeze()
    try:
        for number, batch in enumerate(batches):
            first = number % len(contenders)
            for contender in (*contenders[first:], *contenders[:first]):
                elapsed = await _time(contender, batch)
                if number >= warm_up:
                    seconds[contender.name].append(elapsed)
    finally:
        gc.unfreeze()
    return seconds


async def _time(contender: Contender, batch: Batch) -> float:
    items = contender.prepare(batch)
    run_in, timed = items[: len(items) // RUN_IN], items[len(items) // RUN_IN :]
    gc.collect()
    await contender.run(run_in)
    started = time.perf_counter()
    await contender.run(timed)
    return (time.perf_counter() - started) / len(timed)


def minus(rounds: Rounds, name: str, base: str) -> list[float]:
    """What `name` takes beyond `base`, round by round."""
    return [value - floor for value, floor in zip(rounds[name], rounds[base], strict=True)]


def over(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Divide round by round, so that what slows a whole round down cancels out."""
    return [value / divisor for value, divisor in zip(values, base, strict=True)]
