"""What an earlier process left open is closed."""

import asyncio
from collections.abc import Iterable

from runner.execute.bench import Bench
from runner.execute.delivering import bring, follow
from runner.execute.scribe import Scribe, scribe
from runner.ledger import OpenAttempt
from runner.nouns import Unknown

AT_ONCE = 8
"""Attempts that are asked about at a time: each is a few fetches, and an image to download."""


async def settle(attempts: Iterable[OpenAttempt], bench: Bench, *, in_process: bool) -> None:
    """Close what an earlier process left open.

    What was accepted is fetched. What was sent without an answer is unknown, unless the server ran inside that process
    and stopped with it: then it certainly made nothing, and the cell is pending again.
    """
    room = asyncio.Semaphore(AT_ONCE)
    async with scribe(bench.ledger) as record, asyncio.TaskGroup() as group:
        for attempt in attempts:
            await room.acquire()
            task = group.create_task(_close(attempt, bench, record, in_process=in_process))
            task.add_done_callback(lambda _: room.release())


async def _close(attempt: OpenAttempt, bench: Bench, record: Scribe, *, in_process: bool) -> None:
    now = bench.clock.now()
    if in_process:
        await record.abandon(attempt.id, "the run was interrupted, and the server in its process with it", now=now)
    elif attempt.queued is None:
        message = "the run was interrupted before the answer came: it may have been made and paid for"
        await record.finish(attempt.id, Unknown(message=message), now=now)
    else:
        outcome = await bring(await follow(attempt.queued, attempt.id, bench, record), bench)
        await record.finish(attempt.id, outcome, now=bench.clock.now())
