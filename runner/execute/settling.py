"""What an earlier process left open is closed.

> Invariant 1, what was accepted is fetched and never bought again. An attempt whose answer never came is asked about by the
> track_id that was recorded before it was sent; where nobody can tell, it is unknown, and is not sent again.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from runner.client import WithheldError
from runner.execute.bench import Bench
from runner.execute.delivering import FETCH_PATIENCE, bring, follow
from runner.execute.stop import Stop
from runner.execute.writers import Writers, writers
from runner.ledger import OpenAttempt
from runner.nouns import Cell, Reply, Unknown

AT_ONCE = 8
"""Attempts that are asked about at a time: each is a few fetches, and an image to download."""

SHORTEST_PATIENCE = 60.0
"""Seconds that are waited at least for what an earlier start was promised, however long ago."""

KEPT_OPEN = 24 * 3600.0
"""Seconds after which an attempt that the target still does not give out is unknown."""


async def settle(attempts: Iterable[OpenAttempt], bench: Bench, *, in_process: bool, stop: Stop | None = None) -> str:
    """Close what an earlier process left open; return why the target keeps some of it back, empty when it does not.

    What was accepted is fetched. What was sent without an answer is asked about, and is unknown where the target cannot
    tell; unless the server ran inside that process and stopped with it: then it certainly made nothing, and the cell is
    pending again. Webhooks are expected for all of them from the start. What the target keeps back stays open for a day.

    Args:
        attempts: without an outcome.
        bench: the client, the ledger, the vault and what else is needed from outside.
        in_process: whether the server ran in that process.
        stop: ends it at once. Nothing is lost by that: asking costs nothing, and what is open stays so.

    Raises:
        OSError: the disk is full, the folder is read-only; attempts that are still open stay so for the next run.
    """
    left, stop = list(attempts), Stop() if stop is None else stop  # a stop that has not come is false
    for attempt in left:
        if attempt.track_id and not in_process:
            bench.client.expect(attempt.request, attempt.track_id)
    try:
        async with writers(bench) as both:
            kept = await _close_all(left, bench, both, stop=stop, in_process=in_process)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return next(filter(None, kept), "")


async def _close_all(
    left: Sequence[OpenAttempt], bench: Bench, both: Writers, *, stop: Stop, in_process: bool
) -> list[str]:
    room, kept = asyncio.Semaphore(AT_ONCE), []
    running: set[asyncio.Task[None]] = set()

    async def close(attempt: OpenAttempt) -> None:
        kept.append(await _close(attempt, bench, both, in_process=in_process))

    def over(task: "asyncio.Task[None]") -> None:
        running.discard(task)
        room.release()

    def end() -> None:
        for task in running:
            task.cancel()

    stop.tell(end)
    async with asyncio.TaskGroup() as group:
        for attempt in left:
            await room.acquire()
            if stop:
                break
            task = group.create_task(close(attempt))
            running.add(task)
            task.add_done_callback(over)
    return kept


async def _close(attempt: OpenAttempt, bench: Bench, both: Writers, *, in_process: bool) -> str:
    """Close one attempt, or return why it stays open."""
    record = both.record
    if in_process:
        reason = "the run was interrupted, and the server in its process with it"
        await record.abandon(attempt.id, reason, now=bench.clock.now())
        return ""
    age = _age(attempt, bench)
    try:
        ended = await follow(await _reply(attempt, bench), attempt.id, bench, record, patience=_patience(age))
    except WithheldError as error:
        if age < KEPT_OPEN:
            return str(error)
        ended = Unknown(message=str(error))
    outcome = await bring(ended, bench, both.shelver)
    await record.finish(attempt.id, outcome, now=bench.clock.now())
    return ""


async def _reply(attempt: OpenAttempt, bench: Bench) -> Reply:
    """Return what the server said to a request, or says now that it is asked."""
    if attempt.queued is not None:
        return replace(attempt.queued, track_id=attempt.track_id)
    age = bench.clock.now() - attempt.begun
    found = None
    if attempt.track_id and age >= 0:  # a clock that was set back says nothing about how long ago it was
        found = await bench.client.find(attempt.track_id, age=age)
    return found or Unknown(
        message="the run was interrupted before the answer came: it may have been made and paid for"
    )


def _age(attempt: OpenAttempt, bench: Bench) -> float:
    return max(0.0, bench.clock.now() - attempt.begun)


def _patience(age: float) -> float:
    """Return the seconds to wait for what is so old: an hour in all, and some at least."""
    return max(SHORTEST_PATIENCE, FETCH_PATIENCE - age)


async def ask_again(attempts: Sequence[OpenAttempt], bench: Bench, stop: Stop) -> None:
    """Ask once more about requests that ended as unknown; what the target knows by now is a new attempt beside the old.

    The latest comes first: what a target cannot tell of that, it cannot tell of an earlier one. A stop ends it at once.
    """
    try:
        async with writers(bench) as both, asyncio.TaskGroup() as group:
            asking = group.create_task(_ask_in_turn(attempts, bench, both, stop))
            stop.tell(asking.cancel)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


async def _ask_in_turn(attempts: Sequence[OpenAttempt], bench: Bench, both: Writers, stop: Stop) -> None:
    for attempt in sorted(attempts, key=lambda attempt: attempt.begun, reverse=True):
        if stop or not await _asked_again(attempt, bench, both):
            return


async def _asked_again(attempt: OpenAttempt, bench: Bench, both: Writers) -> bool:
    """Ask about one request; return whether the target can tell at all."""
    try:
        reply = await _by_now(attempt, bench)
        if reply is None or isinstance(reply, Unknown):
            return reply is not None
        cell = Cell(digest=attempt.cell, coordinates={}, request=attempt.request)
        number = await both.record.begin(cell, now=bench.clock.now(), track_id=attempt.track_id)
        ended = await follow(reply, number, bench, both.record, patience=_patience(_age(attempt, bench)))
    except WithheldError:  # an attempt that is open now stays so for the next start
        return False
    await both.record.finish(number, await bring(ended, bench, both.shelver), now=bench.clock.now())
    return True


async def _by_now(attempt: OpenAttempt, bench: Bench) -> Reply | None:
    """Return what the target says of a request by now, None where it cannot tell."""
    if attempt.queued is not None:
        return await bench.client.wait(attempt.queued, deadline=bench.clock.elapsed())
    age = bench.clock.now() - attempt.begun
    return await bench.client.find(attempt.track_id, age=age) if age >= 0 else None
