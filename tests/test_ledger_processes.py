"""A ledger beside other processes: writers that are killed, readers that look on, programs that lock it."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from entries import CELL, MADE, rows, tried

from runner.errors import RunFolderError
from runner.ledger import Ledger, opening
from runner.nouns import State

READ = """
import sqlite3, sys
print(*sqlite3.connect(sys.argv[1], uri=True).execute("SELECT count(*) FROM attempts").fetchone())
"""


def test_a_ledger_at_rest_can_be_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        tried(ledger, MADE)
    with tempfile.TemporaryDirectory() as open_to_all:
        shutil.copy(tmp_path / "ledger.sqlite", open_to_all)
        Path(open_to_all, "ledger.sqlite").chmod(0o444)
        Path(open_to_all).chmod(0o555)
        address = Path(open_to_all, "ledger.sqlite").as_uri() + "?mode=ro"
        done = subprocess.run(
            [shutil.which("python3", path="/usr/bin:/bin") or sys.executable, "-c", READ, address],
            user=65534 if os.geteuid() == 0 else None,  # root may write anywhere
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        Path(open_to_all).chmod(0o755)
    assert (done.stdout, done.stderr) == ("1\n", "")


WRITER = """
import sys
from pathlib import Path
from runner.ledger import Ledger
from runner.nouns import Cell, Made, Picture, Queued, Request
ledger = Ledger(Path(sys.argv[1]))
for number in range(100_000):
    request = Request(endpoint="text2img", parameters={"seed": number})
    attempt = ledger.begin(Cell(digest=f"{number:064x}", coordinates={}, request=request), now=float(number))
    print("begun", number, flush=True)
    ledger.accept(attempt, Queued(remote_id=str(number)))
    print("accepted", number, flush=True)
    pictures = tuple(Picture(sha256=f"{number:064x}", width=8, height=8, size=place) for place in range(3))
    ledger.finish(attempt, Made(pictures=pictures), now=number + 0.5)
    print("finished", number, flush=True)
"""


def killed_after(lines: int, path: Path) -> tuple[str, int]:
    """Start a writer, kill it when it has said so many lines; return its last whole line."""
    with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        said += [line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    word, number = said[-1].split()
    return word, int(number)


def check_killed(path: Path, word: str, number: int) -> None:
    with Ledger(path) as ledger:
        assert rows(ledger, "PRAGMA integrity_check") == [("ok",)]
        standings, unfinished = ledger.standings(), ledger.open_attempts()
    made = [standing for standing in standings.values() if standing.state is State.MADE]
    assert all([picture.size for picture in standing.pictures] == [0, 1, 2] for standing in made)
    assert len(made) + len(unfinished) == len(standings)
    assert len(unfinished) <= 1
    steps = {"begun": 0, "accepted": 1, "finished": 2}
    reached = 3 * number + steps[word]
    recorded = 3 * (len(standings) - 1) + (2 if not unfinished else 1 if unfinished[0].queued else 0)
    assert reached <= recorded <= reached + 1, "what a caller was told is recorded, and at most the step after it"


def test_a_killed_writer_leaves_all_that_it_was_told_is_written(tmp_path: Path) -> None:
    for run, lines in enumerate([1, 2, 3, 40]):
        path = tmp_path / f"{run}.sqlite"
        check_killed(path, *killed_after(lines, path))


@pytest.mark.slow
def test_twenty_writers_killed_at_random_moments_leave_whole_ledgers(tmp_path: Path) -> None:
    chance = random.Random(20261123)
    for run in range(20):
        path = tmp_path / f"{run}.sqlite"
        check_killed(path, *killed_after(chance.randrange(1, 400), path))


def test_a_reader_sees_a_whole_state_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        counts = []
        for _ in range(40):
            writer.stdout.readline()
            with Ledger(path, readonly=True) as reader:
                standings = reader.standings()
            made = [standing for standing in standings.values() if standing.state is State.MADE]
            assert all(len(standing.pictures) == 3 for standing in made)
            counts.append(len(made))
        writer.kill()
    assert counts == sorted(counts)
    assert counts[-1] > 0


def test_a_ledger_that_another_program_has_locked_is_waited_for_and_then_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "PATIENCE", 0.0)
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RunFolderError) as caught:
            ledger.begin(CELL, now=1.0)
    assert str(caught.value) == (
        f"{path}: database is locked: another program, such as one that shows databases, has had it locked for 0 s; "
        "end that program and run again, what the target accepted is asked for then"
    )
