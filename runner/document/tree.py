"""A document as a tree whose nodes know where they were written, also after files were merged.

YAML text ── reading ──> tree ── merging ──> tree ── structure ──> tree ── building ──> Experiment
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Source:
    """Where text came from.

    Attributes:
        name: the file's name as complaints show it, or `--set`.
        folder: what relative paths in the text start from.
        lined: whether its places have lines and columns; a value from the command line has none.
    """

    name: str
    folder: Path
    lined: bool = True


@dataclass(frozen=True, slots=True)
class Spot:
    """One place: line and column, counted from 1, and the keys that lead there inside the document."""

    source: Source
    line: int = 0
    column: int = 0
    path: tuple[str, ...] = ()

    def inside(self, *keys: object) -> "Spot":
        """Return the same place with a longer path."""
        return replace(self, path=(*self.path, *map(str, keys)))


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value: text, a number, true, false or null.

    Attributes:
        value: what the text means.
        text: the text as written, without quotes: `7.50` where the value is 7.5.
    """

    spot: Spot
    value: str | int | float | bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    spot: Spot
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping; `keys` has the place of each key."""

    spot: Spot
    fields: Mapping[str, "Node"] = field(default_factory=dict)
    keys: Mapping[str, Spot] = field(default_factory=dict)

    def without(self, *names: str) -> "Fields":
        """Return the mapping without some keys."""
        kept = {key: node for key, node in self.fields.items() if key not in names}
        return Fields(self.spot, kept, {key: self.keys[key] for key in kept})

    def renamed(self, old: str, new: str) -> "Fields":
        """Return the mapping with one key spelled otherwise, in its old position."""
        names = {key: new if key == old else key for key in self.fields}
        return Fields(
            self.spot,
            {names[key]: node for key, node in self.fields.items()},
            {names[key]: spot for key, spot in self.keys.items()},
        )


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What a complaint has been made about already: later stages step around it."""

    spot: Spot


Node: TypeAlias = Scalar | Items | Fields | Unreadable


def plain(node: Node) -> Any:
    """Return a tree as Python's own dicts, lists and values; what is unreadable becomes None."""
    match node:
        case Scalar():
            return node.value
        case Items():
            return [plain(item) for item in node.items]
        case Fields():
            return {key: plain(item) for key, item in node.fields.items()}
        case Unreadable():
            return None


def replaced(node: Node, path: tuple[str | int, ...], new: Node) -> Node:
    """Return a tree in which the node at a path of keys and indices is another one."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    match node:
        case Fields() if isinstance(step, str):
            return Fields(node.spot, {**node.fields, step: replaced(node.fields[step], rest, new)}, node.keys)
        case Items() if isinstance(step, int):
            return Items(
                node.spot,
                tuple(replaced(item, rest, new) if place == step else item for place, item in enumerate(node.items)),
            )
        case _:
            return node


def is_null(node: Node | None) -> bool:
    """Return whether a node is absent or null."""
    return node is None or (isinstance(node, Scalar) and node.value is None)
