"""Images go into the vault in threads of their own: those that wait at the same time share what the disk is waited for.

The event loop never waits for an image. There are as many threads as processors, since decoding is what takes them;
each takes its share of what waits, so that one sync serves many small images and large ones keep all threads busy.

> Invariant 2, bytes before row: `put` returns once the image is in the vault, synced and decoded.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeAlias

from runner.execute.scribe import tell
from runner.nouns import Picture
from runner.vault import Vault

MOST_THREADS = 8
"""Threads at most: beyond that the disk is what takes time."""

MOST_TOGETHER = 32
"""Images that are written together at most; each waits for the slowest."""

_Image: TypeAlias = tuple[bytes, "asyncio.Future[Picture]"]


class Shelver:
    """Puts images into a vault. Belongs to one event loop."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._loop = asyncio.get_running_loop()
        self._images: SimpleQueue[_Image | None] = SimpleQueue()
        number = min(os.cpu_count() or 1, MOST_THREADS)
        self._threads = [Thread(target=self._store, name=f"shelver-{place}", daemon=True) for place in range(number)]
        for thread in self._threads:
            thread.start()

    async def put(self, data: bytes) -> Picture:
        """Store an image, see `Vault.put`.

        Raises:
            ImageError: the bytes are no image.
            OSError: the disk is full, the folder is read-only.
        """
        stored: asyncio.Future[Picture] = self._loop.create_future()
        self._images.put((data, stored))
        return await stored

    def close(self) -> None:
        """Store what is left and end the threads."""
        for _ in self._threads:
            self._images.put(None)
        for thread in self._threads:
            thread.join()

    def _store(self) -> None:
        while group := self._share():
            results = self._stored([data for data, _ in group])
            self._loop.call_soon_threadsafe(tell, [stored for _, stored in group], results)

    def _share(self) -> list[_Image]:
        """Wait for an image; return it and this thread's share of the others, nothing if the last was taken."""
        group: list[_Image] = []
        most = 1
        try:
            image = self._images.get()
            most = min(1 + self._images.qsize() // len(self._threads), MOST_TOGETHER)
            while image is not None:
                group.append(image)
                if len(group) == most:
                    return group
                image = self._images.get_nowait()
        except Empty:
            return group
        if group:
            self._images.put(None)  # this thread comes back for it
        return group

    def _stored(self, images: Sequence[bytes]) -> Sequence[Any]:
        try:
            return self._vault.put_all(images)
        except BaseException as error:  # noqa: BLE001  # whoever awaits an image raises it
            return [error] * len(images)


@asynccontextmanager
async def shelver(vault: Vault) -> AsyncIterator[Shelver]:
    """Open a vault to an event loop for the length of an `async with` block."""
    threads = Shelver(vault)
    try:
        yield threads
    finally:
        threads.close()
