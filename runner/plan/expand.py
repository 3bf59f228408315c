"""Axes become combinations: the product, zipped axes in lockstep, `when`, `exclude` and `include`.

`include` means what it means in a GitHub Actions matrix: an entry is added to each combination that it does not
contradict; one that contradicts all of them becomes a combination of its own, with its own keys alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from runner.nouns import Axis, Experiment, Point, Template, Value
from runner.plan.rules import find, holds, scalar


@dataclass(frozen=True, slots=True)
class Combination:
    """One point of each axis that applies.

    Attributes:
        points: by axis name, in the order of the file.
        extras: parameters or variables that an `include` entry adds.
        repeats: for axes whose points ask the server to draw the seed: which repetition this is.
    """

    points: Mapping[str, Point]
    extras: Mapping[str, Value] = field(default_factory=dict)
    repeat: int = 0

    @property
    def coordinates(self) -> dict[str, str]:
        """Label by axis name."""
        return {name: point.label for name, point in self.points.items()}


def combinations(experiment: Experiment) -> Iterator[Combination | None]:
    """Yield the combinations in plan order (the last axis varies fastest); None in place of each excluded one."""
    unmatched = list(experiment.include)
    for combination in _product(experiment):
        if any(
            holds(rule, combination.points, _settings(experiment, combination.points)) for rule in experiment.exclude
        ):
            yield None
            continue
        extended = combination
        for entry in experiment.include:
            if _agrees(entry, combination, experiment):
                extended = Combination(
                    extended.points, {**extended.extras, **_beyond(entry, experiment)}, extended.repeat
                )
                unmatched = [other for other in unmatched if other is not entry]
        yield extended
    for entry in unmatched:
        yield _alone(entry, experiment)


def shown_axes(experiment: Experiment) -> tuple[Axis, ...]:
    """Return the axes with the values that only `include` names appended: what a page needs to place every cell."""
    extra = [_alone(entry, experiment).points for entry in experiment.include]
    return tuple(
        _extended(axis, (points[axis.name] for points in extra if axis.name in points)) for axis in experiment.axes
    )


def _extended(axis: Axis, points: Iterable[Point]) -> Axis:
    known = {point.label for point in axis.points}
    added = {point.label: point for point in points if point.label not in known}
    return Axis(
        name=axis.name,
        points=(*axis.points, *added.values()),
        title=axis.title,
        description=axis.description,
        when=axis.when,
    )


def _product(experiment: Experiment) -> Iterator[Combination]:
    groups = _groups(experiment)
    axes = {axis.name: axis for axis in experiment.axes}
    for indices in product(*(range(len(group[0].points)) for group in groups)):
        index = {axis.name: place for group, place in zip(groups, indices, strict=True) for axis in group}
        points = {name: axes[name].points[index[name]] for name in axes}
        applying = _applying(experiment, points)
        if all(_first_of_collapsed(group, applying, index) for group in groups):
            yield Combination(applying, {}, _repeat(axes, applying, index))


def _groups(experiment: Experiment) -> list[tuple[Axis, ...]]:
    partners = {name: group for group in experiment.zips for name in group}
    by_name = {axis.name: axis for axis in experiment.axes}
    groups: list[tuple[Axis, ...]] = []
    placed: set[str] = set()
    for axis in experiment.axes:
        if axis.name not in placed:
            names = partners.get(axis.name, (axis.name,))
            groups.append(tuple(by_name[name] for name in names))
            placed.update(names)
    return groups


def _applying(experiment: Experiment, points: Mapping[str, Point]) -> dict[str, Point]:
    settings = _settings(experiment, points)
    return {
        axis.name: points[axis.name] for axis in experiment.axes if not axis.when or holds(axis.when, points, settings)
    }


def _first_of_collapsed(group: tuple[Axis, ...], applying: Mapping[str, Point], index: Mapping[str, int]) -> bool:
    """Keep one combination of those that differ only in axes which do not apply."""
    return any(axis.name in applying for axis in group) or index[group[0].name] == 0


def _settings(experiment: Experiment, points: Mapping[str, Point]) -> dict[str, object]:
    settings: dict[str, object] = dict(experiment.parameters)
    for point in points.values():
        settings.update(point.set)
    return {name: value.source if isinstance(value, Template) else value for name, value in settings.items()}


def _repeat(axes: Mapping[str, Axis], applying: Mapping[str, Point], index: Mapping[str, int]) -> int:
    """Count the points before this one that also leave the seed to the server, so that repetitions stay apart."""
    for name, point in applying.items():
        if "seed" in point.set and point.set["seed"] is None:
            return sum("seed" in other.set and other.set["seed"] is None for other in axes[name].points[: index[name]])
    return 0


def _agrees(entry: Mapping[str, Value], combination: Combination, experiment: Experiment) -> bool:
    names = {axis.name for axis in experiment.axes}
    return all(
        name in combination.points and value in (scalar(name, combination.points[name]), combination.points[name].label)
        for name, value in entry.items()
        if name in names
    )


def _beyond(entry: Mapping[str, Value], experiment: Experiment) -> dict[str, Value]:
    names = {axis.name for axis in experiment.axes}
    return {name: value for name, value in entry.items() if name not in names}


def _alone(entry: Mapping[str, Value], experiment: Experiment) -> Combination:
    points = {axis.name: _point(axis, entry[axis.name]) for axis in experiment.axes if axis.name in entry}
    return Combination(points, _beyond(entry, experiment))


def _point(axis: Axis, value: Value) -> Point:
    if (known := find(axis, value)) is not None:
        return known
    label = "null" if value is None else str(value)
    example = axis.points[0]
    if example.loras and isinstance(value, int | float):
        return Point(label=label, loras=dict.fromkeys(example.loras, value))
    if axis.name in example.variables:
        return Point(label=label, variables={axis.name: label})
    return Point(label=label, set={axis.name: value})
