"""What was made, beyond the process that made it and beyond its memory: jobs as records of a store, and back.

> Invariant 1, what was accepted is fetched, never bought again: a request whose server died after its picture was made is
> found by number and by track_id.
"""

from runner.nouns import Drawn
from runner.pace import Clock
from runner.server.answers import logger
from runner.server.job import Job, Order
from runner.server.store import Record, Store, StoreError, digest_of


class Archive:
    """Finished requests in a store."""

    def __init__(self, store: Store, *, clock: Clock, lifetime: float) -> None:
        """Take where to keep them, and how many seconds a temporary one lives."""
        self._store = store
        self._clock = clock
        self._lifetime = lifetime

    async def keep(self, job: Job) -> None:
        """Keep a request of which every picture is made. Where the store fails, this is logged: memory has them too."""
        pictures = [job.drawn[place].png for place in range(job.samples)]
        try:
            await self._store.keep(_record(job, pictures, self._clock.now()), pictures)
        except StoreError as error:
            logger.warning("request %d is in memory alone: %s", job.number, error)

    async def find(self, number: int) -> Job | None:
        """Return a request by its number, None where it is not here or its time is over. Raises StoreError."""
        found = await self._store.find(number)
        if found is None:
            return None
        record, pictures = found
        if record.temporary and record.finished + self._lifetime <= self._clock.now():
            return None
        return _job(record, pictures)

    async def find_track(self, track_id: str) -> int | None:
        """Return the number of the request that was made under a name. Raises StoreError."""
        return await self._store.find_track(track_id)

    async def forget(self, number: int) -> None:
        """Forget a request. Where the store fails, this is logged."""
        try:
            await self._store.forget(number)
        except StoreError as error:
            logger.warning("request %d stays in the store: %s", number, error)


def _record(job: Job, pictures: list[bytes], now: float) -> Record:
    order = job.order
    return Record(
        number=job.number,
        finished=now,
        meta=order.meta,
        encoded=order.encoded,
        temporary=order.temporary,
        base=order.base,
        track_id=order.track_id,
        seconds=job.seconds,
        digests=[digest_of(picture) for picture in pictures],
        verdicts=[job.drawn[place].verdict for place in range(job.samples)],
    )


def _job(record: Record, pictures: tuple[bytes, ...]) -> Job:
    order = Order(
        generations=(),
        meta=record.meta,
        encoded=record.encoded,
        temporary=record.temporary,
        base=record.base,
        track_id=record.track_id,
    )
    job = Job(number=record.number, order=order, samples=len(pictures), seconds=record.seconds)
    for place, (png, verdict) in enumerate(zip(pictures, record.verdicts, strict=True)):
        job.drawn[place] = Drawn(png=png, verdict=verdict)
    job.done.set()
    return job
