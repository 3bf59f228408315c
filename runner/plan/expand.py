"""Axes become combinations: the product, zipped axes in lockstep, `when`, `exclude` and `include`.

`include` means what it means in a GitHub Actions matrix: an entry is added to each combination that is left after
`exclude`, unless it would change what an axis says there; what an earlier entry added it may change. An entry that can
be added to none of them becomes a combination of its own, with its own keys alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import chain, product
from typing import TypeAlias

from runner.errors import InputError
from runner.nouns import Axis, Experiment, Point, Value
from runner.plan.rules import candidates, find, holds
from runner.schema import endpoint_schema

Place: TypeAlias = tuple[int, ...]
"""Where a combination stands: which point of each group of axes that advance together, in the order of the file."""

FARTHEST = 300_000
"""Combinations that are looked at to see whether an entry of `include` fits one."""


@dataclass(frozen=True, slots=True)
class Combination:
    """One point of each axis that applies.

    Attributes:
        points: by axis name, in the order of the file.
        extras: parameters or variables that `include` entries add.
        repeat: which repetition this is, for axes whose points leave the seed to the server.
        place: where it stands on the grid; for an entry of `include` that stands alone, its number.
    """

    points: Mapping[str, Point]
    extras: Mapping[str, Value] = field(default_factory=dict)
    repeat: int = 0
    place: Place | int = field(default=(), compare=False)

    @property
    def coordinates(self) -> dict[str, str]:
        """Label by axis name."""
        return {name: point.label for name, point in self.points.items()}


def combinations(experiment: Experiment, places: Iterable[Place] | None = None) -> Iterator[Combination | None]:
    """Yield the combinations in plan order (the last axis varies fastest); None in place of each excluded one.

    Args:
        experiment: what the file says.
        places: which combinations to yield and in which order, before the entries of `include` that stand alone; None
            for all in plan order.

    Raises:
        InputError: the axes contradict each other.
    """
    grid = Grid(experiment)
    for place in grid.places() if places is None else places:
        points = grid.points(place)
        if grid.is_home(place, points):
            yield grid.combine(place, points)
    yield from grid.alone()


def shown_axes(experiment: Experiment) -> tuple[Axis, ...]:
    """Return the axes with the values that only `include` names appended: what a page needs to place every cell."""
    axes = {axis.name: axis for axis in experiment.axes}
    named = [_named(entry, axes) for entry in experiment.include]
    return tuple(
        _extended(axis, (points[axis.name] for points in named if axis.name in points)) for axis in experiment.axes
    )


class Grid:
    """An experiment's axes, checked and made ready to be combined. Any combination can be had by its place.

    Attributes:
        axes: by name, in the order of the file.
        base: what holds where no point says otherwise.
        groups: names of the axes that advance together.
        sizes: points of each group.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.axes = _by_name(experiment.axes)
        self.base = {**endpoint_schema(experiment.endpoint).defaults, **experiment.parameters}
        self.groups = _grouped(self.axes, experiment.zips)
        self.sizes = tuple(len(self.axes[names[0]].points) for names in self.groups)
        self._exclude, self._include = experiment.exclude, experiment.include
        group_of = {name: number for number, names in enumerate(self.groups) for name in names}
        self._columns = [(axis.name, axis.points, group_of[axis.name]) for axis in self.axes.values()]
        self._conditional = _in_order_of_dependence(self.axes)
        self._repeats = {
            (axis.name, point.label): number
            for axis in experiment.axes
            for number, point in enumerate(point for point in axis.points if point.set.get("seed", 0) is None)
        }

    def places(self) -> Iterator[Place]:
        """Yield every place, the last group varying fastest."""
        return product(*map(range, self.sizes))

    def points(self, place: Place) -> dict[str, Point]:
        """Return the points at a place, by axis name; axes that do not apply are absent."""
        points = {name: choices[place[group]] for name, choices, group in self._columns}
        return self._applying(points) if self._conditional else points

    def home(self, place: Place) -> Place:
        """Return the first of the places that differ only in axes which do not apply."""
        if not self._conditional:
            return place
        points = self.points(place)
        return tuple(
            index if any(name in points for name in names) else 0
            for names, index in zip(self.groups, place, strict=True)
        )

    def is_home(self, place: Place, points: Mapping[str, Point]) -> bool:
        """Return whether a place, whose points are given, is the first of those that mean the same."""
        return not self._conditional or all(
            index == 0 or any(name in points for name in names) for names, index in zip(self.groups, place, strict=True)
        )

    def combine(self, place: Place, points: Mapping[str, Point]) -> Combination | None:
        """Return the points at a place with what `include` adds to them; None where `exclude` leaves them out."""
        return None if self._excluded(points) else self.extend(place, points)

    def extend(self, place: Place, points: Mapping[str, Point]) -> Combination:
        """Return the points at a place with what `include` adds to them, whether or not `exclude` leaves them out."""
        extras: dict[str, Value] = {}
        for entry in self._include:
            if _agrees(entry, points, self.axes):
                extras.update(_beyond(entry, self.axes))
        return Combination(points, extras, self.repeat(points), place)

    def alone(self) -> Iterator[Combination]:
        """Yield the entries of `include` that can be added to no combination: each is one of its own.

        Raises:
            InputError: too many combinations are excluded to tell.
        """
        for number, entry in enumerate(self._include):
            if not self._fits_somewhere(number, entry):
                points = _named(entry, self.axes)
                yield Combination(points, _beyond(entry, self.axes), self.repeat(points), number)

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

    def _excluded(self, points: Mapping[str, Point]) -> bool:
        return any(holds(rule, points, self.base) for rule in self._exclude)

    def _fits_somewhere(self, number: int, entry: Mapping[str, Value]) -> bool:
        """Return whether an entry can be added to a combination that is left after `exclude`.

        Only the groups that the entry or a rule speaks of make a difference; the others stand still.
        """
        rules = [*self._exclude, *(axis.when for axis in self._conditional)]
        deciding = {axis for name in {*entry, *chain(*rules)} for axis in _setting(name, self.axes)}
        choices = [self._agreeing(names, entry) if deciding.intersection(names) else range(1) for names in self.groups]
        for seen, place in enumerate(product(*choices)):
            points = self.points(place)
            if _agrees(entry, points, self.axes) and not self._excluded(points):
                return True
            if seen >= FARTHEST:
                raise InputError(
                    f"include.{number}: it fits none of the first {FARTHEST:,} combinations, and whether it fits "
                    "another would take too long to say; name in it a value of each axis that `exclude` or `when` names"
                )
        return False

    def _agreeing(self, names: Sequence[str], entry: Mapping[str, Value]) -> list[int]:
        """Return which points of a group an entry allows, as far as that depends on no other group."""
        own = [
            (name, value, axis)
            for name, value in entry.items()
            for axis in names
            if _setting(name, self.axes) == {axis}
        ]
        return [
            index
            for index in range(len(self.axes[names[0]].points))
            if all(self._allows(name, value, axis, index) for name, value, axis in own)
        ]

    def _allows(self, name: str, value: Value, axis: str, index: int) -> bool:
        said = candidates(name, {axis: self.axes[axis].points[index]}, {})
        return value in said or not said


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
