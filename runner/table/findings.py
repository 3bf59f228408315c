"""What the page says of a run's numbers: how they lie along each axis, what each axis does, which cells are identical."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from runner.measures import JUDGED, MEASURES, SECONDS, Change, Crossing, Findings, Measure, Spread
from runner.table.effects import changes, effects, means, twins

MOST_PICTURES = 200_000
"""Of a larger run the page says the numbers alone; `sweep effects` still weighs it."""

MOST_CROSSED = 8
"""Points of an axis that is crossed with another: more lines than that nobody can tell apart."""

MOST_AXES = 6
"""Axes that are crossed with each other, the first of the file."""

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def findings(table: pd.DataFrame, axes: Mapping[str, str], baseline: Mapping[str, str]) -> Findings:
    """Return what the numbers of a run say.

    Args:
        table: from `placed`.
        axes: the columns that are axes, by the axes' names.
        baseline: the point that others are held against, by axis.
    """
    columns = tuple(one for one in (SECONDS, *MEASURES, *JUDGED) if table[one.name].notna().any())
    same = tuple(tuple(cells) for cells in twins(table)["cells"])
    if len(table) > MOST_PICTURES:
        note = f"More than {MOST_PICTURES:,} pictures: `sweep effects` says what each axis does."
        return Findings(columns=columns, twins=same, note=note)
    named = {column: name for name, column in axes.items() if len(table[column].dropna().unique()) > 1}
    against = {axes[name]: label for name, label in baseline.items() if name in axes}
    found = effects(table, list(axes.values()), [column.name for column in columns], against)
    return Findings(
        columns=columns,
        spreads=tuple(_spreads(table, named, columns, found)),
        crossings=tuple(_crossings(table, named, columns)),
        changes=tuple(_changes(table, named, changes(table, list(axes.values()), found, against), against)),
        twins=same,
    )


def _spreads(
    table: pd.DataFrame, named: Mapping[str, str], columns: Sequence[Measure], found: pd.DataFrame
) -> Iterator[Spread]:
    differences = {(row["axis"], row["point"], row["column"]): row for row in found.to_dict("records")}
    for axis, name in named.items():
        groups = table.groupby(axis, sort=True, observed=True)
        for column in (column.name for column in columns):
            lying, counts = groups[column].quantile(np.array(QUANTILES)), groups[column].count()
            for label in counts.index[counts > 0]:
                yield Spread(
                    axis=name,
                    label=str(label),
                    column=column,
                    n=int(counts[label]),
                    quantiles=tuple(map(float, lying[label])),  # type: ignore[arg-type]  # five
                    **_difference(differences.get((axis, label, column))),
                )


def _difference(row: Any) -> dict[str, Any]:
    if row is None:
        return {}
    return {"pairs": row["n"], **{name: _known(row[name]) for name in ("difference", "low", "high")}}


def _crossings(table: pd.DataFrame, named: Mapping[str, str], columns: Sequence[Measure]) -> Iterator[Crossing]:
    crossed = [axis for axis in named if table[axis].nunique() <= MOST_CROSSED][:MOST_AXES]
    for two in combinations(crossed, 2):
        for column in columns:
            for row in means(table.dropna(subset=[column.name]), two, column.name).to_dict("records"):
                yield Crossing(
                    axes=(named[two[0]], named[two[1]]),
                    labels=(str(row[two[0]]), str(row[two[1]])),
                    column=column.name,
                    n=row["n"],
                    mean=row["mean"],
                    low=_known(row["low"]),
                    high=_known(row["high"]),
                )


def _changes(
    table: pd.DataFrame, named: Mapping[str, str], found: pd.DataFrame, against: Mapping[str, str]
) -> Iterator[Change]:
    for row in found.to_dict("records"):
        if row["axis"] in named:
            yield Change(
                axis=named[row["axis"]],
                against=against.get(row["axis"], str(table[row["axis"]].cat.categories[0])),
                verdict=row["verdict"],
                n=int(row["n"]),
                identical=int(row["identical"]),
                moved=tuple(row["moved"]),
            )


def _known(value: float) -> float | None:
    return None if value != value else float(value)  # noqa: PLR0124  # NaN is the number that differs from itself
