"""What is new in a run folder since the last look.

Nothing is kept open between two looks: a run that ends folds its ledger into one file, which a reader would hinder.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runner.book import tile
from runner.errors import RunFolderError
from runner.folder import RunFolder, partial
from runner.ledger import Stir
from runner.plan import Placement
from runner.report import told
from runner.report.columns import Json

NOTHING = Stir(cells=(), last=0, still=frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What one look found.

    Attributes:
        cells: digests of the cells that stand otherwise than at the last look.
        busy: whether a process writes to the run.
        edition: changes when another plan is there, or other ratings; empty while there is no plan.
        note: that the run stopped early and why, in words; empty while it goes on and when nothing is owed.
    """

    cells: tuple[str, ...] = ()
    busy: bool = False
    edition: tuple[int, ...] = ()
    note: str = ""


class Looker:
    """Looks at one run folder again and again."""

    def __init__(self, run: Path) -> None:
        self._folder = RunFolder(run)
        self._seen = NOTHING
        self._files: tuple[object, ...] = ()
        self._was_busy: bool | None = None
        self._note = ""

    def look(self) -> Glance:
        """Return what is new; also where nothing is there yet, or what is there cannot be read just now."""
        plan = _file(self._folder.path / "plan.json")
        if not plan:
            return Glance()
        edition = (*plan, *_file(self._folder.ratings_path))
        busy = self._folder.busy
        try:
            cells = self._stirred()
            if busy != self._was_busy:
                self._note = "" if busy else self._left()
                self._was_busy = busy
        except RunFolderError:  # half made, moved or locked; the next look sees more
            return Glance(busy=busy, edition=edition, note=self._note)
        return Glance(cells=cells, busy=busy, edition=edition, note=self._note)

    def _stirred(self) -> tuple[str, ...]:
        path = self._folder.ledger_path
        files = (_file(path), _file(path.with_name(f"{path.name}-wal")))
        if files == self._files or not path.is_file():
            return ()
        if self._files and files[0][:1] != self._files[0][:1]:  # type: ignore[index]  # another ledger, as after a rescue
            self._seen = NOTHING
        with self._folder.reading() as ledger:
            self._seen = ledger.stirred(self._seen.last, self._seen.still)
        self._files = files
        return self._seen.cells

    def _left(self) -> str:
        plan = self._folder.plan()
        owed = 0
        if self._folder.begun:
            with self._folder.reading() as ledger:
                gists = ledger.gists()
            owed = sum(digest not in gists or gists[digest].owed for _, digest in plan.digests())
        return partial(self._folder.manifest(), owed=owed, cells=plan.survey.cells)


def news(run: Path, digests: Iterable[str]) -> Iterator[Json]:
    """Yield how some cells stand now, as the page reads it.

    Raises:
        RunFolderError: the ledger cannot be read.
    """
    with RunFolder(run).reading() as ledger:
        for digest, request, standing in ledger.tried(digests):
            yield told(tile(Placement({}, digest, request), standing))


def _file(path: Path) -> tuple[int, ...]:
    """Return what changes when a file is written to; empty where there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_mtime_ns, found.st_size)
