"""Workers pull cells from one iterator and make them."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import TypeGuard

from runner.execute.bench import Bench, Event, Step
from runner.execute.delivering import deliver
from runner.execute.stop import Cause, Stop
from runner.nouns import Cell, Concern, Execution, Outcome, Refused
from runner.pace import Arrivals, delay_after


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
        outcome = await deliver(await self.bench.client.send(cell.request), number, self.bench)
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
