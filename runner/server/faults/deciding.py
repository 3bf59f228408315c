"""Which faults strike a request: arithmetic over counts and a seed.

What strikes the n-th request of a route depends on the file, on n and on how many are under way, where a fault asks for
that; on no clock and on no other draw. Two servers that hear requests in the same order lie alike.
"""

from dataclasses import dataclass, field
from random import Random

from runner.server.faults.kinds import Act, Delay, Fault, Faults, QueueFull, SlowBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One fault that strikes one request.

    Attributes:
        place: of the fault in the file, from 0.
        act: what is wrong.
        chance: for whatever the act draws.
    """

    place: int
    act: Act
    chance: Random = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """What strikes one request: delays and slow bodies, and at most one fault of another kind."""

    beside: tuple[Strike, ...] = ()
    main: Strike | None = None

    def seconds(self, kind: type[Delay | SlowBody], when: str = "") -> float:
        """Return how long the delays of one kind, and of one side of the accept, take in all."""
        acts = [(one.act, one.chance) for one in self.beside if isinstance(one.act, kind)]
        return sum(
            chance.uniform(*act.seconds)
            for act, chance in acts
            if isinstance(act, Delay | SlowBody) and (not when or getattr(act, "when", "") == when)
        )


class Decider:
    """Counts requests and says what strikes them. It belongs to one event loop."""

    def __init__(self, faults: Faults) -> None:
        """Start with nothing counted."""
        self._faults = faults
        self._counted = [0] * len(faults.faults)
        self._struck = [0] * len(faults.faults)

    def strike(self, route: str, *, under_way: int = 0) -> Struck:
        """Return what strikes the next request of a route.

        Every fault of that route counts it; of those that would strike, the first in the file does, and those that go
        along with any other do too.

        Args:
            route: an endpoint, `fetch`, `images` or `webhook`.
            under_way: requests that are being made, this one left out.
        """
        beside: list[Strike] = []
        main: Strike | None = None
        for place, fault in enumerate(self._faults.faults):
            if route not in fault.routes:
                continue
            strike = self._next(place, fault, under_way)
            if strike is None or (main is not None and not fault.goes_along):
                continue
            self._struck[place] += 1
            if fault.goes_along:
                beside.append(strike)
            else:
                main = strike
        return Struck(beside=tuple(beside), main=main)

    def _next(self, place: int, fault: Fault, under_way: int) -> Strike | None:
        self._counted[place] += 1
        number = self._counted[place] - fault.after
        if number < 1 or number % fault.every or (fault.first is not None and self._struck[place] >= fault.first):
            return None
        if isinstance(fault.act, QueueFull) and under_way < fault.act.limit:
            return None
        chance = Random(f"{self._faults.seed}/{place}/{self._counted[place]}")  # noqa: S311  # repeatable, not secret
        return Strike(place=place, act=fault.act, chance=chance) if chance.random() < fault.chance else None
