"""What an axis does to a number, over all else that agrees. Pure functions over a frame of one row a picture.

An axis is a column; its points are the categories of a categorical column, else its values in the order of the table.
Rows pair when they agree in all the other axes and in `sample`. How sure a mean is: see `pairing`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from runner.schema import did_you_mean
from runner.table.pairing import LEAST, Places, Values, estimate, grid, pairs, squares

LOOKS = ("brightness", "contrast", "colourfulness", "sharpness")
"""Columns that tell whether an axis changes what pictures look like."""

NOBODY: Mapping[str, str] = {}


def effects(
    table: pd.DataFrame, axes: Sequence[str], of: Sequence[str], baseline: Mapping[str, str] = NOBODY
) -> pd.DataFrame:
    """Return what each point of each axis does to some columns, against the axis's baseline point.

    Columns: axis, point, against, column, n (pairs), difference (their mean), low and high (its 95 % interval).

    Args:
        table: one row a picture.
        axes: all columns that are axes.
        of: numeric columns.
        baseline: the point that others are held against, by axis; else the axis's first.

    Raises:
        KeyError: a column is not in the table; the message says which are.
    """
    _check(table, [*axes, *of])
    digits, points = _digits(table, axes)
    columns = {column: _values(table, column) for column in of}
    found: list[tuple[Any, ...]] = []
    for axis in axes:
        rows, labels = grid(digits, [axis], _apart(table)), points[axis]
        against = _place(labels, baseline.get(axis))
        for place in (place for place in range(1, len(labels) + 1) if place != against and against):
            there, here = pairs(rows, place, against) if place < rows.shape[1] > against else _no_pairs()
            for column, values in columns.items():
                found.append(
                    (axis, labels[place - 1], labels[against - 1], column, *estimate(values[there] - values[here]))
                )
    return pd.DataFrame(found, columns=["axis", "point", "against", "column", "n", "difference", "low", "high"])


def interaction(
    table: pd.DataFrame, axes: Sequence[str], two: tuple[str, str], of: str, baseline: Mapping[str, str] = NOBODY
) -> pd.DataFrame:
    """Return how much the effect of one axis depends on the point of another: differences of paired differences.

    Columns: a column for each of the two axes (the points), n (squares of four pictures that agree in all else),
    difference (the effect of the first axis's point here, less its effect at the other axis's baseline point), low, high.

    Raises:
        KeyError: a column is not in the table.
    """
    _check(table, [*axes, *two, of])
    digits, points = _digits(table, axes)
    rows, values = grid(digits, two, _apart(table)), _values(table, of)
    against = tuple(_place(points[axis], baseline.get(axis)) for axis in two)
    found: list[tuple[Any, ...]] = []
    for first in range(1, rows.shape[1]):
        for second in range(1, rows.shape[2]):
            if first == against[0] or second == against[1] or not all(against):
                continue
            both, one, other, none = squares(rows, (first, second), (against[0], against[1]))
            found.append(
                (
                    points[two[0]][first - 1],
                    points[two[1]][second - 1],
                    *estimate(values[both] - values[one] - values[other] + values[none]),
                )
            )
    return pd.DataFrame(found, columns=[*two, "n", "difference", "low", "high"])


def means(table: pd.DataFrame, by: Sequence[str], of: str) -> pd.DataFrame:
    """Return the mean of a column at each point of an axis, or of several together: the columns `by`, n, mean, low, high.

    Raises:
        KeyError: a column is not in the table.
    """
    _check(table, [*by, of])
    groups = table.groupby([*by], sort=False, observed=True)[of]
    found = [(*key, *estimate(values.to_numpy(np.float64, na_value=np.nan))) for key, values in groups]
    return pd.DataFrame(found, columns=[*by, "n", "mean", "low", "high"])


def pivot(table: pd.DataFrame, rows: str, columns: str, of: str) -> pd.DataFrame:
    """Return the mean of a column for each point of one axis (rows) by each of another (columns); missing where none is.

    Raises:
        KeyError: a column is not in the table.
    """
    _check(table, [rows, columns, of])
    long = means(table, [rows, columns], of)
    orders = {name: pd.unique(table[name].dropna()) for name in (rows, columns)}
    wide = long.pivot_table(index=rows, columns=columns, values="mean", sort=False, dropna=False, observed=True)
    return wide.reindex(index=_order(table, rows, orders[rows]), columns=_order(table, columns, orders[columns]))


def changes(
    table: pd.DataFrame, axes: Sequence[str], found: pd.DataFrame, baseline: Mapping[str, str] = NOBODY
) -> pd.DataFrame:
    """Return for each axis whether it changes anything, from `effects` of `LOOKS`.

    Columns: axis, n (pairs against the baseline point), identical (those whose pictures are the same file), moved (the
    columns with an interval that does not hold 0), verdict: "nothing" where all pairs are identical, "not measurable" where
    every interval holds 0, "few" where there is none, "something" else.
    """
    digits, points = _digits(table, axes)
    codes = pd.factorize(table["sha256"])[0]
    said: list[tuple[Any, ...]] = []
    for axis in axes:
        rows, against = grid(digits, [axis], _apart(table)), _place(points[axis], baseline.get(axis))
        others = [place for place in range(1, rows.shape[1]) if place != against] if rows.shape[1] > against > 0 else []
        same = [codes[there] == codes[here] for there, here in (pairs(rows, place, against) for place in others)]
        n, identical = sum(map(len, same)), int(sum(one.sum() for one in same))
        own = found[(found["axis"] == axis) & found["column"].isin(LOOKS)]
        moved = own[(own["low"] > 0) | (own["high"] < 0)]["column"].unique().tolist()
        said.append((axis, n, identical, moved, _verdict(n, identical, moved, sure=bool(own["low"].notna().any()))))
    return pd.DataFrame(said, columns=["axis", "n", "identical", "moved", "verdict"])


def twins(table: pd.DataFrame) -> pd.DataFrame:
    """Return the pictures that several cells share, byte for byte, though they ask for different things.

    Columns: sha256, cells (their digests), in the order of the table.
    """
    shared = table.dropna(subset=["sha256"]).drop_duplicates(["sha256", "cell"])
    several = shared[shared.duplicated("sha256", keep=False)]
    return several.groupby("sha256", sort=False)["cell"].agg(list).rename("cells").reset_index()


def _verdict(n: int, identical: int, moved: Sequence[str], *, sure: bool) -> str:
    if n and identical == n:
        return "nothing"
    if moved:
        return "something"
    return "not measurable" if sure and n >= LEAST else "few"


def _check(table: pd.DataFrame, names: Iterable[str]) -> None:
    for name in names:
        if name not in table.columns:
            raise KeyError(f"{name!r} is no column of this table{did_you_mean(name, list(map(str, table.columns)))}")


def _digits(table: pd.DataFrame, axes: Sequence[str]) -> tuple[dict[str, Places], dict[str, list[str]]]:
    """Return each row's point by axis, 0 where the axis does not apply, and the points in order."""
    digits: dict[str, Places] = {}
    points: dict[str, list[str]] = {}
    for axis in axes:
        column = table[axis]
        codes, labels = (
            (column.cat.codes.to_numpy(), list(column.cat.categories))
            if isinstance(column.dtype, pd.CategoricalDtype)
            else pd.factorize(column)
        )
        digits[axis], points[axis] = np.asarray(codes, np.intp) + 1, list(labels)
    return digits, points


def _place(labels: Sequence[str], label: str | None) -> int:
    """Return the digit of a label, of the first where there is none; 0 where the axis has no points."""
    return labels.index(label) + 1 if label in labels else min(1, len(labels))


def _apart(table: pd.DataFrame) -> list[Places]:
    return [table["sample"].to_numpy(np.intp, na_value=-1)] if "sample" in table.columns else []


def _values(table: pd.DataFrame, column: str) -> Values:
    return table[column].to_numpy(np.float64, na_value=np.nan)


def _no_pairs() -> tuple[Places, Places]:
    return np.empty(0, np.intp), np.empty(0, np.intp)


def _order(table: pd.DataFrame, name: str, found: Iterable[Any]) -> list[Any]:
    column = table[name]
    known = list(column.cat.categories) if isinstance(column.dtype, pd.CategoricalDtype) else list(found)
    there = set(found)
    return [value for value in known if value in there]
