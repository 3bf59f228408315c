"""What ended without its pictures is asked for once more, before any of it is sent again.

> Invariant 1, what was accepted is fetched and never bought again: what became of an unknown request, and the pictures of
> one that was made and did not arrive, are a new attempt beside the old one under the same names. It sends nothing.
"""

from collections.abc import Mapping, Sequence

from runner.client import WithheldError
from runner.execute.bench import Bench
from runner.execute.bill import asked_for, paid_for
from runner.execute.delivering import bring, follow
from runner.execute.settling import FIRST_LOOK, each
from runner.execute.stop import Stop
from runner.execute.writers import Writers, writers
from runner.ledger import OpenAttempt
from runner.nouns import Cell, Failed, Made, Outcome, Queued, Ready, Reply, Unknown

RETRIED = "the next retry asks for it again"
"""Of a cell that has failed: running again alone does not ask for it."""


async def ask_again(attempts: Sequence[OpenAttempt], bench: Bench, stop: Stop) -> None:
    """Ask once more about requests that ended as unknown; what the target knows by now is a new attempt beside the old.

    The latest comes first: what a target cannot tell of that, it cannot tell of an earlier one. What it is still making
    after a first look at all of them stays open, for `settle`. A stop ends it at once.
    """
    until = bench.clock.elapsed() + FIRST_LOOK

    async def ask(in_turn: Sequence[OpenAttempt]) -> None:
        for attempt in in_turn:
            if attempt.queued is None and attempt.begun > bench.clock.now():
                continue  # a clock that was set back says nothing about how long ago it was
            if stop or not await _asked_again(attempt, bench, both, until):
                return

    latest_first = sorted(attempts, key=lambda attempt: attempt.begun, reverse=True)
    async with writers(bench) as both:
        await each([latest_first], ask, stop)


async def fetch_again(attempts: Sequence[OpenAttempt], bench: Bench, stop: Stop) -> Mapping[str, str]:
    """Fetch once more what was made and did not arrive; what arrives now is a new attempt beside the old.

    Args:
        attempts: failed ones whose name at the server is known.
        bench: the client, the ledger, the vault and what else is needed from outside.
        stop: ends it at once; nothing is lost by that.

    Returns:
        Why pictures do not come now, by the cell's digest, where they may another time: the target keeps them back, or what
        keeps them cannot be reached.
    """
    kept: dict[str, str] = {}

    async def fetch(attempt: OpenAttempt) -> None:
        try:
            reply = await _by_now(attempt, bench)
        except WithheldError as error:
            kept[attempt.cell] = f"{error.found}; {RETRIED}"
            return
        if isinstance(reply, Queued):
            kept[attempt.cell] = f"accepted as {reply.remote_id}, and still being made; {RETRIED}"
        elif isinstance(reply, Ready):
            match await bring(reply, bench, both.shelver):
                case Made() as made:
                    await _conclude(await _begun(attempt, both), attempt, made, bench, both)
                case Failed(away=True) as failed:
                    kept[attempt.cell] = f"{failed.message}; {RETRIED}"

    async with writers(bench) as both:
        await each(attempts, fetch, stop)
    return kept


async def _asked_again(attempt: OpenAttempt, bench: Bench, both: Writers, until: float) -> bool:
    """Ask about one request; return whether the target can tell at all."""
    try:
        reply = await _by_now(attempt, bench)
        known_already = isinstance(reply, Unknown) or (attempt.queued is not None and isinstance(reply, Queued))
        if reply is None or known_already:
            return reply is not None
        number = await _begun(attempt, both)
        left = max(0.0, until - bench.clock.elapsed())
        last = await follow(reply, number, bench, both.record, patience=left)
    except WithheldError:  # an attempt that is open now stays so for the next start
        return False
    if not isinstance(last, Queued):
        await _conclude(number, attempt, await bring(last, bench, both.shelver), bench, both)
    return True


async def _by_now(attempt: OpenAttempt, bench: Bench) -> Reply | None:
    """Return what the target says of a request by now, None where it cannot tell."""
    if attempt.queued is not None:
        return await bench.client.wait(attempt.queued, deadline=bench.clock.elapsed())
    return await bench.client.find(attempt.track_id, age=bench.clock.now() - attempt.begun)


async def _begun(attempt: OpenAttempt, both: Writers) -> int:
    """Record the new attempt, under the names and the time of its one sending: by those a target is asked about it."""
    cell = Cell(digest=attempt.cell, coordinates={}, request=attempt.request)
    number = await both.record.begin(cell, now=attempt.begun, track_id=attempt.track_id)
    if attempt.queued is not None:
        await both.record.accept(number, attempt.queued)
    return number


async def _conclude(number: int, attempt: OpenAttempt, outcome: Outcome, bench: Bench, both: Writers) -> None:
    await both.record.finish(number, outcome, now=bench.clock.now())
    bench.budget.settle(asked_for(attempt.request), paid_for(outcome, attempt.request))
