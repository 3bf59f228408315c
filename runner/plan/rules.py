"""Whether a rule of the file (`exclude`, `when`, `--only`) holds for a combination of points."""

from collections.abc import Mapping

from runner.nouns import Axis, Criterion, Point, Rule, Template, Value


def holds(rule: Rule, points: Mapping[str, Point], base: Mapping[str, object]) -> bool:
    """Return whether every criterion of a rule holds.

    Args:
        rule: criteria by name of an axis, a parameter or a variable.
        points: the combination, by axis name; an axis that does not apply is absent.
        base: what holds where no point says otherwise: the file's parameters and the endpoint's defaults.
    """
    return all(meets(criterion, candidates(name, points, base)) for name, criterion in rule.items())


def candidates(name: str, points: Mapping[str, Point], base: Mapping[str, object]) -> tuple[object, ...]:
    """Return what a name stands for in a combination: a point's value and its label, or a parameter's value.

    Empty when the axis does not apply and no parameter or variable has the name.
    """
    if name in points:
        return (scalar(name, points[name]), points[name].label)
    for point in reversed([*points.values()]):  # the later axis wins, as it does in the request
        if name in point.set:
            return (point.set[name],)
        if name in point.variables:
            return (point.variables[name],)
    return (base[name],) if name in base else ()


def scalar(axis: str, point: Point) -> object:
    """Return the one value that a point stands for: its parameter, variable or LoRA strength, else its label."""
    if axis in point.set:
        return point.set[axis]
    if axis in point.variables:
        return point.variables[axis]
    if len(point.loras) == 1:
        return next(iter(point.loras.values()))
    return point.label


def meets(criterion: Criterion, found: tuple[object, ...]) -> bool:
    """Return whether any of the found spellings meets a criterion (for `noneof`: whether none of them is named)."""
    if criterion.noneof and any(_same(value, unwanted) for value in found for unwanted in criterion.noneof):
        return False
    if criterion.anyof and not any(_same(value, wanted) for value in found for wanted in criterion.anyof):
        return False
    return not _bounded(criterion) or any(_within(criterion, value) for value in found)


def find(axis: Axis, value: Value) -> Point | None:
    """Return the point of an axis that a rule's value or label names, or None."""
    for point in axis.points:
        if _same(scalar(axis.name, point), value) or point.label == value:
            return point
    return None


def _same(one: object, other: object) -> bool:
    if isinstance(one, Template):
        return one.source == other
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _bounded(criterion: Criterion) -> bool:
    return any(bound is not None for bound in (criterion.above, criterion.below, criterion.at_least, criterion.at_most))


def _within(criterion: Criterion, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (
        (criterion.above is None or value > criterion.above)
        and (criterion.below is None or value < criterion.below)
        and (criterion.at_least is None or value >= criterion.at_least)
        and (criterion.at_most is None or value <= criterion.at_most)
    )
