"""How fast a run goes, and asking it to go faster or slower."""

from pathlib import Path

from runner.errors import RunFolderError
from runner.folder import RunFolder
from runner.nouns import Change, Wish


def pace(run: str | Path, wish: Wish | None = None) -> tuple[Change, ...]:
    """Ask another pace of a run that is under way; return the changes of pace so far.

    Raises:
        RunFolderError: nothing was sent yet, or no process is sending now and so nobody hears what is asked.
    """
    folder = RunFolder(Path(run))
    with folder.reading() as ledger:
        changes = tuple(ledger.changes())
    if wish is not None:
        if not folder.busy:
            raise RunFolderError(
                f"{folder.path}: no `sweep run` is sending here now; a pace is asked of a run that is under way: "
                "set execution.concurrency and execution.rate in its file, or with --set"
            )
        folder.ask(wish)
    return changes
