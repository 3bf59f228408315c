"""Time and chance."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random


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
