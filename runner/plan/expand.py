"""Axes become combinations: the product, zipped axes in lockstep, `when`, `exclude` and `include`.

`include` means what it means in a GitHub Actions matrix: an entry is added to each combination that is left after
`exclude`, unless it would change what an axis says there; what an earlier entry added it may change. An entry that can
be added to none of them becomes a combination of its own, with its own keys alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import product

from runner.errors import InputError
from runner.nouns import Axis, Experiment, Point, Value
from runner.plan.rules import candidates, find, holds
from runner.schema import endpoint_schema


@dataclass(frozen=True, slots=True)
class Combination:
    """One point of each axis that applies.

    Attributes:
        points: by axis name, in the order of the file.
        extras: parameters or variables that `include` entries add.
        repeat: which repetition this is, for axes whose points leave the seed to the server.
    """

    points: Mapping[str, Point]
    extras: Mapping[str, Value] = field(default_factory=dict)
    repeat: int = 0

    @property
    def coordinates(self) -> dict[str, str]:
        """Label by axis name."""
        return {name: point.label for name, point in self.points.items()}


def combinations(experiment: Experiment) -> Iterator[Combination | None]:
    """Yield the combinations in plan order (the last axis varies fastest); None in place of each excluded one.

    Raises:
        InputError: the axes contradict each other.
    """
    grid = _Grid(experiment)
    unmatched = dict(enumerate(experiment.include))
    for points in grid.product():
        if any(holds(rule, points, grid.base) for rule in experiment.exclude):
            yield None
            continue
        extras: dict[str, Value] = {}
        for number, entry in enumerate(experiment.include):
            if _agrees(entry, points, grid.axes):
                extras.update(_beyond(entry, grid.axes))
                unmatched.pop(number, None)
        yield Combination(points, extras, grid.repeat(points))
    for entry in unmatched.values():
        points = _named(entry, grid.axes)
        yield Combination(points, _beyond(entry, grid.axes), grid.repeat(points))


def shown_axes(experiment: Experiment) -> tuple[Axis, ...]:
    """Return the axes with the values that only `include` names appended: what a page needs to place every cell."""
    axes = {axis.name: axis for axis in experiment.axes}
    named = [_named(entry, axes) for entry in experiment.include]
    return tuple(
        _extended(axis, (points[axis.name] for points in named if axis.name in points)) for axis in experiment.axes
    )


class _Grid:
    """An experiment's axes, checked and made ready to be combined.

    Attributes:
        axes: by name, in the order of the file.
        base: what holds where no point says otherwise.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.axes = _by_name(experiment.axes)
        self.base = {**endpoint_schema(experiment.endpoint).defaults, **experiment.parameters}
        self._groups = _grouped(self.axes, experiment.zips)
        self._conditional = _in_order_of_dependence(self.axes)
        self._repeats = {
            (axis.name, point.label): number
            for axis in experiment.axes
            for number, point in enumerate(point for point in axis.points if point.set.get("seed", 0) is None)
        }

    def product(self) -> Iterator[dict[str, Point]]:
        """Yield the points of each combination, by axis name; axes that do not apply are absent."""
        group_of = {name: number for number, names in enumerate(self._groups) for name in names}
        columns = [(axis.name, axis.points, group_of[axis.name]) for axis in self.axes.values()]
        for indices in product(*(range(len(self.axes[names[0]].points)) for names in self._groups)):
            points = {name: choices[indices[group]] for name, choices, group in columns}
            if self._conditional:
                points = self._applying(points)
                if not self._stands_for_its_like(points, indices):
                    continue
            yield points

    def repeat(self, points: Mapping[str, Point]) -> int:
        """Count the points of an axis before this one that also leave the seed to the server."""
        if not self._repeats:
            return 0
        return next(
            (self._repeats[key] for name, point in points.items() if (key := (name, point.label)) in self._repeats), 0
        )

    def _applying(self, points: dict[str, Point]) -> dict[str, Point]:
        """Leave out the axes whose `when` does not hold. An axis that does not apply says nothing to the others."""
        hidden = {axis.name for axis in self._conditional}
        for axis in self._conditional:
            visible = {name: point for name, point in points.items() if name not in hidden}
            if holds(axis.when, visible, self.base):
                hidden.remove(axis.name)
        return {name: point for name, point in points.items() if name not in hidden}

    def _stands_for_its_like(self, points: Mapping[str, Point], indices: Sequence[int]) -> bool:
        """Keep the first of the combinations that differ only in axes which do not apply."""
        return all(
            index == 0 or any(name in points for name in names)
            for names, index in zip(self._groups, indices, strict=True)
        )


def _by_name(axes: Iterable[Axis]) -> dict[str, Axis]:
    found: dict[str, Axis] = {}
    for axis in axes:
        labels = {point.label for point in axis.points}
        if axis.name in found:
            raise InputError(f"axes: two axes have the name {axis.name!r}; rename one")
        if not axis.points:
            raise InputError(f"axes.{axis.name}: an axis without points makes no cells; add one, or leave the axis out")
        if len(labels) < len(axis.points):
            raise InputError(f"axes.{axis.name}: two points have the same label; labels tell points apart")
        found[axis.name] = axis
    return found


def _grouped(axes: Mapping[str, Axis], zips: Iterable[Sequence[str]]) -> list[Sequence[str]]:
    """Return the axes' names in groups that advance together, in the order of the file."""
    partners: dict[str, Sequence[str]] = {}
    for names in zips:
        for name in names:
            if name not in axes or name in partners:
                problem = "no axis has that name" if name not in axes else "the axis is in a group already"
                raise InputError(f"zip: {name!r}: {problem}; a group names axes, and an axis is in one group")
            partners[name] = names
        if len({len(axes[name].points) for name in names}) > 1:
            counts = ", ".join(f"{name} has {len(axes[name].points)}" for name in names)
            raise InputError(f"zip: axes in lockstep need equally many points; {counts}")
    return list(dict.fromkeys(tuple(partners.get(name, (name,))) for name in axes))


def _in_order_of_dependence(axes: Mapping[str, Axis]) -> list[Axis]:
    """Return the axes that have a `when`, each behind those that its rule speaks of."""
    depends = {axis.name: {name for rule in axis.when for name in _setting(rule, axes)} for axis in axes.values()}
    try:
        return [axes[name] for name in TopologicalSorter(depends).static_order() if axes[name].when]
    except CycleError as error:
        circle = " needs ".join(reversed(error.args[1]))
        raise InputError(
            f"axes: whether an axis applies cannot depend on itself, and {circle}; change one of these `when` rules"
        ) from error


def _setting(name: str, axes: Mapping[str, Axis]) -> set[str]:
    """Return the axes that decide what a name stands for."""
    if name in axes:
        return {name}
    return {
        axis.name
        for axis in axes.values()
        if any(name in point.set or name in point.variables for point in axis.points)
    }


def _agrees(entry: Mapping[str, Value], points: Mapping[str, Point], axes: Mapping[str, Axis]) -> bool:
    """Return whether an entry changes nothing that an axis says in a combination."""
    for name, value in entry.items():
        said = candidates(name, points, {})
        if (said or name in axes) and value not in said:
            return False
    return True


def _beyond(entry: Mapping[str, Value], axes: Mapping[str, Axis]) -> dict[str, Value]:
    return {name: value for name, value in entry.items() if name not in axes}


def _named(entry: Mapping[str, Value], axes: Mapping[str, Axis]) -> dict[str, Point]:
    return {name: _point(axis, entry[name]) for name, axis in axes.items() if name in entry}


def _point(axis: Axis, value: Value) -> Point:
    """Return the point that an entry's value names, or a new one that does what the axis's own points do."""
    if (known := find(axis, value)) is not None:
        return known
    label = "null" if value is None else str(value)
    loras = {name for point in axis.points for name in point.loras}
    if len(loras) == 1 and isinstance(value, int | float):
        return Point(label=label, loras=dict.fromkeys(loras, value))
    if any(axis.name in point.variables for point in axis.points):
        return Point(label=label, variables={axis.name: label})
    return Point(label=label, set={axis.name: value})


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
