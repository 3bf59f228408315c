"""A ledger becomes one tidy DataFrame, and summaries of it. The only package that imports pandas.

One row an image at one place of the grid; a cell that was not made has one row without an image. A cell that stands in
several places (two combinations that mean the same request) has rows for each: `cell` tells them apart from different
pictures. Missing is missing: NaN and None, never 0 or an empty text.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

import pandas as pd

from runner.flags import flags
from runner.ledger import PENDING, Standing
from runner.measures import MEASURES, Measured
from runner.nouns import Endpoint, Picture, State
from runner.plan import Placement, Plan
from runner.ratings import Score
from runner.schema import did_you_mean, endpoint_schema
from runner.vault import image_path, thumbnail_path

RECORD = {
    "cell": "string",
    "outcome": "string",
    "reason": "string",
    "attempts": "Int64",
    "reused_from": "string",
    "sample": "Int64",
    "image": "string",
    "thumbnail": "string",
    "sha256": "string",
    "seconds": "Float64",
    "flags": "string",
    "stars": "Float64",
    "rejected": "Int64",
    "notes": "string",
    "preference": "Float64",
    "preference_low": "Float64",
    "preference_high": "Float64",
}
"""Columns that tell what became of a cell, with their types; the axes stand before them, the request's parameters after."""

UNJUDGED: Mapping[str, Score] = {}
"""What people say of the cells of a run that nobody has judged."""

NUMBERS = {measure.name: "Int64" if measure.whole else "Float64" for measure in MEASURES}
"""Columns of what is measured of a picture, with their types; after `RECORD`."""

Numbers: TypeAlias = Callable[[Placement, int, Picture], Measured]
"""Returns what is measured of the picture at a position of a cell's answer."""

MARKDOWN = ("outcome", "reason", "sample", "seed", "seconds")
"""Columns of the Markdown table beside the axes."""

ROWS_AT_ONCE = 2_000
"""Places of the grid that are made into CSV at once."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet read a text as a formula (OWASP, "CSV Injection"), in both widths."""


def frame(
    plan: Plan,
    standings: Mapping[str, Standing],
    placements: Iterable[Placement] | None = None,
    scores: Mapping[str, Score] = UNJUDGED,
    numbers: Numbers | None = None,
) -> pd.DataFrame:
    """Return the tidy table of a run, or of some places of its grid.

    Columns: each axis that is no parameter by its name (the point's label), then `RECORD`, then `NUMBERS` where they are
    asked for, then every parameter of the endpoint; an axis that has the name of such a column is called `axis.<name>`.
    Their types are the same whatever happened: whole numbers Int64, other numbers Float64, everything else string.
    `seconds` is the server's generation time for the whole request; `seed` is the one given or drawn, of the first
    sample; `flags` is what is odd about the image, in words; `stars` to `preference_high` are what people say of the cell
    (`scores`, by digest); `numbers` says what is measured of each picture, None leaves those columns out.
    """
    return _frame(plan, plan.placements() if placements is None else placements, standings, scores, numbers)


def columns(plan: Plan, numbers: Mapping[str, str] = NUMBERS) -> dict[str, str]:
    """Return the types of the columns of a run's table by name, in order; `numbers` are those of what is measured."""
    parameters = _parameter_types(plan.experiment.endpoint)
    axes = [column_of(axis.name) for axis in plan.axes if axis.name not in parameters]
    return {**dict.fromkeys(axes, "string"), **RECORD, **numbers, **parameters}


def spreadsheet(
    plan: Plan,
    standings: Mapping[str, Standing],
    scores: Mapping[str, Score] = UNJUDGED,
    numbers: Numbers | None = None,
) -> Iterator[bytes]:
    """Yield the table of a run as CSV that is safe to open, in pieces: the whole of a large run would fill the memory."""
    placements = plan.placements()
    first = True
    while (piece := list(islice(placements, ROWS_AT_ONCE))) or first:
        yield (
            spreadsheet_safe(_frame(plan, piece, standings, scores, numbers)).to_csv(index=False, header=first).encode()
        )
        first = False


def summary(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return what became of the cells for each value of some columns, in the order of the table.

    Columns: cells, of them made, refused, failed, unknown, pending, then p50 and p95 of the seconds that a made request
    took. A cell that stands in several places counts once for each value.

    Raises:
        KeyError: no column is named, or one that is not in the table; the message says which are.
    """
    names = list(dict.fromkeys(by))
    for name in names or [""]:
        if name not in table.columns:
            raise KeyError(f"{name!r} is no column of this table{did_you_mean(name, list(table.columns))}")
    cells = table.drop_duplicates(list(dict.fromkeys([*names, "cell"])))
    keys = [cells[name] for name in names]
    states = {state.value: (cells["outcome"] == state.value).astype("int64") for state in State}
    counts = pd.DataFrame({"cells": 1, **states}, index=cells.index).groupby(keys, sort=False, dropna=False).sum()
    seconds = cells["seconds"].where(cells["outcome"] == State.MADE.value).groupby(keys, sort=False, dropna=False)
    return counts.assign(p50=seconds.quantile(0.5), p95=seconds.quantile(0.95))


def shares(plan: Plan, standings: Mapping[str, Standing]) -> pd.DataFrame:
    """Return what became of the cells for each point of each axis, in the order of the axes and their points.

    Columns: axis, label, count (places on the grid), made, refused, failed, unknown, pending, p50 and p95 of the
    seconds that a request took (NaN where nothing was made).
    """
    columns: dict[str, list[object]] = {"axis": [], "label": [], "outcome": [], "seconds": []}
    for placement in plan.placements():
        standing = standings.get(placement.digest, PENDING)
        for name, label in placement.coordinates.items():
            for column, value in zip(
                columns.values(), (name, label, standing.state.value, standing.seconds), strict=True
            ):
                column.append(value)
    long = pd.DataFrame({name: columns.pop(name) for name in list(columns)})
    long["seconds"] = pd.to_numeric(long["seconds"]).where(long["outcome"] == State.MADE.value)
    keys = [long["axis"], long["label"]]
    states = {state.value: (long["outcome"] == state.value).groupby(keys).sum() for state in State}
    seconds = long["seconds"].groupby(keys)
    found = pd.DataFrame({"count": long.groupby(["axis", "label"]).size(), **states})
    found = found.assign(p50=seconds.quantile(0.5), p95=seconds.quantile(0.95))
    order = [(axis.name, point.label) for axis in plan.axes for point in axis.points]
    return found.reindex([key for key in order if key in found.index]).reset_index()


def markdown(table: pd.DataFrame, axes: Sequence[str]) -> str:
    """Return a table as Markdown (GitHub's): the axes, what became of each cell, its seed and seconds; all of it text."""
    names = [
        name for name in dict.fromkeys([*axes, *(f"axis.{axis}" for axis in axes), *MARKDOWN]) if name in table.columns
    ]
    rows = table[names].astype(object).where(table[names].notna(), None).to_numpy().tolist()
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(_cell(value) for value in line)} |\n" for line in lines)


def _cell(value: object) -> str:
    """Return a value as one cell of a Markdown table: no markup, no line of its own."""
    text = "" if value is None else str(value)
    return re.sub(r"([\\`*_{}\[\]<>#|~!$&])", r"\\\1", " ".join(text.split())) if text != "---" else text


def spreadsheet_safe(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy in which no text is a formula to a spreadsheet: a quote stands before those that would be.

    Lines inside a text end with a line feed, which CSV quotes, so that no text begins a row of its own.
    """
    text = table.select_dtypes(include=["object", "string"]).columns
    defused = {name: table[name].map(_defused, na_action="ignore").astype(table[name].dtype) for name in text}
    return table.assign(**defused).rename(columns=_defused)


def _frame(
    plan: Plan,
    placements: Iterable[Placement],
    standings: Mapping[str, Standing],
    scores: Mapping[str, Score],
    numbers: Numbers | None,
) -> pd.DataFrame:
    parameters = _parameter_types(plan.experiment.endpoint)
    axes = {axis.name: column_of(axis.name) for axis in plan.axes if axis.name not in parameters}
    types = columns(plan, NUMBERS if numbers else {})
    rows = [row for placement in placements for row in _rows(placement, standings, axes, scores, numbers or _nothing)]
    return pd.DataFrame(rows, columns=list(types)).astype(types)


def _parameter_types(endpoint: Endpoint) -> dict[str, str]:
    return {name: _type(schema) for name, schema in endpoint_schema(endpoint).properties.items()}


def _type(schema: Mapping[str, Any]) -> str:
    kinds = schema.get("type", ())
    if "integer" in kinds or all(isinstance(option, int) for option in schema.get("enum", [""])):
        return "Int64"
    return "Float64" if "number" in kinds else "string"


def column_of(axis: str) -> str:
    """Return the column of an axis: its name, or `axis.<name>` where another column has that."""
    return f"axis.{axis}" if axis in RECORD or axis in NUMBERS else axis


def _nothing(_placement: Placement, _position: int, _picture: Picture) -> Measured:
    return {}


def _rows(
    placement: Placement,
    standings: Mapping[str, Standing],
    axes: Mapping[str, str],
    scores: Mapping[str, Score],
    numbers: Numbers,
) -> Iterator[dict[str, Any]]:
    standing = standings.get(placement.digest, PENDING)
    shared = {
        **{column: placement.coordinates.get(name) for name, column in axes.items()},
        **placement.request.parameters,
        "cell": placement.digest,
        "outcome": standing.state.value,
        "reason": standing.reason or None,
        "attempts": standing.attempts,
        "reused_from": standing.reused_from or None,
        "seconds": standing.seconds,
        **(_score(scores[placement.digest]) if placement.digest in scores else {}),
    }
    if not standing.pictures:
        yield shared
    for sample, picture in enumerate(standing.pictures):
        yield {
            **shared,
            "sample": sample,
            **_picture(picture),
            **numbers(placement, sample, picture),
            "flags": _flags(placement, standing, picture),
            "seed": _seed(placement, standing),
        }


def _score(score: Score) -> dict[str, Any]:
    strength = score.strength
    return {
        "stars": score.stars,
        "rejected": score.rejected,
        "notes": "\n".join(score.notes) or None,
        "preference": strength and strength.strength,
        "preference_low": strength and strength.low,
        "preference_high": strength and strength.high,
    }


def _picture(picture: Picture) -> dict[str, Any]:
    return {
        "image": image_path(picture.sha256, picture.format),
        "thumbnail": thumbnail_path(picture.sha256),
        "sha256": picture.sha256,
    }


def _flags(placement: Placement, standing: Standing, picture: Picture) -> str | None:
    return "; ".join(flags(placement.request, standing.answer, picture)) or None


def _seed(placement: Placement, standing: Standing) -> object:
    asked = placement.request.parameters.get("seed")
    return standing.seed if asked is None else asked


def _defused(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace(
        "\r", "\n"
    )  # a bare CR ends a row for some readers, and CSV does not quote it
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
