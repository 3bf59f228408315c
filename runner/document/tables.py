"""Values from files beside the experiment: a text file, one value a line; or a CSV, whose columns are set together.

What stands in these files is text and nothing else: never a template, a path of ours or a comment.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path

from runner.document.complaints import Mistake, as_mistake
from runner.document.opening import open_text, shown
from runner.document.ranges import MOST_POINTS
from runner.document.scalars import checked
from runner.document.tree import Source, Spot

BIGGEST_TABLE = 32 * 1024 * 1024
"""Bytes of one data file."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record: texts by column, and where it begins."""

    spot: Spot
    cells: dict[str, str]


def read_lines(path: Path, spot: Spot) -> list[tuple[Spot, str]]:
    """Return the values of a text file with their places: one a line, blanks around them and empty lines left out.

    Raises:
        Mistake: the file cannot be read, has no values or too many.
    """
    source = Source(shown(path), path.parent)
    lines = enumerate(open_text(path, BIGGEST_TABLE, spot).split("\n"), start=1)
    found = [(Spot(source, number, 1, spot.path), line.strip()) for number, line in lines if line.strip()]
    _check(len(found), path, spot)
    for place, line in found:
        _printable(line, place)
    return found


def read_rows(path: Path, spot: Spot) -> tuple[Row, list[Row]]:
    """Return a CSV's header, its cells being places to read the columns from, and its records.

    Raises:
        Mistake: the file cannot be read, its header has an empty or a double name, a record has another number of cells,
            or there are no records or too many.
    """
    source = Source(shown(path), path.parent)
    records = _records(open_text(path, BIGGEST_TABLE, spot), Spot(source, path=spot.path))
    header = next(records, None)
    if header is None:
        raise Mistake(spot, f"{shown(path)} is empty; its first line names the columns")
    names = _column_names(*header)
    rows = []
    for place, cells in islice(records, MOST_POINTS + 1):
        if len(cells) != len(names):
            raise Mistake(place, f"{len(cells)} cells under {len(names)} columns; quote a cell that holds a comma")
        rows.append(Row(place, dict(zip(names, cells, strict=True))))
    _check(len(rows), path, spot)
    return Row(header[0], {name: name for name in names}), rows


def _records(text: str, start: Spot) -> Iterator[tuple[Spot, list[str]]]:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    before = 0
    while True:
        place = Spot(start.source, before + 1, 1, start.path)
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise Mistake(place, f"no valid CSV: {error}; look at the quotes of this record") from error
        if cells is None:
            return
        before = reader.line_num
        if cells:
            for cell in cells:
                _printable(cell, place)
            yield place, [cell.strip() for cell in cells]


def _column_names(place: Spot, names: list[str]) -> list[str]:
    if "" in names:
        raise Mistake(place, "a column has no name; the first line names every column")
    if len(set(names)) < len(names):
        double = next(name for index, name in enumerate(names) if name in names[:index])
        raise Mistake(place, f"the column {double!r} is there twice; keep one of them")
    return names


def _check(count: int, path: Path, spot: Spot) -> None:
    if not count:
        raise Mistake(spot, f"{shown(path)} has no values; write one on each line")
    if count > MOST_POINTS:
        raise Mistake(spot, f"{shown(path)} has more than {MOST_POINTS:,} values, the most that an axis may have")


def _printable(text: str, place: Spot) -> None:
    with as_mistake(place):
        checked(text)
