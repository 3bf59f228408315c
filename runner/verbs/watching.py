"""How a run stands now, also while another process makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runner.folder import RunFolder, partial
from runner.ledger import Flow
from runner.lock import Writer
from runner.nouns import Change, Limits, Spent
from runner.verbs.reading import owing, tally
from runner.verbs.standing import gists_of

EVERY = 1.0
"""Seconds between two looks."""

WINDOW = 60.0
"""Seconds by which the rate is counted."""

IDLE = Flow(in_flight=0, concluded=0, since=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a run stands.

    Attributes:
        counts: of the plan's cells, see `count`.
        busy: whether a process is writing to the run; writer: which, where that is known.
        pace: how many requests may be in flight since when and why; None when nothing was sent yet.
        in_flight: requests without an outcome.
        rate: cells a second in the last minute; eta: seconds that what is left takes at that rate. None when not busy,
            or before the first outcome.
        spent: requests and images, by all starts of the run; cost: of these images, None without a price.
        partial: that the run stopped early and why, in words; empty while it goes on and when nothing is owed.
    """

    run: Path
    counts: dict[str, int]
    busy: bool
    writer: Writer | None
    pace: Change | None
    in_flight: int
    rate: float | None
    eta: float | None
    spent: Spent
    cost: float | None
    limits: Limits
    partial: str


class Watch:
    """Looks at a run again and again; the plan's cells are found once for each plan."""

    def __init__(self, run: str | Path) -> None:
        """Read the plan.

        Raises:
            RunFolderError: there is no run, or it cannot be read.
        """
        self._folder = RunFolder(Path(run))
        self._read_plan()

    def look(self, now: float) -> Status:
        """Return how the run stands.

        Args:
            now: seconds since 1970.

        Raises:
            RunFolderError: the run cannot be read.
        """
        folder = self._folder
        busy, writer = folder.busy, folder.writer
        if self._written() != self._planned:
            self._read_plan()
        gists = gists_of(folder)
        counts, owed = tally(self._digests, gists), owing(self._digests, gists)
        flow, spent, pace = self._recorded(now)
        rate = _rate(flow, now) if busy else None
        experiment = self._plan.experiment
        return Status(
            run=folder.path,
            counts=counts,
            busy=busy,
            writer=writer,
            pace=pace,
            in_flight=flow.in_flight if busy else 0,
            rate=rate,
            eta=owed / rate if rate else None,
            spent=spent,
            cost=None if experiment.price is None else round(spent.images * experiment.price, 6),
            limits=experiment.limits,
            partial="" if busy else partial(folder.manifest(), owed=owed, cells=counts["planned"]),
        )

    def _read_plan(self) -> None:
        self._planned = self._written()
        self._plan = self._folder.plan()
        self._digests = [digest for _, digest in self._plan.digests()]

    def _written(self) -> int:
        path = self._folder.path / "plan.json"
        return path.stat().st_mtime_ns if path.is_file() else 0

    def _recorded(self, now: float) -> tuple[Flow, Spent, Change | None]:
        if not self._folder.begun:
            return IDLE, Spent(), None
        with self._folder.reading() as ledger:
            changes = ledger.changes()
            return ledger.flow(now - WINDOW), ledger.spent(), changes[-1] if changes else None


def follow(
    run: str | Path, show: Callable[[Status], None], *, now: Callable[[], float], sleep: Callable[[float], None]
) -> None:
    """Look at a run until no process writes to it any more, and show how it stands each time.

    Args:
        run: the run folder.
        show: is given how it stands, at least once.
        now: returns seconds since 1970.
        sleep: waits that many seconds.

    Raises:
        RunFolderError: there is no run, or it cannot be read.
    """
    watch = Watch(run)
    while (status := watch.look(now())).busy:
        show(status)
        sleep(EVERY)
    show(status)


def _rate(flow: Flow, now: float) -> float | None:
    if not flow.concluded or flow.since is None:
        return None
    return flow.concluded / max(min(WINDOW, now - flow.since), 1.0)
