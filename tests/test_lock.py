"""One writer a run folder, and who that is."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from runner.errors import RunFolderError
from runner.lock import Writer, command_of, held, holder, locked, this_process

SINCE = "2026-11-24T18:00:00+00:00"
ME = Writer(pid=os.getpid(), host=socket.gethostname(), since=SINCE, command="sweep run a.yaml")


def gone() -> int:
    """Return the number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_this_process_knows_itself() -> None:
    found = this_process(SINCE)
    assert (found.pid, found.host, found.since) == (os.getpid(), socket.gethostname(), SINCE)


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["/usr/bin/sweep", "run", "a.yaml", "--out", "runs/a"], "sweep run a.yaml"),
        (["/somewhere/runner/__main__.py", "run", "-y", "a.yaml"], "sweep run"),
        (["sweep", "run", "--set", "target.key=secret", "secret"], "sweep run"),
        (["-c"], "python"),
        ([""], "python"),
        (["night.py", "two\nlines"], "night.py two lines"),
    ],
)
def test_a_command_is_shown_up_to_its_first_option(argv: list[str], command: str) -> None:
    assert command_of(argv) == command


def test_whoever_holds_the_lock_is_named_and_nobody_else_is_let_in(tmp_path: Path) -> None:
    with locked(tmp_path, ME):
        assert (held(tmp_path), holder(tmp_path)) == (True, ME)
        with pytest.raises(RunFolderError) as caught, locked(tmp_path, ME):
            pass
        assert holder(tmp_path) == ME
    assert str(caught.value) == (
        f"{tmp_path}: another `sweep` is writing to this run: process {os.getpid()} on {socket.gethostname()} since "
        f"{SINCE}, `sweep run a.yaml`; a run has one writer: wait for it, stop it, or choose another folder with --out"
    )
    assert (held(tmp_path), holder(tmp_path)) == (False, None)
    assert [path.name for path in tmp_path.iterdir()] == ["lock.sqlite"]


def test_nobody_holds_the_lock_of_a_folder_that_was_never_written_to(tmp_path: Path) -> None:
    assert (held(tmp_path), holder(tmp_path)) == (False, None)
    assert list(tmp_path.iterdir()) == []


def written(folder: Path, text: str) -> None:
    (folder / "writer.json").write_text(text)


def test_what_a_crash_left_behind_is_not_believed(tmp_path: Path) -> None:
    with locked(tmp_path, ME):
        pass
    written(tmp_path, json.dumps({"pid": os.getpid(), "host": ME.host, "since": SINCE, "command": "sweep"}))
    assert holder(tmp_path) is None
    with locked(tmp_path, ME):
        assert holder(tmp_path) == ME


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", "{", '{"pid": "x", "host": "h", "since": "s", "command": "c"}', '{"pid": 1, "extra": 2}'],
)
def test_a_holder_that_cannot_be_read_is_not_named(text: str, tmp_path: Path) -> None:
    with locked(tmp_path, ME):
        written(tmp_path, text)
        assert (held(tmp_path), holder(tmp_path)) == (True, None)
        with pytest.raises(RunFolderError) as caught, locked(tmp_path, ME):
            pass
    assert str(caught.value) == (
        f"{tmp_path}: another `sweep` is writing to this run; a run has one writer: "
        "wait for it, stop it, or choose another folder with --out"
    )


def test_a_holder_of_this_machine_whose_process_is_gone_is_an_earlier_one(tmp_path: Path) -> None:
    with locked(tmp_path, ME):
        for host, named in ((ME.host, False), ("another-machine", True)):
            written(tmp_path, json.dumps({"pid": gone(), "host": host, "since": SINCE, "command": "sweep run"}))
            assert (holder(tmp_path) is not None) is named


def test_whoever_asks_whether_it_is_held_keeps_nobody_out(tmp_path: Path) -> None:
    about_to, took = Event(), []

    def take() -> None:
        about_to.set()
        with locked(tmp_path, ME):
            took.append(True)

    with locked(tmp_path, ME):
        pass
    with closing(sqlite3.connect(tmp_path / "lock.sqlite", isolation_level=None)) as asking:
        asking.execute("BEGIN")
        asking.execute("SELECT 1 FROM sqlite_master").fetchone()
        writer = Thread(target=take)
        writer.start()
        about_to.wait()
        asking.execute("COMMIT")
        writer.join()
    assert took == [True]


HOLD = """
import sys
from pathlib import Path
from runner.lock import locked, this_process
with locked(Path(sys.argv[1]), this_process("then")):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_the_lock_of_a_killed_process_is_free_at_once_whatever_it_left(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        assert holder(tmp_path) == Writer(pid=first.pid, host=ME.host, since="then", command=f"python {tmp_path}")
        first.send_signal(signal.SIGKILL)
    assert (tmp_path / "writer.json").exists()
    assert (held(tmp_path), holder(tmp_path)) == (False, None)
    with locked(tmp_path, ME):
        assert holder(tmp_path) == ME
