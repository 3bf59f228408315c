"""One SQLite file is opened, checked, brought to this version and closed."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.errors import RunFolderError

LEDGER_VERSION = 2

PATIENCE = 30.0
"""Seconds to wait for another program that has the file locked: answers that cannot be recorded are lost."""

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


MIGRATIONS = {
    1: """
ALTER TABLE attempts ADD COLUMN track_id TEXT NOT NULL DEFAULT '';
CREATE TABLE changes (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    concurrency INTEGER NOT NULL,
    reason TEXT NOT NULL
);
""",
}
"""What makes of a ledger of each earlier version one of the next. Released ones are never edited."""


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Say what SQLite complains of in words for the user; a refusal to rewrite is the caller's mistake and stays."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) == sqlite3.SQLITE_ERROR:
            raise damaged(path, error) from error  # a table that is not there, a text that is no UTF-8
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):  # of any more exact kind
            raise RunFolderError(
                f"{path}: {error}: another program, such as one that shows databases, has had it locked for "
                f"{PATIENCE:g} s; end that program and run again, what the target accepted is asked for then"
            ) from error
        if error.sqlite_errorcode == sqlite3.SQLITE_READONLY_DBMOVED:
            raise RunFolderError(
                f"{path}: the file was moved or deleted while it was written to; a run needs it in its place: "
                "put it back and run again"
            ) from error
        raise RunFolderError(
            f"{path}: {error}; the disk must have room and the folder must be writable: "
            "make it so and run again, nothing is lost"
        ) from error
    except sqlite3.DatabaseError as error:
        raise damaged(path, error) from error


def damaged(path: Path, found: object) -> RunFolderError:
    """Return the error for a ledger that does not read as one."""
    return RunFolderError(
        f"{path}: {found}; a ledger is an SQLite file that `sweep run` wrote: "
        f"`sweep rescue {path.parent}` saves what can still be read"
    )


def open_ledger(path: Path, *, readonly: bool, writer: str = "") -> sqlite3.Connection:
    """Open a ledger; create it unless `readonly`. One that a crash left empty reads as one without attempts.

    One of an earlier version becomes one of this version, all of it or nothing; for a reader, in memory alone. Whoever
    writes has the whole file looked at first (0.1 s for 100,000 cells): writing to a damaged file damages it further.

    Args:
        path: the file.
        readonly: whether nothing may be written.
        writer: which sweep wrote it, for the message when this one cannot read it; empty when that is not known.

    Raises:
        RunFolderError: the file is no ledger, is damaged, cannot be opened, or a newer version wrote it.
    """
    with in_words(path):
        database = _connect(path, readonly=readonly)
        try:
            version = version_of(database, path, writer)
            if readonly:
                return database if version == LEDGER_VERSION else _copied(database, version)
            _look(database, path)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            _bring(database, version)
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
    return _configured(sqlite3.connect(address, uri=True, timeout=PATIENCE, check_same_thread=False))


def _configured(database: sqlite3.Connection) -> sqlite3.Connection:
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA foreign_keys = ON")
    return database


def version_of(database: sqlite3.Connection, path: Path, writer: str) -> int:
    """Return a ledger's version, 0 for a file that is still empty."""
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    if not version and database.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise RunFolderError(
            f"{path}: an SQLite file, and no ledger; a ledger is what `sweep run` writes: run into another folder"
        )
    if version > LEDGER_VERSION:
        wrote = f", {writer} wrote it" if writer else ""
        raise RunFolderError(
            f"{path}: the ledger has version {version}{wrote}; this sweep reads versions 1 to {LEDGER_VERSION}: "
            "use the sweep that wrote it, or run into another folder"
        )
    return version


def _look(database: sqlite3.Connection, path: Path) -> None:
    found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(path, " ".join(found.split()))


def _bring(database: sqlite3.Connection, version: int) -> None:
    """Make a ledger of this version of one of an earlier version or of an empty file, in one transaction."""
    if version == LEDGER_VERSION:
        return
    steps = "".join(MIGRATIONS[earlier] for earlier in range(version, LEDGER_VERSION)) if version else SCHEMA
    database.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {LEDGER_VERSION}; COMMIT;")


def _copied(database: sqlite3.Connection, version: int) -> sqlite3.Connection:
    """Return what a file that must stay as it is holds, in memory and as this version has it."""
    copy = _configured(sqlite3.connect(":memory:", check_same_thread=False))
    database.backup(copy)
    database.close()
    _bring(copy, version)
    return copy
