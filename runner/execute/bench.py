"""What executing needs from outside, and what it tells whoever watches."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from secrets import token_urlsafe

from runner.client import Client
from runner.ledger import Ledger
from runner.nouns import Outcome, Wish
from runner.pace import Budget, Clock
from runner.vault import Vault


class Step(StrEnum):
    """What just happened, for whoever watches."""

    SENT = "sent"
    WAITING = "waiting"
    FINISHED = "finished"
    LEFT = "left"
    SETTLING = "settling"
    REUSED = "reused"
    PACED = "paced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something to show: a cell was sent, waits before another attempt, has its outcome, or is left to the next run.

    Or the pace has changed, or what an earlier start left open is settled.

    Attributes:
        cell: digest of the cell; empty where it is about none.
        delay: seconds until another attempt.
        reason: of a change of pace; what is settled, in words.
        in_flight: requests that are sent and not answered to the end, this one included.
        allowed: requests that may be in flight.
    """

    step: Step
    cell: str = ""
    outcome: Outcome | None = None
    delay: float = 0.0
    reason: str = ""
    in_flight: int = 0
    allowed: int = 0


def unwatched(_: Event) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What executing needs from outside.

    Attributes:
        in_process: whether the server runs in this process, and so ends with it.
        watch: is told of every step and must be quick.
        draw: returns an unguessable text, another each time: this side's name for a request.
        wish: returns what the user asks for by now; it is asked once a second and must be quick.
    """

    client: Client
    ledger: Ledger
    vault: Vault
    budget: Budget
    in_process: bool = False
    clock: Clock = field(default_factory=Clock)
    watch: Callable[[Event], None] = unwatched
    draw: Callable[[], str] = token_urlsafe
    wish: Callable[[], Wish] | None = None
