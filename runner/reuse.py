"""What an earlier run made is taken from there, and not asked for again.

A cell's digest names its request, its target and its model, so that an earlier run's cell of the same digest is the same
cell. One whose seed the server draws is not: another draw is what it asks for.

> Invariant 2, bytes before row: a picture is in this run's vault, its digest checked, before the ledger says reused.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from runner.errors import InputError, RunFolderError
from runner.folder import RunFolder
from runner.ledger import Ledger, Standing
from runner.nouns import Cell, Made
from runner.vault import Vault, image_path

BATCH = 2000
"""Cells that are looked up, taken and recorded together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where earlier runs may lie.

    Attributes:
        siblings: look beside the run, in the folder that it lies in.
        elsewhere: run folders, or folders of them.
    """

    siblings: bool = True
    elsewhere: tuple[Path, ...] = ()


NOWHERE = Places(siblings=False)


def unheard(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A cell as an earlier run made it, and the name of the run that did: of a cell reused there, the first."""

    made: Made
    source: str


Take = Callable[[RunFolder, Mapping[str, Standing]], set[str]]
"""Takes what it can of the cells that a run has made; returns their digests."""


class Shelf:
    """Earlier runs, the one last written to first. A run that cannot be read is passed over, and said once."""

    def __init__(self, run: Path, places: Places, note: Callable[[str], None] = unheard) -> None:
        """Find the runs.

        Args:
            run: the run that is to be made; it is no source of its own.
            places: where to look.
            note: is told a line of each run, and of pictures, that cannot be reused.

        Raises:
            InputError: a place elsewhere holds no run.
        """
        self._note = note
        named = [found for place in places.elsewhere for found in _named(place)]
        beside = _below(run.parent) if places.siblings else []
        own = run.resolve()
        paths = [path for path in dict.fromkeys([*named, *beside]) if path.resolve() != own]
        self._runs = [RunFolder(path) for path in sorted(paths, key=_written, reverse=True)]

    def __bool__(self) -> bool:
        return bool(self._runs)

    @property
    def runs(self) -> tuple[RunFolder, ...]:
        """The earlier runs, the one last written to first."""
        return tuple(self._runs)

    def search(self, cells: Iterable[Cell], take: Take) -> dict[str, Find]:
        """Return by digest those of some cells that an earlier run has made and `take` has taken."""
        missing = {cell.digest for cell in cells if cell.request.parameters.get("seed") is not None}
        found: dict[str, Find] = {}
        for run in tuple(self._runs):
            made = self._made(run, missing)
            for digest in take(run, made) if made else ():
                found[digest] = _find(made[digest], run)
            missing -= found.keys()
        return found

    def adopt_into(self, vault: Vault) -> Take:
        """Return what takes the pictures into a vault."""

        def take(run: RunFolder, made: Mapping[str, Standing]) -> set[str]:
            taken = vault.adopt((picture for standing in made.values() for picture in standing.pictures), run.vault)
            whole = {digest for digest, standing in made.items() if _all_in(taken, standing)}
            if len(whole) < len(made):
                cells = f"{count} cells" if (count := len(made) - len(whole)) > 1 else "1 cell"
                self._note(f"{run.path}: pictures of {cells} are damaged or missing there, and are not reused")
            return whole

        return take

    def _made(self, run: RunFolder, digests: set[str]) -> Mapping[str, Standing]:
        if not digests:
            return {}
        try:
            with run.reading() as ledger:
                return ledger.made(digests)
        except (RunFolderError, ValueError) as error:
            self._runs.remove(run)
            self._note(f"{run.path}: nothing is reused from there: {error}")
            return {}


def present(run: RunFolder, made: Mapping[str, Standing]) -> set[str]:
    """Return the digests of the cells whose pictures lie in their run's vault, by their names alone: for an estimate."""
    return {digest for digest, standing in made.items() if all(_lies_in(run, standing))}


def reuse(cells: Sequence[Cell], shelf: Shelf, ledger: Ledger, vault: Vault, *, now: float) -> list[Cell]:
    """Take those of some cells that an earlier run has made, pictures first; return them.

    Args:
        cells: what is not made yet, at most `BATCH` of them for an even memory.
        shelf: where to look.
        ledger: of the run that is to be made, open for writing.
        vault: of that run.
        now: seconds since 1970.

    Raises:
        OSError, RunFolderError: the disk is full, the folder is read-only.
    """
    found = shelf.search(cells, shelf.adopt_into(vault))
    taken = [cell for cell in cells if cell.digest in found]
    with ledger.together():
        for cell in taken:
            find = found[cell.digest]
            ledger.reuse(cell, find.made, source=find.source, now=now)
    return taken


def batches(cells: Iterable[Cell]) -> Iterator[list[Cell]]:
    """Yield cells in lists of `BATCH`."""
    left = iter(cells)
    while batch := list(islice(left, BATCH)):
        yield batch


def _find(standing: Standing, run: RunFolder) -> Find:
    made = Made(pictures=standing.pictures, meta=standing.answer, seconds=standing.seconds, seed=standing.seed)
    return Find(made=made, source=standing.reused_from or run.path.resolve().name)


def _all_in(taken: set[str], standing: Standing) -> bool:
    return bool(standing.pictures) and all(picture.sha256 in taken for picture in standing.pictures)


def _lies_in(run: RunFolder, standing: Standing) -> Iterator[bool]:
    yield bool(standing.pictures)
    for picture in standing.pictures:
        yield (run.path / image_path(picture.sha256, picture.format)).is_file()


def _named(place: Path) -> list[Path]:
    """Return the run that a place is, or those in it. Raises InputError."""
    found = [place] if _is_run(place) else _below(place)
    if not found:
        raise InputError(
            f"--reuse {place}: no run folder there; a run folder, or a folder of them, is what pictures are taken from: "
            "give the path of one, such as runs/quickstart"
        )
    return found


def _below(folder: Path) -> list[Path]:
    try:
        return [path for path in sorted(folder.iterdir()) if _is_run(path)]
    except OSError:  # a folder that is not there, or that may not be read, holds no run for us
        return []


def _is_run(path: Path) -> bool:
    try:
        return (path / "ledger.sqlite").is_file()
    except OSError:
        return False


def _written(path: Path) -> float:
    """Return when a run's ledger was written last."""
    try:
        return (path / "ledger.sqlite").stat().st_mtime
    except OSError:  # it was there a moment ago; reading it says what is wrong
        return 0.0
