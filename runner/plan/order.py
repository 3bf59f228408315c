"""In which order the combinations of a grid are sent, from its sizes alone; every order is a permutation of the grid.

Balanced: a run that is stopped anywhere has each value of each axis equally often, within one. The grid is cut into
diagonals, along each of which every axis steps through all of its values again and again: `lcm` of the sizes combinations
long, and told apart by how far each axis is shifted. Shifts come in steps of the golden ratio of their number, so that
pairs of values fill evenly too. Along an axis its ends come first, then its middle, then the middles between.

Slow first: the classes of points between which a target is slow to switch are outermost, and change one at a time.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import cycle, islice, product

from runner.plan.expand import Place

GOLDEN = (math.sqrt(5) - 1) / 2


def coarse_to_fine(count: int) -> tuple[int, ...]:
    """Return the indices of an ordered axis: its ends, its middle, the middles between these, and so on.

    >>> coarse_to_fine(9)
    (0, 8, 4, 2, 6, 1, 3, 5, 7)
    """
    found = dict.fromkeys((0, count - 1))
    parts = 2
    while len(found) < count:
        found |= dict.fromkeys(part * (count - 1) // parts for part in range(1, parts, 2))
        parts *= 2
    return tuple(found)


def balanced(sizes: Sequence[int]) -> Iterator[Place]:
    """Yield every place of a grid so that each beginning has every index of an axis equally often, within one."""
    yield from _diagonals([coarse_to_fine(size) for size in sizes])


def slow_first(classes: Sequence[Sequence[Sequence[int]]], dearest_first: Sequence[int]) -> Iterator[Place]:
    """Yield every place of a grid with as few changes of class as can be; within a class, balanced.

    Args:
        classes: for each group of axes its indices, parted by what is dear to switch.
        dearest_first: the groups that have several classes; the classes of the first change least often.
    """
    for numbers in reflected([len(classes[group]) for group in dearest_first]):
        now = dict(zip(dearest_first, numbers, strict=True))
        parts = [parted[now.get(group, 0)] for group, parted in enumerate(classes)]
        yield from _diagonals([[part[index] for index in coarse_to_fine(len(part))] for part in parts])


def reflected(sizes: Sequence[int]) -> list[Place]:
    """Return every place of a grid so that neighbours differ in one step of one axis, the first changing least often."""
    return sorted(product(*map(range, sizes)), key=partial(reflected_rank, sizes))


def reflected_rank(sizes: Sequence[int], place: Place) -> int:
    """Return where a place stands in `reflected`.

    >>> [reflected_rank((2, 2), place) for place in [(0, 0), (0, 1), (1, 1), (1, 0)]]
    [0, 1, 2, 3]
    """
    rank, backwards = 0, False
    for size, index in zip(sizes, place, strict=True):
        step = size - 1 - index if backwards else index
        rank, backwards = rank * size + step, (rank * size + step) % 2 == 1
    return rank


def _diagonals(columns: Sequence[Sequence[int]]) -> Iterator[Place]:
    """Yield each combination of the columns' entries once, diagonal by diagonal."""
    length, shifts = 1, []
    for column in columns:
        shifts.append(math.gcd(length, len(column)))
        length = math.lcm(length, len(column))
    for shift in _golden(shifts):
        turned = [cycle([*column[by:], *column[:by]]) for column, by in zip(columns, shift, strict=True)]
        yield from islice(zip(*turned, strict=True), length) if turned else [()]


def _golden(sizes: Sequence[int]) -> Iterator[Place]:
    """Yield every place of a grid, each far from those just before."""
    total = math.prod(sizes)
    step = round(total * GOLDEN) or 1
    while math.gcd(step, total) > 1:
        step += 1
    for number in range(total):
        yield _place(number * step % total, sizes)


def _place(rank: int, sizes: Sequence[int]) -> Place:
    """Return the place of a combination by its number, the last axis varying fastest."""
    place = []
    for size in reversed(sizes):
        rank, index = divmod(rank, size)
        place.append(index)
    return tuple(reversed(place))
