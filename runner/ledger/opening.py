"""One SQLite file is opened, checked and closed."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.errors import RunFolderError

LEDGER_VERSION = 2

SCHEMA = """
CREATE TABLE cells (
    digest TEXT PRIMARY KEY,
    request TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    cell TEXT NOT NULL REFERENCES cells (digest),
    begun REAL NOT NULL,
    track_id TEXT NOT NULL DEFAULT '',
    remote_id TEXT,
    fetch_result TEXT,
    finished REAL,
    state TEXT,
    reason TEXT NOT NULL DEFAULT '',
    concern TEXT,
    status INTEGER,
    seconds REAL,
    seed INTEGER,
    answer TEXT NOT NULL DEFAULT '{}',
    reused_from TEXT
);
CREATE INDEX attempts_by_cell ON attempts (cell, id);
CREATE TABLE pictures (
    attempt INTEGER NOT NULL REFERENCES attempts (id),
    place INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    size INTEGER NOT NULL,
    format TEXT NOT NULL,
    PRIMARY KEY (attempt, place)
) WITHOUT ROWID;
CREATE TABLE changes (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    concurrency INTEGER NOT NULL,
    reason TEXT NOT NULL
);
CREATE TRIGGER finished_is_final BEFORE UPDATE ON attempts WHEN OLD.finished IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a finished attempt is never rewritten'); END;
CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'an attempt is never deleted'); END;
CREATE TRIGGER pictures_come_first BEFORE INSERT ON pictures
WHEN (SELECT finished FROM attempts WHERE id = NEW.attempt) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a finished attempt is never rewritten'); END;
CREATE TRIGGER pictures_are_final BEFORE UPDATE ON pictures
BEGIN SELECT RAISE(ABORT, 'a picture is never rewritten'); END;
CREATE TRIGGER pictures_stay BEFORE DELETE ON pictures
BEGIN SELECT RAISE(ABORT, 'a picture is never deleted'); END;
CREATE TRIGGER cells_are_final BEFORE UPDATE ON cells
BEGIN SELECT RAISE(ABORT, 'a cell is never rewritten'); END;
CREATE TRIGGER cells_stay BEFORE DELETE ON cells
BEGIN SELECT RAISE(ABORT, 'a cell is never deleted'); END;
"""


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Say what SQLite complains of in words for the user; a refusal to rewrite is the caller's mistake and stays."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.OperationalError as error:
        raise RunFolderError(
            f"{path}: {error}; the disk must have room and the folder must be writable: "
            "make it so and run again, nothing is lost"
        ) from error
    except sqlite3.DatabaseError as error:
        raise RunFolderError(
            f"{path}: {error}; a ledger is an SQLite file that `sweep run` wrote: "
            "move the file away to start anew, the images stay in images/"
        ) from error


def open_ledger(path: Path, *, readonly: bool) -> sqlite3.Connection:
    """Open a ledger; create it unless `readonly`. One that a crash left empty reads as one without attempts.

    Raises:
        RunFolderError: the file is no ledger, is damaged, cannot be opened, or another version wrote it.
    """
    with in_words(path):
        database = _connect(path, readonly=readonly)
        try:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if not version and not database.execute("SELECT 1 FROM sqlite_master").fetchone():
                return _begun(database, readonly=readonly)
            _check(version, path)
        except BaseException:
            database.close()
            raise
        return database


def close_ledger(database: sqlite3.Connection) -> None:
    """Bring what the WAL holds into the one file, and close it. While a reader looks on, the WAL stays."""
    try:
        database.execute("PRAGMA busy_timeout = 0")
        database.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
    finally:
        database.close()


def _connect(path: Path, *, readonly: bool) -> sqlite3.Connection:
    address = path.resolve().as_uri() + ("?mode=ro" if readonly else "")
    database = _configured(sqlite3.connect(address, uri=True, check_same_thread=False))
    if not readonly:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
    return database


def _configured(database: sqlite3.Connection) -> sqlite3.Connection:
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA foreign_keys = ON")
    return database


def _begun(empty: sqlite3.Connection, *, readonly: bool) -> sqlite3.Connection:
    database = empty
    if readonly:
        empty.close()
        database = _configured(sqlite3.connect(":memory:"))
    database.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {LEDGER_VERSION}; COMMIT;")
    return database


def _check(version: int, path: Path) -> None:
    if version == 0:
        raise RunFolderError(
            f"{path}: an SQLite file, and no ledger; a ledger is what `sweep run` writes: run into another folder"
        )
    if version != LEDGER_VERSION:
        raise RunFolderError(
            f"{path}: the ledger has version {version}; this sweep reads version {LEDGER_VERSION}: "
            "use the sweep that wrote it, or run into another folder"
        )
