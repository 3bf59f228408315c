"""What waits and may be made in one go leaves the queue together."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import TypeVar

Item = TypeVar("Item")


def take(queue: deque[Item], key: Callable[[Item], Hashable | None], most: int) -> list[Item]:
    """Take the first of a queue, and with it as many of those behind it that have its key, in their order.

    Args:
        queue: with one item at least; those taken leave it.
        key: what items of one batch have in common; None for one that goes alone.
        most: items to take in all.
    """
    first = queue.popleft()
    taken, common = [first], key(first) if most > 1 else None
    if common is None:
        return taken
    left: list[Item] = []
    while queue and len(taken) < most:
        item = queue.popleft()
        (taken if key(item) == common else left).append(item)
    queue.extendleft(reversed(left))
    return taken
