"""Many tiles as few compact columns: what the page's script unpacks.

Tiles of a sweep repeat themselves: most parameters are the same everywhere, most others follow from one axis. Each form
below says a column in the shortest way that `data.js` can index without unpacking text for tiles that nobody looks at.

    series   integers, as they are or as runs of equal steps: 0 1 2 3 3 3 is {"runs": [0, 1, 1, 3, 0, 2]}
    field    one name's values over all tiles: the same everywhere, by the point of one axis, by a dictionary, or each
    records  mappings with different keys: the key sets ("shapes"), which tile has which, and a field for each key
    blob     digests of equal length, as bytes in base64
"""

import base64
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A value that `json.dumps` can say."""

SAFE_INTEGER = 2**53 - 1
"""Largest integer that a script's number holds exactly; beyond it an integer is shown as text."""


def series(numbers: Sequence[int]) -> Json:
    """Return integers as a plain list, or as runs (step, count, step, count ...) where that is shorter."""
    runs: list[int] = []
    previous = 0
    for number in numbers:
        step = number - previous
        if runs and runs[-2] == step:
            runs[-1] += 1
        else:
            runs += [step, 1]
        previous = number
    return {"runs": runs} if len(runs) < len(numbers) else list(numbers)


def blob(digests: Iterable[str], size: int) -> str:
    """Return the first `size` bytes of each digest, joined and in base64.

    Raises:
        ValueError: a digest is not made of hex digits, or is too short.
    """
    parts = []
    for digest in digests:
        part = bytes.fromhex(digest)[:size]
        if len(part) != size:
            raise ValueError(f"digest {digest!r} has fewer than {2 * size} hex digits; give the whole digest")
        parts.append(part)
    return base64.b64encode(b"".join(parts)).decode()


class Records:
    """Mappings as shapes and fields, one mapping a tile, taken one after the other."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[str, ...], int] = {}
        self._shape: list[int] = []
        self._columns: defaultdict[str, list[object]] = defaultdict(list)

    def add(self, row: Mapping[str, object]) -> None:
        """Take the next tile's mapping."""
        for name, value in row.items():
            _reach(self._columns[name], len(self._shape)).append(value)
        self._shape.append(self._shapes.setdefault(tuple(row), len(self._shapes)))

    def packed(self, digits: Sequence[Sequence[int]]) -> Json:
        """Return them all.

        Args:
            digits: for each axis, one integer a tile: 0 where the axis does not apply, else the point's position plus 1.
        """
        columns = sorted(self._columns.items())
        return {
            "shapes": [sorted(keys) for keys in self._shapes],
            "shape": series(self._shape),
            "fields": [[name, _field(_reach(column, len(self._shape)), digits)] for name, column in columns],
        }


def records(rows: Iterable[Mapping[str, object]], digits: Sequence[Sequence[int]]) -> Json:
    """Return mappings as shapes and fields, see `Records`."""
    found = Records()
    for row in rows:
        found.add(row)
    return found.packed(digits)


def _reach(column: list[object], place: int) -> list[object]:
    """Return a column after saying of the rows before that place which it has not that they lack the name."""
    column.extend([_ABSENT] * (place - len(column)))
    return column


class _Absent:
    """What stands for a name that a tile does not have; the shapes tell the script not to ask for it."""


_ABSENT = _Absent()


def _field(column: Sequence[object], digits: Sequence[Sequence[int]]) -> Json:
    places: dict[object, int] = {}
    values: list[Json] = []
    index: list[int] = []
    for value in column:
        if value is _ABSENT:
            index.append(-1)
            continue
        key = _key(value)
        if key not in places:
            places[key] = len(values)
            values.append(plain(value))
        index.append(places[key])
    if len(values) == 1:
        return {"values": values}
    for axis, digit in enumerate(digits):
        by = _follows(index, digit)
        if by is not None:
            return {"values": values, "axis": axis, "by": by}
    if 2 * len(values) > len(column):
        return {"each": [None if place < 0 else values[place] for place in index]}
    return {"values": values, "at": series(index)}


def _key(value: object) -> object:
    """Return what two values share when the page may say them once; 1, 1.0, True and "1" stay apart."""
    if value is None or isinstance(value, str | int | float):
        return (type(value), value)
    return json.dumps(plain(value), sort_keys=True)


def _follows(index: Sequence[int], digit: Sequence[int]) -> list[int] | None:
    """Return the value's place by the axis's digit when each digit has one value alone, else None."""
    by: dict[int, int] = {}
    for place, point in zip(index, digit, strict=True):
        if place >= 0 and by.setdefault(point, place) != place:
            return None
    return [by.get(point, -1) for point in range(max(by, default=0) + 1)]


def plain(value: object) -> Json:
    """Return a value as JSON that a script reads without loss: what its numbers cannot hold becomes text."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= SAFE_INTEGER else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case Sequence():
            return [plain(item) for item in value]
        case _:
            return str(value)
