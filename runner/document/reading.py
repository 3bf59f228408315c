"""YAML text becomes a tree, or complaints.

Text goes through PyYAML's composer, which knows places, and no further: values are read by `scalars`, and what YAML
offers beyond plain data (tags, endless aliases, a second document, duplicate keys) is refused by name.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.reader import ReaderError

from runner.document.complaints import Complaints, Mistake, as_mistake
from runner.document.scalars import checked, meaning
from runner.document.tree import Fields, Items, Node, Scalar, Source, Spot, Unreadable

DEEPEST = 40
"""Levels of nesting; the deepest thing that the language has is seven levels down."""

MOST_NODES = 20_000
"""Values in one document once its aliases are written out."""

BRACES = re.compile(r"(^|[\s:,\[{-])\{\{")
LONG_LISTS = "put long lists into a file: {file: values.txt}"
QUOTE_BRACES = 'a text that begins with {{ needs quotes: "{{ subject }} at dawn"'


def read(text: str, source: Source, complaints: Complaints, path: tuple[str, ...] = ()) -> Node | None:
    """Return the tree of one YAML document, None when the text holds no document or cannot be read.

    Args:
        text: the document.
        source: what complaints and relative paths refer to.
        complaints: where mistakes go.
        path: where the document stands in a larger one.
    """
    start = Spot(source, 1 if source.lined else 0, 1 if source.lined else 0, path)
    with complaints.collecting():
        try:
            root = _Composer(text).get_single_node()
        except ReaderError as error:
            raise _unprintable(error, text, start) from error
        except yaml.MarkedYAMLError as error:
            raise _syntax(error, text, start) from error
        except (ValueError, OverflowError) as error:
            # PyYAML lets chr() and int() fail on escapes and version numbers that are out of range.
            raise Mistake(start, f"not valid YAML: an escape or a number is out of range ({error})") from error
        try:
            return None if root is None else _Converter(source, complaints).node(root, path)
        except _TooMuchError as error:
            raise Mistake(error.spot, f"more than {MOST_NODES:,} values, aliases written out; {LONG_LISTS}") from error
    return Unreadable(start)


class _Composer(yaml.SafeLoader):
    """PyYAML's composer with a limit on nesting, and tags only where the text has them."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave the parser untyped
            raise yaml.MarkedYAMLError(None, None, f"more than {DEEPEST} levels of nesting", mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def resolve(self, *_: Any) -> str:  # one signature for PyYAML's three call styles
        """Give no tag to a node that was written without one."""
        return ""


class _TooMuchError(Exception):
    """The document grows beyond `MOST_NODES`; nothing of it is kept."""

    def __init__(self, spot: Spot) -> None:
        super().__init__()
        self.spot = spot


class _Converter:
    """Nodes of PyYAML become nodes of ours; aliases are written out, each with its own path."""

    def __init__(self, source: Source, complaints: Complaints) -> None:
        self._source = source
        self._complaints = complaints
        self._count = 0
        self._open: list[yaml.Node] = []

    def node(self, node: yaml.Node, path: tuple[str, ...]) -> Node:
        spot = self._spot(node.start_mark, path)
        self._count += 1
        if self._count > MOST_NODES:
            raise _TooMuchError(spot)
        with self._complaints.collecting():
            if any(node is outer for outer in self._open):
                raise Mistake(spot, "this holds an alias to itself and would expand without end; write the value out")
            if node.tag:
                raise Mistake(spot, f"the tag {_short(node.tag)} is not taken; write plain values, text in quotes")
            return self._content(node, spot)
        return Unreadable(spot)

    def _content(self, node: yaml.Node, spot: Spot) -> Node:
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, spot)
        self._open.append(node)
        try:
            if isinstance(node, yaml.SequenceNode):
                return Items(spot, tuple(self.node(item, (*spot.path, str(i))) for i, item in enumerate(node.value)))
            return self._mapping(node, spot)
        finally:
            self._open.pop()

    def _mapping(self, node: yaml.Node, spot: Spot) -> Fields:
        fields: dict[str, Node] = {}
        keys: dict[str, Spot] = {}
        merged: list[Fields] = []
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                place = self._spot(key_node.start_mark, spot.path)
                raise Mistake(place, f"a list or mapping cannot be a key; if braces were meant: {QUOTE_BRACES}")
        for key_node, value_node in node.value:
            with self._complaints.collecting():
                key, place = self._key(key_node, spot)
                if key in keys:
                    raise Mistake(place, f"the key {key!r} is here a second time{_first(keys[key])}; keep one of them")
                keys[key] = place
                if key == "<<" and key_node.style is None:
                    merged += self._merged(value_node, place, spot.path)
                else:
                    fields[key] = self.node(value_node, place.path)
        return _with_merged(Fields(spot, fields, keys), merged)

    def _key(self, node: yaml.Node, spot: Spot) -> tuple[str, Spot]:
        place = self._spot(node.start_mark, spot.path)
        if node.tag:
            raise Mistake(place, f"the tag {_short(node.tag)} is not taken; write plain keys")
        with as_mistake(place):
            return checked(node.value), place.inside(node.value)

    def _merged(self, node: yaml.Node, place: Spot, path: tuple[str, ...]) -> Iterator[Fields]:
        """Yield the mappings that a merge key (`<<: *anchor`) brings, the first winning over the next."""
        for each in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            found = self.node(each, path)
            if isinstance(found, Fields):
                yield found
            elif not isinstance(found, Unreadable):
                raise Mistake(place, "<< takes a mapping, or a list of mappings; write <<: *anchor")

    def _spot(self, mark: yaml.Mark, path: tuple[str, ...]) -> Spot:
        return (
            Spot(self._source, mark.line + 1, mark.column + 1, path)
            if self._source.lined
            else Spot(self._source, path=path)
        )


def _scalar(node: yaml.ScalarNode, spot: Spot) -> Scalar:
    with as_mistake(spot):
        text = checked(node.value)
        return Scalar(spot, meaning(text) if node.style is None else text, text)


def _with_merged(own: Fields, merged: list[Fields]) -> Fields:
    fields = dict(own.fields)
    keys = {key: own.keys[key] for key in fields}
    for other in merged:
        for key, node in other.fields.items():
            if key not in fields:
                fields[key], keys[key] = node, other.keys[key]
    return Fields(own.spot, fields, keys)


def _first(spot: Spot) -> str:
    return f" (first on line {spot.line})" if spot.line else ""


def _short(text: str) -> str:
    text = text.replace("tag:yaml.org,2002:", "!!")
    return text if len(text) <= 40 else f"{text[:37]}..."


def _at(start: Spot, line: int, column: int) -> Spot:
    return Spot(start.source, line, column, start.path) if start.source.lined else start


def _unprintable(error: ReaderError, text: str, start: Spot) -> Mistake:
    before = text[: error.position]
    place = _at(start, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    return Mistake(place, f"the control character U+{error.character:04X} is not allowed in YAML; take it out")


def _syntax(error: yaml.MarkedYAMLError, text: str, start: Spot) -> Mistake:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Mistake(start, f"not valid YAML: {error.problem}")
    return Mistake(_at(start, mark.line + 1, mark.column + 1), _in_words(error, _line_of(text, mark.line)))


def _in_words(error: yaml.MarkedYAMLError, line: str) -> str:
    problem = error.problem or error.context or "it cannot be read"
    if "'\\t'" in problem:
        return "a tab stands where YAML allows spaces alone; indent and separate with spaces"
    if "another document" in problem:
        return "a second document begins here; a file holds one experiment: take the --- away"
    if BRACES.search(line):
        return f"not valid YAML: {problem}; {QUOTE_BRACES}"
    if "mapping values are not allowed" in problem:
        return "not valid YAML: a colon followed by a blank stands inside a text; put the text in quotes"
    return f"not valid YAML: {problem}; look at the indentation, brackets and quotes here and just before"


def _line_of(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number] if number < len(lines) else ""
