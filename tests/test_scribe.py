"""Many records become one durable commit, and "recorded" still means "on disk"."""

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from runner.errors import RunFolderError
from runner.execute.scribe import Scribe, scribe
from runner.ledger import Ledger
from runner.nouns import Cell, Change, Failed, Queued, Request, State

T = TypeVar("T")
FAILED = Failed(message="no image")


def cell(number: int) -> Cell:
    return Cell(
        digest=f"{number:064x}", coordinates={}, request=Request(endpoint="text2img", parameters={"seed": number})
    )


def written(path: Path, use: Callable[[Scribe], Awaitable[T]], *, seen: list[str] | None = None) -> T:
    async def writing() -> T:
        with Ledger(path) as ledger:
            if seen is not None:
                ledger._db.set_trace_callback(lambda said: seen.append(said) if said == "COMMIT" else None)
            async with scribe(ledger) as record:
                return await use(record)

    return asyncio.run(writing())


def test_records_that_wait_together_share_a_commit(tmp_path: Path) -> None:
    commits: list[str] = []

    async def many(record: Scribe) -> list[int]:
        return await asyncio.gather(*(record.begin(cell(number), now=1.0) for number in range(100)))

    numbers = written(tmp_path / "ledger.sqlite", many, seen=commits)
    assert numbers == list(range(1, 101))
    assert len(commits) <= 5


def test_what_is_awaited_can_be_read_by_another_process(tmp_path: Path) -> None:
    async def one(record: Scribe) -> list[int]:
        await record.begin(cell(1), now=1.0)
        with Ledger(tmp_path / "ledger.sqlite", readonly=True) as reader:
            return [attempt.id for attempt in reader.open_attempts()]

    assert written(tmp_path / "ledger.sqlite", one) == [1]


def test_records_are_written_in_the_order_in_which_they_were_asked_for(tmp_path: Path) -> None:
    async def life(record: Scribe) -> None:
        number = await record.begin(cell(1), now=1.0, track_id="t")
        record.change(Change(at=2.0, concurrency=3, reason="more"))
        accepted = record.accept(number, Queued(remote_id="77"))
        finished = record.finish(number, FAILED, now=3.0)
        await asyncio.gather(accepted, finished)

    written(tmp_path / "ledger.sqlite", life)
    with Ledger(tmp_path / "ledger.sqlite", readonly=True) as ledger:
        assert ledger.standing(cell(1).digest).state is State.FAILED
        assert ledger.changes() == [Change(at=2.0, concurrency=3, reason="more")]


def test_a_record_that_is_refused_raises_where_it_is_awaited_and_spares_the_others(tmp_path: Path) -> None:
    async def mixed(record: Scribe) -> list[object]:
        number = await record.begin(cell(1), now=1.0)
        return await asyncio.gather(
            record.finish(number, FAILED, now=2.0),
            record.finish(number, FAILED, now=3.0),
            record.begin(cell(2), now=4.0),
            return_exceptions=True,
        )

    first, second, third = written(tmp_path / "ledger.sqlite", mixed)
    assert (first, type(second), third) == (None, sqlite3.IntegrityError, 2)


def test_a_disk_that_takes_nothing_raises_wherever_a_record_is_awaited(tmp_path: Path) -> None:
    async def doomed(record: Scribe) -> list[object]:
        await record.begin(cell(1), now=1.0)
        record._ledger._db.execute("PRAGMA max_page_count = 1")
        big = Failed(message="x" * 100_000)
        return await asyncio.gather(
            record.finish(1, big, now=2.0), record.begin(cell(2), now=2.0), return_exceptions=True
        )

    outcomes = written(tmp_path / "ledger.sqlite", doomed)
    assert [type(outcome) for outcome in outcomes] == [RunFolderError, RunFolderError]
    with Ledger(tmp_path / "ledger.sqlite", readonly=True) as ledger:
        assert [attempt.id for attempt in ledger.open_attempts()] == [1]


def test_what_was_asked_for_is_written_before_the_thread_ends(tmp_path: Path) -> None:
    async def hurried(record: Scribe) -> None:
        for number in range(50):
            record.change(Change(at=float(number), concurrency=1, reason="x"))

    written(tmp_path / "ledger.sqlite", hurried)
    with Ledger(tmp_path / "ledger.sqlite", readonly=True) as ledger:
        assert len(ledger.changes()) == 50
    assert not [thread for thread in threading.enumerate() if thread.name == "scribe"]


def test_the_thread_ends_when_the_run_does_however_that_is(tmp_path: Path) -> None:
    async def broken(_: Scribe) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        written(tmp_path / "ledger.sqlite", broken)
    assert not [thread for thread in threading.enumerate() if thread.name == "scribe"]
