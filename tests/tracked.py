"""A request with a name, and a clock for those who ask what became of it."""

import asyncio

from runner.nouns import Concern, Refused, Request
from runner.pace import Clock
from tests.contracts.server import BODY

REQUEST = Request(endpoint="text2img", parameters=BODY)
NEVER = Refused(concern=Concern.LATER, message="the answer was lost, and the server never accepted the request")
TRACK = "track-1"


class Time:
    """A clock that moves only when someone sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.clock = Clock(now=lambda: self.seconds, elapsed=lambda: self.seconds, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        for _ in range(9):  # whoever waits for something else beside it hears of that first
            await asyncio.sleep(0)
        self.seconds += seconds
