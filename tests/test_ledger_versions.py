"""Ledgers of other versions: an earlier one is read as it is and brought here whole, a newer one is refused."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from entries import CELL

from runner.errors import RunFolderError
from runner.ledger import LEDGER_VERSION, Ledger, OpenAttempt, Standing
from runner.ledger.opening import MIGRATIONS
from runner.nouns import Change, Concern, Picture, Queued, Request, State


@pytest.fixture
def first_version(tmp_path: Path, root: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript((root / "tests/ledgers/version-1.sql").read_text())
    return path


def check_first_version(ledger: Ledger) -> None:
    picture = Picture(sha256="dd", width=64, height=32, size=100)
    request = Request(endpoint="text2img", parameters={"prompt": "a house", "seed": 3}, repeat=0)
    assert ledger.standings() == {
        "aa": Standing(state=State.MADE, attempts=1, seconds=1.5, seed=1, answer={"seed": 1}, pictures=(picture,)),
        "bb": Standing(state=State.FAILED, attempts=1, reason="queue full", concern=Concern.LATER),
        "cc": Standing(state=State.PENDING, attempts=1),
    }
    assert ledger.open_attempts() == [
        OpenAttempt(id=3, cell="cc", request=request, queued=Queued(remote_id="73"), begun=12.0)
    ]
    assert ledger.changes() == []


def test_a_ledger_of_the_first_version_reads_and_stays_as_it_is(first_version: Path) -> None:
    before = first_version.read_bytes()
    with Ledger(first_version, readonly=True) as reader:
        check_first_version(reader)
    assert first_version.read_bytes() == before
    assert [path.name for path in first_version.parent.iterdir()] == ["ledger.sqlite"]


def test_a_ledger_of_the_first_version_is_brought_to_this_one_with_every_row(first_version: Path) -> None:
    with Ledger(first_version) as writer:
        check_first_version(writer)
        attempt = writer.begin(CELL, now=30.0, track_id="mine")
        writer.change(Change(at=1.0, concurrency=2, reason="start"))
    with Ledger(first_version, readonly=True) as reader:
        assert [found.track_id for found in reader.open_attempts()] == ["", "mine"]
        assert (attempt, len(reader.changes())) == (4, 1)


def shape(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = [sorted(row[1:] for row in database.execute(f"PRAGMA table_info({table})")) for table in tables]
        others = database.execute("SELECT name, tbl_name FROM sqlite_master WHERE type <> 'table' ORDER BY name")
        return [sorted(zip(tables, columns, strict=True)), others.fetchall()]


def test_a_ledger_that_was_brought_here_is_shaped_as_a_new_one(first_version: Path, tmp_path: Path) -> None:
    Ledger(first_version).close()
    Ledger(tmp_path / "new.sqlite").close()
    assert shape(first_version) == shape(tmp_path / "new.sqlite")


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_crash_while_a_ledger_is_brought_here_leaves_the_earlier_version(
    step: int, first_version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = [f"{part};" for part in MIGRATIONS[1].split(";") if part.strip()]
    broken = "".join([*statements[: step - 1], "SELECT no_such_function();", *statements[step - 1 :]])
    monkeypatch.setitem(MIGRATIONS, 1, broken)
    before = shape(first_version)
    with pytest.raises(RunFolderError, match="no such function"):
        Ledger(first_version)
    assert shape(first_version) == before
    monkeypatch.undo()
    with Ledger(first_version) as writer:
        check_first_version(writer)


@pytest.mark.parametrize(("writer", "wrote"), [("", ""), ("sweeprunner 9.1.0", ", sweeprunner 9.1.0 wrote it")])
def test_a_newer_version_is_refused_and_stays_as_it_is(writer: str, wrote: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version = {LEDGER_VERSION + 1}")
    newer.close()
    before = path.read_bytes()
    for readonly in (True, False):
        with pytest.raises(RunFolderError) as caught:
            Ledger(path, readonly=readonly, writer=writer)
        assert str(caught.value) == (
            f"{path}: the ledger has version {LEDGER_VERSION + 1}{wrote}; this sweep reads versions 1 to {LEDGER_VERSION}: "
            "use the sweep that wrote it, or run into another folder"
        )
    assert path.read_bytes() == before
