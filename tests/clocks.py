"""A clock that tests turn."""

import random

from runner.pace import Clock


class Time:
    """A clock that moves only when someone sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def clock(self) -> Clock:
        return Clock(now=self.read, elapsed=self.read, sleep=self.sleep, random=random.Random(1))

    def read(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
