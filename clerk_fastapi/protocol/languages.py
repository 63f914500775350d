"""Sets of paths as finite automata, which know whether one covers another or meets it."""

from __future__ import annotations

import string
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property, reduce
from heapq import heappop, heappush
from operator import or_
from typing import Final, NamedTuple

__all__ = ["Language"]

_FOLD: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_ANY_OTHER: Final = ""
"""Stands for the characters that a language does not name: it treats them all alike."""


class _Letter(NamedTuple):
    """What may stand at one place: one of the named characters, or any but those."""

    named: frozenset[str]
    others: bool = False

    def takes(self, character: str) -> bool:
        return (character in self.named) is not self.others


@dataclass(frozen=True)
class Language:
    """A set of strings, in which ASCII letters have no case.

    It is held as the automaton that reads it: a letter leads from each state to the next, the last
    state accepts, and jumps from state to state take no letter. The whole is built of parts by
    ``+``, :meth:`repeated` and :meth:`optional`.
    """

    letters: tuple[_Letter, ...] = ()
    jumps: frozenset[tuple[int, int]] = frozenset()

    @classmethod
    def text(cls, text: str) -> Language:
        """One string, in any case."""
        return cls(tuple(_Letter(frozenset(letter)) for letter in text.translate(_FOLD)))

    @classmethod
    def one_of(cls, characters: str) -> Language:
        """One of several characters; ASCII letters among them are small."""
        return cls((_Letter(frozenset(characters)),))

    @classmethod
    def none_of(cls, characters: str) -> Language:
        """One character that is none of these, be it a line feed; ASCII letters are small."""
        return cls((_Letter(frozenset(characters), others=True),))

    def __add__(self, other: Language) -> Language:
        here = len(self.letters)
        moved = {(start + here, end + here) for start, end in other.jumps}
        return Language(self.letters + other.letters, self.jumps | moved)

    def optional(self) -> Language:
        """This, or the empty string."""
        return Language(self.letters, self.jumps | {(0, len(self.letters))})

    def repeated(self) -> Language:
        """This, once or several times."""
        # What is joined shares a state. If the way back ran through it, what stands before this, or
        # is skipped with it, could be repeated, too; so a state at each end is left alone.
        fenced = _EMPTY + self + _EMPTY
        return Language(fenced.letters, fenced.jumps | {(len(fenced.letters) - 1, 1)})

    def covers(self, other: Language) -> bool:
        """Whether every string of the other language is in this one."""
        return self._reader.covers(other)

    def meets(self, other: Language) -> bool:
        """Whether a string is in both languages."""
        return self._reader.meets(other)

    @cached_property
    def _reader(self) -> _Reader:
        return _Reader(self)

    @cached_property
    def targets(self) -> dict[int, tuple[int, ...]]:
        """Where jumps lead from a state."""
        targets: dict[int, tuple[int, ...]] = {}
        for start, end in self.jumps:
            targets[start] = (*targets.get(start, ()), end)
        return targets


_EMPTY: Final = Language((_Letter(frozenset()),), frozenset({(0, 1)}))
"""The empty string, by a jump from a state to another: there is no letter to take."""


class _Takers(NamedTuple):
    """The states that may take a letter of the other language, in sets of one bit a state."""

    any: int
    """All that take one of its characters."""
    least: tuple[int, ...]
    """Those that take one of its characters, for those that the fewest take."""


class _Reader:
    """Follows another language, being in all of its own states at once that can be reached.

    The other is walked state by state, always from the first that is waiting: so what repeats
    itself is done with before what comes after it.
    """

    def __init__(self, language: Language) -> None:
        self._letters = language.letters
        self._named = frozenset[str]().union(*(letter.named for letter in language.letters))
        self._accepting = 1 << len(language.letters)
        self._targets = {
            start: sum(1 << end for end in ends) for start, ends in language.targets.items()
        }
        self._jumping = sum(1 << start for start in self._targets)
        self._start = self._jumped(1)
        self._takers: dict[_Letter, _Takers] = {}

    def covers(self, other: Language) -> bool:
        """Whether no string of the other language leads to where this one does not accept.

        What a set of states does not accept, a part of it does not, either. So only the least sets
        count with which a state of the other can be reached: they are the first that wait for it,
        and they keep the number of sets small.
        """
        least: dict[int, list[int]] = defaultdict(list)
        waiting = [(0, self._start)]
        while waiting:
            at, states = heappop(waiting)
            if any(known & states == known for known in least[at]):
                continue
            if not states or (at == len(other.letters) and not states & self._accepting):
                return False  # every way that the other has begun can be finished
            least[at].append(states)
            if at < len(other.letters):
                for takers in self._takers_of(other.letters[at]).least:
                    heappush(waiting, (at + 1, self._after(states & takers)))
            for target in other.targets.get(at, ()):
                heappush(waiting, (target, states))
        return True

    def meets(self, other: Language) -> bool:
        """Whether a string of the other language leads to where this one accepts."""
        reached, done, waiting = defaultdict(int, {0: self._start}), defaultdict[int, int](int), [0]
        while waiting:
            at = heappop(waiting)
            new = reached[at] & ~done[at]
            done[at] = reached[at]
            steps = [(target, new) for target in other.targets.get(at, ())]
            if at < len(other.letters):
                takers = self._takers_of(other.letters[at]).any
                steps.append((at + 1, self._after(new & takers)))
            for target, states in steps:
                if states & ~reached[target]:
                    reached[target] |= states
                    heappush(waiting, target)
        return bool(reached[len(other.letters)] & self._accepting)

    def _takers_of(self, letter: _Letter) -> _Takers:
        if letter not in self._takers:
            characters = letter.named
            if letter.others:
                characters = self._named - letter.named | {_ANY_OTHER}
            sets = sorted({self._taking(character) for character in characters}, key=int.bit_count)
            least: list[int] = []
            for states in sets:
                if not any(known & states == known for known in least):
                    least.append(states)
            self._takers[letter] = _Takers(reduce(or_, sets, 0), tuple(least))
        return self._takers[letter]

    def _taking(self, character: str) -> int:
        return sum(
            1 << state for state, letter in enumerate(self._letters) if letter.takes(character)
        )

    def _after(self, taking: int) -> int:
        return self._jumped(taking << 1)

    def _jumped(self, states: int) -> int:
        """The states, and all to which jumps lead from them."""
        waiting = states & self._jumping
        while waiting:
            start = waiting.bit_length() - 1
            new = self._targets[start] & ~states
            states |= new
            waiting = waiting & ~(1 << start) | new & self._jumping
        return states
