"""What refers to axes by name: `exclude`, `include`, `when`, `zip`, and where the report puts each axis.

A value that a rule names is spelled as its axis spells it. One that no point has is a mistake where rule and axis stand in
the same file; an axis that another file or `--set` narrowed may well have lost it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from runner.canon import number
from runner.document.axes import Axes, ReadAxis
from runner.document.complaints import AlreadyTold, Complaints, Mistake, closest
from runner.document.parameters import Base
from runner.document.templates import is_template
from runner.document.tree import Fields, Items, Node, Scalar, Spot, is_null
from runner.document.values import Values
from runner.nouns import Axis, Criterion, Layout, Rule, Template, Value
from runner.plan.rules import find, meets, scalar
from runner.schema import LISTS

PLACES = ("x", "y", "columns", "rows")


@dataclass(frozen=True, slots=True)
class References:
    """Reads what refers to axes and parameters.

    Attributes:
        axes: what there is to refer to.
        base: the parameters of every cell.
        values: spells and checks.
        complaints: where mistakes go.
    """

    axes: Axes
    base: Base
    values: Values
    complaints: Complaints

    def rules(self, node: Node | None) -> tuple[Rule, ...]:
        """Return the rules of a list."""
        return tuple(self.rule(item) for item in _items(node))

    def rule(self, node: Node | None, subject: ReadAxis | None = None) -> Rule:
        """Return one rule; `subject` is the axis whose `when` it is, to which it may not refer."""
        criteria: dict[str, Criterion] = {}
        if not isinstance(node, Fields):
            return criteria
        for name, item in node.fields.items():
            with self.complaints.collecting():
                self._check_name(name, node.keys[name])
                if subject is not None and self._sets_alone(subject, name):
                    raise Mistake(node.keys[name], "an axis cannot depend on itself; name another axis or a parameter")
                criteria[name] = self._criterion(name, item)
        return criteria

    def combinations(self, node: Node | None) -> tuple[Mapping[str, Value], ...]:
        """Return the entries of `include`."""
        return tuple(self._combination(item) for item in _items(node) if isinstance(item, Fields))

    def zips(self, node: Node | None) -> tuple[tuple[str, ...], ...]:
        """Return the groups of axes that advance in lockstep."""
        placed: dict[str, Spot] = {}
        return tuple(self._group(group, placed) for group in _items(node) if isinstance(group, Items))

    def layout(self, node: Node | None) -> Layout:
        """Return where the report puts each axis."""
        if not isinstance(node, Fields):
            return Layout()
        places: dict[str, str] = {}
        for place in PLACES:
            with self.complaints.collecting():
                self._place(place, node.fields.get(place), places)
        return Layout(**places, baseline=self._baseline(node.fields.get("baseline")))

    def _check_name(self, name: str, spot: Spot, *others: str) -> None:
        if name in self.axes.by_name or name in self.values.schema.properties or name in others:
            return
        if not self.axes.whole:
            raise AlreadyTold
        meant = closest(name, [*self.axes.by_name, *self.values.schema.properties, *others])
        axes = ", ".join(axis.axis.name for axis in self.axes.read) or "none"
        advice = f"did you mean {meant!r}?" if meant else f"the axes are {axes}"
        raise Mistake(spot, f"{name!r} is neither an axis nor a parameter of {self.values.schema.name}; {advice}")

    def _sets_alone(self, subject: ReadAxis, name: str) -> bool:
        if self.axes.by_name.get(name) is subject:
            return True
        others = [axis for axis in self.axes.read if axis is not subject]
        return (
            name in (subject.sets or ())
            and name not in self.axes.by_name
            and name not in self.base.names
            and not any(axis.sets is None or name in axis.sets for axis in others)
        )

    def _criterion(self, name: str, node: Node) -> Criterion:
        if not isinstance(node, Fields):
            return Criterion(anyof=self._named(name, node))
        noneof = self._named(name, node.fields["not"]) if "not" in node.fields else ()
        bounds = {key: _bound(item) for key, item in node.fields.items() if key != "not"}
        criterion = Criterion(
            above=bounds.get("above"), below=bounds.get("below"), at_least=bounds.get("from"), at_most=bounds.get("to")
        )
        if bounds:
            self._check_reach(name, criterion, node)
        return replace(criterion, noneof=noneof)

    def _named(self, name: str, node: Node) -> tuple[Value, ...]:
        """Return the values that a criterion names, each complained of by itself."""
        found: list[Value] = []
        items = node.items if isinstance(node, Items) else (node,)
        for item in items:
            with self.complaints.collecting():
                found.append(self._value(name, item))
        if len(found) < len(items):
            raise AlreadyTold
        return tuple(found)

    def _value(self, name: str, node: Node) -> Value:
        if not isinstance(node, Scalar):
            raise AlreadyTold
        axis = self.axes.by_name.get(name)
        if axis is None:
            return self._parameter_value(name, node)
        value = self._on_axis(name, axis, node)
        if find(axis.axis, value) is not None or node.spot.source != axis.source:
            return value
        if not axis.whole:
            raise AlreadyTold
        raise Mistake(node.spot, f"no point of {name} is {node.text or 'null'}{_points(node.text, axis.axis)}")

    def _on_axis(self, name: str, axis: ReadAxis, node: Scalar) -> Value:
        """Return what a scalar names on an axis: a value in its canonical spelling, or a label."""
        for candidate in (self._spelled(name, node), node.text):
            point = find(axis.axis, candidate)
            if point is not None:
                named = scalar(axis.axis.name, point)
                return point.label if isinstance(named, Template) or named != candidate else candidate
        return self._spelled(name, node)

    def _spelled(self, name: str, node: Scalar) -> Value:
        if name in self.values.schema.properties and not self.values.is_image(name):
            return self.values.schema.spell(name, node.value)
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            return node.text
        return number(node.value)

    def _parameter_value(self, name: str, node: Scalar) -> Value:
        value = self.values.checked(name, node.value, node.spot)
        possible = self._possible(name, node)
        if possible is not None and value not in possible:
            listed = ", ".join(sorted(str(option) for option in possible))
            advice = f"it is {listed} here" if listed else f"nothing sets {name} here, write it under parameters"
            raise Mistake(node.spot, f"no cell has {name} {node.text}; {advice}")
        return value

    def _possible(self, name: str, node: Node) -> set[object] | None:
        """Return every value that a parameter without an axis of its name can have; None when that is unknown."""
        axes = [axis for axis in self.axes.read if axis.sets is None or name in axis.sets]
        foreign = any(axis.source != node.spot.source for axis in axes)
        known = self.axes.whole and self.base.whole and all(axis.whole for axis in axes)
        if not known or foreign or name in LISTS or name in self.base.names - self.base.values.keys():
            return None
        found: set[object] = {point.set[name] for axis in axes for point in axis.axis.points if name in point.set}
        if name in self.base.values:
            found.add(self.base.values[name])
        return None if any(isinstance(value, Template) for value in found) else found

    def _check_reach(self, name: str, criterion: Criterion, node: Node) -> None:
        """Complain of bounds that no point of an axis meets: such a rule does nothing."""
        axis = self.axes.by_name.get(name)
        if axis is None or not axis.whole or axis.source != node.spot.source:
            return
        if not any(meets(criterion, (scalar(axis.axis.name, point),)) for point in axis.axis.points):
            raise Mistake(node.spot, f"no point of {name} is within these bounds{_points('', axis.axis)}")

    def _combination(self, node: Fields) -> Mapping[str, Value]:
        entry: dict[str, Value] = {}
        for name, item in node.fields.items():
            with self.complaints.collecting():
                self._check_name(name, node.keys[name], *self.values.usage.names)
                entry[name] = self._included(name, item)
        return entry

    def _included(self, name: str, node: Node) -> Value:
        if not isinstance(node, Scalar):
            raise AlreadyTold
        if is_template(node.value):
            raise Mistake(node.spot, "a value that is included is text and is not filled; write it out")
        axis = self.axes.by_name.get(name)
        if axis is not None:
            value = self._on_axis(name, axis, node)
            if find(axis.axis, value) is not None:
                return value
        if name in self.values.schema.properties:
            return self.values.checked(name, node.value, node.spot)
        if axis is None or _is_variable(axis):
            return self.values.variable(name, node)
        return self._new_strength(name, axis, node)

    def _new_strength(self, name: str, axis: ReadAxis, node: Scalar) -> Value:
        value = self._spelled(name, node)
        loras = {lora for point in axis.axis.points for lora in point.loras}
        if len(loras) == 1 and isinstance(value, int | float) and (value == 0 or 0.1 <= value <= 1):
            return value
        if not axis.whole:
            raise AlreadyTold
        raise Mistake(node.spot, f"no point of {name} is {node.text or 'null'}{_points(node.text, axis.axis)}")

    def _group(self, node: Items, placed: dict[str, Spot]) -> tuple[str, ...]:
        names: list[str] = []
        for item in node.items:
            with self.complaints.collecting():
                names.append(self._zipped(item, placed))
        with self.complaints.collecting():
            self._check_lengths(names, node)
        return tuple(names)

    def _zipped(self, node: Node, placed: dict[str, Spot]) -> str:
        axis = self._axis(node)
        name = axis.axis.name
        if name in placed:
            raise Mistake(node.spot, f"{name} is zipped already; an axis advances with one group")
        placed[name] = node.spot
        return name

    def _check_lengths(self, names: list[str], node: Items) -> None:
        axes = [self.axes.by_name[name] for name in names]
        lengths = {axis.axis.name: len(axis.axis.points) for axis in axes if axis.whole}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise Mistake(node.spot, f"zipped axes advance together and need as many points as each other; {said}")

    def _axis(self, node: Node) -> ReadAxis:
        """Return the axis that a text names.

        Raises:
            Mistake: there is none; AlreadyTold: that cannot be known.
        """
        if not isinstance(node, Scalar) or not self.axes.whole:
            raise AlreadyTold
        if node.text in self.axes.by_name:
            return self.axes.by_name[node.text]
        known = [axis.axis.name for axis in self.axes.read]
        meant = closest(node.text, known)
        advice = f"did you mean {meant!r}?" if meant else f"the axes are {', '.join(known) or 'none'}"
        raise Mistake(node.spot, f"{node.text!r} is no axis; {advice}")

    def _place(self, place: str, node: Node | None, places: dict[str, str]) -> None:
        if node is None or is_null(node):
            return
        name = self._axis(node).axis.name
        if name in places.values():
            other = next(key for key, value in places.items() if value == name)
            raise Mistake(node.spot, f"{name} is in report.{other} already; an axis stands in one place")
        places[place] = name

    def _baseline(self, node: Node | None) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, item in node.fields.items() if isinstance(node, Fields) else ():
            with self.complaints.collecting():
                axis = self._axis(Scalar(node.keys[name], name, name))  # type: ignore[union-attr]  # only Fields has items here
                point = find(axis.axis, self._value(name, item))
                if point is not None:
                    found[axis.axis.name] = point.label
        return found


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Items) else ()


def _bound(node: Node) -> float:
    if not isinstance(node, Scalar) or not isinstance(node.value, int | float):
        raise AlreadyTold
    return number(node.value)


def _is_variable(axis: ReadAxis) -> bool:
    return any(axis.axis.name in point.variables for point in axis.axis.points)


def _points(text: str, axis: Axis) -> str:
    labels = [point.label for point in axis.points]
    meant = closest(text, labels) if text else None
    if meant:
        return f"; did you mean {meant!r}?"
    listed = ", ".join(labels[:12])
    return f"; it has {listed}{', …' if len(labels) > 12 else ''}"
