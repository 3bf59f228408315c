"""What a run may spend.

> Invariant 7, a limit is reserved before a send, not noticed after it: `Budget.reserve` either takes a request's share
> of every limit or names the limit that it would break.
"""

from decimal import Decimal
from math import inf

from runner.errors import InputError
from runner.nouns import Limits, Spent


class Budget:
    """What a run may still spend. Its limits are the run's own, however often it is started; the clock's begins anew.

    Attributes:
        requests: sends that were reserved and not given back, those of earlier starts included.
        images: pictures that were reserved and not given back, likewise.
        failures: cells in a row that may fail, None for any number.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        price: float | None,
        started: float,
        spent: Spent | None = None,
        more: int | None = None,
    ) -> None:
        """Start with what earlier starts of the run have spent.

        Args:
            limits: of this run.
            price: of one image, None when unknown.
            started: `Clock.elapsed` at the start, for the wall-clock limit.
            spent: what the run's ledger says was sent and made; nothing by default.
            more: requests that may be sent beside these, None for any number.

        Raises:
            InputError: the cost is limited and the price is unknown, so that the limit could not be kept.
        """
        if limits.cost is not None and price is None:
            raise InputError(
                f"limits.cost is {limits.cost:g} and there is no price: the limit could not be kept; "
                "say what an image costs (price: {per_image: 0.0047}), or limit requests or images instead"
            )
        self._limits = limits
        self._price = _exact(price or 0.0)
        self._started = started
        self._spent = spent or Spent()
        self._more = more
        self.failures = limits.failures
        self.requests = self._spent.requests
        self.images = self._spent.images

    @property
    def sent(self) -> int:
        """Return the requests reserved since the start."""
        return self.requests - self._spent.requests

    @property
    def cost(self) -> float:
        """Return what was reserved, in the price's currency; 0 without a price."""
        return float(self.images * self._price)

    def reserve(self, images: int, *, elapsed: float) -> str | None:
        """Take one request for some images out of every limit, or return the limit that stands in the way.

        A limit is reached, not passed: the tenth image of ten is made. The clock's limit is passed once it strikes.
        """
        limits, price = self._limits, self._price
        if limit := self.over(elapsed):
            return limit
        if limits.requests is not None and self.requests + 1 > limits.requests:
            return _limit(limits.requests, "request")
        if self._more is not None and self.sent + 1 > self._more:
            return _limit(self._more, "request")
        if limits.images is not None and self.images + images > limits.images:
            return _limit(limits.images, "image")
        if limits.cost is not None and (self.images + images) * price > _exact(limits.cost):
            return f"the limit of {limits.cost:g} for cost"
        self.requests += 1
        self.images += images
        return None

    def settle(self, reserved: int, made: int) -> None:
        """Count what a request really made in place of what was reserved for it; 0 when it was refused."""
        self.images += made - reserved

    def give_back(self, images: int) -> None:
        """Count a request that was reserved, and never left this machine, as none."""
        self.requests -= 1
        self.images -= images

    def over(self, elapsed: float) -> str | None:
        """Return the limit of wall-clock time once it has struck."""
        return f"the limit of {self._limits.wall:g} s of wall-clock time" if self.left(elapsed) <= 0 else None

    def left(self, elapsed: float) -> float:
        """Return the seconds until the limit of wall-clock time strikes; infinite without one."""
        return inf if self._limits.wall is None else self._started + self._limits.wall - elapsed


def _limit(most: int, noun: str) -> str:
    return f"the limit of {most} {noun}" if most == 1 else f"the limit of {most} {noun}s"


def _exact(number: float) -> Decimal:
    """Return a number as it is written: ten images at 0.1 cost 1, which binary fractions miss by a hair."""
    return Decimal(repr(number))
