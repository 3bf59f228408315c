"""What can still be read of a damaged ledger, and a new ledger of rows.

SQLite stops at the first page that it cannot read. Here each row is asked for alone where a table does not read as a
whole. Of an attempt whose row is lost the index still knows the cell, and its pictures that it was made.
"""

import json
import shutil
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

from runner.ledger.opening import SCHEMA, close_ledger, in_words, open_ledger, version_of
from runner.nouns import Concern, State

Row: TypeAlias = Mapping[str, Any]

TYPES: Mapping[str, tuple[type, ...]] = {"TEXT": (str,), "INTEGER": (int,), "REAL": (float, int)}
"""What a column of each type holds."""

SMALLEST_ROW = 16
"""Bytes of an attempt's row at the least, which is less than any takes."""

HEADER = struct.Struct(">16x H 10x I")
"""The start of an SQLite file, big-endian: its page size at byte 16 and its length in pages at byte 28."""

PAGE_SIZES = tuple(2**power for power in range(9, 16))


@dataclass(kw_only=True)
class Remains:
    """What was read of a ledger, or what a new one shall hold.

    Attributes:
        whole: whether nothing at all is wrong with the file.
        cells: request text by digest.
        attempts: rows by number, as they were written.
        traces: of attempts whose row is lost, the cell by number.
        pictures: rows by attempt.
        changes: changes of pace.
        untried: of the cells asked about, those that certainly have no attempt.
    """

    whole: bool = False
    cells: dict[str, str] = field(default_factory=dict)
    attempts: dict[int, Row] = field(default_factory=dict)
    traces: dict[int, str] = field(default_factory=dict)
    pictures: dict[int, list[Row]] = field(default_factory=dict)
    changes: Sequence[Row] = ()
    untried: set[str] = field(default_factory=set)

    @property
    def numbers(self) -> list[int]:
        """Of every attempt that anything is known of."""
        return sorted({*self.attempts, *self.traces, *self.pictures})


def remains(path: Path, aside: Path, digests: Iterable[str]) -> Remains:
    """Return what can be read of a ledger, which stays as it is.

    Args:
        path: the ledger, which may not be there.
        aside: an empty folder with room for a copy of it.
        digests: cells that may have been tried.

    Raises:
        RunFolderError: a newer version wrote it, or another program.
        OSError: it cannot be copied.
    """
    for name in (path.name, f"{path.name}-wal"):
        if path.with_name(name).is_file():
            shutil.copyfile(path.with_name(name), aside / name)
    _lengthen(aside / path.name)
    with closing(sqlite3.connect(aside / path.name)) as database:
        database.row_factory = sqlite3.Row
        database.text_factory = _text
        try:
            empty = version_of(database, path, "") == 0
        except sqlite3.DatabaseError:
            empty = True
        return Remains() if empty else _Reading(database, (aside / path.name).stat().st_size).remains(digests)


def write(path: Path, held: Remains) -> None:
    """Make a new ledger of rows.

    Raises:
        RunFolderError: the disk is full, the folder is read-only.
    """
    with in_words(path):
        database = open_ledger(path, readonly=False)
        try:
            database.execute("PRAGMA foreign_keys = OFF")  # pictures come before attempts, which are finished already
            with database:
                database.execute("BEGIN")
                rows = [{"digest": digest, "request": request} for digest, request in held.cells.items()]
                _insert(database, "cells", rows)
                _insert(database, "pictures", [row for number in held.pictures for row in held.pictures[number]])
                _insert(database, "attempts", held.attempts.values())
                _insert(database, "changes", [{**row, "id": None} for row in held.changes])
                if database.execute("PRAGMA foreign_key_check").fetchone():
                    raise sqlite3.IntegrityError("a rescued row belongs to none")
        finally:
            close_ledger(database)


def _lengthen(path: Path) -> None:
    """Give a file that was cut off the length that its first page says: SQLite reads nothing of a shorter one."""
    if path.is_file() and path.stat().st_size >= HEADER.size:
        with path.open("r+b") as file:
            page, pages = HEADER.unpack(file.read(HEADER.size))
            if page in PAGE_SIZES and pages * page > path.stat().st_size:
                file.truncate(pages * page)


def _tables() -> dict[str, dict[str, tuple[type, ...]]]:
    """Return the types that each column of each table holds."""
    with closing(sqlite3.connect(":memory:")) as model:
        model.executescript(SCHEMA)
        tables = [name for (name,) in model.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: {
                name: TYPES[kind] if required else (*TYPES[kind], type(None))
                for _, name, kind, required, *_ in model.execute(f"PRAGMA table_info({table})")
            }
            for table in tables
        }


class _Reading:
    """Reads one database, row by row where it must. A row that holds what its table does not is lost."""

    def __init__(self, database: sqlite3.Connection, size: int) -> None:
        self.database = database
        self._tables = _tables()
        self._most = size // SMALLEST_ROW

    def remains(self, digests: Iterable[str]) -> Remains:
        cells = self._indexed()
        numbers = range(1, max([0, *cells, *self._seen("attempts", "id"), *self._seen("pictures", "attempt")]) + 1)
        attempts = {
            row["id"]: row for row in self._rows("attempts", "id", numbers) if row["id"] in numbers and _ended_well(row)
        }
        pictures: dict[int, list[Row]] = {}
        for row in self._rows("pictures", "attempt", numbers):
            if row["attempt"] in numbers:
                pictures.setdefault(row["attempt"], []).append(row)
        tried = {*cells.values(), *(row["cell"] for row in attempts.values())}
        whole = self._read("PRAGMA integrity_check(1)") == [{"integrity_check": "ok"}]
        return Remains(
            whole=whole and len(attempts) == len(numbers),
            cells={row["digest"]: row["request"] for row in self._rows("cells", "digest", sorted(tried))},
            attempts=attempts,
            traces={number: cell for number, cell in cells.items() if number not in attempts},
            pictures=pictures,
            changes=list(self._rows("changes", "id", ())),
            untried={digest for digest in digests if digest not in tried and self._never_tried(digest)},
        )

    def _read(self, query: str, *values: object) -> list[Row] | None:
        """Return all rows; None where one of them cannot be read."""
        try:
            return [dict(row) for row in self.database.execute(query, values)]
        except sqlite3.DatabaseError:
            return None

    def _rows(self, table: str, key: str, keys: Iterable[object]) -> Iterator[Row]:
        rows = self._read(f"SELECT * FROM {table} ORDER BY {key}")  # noqa: S608  # names are this module's own
        if rows is None:
            query = f"SELECT * FROM {table} WHERE {key} = ?"  # noqa: S608  # names are this module's own
            rows = [row for value in keys for row in self._read(query, value) or ()]
        columns = self._tables[table]
        return (row for row in rows if all(isinstance(row[name], columns[name]) for name in row if name in columns))

    def _is_number(self, number: object) -> TypeGuard[int]:
        """Return whether an attempt of so small a file can have that number."""
        return isinstance(number, int) and 0 < number <= self._most

    def _seen(self, table: str, key: str) -> Iterator[int]:
        """Give the attempts' numbers that a table has, from both ends up to what cannot be read."""
        for order in ("ASC", "DESC"):
            with suppress(sqlite3.DatabaseError):
                for (number,) in self.database.execute(f"SELECT {key} FROM {table} ORDER BY {key} {order}"):  # noqa: S608  # names are this module's own
                    if self._is_number(number):
                        yield number

    def _indexed(self) -> dict[int, str]:
        """Return attempts' cells as the index has them, from both ends up to what cannot be read."""
        found: dict[int, str] = {}
        for order in ("ASC", "DESC"):
            query = f"SELECT id, cell FROM attempts INDEXED BY attempts_by_cell ORDER BY cell {order}, id {order}"  # noqa: S608  # names are this module's own
            with suppress(sqlite3.DatabaseError):
                found.update(tuple(row) for row in self.database.execute(query))
        return {number: cell for number, cell in found.items() if self._is_number(number) and isinstance(cell, str)}

    def _never_tried(self, digest: str) -> bool:
        return self._read("SELECT id FROM attempts INDEXED BY attempts_by_cell WHERE cell = ?", digest) == []


def _ended_well(row: Row) -> bool:
    """Return whether an attempt's row says of its end what such a row says; a damaged one may not."""
    try:
        state = row["state"] and State(row["state"])
        concern = row["concern"] and Concern(row["concern"])
        json.loads(row["answer"])
    except ValueError:
        return False
    finished = row["finished"] is not None
    return finished is bool(state) and (finished or not concern)


def _insert(database: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    """Insert rows; what an earlier version did not have takes its default."""
    columns = [row["name"] for row in database.execute(f"PRAGMA table_info({table})")]
    for row in rows:
        names = [name for name in columns if name in row]
        places = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608  # names are the schema's own
        database.execute(statement, [row[name] for name in names])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
