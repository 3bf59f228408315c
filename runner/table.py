"""A ledger becomes one tidy DataFrame, and summaries of it. The only module that imports pandas.

One row an image at one place of the grid; a cell that was not made has one row without an image. A cell that stands in
several places (two combinations that mean the same request) has rows for each: `cell` tells them apart from different
pictures. Missing is missing: NaN and None, never 0 or an empty text.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from runner.ledger import PENDING, Standing
from runner.nouns import Picture, State
from runner.plan import Placement, Plan
from runner.schema import did_you_mean, endpoint_schema
from runner.vault import image_path, thumbnail_path

RECORD = ("cell", "outcome", "reason", "attempts", "reused_from", "sample", "image", "thumbnail", "sha256", "seconds")
"""Columns that tell what became of a cell; the axes stand before them and the request's parameters after them."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet read a text as a formula (OWASP, "CSV Injection")."""


def frame(plan: Plan, standings: Mapping[str, Standing]) -> pd.DataFrame:
    """Return the tidy table of a run.

    Columns: each axis that is no parameter by its name (the point's label), then `RECORD`, then every parameter of the
    endpoint. `seconds` is the server's generation time for the whole request; `seed` is the one given or drawn, of the
    first sample.
    """
    parameters = list(endpoint_schema(plan.experiment.endpoint).properties)
    axes = [axis.name for axis in plan.axes if axis.name not in parameters]
    rows = [row for placement in plan.placements() for row in _rows(placement, standings, axes)]
    return pd.DataFrame(rows, columns=[*axes, *RECORD, *parameters]).convert_dtypes()


def summary(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return what became of the cells for each value of some columns, in the order of the table.

    Columns: cells (distinct), made, refused, failed, unknown, pending, p50 and p95 of the seconds an image took.

    Raises:
        KeyError: a column is not in the table; the message says which are.
    """
    for name in by:
        if name not in table.columns:
            raise KeyError(f"{name!r} is no column of this table{did_you_mean(name, list(table.columns))}")
    places = table[table["sample"].fillna(0) == 0]
    groups = places.groupby(list(by), sort=False, dropna=False)
    counts = {
        state.value: (places["outcome"] == state.value)
        .groupby([places[name] for name in by], sort=False, dropna=False)
        .sum()
        for state in State
    }
    found = pd.DataFrame({"cells": groups["cell"].nunique(), **counts})
    made = places[places["outcome"] == State.MADE.value]
    seconds = made.groupby(list(by), sort=False, dropna=False)["seconds"]
    return found.assign(p50=seconds.quantile(0.5), p95=seconds.quantile(0.95))


def shares(plan: Plan, standings: Mapping[str, Standing]) -> pd.DataFrame:
    """Return what became of the cells for each point of each axis, in the order of the axes and their points.

    Columns: axis, label, count (places on the grid), made, refused, failed, unknown, pending, p50 and p95 of the
    seconds that a request took (NaN where nothing was made).
    """
    rows = [
        (name, label, standings.get(placement.digest, PENDING))
        for placement in plan.placements()
        for name, label in placement.coordinates.items()
    ]
    long = pd.DataFrame(
        [(name, label, standing.state.value, standing.seconds) for name, label, standing in rows],
        columns=["axis", "label", "outcome", "seconds"],
    )
    long["seconds"] = pd.to_numeric(long["seconds"]).where(long["outcome"] == State.MADE.value)
    keys = [long["axis"], long["label"]]
    states = {state.value: (long["outcome"] == state.value).groupby(keys).sum() for state in State}
    seconds = long["seconds"].groupby(keys)
    found = pd.DataFrame({"count": long.groupby(["axis", "label"]).size(), **states})
    found = found.assign(p50=seconds.quantile(0.5), p95=seconds.quantile(0.95))
    order = [(axis.name, point.label) for axis in plan.axes for point in axis.points]
    return found.reindex([key for key in order if key in found.index]).reset_index()


def totals(plan: Plan, standings: Mapping[str, Standing]) -> dict[str, int]:
    """Return how many cells of a plan stand in each state, and how many images there are.

    `reused` counts those of the made cells whose images were taken from an earlier run.
    """
    found = [standings.get(cell.digest, PENDING) for cell in plan.cells()]
    counts = {state.value: sum(standing.state is state for standing in found) for state in State}
    return {
        "planned": len(found),
        **counts,
        "reused": sum(bool(standing.reused_from) for standing in found),
        "images": sum(len(standing.pictures) for standing in found),
    }


def spreadsheet_safe(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy in which no text is a formula to a spreadsheet: a quote stands before those that would be."""
    text = table.select_dtypes(include=["object", "string"]).columns
    return table.assign(**{name: table[name].map(_defused, na_action="ignore") for name in text})


def _rows(placement: Placement, standings: Mapping[str, Standing], axes: Sequence[str]) -> Iterator[dict[str, Any]]:
    standing = standings.get(placement.digest, PENDING)
    shared = {
        **{name: placement.coordinates.get(name) for name in axes},
        **placement.request.parameters,
        "cell": placement.digest,
        "outcome": standing.state.value,
        "reason": standing.reason or None,
        "attempts": standing.attempts,
        "reused_from": standing.reused_from or None,
        "seconds": standing.seconds,
    }
    if not standing.pictures:
        yield shared
    for sample, picture in enumerate(standing.pictures):
        yield {**shared, "sample": sample, **_picture(picture), "seed": _seed(placement, standing)}


def _picture(picture: Picture) -> dict[str, Any]:
    return {
        "image": image_path(picture.sha256, picture.format),
        "thumbnail": thumbnail_path(picture.sha256),
        "sha256": picture.sha256,
    }


def _seed(placement: Placement, standing: Standing) -> object:
    asked = placement.request.parameters.get("seed")
    return standing.seed if asked is None else asked


def _defused(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
