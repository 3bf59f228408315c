"""What an earlier process left open is closed.

> Invariant 1, what was accepted is fetched and never bought again. An attempt whose answer never came is asked about by the
> track_id that was recorded before it was sent; where nobody can tell, it is unknown, and is not sent again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from math import inf
from typing import TypeVar

from runner.client import WithheldError
from runner.execute.bench import Bench, Event, Step
from runner.execute.bill import asked_for, paid_for
from runner.execute.delivering import FETCH_PATIENCE, bring, ended, follow
from runner.execute.stop import Stop
from runner.execute.writers import Writers, writers
from runner.ledger import OpenAttempt
from runner.nouns import Outcome, Queued, Reply, Unknown

Item = TypeVar("Item")
Found = TypeVar("Found")

AT_ONCE = 8
"""Attempts that are asked about at a time: each is a few fetches, and an image to download."""

SHORTEST_PATIENCE = 60.0
"""Seconds that are waited at least for what an earlier start was promised, however long ago."""

KEPT_OPEN = 24 * 3600.0
"""Seconds after which an attempt that the target still does not give out is unknown."""


FIRST_LOOK = 20.0
"""Seconds that are waited for what an earlier start was promised, before anything is sent: what takes longer waits beside
what is sent."""


async def settle(
    attempts: Iterable[OpenAttempt], bench: Bench, *, stop: Stop | None = None, patience: float | None = None
) -> str:
    """Close what an earlier process left open; return why the target keeps some of it back, empty when it does not.

    What was accepted is fetched. What was sent without an answer is asked about, and is unknown where the target cannot
    tell; unless the server ran inside that process and stopped with it: then it certainly made nothing, and the cell is
    pending again. Webhooks are expected for all of them from the start. What the target keeps back stays open for a day.

    Args:
        attempts: without an outcome.
        bench: the client, the ledger, the vault and what else is needed from outside.
        stop: ends it at once. Nothing is lost by that: asking costs nothing, and what is open stays so.
        patience: seconds to wait for what is still being made, which then stays open; it is unknown only once an hour has
            passed since it was sent. None for that hour.

    Raises:
        OSError: the disk is full, the folder is read-only; attempts that are still open stay so for the next run.
    """
    left, stop = list(attempts), Stop() if stop is None else stop  # a stop that has not come is false
    if left:
        words = f"{len(left)} that an earlier start left open"
        bench.watch(Event(step=Step.SETTLING, reason=words))
    for attempt in left:
        if attempt.track_id and not bench.in_process:
            bench.client.expect(attempt.request, attempt.track_id)
    async with writers(bench) as both:
        kept = await each(left, _Closer(bench, both, patience).close, stop)
    return next(filter(None, kept), "")


async def each(items: Iterable[Item], handle: Callable[[Item], Awaitable[Found]], stop: Stop) -> list[Found]:
    """Handle each item, a few at a time, until a stop ends that at once; return what came of those that were handled.

    Raises:
        OSError: the disk is full, the folder is read-only.
    """
    room, found = asyncio.Semaphore(AT_ONCE), []
    running: set[asyncio.Task[None]] = set()

    async def handled(item: Item) -> None:
        found.append(await handle(item))

    def over(task: "asyncio.Task[None]") -> None:
        running.discard(task)
        room.release()

    def end() -> None:
        for task in running:
            task.cancel()

    stop.tell(end)
    try:
        async with asyncio.TaskGroup() as group:
            for item in items:
                await room.acquire()
                if stop:
                    break
                task = group.create_task(handled(item))
                running.add(task)
                task.add_done_callback(over)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return found


class _Closer:
    """Closes attempts that an earlier start left open."""

    def __init__(self, bench: Bench, both: Writers, patience: float | None) -> None:
        self.bench = bench
        self.both = both
        self.until = inf if patience is None else bench.clock.elapsed() + patience

    async def close(self, attempt: OpenAttempt) -> str:
        """Close one attempt; return why the target keeps it back, empty where it does not."""
        bench, age = self.bench, age_of(attempt, self.bench)
        if bench.in_process:
            reason = "the run was interrupted, and the server in its process with it"
            await self.both.record.abandon(attempt.id, reason, now=bench.clock.now())
            bench.budget.settle(asked_for(attempt.request), 0)
            return ""
        hour = patience_for(age)
        left = min(hour, max(0.0, self.until - bench.clock.elapsed()))
        try:
            reply = await follow(await _reply(attempt, bench), attempt.id, bench, self.both.record, patience=left)
        except WithheldError as error:
            if age < KEPT_OPEN:
                return str(error)
            reply = Unknown(message=str(error))
        if not (isinstance(reply, Queued) and left < hour):
            await self.conclude(attempt, await bring(ended(reply), bench, self.both.shelver))
        return ""

    async def conclude(self, attempt: OpenAttempt, outcome: Outcome) -> None:
        """Record an attempt's outcome, and count what it cost in place of what was counted for it at the start."""
        await self.both.record.finish(attempt.id, outcome, now=self.bench.clock.now())
        self.bench.budget.settle(asked_for(attempt.request), paid_for(outcome, attempt.request))


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


def age_of(attempt: OpenAttempt, bench: Bench) -> float:
    """Return the seconds since a request was sent, by a clock that may have been set."""
    return max(0.0, bench.clock.now() - attempt.begun)


def patience_for(age: float) -> float:
    """Return the seconds to wait for what is so old: an hour in all, and some at least."""
    return max(SHORTEST_PATIENCE, FETCH_PATIENCE - age)
