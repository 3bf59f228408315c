"""What was measured, in the run folder's `metrics.sqlite`: by the pictures' digests, so that nothing is measured twice.

It is a cache: one that is damaged, or of other definitions, is begun again.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from runner.errors import RunFolderError
from runner.measures import Measured
from runner.metrics.baselines import Baselines
from runner.nouns import Picture
from runner.plan import Placement

VERSION = 1
"""Of the definitions in `looks` and `apart`: another one and everything is measured again."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS looks (picture TEXT PRIMARY KEY, numbers TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS apart (picture TEXT, baseline TEXT, structural INTEGER, numbers TEXT,
    PRIMARY KEY (picture, baseline)) WITHOUT ROWID;
"""
"""Numbers are JSON objects by the names of measures; `structural` tells whether the extra `metrics` took part."""


def shelf_path(run: Path) -> Path:
    """Return where a run folder keeps what was measured."""
    return run / "metrics.sqlite"


class Shelf:
    """What was measured of a run's pictures. Numbers are read one picture at a time: those of a large run are many."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @classmethod
    def writing(cls, run: Path) -> Self:
        """Open a run's shelf to add to it.

        Raises:
            RunFolderError: the folder cannot be written to.
        """
        path = shelf_path(run)
        try:
            try:
                return cls(_begun(path))
            except sqlite3.OperationalError:  # the folder or the disk, not the file
                raise
            except sqlite3.DatabaseError:
                path.unlink()
                return cls(_begun(path))
        except (sqlite3.Error, OSError) as error:
            raise RunFolderError(
                f"{path}: {error}; what is measured is kept there: the folder needs space and permission to write"
            ) from error

    @classmethod
    def reading(cls, run: Path) -> Self:
        """Open a run's shelf to read; an empty one where nothing was measured yet, or with other definitions."""
        path = shelf_path(run)
        try:
            database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            if _version(database) == VERSION:
                database.execute("SELECT count(*) FROM looks").fetchone()
                return cls(database)
            database.close()
        except sqlite3.Error:
            pass
        database = sqlite3.connect(":memory:")
        database.executescript(SCHEMA)
        return cls(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def looks(self, picture: str) -> Measured | None:
        """Return what a picture looks like; None where it was not measured."""
        row = self._database.execute("SELECT numbers FROM looks WHERE picture = ?", (picture,)).fetchone()
        return None if row is None else json.loads(row[0])

    def apart(self, picture: str, baseline: str, *, structural: bool = False) -> Measured | None:
        """Return how far a picture is from another; None where it was not measured, or not with the extra `metrics`."""
        sql = "SELECT structural, numbers FROM apart WHERE picture = ? AND baseline = ?"
        row = self._database.execute(sql, (picture, baseline)).fetchone()
        return None if row is None or (structural and not row[0]) else json.loads(row[1])

    def add(
        self, looks: Iterable[tuple[str, Measured]], apart: Iterable[tuple[str, str, Measured]], *, structural: bool
    ) -> None:
        """Keep what was measured, together and on disk."""
        with self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO looks VALUES (?, ?)", [(picture, json.dumps(found)) for picture, found in looks]
            )
            self._database.executemany(
                "INSERT OR REPLACE INTO apart VALUES (?, ?, ?, ?)",
                [(picture, baseline, structural, json.dumps(found)) for picture, baseline, found in apart],
            )

    def forget(self) -> None:
        """Measure everything again."""
        with self._database:
            self._database.execute("DELETE FROM looks")
            self._database.execute("DELETE FROM apart")


class Reader:
    """What is known of each picture of a run at its place of the grid."""

    def __init__(self, shelf: Shelf, baselines: Baselines) -> None:
        self._shelf, self._baselines = shelf, baselines

    def __call__(self, placement: Placement, position: int, picture: Picture) -> Measured:
        """Return the measures of the picture at that position of a cell's answer; those not taken are absent."""
        baseline = self._baselines.of(placement.coordinates, position)
        distance = self._shelf.apart(picture.sha256, baseline.sha256) if baseline else None
        return {"bytes": picture.size, **(self._shelf.looks(picture.sha256) or {}), **(distance or {})}


@contextmanager
def measured(run: Path, baselines: Baselines) -> Iterator[Reader]:
    """Open what was measured of a run."""
    with Shelf.reading(run) as shelf:
        yield Reader(shelf, baselines)


def _begun(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=30)
    try:
        if _version(database) != VERSION:
            database.executescript(f"DROP TABLE IF EXISTS looks; DROP TABLE IF EXISTS apart; {SCHEMA}")
            database.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])
