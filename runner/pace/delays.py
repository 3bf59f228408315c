"""How long to wait before another attempt."""

from math import isfinite
from random import Random

from runner.nouns import Refused

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
"""Seconds between attempts at a cell when the server says nothing: the first delay, and where doubling ends."""

LONGEST_HINT = 3600.0
"""Seconds that a run waits because a server asks it to. What asks for longer, such as a daily quota, stops the run."""

SPREAD = 0.1
"""Share of a hint that is waited beyond it, at most."""

DOUBLINGS = 16
"""Doublings after which the delay is the longest in any case; the power would not fit a float much later."""


def delay_after(refusal: Refused, failures: int, chance: Random) -> float:
    """Return the seconds to wait before the next attempt at a cell.

    The server's own hint wins, from nothing to an hour, and a little more by chance, so that those who were told the same
    do not come back at the same moment. Otherwise exponential backoff with equal jitter (Brooker 2015,
    "Exponential Backoff and Jitter"): uniform between half and all of 1, 2, 4 … 60 s.

    Args:
        refusal: why the last attempt came to nothing.
        failures: attempts so far, 1 or more.
        chance: source of jitter.
    """
    if refusal.retry_after is not None and isfinite(refusal.retry_after):
        hint = min(max(refusal.retry_after, 0.0), LONGEST_HINT)
        return hint * chance.uniform(1.0, 1.0 + SPREAD)
    ceiling = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(failures - 1, DOUBLINGS))
    return chance.uniform(ceiling / 2, ceiling)


def too_long(refusal: Refused) -> bool:
    """Return whether a server asks to wait for longer than a run would."""
    return refusal.retry_after is not None and refusal.retry_after > LONGEST_HINT
