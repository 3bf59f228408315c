"""One dispatcher sends what is owed as fast as the pace allows; each attempt is a task of its own.

Memory grows with what is in flight and not with the plan: the dispatcher takes the next cell only when there is room
to send it.
"""

import asyncio
from collections.abc import Iterable
from math import inf

from runner.client import WithheldError
from runner.errors import RunFolderError
from runner.execute.asking import send
from runner.execute.bench import Bench, Event, Step
from runner.execute.bill import asked_for, paid_for
from runner.execute.delivering import FETCH_PATIENCE, bring, ended, note
from runner.execute.grace import Grace
from runner.execute.stop import Cause, Stop
from runner.execute.work import Try, Work
from runner.execute.writers import Writers, writers
from runner.nouns import Cell, Change, Concern, Execution, Failed, Made, Outcome, Queued, Ready, Refused, Unknown
from runner.pace import Arrivals, Throttle, delay_after, too_long

DELIVERING = 16
"""Pictures that may be on their way into the vault, beside as many as may be in flight; from a server in this process
none: there, what a crash interrupts is made again."""

WISH_SECONDS = 1.0
"""Between two looks at what the user asks of a run under way, and at the clock on the wall."""


async def execute(cells: Iterable[Cell], bench: Bench, execution: Execution, stop: Stop) -> None:
    """Make cells until none is left or `stop` says why not. What is in flight when it does is finished.

    What the target has accepted and is still making some minutes after a stop is left open for the next run to fetch.

    Args:
        cells: what is owed, in the order in which it is sent.
        bench: the client, the ledger, the vault and what else is needed from outside.
        execution: how it is sent.
        stop: why no more is sent; from outside, or found here.

    Raises:
        OSError, RunFolderError: the disk is full, the folder is read-only. What was in flight is answered by then, its name
            at the target recorded where that was possible; it stays open, and the next run settles it.
    """
    try:
        async with writers(bench) as both:
            await _Sweep(cells, bench, execution, stop, both).run()
    except ExceptionGroup as failures:
        raise _first(failures) from failures


def _first(failures: ExceptionGroup) -> Exception:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first


class _Sweep:
    """One run's state. Everything happens on one event loop, so that nothing here needs a lock."""

    def __init__(self, cells: Iterable[Cell], bench: Bench, execution: Execution, stop: Stop, both: Writers) -> None:
        self.bench = bench
        self.execution = execution
        self.stop = stop
        self.record, self.shelver = both.record, both.shelver
        self.throttle = Throttle(execution.concurrency, start=execution.start)
        self.arrivals = Arrivals(execution.rate)
        self.grace = Grace(stop, bench.clock)
        self.work = Work(cells, most_waiting=2 * execution.concurrency + DELIVERING)
        self.tasks = 0
        self.failed_in_a_row = 0
        self.failure: Exception | None = None
        self.bell = asyncio.Event()

    async def run(self) -> None:
        self.stop.tell(self.bell.set)
        self.paced("the start")
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self.listen()), group.create_task(self.grace.watch())]
            async with asyncio.TaskGroup() as attempts:
                await self.dispatch(attempts)
            for task in beside:
                task.cancel()
        if self.failure:
            raise self.failure

    # --- sending ------------------------------------------------------------------------------------------------

    async def dispatch(self, attempts: asyncio.TaskGroup) -> None:
        """Start an attempt whenever there is one to make and room for it."""
        while not (self.stop or self.failure):
            if self.work.over and not self.tasks:
                return
            wait = self.wait()
            if wait > 0:
                await self.rest(wait)
            elif self.reserved(tried := self.work.take(self.elapsed())):
                self.arrivals.wait(self.elapsed())
                self.throttle.enter()
                self.tasks += 1
                attempts.create_task(self.attempt(tried)).add_done_callback(self.over)

    def wait(self) -> float:
        """Return the seconds until something may be sent; infinite if that takes another attempt's end."""
        most = self.throttle.allowed if self.bench.in_process else 2 * self.throttle.allowed + DELIVERING
        if not self.throttle.room or self.tasks >= most:
            return inf
        elapsed = self.elapsed()
        return max(self.work.wait(elapsed), self.throttle.paused_until - elapsed, self.arrivals.due(elapsed))

    async def rest(self, seconds: float) -> None:
        """Wait that long, or until an attempt ends, the pace changes or the run is stopped."""
        self.bell.clear()
        if seconds == inf:
            await self.bell.wait()
            return
        left = self.bench.budget.left(self.elapsed())
        await self.sleep(min(seconds, max(0.0, left)))
        self.strike()

    async def sleep(self, seconds: float) -> None:
        """Sleep, unless the bell rings first."""
        waits = [asyncio.ensure_future(self.bench.clock.sleep(seconds)), asyncio.ensure_future(self.bell.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def reserved(self, tried: Try) -> bool:
        limit = self.bench.budget.reserve(asked_for(tried.cell.request), elapsed=self.elapsed())
        if limit:
            self.stop.because(Cause.LIMIT, f"stopped by {limit}")
        return limit is None

    def strike(self) -> None:
        """Stop where the limit of wall-clock time has struck."""
        if limit := self.bench.budget.over(self.elapsed()):
            self.stop.because(Cause.LIMIT, f"stopped by {limit}")

    def over(self, _: "asyncio.Task[None]") -> None:
        self.tasks -= 1
        self.bell.set()

    # --- one attempt --------------------------------------------------------------------------------------------

    async def attempt(self, tried: Try) -> None:
        """Make an attempt. Where the folder takes no more nothing else is sent, and the others learn their names yet."""
        try:
            await self.make(tried)
        except (OSError, RunFolderError) as error:
            self.failure = self.failure or error
            self.grace.leave()

    async def make(self, tried: Try) -> None:
        """Send a cell once and see it through; what may succeed later is tried again."""
        cell, bench = tried.cell, self.bench
        track_id = "" if cell.request.parameters.get("track_id") else bench.draw()
        try:
            number = await self.record.begin(cell, now=bench.clock.now(), track_id=track_id)
            self.show(Step.SENT, cell)
            answered = await self.asked(tried, number, track_id)
        except WithheldError as error:  # the attempt stays open: the next run asks for it
            self.stop.because(Cause.TARGET, str(error))
            return
        finally:
            self.throttle.leave()
            self.bell.set()
        if answered is None:
            self.strike()
            self.show(Step.LEFT, cell)
            return
        outcome = await bring(answered, bench, self.shelver)
        if _unsent(outcome):
            bench.budget.give_back(asked_for(cell.request))
        else:
            bench.budget.settle(asked_for(cell.request), paid_for(outcome, cell.request))
        again = self.may_be_tried_again(tried, outcome)
        if not again:
            self.count_failures(outcome)
        await self.record.finish(number, outcome, now=bench.clock.now())
        self.conclude(tried, outcome, again=again)

    async def asked(self, tried: Try, number: int, track_id: str) -> Ready | Refused | Unknown | None:
        """Send, follow, and learn from the answer what the pace should be; None where it is left to the next run."""
        answered = await self.followed(await send(tried.cell.request, track_id, self.bench), number)
        match answered:
            case None:
                pass
            case Refused(concern=Concern.RUN):
                self.stop.because(Cause.TARGET, answered.message)
            case Refused(concern=Concern.LATER):
                self.held_off(answered)
            case Refused() | Unknown():
                pass
            case _ if not tried.failures:
                self.paced(self.throttle.answered(self.elapsed()))
        return answered

    async def followed(
        self, reply: Ready | Refused | Unknown | Queued, number: int
    ) -> Ready | Refused | Unknown | None:
        """Record the server's name for the request, and wait for what is queued."""
        await note(reply, number, self.record)
        if not isinstance(reply, Queued):
            return reply
        deadline = self.elapsed() + FETCH_PATIENCE
        found = await self.grace.wait(self.bench.client.wait(reply, deadline=deadline))
        return None if found is None else ended(found)

    def held_off(self, refused: Refused) -> None:
        """Send less, or nothing for a while, where the target asks for it."""
        if too_long(refused):
            hours = (refused.retry_after or 0.0) / 3600
            reason = f"{refused.message}; the target takes more in {hours:.1f} h: run again then"
            self.stop.because(Cause.TARGET, reason)
        elif refused.crowded:
            self.paced(self.throttle.crowded(self.elapsed(), refused.retry_after))
        else:
            self.throttle.pause(self.elapsed(), refused.retry_after)

    def may_be_tried_again(self, tried: Try, outcome: Outcome) -> bool:
        return _later(outcome) and tried.failures + 1 < self.execution.attempts and not self.stop

    def count_failures(self, outcome: Outcome) -> None:
        """Stop after so many cells in a row that could not be made: the next hundred would fail alike."""
        self.failed_in_a_row = self.failed_in_a_row + 1 if _failed(outcome) else 0
        most = self.bench.budget.failures
        if most is None or self.failed_in_a_row < most or self.work.over:
            return
        if _unsent(outcome):
            self.stop.because(Cause.TARGET, f"{_said(outcome)}, {most} cells in a row")
        else:
            reason = f"stopped by the limit of {most} failures in a row (limits.failures), the last: {_said(outcome)}"
            self.stop.because(Cause.LIMIT, reason)

    def conclude(self, tried: Try, outcome: Outcome, *, again: bool) -> None:
        """Have the cell tried again, or show its outcome."""
        if not (again and isinstance(outcome, Refused)):
            self.show(Step.FINISHED, tried.cell, outcome)
            return
        delay = delay_after(outcome, tried.failures + 1, self.bench.clock.random)
        self.work.again(tried, due=self.elapsed() + delay)
        self.show(Step.WAITING, tried.cell, outcome, delay)

    # --- telling ------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        """Do what the user asks of a run that is under way, and what the clock on the wall does."""
        while self.bench.wish is not None:
            await self.bench.clock.sleep(WISH_SECONDS)
            if not self.work.over:
                self.strike()
            elif self.bench.budget.over(self.elapsed()):
                self.grace.begin()  # all is sent: only what is left open then was stopped
            wish = self.bench.wish()
            if wish.rate is not None:
                self.arrivals.keep(wish.rate)
                self.bell.set()
            if wish.concurrency is not None and wish.concurrency != self.throttle.most:
                self.paced(self.throttle.limit(wish.concurrency))
                self.work.most_waiting = 2 * wish.concurrency + DELIVERING

    def paced(self, reason: str) -> None:
        """Record and show a change of pace; without a reason there was none."""
        if not reason:
            return
        self.record.change(Change(at=self.bench.clock.now(), concurrency=self.throttle.allowed, reason=reason))
        self.bench.watch(self.event(Step.PACED, reason=reason))
        self.bell.set()

    def show(self, step: Step, cell: Cell, outcome: Outcome | None = None, delay: float = 0.0) -> None:
        self.bench.watch(self.event(step, cell=cell.digest, outcome=outcome, delay=delay))

    def event(
        self, step: Step, *, cell: str = "", outcome: Outcome | None = None, delay: float = 0.0, reason: str = ""
    ) -> Event:
        return Event(
            step=step,
            cell=cell,
            outcome=outcome,
            delay=delay,
            reason=reason,
            in_flight=self.throttle.in_flight,
            allowed=self.throttle.allowed,
        )

    def elapsed(self) -> float:
        return self.bench.clock.elapsed()


def _later(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and outcome.concern is Concern.LATER


def _unsent(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and outcome.unsent


def _failed(outcome: Outcome) -> bool:
    """Return whether a cell could not be made; that the target will not make it is a result."""
    return isinstance(outcome, Failed | Unknown) or _later(outcome)


def _said(outcome: Outcome) -> str:
    return "" if isinstance(outcome, Made) else outcome.message
