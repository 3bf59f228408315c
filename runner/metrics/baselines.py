"""Which picture each is held against: that of the cell which differs in the baseline's points alone."""

from collections.abc import Mapping

from runner.ledger import PENDING, Standing
from runner.nouns import Picture
from runner.plan import Plan


class Baselines:
    """The pictures at the points that `report.baseline` names, by the points of the other axes.

    Args:
        plan: of the run.
        standings: how its cells stand, by digest.
    """

    def __init__(self, plan: Plan, standings: Mapping[str, Standing]) -> None:
        self._axes = tuple(axis.name for axis in plan.axes)
        self._points = _with_lockstep(plan)
        self._pictures: dict[tuple[str | None, ...], tuple[Picture, ...]] = {}
        if not self._points:
            return
        for placement in plan.placements():
            if all(placement.coordinates.get(name) == label for name, label in self._points.items()):
                pictures = standings.get(placement.digest, PENDING).pictures
                self._pictures.setdefault(self._key(placement.coordinates), pictures)

    def of(self, coordinates: Mapping[str, str], position: int) -> Picture | None:
        """Return what the picture at that position in a cell's answer is held against; None where there is nothing."""
        pictures = self._pictures.get(self._key(coordinates), ()) if self._points else ()
        return pictures[position] if position < len(pictures) else None

    def _key(self, coordinates: Mapping[str, str]) -> tuple[str | None, ...]:
        return tuple(self._points.get(name, coordinates.get(name)) for name in self._axes)


def _with_lockstep(plan: Plan) -> dict[str, str]:
    """Return the baseline's points and those of the axes that advance in lockstep with its axes."""
    points = dict(plan.experiment.report.baseline)
    labels = {axis.name: [point.label for point in axis.points] for axis in plan.axes}
    for group in plan.experiment.zips:
        for name in (name for name in group if points.get(name) in labels[name]):
            place = labels[name].index(points[name])
            points |= {other: labels[other][place] for other in group if other not in points}
    return points
