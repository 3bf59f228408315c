"""The points of one axis: what each sets, and what it is called."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from runner.canon import number
from runner.document.complaints import AlreadyTold, Complaints, Mistake
from runner.document.templates import is_template
from runner.document.tree import Fields, Node, Scalar, Spot, Unreadable
from runner.document.values import Kind, Values
from runner.nouns import Point, Template, Value

LONGEST_LABEL = 60
"""Characters of a label that is made of a value; a label that is given may be longer."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A point and where it is written.

    Attributes:
        point: its label is made of its value where none is given.
        spot: the point's place.
        label: the place of a label that is given.
    """

    point: Point
    spot: Spot
    label: Spot | None = None


class PointReader:
    """Reads the points of one axis.

    Attributes:
        axis: the place of its name.
        own: what the axis sets by its name: a parameter or a variable; for a misspelt name the one that is meant.
        names: every parameter and variable that the points set, whether or not a value fits.
    """

    def __init__(self, axis: Spot, taken: Iterable[str], values: Values, complaints: Complaints) -> None:
        self.values = values
        self.complaints = complaints
        self.names: set[str] = set()
        self.axis = axis
        self._misspelt = values.kind(axis.path[-1]) is None
        known = [*values.usage.names, *values.schema.properties]
        meant = values.meant(axis.path[-1], set(known) - set(taken))
        self.own = meant if self._misspelt and meant else axis.path[-1]

    def own_kind(self) -> Kind:
        """Return what the axis's name stands for.

        Raises:
            AlreadyTold: neither a parameter nor a variable.
        """
        if self._misspelt:
            self.complaints.add(self.axis, self.values.unused(self.axis.path[-1]))
        self.names.add(self.own)
        kind = self.values.kind(self.own)
        if kind is None:
            raise AlreadyTold
        return kind

    def read(self, node: Node) -> Draft:
        """Return the point that a list's item says: a value, or a mapping.

        Raises:
            Mistake, AlreadyTold: it cannot be one.
        """
        if not isinstance(node, Fields):
            return Draft(self._valued(node), node.spot)
        label, description = node.fields.get("label"), node.fields.get("description")
        point = self._valued(node.fields["value"]) if "value" in node.fields else self._composed(node)
        point = replace(point, description=text_of(description))
        if label is None:
            return Draft(point, node.spot)
        words = " ".join(text_of(label).split())
        if not words:
            raise Mistake(label.spot, "a label of blanks names nothing; write a word, or leave label out")
        return Draft(replace(point, label=words), node.spot, label.spot)

    def number(self, value: float, spot: Spot) -> Draft:
        """Return the point of a number that a range or a draw made.

        Raises:
            Mistake: the endpoint would refuse it.
        """
        if self.own_kind() == "variable":
            return Draft(Point(label=str(value), variables={self.own: str(value)}), spot)
        checked = self.values.checked(self.own, value, spot)
        return Draft(Point(label=str(checked), set={self.own: checked}), spot)

    def row(self, texts: Mapping[str, tuple[str, Spot]], spot: Spot, label: str) -> Draft:
        """Return the point that sets names to the texts of a data file, which are never templates.

        Args:
            texts: text and its place by parameter or variable.
            spot: the point's place.
            label: its label; empty where the texts are to make one.

        Raises:
            Mistake: the endpoint would refuse one.
        """
        settings: dict[str, Value | Template] = {}
        variables: dict[str, str] = {}
        said: dict[str, str] = {}
        for name, (text, place) in texts.items():
            if self.values.kind(name) == "parameter":
                settings[name] = self.values.checked(name, text, place)
                said[name] = text if self.values.is_image(name) else str(settings[name])
            else:
                said[name] = variables[name] = text
        named = label or _label(said, alone=len(said) == 1)
        return Draft(Point(label=named, set=settings, variables=variables), spot, spot if label else None)

    def lora(self, name: str, strength: float, spot: Spot) -> Point:
        """Return the point that gives a LoRA a strength.

        Raises:
            Mistake: the strength is neither 0 nor from 0.1 to 1.
        """
        if strength != 0 and not 0.1 <= strength <= 1:
            raise Mistake(
                spot, f"{strength} is no strength of a LoRA; write a number from 0.1 to 1, or 0 to leave the LoRA out"
            )
        return Point(label=str(strength), loras={name: strength})

    def _valued(self, node: Node) -> Point:
        if isinstance(node, Unreadable):
            raise AlreadyTold
        if self.own_kind() == "variable":
            text = self.values.variable(self.own, node)
            return Point(label=_label({self.own: text}, alone=True), variables={self.own: text})
        value = self.values.parameter(self.own, node)
        said = {self.own: _said(value, node, image=self.values.is_image(self.own))}
        return Point(label=_label(said, alone=True), set={self.own: value})

    def _composed(self, node: Fields) -> Point:
        settings, variables, said = self._settings(node.fields.get("set"))
        point = Point(label=_label(said), set=settings, variables=variables)
        if "lora" not in node.fields:
            return point
        name, strength = lora_name(node.fields["lora"]), node.fields["strength"]
        if not isinstance(strength, Scalar) or not isinstance(strength.value, int | float):
            raise AlreadyTold
        loras = self.lora(name, number(strength.value), strength.spot).loras
        beside = f", {point.label}" if said else ""
        return replace(point, label=f"{name} {loras[name]}{beside}", loras=loras)

    def _settings(self, node: Node | None) -> tuple[dict[str, Value | Template], dict[str, str], dict[str, str]]:
        """Return what a `set` mapping sets: parameters, variables, and all of it in words."""
        settings: dict[str, Value | Template] = {}
        variables: dict[str, str] = {}
        said: dict[str, str] = {}
        if node is None:
            return settings, variables, said
        if not isinstance(node, Fields):
            raise AlreadyTold
        for name, item in node.fields.items():
            with self.complaints.collecting():
                self.names.add(name)
                if self.values.kind(name) is None:
                    raise Mistake(node.keys[name], self.values.unused(name))
                if self.values.kind(name) == "parameter":
                    settings[name] = self.values.parameter(name, item)
                    said[name] = _said(settings[name], item, image=self.values.is_image(name))
                else:
                    said[name] = variables[name] = self.values.variable(name, item)
        if len(said) < len(node.fields):
            raise AlreadyTold
        return settings, variables, said


def lora_name(node: Node) -> str:
    """Return the name of one LoRA.

    Raises:
        Mistake: it is no name; AlreadyTold: it is unreadable.
    """
    name = text_of(node)
    if "," in name or name != name.strip() or not name or is_template(name):
        raise Mistake(node.spot, f"{name!r} is no name of one LoRA; write its name alone, without commas")
    return name


def text_of(node: Node | None) -> str:
    """Return a text, empty where there is none.

    Raises:
        AlreadyTold: the node is unreadable.
    """
    if isinstance(node, Unreadable):
        raise AlreadyTold
    return node.text if isinstance(node, Scalar) and node.value is not None else ""


def distinct(drafts: list[Draft], complaints: Complaints) -> tuple[Point, ...]:
    """Return the points with short labels; complain of two that are called, or that mean, the same."""
    shortened = [_short(draft) for draft in drafts]
    often = Counter(shortened)
    labels: dict[str, Draft] = {}
    contents: dict[object, Draft] = {}
    points: list[Point] = []
    for draft, short in zip(drafts, shortened, strict=True):
        point = replace(draft.point, label=short) if often[short] == 1 else draft.point
        content = tuple(frozenset(part.items()) for part in (point.set, point.loras, point.variables))
        if content in contents:
            complaints.add(draft.spot, f"this is the same as {_where(contents[content])}; keep one of them")
        elif point.label in labels:
            complaints.add(
                draft.label or draft.spot,
                f"the label {point.label!r} belongs to {_where(labels[point.label])}; write another label",
            )
        else:
            points.append(point)
        labels.setdefault(point.label, draft)
        contents.setdefault(content, draft)
    return tuple(points)


def _where(draft: Draft) -> str:
    place = ".".join(draft.spot.path)
    return f"{place} ({draft.point.label})" if place.endswith(tuple("0123456789")) else place


def _short(draft: Draft) -> str:
    label = draft.point.label
    return label if draft.label or len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def _said(value: Value | Template, node: Node, *, image: bool) -> str:
    if isinstance(value, Template):
        return value.source
    if image and isinstance(node, Scalar):
        return node.text
    return "null" if value is None else str(value)


def _label(said: dict[str, str], *, alone: bool = False) -> str:
    """Return the label of a point that has none: its one value, or every name with its value."""
    words = {name: " ".join(text.split()) or "(empty)" for name, text in said.items()}
    return next(iter(words.values())) if alone else ", ".join(f"{name}={text}" for name, text in words.items())
