"""First in, first out, one picture at a time on each engine; what was made stays fetchable for a while.

An engine blocks, so each one runs in a thread of its own, and the event loop stays free. All engines pull pictures from
one queue: the one that is free takes the next, which is what sending to the least busy comes to. The samples of one
request can so be made side by side; their bytes do not depend on it. A picture whose engine died under it goes back to
the head of the queue, up to `MOST_DEATHS` times.

Where the rules allow batches, an engine takes with the next picture others that wait and that can be made in one go with
it; nothing waits for another to come.

A request whose client went away is made all the same: it can be fetched. Pictures stay in memory up to a number of bytes
in all, the oldest are forgotten first, and the queue holds a bounded number of requests, so that memory has a bound.
What was accepted ends with the process; what was made outlives it in an archive, where there is one.
"""

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from runner.engine import Engine
from runner.errors import EngineError, EngineLost
from runner.nouns import Concern, Drawn, Generation, Refused
from runner.pace import Clock
from runner.server.answers import Rejection, engine_failed, logger
from runner.server.archive import Archive
from runner.server.job import Job, Order, Part
from runner.server.kept import Kept
from runner.server.making import make, take, together
from runner.server.tracks import Tracks

FIRST_GUESS = 5.0
"""Seconds an image is taken to need before the first was measured."""

MOST_DEATHS = 2
"""Engines that may die over one request before it is taken to be what kills them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How much a desk takes in, and how long it keeps what was made.

    Attributes:
        limit: requests that may wait beside those that are being made.
        preload: model that every engine loads when it starts; empty loads with the first picture.
        batch: pictures that an engine may make in one go.
        memory: bytes of finished pictures to keep.
        lifetime: seconds until a temporary request is forgotten.
    """

    limit: int
    memory: int
    lifetime: float
    preload: str = ""
    batch: int = 1


class Desk:
    """Takes requests in, has them made in order, and hands out what was made. It belongs to one event loop."""

    def __init__(
        self,
        engines: Sequence[Engine],
        rules: Rules,
        *,
        clock: Clock,
        draw_number: Callable[[], int],
        archive: Archive | None = None,
    ) -> None:
        """Take engines that nobody else uses, all with the same models.

        Args:
            engines: make the pictures, one at a time each.
            rules: how much is taken in, and how long what was made is kept.
            clock: time.
            draw_number: names a request; never the same name twice, in a later process neither.
            archive: keeps what was made beyond this process and its memory.
        """
        self.engines = tuple(engines)
        self.finished: Callable[[Job], None] = _nothing
        self.tracks = Tracks(clock)
        self._rules = rules
        self._clock = clock
        self._draw_number = draw_number
        self._archive = archive
        self._keeping: set[asyncio.Task[None]] = set()
        self._unfinished: OrderedDict[int, Job] = OrderedDict()
        self._kept = Kept(memory=rules.memory, lifetime=rules.lifetime, clock=clock, expired=self._expired)
        self._queue: deque[Part] = deque()
        self._busy = 0
        self._arrived: asyncio.Event | None = None
        self._pace: float | None = None
        self._threads: list[ThreadPoolExecutor] = []

    @property
    def engine(self) -> Engine:
        """Return the engine that answers what all know alike: its name, its models, what enhancing does."""
        return self.engines[0]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make what comes in, until the block ends; pictures that are being made then are finished, the rest refused.

        Raises:
            RuntimeError: it runs already.
        """
        if self._arrived is not None:
            raise RuntimeError("the server runs already; its lifespan or running() starts it, not both")
        arrived = self._arrived = asyncio.Event()
        self.tracks.begin()
        self._threads = [ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine") for _ in self.engines]
        workers = [
            asyncio.create_task(self._work(engine, arrived, thread))
            for engine, thread in zip(self.engines, self._threads, strict=True)
        ]
        try:
            yield
        finally:
            self._arrived = None
            arrived.set()
            await asyncio.wait(workers)
            await asyncio.gather(*self._keeping)
            await self.unload()
            for thread in self._threads:
                thread.shutdown()
            self._refuse(list(self._unfinished.values()), "the server is stopping; try again")
            await asyncio.gather(*self._keeping)

    @property
    def busy(self) -> int:
        """Return how many engines are at a picture."""
        return self._busy

    @property
    def waiting(self) -> int:
        """Return how many requests wait beside those that are being made."""
        return sum(job.waits for job in self._unfinished.values())

    def submit(self, order: Order) -> Job:
        """Accept a request.

        Raises:
            Rejection: too many wait already, nothing is being made, or its track_id was withdrawn.
        """
        if self._arrived is None:
            raise Rejection(Refused(concern=Concern.LATER, message="the server does not run; try again", status=503))
        if self.tracks.is_withdrawn(order.track_id):
            raise Rejection(_withdrawn())
        if self.waiting >= self._rules.limit + len(self.engines) - self._busy:
            raise Rejection(self._full())
        job = Job(number=self._draw_number(), order=order, samples=len(order.generations))
        self._unfinished[job.number] = job
        if order.track_id:
            self.tracks.note(order.track_id, job.number)
        self._queue.extend((job, place) for place in range(job.samples))
        self._arrived.set()
        return job

    def find(self, number: int) -> Job | None:
        """Return a request by its number; None when there never was one, or it is forgotten."""
        return self._unfinished.get(number) or self._kept.find(number)

    async def recall(self, number: int) -> Job | None:
        """Return a request by its number as `find` does, from the archive where this process has it no more."""
        job = self.find(number)
        return job if job or not self._archive else await self._archive.find(number)

    async def trace(self, track_id: str) -> int | None:
        """Return the number of a request by its sender's name for it; None when it is not known up to this moment."""
        number = self.tracks.find(track_id)
        if number is None and self._archive:
            number = await self._archive.find_track(track_id)
        return self.tracks.find(track_id) if number is None else number  # it may have come while the archive looked

    def clear(self) -> int:
        """Refuse what waits, and return how many requests that were; what is being made is finished."""
        waiting = [job for job in self._unfinished.values() if job.waits]
        self._refuse(waiting, "the queue was cleared before this request was made; send it again if it is still wanted")
        return len(waiting)

    async def forget_kept(self) -> int:
        """Forget finished requests and their pictures, and return how many; their links lead nowhere from now on."""
        forgotten = self._kept.clear()
        if self._archive:
            for number in forgotten:
                await self._archive.forget(number)
        return len(forgotten)

    def eta(self, job: Job) -> float:
        """Return the seconds until a request is likely made, by the pace of those made before; 0 once it is."""
        if job.done.is_set():
            return 0.0
        ahead = 0.0
        for other in self._unfinished.values():
            ahead += sum(self._left(other, place) for place in range(other.samples) if place not in other.drawn)
            if other is job:
                break
        own = [self._left(job, place) for place in range(job.samples) if place not in job.drawn]
        return round(max([ahead / len(self.engines), *own]), 1)

    async def load(self, model_id: str) -> None:
        """Have every engine bring a model into memory, once it has finished what it is at.

        Raises:
            EngineError: it cannot be loaded.
        """
        loop = asyncio.get_running_loop()
        pairs = zip(self.engines, self._threads, strict=True)
        await asyncio.gather(*(loop.run_in_executor(thread, engine.load, model_id) for engine, thread in pairs))

    async def unload(self) -> None:
        """Have every engine give its memory back, once it has finished what it is at."""
        loop = asyncio.get_running_loop()
        pairs = zip(self.engines, self._threads, strict=True)
        await asyncio.gather(*(loop.run_in_executor(thread, engine.unload) for engine, thread in pairs))

    async def _work(self, engine: Engine, arrived: asyncio.Event, thread: ThreadPoolExecutor) -> None:
        await self._preload(engine, thread)
        while self._arrived is arrived:
            if not self._queue:
                arrived.clear()
                await arrived.wait()
                continue
            share = math.ceil(len(self._queue) / len(self.engines))  # the others are free before long
            parts = take(self._queue, together, min(self._rules.batch, share))
            wanted = [(job, place) for job, place in parts if not job.done.is_set()]
            if wanted:
                await self._draw(wanted, engine, thread)

    async def _preload(self, engine: Engine, thread: ThreadPoolExecutor) -> None:
        if not self._rules.preload:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(thread, engine.load, self._rules.preload)
        except EngineError as error:
            logger.warning("model %s is not loaded beforehand: %s", self._rules.preload, error)
        except Exception:  # noqa: BLE001 - it is logged, and the pictures that need the model fail with its words
            logger.exception("model %s is not loaded beforehand", self._rules.preload)

    async def _draw(self, parts: Sequence[Part], engine: Engine, thread: ThreadPoolExecutor) -> None:
        """Have pictures made, and finish each request when it was its last, or when there will be none."""
        costs = [_cost(job.order.generations[place]) for job, place in parts]  # a request that ends forgets them
        began = self._clock.elapsed()
        for job, place in parts:
            job.begun[place] = began
        self._busy += 1
        made = self._again(parts, await make(parts, engine, thread))
        self._busy -= 1
        seconds = (self._clock.elapsed() - began) / len(parts)
        for (job, place), cost, outcome in zip(parts, costs, made, strict=True):
            del job.begun[place]
            job.seconds += seconds
            if isinstance(outcome, Drawn):
                self._measure(seconds / cost)
                if not job.done.is_set():  # else another sample was refused meanwhile, and nobody wants this one
                    job.drawn[place] = outcome
            refused = outcome if isinstance(outcome, Refused) else None
            if not job.done.is_set() and (refused or len(job.drawn) == job.samples):
                self._end(job, refused)

    def _end(self, job: Job, refused: Refused | None) -> None:
        """Finish a request, and before that keep what was made of it where there is an archive."""
        job.refused = refused
        if job.batch > 1:
            job.order = replace(job.order, meta={**job.order.meta, "batch": job.batch})
        if self._archive and not refused:
            self._behind(self._keep(job, self._archive))
        else:
            self._finish(job)

    def _behind(self, work: Coroutine[None, None, None]) -> None:
        """Have the archive work while the engines go on."""
        task = asyncio.create_task(work)
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def _keep(self, job: Job, archive: Archive) -> None:
        """Keep what was made, and answer then: who was told of a picture finds it in a later process too."""
        await archive.keep(job)
        self._finish(job)

    def _again(
        self, parts: Sequence[Part], made: Sequence[Drawn | Refused | EngineLost]
    ) -> list[Drawn | Refused | None]:
        """Put pictures whose engine died back to the head of the queue, None in their places; too many deaths refuse."""
        lost = [(part, each) for part, each in zip(parts, made, strict=True) if isinstance(each, EngineLost)]
        for job, error in {job.number: (job, error) for (job, _), error in lost}.values():
            logger.warning("request %d: %s", job.number, error)
            job.deaths += 1
        again = [part for part, _ in lost if part[0].deaths <= MOST_DEATHS]
        self._queue.extendleft(reversed(again))
        if again and self._arrived is not None:
            self._arrived.set()
        instead = [None if job.deaths <= MOST_DEATHS else engine_failed() for job, _ in parts]
        return [other if isinstance(each, EngineLost) else each for each, other in zip(made, instead, strict=True)]

    def _left(self, job: Job, place: int) -> float:
        """Return the seconds that a picture still needs."""
        likely = FIRST_GUESS if self._pace is None else self._pace * _cost(job.order.generations[place])
        return likely - min(self._clock.elapsed() - job.begun[place], likely) if place in job.begun else likely

    def _measure(self, pace: float) -> None:
        self._pace = pace if self._pace is None else self._pace + 0.3 * (pace - self._pace)

    def _refuse(self, jobs: Sequence[Job], message: str) -> None:
        for job in jobs:
            job.refused = Refused(concern=Concern.LATER, message=message, status=503)
            self._finish(job)

    def _finish(self, job: Job) -> None:
        del self._unfinished[job.number]
        job.order = replace(job.order, generations=())
        if job.refused is not None:
            job.drawn.clear()
        self._kept.add(job)
        job.done.set()
        self.finished(job)

    def _expired(self, number: int) -> None:
        if self._archive:
            self._behind(self._archive.forget(number))

    def _full(self) -> Refused:
        first = next(iter(self._unfinished.values()), None)
        wait = float(max(1, math.ceil(self.eta(first)))) if first else 1.0
        return Refused(
            concern=Concern.LATER,
            message=f"the queue is full: {self.waiting} requests wait, as many as may; send again in {wait:.0f} s",
            status=429,
            retry_after=wait,
        )


def _withdrawn() -> Refused:
    message = (
        "track_id: its sender asked about this request before it came and was told that it would not be taken; "
        "send it under another track_id"
    )
    return Refused(concern=Concern.CELL, message=message, status=409)


def _cost(generation: Generation) -> float:
    """Return what the time to make a picture grows with: pixels times steps."""
    return float(generation.width * generation.height * generation.num_inference_steps)


def _nothing(_: Job) -> None:
    """Do nothing with a finished request."""
