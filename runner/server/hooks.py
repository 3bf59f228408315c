"""Webhooks: the answer to a request, sent to the address that came with it.

Best effort, as the contract says: a few tries, none of which keeps a picture or an answer waiting; a receiver that
misses all of them can fetch. A delivery can arrive twice, for the acknowledgement of the first may be lost on its way:
`id` and `track_id` tell.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from runner.pace import Clock
from runner.server.answers import logger
from runner.server.job import Job

PAUSES = (1.0, 10.0)
"""Seconds between one try and the next."""

MOST_WAITING = 256
"""Deliveries under way at once: a receiver that hangs must not fill the memory with answers."""

Post = Callable[[str, Mapping[str, object]], Awaitable[int]]
"""POSTs JSON to a URL and returns the HTTP status. Raises httpx.HTTPError or TimeoutError when none comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Tells webhooks. Each delivery is a task of the server's event loop.

    Attributes:
        post: sends.
        payload: what to send for a finished job.
        clock: time between tries.
    """

    post: Post
    payload: Callable[[Job], Mapping[str, object]]
    clock: Clock
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let deliveries end with the block: those under way then get one more moment, and no further try."""
        try:
            yield
        finally:
            if self._tasks:
                _, late = await asyncio.wait(self._tasks, timeout=PAUSES[0])
                for task in late:
                    task.cancel()

    def tell(self, job: Job) -> None:
        """Begin to tell the webhook of a finished job, if it has one."""
        if not job.order.webhook:
            return
        if len(self._tasks) >= MOST_WAITING:
            job.webhook_status = "not sent: too many deliveries are under way"
            logger.warning("request %d: its webhook is %s", job.number, job.webhook_status)
            return
        job.webhook_status = "sending"
        task = asyncio.create_task(self._deliver(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, job: Job) -> None:
        for pause in (*PAUSES, None):
            said = await self._try(job)
            if not said:
                job.webhook_status = "delivered"
                return
            job.webhook_status = f"failed: {said}"
            if pause is not None:
                await self.clock.sleep(pause)
        logger.warning("request %d: its webhook was not told: %s", job.number, said)

    async def _try(self, job: Job) -> str:
        """Return why the receiver did not acknowledge; nothing when it did."""
        try:
            status = await self.post(job.order.webhook, self.payload(job))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return f"{type(error).__name__}: {error}"
        return "" if 200 <= status < 300 else f"HTTP {status}"
