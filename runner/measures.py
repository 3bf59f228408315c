"""What is measured of a picture, and what is found in it: names, units and nouns.

How pictures are measured is told by `runner.metrics`, what is found by `runner.table.effects`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Measured: TypeAlias = Mapping[str, float]
"""What is known of one picture, by the name of a measure; what could not be measured is absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of a picture.

    Attributes:
        name: the table's column.
        title: what people read.
        unit: what follows the number, or empty.
        digits: decimal places that are worth showing.
        whole: whether it is a whole number.
        apart: whether it tells how far a picture is from its baseline's.
    """

    name: str
    title: str
    unit: str = ""
    digits: int = 1
    whole: bool = False
    apart: bool = False


MEASURES = (
    Measure(name="bytes", title="file size", unit="B", digits=0, whole=True),
    Measure(name="brightness", title="brightness", unit="of 255"),
    Measure(name="contrast", title="contrast", unit="of 127.5"),
    Measure(name="colourfulness", title="colourfulness"),
    Measure(name="sharpness", title="sharpness"),
    Measure(name="difference", title="difference to baseline", unit="of 255", digits=2, apart=True),
    Measure(name="ssim", title="SSIM to baseline", digits=3, apart=True),
    Measure(name="phash", title="pHash distance to baseline", unit="of 64 bits", digits=0, whole=True, apart=True),
)
"""In the order of the table's columns."""

SECONDS = Measure(name="seconds", title="time of the request", unit="s", digits=2)

JUDGED = (
    Measure(name="stars", title="stars", unit="of 5"),
    Measure(name="preference", title="preference in pairs", digits=2),
)
"""What people say of a cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a column lies at one point of an axis, and what the point does to it.

    Attributes:
        n: pictures there that have a number.
        quantiles: the least, the quartiles and the most of them.
        pairs: of pictures here and at the axis's baseline point that agree in all else.
        difference: the mean over those pairs; None at the baseline point and where there is none.
        low, high: its 95 % interval; None of few pairs.
    """

    axis: str
    label: str
    column: str
    n: int
    quantiles: tuple[float, float, float, float, float]
    pairs: int = 0
    difference: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """The mean of a column at a point of one axis and a point of another, over `n` pictures."""

    axes: tuple[str, str]
    labels: tuple[str, str]
    column: str
    n: int
    mean: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Whether an axis changes anything, against one of its points: see `runner.table.effects.changes`."""

    axis: str
    against: str
    verdict: str
    n: int
    identical: int
    moved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the numbers of a run say.

    Attributes:
        columns: those that have numbers.
        twins: digests of cells that share a picture byte for byte, though they ask for different things.
        note: why there is less than a reader may expect, or empty.
    """

    columns: tuple[Measure, ...] = ()
    spreads: tuple[Spread, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    changes: tuple[Change, ...] = ()
    twins: tuple[tuple[str, ...], ...] = ()
    note: str = ""
