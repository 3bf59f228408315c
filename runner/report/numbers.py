"""Numbers of pictures as compact columns, and what is found in them, as the page's script reads them."""

import base64
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from sys import byteorder

from runner.measures import Crossing, Findings, Measured, Spread
from runner.nouns import Axis
from runner.report.columns import Json

MISSING = 65_535
"""Stands for a number that is not known; the others count the steps above the column's least, in 16 bits."""

MEASURED_ELSEWHERE = ("bytes", "seconds")
"""Columns that the page has already: of a picture's file and of a request."""


def packed(findings: Findings, pictures: Sequence[Measured]) -> Json:
    """Return each column as 16 bits a picture: its least number, its step, and how many steps each lies above."""
    shown = [column for column in findings.columns if column.name not in MEASURED_ELSEWHERE]
    return [[column.name, *_column([one.get(column.name) for one in pictures])] for column in shown]


def _column(values: Sequence[float | None]) -> tuple[float, float, str]:
    known = [value for value in values if value is not None]
    least = min(known, default=0.0)
    step = (max(known, default=0.0) - least) / (MISSING - 1) or 1.0
    steps = array("H", (MISSING if value is None else round((value - least) / step) for value in values))
    if byteorder == "big":
        steps.byteswap()
    return _short(least, 9), _short(step, 9), base64.b64encode(steps.tobytes()).decode()


def said(findings: Findings, axes: Sequence[Axis], places: Mapping[str, Mapping[str, int]], digits: int) -> Json:
    """Return what is found, with axes and points by their places; cells by the first `digits` of their digests.

    Args:
        findings: of the run.
        axes: of the book.
        places: the digit of each label, by axis.
        digits: hex digits of a cell's digest that the page has.
    """
    order = {axis.name: place for place, axis in enumerate(axes)}
    columns = {column.name: place for place, column in enumerate(findings.columns)}
    return {
        "columns": [[column.name, column.title, column.unit, column.digits] for column in findings.columns],
        "spreads": [
            [order[axis], columns[column], [_spread(one, places[axis]) for one in group if one.label in places[axis]]]
            for (axis, column), group in groupby(findings.spreads, lambda one: (one.axis, one.column))
        ],
        "crossings": [
            [*(order[axis] for axis in two), columns[column], [_crossing(one, places) for one in group]]
            for (two, column), group in groupby(findings.crossings, lambda one: (one.axes, one.column))
        ],
        "changes": [
            [order[one.axis], places[one.axis].get(one.against, 0), one.verdict, one.n, one.identical, list(one.moved)]
            for one in findings.changes
        ],
        "twins": [[cell[:digits] for cell in cells] for cells in findings.twins],
        "note": findings.note,
    }


def _spread(one: Spread, places: Mapping[str, int]) -> Json:
    lies = [places[one.label], one.n, *_shorter(one.quantiles)]
    return lies if one.difference is None else [*lies, one.pairs, *_shorter((one.difference, one.low, one.high))]


def _crossing(one: Crossing, places: Mapping[str, Mapping[str, int]]) -> Json:
    digits = [places[axis][label] for axis, label in zip(one.axes, one.labels, strict=True)]
    return [*digits, one.n, *_shorter((one.mean, one.low, one.high))]


def _shorter(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else _short(value, 5) for value in values]


def _short(value: float, digits: int) -> float:
    found = float(f"{value:.{digits}g}")
    return int(found) if found.is_integer() and abs(found) < 1e15 else found
