"""Whether more may be sent."""

import asyncio
from enum import StrEnum

from runner.pace import Clock


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
