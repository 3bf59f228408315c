"""Which requests were accepted under which track_id, and which are not to be accepted any more.

A client whose answer was lost asks by its track_id. Who is told "never accepted" will send the request again, so that this
must stay true: the name is withdrawn with the answer, and a request that comes late under it is refused. The memory is
bounded, and begins with the process: how many seconds it reaches back is part of the answer.
"""

from collections import OrderedDict
from typing import Final

from runner.pace import Clock

MOST_TRACKED: Final = 100_000
"""Names that are remembered; the oldest are forgotten first."""


class Tracks:
    """The names under which clients know their requests. It belongs to one event loop."""

    def __init__(self, clock: Clock) -> None:
        """Start without a memory; it begins with `begin`."""
        self._clock = clock
        self._since = clock.elapsed()
        self._numbers: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._withdrawn: OrderedDict[str, None] = OrderedDict()

    @property
    def reach(self) -> float:
        """Return how many seconds back every accepted request is remembered."""
        return self._clock.elapsed() - self._since

    def begin(self) -> None:
        """Note that from now on every request comes by here."""
        self._since = self._clock.elapsed()

    def note(self, track_id: str, number: int) -> None:
        """Remember a request that is accepted; of several under one name, the last."""
        self._numbers[track_id] = (number, self._clock.elapsed())
        self._numbers.move_to_end(track_id)
        while len(self._numbers) > MOST_TRACKED:
            _, (_, self._since) = self._numbers.popitem(last=False)

    def find(self, track_id: str) -> int | None:
        """Return the number of the request that was accepted under a name, None when none was, or it is forgotten."""
        found = self._numbers.get(track_id)
        return found and found[0]

    def withdraw(self, track_id: str) -> None:
        """Have what still comes under a name refused."""
        self._withdrawn[track_id] = None
        while len(self._withdrawn) > MOST_TRACKED:
            self._withdrawn.popitem(last=False)

    def is_withdrawn(self, track_id: str) -> bool:
        """Return whether a name is not to be accepted any more."""
        return track_id in self._withdrawn
