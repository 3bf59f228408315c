"""The axes of a document: their names, their points, and that no two of them set the same thing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from runner.document.complaints import Complaints, Mistake
from runner.document.forms import drafts
from runner.document.points import Draft, PointReader, distinct
from runner.document.tree import Fields, Items, Node, Scalar, Source, Spot, Unreadable
from runner.document.values import Values
from runner.nouns import Axis

RESERVED = frozenset(
    {
        "cell",
        "outcome",
        "reason",
        "sample",
        "image",
        "thumbnail",
        "sha256",
        "seconds",
        "attempts",
        "reused_from",
        "state",
    }
)
"""Columns of every table; an axis becomes a column too."""

LONGEST_NAME = 64
"""Characters of an axis's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAxis:
    """An axis, and what later stages need to know of where it came from.

    Attributes:
        axis: without its `when`, which needs the other axes.
        key: the place of its name.
        source: the file that says its points.
        sets: parameters and variables that it is meant to set; None when that cannot be known.
        whole: whether every point could be read.
        when: the rule as written.
    """

    axis: Axis
    key: Spot
    source: Source
    sets: frozenset[str] | None
    whole: bool
    when: Node | None = None


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of a document.

    Attributes:
        read: in the order of the file.
        by_name: by the name as written, and by the name that a misspelt one means.
        whole: whether all names are known.
    """

    read: tuple[ReadAxis, ...] = ()
    by_name: Mapping[str, ReadAxis] = field(default_factory=dict)
    whole: bool = True

    def may_set(self, name: str) -> bool:
        """Return whether some axis sets a parameter or variable, as far as can be known."""
        return not self.whole or any(axis.sets is None or name in axis.sets for axis in self.read)


def read_axes(node: Node | None, values: Values, complaints: Complaints) -> Axes:
    """Return the axes; what is wrong with one does not keep the others from being read."""
    if not isinstance(node, Fields):
        return Axes(whole=not isinstance(node, Unreadable))
    read: list[ReadAxis] = []
    by_name: dict[str, ReadAxis] = {}
    for name, item in node.fields.items():
        with complaints.collecting():
            _check_name(name, node.keys[name])
        reader = PointReader(node.keys[name], node.fields, values, complaints)
        axis = _read_axis(name, item, reader)
        read.append(axis)
        by_name.setdefault(reader.own, axis)
        by_name[name] = axis
    _check_overlaps(read, complaints)
    return Axes(tuple(read), by_name)


def _check_name(name: str, spot: Spot) -> None:
    if not name.replace("-", "_").isidentifier() or name.startswith("-") or len(name) > LONGEST_NAME:
        raise Mistake(
            spot, f"{name[:LONGEST_NAME]!r} cannot be an axis's name; write letters, digits, _ and -, a letter first"
        )
    if name in RESERVED:
        raise Mistake(spot, f"{name!r} is a column of every table; give the axis another name")


def _read_axis(name: str, node: Node, reader: PointReader) -> ReadAxis:
    fields = node.fields if isinstance(node, Fields) else {}
    found: list[Draft | None] = [None]
    with reader.complaints.collecting():
        found = drafts(node, reader)
    read = [draft for draft in found if draft is not None]
    with reader.complaints.collecting():
        _check_own(name, read, reader)
    points = tuple(draft.point for draft in read) if "random" in fields else distinct(read, reader.complaints)
    return ReadAxis(
        axis=Axis(name=name, points=points, title=_words(fields, "title"), description=_words(fields, "description")),
        key=reader.axis,
        source=node.spot.source,
        sets=_sets(node, found, reader),
        whole=len(points) == len(found),
        when=fields.get("when"),
    )


def _check_own(name: str, read: list[Draft], reader: PointReader) -> None:
    """An axis with a parameter's name sets that parameter, so that rules and columns of that name mean one thing."""
    if name not in reader.values.schema.properties:
        return
    for draft in read:
        if name not in draft.point.set:
            raise Mistake(
                reader.axis,
                f"the axis has the name of a parameter that {draft.point.label!r} does not set; rename the axis",
            )


def _sets(node: Node, found: list[Draft | None], reader: PointReader) -> frozenset[str] | None:
    parts = node.items if isinstance(node, Items) else (node,)
    hidden = any(isinstance(part, Unreadable) for part in parts) or found == [None]
    if not hidden:
        return frozenset(reader.names)
    return frozenset({*reader.names, reader.own}) if reader.values.kind(reader.own) else None


def _words(fields: Mapping[str, Node], key: str) -> str:
    found = fields.get(key)
    return found.text if isinstance(found, Scalar) and found.value is not None else ""


def _check_overlaps(read: list[ReadAxis], complaints: Complaints) -> None:
    """Complain of two axes that set the same thing: the later would win, and the labels of the other would lie."""
    owners: dict[str, ReadAxis] = {}
    for axis in read:
        for name in sorted(_said(axis)):
            owner = owners.setdefault(name, axis)
            if owner is not axis and axis.when is None and owner.when is None:
                complaints.add(
                    axis.key,
                    f"{name} is set by axes.{owner.axis.name} too; let one axis set it, or give them `when` rules",
                )


def _said(axis: ReadAxis) -> Iterator[str]:
    yield from axis.sets or ()
    yield from {f"the strength of the LoRA {name}" for point in axis.axis.points for name in point.loras}
