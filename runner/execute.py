"""A plan, minus what its ledger holds, becomes outcomes.

A fixed number of workers pull cells from one iterator, so that memory grows with concurrency and not with cells. The
order of writes is what a crash can rely on:

    begin (intent)  →  POST  →  accept (the server's name for it)  →  fetch  →  image on disk  →  finish

A refusal concerns *later* (the cell is tried again, up to its number of attempts), *this cell* (an outcome), or *this
run* (nothing more is sent). An answer that never came is `unknown` and is not sent again.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeGuard

from runner.client import Client, DownloadError
from runner.errors import ImageError
from runner.flags import HIDDEN
from runner.ledger import Ledger, OpenAttempt
from runner.nouns import (
    Cell,
    Concern,
    Execution,
    Failed,
    Made,
    Outcome,
    Queued,
    Ready,
    Refused,
    Reply,
    Unknown,
)
from runner.pace import Arrivals, Budget, Clock, delay_after
from runner.vault import Vault

DOWNLOADS = 3
"""How often an image that arrives broken is downloaded before its cell has failed: it is paid for already."""

FETCH_PATIENCE = 3600.0
"""Seconds that an accepted request may take before its outcome is unknown."""


class Step(StrEnum):
    """What just happened to a cell, for whoever watches."""

    SENT = "sent"
    WAITING = "waiting"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something to show: a cell was sent, waits before another attempt, or has its outcome."""

    step: Step
    cell: str
    outcome: Outcome | None = None
    delay: float = 0.0


def unwatched(_: Event) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What executing needs from outside. `watch` is told of every step and must be quick."""

    client: Client
    ledger: Ledger
    vault: Vault
    budget: Budget
    clock: Clock = field(default_factory=Clock)
    watch: Callable[[Event], None] = unwatched


class Cause(StrEnum):
    """Who stopped a run."""

    TARGET = "target"
    LIMIT = "limit"
    USER = "user"


class Stop:
    """Whether more may be sent, and if not, who said so and why.

    The first cause stays, but for a limit: where the target then refuses what was in flight, that is what to mend.
    """

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self.reason = ""
        self._event = asyncio.Event()

    def __bool__(self) -> bool:
        return self.cause is not None

    def because(self, cause: Cause, reason: str) -> None:
        """Stop sending."""
        if self.cause is None or (self.cause is Cause.LIMIT and cause is Cause.TARGET):
            self.cause, self.reason = cause, reason
            self._event.set()

    async def or_sleep(self, seconds: float, clock: Clock) -> None:
        """Wait that long, or until the run is stopped."""
        if seconds <= 0:
            return
        waits = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(self._event.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


async def execute(cells: Iterable[Cell], bench: Bench, execution: Execution, stop: Stop) -> None:
    """Make cells until none is left or `stop` says why not. What is in flight when it does is finished.

    Raises:
        OSError: the disk is full, the folder is read-only; attempts in flight stay open, the next run settles them.
    """
    sweep = _Sweep(bench, execution, stop)
    queue = iter(cells)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(execution.concurrency):
                group.create_task(sweep.work(queue))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


async def settle(attempts: Iterable[OpenAttempt], bench: Bench, *, in_process: bool) -> None:
    """Close what an earlier process left open.

    What was accepted is fetched. What was sent without an answer is unknown, unless the server ran inside that process
    and stopped with it: then it certainly made nothing, and the cell is pending again.
    """
    for attempt in attempts:
        now = bench.clock.now()
        if in_process:
            bench.ledger.abandon(attempt.id, "the run was interrupted, and the server in its process with it", now=now)
        elif attempt.queued is None:
            message = "the run was interrupted before the answer came: it may have been made and paid for"
            bench.ledger.finish(attempt.id, Unknown(message=message), now=now)
        else:
            outcome = await _complete(attempt.queued, attempt.id, bench)
            bench.ledger.finish(attempt.id, outcome, now=bench.clock.now())


class _Sweep:
    """One run's workers and what they share. They run on one event loop, so that nothing here needs a lock."""

    def __init__(self, bench: Bench, execution: Execution, stop: Stop) -> None:
        self.bench = bench
        self.execution = execution
        self.stop = stop
        self.arrivals = Arrivals(execution.rate)

    async def work(self, queue: Iterator[Cell]) -> None:
        for cell in queue:
            if self.stop:
                return
            await self.make(cell)

    async def make(self, cell: Cell) -> None:
        """Try a cell until it has an outcome that stays, or nothing more may be sent."""
        for failures in range(1, self.execution.attempts + 1):
            outcome = await self.attempt(cell)
            if outcome is None:
                return
            if not (_later(outcome) and failures < self.execution.attempts):
                self.bench.watch(Event(step=Step.FINISHED, cell=cell.digest, outcome=outcome))
                return
            delay = delay_after(outcome, failures, self.bench.clock.random)
            self.bench.watch(Event(step=Step.WAITING, cell=cell.digest, outcome=outcome, delay=delay))
            await self.stop.or_sleep(delay, self.bench.clock)

    async def attempt(self, cell: Cell) -> Outcome | None:
        """Send a cell once; return how that ended, or None when nothing may be sent."""
        await self.stop.or_sleep(self.arrivals.wait(self.bench.clock.elapsed()), self.bench.clock)
        if self.stop or not self.reserved(cell):
            return None
        ledger, clock = self.bench.ledger, self.bench.clock
        number = ledger.begin(cell, now=clock.now())
        self.bench.watch(Event(step=Step.SENT, cell=cell.digest))
        outcome = await _complete(await self.bench.client.send(cell.request), number, self.bench)
        ledger.finish(number, outcome, now=clock.now())
        if isinstance(outcome, Refused):
            self.bench.budget.release(_images(cell))
            if outcome.concern is Concern.RUN:
                self.stop.because(Cause.TARGET, outcome.message)
        return outcome

    def reserved(self, cell: Cell) -> bool:
        images = _images(cell)
        limit = self.bench.budget.reserve(images, elapsed=self.bench.clock.elapsed())
        if limit:
            self.stop.because(Cause.LIMIT, f"stopped by {limit}")
        return limit is None


def _images(cell: Cell) -> int:
    return int(cell.request.parameters.get("samples") or 1)


def _later(outcome: Outcome) -> TypeGuard[Refused]:
    return isinstance(outcome, Refused) and outcome.concern is Concern.LATER


async def _complete(reply: Reply, attempt: int, bench: Bench) -> Outcome:
    """Follow a reply to its end: wait for what is queued, bring what is ready into the vault."""
    match reply:
        case Queued():
            bench.ledger.accept(attempt, reply)
            deadline = bench.clock.elapsed() + FETCH_PATIENCE
            waited = await bench.client.wait(reply, deadline=deadline)
            return await _bring(waited, bench) if isinstance(waited, Ready) else waited
        case Ready():
            bench.ledger.accept(attempt, Queued(remote_id=reply.remote_id))
            return await _bring(reply, bench)
        case _:
            return reply


async def _bring(ready: Ready, bench: Bench) -> Outcome:
    """Download images, decode each one and put it in the vault."""
    problem = ""
    for _ in range(DOWNLOADS):
        try:
            images = await bench.client.download(ready)
            pictures = [await asyncio.to_thread(bench.vault.put, image) for image in images]
        except DownloadError as error:
            return Failed(message=str(error))
        except ImageError as error:
            problem = str(error)
        else:
            return _made(ready, Made(pictures=tuple(pictures), meta=ready.meta, seconds=ready.seconds))
    return Failed(message=f"the target's image is broken: {problem}")


def _made(ready: Ready, made: Made) -> Outcome:
    if not made.pictures:
        return Failed(message="the target's answer says success and holds no image")
    seed = ready.meta.get("seed")
    known = seed if isinstance(seed, int) else int(seed) if isinstance(seed, str) and seed.isdigit() else None
    hidden = {} if ready.nsfw is None else {HIDDEN: ready.nsfw}
    return Made(pictures=made.pictures, meta={**hidden, **made.meta}, seconds=made.seconds, seed=known)
