"""Pictures that clients upload, to name them as `init_image` or `mask_image` later: in memory, the oldest forgotten first."""

from collections import OrderedDict
from collections.abc import Callable


class Uploads:
    """Keeps uploaded pictures up to a number of bytes in all."""

    def __init__(self, *, memory: int, draw_number: Callable[[], int]) -> None:
        """Start with none.

        Args:
            memory: bytes to keep in all.
            draw_number: names a picture as it names requests, so that neither can be guessed or taken for the other.
        """
        self._memory = memory
        self._draw_number = draw_number
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def keep(self, picture: bytes) -> int:
        """Keep a PNG file and return its name."""
        number = self._draw_number()
        self._kept[number] = picture
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._memory:
            self._kept.popitem(last=False)
        return number

    def find(self, number: int) -> bytes | None:
        """Return a picture by its name; None when there never was one, or it is forgotten."""
        return self._kept.get(number)

    def clear(self) -> int:
        """Forget all, and return how many they were."""
        forgotten = len(self._kept)
        self._kept.clear()
        return forgotten
