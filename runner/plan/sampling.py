"""Which combinations a sample takes: so many of a grid, spread over it, without looking at the others.

`sobol` and `latin` are points in the unit cube from `scipy.stats.qmc`; a coordinate u along a group of n points of axes
names the point floor(u·n), for Latin hypercubes of the stratum that u lies in. What is named twice or may not be taken is
replaced: by the next points of the sequence (Sobol), by exchanging single values with other rows, which keeps how often
each value comes (Latin hypercube), and where that does not help, by combinations drawn at random.
"""

import math
from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import chain
from random import Random
from typing import TypeAlias

from runner.errors import InputError
from runner.nouns import Sample
from runner.plan.expand import Place

Settled: TypeAlias = tuple[Place, Hashable]
"""The place of a combination, the first of those that mean the same, and what tells its cell from others."""

Settle: TypeAlias = Callable[[Place], Settled | None]
"""What the combination at a place comes to; None where none may be taken."""

SEARCHED = 1_000_000
"""Combinations that are drawn at random before a sample counts as impossible: some seconds. A grid of no more is
searched whole."""

LENGTHENED = 8
"""How many times as many points as a sample needs a Sobol sequence may have before the rest is drawn at random."""

AT_ONCE = 16_384
"""Points of a Sobol sequence that are held in memory; a power of two, as its balance wants."""

EXCHANGES = 200
"""Exchanges of one value that are tried to mend one row of a Latin hypercube; for all rows together ten times as many, and
one for each row."""


def choose(sample: Sample, sizes: Sequence[int], settle: Settle) -> tuple[Place, ...]:
    """Return the places that a sample takes, in the order of drawing: the first of them are spread as well.

    Args:
        sample: how many, how, and the seed.
        sizes: points of each group of axes; their product is above the sample's count.
        settle: see `Settle`.

    Raises:
        InputError: fewer combinations are left than the sample wants, or too few of them can be found.
    """
    chance = Random(f"{sample.method} {sample.seed}")  # noqa: S311  # a draw that can be repeated, no secret
    drawn = chain(_drawn(sample, sizes, settle, chance), _at_random(sample, sizes, settle, chance))
    found: dict[Hashable, Place] = {}
    for place, name in drawn:
        found.setdefault(name, place)
        if len(found) == sample.count:
            return tuple(found.values())
    raise InputError(_too_few(sample, len(found), math.prod(sizes)))


def _drawn(sample: Sample, sizes: Sequence[int], settle: Settle, chance: Random) -> Iterator[Settled]:
    match sample.method:
        case "sobol":
            return _settled(_sobol(sample, sizes), settle)
        case "latin":
            rows = _Rows(_latin(sample, sizes), settle)
            rows.mend(chance)
            return rows.standing()
        case "random":
            return iter(())


def _settled(places: Iterable[Place], settle: Settle) -> Iterator[Settled]:
    return (settled for place in places if (settled := settle(place)))


def _sobol(sample: Sample, sizes: Sequence[int]) -> Iterator[Place]:
    """Yield the points of a scrambled Sobol sequence; where it is cut at a power of two it is balanced."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(len(sizes), rng=sample.seed)
    whole = 1 << (sample.count - 1).bit_length()
    chunk = min(whole, AT_ONCE)
    for _ in range(chunk, LENGTHENED * whole + 1, chunk):
        yield from _on_grid(sequence.random(chunk), sizes)


def _latin(sample: Sample, sizes: Sequence[int]) -> list[Place]:
    """Return a Latin hypercube: each value of a group comes equally often, within one."""
    from scipy.stats import qmc

    points = qmc.LatinHypercube(len(sizes), rng=sample.seed).random(sample.count)
    strata = _on_grid(points, [sample.count] * len(sizes))
    return [tuple(k * size // sample.count for k, size in zip(row, sizes, strict=True)) for row in strata]


def _on_grid(points: Iterable[Iterable[float]], sizes: Sequence[int]) -> list[Place]:
    return [tuple(int(u * size) for u, size in zip(point, sizes, strict=True)) for point in points]


def _at_random(sample: Sample, sizes: Sequence[int], settle: Settle, chance: Random) -> Iterator[Settled]:
    """Yield combinations that are all equally likely; those that only axes which do not apply tell apart are one."""
    places = (_place(rank, sizes) for rank in _ranks(sample, math.prod(sizes), chance))
    return ((place, name) for place in places for home, name in _settled([place], settle) if home == place)


def _ranks(sample: Sample, total: int, chance: Random) -> Iterable[int]:
    """Return numbers below a total at random: all of them where they are few, or the sample takes a good part of them."""
    if _searched_whole(sample, total):
        ranks = array("Q", range(total))
        chance.shuffle(ranks)
        return ranks
    return (chance.randrange(total) for _ in range(SEARCHED + 2 * sample.count))


def _searched_whole(sample: Sample, total: int) -> bool:
    return total <= max(SEARCHED, 4 * sample.count)


def _place(rank: int, sizes: Sequence[int]) -> Place:
    """Return the place of a combination by its number in plan order."""
    place = []
    for size in reversed(sizes):
        rank, index = divmod(rank, size)
        place.append(index)
    return tuple(reversed(place))


class _Rows:
    """A Latin hypercube's rows, each of which becomes a cell of its own where that is possible."""

    def __init__(self, places: Sequence[Place], settle: Settle) -> None:
        self._places = list(places)
        self._settle = settle
        self._settled = [settle(place) for place in places]
        self._owners: dict[Hashable, int] = {}
        for row in range(len(places)):
            self._claim(row)

    def mend(self, chance: Random) -> None:
        """Exchange values of rows that are no cells of their own with those of rows drawn at random."""
        rows, columns = len(self._places), len(self._places[0])
        tries = 10 * EXCHANGES + rows
        for row in range(rows):
            for _ in range(min(tries, EXCHANGES)):
                if self._claim(row):
                    break
                tries -= 1
                self._exchange(row, chance.randrange(rows), chance.randrange(columns))

    def standing(self) -> Iterator[Settled]:
        """Yield what the rows that are cells of their own come to."""
        return (settled for row, settled in enumerate(self._settled) if settled and self._claim(row))

    def _claim(self, row: int) -> bool:
        """Make a row the owner of its cell if the cell has none yet; return whether it is."""
        settled = self._settled[row]
        return settled is not None and self._owners.setdefault(settled[1], row) == row

    def _exchange(self, row: int, other: int, column: int) -> None:
        """Exchange one value if that makes a cell of a row, and the other row stays one if it was."""
        place = _with(self._places[row], column, self._places[other][column])
        moved = _with(self._places[other], column, self._places[row][column])
        mine, its = self._settle(place), self._settle(moved)
        if mine is None or not self._free(mine[1], other):
            return
        left = self._settled[other]
        if left is not None and self._claim(other):
            if its is None or its[1] == mine[1] or not self._free(its[1], other):
                return
            del self._owners[left[1]]
        self._places[row], self._places[other] = place, moved
        self._settled[row], self._settled[other] = mine, its
        self._claim(row)
        self._claim(other)

    def _free(self, name: Hashable, other: int) -> bool:
        return self._owners.get(name, other) == other


def _with(place: Place, column: int, index: int) -> Place:
    return (*place[:column], index, *place[column + 1 :])


def _too_few(sample: Sample, found: int, total: int) -> str:
    if _searched_whole(sample, total):
        return (
            f"sample.count: {sample.count:,} is more than the {found:,} cells that are left of {total:,} combinations; "
            "lower it, or relax `exclude` or the axes"
        )
    return (
        f"sample.count: only {found:,} of {sample.count:,} cells were found among {total:,} combinations, of which "
        "almost all are left out; lower the count, or take what is left out off the axes"
    )
