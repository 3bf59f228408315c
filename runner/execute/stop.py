"""Whether more may be sent."""

from collections.abc import Callable
from enum import StrEnum


class Cause(StrEnum):
    """Who stopped a run."""

    TARGET = "target"
    LIMIT = "limit"
    USER = "user"


class Stop:
    """Whether more may be sent, and if not, who said so and why.

    The first cause stays, but for a limit: where the target then refuses what was in flight, that is what to mend.
    """

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self.reason = ""
        self._told: list[Callable[[], object]] = []

    def __bool__(self) -> bool:
        return self.cause is not None

    def because(self, cause: Cause, reason: str) -> None:
        """Stop sending."""
        if self.cause is None or (self.cause is Cause.LIMIT and cause is Cause.TARGET):
            self.cause, self.reason = cause, reason
            for tell in self._told:
                tell()

    def tell(self, callback: Callable[[], object]) -> None:
        """Call back when the run is stopped."""
        self._told.append(callback)
