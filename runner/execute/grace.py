"""What is in flight when a run is stopped is waited for, but not for ever.

> Invariant 1, what was accepted is fetched and never bought again: an attempt that is left stays open, with the server's
> name for it on disk, and the next run fetches it.
"""

import asyncio
from collections.abc import Awaitable
from math import inf
from typing import Any, TypeVar

from runner.execute.stop import Stop
from runner.pace import Clock

AFTER_STOP = 300.0
"""Seconds that are waited, after a run was stopped, for what the target has accepted and is still making."""

Found = TypeVar("Found")


class Grace:
    """Waits for what is in flight: as long as it takes, for so many seconds after a stop, or no longer at all."""

    def __init__(self, stop: Stop, clock: Clock, seconds: float = AFTER_STOP) -> None:
        self._clock = clock
        self._seconds = seconds
        self._until = inf
        self._waiting: set[asyncio.Future[Any]] = set()
        self._needed = asyncio.Event()
        self._over = False
        stop.tell(self.begin)

    def begin(self) -> None:
        """Wait for so many seconds more, counted from the first time that this is said."""
        self._until = min(self._until, self._clock.elapsed() + self._seconds)
        self._need()

    def leave(self) -> None:
        """Wait for nothing any more."""
        self._over = True
        for waiting in self._waiting:
            waiting.cancel()

    async def watch(self) -> None:
        """Leave what is still waited for once its time is over; ends when cancelled."""
        await self._needed.wait()
        await self._clock.sleep(max(0.0, self._until - self._clock.elapsed()))
        self.leave()

    async def wait(self, coming: Awaitable[Found]) -> Found | None:
        """Return what is waited for, or None when it was left."""
        task = asyncio.ensure_future(coming)
        if self._over:
            task.cancel()
        self._waiting.add(task)
        self._need()
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise
        finally:
            self._waiting.discard(task)
        return None if task.cancelled() else task.result()

    def _need(self) -> None:
        if self._waiting and self._until < inf:
            self._needed.set()
