"""When to send, how long to wait, when to stop: arithmetic with the clock passed in.

> Invariant 7, a limit is reserved before a send, not noticed after it: `Budget.reserve` either takes a request's share
> of every limit or names the limit that it would break.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from random import Random

from runner.errors import InputError
from runner.nouns import Limits, Refused

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
"""Seconds between attempts at a cell when the server says nothing: the first delay, and where doubling ends."""

LONGEST_HINT = 3600.0
"""Seconds that a server's own hint is believed: an hour passes, a hint of a century is a mistake."""

DOUBLINGS = 16
"""Doublings after which the delay is the longest in any case; the power would not fit a float much later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time and chance, passed in so that tests own both.

    Attributes:
        now: seconds since 1970, for the record.
        elapsed: seconds that never run backwards, for limits and pace.
        sleep: waits that many seconds.
        random: jitter.
    """

    now: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Random = field(default_factory=Random)


def delay_after(refusal: Refused, failures: int, chance: Random) -> float:
    """Return the seconds to wait before the next attempt at a cell.

    The server's own hint wins, from nothing to an hour. Otherwise exponential backoff with equal jitter (Brooker 2015,
    "Exponential Backoff and Jitter"): uniform between half and all of 1, 2, 4 … 60 s.

    Args:
        refusal: why the last attempt came to nothing.
        failures: attempts so far, 1 or more.
        chance: source of jitter.
    """
    if refusal.retry_after is not None and isfinite(refusal.retry_after):
        return min(max(refusal.retry_after, 0.0), LONGEST_HINT)
    ceiling = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(failures - 1, DOUBLINGS))
    return chance.uniform(ceiling / 2, ceiling)


class Arrivals:
    """Spaces sends evenly: at most `rate` a second by arrival, however long the answers take.

    Nothing is saved up: after a pause the next sends are as far apart as ever. None is as fast as they are asked for.
    """

    def __init__(self, rate: float | None) -> None:
        if rate is not None and not rate > 0:
            raise ValueError(f"a rate of {rate} a second sends nothing; give one above 0, or None for no limit")
        self._gap = 0.0 if rate is None else 1 / rate
        self._next = float("-inf")

    def wait(self, elapsed: float) -> float:
        """Take the next place in line; return the seconds until it comes."""
        place = max(elapsed, self._next)
        self._next = place + self._gap
        return place - elapsed


class Budget:
    """What a run may still spend."""

    def __init__(self, limits: Limits, *, price: float | None, started: float) -> None:
        """Start with nothing spent.

        Args:
            limits: of this run.
            price: of one image, None when unknown.
            started: `Clock.elapsed` at the start, for the wall-clock limit.

        Raises:
            InputError: the cost is limited and the price is unknown, so that the limit could not be kept.
        """
        if limits.cost is not None and price is None:
            raise InputError(
                f"limits.cost is {limits.cost:g} and there is no price: the limit could not be kept; "
                "say what an image costs (price: {per_image: 0.0047}), or limit requests or images instead"
            )
        self._limits = limits
        self._price = _exact(price or 0.0)
        self._started = started
        self.requests = 0
        self.images = 0

    @property
    def cost(self) -> float:
        """Return what was reserved, in the price's currency; 0 without a price."""
        return float(self.images * self._price)

    def reserve(self, images: int, *, elapsed: float) -> str | None:
        """Take one request for some images out of every limit, or return the limit that stands in the way.

        A limit is reached, not passed: the tenth image of ten is made. The clock's limit is passed once it strikes.
        """
        limits, price = self._limits, self._price
        if limits.wall is not None and elapsed - self._started >= limits.wall:
            return f"the limit of {limits.wall:g} s of wall-clock time"
        if limits.requests is not None and self.requests + 1 > limits.requests:
            return f"the limit of {limits.requests} requests"
        if limits.images is not None and self.images + images > limits.images:
            return f"the limit of {limits.images} images"
        if limits.cost is not None and (self.images + images) * price > _exact(limits.cost):
            return f"the limit of {limits.cost:g} for cost"
        self.requests += 1
        self.images += images
        return None

    def release(self, images: int) -> None:
        """Give back the images of a request that was refused: nothing was made, and nothing is to be paid."""
        self.images -= images


def _exact(number: float) -> Decimal:
    """Return a number as it is written: ten images at 0.1 cost 1, which binary fractions miss by a hair."""
    return Decimal(repr(number))
