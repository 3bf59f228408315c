"""What was asked and what came back: one SQLite file, one writer.

> Invariant 1, intent before send, remote id before poll: `begin` is durable before the request leaves, `accept` before
> the first fetch. After a crash, what was accepted is fetched and never bought again.
> Invariant 3, a finished attempt is never rewritten: triggers refuse it. Trying again is a new attempt beside the old.

Every method commits before it returns (WAL, synchronous FULL), or at the end of its group (`together`). Readers of
other processes (`sweep status`) are welcome while a run writes. A writer that closes folds the WAL back, so that a
ledger at rest is one file, which can be read where nothing can be written. It may be used from any one thread at a time.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Self

from runner.ledger.opening import LEDGER_VERSION, close_ledger, damaged, in_words, open_ledger
from runner.ledger.rows import (
    GISTS,
    PENDING,
    STANDING,
    Gist,
    Standing,
    Standings,
    gist_of,
    outcome_row,
    picture_row,
    request_from,
    request_text,
    standing_of,
    storable,
)
from runner.nouns import Cell, Change, Made, Outcome, Picture, Queued, Request, Spent, State

__all__ = [
    "LEDGER_VERSION",
    "PENDING",
    "Flow",
    "Gist",
    "Ledger",
    "OpenAttempt",
    "Standing",
    "Stir",
    "Timing",
    "request_from",
]

SPENT = """
SELECT count(*) AS requests, sum(
    CASE
        WHEN a.state = 'made' THEN (SELECT count(*) FROM pictures p WHERE p.attempt = a.id)
        WHEN a.concern IS NOT NULL OR a.state = 'pending' THEN 0
        ELSE (
            SELECT coalesce(json_extract(c.request, '$.parameters.samples'), 1) FROM cells c WHERE c.digest = a.cell
        )
    END
) AS images
FROM attempts a WHERE a.reused_from IS NULL AND a.status IS NOT 0 AND NOT (
    a.state IN ('unknown', 'failed') AND a.concern IS NULL AND EXISTS (
        SELECT 1 FROM attempts b WHERE b.cell = a.cell AND b.id > a.id AND b.track_id = a.track_id
            AND (a.track_id != '' OR b.remote_id = a.remote_id)
    )
)
"""
"""A refusal has a concern and costs nothing, and with status 0 it is no request: nothing was sent. An abandoned attempt is
pending and certainly made nothing. One without its pictures that was asked for again, under its own names, was that one
request."""

UNANSWERED = """
a.state = 'unknown' AND (a.track_id != '' OR a.remote_id IS NOT NULL) AND NOT EXISTS (
    SELECT 1 FROM attempts b WHERE b.cell = a.cell AND (b.id > a.id OR b.state = 'made')
)
"""

UNFETCHED = """
a.state = 'failed' AND a.concern IS NULL AND a.remote_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM attempts b WHERE b.cell = a.cell AND (b.id > a.id OR b.state = 'made')
)
"""

STIRRED = """
SELECT id, cell, finished FROM attempts WHERE id > ?
UNION ALL SELECT id, cell, finished FROM attempts WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id
"""

FLOW = """
SELECT sum(finished IS NULL) AS in_flight,
    sum(finished > :since AND reused_from IS NULL AND concern IS NOT 'later') AS concluded,
    min(CASE WHEN finished > :since AND reused_from IS NULL THEN begun END) AS begun
FROM attempts
"""
"""A refusal for now concludes nothing: its cell is tried again."""

TIMINGS = """
SELECT c.request, a.seconds, a.finished - a.begun AS took,
    (SELECT count(*) FROM pictures p WHERE p.attempt = a.id) AS images
FROM attempts a JOIN cells c ON c.digest = a.cell
WHERE a.state = 'made' AND a.reused_from IS NULL AND images > 0 ORDER BY a.id DESC LIMIT ?
"""
"""Of the latest attempts that made something, how long they took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAttempt:
    """An attempt whose pictures may still come: without an outcome, since its process stopped; or asked about once more.

    Attributes:
        queued: what the server said when it accepted the request; None when it never said so.
        begun: seconds since 1970.
        track_id: this side's name for the request, under which a server may be asked; empty when it has none.
    """

    id: int
    cell: str
    request: Request
    queued: Queued | None
    begun: float
    track_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long a request took that was made: the server's own seconds, None when it does not say, and from intent to end."""

    request: Request
    images: int
    seconds: float | None
    took: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What goes through a run: attempts without an outcome, those concluded since a moment, and when the first was begun."""

    in_flight: int
    concluded: int
    since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stir:
    """What is new in a ledger since it was last looked at.

    Attributes:
        cells: digests of the cells that stand otherwise now.
        last: the highest number of an attempt.
        still: numbers of those looked at that are open.
    """

    cells: tuple[str, ...]
    last: int
    still: frozenset[int]


class Ledger:
    """The record of one run folder. Use it as a context manager; open it once for writing (see `runner.folder`).

    Raises (every method):
        RunFolderError: the file is damaged, the disk is full, the folder is read-only.
        sqlite3.IntegrityError: the call would rewrite a finished attempt, or names one that was never begun.
    """

    def __init__(self, path: Path, *, readonly: bool = False, writer: str = "") -> None:
        """Open a ledger, creating it unless `readonly`. One of an earlier version is brought to this one.

        Args:
            path: the file.
            readonly: read it and change nothing.
            writer: which sweep wrote it, for the message when this one cannot read it.

        Raises:
            RunFolderError: the file is no ledger, is damaged, or a newer version wrote it.
        """
        self.path = path
        self._readonly = readonly
        self._grouped = False
        self._db = open_ledger(path, readonly=readonly, writer=writer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._readonly:
            self._db.close()
        else:
            with in_words(self.path):
                close_ledger(self._db)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Record what is recorded inside with one durable commit at the end. What raises inside leaves no trace."""
        with in_words(self.path), self._db:
            self._db.execute("BEGIN")
            self._grouped = True
            try:
                yield
            finally:
                self._grouped = False

    def begin(self, cell: Cell, *, now: float, track_id: str = "") -> int:
        """Record the intent to send a cell's request; return the attempt's number."""
        with self._transaction():
            return self._begin(cell, now, track_id)

    def accept(self, attempt: int, queued: Queued) -> None:
        """Record the server's name for a request, before anything is fetched."""
        with self._transaction():
            self._update(
                attempt, {"remote_id": storable(queued.remote_id), "fetch_result": storable(queued.fetch_result)}
            )

    def finish(self, attempt: int, outcome: Outcome, *, now: float) -> None:
        """Record how an attempt ended, its pictures in the same commit."""
        with self._transaction():
            self._finish(attempt, outcome, {"finished": now})

    def reuse(self, cell: Cell, made: Made, *, source: str, now: float) -> None:
        """Record that a cell's pictures were taken from an earlier run: made, and marked with where they came from.

        Args:
            cell: the cell that would otherwise be sent.
            made: what the earlier run's ledger holds; its pictures lie in this run's vault already.
            source: the earlier run's folder, for the reader.
            now: seconds since 1970.
        """
        with self._transaction():
            self._finish(self._begin(cell, now, ""), made, {"finished": now, "reused_from": source})

    def abandon(self, attempt: int, reason: str, *, now: float) -> None:
        """Close an attempt that certainly made nothing: its cell is pending again."""
        with self._transaction():
            self._update(attempt, {"finished": now, "state": State.PENDING, "reason": reason})

    def change(self, change: Change) -> None:
        """Record that another number of requests may be in flight."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO changes (at, concurrency, reason) VALUES (?, ?, ?)",
                (change.at, change.concurrency, storable(change.reason)),
            )

    def changes(self) -> list[Change]:
        """Return how many requests might be in flight, from when on and why, the oldest first."""
        with in_words(self.path):
            rows = self._db.execute("SELECT at, concurrency, reason FROM changes ORDER BY id").fetchall()
        return [Change(at=row["at"], concurrency=row["concurrency"], reason=row["reason"]) for row in rows]

    def spent(self) -> Spent:
        """Return what attempts have cost so far: of one that is open, unknown or failed, the images that were asked for."""
        with in_words(self.path):
            row = self._db.execute(SPENT).fetchone()
        return Spent(requests=row["requests"], images=row["images"] or 0)

    def open_attempts(self) -> list[OpenAttempt]:
        """Return the attempts that have no outcome, the oldest first."""
        return self._attempts("a.finished IS NULL")

    def unanswered(self) -> list[OpenAttempt]:
        """Return the last attempts of cells that are unknown, where they have a name to ask by; the oldest first."""
        return self._attempts(UNANSWERED)

    def unfetched(self) -> list[OpenAttempt]:
        """Return the last attempts of cells that were made and did not arrive, where the server's name is known."""
        return self._attempts(UNFETCHED)

    def standing(self, digest: str) -> Standing:
        """Return how one cell stands; a cell that was never tried is pending."""
        with self._snapshot():
            return dict(self._standings("WHERE a.cell = ?", (digest,))).get(digest, PENDING)

    def standings(self) -> Mapping[str, Standing]:
        """Return how every cell stands that was tried, by digest: a hundred thousand take some 50 MB."""
        with self._snapshot():
            return Standings(self._standings("", ()))

    def gists(self) -> dict[str, Gist]:
        """Return how every cell stands that was tried, in brief: a hundred thousand take 0.2 s and 20 MB."""
        found: dict[str, Gist] = {}
        with in_words(self.path), self._legible():
            for row in self._db.execute(GISTS):
                earlier = found.get(row["cell"])
                if earlier is None or earlier.state is not State.MADE or row["state"] == State.MADE:
                    found[row["cell"]] = gist_of(
                        row["state"], row["concern"], row["pictures"], reused=bool(row["reused"])
                    )
        return found

    def made(self, digests: Iterable[str]) -> dict[str, Standing]:
        """Return how those of some cells stand that are made, by digest: one look at the index, however many others."""
        chosen = "WHERE a.state = 'made' AND a.cell IN (SELECT value FROM json_each(?))"
        with self._snapshot():
            return dict(self._standings(chosen, (json.dumps(list(digests)),)))

    def stirred(self, after: int, before: Collection[int] = ()) -> Stir:
        """Return which cells have attempts with a number above one, or attempts that were open and are no more.

        Args:
            after: the number up to which attempts are known.
            before: numbers of those that were open when they became known; a finished attempt is never rewritten.
        """
        with in_words(self.path):
            rows = self._db.execute(STIRRED, (after, json.dumps(list(before)))).fetchall()
        still = frozenset(row["id"] for row in rows if row["finished"] is None)
        cells = dict.fromkeys(row["cell"] for row in rows if row["id"] > after or row["id"] not in still)
        return Stir(cells=tuple(cells), last=max([after, *(row["id"] for row in rows)]), still=still)

    def tried(self, digests: Iterable[str]) -> Iterator[tuple[str, Request, Standing]]:
        """Yield what was asked for some cells and how they stand; those that were never tried are left out."""
        chosen = json.dumps(list(digests))
        with self._snapshot():
            rows = self._db.execute("SELECT * FROM cells WHERE digest IN (SELECT value FROM json_each(?))", (chosen,))
            requests = {row["digest"]: request_from(row["request"]) for row in rows}
            where = "WHERE a.cell IN (SELECT value FROM json_each(?))"
            found = [(cell, requests[cell], standing) for cell, standing in self._standings(where, (chosen,))]
        yield from found

    def flow(self, since: float) -> Flow:
        """Return how many attempts are open, and how many were concluded since a moment (seconds since 1970)."""
        with in_words(self.path):
            row = self._db.execute(FLOW, {"since": since}).fetchone()
        return Flow(in_flight=row["in_flight"] or 0, concluded=row["concluded"] or 0, since=row["begun"])

    def timings(self, most: int) -> list[Timing]:
        """Return how long the latest requests took that this run itself has made."""
        with in_words(self.path), self._legible():
            return [
                Timing(
                    request=request_from(row["request"]), images=row["images"], seconds=row["seconds"], took=row["took"]
                )
                for row in self._db.execute(TIMINGS, (most,))
            ]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with in_words(self.path), self._savepoint() if self._grouped else self._db:
            yield

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        """Undo one record of a group without undoing the others, where the record alone is to blame."""
        self._db.execute("SAVEPOINT record")
        try:
            yield
        except sqlite3.IntegrityError:
            self._db.execute("ROLLBACK TO record")
            self._db.execute("RELEASE record")
            raise
        self._db.execute("RELEASE record")

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Read attempts and their pictures as of one moment, while another process writes."""
        with self._transaction(), self._legible():
            self._db.execute("BEGIN")
            yield

    @contextmanager
    def _legible(self) -> Iterator[None]:
        """Call a row damaged that holds what no ledger holds."""
        try:
            yield
        except (ValueError, LookupError, TypeError) as error:
            raise damaged(self.path, error) from error

    def _attempts(self, which: str) -> list[OpenAttempt]:
        query = (
            "SELECT a.id, a.cell, c.request, a.remote_id, a.fetch_result, a.begun, a.track_id FROM attempts a "  # noqa: S608  # `which` is this module's own
            f"JOIN cells c ON c.digest = a.cell WHERE {which} ORDER BY a.id"
        )
        with in_words(self.path), self._legible():
            return [
                OpenAttempt(
                    id=row["id"],
                    cell=row["cell"],
                    request=request_from(row["request"]),
                    queued=Queued(remote_id=row["remote_id"], fetch_result=row["fetch_result"] or "")
                    if row["remote_id"] is not None
                    else None,
                    begun=row["begun"],
                    track_id=row["track_id"],
                )
                for row in self._db.execute(query)
            ]

    def _begin(self, cell: Cell, now: float, track_id: str) -> int:
        self._db.execute(
            "INSERT OR IGNORE INTO cells (digest, request) VALUES (?, ?)", (cell.digest, request_text(cell.request))
        )
        cursor = self._db.execute(
            "INSERT INTO attempts (cell, begun, track_id) VALUES (?, ?, ?)", (cell.digest, now, track_id)
        )
        return int(cursor.lastrowid or 0)

    def _finish(self, attempt: int, outcome: Outcome, facts: Mapping[str, object]) -> None:
        if isinstance(outcome, Made):
            self._db.executemany(
                "INSERT INTO pictures (attempt, place, sha256, width, height, size, format) VALUES (?,?,?,?,?,?,?)",
                [(attempt, place, *picture_row(picture)) for place, picture in enumerate(outcome.pictures)],
            )
        self._update(attempt, {**outcome_row(outcome), **facts})

    def _update(self, attempt: int, values: Mapping[str, object]) -> None:
        places = ", ".join(f"{name} = ?" for name in values)
        cursor = self._db.execute(f"UPDATE attempts SET {places} WHERE id = ?", (*values.values(), attempt))  # noqa: S608  # names are this module's own
        if cursor.rowcount != 1:
            raise sqlite3.IntegrityError(f"attempt {attempt} was never begun")

    def _standings(self, where: str, values: tuple[object, ...]) -> Iterator[tuple[str, Standing]]:
        pictures = self._pictures(where, values)
        query = f"SELECT {STANDING} FROM attempts a {where} ORDER BY a.cell, a.id"  # noqa: S608  # `where` is this module's own
        for cell, rows in groupby(self._db.execute(query, values), itemgetter("cell")):
            yield cell, standing_of(list(rows), pictures)

    def _pictures(self, where: str, values: tuple[object, ...]) -> dict[int, tuple[Picture, ...]]:
        query = f"SELECT p.* FROM pictures p JOIN attempts a ON a.id = p.attempt {where} ORDER BY p.attempt, p.place"  # noqa: S608  # `where` is this module's own
        found: dict[int, tuple[Picture, ...]] = {}
        for row in self._db.execute(query, values):
            picture = Picture(
                sha256=row["sha256"], width=row["width"], height=row["height"], size=row["size"], format=row["format"]
            )
            found[row["attempt"]] = (*found.get(row["attempt"], ()), picture)
        return found
