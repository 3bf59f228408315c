"""What executing needs from outside, and what it tells whoever watches."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from runner.client import Client
from runner.ledger import Ledger
from runner.nouns import Outcome
from runner.pace import Budget, Clock
from runner.vault import Vault


class Step(StrEnum):
    """What just happened to a cell, for whoever watches."""

    SENT = "sent"
    WAITING = "waiting"
    FINISHED = "finished"
    REUSED = "reused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something to show: a cell was sent, waits before another attempt, or has its outcome."""

    step: Step
    cell: str
    outcome: Outcome | None = None
    delay: float = 0.0


def unwatched(_: Event) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What executing needs from outside. `watch` is told of every step and must be quick."""

    client: Client
    ledger: Ledger
    vault: Vault
    budget: Budget
    clock: Clock = field(default_factory=Clock)
    watch: Callable[[Event], None] = unwatched
