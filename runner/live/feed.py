"""What is new in a run, for every page that listens, however late it comes or comes back.

Each change of a cell has a number. A page says the last number that it has seen, and gets every cell that changed after
it, as it stands now: news are never kept, so that a hundred thousand cells and a page that slept through them take little.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Self

from runner.errors import RunFolderError
from runner.live.looking import Glance, Looker, news
from runner.report.columns import Json

EVERY = 0.3
"""Seconds between two looks at the run folder."""

HEARTBEAT = 15.0
"""Seconds after which a page that hears nothing is told that the server is there."""

AT_ONCE = 500
"""Cells in one message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a page: `kind` is cells, status, replan or beat; `number` the last change that it says."""

    kind: str
    data: Json
    number: int


class Feed:
    """Follows one run folder for any number of pages. Use it as an async context manager."""

    def __init__(self, run: Path, *, every: float = EVERY, draw: Callable[[], str] = secrets.token_urlsafe) -> None:
        """Take the folder.

        Args:
            run: it need not be there yet.
            every: seconds between two looks.
            draw: returns a name for this feed, by which a page knows that its numbers are this feed's.
        """
        self.run = run
        self.name = draw()
        self._every = every
        self._looker = Looker(run)
        self._glance = Glance()
        self._number = 0
        self._changed: dict[str, int] = {}  # by cell, the latest last
        self._bell = asyncio.Event()
        self._closed = False
        self._thread = ThreadPoolExecutor(1, "live")  # looks one after the other
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._look()
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown()

    @property
    def planned(self) -> bool:
        """Whether there is a run to show."""
        return bool(self._glance.edition)

    @property
    def place(self) -> str:
        """Where a page that is drawn now begins to listen."""
        return f"{self.name}.{self._number}"

    def close(self) -> None:
        """End every page's stream."""
        self._closed = True
        self._ring()

    async def messages(self, place: str) -> AsyncIterator[Message]:
        """Yield what a page must be told, until the feed is closed.

        Args:
            place: what `place` was when the page was drawn, or the id of its last message; of another feed, everything
                that was ever tried is new.
        """
        name, _, number = place.rpartition(".")
        known = int(number) if name == self.name and number.isdecimal() else 0
        edition, said = self._glance.edition, None
        while not self._closed:
            bell, glance, last = self._bell, self._glance, self._number
            if glance.edition != edition:
                yield Message("replan", None, last)
                edition = glance.edition
            fresh = self._after(known)
            try:
                for start in range(0, len(fresh), AT_ONCE):
                    cells = await self._told(fresh[start : start + AT_ONCE])
                    done = start + AT_ONCE >= len(fresh)
                    yield Message("cells", cells, last if done else known)
            except RunFolderError:  # locked or moved just now
                await asyncio.sleep(self._every)
                continue
            known = last
            if said != (glance.busy, glance.note):
                said = (glance.busy, glance.note)
                yield Message("status", {"busy": glance.busy, "note": glance.note}, last)
            try:
                await asyncio.wait_for(bell.wait(), HEARTBEAT)
            except TimeoutError:
                yield Message("beat", None, last)

    def _after(self, number: int) -> list[str]:
        """Return the cells that changed after a number, the latest last."""
        return [cell for cell, _ in takewhile(lambda item: item[1] > number, reversed(self._changed.items()))][::-1]

    async def _told(self, cells: list[str]) -> Json:
        return await asyncio.to_thread(lambda: list(news(self.run, cells)))

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self._look()

    async def _look(self) -> None:
        glance = await asyncio.get_running_loop().run_in_executor(self._thread, self._looker.look)
        before, self._glance = self._glance, glance
        for cell in glance.cells:
            self._number += 1
            self._changed.pop(cell, None)
            self._changed[cell] = self._number
        if glance.cells or (glance.busy, glance.edition, glance.note) != (before.busy, before.edition, before.note):
            self._ring()

    def _ring(self) -> None:
        """Wake every page's stream; whoever listens from now on hears the next ring."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()
