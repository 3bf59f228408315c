"""The ledger's one writer, in a thread of its own: what waits at the same time becomes one durable commit.

A durable commit costs the disk a fraction of a millisecond to many milliseconds. Whoever awaits a record awaits that
commit, so that "recorded" always means "on disk"; sixty requests that finish together share one.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeAlias

from runner.ledger import Ledger
from runner.nouns import Cell, Change, Outcome, Queued

_Record: TypeAlias = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Scribe:
    """Records what happens to attempts, see `Ledger` for what each record means. Belongs to one event loop.

    Raises (every method):
        RunFolderError: the disk is full, the folder is read-only.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._loop = asyncio.get_running_loop()
        self._records: SimpleQueue[_Record | None] = SimpleQueue()
        self._thread = Thread(target=self._write, name="scribe", daemon=True)
        self._thread.start()

    async def begin(self, cell: Cell, *, now: float, track_id: str = "") -> int:
        """Record the intent to send a cell's request; return the attempt's number."""
        number: int = await self._record(partial(self._ledger.begin, cell, now=now, track_id=track_id))
        return number

    async def accept(self, attempt: int, queued: Queued) -> None:
        """Record the server's name for a request."""
        await self._record(partial(self._ledger.accept, attempt, queued))

    async def finish(self, attempt: int, outcome: Outcome, *, now: float) -> None:
        """Record how an attempt ended."""
        await self._record(partial(self._ledger.finish, attempt, outcome, now=now))

    async def abandon(self, attempt: int, reason: str, *, now: float) -> None:
        """Close an attempt that certainly made nothing."""
        await self._record(partial(self._ledger.abandon, attempt, reason, now=now))

    def change(self, change: Change) -> None:
        """Record a change of pace with whatever is recorded next; nobody waits for it."""
        self._record(partial(self._ledger.change, change)).add_done_callback(_looked_at)

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._records.put(None)
        self._thread.join()

    def _record(self, write: Callable[[], Any]) -> "asyncio.Future[Any]":
        written = self._loop.create_future()
        self._records.put((write, written))
        return written

    def _write(self) -> None:
        last = False
        while not last:
            group, last = self._waiting()
            if group:
                results = self._commit([write for write, _ in group])
                self._loop.call_soon_threadsafe(tell, [written for _, written in group], results)

    def _waiting(self) -> tuple[list[_Record], bool]:
        """Wait for a record; return it with all that came by then, and whether that was the last."""
        record, group = self._records.get(), []
        try:
            while record is not None:
                group.append(record)
                record = self._records.get_nowait()
        except Empty:
            return group, False
        return group, True

    def _commit(self, writes: Sequence[Callable[[], Any]]) -> list[Any]:
        """Return each record's result, or the exception that it ended with."""
        try:
            with self._ledger.together():
                return [_result(write) for write in writes]
        except BaseException as error:  # noqa: BLE001  # whoever awaits the record raises it
            return [error] * len(writes)


@asynccontextmanager
async def scribe(ledger: Ledger) -> AsyncIterator[Scribe]:
    """Give a ledger to a thread for the length of an `async with` block; nobody else may write to it."""
    writer = Scribe(ledger)
    try:
        yield writer
    finally:
        writer.close()


def _result(write: Callable[[], Any]) -> Any:
    try:
        return write()
    except sqlite3.IntegrityError as error:  # one record's mistake is not the others'; its own await raises it
        return error


def tell(waiting: Sequence["asyncio.Future[Any]"], results: Sequence[Any]) -> None:
    """Give each future its result, or the exception that stands in its place."""
    for future, result in zip(waiting, results, strict=True):
        if future.cancelled():
            continue
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)


def _looked_at(written: "asyncio.Future[Any]") -> None:
    """Take note of a failure that the next record meets as well."""
    if not written.cancelled():
        written.exception()
