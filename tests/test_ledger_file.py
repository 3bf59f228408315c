"""A ledger is one file: it opens again with all that it held, and one that is damaged, lost or none is refused in words."""

import sqlite3
from pathlib import Path

import pytest
from entries import BUSY, CELL, MADE, REQUEST, tried

from runner.errors import RunFolderError
from runner.ledger import Ledger
from runner.nouns import Cell, State

# --- reading and writing -------------------------------------------------------------------------------------------


def test_a_ledger_opens_again_with_all_that_it_held(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as first:
        standing = tried(first, BUSY, MADE)
    with Ledger(tmp_path / "ledger.sqlite") as second:
        assert second.standings() == {CELL.digest: standing}


def test_a_ledger_at_rest_is_one_file_and_reading_makes_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        tried(ledger, MADE)
    before = path.read_bytes()
    with Ledger(path, readonly=True) as reader:
        assert reader.standing(CELL.digest).state is State.MADE
        assert [found.name for found in tmp_path.iterdir()] == ["ledger.sqlite"]
    assert [found.name for found in tmp_path.iterdir()] == ["ledger.sqlite"]
    assert path.read_bytes() == before


def test_a_reader_that_looks_on_does_not_keep_the_writer_from_closing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    writer = Ledger(path)
    tried(writer, MADE)
    with Ledger(path, readonly=True) as reader:
        assert reader.standing(CELL.digest).state is State.MADE
        writer.close()
        assert reader.standing(CELL.digest).state is State.MADE
    with Ledger(path) as again:
        assert again.standing(CELL.digest).state is State.MADE
    assert [found.name for found in tmp_path.iterdir()] == ["ledger.sqlite"]


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.sqlite").close()
    with Ledger(tmp_path / "ledger.sqlite", readonly=True) as reader, pytest.raises(RunFolderError) as caught:
        reader.begin(CELL, now=1.0)
    assert str(caught.value) == (
        f"{tmp_path / 'ledger.sqlite'}: attempt to write a readonly database; the disk must have room and the folder "
        "must be writable: make it so and run again, nothing is lost"
    )


@pytest.mark.parametrize("content", [b"", None])
def test_a_ledger_that_a_crash_left_empty_reads_as_one_without_attempts(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    if content is None:  # the file has its first page, and no tables yet
        opened = sqlite3.connect(path)
        opened.execute("PRAGMA journal_mode = WAL")
        opened.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with Ledger(path, readonly=True) as reader:
        assert reader.standings() == {}
    assert path.read_bytes() == before
    with Ledger(path) as writer:
        assert tried(writer, MADE).state is State.MADE


def test_a_ledger_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="unable to open database file"):
        Ledger(tmp_path / "ledger.sqlite", readonly=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_odd_letters_in_its_name_is_no_address(tmp_path: Path) -> None:
    folder = tmp_path / "what? #1 %41 ü"
    folder.mkdir()
    with Ledger(folder / "ledger.sqlite") as ledger:
        tried(ledger, MADE)
    with Ledger(folder / "ledger.sqlite", readonly=True) as reader:
        assert reader.standing(CELL.digest).state is State.MADE
    assert [found.name for found in tmp_path.iterdir()] == [folder.name]


def test_a_ledger_that_is_deleted_while_it_is_open_is_missed_when_it_closes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    path.unlink()
    with pytest.raises(RunFolderError) as caught:
        ledger.close()
    assert str(caught.value) == (
        f"{path}: the file was moved or deleted while it was written to; a run needs it in its place: "
        "put it back and run again"
    )


# --- what is no ledger, or a damaged one ---------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"prompt,seed\n" * 1000)
    for readonly in (True, False):
        with pytest.raises(RunFolderError) as caught:
            Ledger(path, readonly=readonly)
        assert str(caught.value) == (
            f"{path}: file is not a database; a ledger is an SQLite file that `sweep run` wrote: "
            f"`sweep rescue {tmp_path}` saves what can still be read"
        )


def damage(path: Path, start: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Return the path of a ledger of many pages."""
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger, ledger.together():
        for number in range(200):
            cell = Cell(digest=f"{number:064}", coordinates={}, request=REQUEST)
            ledger.finish(ledger.begin(cell, now=1.0), MADE, now=2.0)
    return path


def test_a_damaged_ledger_is_refused_in_words(long: Path) -> None:
    damage(long, 4096, b"\x5a" * (long.stat().st_size - 4096))
    said = (
        f"{long}: database disk image is malformed; a ledger is an SQLite file that `sweep run` wrote: "
        f"`sweep rescue {long.parent}` saves what can still be read"
    )
    with Ledger(long, readonly=True) as reader:
        for read in (reader.standings, reader.gists, reader.open_attempts):
            with pytest.raises(RunFolderError) as caught:
                read()
            assert str(caught.value) == said
    before = long.read_bytes()
    with pytest.raises(RunFolderError, match="saves what can still be read"):
        Ledger(long)
    assert long.read_bytes() == before


def test_damage_that_no_query_would_meet_is_found_before_anything_is_written(long: Path) -> None:
    last = long.stat().st_size - 4096
    damage(long, last, bytes(4096))
    with Ledger(long, readonly=True) as reader:
        assert reader.open_attempts() == []
    before = long.read_bytes()
    with pytest.raises(RunFolderError, match=r"sweep rescue .* saves what can still be read"):
        Ledger(long)
    assert long.read_bytes() == before


@pytest.mark.parametrize(
    ("place", "found"),
    [
        (b"made", "'mxde' is not a valid State"),
        (b'{"seed": 7', "Expecting ',' delimiter: line 1 column 11 (char 10)"),
    ],
)
def test_a_row_that_holds_what_no_ledger_holds_is_damage(place: bytes, found: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        tried(ledger, MADE)
    data = path.read_bytes()
    at = data.rindex(place)
    damage(path, at, {b"made": b"mxde"}.get(place, b'{"seed": 7;'))
    with Ledger(path, readonly=True) as reader, pytest.raises(RunFolderError) as caught:
        reader.standings()
    assert str(caught.value).startswith(f"{path}: {found}; a ledger is an SQLite file that `sweep run` wrote: ")


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name)")
    other.close()
    with pytest.raises(RunFolderError) as caught:
        Ledger(path)
    assert str(caught.value) == (
        f"{path}: an SQLite file, and no ledger; a ledger is what `sweep run` writes: run into another folder"
    )
