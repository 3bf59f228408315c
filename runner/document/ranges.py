"""Numbers from one to another, exact in decimal.

`{from: 0.1, to: 0.5, step: 0.1}` is five values, none of them 0.30000000000000004; a step that does not land on the end stops
before it; steps may go down.
"""

from collections.abc import Iterator
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Literal

MOST_POINTS = 100_000
"""Points on one axis."""

DIGITS = 6
"""Significant digits of a value that has no short decimal spelling, such as a third."""

PRECISION = Context(prec=80)
"""For shares and ratios, which are rounded to `DIGITS` afterwards."""


def stepped(start: Decimal, end: Decimal, step: Decimal) -> Iterator[int | float]:
    """Return the values from start to end by step, both ends included where the step lands on them.

    Raises:
        ValueError: the step is zero or leads away from the end, or there are more than `MOST_POINTS` values.
    """
    first, last, stride = Fraction(start), Fraction(end), Fraction(step)
    if stride == 0:
        raise ValueError("a step of 0 never arrives; write another step")
    if (last - first) * stride < 0:
        raise ValueError(f"a step of {step} from {start} leads away from {end}; write step: {-step}")
    count = int((last - first) / stride) + 1
    _check(count)
    return (_number(first + stride * place) for place in range(count))


def spread(start: Decimal, end: Decimal, count: int, scale: Literal["linear", "log"]) -> Iterator[int | float]:
    """Return so many values from start to end, both included; on a log scale neighbours have one ratio.

    A count of 1 is the start alone. A value whose exact decimal spelling is longer than 15 digits is rounded to `DIGITS`
    significant ones, whole digits always kept.

    Raises:
        ValueError: two values would be equal, a bound of a log scale is not above 0, or there are too many values.
    """
    if scale == "log" and min(start, end) <= 0:
        raise ValueError(f"a log scale needs bounds above 0, and {min(start, end)} is not; write scale: linear")
    if start == end and count > 1:
        raise ValueError(f"from and to are both {start}, so that {count} values would be equal; write count: 1")
    _check(count)
    between = _ratio if scale == "log" else _share
    return (
        _number(Fraction(start if place == 0 else end if place == count - 1 else between(start, end, place, count - 1)))
        for place in range(count)
    )


def _check(count: int) -> None:
    if count > MOST_POINTS:
        raise ValueError(f"this makes more than {MOST_POINTS:,} values, the most that an axis may have; make fewer")


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _share(start: Decimal, end: Decimal, place: int, parts: int) -> Decimal:
    exact = Fraction(start) + (Fraction(end) - Fraction(start)) * Fraction(place, parts)
    value = PRECISION.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return value if len(value.normalize(PRECISION).as_tuple().digits) <= 15 else _rounded(value)


def _ratio(start: Decimal, end: Decimal, place: int, parts: int) -> Decimal:
    with localcontext(PRECISION):
        return _rounded(start * (end / start) ** (Decimal(place) / Decimal(parts)))


def _rounded(value: Decimal) -> Decimal:
    if value.adjusted() >= DIGITS:
        return value.to_integral_value()
    with localcontext(PRECISION):
        return value.quantize(Decimal(1).scaleb(value.adjusted() - DIGITS + 1))
