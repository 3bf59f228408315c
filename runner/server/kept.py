"""Finished requests with their pictures in memory, up to a number of bytes in all: the oldest are forgotten first."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from runner.pace import Clock
from runner.server.job import Job

MOST_KEPT: Final = 10_000
"""Finished requests that are kept, however small their pictures."""


class Kept:
    """What was made, or refused, and may still be asked for. It belongs to one event loop."""

    def __init__(self, *, memory: int, lifetime: float, clock: Clock, expired: Callable[[int], None]) -> None:
        """Start with none.

        Args:
            memory: bytes of pictures to keep; one request is kept however large it is.
            lifetime: seconds until a temporary request is forgotten.
            clock: time.
            expired: called with the number of each temporary request whose time is over.
        """
        self._memory = memory
        self._lifetime = lifetime
        self._clock = clock
        self._expired = expired
        self._jobs: OrderedDict[int, Job] = OrderedDict()
        self._temporary: deque[tuple[float, int]] = deque()
        self._held = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Keep a finished request, and forget the oldest that no longer fit."""
        self._expire()
        if job.order.temporary:
            self._temporary.append((self._clock.now() + self._lifetime, job.number))
        self._jobs[job.number] = job
        self._held += _size(job)
        while len(self._jobs) > 1 and (self._held > self._memory or len(self._jobs) > MOST_KEPT):
            self._forget(next(iter(self._jobs)))

    def find(self, number: int) -> Job | None:
        """Return a request by its number; None when it is not here, or its time is over."""
        self._expire()
        return self._jobs.get(number)

    def clear(self) -> list[int]:
        """Forget all, and return their numbers."""
        numbers = list(self._jobs)
        for number in numbers:
            self._forget(number)
        return numbers

    def _expire(self) -> None:
        """Forget what is over: all temporary requests live equally long, so that the first to end is the first."""
        while self._temporary and self._clock.now() >= self._temporary[0][0]:
            _, number = self._temporary.popleft()
            if number in self._jobs:
                self._forget(number)
            self._expired(number)

    def _forget(self, number: int) -> None:
        self._held -= _size(self._jobs.pop(number))


def _size(job: Job) -> int:
    return sum(len(drawn.png) for drawn in job.drawn.values())
