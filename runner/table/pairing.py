"""Rows that agree in everything but one axis, and how sure a mean of them is. Arithmetic over arrays.

An interval is the 95 % percentile bootstrap of the mean (Efron 1979): `RESAMPLES` samples with replacement, from a fixed
seed, so that the same table gives the same interval. Of more than `MOST_RESAMPLED` values it is the normal one, which
that converges to; of fewer than `LEAST` there is none. It takes the values as independent draws.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
SEED = 20261128
LEAST = 4
MOST_RESAMPLED = 300
NORMAL = 1.959964
"""The 97.5 % quantile of the normal distribution."""

Places: TypeAlias = NDArray[np.intp]
Values: TypeAlias = NDArray[np.float64]


class Estimate(NamedTuple):
    """A mean of `n` values and its interval; NaN where there is none."""

    n: int
    mean: float
    low: float
    high: float

    @property
    def moved(self) -> bool:
        """Whether the interval is there and does not hold 0."""
        return bool(self.low > 0 or self.high < 0)


def estimate(values: Values) -> Estimate:
    """Return the mean of some values and its interval; missing values are left out."""
    known = values[~np.isnan(values)]
    n = len(known)
    if n == 0:
        return Estimate(0, np.nan, np.nan, np.nan)
    mean = float(known.mean())
    if n < LEAST:
        return Estimate(n, mean, np.nan, np.nan)
    if n > MOST_RESAMPLED:
        half = NORMAL * float(known.std(ddof=1)) / n**0.5
        return Estimate(n, mean, mean - half, mean + half)
    low, high = np.percentile(known[_picks(n)].mean(axis=1), (2.5, 97.5))
    return Estimate(n, mean, float(low), float(high))


@lru_cache(maxsize=16)
def _picks(n: int) -> Places:
    return np.random.default_rng(SEED).integers(0, n, size=(RESAMPLES, n))


def grid(digits: Mapping[str, Places], axes: Sequence[str], apart: Sequence[Places]) -> Places:
    """Return rows by what they agree in and by their points of some axes: an array of one dimension more than axes; -1 is none.

    Args:
        digits: the point of each row by axis, 0 where the axis does not apply.
        axes: those in which the rows of a group may differ. Axes in lockstep with one of them may, too.
        apart: what tells rows of one place apart, such as the number of the sample.
    """
    along = {other for axis in axes for other in digits if in_lockstep(digits[axis], digits[other])}
    groups = np.zeros(len(next(iter(digits.values()))), np.intp)
    for one in [*(digits[name] for name in digits if name not in along), *apart]:
        groups = np.unique(_together(groups, one), return_inverse=True)[1]
    kept = np.flatnonzero(np.bincount(groups, minlength=1)[groups] > 1)  # of a sparse sample most rows agree with none
    groups = np.unique(groups[kept], return_inverse=True)[1]
    shape = (int(groups.max(initial=-1)) + 1, *(int(digits[axis].max(initial=0)) + 1 for axis in axes))
    found = np.full(shape, -1, np.intp)
    found[(groups, *(digits[axis][kept] for axis in axes))] = kept
    return found


def in_lockstep(one: Places, other: Places) -> bool:
    """Return whether each point of one axis occurs with one point of the other alone, and the other way round."""
    return len(np.unique(_together(one, other))) == len(np.unique(one)) == len(np.unique(other))


def _together(one: Places, other: Places) -> Places:
    """Return a number for each pair of numbers."""
    least = int(other.min(initial=0))
    return one * (int(other.max(initial=0)) - least + 1) + (other - least)


def pairs(rows: Places, point: int, against: int) -> tuple[Places, Places]:
    """Return the rows at a point of an axis and those at another that agree with them in all else, side by side."""
    both = (rows[:, point] >= 0) & (rows[:, against] >= 0)
    return rows[both, point], rows[both, against]


def squares(rows: Places, points: tuple[int, int], against: tuple[int, int]) -> tuple[Places, ...]:
    """Return the rows at the corners (point, point), (against, point), (point, against), (against, against) of two axes."""
    corners = [rows[:, first, second] for second in (points[1], against[1]) for first in (points[0], against[0])]
    whole = np.all([corner >= 0 for corner in corners], axis=0)
    return tuple(corner[whole] for corner in corners)
