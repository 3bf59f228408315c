"""The grid cut in rows: in a row the slow groups of axes stand still and the fast ones pass through all their points.

What holds for the places of a row is a whole number with one bit a place, so that a thousand places are looked at in
one step. What some groups decide is a table with one entry for each combination of their points.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import compress, product
from math import prod
from typing import Generic, TypeVar

from runner.plan.expand import Place

WIDTH = 1024
"""Places of a row at least, where the grid has so many: what is done once a row costs a cell next to nothing."""

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_BITS = bytes.maketrans(b"01", b"\0\1")


class Rows:
    """How a grid is cut.

    Attributes:
        sizes: points of each group.
        first: the first of the groups that vary within a row.
        total: places of the grid; width: of a row; full: a row's bits, all set.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self.first = next((k for k in range(len(sizes), 0, -1) if prod(sizes[k:]) >= WIDTH), 0)
        self.total = prod(sizes)
        self.width = prod(sizes[self.first :])
        self.full = (1 << self.width) - 1

    def starts(self) -> Iterator[tuple[int, Place]]:
        """Yield each row's first place, by its number in plan order and as the slow groups' points."""
        slow = product(*map(range, self.sizes[: self.first]))
        return ((row * self.width, place) for row, place in enumerate(slow))

    def projected(self, groups: Sequence[int]) -> Iterator[Place]:
        """Yield a place for each combination of some groups' points; the other groups stand at their first."""
        ranges = [range(size) if group in groups else range(1) for group, size in enumerate(self.sizes)]
        return product(*ranges)

    def place(self, number: int) -> Place:
        """Return the place with a number in plan order."""
        found: list[int] = []
        for size in reversed(self.sizes):
            number, index = divmod(number, size)
            found.append(index)
        return tuple(reversed(found))

    def number(self, place: Place) -> int:
        """Return a place's number in plan order."""
        number = 0
        for size, index in zip(self.sizes, place, strict=True):
            number = number * size + index
        return number


class Table(Generic[T]):
    """What some groups decide: an entry for each combination of their points.

    Attributes:
        groups: their numbers, ascending.
        entries: in plan order.
        steps: where the entry of each place of a row lies behind the row's `start`.
        still: whether a row has one entry; crosses: whether it has several, and another row has others.
    """

    def __init__(self, rows: Rows, groups: Iterable[int], entry: Callable[[Place], T]) -> None:
        self.groups = tuple(sorted(groups))
        self.entries = [entry(place) for place in rows.projected(self.groups)]
        sizes = [rows.sizes[group] for group in self.groups]
        self._strides = [(group, prod(sizes[k + 1 :])) for k, group in enumerate(self.groups)]
        self._slow = [(group, stride) for group, stride in self._strides if group < rows.first]
        self.still = len(self._slow) == len(self._strides)
        self.crosses = not self.still and bool(self._slow)
        self.steps = [0]
        for group in range(rows.first, len(rows.sizes)):
            stride = dict(self._strides).get(group, 0)
            self.steps = [step + index * stride for step in self.steps for index in range(rows.sizes[group])]

    def start(self, place: Place) -> int:
        """Return where a row's first entry lies; the place may be the row's slow groups alone."""
        return sum(place[group] * stride for group, stride in self._slow)

    def index(self, place: Place) -> int:
        """Return where the entry of a place lies."""
        index = 0
        for group, stride in self._strides:  # a generator takes three times as long, and most tables have one group
            index += place[group] * stride
        return index

    def at(self, place: Place) -> T:
        """Return the entry of a place."""
        return self.entries[self.index(place)]


class Marks(Generic[T]):
    """Which places of a row have a table's entry for which something holds."""

    def __init__(self, rows: Rows, table: Table[T], holds: Callable[[T], object] = bool) -> None:
        self.table = table
        self._full = rows.full
        self._holds = [bool(holds(entry)) for entry in table.entries]
        self._known: dict[int, int] = {}

    def on(self, place: Place) -> int:
        """Return a row's bits, given the points of its slow groups."""
        start = self.table.start(place)
        if start not in self._known:
            self._known[start] = self._bits(start)
        return self._known[start]

    def at(self, place: Place) -> bool:
        """Return whether it holds at a place."""
        return self._holds[self.table.index(place)]

    def any(self) -> bool:
        """Return whether it holds anywhere."""
        return any(self._holds)

    def _bits(self, start: int) -> int:
        if self.table.still:
            return self._full if self._holds[start] else 0
        return int("".join("1" if self._holds[start + step] else "0" for step in reversed(self.table.steps)), 2)


class Tally(Generic[T, K]):
    """How often each value of something comes at the places that are counted; None is no value."""

    def __init__(self, table: Table[T], key: Callable[[T], K | None]) -> None:
        self._table, self._key = table, key
        self._rows: Counter[tuple[int, int]] = Counter()

    def add(self, place: Place, bits: int) -> None:
        """Count the places of a row whose bits are set."""
        self._rows[self._table.start(place), bits] += 1

    def totals(self) -> Counter[K]:
        """Return how often each value came."""
        found: Counter[int] = Counter()
        for (start, bits), times in self._rows.items():
            if self._table.still:
                found[start] += times * bits.bit_count()
                continue
            for step in compress(self._table.steps, selectors(bits, len(self._table.steps))):
                found[start + step] += times
        totals: Counter[K] = Counter()
        for index in sorted(found):
            key = self._key(self._table.entries[index])
            if found[index] and key is not None:
                totals[key] += found[index]
        return totals


def selectors(bits: int, width: int) -> bytes:
    """Return a row's bits one by one, for `itertools.compress`."""
    return f"{bits:0{width}b}"[::-1].encode().translate(_BITS)
