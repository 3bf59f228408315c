"""A file of ratings that a page has exported becomes Ratings, or every complaint about it with its line."""

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from runner.document.complaints import Complaints
from runner.document.opening import open_text
from runner.document.reading import read
from runner.document.structure import conform
from runner.document.tree import Fields, Source, Spot, plain
from runner.errors import ExperimentError, InputError
from runner.ratings import Duel, Mark, Ratings

BIGGEST = 64 * 2**20
"""Bytes of one file."""

FORMAT = 1


def load(path: Path, plan: str, cells: Iterable[str]) -> Ratings:
    """Return the ratings of a file that a page has exported, with whole digests.

    Args:
        path: the file.
        plan: digest of the plan whose cells must be judged in it; empty for any plan.
        cells: that plan's cells; what judges others is left out, such as a cell that an edit has orphaned.

    Raises:
        ExperimentError: something is wrong with the file; it has every complaint.
        InputError: it judges the cells of another plan.
    """
    complaints = Complaints()
    source = Source(str(path), path.parent)
    with complaints.collecting():
        tree = read(open_text(path, BIGGEST, Spot(source)), source, complaints)
        if isinstance(tree, Fields):
            tree = conform(tree, complaints, schema="ratings")
        elif not complaints.found():
            place = Spot(source, 1, 1) if tree is None else tree.spot
            complaints.add(place, "ratings are a JSON object, as the page exports it")
    if complaints.found():
        raise ExperimentError(complaints.found())
    said: dict[str, Any] = plain(tree)  # type: ignore[arg-type]  # it is an object: nothing was complained of
    if plan and said["plan"] != plan:
        raise InputError(
            f"{path}: it judges the cells of plan {said['plan'][:16]}, and this run's plan is {plan[:16]}; "
            "import it into the run whose page exported it"
        )
    return _whole(_ratings(said), cells)


def spelled(ratings: Ratings) -> bytes:
    """Return ratings as the JSON of their file."""
    said = {
        "format": FORMAT,
        "plan": ratings.plan,
        "raters": dict(ratings.raters),
        "marks": [asdict(mark) for mark in ratings.marks],
        "duels": [asdict(duel) for duel in ratings.duels],
    }
    return (json.dumps(said, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")


def _ratings(said: dict[str, Any]) -> Ratings:
    return Ratings(
        plan=said["plan"],
        raters=said["raters"],
        marks=tuple(Mark(**mark) for mark in said.get("marks", ())),
        duels=tuple(Duel(**duel) for duel in said.get("duels", ())),
    )


def _whole(ratings: Ratings, cells: Iterable[str]) -> Ratings:
    """Return ratings with the whole digests of the cells that a page knows by their first digits."""
    wanted = {mark.cell for mark in ratings.marks} | {end for duel in ratings.duels for end in (duel.left, duel.right)}
    lengths = sorted({len(cell) for cell in wanted})
    whole = {cell[:length]: cell for cell in cells for length in lengths if cell[:length] in wanted}
    return replace(
        ratings,
        marks=tuple(replace(mark, cell=whole[mark.cell]) for mark in ratings.marks if mark.cell in whole),
        duels=tuple(
            replace(duel, left=whole[duel.left], right=whole[duel.right])
            for duel in ratings.duels
            if duel.left in whole and duel.right in whole
        ),
    )
