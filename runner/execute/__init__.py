"""A plan, minus what its ledger holds, becomes outcomes.

One dispatcher pulls cells from an iterator, so that memory grows with concurrency and not with cells. The
order of writes is what a crash can rely on:

    begin (intent)  →  POST  →  accept (the server's name for it)  →  fetch  →  image on disk  →  finish

A refusal concerns *later* (the cell is tried again, up to its number of attempts), *this cell* (an outcome), or *this
run* (nothing more is sent). An answer that never came is asked about; where the target cannot tell, the outcome is
`unknown` and nothing is sent again.
"""

from runner.execute.bench import Bench, Event, Step, unwatched
from runner.execute.revisiting import ask_again, fetch_again
from runner.execute.settling import FIRST_LOOK, settle
from runner.execute.stop import Cause, Stop
from runner.execute.sweeping import execute

__all__ = [
    "FIRST_LOOK",
    "Bench",
    "Cause",
    "Event",
    "Step",
    "Stop",
    "ask_again",
    "execute",
    "fetch_again",
    "settle",
    "unwatched",
]
