"""Answers that come by themselves: each is kept for the one who waits for it.

An answer is believed as far as its `track_id` goes, which is drawn for one request and told to its server alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

MOST_LETTERS = 4
"""Answers kept for one request; a server that repeats itself more often says nothing new."""


class Mailbox:
    """Where a hosted server's webhook answers wait for whoever sent the request. It belongs to one event loop."""

    def __init__(self, url: str, *, draw: Callable[[], str]) -> None:
        """Start without expecting anything.

        Args:
            url: the public address that leads to this machine.
            draw: returns an unguessable text, another each time.
        """
        self.url = url
        self._draw = draw
        self._expected: dict[str, asyncio.Queue[Mapping[str, object]]] = {}

    def expect(self, track_id: str = "") -> str:
        """Return the `track_id` of a request about to be sent, drawn if none is given: its answers are kept from now on."""
        track_id = track_id or self._draw()
        self._expected.setdefault(track_id, asyncio.Queue(MOST_LETTERS))
        return track_id

    def expects(self, track_id: str) -> bool:
        """Return whether answers to a request are kept."""
        return track_id in self._expected

    def forget(self, track_id: str) -> None:
        """Expect nothing more for a request."""
        self._expected.pop(track_id, None)

    def deliver(self, payload: Mapping[str, object]) -> bool:
        """Keep an answer if someone expects it, and return whether it was kept."""
        track_id = payload.get("track_id")
        letters = self._expected.get(track_id) if isinstance(track_id, str) else None
        if letters is None or letters.full():
            return False
        letters.put_nowait(payload)
        return True

    async def take(self, track_id: str, pause: Awaitable[None]) -> Mapping[str, object] | None:
        """Return the next answer to a request, or None when the pause ends without one."""
        letters = self._expected.get(track_id)
        if letters is None:
            await pause
            return None
        coming, pausing = asyncio.ensure_future(letters.get()), asyncio.ensure_future(pause)
        try:
            await asyncio.wait((coming, pausing), return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else None
        finally:
            coming.cancel()
            pausing.cancel()
