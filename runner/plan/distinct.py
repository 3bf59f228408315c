"""Which cells are the same: told from the tables where they can tell, from the digests where they cannot."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from runner.canon import digest_bytes
from runner.plan.checks import Row
from runner.plan.digests import Column, Digests
from runner.plan.expand import Place
from runner.plan.placing import Placement
from runner.plan.rows import Marks, Rows, Table, selectors
from runner.plan.strands import Entry

MARKED = 2**24
"""Different texts that are marked by a byte each, at most."""


def tell_apart(rows: Rows, text: Sequence[Column], homes: Iterable[Marks[bool]]) -> bool:
    """Return whether the tables show that no two valid places have one text.

    They do if the text gives back each group's point, one table after the other: the entries of a table must differ
    wherever the groups that are known already stand alike. Places that are no combinations of their own do not count.
    """
    known = {group for group, size in enumerate(rows.sizes) if size == 1}
    tables = {id(column.table): column.table for column in text}
    waiting = list(tables.values())
    while telling := [table for table in waiting if _tells(rows, table, text, homes, known)]:
        known.update(group for table in telling for group in table.groups)
        waiting = [table for table in waiting if not known.issuperset(table.groups)]
    return len(known) == len(rows.sizes)


def _tells(
    rows: Rows, table: Table[Entry], text: Sequence[Column], homes: Iterable[Marks[bool]], known: set[int]
) -> bool:
    """Return whether a table's entries, with what is known, give back the points of its groups."""
    if known.issuperset(table.groups):
        return False
    heard = [column for column in text if set(column.table.groups) <= set(table.groups)]
    kept = [marks for marks in homes if set(marks.table.groups) <= set(table.groups)]
    given = [group for group in table.groups if group in known]
    seen: set[tuple[object, ...]] = set()
    for place in rows.projected(table.groups):
        if table.at(place).fault is None and all(marks.at(place) for marks in kept):
            key = (*(place[group] for group in given), *(column.at(place) for column in heard))
            if key in seen:
                return False
            seen.add(key)
    return True


class Firsts:
    """Which places mean a cell that no earlier one meant.

    Places are compared by numbers that are equal where all texts are, one of so many as the tables allow, and the
    numbers that came are marked; where there are too many, by their digests.
    """

    def __init__(self, rows: Rows, text: Sequence[Column], digests: Digests) -> None:
        self._rows, self._digests, self._keys = rows, digests, _Keys(rows, text)
        self._marks = bytearray(self._keys.count if self._keys.count <= MARKED else 0)
        self._seen = Seen()

    def of_row(self, row: Row) -> int:
        """Return which of a row's valid places are first; rows come in plan order."""
        if not row.valid:
            return 0
        width = self._rows.width
        found = bytearray(b"0" * width)
        for place in self._new(row, compress(range(width), selectors(row.valid, width))):
            found[-1 - place] = ord("1")
        return int(found, 2)

    def add(self, placement: Placement) -> bool:
        """Return whether what stands beside the grid is new, once all rows were looked at."""
        key = self._keys.of(placement) if self._marks else None
        known = key is not None and self._marks[key]
        return not known and self._seen.add(placement.digest)

    def _new(self, row: Row, places: Iterable[int]) -> Iterator[int]:
        if not self._marks:
            digests = self._digests.row(row.place)
            yield from (place for place in places if self._seen.add(digests[place]))
            return
        keys, marks = self._keys.row(row.place), self._marks
        for place in places:
            if not marks[key := keys[place]]:
                marks[key] = 1
                yield place


class _Keys:
    """A number for each text that the tables can make, from the numbers of its parts.

    Attributes:
        count: how many there can be.
    """

    def __init__(self, rows: Rows, text: Sequence[Column]) -> None:
        self.count = 1
        self._text = text
        self._parts: list[_Part] = []
        for table in {id(column.table): column.table for column in text}.values():
            part = _Part(table, [column for column in text if column.table is table], self.count)
            self._parts.append(part)
            self.count *= len(part.numbers)
        fast = [part for part in self._parts if not part.table.still and not part.table.crosses]
        self._fast = [sum(keys) for keys in zip(*(part.row(()) for part in fast), strict=True)] or [0] * rows.width

    def row(self, place: Place) -> list[int]:
        """Return the numbers of a row's places."""
        base = sum(part.keys[part.table.start(place)] for part in self._parts if part.table.still)
        keys = [base + key for key in self._fast]
        for part in self._parts:
            if part.table.crosses:
                keys = [key + more for key, more in zip(keys, part.row(place), strict=True)]
        return keys

    def of(self, placement: Placement) -> int | None:
        """Return the number of what stands beside the grid; None where the tables cannot make its text."""
        entry = Entry(placement.request.parameters, placement.request.repeat)
        if digest_bytes("".join(column.spell(entry) for column in self._text).encode()) != placement.digest:
            return None  # it says something of which the tables say nothing
        keys = [part.of(entry) for part in self._parts]
        known = [key for key in keys if key is not None]
        return sum(known) if len(known) == len(keys) else None


class _Part:
    """One table's share of a number: which of its different texts an entry has, times the texts of those before."""

    def __init__(self, table: Table[Entry], columns: Sequence[Column], unit: int) -> None:
        self.table, self._columns, self._unit = table, columns, unit
        self.numbers: dict[tuple[bytes, ...], int] = {}
        texts = zip(*(column.texts for column in columns), strict=True)
        self.keys = [self.numbers.setdefault(said, len(self.numbers)) * unit for said in texts]

    def row(self, place: Place) -> Iterator[int]:
        start = self.table.start(place)
        return (self.keys[start + step] for step in self.table.steps)

    def of(self, entry: Entry) -> int | None:
        number = self.numbers.get(tuple(column.spell(entry).encode() for column in self._columns))
        return None if number is None else number * self._unit


class Seen:
    """Digests that came before: 40 bytes each, where a set of texts takes 150.

    A digest's own first bytes say where to look for it; what stands there is compared whole.
    """

    def __init__(self) -> None:
        self._digests = bytearray()
        self._slots = array("I", bytes(4 * 1024))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, digest: str) -> bool:
        """Remember a digest; return whether it is new."""
        raw = bytes.fromhex(digest)
        slot = self._find(raw)
        if self._slots[slot]:
            return False
        self._digests += raw
        self._count += 1
        self._slots[slot] = self._count
        if 2 * self._count > len(self._slots):
            self._grow()
        return True

    def _find(self, raw: bytes | bytearray) -> int:
        """Return the slot that holds a digest, or the free one that would."""
        slots, digests, mask = self._slots, self._digests, len(self._slots) - 1
        slot = int.from_bytes(raw[:8], "big") & mask
        while (held := slots[slot]) and digests[32 * held - 32 : 32 * held] != raw:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        self._slots = array("I", bytes(4 * 2 * len(self._slots)))
        for number in range(1, self._count + 1):
            self._slots[self._find(self._digests[32 * number - 32 : 32 * number])] = number
