"""A damaged ledger, or one that is gone, becomes one that says what is certain.

The old file stays, under another name. A crash at any moment leaves a folder that no run writes to until `rescue` has
finished: first the new ledger is whole beside the old one, then the old one is moved away, then the new one takes its
place.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from runner.canon import digest_bytes
from runner.errors import RunFolderError
from runner.files import sync_folder
from runner.folder import RunFolder
from runner.ledger.mending import Toll, mend
from runner.ledger.rows import request_text
from runner.ledger.salvage import Row, remains, write
from runner.lock import locked, this_process
from runner.pace import Clock
from runner.provenance import stamp
from runner.recall import recalled
from runner.vault import image_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """What a rescue came to.

    Attributes:
        toll: what was kept and what was lost.
        old: where the damaged ledger lies now; None when there was none, or when nothing was wrong.
        needed: whether anything was wrong.
    """

    toll: Toll
    old: Path | None
    needed: bool


def rescue(run: str | Path, clock: Clock | None = None) -> Rescue:
    """Give a run a ledger of what can still be read of its own, its pictures looked at; of nothing, what its table knows.

    Raises:
        RunFolderError: a process writes to the run, another version wrote it, or neither ledger nor plan can be read.
    """
    folder, now = RunFolder(Path(run)), (clock or Clock()).now()
    if not folder.path.is_dir():
        raise RunFolderError(
            f"{folder.path}: no such folder; a run folder is what `sweep run` writes: give the path of one"
        )
    with _room(folder), locked(folder.path, this_process(stamp(now))):
        rescued = folder.path / "ledger.rescued.sqlite"
        if rescued.exists():  # an earlier rescue was interrupted when all but the names was done
            _place(rescued, folder.ledger_path)
        requests = _requests(folder)
        with TemporaryDirectory(dir=folder.path, prefix=".rescue-") as aside:
            found = remains(folder.ledger_path, Path(aside), requests)
            if not (found.whole or found.numbers):
                found = recalled(folder.path)
            mended, toll = mend(found, requests, lambda row: _is_there(folder.path, row), now=now)
            if found.whole and not toll.gone:
                return Rescue(toll=toll, old=None, needed=False)
            new = Path(aside) / "new.sqlite"
            write(new, mended)
            new.replace(rescued)
        sync_folder(folder.path)
        return Rescue(toll=toll, old=_place(rescued, folder.ledger_path), needed=True)


def _requests(folder: RunFolder) -> Mapping[str, str]:
    """Return the plan's requests by the cell's digest; none when the ledger must do without a plan."""
    try:
        return {cell.digest: request_text(cell.request) for cell in folder.plan().cells()}
    except RunFolderError:
        if not folder.ledger_path.exists():
            raise
        return {}


def _is_there(run: Path, row: Row) -> bool:
    """Return whether a picture's file holds what its row says."""
    try:
        data = (run / image_path(row["sha256"], row["format"])).read_bytes()
    except (OSError, ValueError, TypeError):
        return False
    return digest_bytes(data) == str(row["sha256"]) and len(data) == row["size"]


def _place(new: Path, place: Path) -> Path | None:
    """Move a ledger out of the way and another into its place; return where the old one lies, None if there is none.

    The old one's WAL goes after it: SQLite would play it into the new one.
    """
    number = 1
    while (old := place.with_name(f"ledger.damaged-{number}.sqlite")).exists():
        number += 1
    there = place.exists()
    for ending in ("", "-wal", "-shm"):
        part = place.with_name(place.name + ending)
        if part.exists():
            part.rename(old.with_name(old.name + ending))
    sync_folder(place.parent)
    new.rename(place)
    sync_folder(place.parent)
    return old if there else None


@contextmanager
def _room(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"{folder.path}: {error.strerror}; a rescue needs room for two copies of the ledger in its folder, "
            "and permission to write: make it so and rescue again, nothing is lost"
        ) from error
