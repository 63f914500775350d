"""Choosing at random, with weights: most cases are plausible, so that deep branches are reached."""

from random import Random
from typing import Any, TypeVar

__all__ = ["Draw"]

T = TypeVar("T")


class Draw:
    """Dice that fall the same way for the same name."""

    def __init__(self, name: str) -> None:
        self.rng = Random(name)

    def chance(self, probability: float) -> bool:
        """Whether something of that probability happens."""
        return self.rng.random() < probability

    def one(self, *choices: T) -> T:
        """Any of the choices."""
        return self.rng.choice(choices)

    def weighted(self, choices: dict[str, int]) -> str:
        """One of the names, as often as its weight says."""
        return self.rng.choices(list(choices), list(choices.values()))[0]

    def either(self, probability: float, usual: Any, *others: Any) -> Any:
        """The usual with that probability, else any of the others."""
        return usual if self.chance(probability) else self.rng.choice(others)
