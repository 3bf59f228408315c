"""The digests of a row of cells, each text read only where it differs from its neighbour's.

The text that is digested (see `runner.plan.identity`) is cut into columns, one a parameter. Within a row the groups of
axes are taken in the order in which the text first mentions them: cells that begin alike share the state of one
SHA-256, and the last group's points are read behind copies of it.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

from runner.nouns import Provider
from runner.plan.expand import Place
from runner.plan.identity import frame, piece
from runner.plan.rows import Rows, Table
from runner.plan.strands import Entry, Strand

State: TypeAlias = Any
"""What `hashlib.sha256()` returns; the library names no type for it."""


class Column:
    """A part of the text, the table that decides it, and what each entry is spelled."""

    def __init__(self, table: Table[Entry], spell: Callable[[Entry], str]) -> None:
        self.table, self.spell = table, spell
        self.texts = [b"" if entry.fault is not None else spell(entry).encode() for entry in table.entries]

    def at(self, place: Place) -> bytes:
        """Return what stands in a place's text."""
        return self.texts[self.table.index(place)]


def columns(endpoint: str, provider: Provider, strands: Iterable[Strand]) -> list[Column] | None:
    """Return the text's columns in their order; None where no parameter is in every text, to come without a comma.

    There are none where the endpoint would refuse every request.
    """
    tables = {name: strand.table for strand in strands for name in strand.names}
    sound = {name: [entry for entry in tables[name].entries if entry.fault is None] for name in sorted(tables)}
    if not all(sound.values()):
        return []
    said = {name: [piece(name, entry.values.get(name)) for entry in entries] for name, entries in sound.items()}
    begun = [name for name, pieces in said.items() if any(pieces)]
    if not begun or not all(said[begun[0]]):
        return None
    first = begun[0]
    return [
        Column(tables["model_id"], lambda entry: frame(endpoint, entry.values.get("model_id"), 0, provider)[0]),
        Column(tables[first], lambda entry: piece(first, entry.values.get(first))),
        *(Column(tables[name], partial(_following, name)) for name in begun[1:]),
        Column(tables["seed"], lambda entry: frame(endpoint, None, entry.repeat, provider)[1]),
    ]


def _following(name: str, entry: Entry) -> str:
    spelled = piece(name, entry.values.get(name))
    return f",{spelled}" if spelled else ""


class _Stage:
    """The columns that can be read once a group of the row is chosen, and those before it.

    Attributes:
        size: points of the group; stride: places of the row from one of its points to the next.
    """

    def __init__(self, columns: Sequence[Column], *, size: int, stride: int, alone: bool) -> None:
        self.size, self.stride, self._columns, self._alone = size, stride, columns, alone
        self._key: tuple[int, ...] | None = None
        self._texts: list[bytes] = []

    def texts(self, starts: Sequence[int], position: int) -> list[bytes]:
        """Return what follows for each of the group's points, where the earlier groups have put a row's position."""
        key = (*starts, 0 if self._alone else position)
        if key != self._key:
            self._key, self._texts = key, self._read(starts, position)
        return self._texts

    def _read(self, starts: Sequence[int], position: int) -> list[bytes]:
        places = range(position, position + self.size * self.stride, self.stride)
        parts = []
        for column, start in zip(self._columns, starts, strict=True):
            steps = column.table.steps
            parts.append([column.texts[start + steps[place]] for place in places])
        return [b"".join(texts) for texts in zip(*parts, strict=True)] if parts else [b""] * self.size


class Digests:
    """Digests of the cells, by row or by place."""

    def __init__(self, rows: Rows, text: Sequence[Column]) -> None:
        self._width, self._text = rows.width, text
        order = _mentioned(rows, text)
        depths = _depths(rows, text, order)
        self._head = [column for column, depth in zip(text, depths, strict=True) if depth == 0]
        self._bodies = [
            [column for column, depth in zip(text, depths, strict=True) if depth == number]
            for number in range(1, len(order) + 1)
        ]
        strides = _strides(rows)
        self._stages = [
            _Stage(
                body,
                size=rows.sizes[group],
                stride=strides[group],
                alone=all(g in (*range(rows.first), group) for column in body for g in column.table.groups),
            )
            for group, body in zip(order, self._bodies, strict=True)
        ]

    def row(self, place: Place) -> list[str]:
        """Return the digest of each place of a row, given the points of its slow groups.

        A place that the endpoint would refuse has one that means nothing.
        """
        state = hashlib.sha256(b"".join(column.texts[column.table.start(place)] for column in self._head))
        if not self._stages:
            return [state.hexdigest()]
        starts = [[column.table.start(place) for column in body] for body in self._bodies]
        found = [""] * self._width
        self._read(0, state, 0, starts, found)
        return found

    def at(self, place: Place) -> str:
        """Return the digest of one place."""
        return hashlib.sha256(b"".join(column.at(place) for column in self._text)).hexdigest()

    def _read(self, depth: int, state: State, position: int, starts: Sequence[Sequence[int]], found: list[str]) -> None:
        stage = self._stages[depth]
        texts = stage.texts(starts[depth], position)
        if depth + 1 == len(self._stages):
            found[position : position + stage.size * stage.stride : stage.stride] = _read_last(state, texts)
            return
        for text in texts:
            branch = state.copy()
            branch.update(text)
            self._read(depth + 1, branch, position, starts, found)
            position += stage.stride


def _read_last(state: State, texts: Iterable[bytes]) -> list[str]:
    copy, found = state.copy, []
    for text in texts:
        branch = copy()
        branch.update(text)
        found.append(branch.hexdigest())
    return found


def _mentioned(rows: Rows, text: Iterable[Column]) -> list[int]:
    """Return the groups that vary within a row, as the text comes to them; those of which it says nothing are first."""
    fast = range(rows.first, len(rows.sizes))
    said = dict.fromkeys(group for column in text for group in column.table.groups if group in fast)
    return [*(group for group in fast if group not in said), *said]


def _depths(rows: Rows, text: Iterable[Column], order: Sequence[int]) -> list[int]:
    """Return how many groups have to be chosen before each column can be read, and all before it."""
    depth, depths = 0, []
    for column in text:
        depth = max(depth, *(order.index(group) + 1 for group in column.table.groups if group >= rows.first), 0)
        depths.append(depth)
    return depths


def _strides(rows: Rows) -> dict[int, int]:
    stride, found = 1, {}
    for group in reversed(range(rows.first, len(rows.sizes))):
        found[group] = stride
        stride *= rows.sizes[group]
    return found
