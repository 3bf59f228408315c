"""How many requests may be in flight: more while the target keeps up, fewer when it says that there are too many.

Slow start, then additive growth, as in TCP (Jacobson 1988, "Congestion Avoidance and Control"), with two differences
that suit a target whose requests last seconds. It grows only while what is allowed is used. And it remembers how many
the target took when it said no: there it stays for many rounds before it tries one more, so that a queue of fixed
length is kept full rather than run into again and again.

    slow start     a round without a no doubles what is allowed
    a no (429)     four fifths of it, once for an episode: a no within the cooldown belongs to the same one
    afterwards     a round adds a twentieth, at least 1, up to what was known to fit; then one more every ten rounds
    a no to that   back to what is known to fit

Only an answer at first asking counts towards a round: what had to be asked twice shows no capacity. A server's fault
(5xx), a dropped connection and a refusal of the request itself say nothing about how much is too much.
"""

from math import inf

FIRST = 8
"""Requests in flight at first, if so many are allowed at all: a target that takes more soon gets more."""

SHORTEST_ROUND = 4
"""Answers that make a round at least, however few may be in flight."""

SATURATED = 0.8
"""Share of what is allowed that must have been in flight for a round to show that more would be used."""

CUT = 0.8
COOLDOWN = 15.0
"""What is left after a no, and the seconds in which another no is of the same episode."""

GROWTH = 0.05
"""Share of what is allowed by which a round adds after the first no."""

ROUNDS_AT_LIMIT = 10
"""Rounds without a no before one more than the known limit is tried."""


class Throttle:
    """Counts requests in flight and says how many there may be. Times are readings of `Clock.elapsed`.

    Attributes:
        allowed: requests that may be in flight now.
        most: the user's ceiling.
        in_flight: requests sent and not yet answered to the end.
        paused_until: nothing is sent before, because the target named that time.
    """

    def __init__(self, most: int, *, start: int | None = None) -> None:
        """Allow `start` requests, or `FIRST`, and never more than `most`."""
        self.most = most
        self.allowed = min(most, start or FIRST)
        self.in_flight = 0
        self.paused_until = -inf
        self._known = inf
        self._cool = -inf
        self._slow_start = True
        self._answers = 0
        self._peak = 0
        self._rounds_at_limit = 0

    @property
    def room(self) -> bool:
        """Whether one more may be in flight, times aside."""
        return self.in_flight < self.allowed

    def enter(self) -> None:
        """Count a request that is about to be sent."""
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)

    def leave(self) -> None:
        """Count a request as over, however it ended."""
        self.in_flight -= 1

    def limit(self, most: int) -> str:
        """Set another ceiling; return the reason of the change, empty if what is allowed stays as it is."""
        before, self.most = self.allowed, most
        self.allowed = min(self.allowed, most)
        return f"at most {most}, as asked for" if self.allowed != before else ""

    def answered(self, elapsed: float) -> str:
        """Learn from a request that was made at first asking; return the reason if more are allowed now."""
        if elapsed < self._cool:
            return ""
        self._answers += 1
        if self._answers < max(self.allowed, SHORTEST_ROUND):
            return ""
        saturated = self._peak >= SATURATED * self.allowed
        self._begin_round()
        if not saturated:
            return ""
        self._known = max(self._known, self.allowed)
        return self._grow()

    def crowded(self, elapsed: float, retry_after: float | None) -> str:
        """Learn from a no that says "too many"; return the reason if fewer are allowed now.

        Args:
            elapsed: when it came.
            retry_after: seconds that the target asks to wait, None if it does not say.
        """
        self.pause(elapsed, retry_after)
        self._begin_round()
        same_episode, self._cool = elapsed < self._cool, max(self._cool, elapsed + max(retry_after or 0.0, COOLDOWN))
        return "" if same_episode else self._cut()

    def pause(self, elapsed: float, retry_after: float | None) -> None:
        """Send nothing for as long as the target asks."""
        self.paused_until = max(self.paused_until, elapsed + (retry_after or 0.0))

    def _begin_round(self) -> None:
        self._answers, self._peak = 0, self.in_flight

    def _grow(self) -> str:
        before = self.allowed
        if self._slow_start:
            self.allowed = min(2 * before, self.most)
            return "" if self.allowed == before else "the target keeps up"
        wanted = before + max(1, round(before * GROWTH))
        if wanted > self._known:
            wanted = self._beyond(before)
        self.allowed = min(wanted, self.most)
        return "" if self.allowed == before else "the target keeps up again"

    def _beyond(self, before: int) -> int:
        """Return what to allow where growth would pass what was known to fit."""
        if before < self._known:
            return int(self._known)
        self._rounds_at_limit += 1
        if self._rounds_at_limit < ROUNDS_AT_LIMIT:
            return before
        self._rounds_at_limit = 0
        return before + 1

    def _cut(self) -> str:
        before, tried_more = self.allowed, self.allowed > self._known
        self._slow_start, self._rounds_at_limit = False, 0
        if tried_more:
            self.allowed = int(self._known)
        else:
            self.allowed = max(1, int(before * CUT))
            self._known = max(self.allowed, self.in_flight - 1)
        return "" if self.allowed == before else "the target says that these are too many"
