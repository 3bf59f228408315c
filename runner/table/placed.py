"""A run's pictures at their places, as `effects` reads them: axes by their labels, and numbers."""

from collections.abc import Mapping

import pandas as pd

from runner.ledger import PENDING, Standing
from runner.measures import JUDGED, Measured
from runner.nouns import Picture
from runner.plan import Placement, Plan
from runner.ratings import Score
from runner.table import NUMBERS, Numbers, column_of

KEPT = {
    "cell": "string",
    "sample": "Int64",
    "sha256": "string",
    "seconds": "Float64",
    **NUMBERS,
    **{judged.name: "Float64" for judged in JUDGED},
}


def judged(numbers: Numbers, scores: Mapping[str, Score]) -> Numbers:
    """Return what is measured of a picture and what people say of its cell (`scores`, by digest)."""

    def found(placement: Placement, position: int, picture: Picture) -> Measured:
        said, score = dict(numbers(placement, position, picture)), scores.get(placement.digest)
        if score and score.stars is not None:
            said["stars"] = score.stars
        if score and score.strength:
            said["preference"] = score.strength.strength
        return said

    return found


def placed(plan: Plan, standings: Mapping[str, Standing], numbers: Numbers) -> pd.DataFrame:
    """Return one row a picture at one place of the grid.

    Columns: each axis by its name as a categorical column of its labels in the order of the file (`axis.<name>` where a
    column below has that name), then cell, sample, sha256, seconds, what is measured and what people say. Cells without
    pictures have no row.
    """
    axes = {axis.name: column_of(axis.name) for axis in plan.axes}
    columns: dict[str, list[object]] = {name: [] for name in (*axes.values(), *KEPT)}
    for placement in plan.placements():
        standing = standings.get(placement.digest, PENDING)
        for sample, picture in enumerate(standing.pictures):
            found = {
                **{column: placement.coordinates.get(name) for name, column in axes.items()},
                **numbers(placement, sample, picture),
                "cell": placement.digest,
                "sample": sample,
                "sha256": picture.sha256,
                "seconds": standing.seconds,
            }
            for name, values in columns.items():
                values.append(found.get(name))
    table = pd.DataFrame({name: pd.array(columns.pop(name), dtype=kind) for name, kind in KEPT.items()})  # type: ignore[call-overload]  # names of types
    labels = {axes[axis.name]: [point.label for point in axis.points] for axis in plan.axes}
    for place, (name, known) in enumerate(labels.items()):
        table.insert(place, name, pd.Series(pd.Categorical(columns.pop(name), categories=known)))
    return table
