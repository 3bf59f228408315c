"""What an earlier process left open is closed.

> Invariant 1, what was accepted is fetched and never bought again. An attempt whose answer never came is asked about by the
> track_id that was recorded before it was sent; where nobody can tell, it is unknown, and is not sent again.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from runner.execute.bench import Bench
from runner.execute.delivering import bring, follow
from runner.execute.writers import Writers, writers
from runner.ledger import OpenAttempt
from runner.nouns import Cell, Reply, Unknown

AT_ONCE = 8
"""Attempts that are asked about at a time: each is a few fetches, and an image to download."""


async def settle(attempts: Iterable[OpenAttempt], bench: Bench, *, in_process: bool) -> None:
    """Close what an earlier process left open.

    What was accepted is fetched. What was sent without an answer is asked about, and is unknown where the target cannot
    tell; unless the server ran inside that process and stopped with it: then it certainly made nothing, and the cell is
    pending again. Webhooks are expected for all of them from the start.

    Raises:
        OSError: the disk is full, the folder is read-only; attempts that are still open stay so for the next run.
    """
    left, room = list(attempts), asyncio.Semaphore(AT_ONCE)
    for attempt in left:
        if attempt.track_id and not in_process:
            bench.client.expect(attempt.request, attempt.track_id)
    try:
        async with writers(bench) as both, asyncio.TaskGroup() as group:
            for attempt in left:
                await room.acquire()
                task = group.create_task(_close(attempt, bench, both, in_process=in_process))
                task.add_done_callback(lambda _: room.release())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


async def _close(attempt: OpenAttempt, bench: Bench, both: Writers, *, in_process: bool) -> None:
    record = both.record
    if in_process:
        reason = "the run was interrupted, and the server in its process with it"
        await record.abandon(attempt.id, reason, now=bench.clock.now())
        return
    reply = await _reply(attempt, bench)
    outcome = await bring(await follow(reply, attempt.id, bench, record), bench, both.shelver)
    await record.finish(attempt.id, outcome, now=bench.clock.now())


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


async def ask_again(attempts: Sequence[OpenAttempt], bench: Bench) -> None:
    """Ask once more about requests that ended as unknown; what the target knows by now is a new attempt beside the old.

    The latest comes first: what a target cannot tell of that, it cannot tell of an earlier one.
    """
    async with writers(bench) as both:
        for attempt in sorted(attempts, key=lambda attempt: attempt.begun, reverse=True):
            reply = await _now(attempt, bench)
            if reply is None:
                return
            if not isinstance(reply, Unknown):
                await _record(attempt, reply, bench, both)


async def _now(attempt: OpenAttempt, bench: Bench) -> Reply | None:
    """Return what the target says of a request by now, None where it cannot tell."""
    if attempt.queued is not None:
        return await bench.client.wait(attempt.queued, deadline=bench.clock.elapsed())
    age = bench.clock.now() - attempt.begun
    return await bench.client.find(attempt.track_id, age=age) if age >= 0 else None


async def _record(attempt: OpenAttempt, reply: Reply, bench: Bench, both: Writers) -> None:
    cell, now = Cell(digest=attempt.cell, coordinates={}, request=attempt.request), bench.clock.now()
    number = await both.record.begin(cell, now=now, track_id=attempt.track_id)
    outcome = await bring(await follow(reply, number, bench, both.record), bench, both.shelver)
    await both.record.finish(number, outcome, now=bench.clock.now())
