"""The lock that gives a run folder one writer, and who that is.

    lock.sqlite    empty; the lock is an exclusive transaction on it, which ends with its process, however that ends
    writer.json    who took it last

What `writer.json` says is believed while the lock is held, and while its process lives if it is one of this machine: a
crash leaves the file behind and not the lock.
"""

import json
import os
import socket
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from runner.errors import RunFolderError
from runner.files import write_whole

PATIENCE = 0.2
"""Seconds to wait for a lock: whoever only asks whether it is held holds it for a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """A process that writes to a run folder.

    Attributes:
        host: name of its machine.
        since: ISO 8601 time in UTC.
        command: its name and the words before its first option: what follows may hold what is nobody's business.
    """

    pid: int
    host: str
    since: str
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}, `{self.command}`"


def this_process(since: str) -> Writer:
    """Return this process as a writer."""
    return Writer(pid=os.getpid(), host=socket.gethostname(), since=since, command=command_of(sys.argv))


def command_of(argv: Sequence[str]) -> str:
    """Return a command as it may be shown to others: its name and the words before its first option."""
    name, *words = argv
    shown = [Path(name).name if name and not name.startswith("-") else "python"]
    if shown == ["__main__.py"]:
        shown = ["sweep"]
    for word in words:
        if word.startswith("-"):
            break
        shown.append(word)
    return " ".join(" ".join(shown).split())


@contextmanager
def locked(folder: Path, writer: Writer) -> Iterator[None]:
    """Hold a folder's lock for the length of a `with` block.

    Raises:
        RunFolderError: another process holds it, or nobody can.
    """
    with ExitStack() as held:
        path = folder / "lock.sqlite"
        try:
            lock = held.enter_context(closing(_opened(path)))
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise _taken(folder) from error
            raise RunFolderError(
                f"{path}: {error}; the folder must be writable, and this file is the run's lock: "
                "delete it, or choose another folder with --out"
            ) from error
        try:
            write_whole(folder / "writer.json", json.dumps(asdict(writer)).encode())
        except OSError as error:
            raise RunFolderError(
                f"{folder}: {error.strerror}; a run needs a folder to write to, with room in it: "
                "make room, or choose another with --out"
            ) from error
        try:
            yield
        finally:
            with suppress(OSError):  # what stays behind is not believed
                (folder / "writer.json").unlink()


def held(folder: Path) -> bool:
    """Return whether a process holds the folder's lock now."""
    path = folder / "lock.sqlite"
    if not path.is_file():
        return False
    with closing(_opened(path, readonly=True)) as lock:
        try:
            lock.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError as error:
            return error.sqlite_errorcode == sqlite3.SQLITE_BUSY
        return False


def holder(folder: Path) -> Writer | None:
    """Return who holds the folder's lock; None when nobody does, or when that is not known."""
    if not held(folder):
        return None
    try:
        said = Writer(**json.loads((folder / "writer.json").read_bytes()))
        pid, host = int(said.pid), str(said.host)
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return None if host == socket.gethostname() and not _lives(pid) else said


def _taken(folder: Path) -> RunFolderError:
    who = holder(folder)
    return RunFolderError(
        f"{folder}: another `sweep` is writing to this run{f': {who}' if who else ''}; a run has one writer: "
        "wait for it, stop it, or choose another folder with --out"
    )


def _opened(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    address = path.resolve().as_uri() + ("?mode=ro" if readonly else "")
    return sqlite3.connect(address, uri=True, timeout=0 if readonly else PATIENCE, isolation_level=None)


def _lives(pid: int) -> bool:
    """Return whether a process of this machine is there; of one that is another user's, only that can be known."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
