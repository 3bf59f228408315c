"""First in, first out, one picture at a time; what was made stays fetchable for a while.

The engine blocks, so it runs in one thread of its own behind one queue, and the event loop stays free. A request whose
client went away is made all the same: it can be fetched. Pictures stay in memory up to a number of bytes in all, the
oldest are forgotten first, and the queue holds a bounded number of requests, so that memory has a bound. Nothing is
written to disk: what was accepted ends with the process.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from runner.engine import Engine
from runner.errors import EngineError
from runner.nouns import Concern, Generation, Refused
from runner.pace import Clock
from runner.server.answers import Rejection, bad_request, engine_failed, logger

FIRST_GUESS = 5.0
"""Seconds an image is taken to need before the first was measured."""

MOST_KEPT = 10_000
"""Finished requests that are kept, however small their pictures."""


@dataclass(slots=True, kw_only=True)
class Job:
    """One accepted request and what has become of it.

    Attributes:
        number: the server's name for it.
        generations: its pictures as the engine is asked for them; dropped when it is done.
        meta: what the answer says was used.
        encoded: whether the pictures are to be answered as base64 text.
        samples: how many pictures it has in the end.
        pictures: PNG files, in the order of the samples; empty until the last is made.
        refused: why there will be none.
        seconds: the engine's time for all samples.
    """

    number: int
    generations: tuple[Generation, ...]
    meta: Mapping[str, object]
    encoded: bool
    samples: int
    pictures: tuple[bytes, ...] = ()
    refused: Refused | None = None
    seconds: float = 0.0
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Desk:
    """Takes requests in, has them made in order, and hands out what was made. It belongs to one event loop."""

    def __init__(
        self, engine: Engine, *, limit: int, memory: int, clock: Clock, draw_number: Callable[[], int]
    ) -> None:
        """Take an engine that nobody else uses.

        Args:
            engine: makes the pictures.
            limit: how many requests may wait beside the one that is being made.
            memory: bytes of finished pictures to keep.
            clock: time.
            draw_number: names a request; never the same name twice, in a later process neither.
        """
        self.engine = engine
        self._limit = limit
        self._memory = memory
        self._clock = clock
        self._draw_number = draw_number
        self._unfinished: OrderedDict[int, Job] = OrderedDict()
        self._kept: OrderedDict[int, Job] = OrderedDict()
        self._held = 0
        self._arrived: asyncio.Event | None = None
        self._began = 0.0
        self._pace: float | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make what comes in, until the block ends; the picture that is being made then is finished, the rest refused.

        Raises:
            RuntimeError: it runs already.
        """
        if self._arrived is not None:
            raise RuntimeError("the server runs already; its lifespan or running() starts it, not both")
        self._arrived = asyncio.Event()
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        worker = asyncio.create_task(self._work(self._arrived, thread))
        try:
            yield
        finally:
            self._arrived = None
            worker.cancel()
            await asyncio.wait([worker])
            await asyncio.to_thread(thread.shutdown)
            while self._unfinished:
                job = next(iter(self._unfinished.values()))
                job.refused = Refused(concern=Concern.LATER, message="the server is stopping; try again", status=503)
                self._finish(job)

    @property
    def waiting(self) -> int:
        """Return how many requests wait beside the one that is being made."""
        return max(0, len(self._unfinished) - 1)

    def submit(self, generations: tuple[Generation, ...], meta: Mapping[str, object], *, encoded: bool) -> Job:
        """Accept a request.

        Raises:
            Rejection: too many wait already, or nothing is being made.
        """
        if self._arrived is None:
            raise Rejection(Refused(concern=Concern.LATER, message="the server does not run; try again", status=503))
        if len(self._unfinished) > self._limit:
            raise Rejection(self._full())
        job = Job(
            number=self._draw_number(), generations=generations, meta=meta, encoded=encoded, samples=len(generations)
        )
        self._unfinished[job.number] = job
        self._arrived.set()
        return job

    def find(self, number: int) -> Job | None:
        """Return a request by its number; None when there never was one, or it is forgotten."""
        return self._unfinished.get(number) or self._kept.get(number)

    def eta(self, job: Job) -> float:
        """Return the seconds until a request is likely made, by the pace of those made before; 0 once it is."""
        if job.done.is_set():
            return 0.0
        ahead = 0.0
        for other in self._unfinished.values():
            ahead += self._likely(other)
            if other is job:
                break
        current = next(iter(self._unfinished.values()))
        spent = min(self._clock.elapsed() - self._began, self._likely(current))
        return round(ahead - spent, 1)

    async def _work(self, arrived: asyncio.Event, thread: ThreadPoolExecutor) -> None:
        while True:
            while not self._unfinished:
                arrived.clear()
                await arrived.wait()
            job = next(iter(self._unfinished.values()))
            self._began = self._clock.elapsed()
            try:
                job.pictures = await self._pictures(job, thread)
            except EngineError as error:
                job.refused = bad_request(str(error)).refused
            except Exception:  # noqa: BLE001 - one request's fault must not end the server, and it is logged
                logger.exception("request %d failed", job.number)
                job.refused = engine_failed()
            job.seconds = self._clock.elapsed() - self._began
            self._measure(job)
            self._finish(job)

    async def _pictures(self, job: Job, thread: ThreadPoolExecutor) -> tuple[bytes, ...]:
        loop = asyncio.get_running_loop()
        return tuple([await loop.run_in_executor(thread, self.engine.generate, each) for each in job.generations])

    def _likely(self, job: Job) -> float:
        return FIRST_GUESS * job.samples if self._pace is None else self._pace * _cost(job)

    def _measure(self, job: Job) -> None:
        if job.pictures:
            measured = job.seconds / _cost(job)
            self._pace = measured if self._pace is None else self._pace + 0.3 * (measured - self._pace)

    def _finish(self, job: Job) -> None:
        del self._unfinished[job.number]
        job.generations = ()
        self._kept[job.number] = job
        self._held += _size(job)
        job.done.set()
        while len(self._kept) > 1 and (self._held > self._memory or len(self._kept) > MOST_KEPT):
            self._held -= _size(self._kept.popitem(last=False)[1])

    def _full(self) -> Refused:
        wait = float(max(1, math.ceil(self.eta(next(iter(self._unfinished.values()))))))
        return Refused(
            concern=Concern.LATER,
            message=f"the queue is full: {self.waiting} requests wait, as many as may; send again in {wait:.0f} s",
            status=429,
            retry_after=wait,
        )


def _cost(job: Job) -> float:
    """Return what the time to make a request grows with: pixels times steps, over all its pictures."""
    return float(sum(each.width * each.height * each.num_inference_steps for each in job.generations))


def _size(job: Job) -> int:
    return sum(map(len, job.pictures))
