"""One request on its way through the server, and what is known of it from the start."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from runner.nouns import Drawn, Generation, Refused, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is known of a request when it is accepted.

    Attributes:
        generations: its pictures as the engine is asked for them.
        meta: what the answer says was used.
        encoded: whether the pictures are to be answered as base64 text.
        temporary: whether they are forgotten after a day.
        base: the server's address as the client wrote it, for links.
        webhook: where the answer is to be sent, or empty.
        track_id: what that call carries, so that its receiver knows what it is about.
    """

    generations: tuple[Generation, ...]
    meta: Mapping[str, object]
    encoded: bool = False
    temporary: bool = False
    base: str = ""
    webhook: str = ""
    track_id: str = ""


@dataclass(slots=True, kw_only=True)
class Job:
    """One accepted request and what has become of it.

    Attributes:
        number: the server's name for it.
        order: what was accepted.
        samples: how many pictures it has in the end.
        begun: place of each picture that an engine is at, and the reading of `Clock.elapsed` when it began.
        drawn: pictures by place, as far as they are made.
        refused: why there will be none.
        seconds: the engines' time for all samples.
        webhook_status: what became of telling its webhook; empty when it has none.
        deaths: engines that died over it.
        batch: the most pictures, its own among them, that were made in one go.
    """

    number: int
    order: Order
    samples: int
    begun: dict[int, float] = field(default_factory=dict)
    drawn: dict[int, Drawn] = field(default_factory=dict)
    refused: Refused | None = None
    seconds: float = 0.0
    webhook_status: str = ""
    deaths: int = 0
    batch: int = 1
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """Return the PNG files in the order of the samples; empty until the last is made, and when there will be none."""
        made = self.done.is_set() and self.refused is None
        return tuple(self.drawn[place].png for place in range(self.samples)) if made else ()

    @property
    def unsafe(self) -> bool | None:
        """Return whether a picture was hidden by the safety checker; None when nothing looked."""
        verdicts = {drawn.verdict for drawn in self.drawn.values()}
        return None if verdicts <= {Verdict.UNCHECKED} else Verdict.UNSAFE in verdicts

    @property
    def waits(self) -> bool:
        """Whether no engine has begun with it."""
        return not (self.begun or self.drawn)


Part: TypeAlias = tuple[Job, int]
"""One picture of a request: the request, and the place of the picture in it."""
