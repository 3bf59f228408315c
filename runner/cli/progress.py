"""What a person sees while a sweep runs: a live line in a terminal, plain lines elsewhere, nothing with --json."""

import time
from collections import Counter
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from runner.cli.words import errors
from runner.execute import Event, Step, Stop
from runner.nouns import Concern, Failed, Made, Outcome, Refused, Unknown

PLAIN_EVERY = 10.0
"""Seconds between plain lines."""


class Progress:
    """Shows each step of `runner.execute` on standard error."""

    def __init__(self, cells: int, stop: Stop, *, quiet: bool) -> None:
        self._stop = stop
        self._counts: Counter[str] = Counter()
        self._cells = cells
        self._quiet = quiet
        self._pace = ""
        self._started = self._said = time.monotonic()
        self._live = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}"),
            TimeRemainingColumn(),
            console=errors,
            disable=quiet or not errors.is_terminal,
        )
        self._task = self._live.add_task("cells", total=cells, words="")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def watch(self, event: Event) -> None:
        """Take one event in."""
        if event.allowed:
            self._pace = f"{event.in_flight} of {event.allowed} at once"
        if event.step is Step.FINISHED and event.outcome is not None:
            self._counts[_word(event.outcome)] += 1
            self._live.update(self._task, advance=1, words=self._words())
        elif event.step is Step.REUSED:
            self._counts["reused"] += 1
            self._live.update(self._task, advance=1, words=self._words())
        elif event.step in (Step.SENT, Step.PACED):
            self._live.update(self._task, words=self._words())
        elif event.step is Step.SETTLING and not self._quiet:
            errors.print(f"asking about {event.reason}")
        elif event.step is Step.LEFT:
            self._counts["left to the next run"] += 1
            self._live.update(self._task, words=self._words())
        elif event.step is Step.WAITING:
            self._live.update(self._task, words=f"{self._words()}  waiting {event.delay:.0f} s")
        self._plainly()

    def _plainly(self) -> None:
        now = time.monotonic()
        if not (self._quiet or errors.is_terminal) and now - self._said >= PLAIN_EVERY:
            self._said = now
            errors.print(f"{sum(self._counts.values())} of {self._cells} cells: {self._words()}")

    def _words(self) -> str:
        done = sum(count for word, count in self._counts.items() if word != "reused")
        rate = done / max(time.monotonic() - self._started, 1e-9)
        counts = [f"{count} {word}" for word, count in self._counts.items()]
        stopped = ["finishing what is in flight"] if self._stop else []
        return "  ".join([*counts, f"{rate:.1f}/s", *([self._pace] if self._pace else []), *stopped])


def _word(outcome: Outcome) -> str:
    match outcome:
        case Made():
            return "made"
        case Refused(concern=Concern.CELL):
            return "refused"
        case Refused() | Failed():
            return "failed"
        case Unknown():
            return "unknown"
