"""What an earlier process left open is closed."""

from collections.abc import Iterable

from runner.execute.bench import Bench
from runner.execute.delivering import deliver
from runner.ledger import OpenAttempt
from runner.nouns import Unknown


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
            outcome = await deliver(attempt.queued, attempt.id, bench)
            bench.ledger.finish(attempt.id, outcome, now=bench.clock.now())
