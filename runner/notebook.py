"""A run as a grid of small pictures inside a notebook: one self-contained piece of HTML, whatever is text stays text."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from runner.errors import InputError
from runner.ledger import PENDING, Standing
from runner.nouns import Axis
from runner.plan import Plan
from runner.schema import did_you_mean
from runner.vault import thumbnail_path

MOST = 400
"""Pictures of one grid: some 4 MB in the notebook's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Pictures by their points of two axes.

    Attributes:
        title: what holds for all of them.
        columns, rows: labels, in the order of the file.
        cells: what stands in each place, row by row: a thumbnail's bytes, else words.
        note: what is not shown, or empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: Mapping[tuple[str, str], bytes | str]
    note: str = ""

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{escape(label)}</th>" for label in self.columns)
        rows = "".join(
            f"<tr><th>{escape(row)}</th>{''.join(_cell(self.cells.get((row, column), '–')) for column in self.columns)}</tr>"
            for row in self.rows
        )
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<p>{escape(self.title)}</p><table><thead><tr><th></th>{heads}</tr></thead><tbody>{rows}</tbody></table>{note}"


def grid(
    run: Path, plan: Plan, standings: Mapping[str, Standing], roles: tuple[str, str], at: Mapping[str, str]
) -> Grid:
    """Return the first pictures of the cells at one point of every axis but two.

    Args:
        run: the run folder.
        plan: of the run.
        standings: how its cells stand, by digest.
        roles: the axes along the columns and the rows; an empty name is none.
        at: points of the other axes; else the baseline's, else the first.

    Raises:
        InputError: an axis or a point is not the plan's.
    """
    axes = {axis.name: axis for axis in plan.axes}
    for name in (*filter(None, roles), *at):
        if name not in axes:
            raise InputError(f"grid: {name!r} is no axis of this run{did_you_mean(name, list(axes))}")
    held = {name: _point(axis, plan, at) for name, axis in axes.items() if name not in roles}
    labels = [[point.label for point in axes[name].points] if name else [""] for name in roles]
    columns = labels[0][:MOST]
    rows = labels[1][: max(1, MOST // len(columns))]
    shown = len(columns) * len(rows)
    whole = len(labels[0]) * len(labels[1])
    cells: dict[tuple[str, str], bytes | str] = {}
    for placement in plan.placements():
        place = placement.coordinates
        column, row = (place.get(name, "") for name in roles)
        if row in rows and column in columns and all(place.get(name, label) == label for name, label in held.items()):
            cells.setdefault((row, column), _shown(run, standings.get(placement.digest, PENDING)))
    return Grid(
        title=", ".join(f"{name} {label}" for name, label in held.items()),
        columns=tuple(columns),
        rows=tuple(rows),
        cells=cells,
        note=f"{shown} of {whole} places; the page of the run shows all" if shown < whole else "",
    )


def _point(axis: Axis, plan: Plan, at: Mapping[str, str]) -> str:
    labels = [point.label for point in axis.points]
    wanted = at.get(axis.name, plan.experiment.report.baseline.get(axis.name, labels[0]))
    if wanted not in labels:
        raise InputError(f"grid: {axis.name} has no point {wanted!r}{did_you_mean(wanted, labels)}")
    return wanted


def _shown(run: Path, standing: Standing) -> bytes | str:
    """Return the thumbnail of a cell's first picture, or how the cell stands."""
    for picture in standing.pictures[:1]:
        try:
            return (run / thumbnail_path(picture.sha256)).read_bytes()
        except OSError:
            return "thumbnail not found"
    return standing.state.value


def _cell(shown: bytes | str) -> str:
    if isinstance(shown, str):
        return f"<td>{escape(shown)}</td>"
    return f'<td><img width="128" alt="" src="data:image/webp;base64,{base64.b64encode(shown).decode()}"></td>'
