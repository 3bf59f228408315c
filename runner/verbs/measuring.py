"""A run's pictures become numbers, which `load`, the table and the page then have."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.folder import RunFolder
from runner.ledger import Standing
from runner.plan import Plan
from runner.verbs.standing import standings_of

if TYPE_CHECKING:
    from runner.metrics.shelf import Reader


MEASURED_UNASKED = 2_000
"""Pictures that are measured whenever a page is written: a minute or so. Those of a larger run wait for `sweep measure`."""

SAID = 5
"""Problems that are said one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """What became of measuring a run.

    Attributes:
        measured: pictures that were measured now; one that was before is not measured again.
        problems: what could not be measured, one line each.
        left: pictures that are still to be measured, because it was stopped.
    """

    measured: int
    problems: tuple[str, ...]
    left: int

    @property
    def said(self) -> tuple[str, ...]:
        """The first problems, and how many more there are: a folder without its images has thousands."""
        more = len(self.problems) - SAID
        return (
            *self.problems[:SAID],
            *((f"… and {more} more; `sweep measure` with --json has all",) if more > 0 else ()),
        )


def _unwatched(_done: int, _of: int) -> None:
    pass


def measure(
    run: str | Path,
    *,
    again: bool = False,
    most: int | None = None,
    watch: Callable[[int, int], None] = _unwatched,
    ended: Callable[[], bool] = bool,
) -> Measuring:
    """Measure the pictures of a run that are not measured yet: how they look, how far they are from the baseline's.

    `sweep` and `render` do this at their end, where no more than `MEASURED_UNASKED` are missing. The numbers are kept in
    the run folder by the pictures' digests; stopped at any moment, the next time goes on.

    Args:
        run: the run folder.
        again: measure everything anew.
        most: where more pictures than this are missing, none is measured now; None measures however many there are.
        watch: is told after each picture how many are done, and of how many.
        ended: asked before each picture; when it says yes, no other is begun.

    Raises:
        RunFolderError: the folder cannot be written to.
    """
    from runner import metrics

    folder = RunFolder(Path(run))
    plan, standings = folder.plan(), standings_of(folder)
    problems: list[str] = []
    done = 0
    if not standings:
        return Measuring(measured=0, problems=(), left=0)
    with metrics.Shelf.writing(folder.path) as shelf:
        if again:
            shelf.forget()
        todo = metrics.jobs(plan, standings, metrics.Baselines(plan, standings), shelf)
        if most is not None and len(todo) > most:
            return Measuring(measured=0, problems=(), left=len(todo))
        for found in metrics.measure(folder.path, todo, shelf, ended=ended):
            done += 1
            problems += [found.problem] if found.problem else []
            watch(done, len(todo))
    return Measuring(measured=done - len(problems), problems=tuple(problems), left=len(todo) - done)


@contextmanager
def numbers_of(folder: RunFolder, plan: Plan, standings: Mapping[str, Standing]) -> Iterator["Reader"]:
    """Open what was measured of a run."""
    from runner import metrics

    with metrics.measured(folder.path, metrics.Baselines(plan, standings)) as reader:
        yield reader
