"""Pictures that clients upload, to name them as `init_image` or `mask_image` later.

They are in memory, the oldest forgotten first; what is in a store as well is found there for as long as it lies there.
"""

from collections import OrderedDict
from collections.abc import Callable

from runner.server.answers import logger
from runner.server.store import Store, StoreError


class Uploads:
    """Keeps uploaded pictures up to a number of bytes in all."""

    def __init__(self, *, memory: int, draw_number: Callable[[], int], store: Store | None = None) -> None:
        """Start with none.

        Args:
            memory: bytes to keep in all.
            draw_number: names a picture as it names requests, so that neither can be guessed or taken for the other.
            store: keeps them beyond this process and its memory.
        """
        self._memory = memory
        self._store = store
        self._draw_number = draw_number
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    async def keep(self, picture: bytes) -> int:
        """Keep a PNG file and return its name. Where the store fails, this is logged: memory has it too."""
        number = self._draw_number()
        await self._shelve(number, picture)
        self._kept[number] = picture
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._memory:
            self._kept.popitem(last=False)
        return number

    async def _shelve(self, number: int, picture: bytes) -> None:
        if self._store is None:
            return
        try:
            await self._store.upload(number, picture)
        except StoreError as error:
            logger.warning("upload %d is in memory alone: %s", number, error)

    async def find(self, number: int) -> bytes | None:
        """Return a picture by its name; None when there never was one, or it is forgotten. Raises StoreError."""
        picture = self._kept.get(number)
        return picture if picture or not self._store else await self._store.uploaded(number)

    async def clear(self) -> int:
        """Forget all that are in memory, in the store too, and return how many they were. Raises StoreError."""
        forgotten = list(self._kept)
        self._kept.clear()
        if self._store:
            for number in forgotten:
                await self._store.forget_upload(number)
        return len(forgotten)
