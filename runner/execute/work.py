"""What is still to be sent: cells that wait for another attempt, and those that nobody tried yet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import inf

from runner.nouns import Cell


@dataclass(frozen=True, slots=True, order=True)
class Try:
    """An attempt to be made: not before `due` (a reading of `Clock.elapsed`), after so many that came to nothing."""

    due: float
    place: int
    cell: Cell = field(compare=False)
    failures: int = field(compare=False)


class Work:
    """Hands out attempts: those that are due first, then the next cell of the plan.

    While many wait for another attempt no new cell is begun, so that what is held in memory stays as small as what is
    in flight.
    """

    def __init__(self, cells: Iterable[Cell], *, most_waiting: int) -> None:
        """Take cells in the order in which they are to be sent, and how many may wait before no other is begun."""
        self.most_waiting = most_waiting
        self._fresh = iter(cells)
        self._next = next(self._fresh, None)
        self._waiting: list[Try] = []
        self._places: Iterator[int] = count()

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self._next is None and not self._waiting

    def again(self, tried: Try, *, due: float) -> None:
        """Have a cell tried another time."""
        heappush(self._waiting, Try(due, next(self._places), tried.cell, tried.failures + 1))

    def wait(self, elapsed: float) -> float:
        """Return the seconds until `take` has something; 0 if it has now, infinite if nothing is left."""
        if self._next is not None and len(self._waiting) < self.most_waiting:
            return 0.0
        return max(0.0, self._waiting[0].due - elapsed) if self._waiting else inf

    def take(self, elapsed: float) -> Try:
        """Return the next attempt; call it when `wait` says 0."""
        if self._waiting and (self._waiting[0].due <= elapsed or self._next is None):
            return heappop(self._waiting)
        if self._next is None:
            raise IndexError("nothing is left to try")
        cell, self._next = self._next, next(self._fresh, None)
        return Try(elapsed, next(self._places), cell, 0)
