"""What was asked and what came back: durable, final, readable at any moment."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import RunFolderError
from runner.ledger import LEDGER_VERSION, PENDING, Gist, Ledger, OpenAttempt, Standing, opening, request_from
from runner.ledger.opening import MIGRATIONS
from runner.ledger.rows import LARGEST_SEED, request_text
from runner.nouns import (
    Cell,
    Change,
    Concern,
    Failed,
    Made,
    Outcome,
    Picture,
    Queued,
    Refused,
    Request,
    Spent,
    State,
    Unknown,
)

REQUEST = Request(endpoint="text2img", parameters={"prompt": "ein Häuschen", "seed": None}, repeat=2)
CELL = Cell(digest="c" * 64, coordinates={"seed": "random"}, request=REQUEST)
PICTURE = Picture(sha256="a" * 64, width=256, height=128, size=1234)
MADE = Made(pictures=(PICTURE,), meta={"seed": 7, "W": 256}, seconds=1.5, seed=7)
REFUSED = Refused(concern=Concern.CELL, message="prompt refused", status=400)
BUSY = Refused(concern=Concern.LATER, message="queue full", status=429, retry_after=3)
NO_KEY = Refused(concern=Concern.RUN, message="bad key", status=401)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def tried(ledger: Ledger, *outcomes: Outcome | None) -> Standing:
    """Try the cell once for each outcome (None: no outcome yet) and return how it stands."""
    for number, outcome in enumerate(outcomes):
        attempt = ledger.begin(CELL, now=100.0 + number)
        if outcome is not None:
            ledger.finish(attempt, outcome, now=101.0 + number)
    return ledger.standing(CELL.digest)


def rows(ledger: Ledger, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in ledger._db.execute(query)]


# --- how a cell stands ---------------------------------------------------------------------------------------------


def test_a_cell_that_was_never_tried_is_pending(ledger: Ledger) -> None:
    assert ledger.standing("0" * 64) == PENDING == Standing(state=State.PENDING)
    assert ledger.standings() == {}


@pytest.mark.parametrize(
    ("outcomes", "standing", "owed"),
    [
        pytest.param([None], Standing(state=State.PENDING, attempts=1), True, id="sent and not answered"),
        pytest.param(
            [MADE],
            Standing(state=State.MADE, attempts=1, seconds=1.5, seed=7, answer=MADE.meta, pictures=(PICTURE,)),
            False,
            id="made",
        ),
        pytest.param(
            [REFUSED],
            Standing(state=State.REFUSED, attempts=1, reason="prompt refused", concern=Concern.CELL),
            False,
            id="refused for what it asks",
        ),
        pytest.param(
            [BUSY],
            Standing(state=State.FAILED, attempts=1, reason="queue full", concern=Concern.LATER),
            True,
            id="refused for now",
        ),
        pytest.param(
            [NO_KEY],
            Standing(state=State.FAILED, attempts=1, reason="bad key", concern=Concern.RUN),
            True,
            id="refused with the whole run",
        ),
        pytest.param(
            [Failed(message="no image")],
            Standing(state=State.FAILED, attempts=1, reason="no image"),
            False,
            id="failed",
        ),
        pytest.param(
            [Unknown(message="no answer")],
            Standing(state=State.UNKNOWN, attempts=1, reason="no answer"),
            False,
            id="unknown is not sent again unasked",
        ),
        pytest.param(
            [BUSY, BUSY, REFUSED],
            Standing(state=State.REFUSED, attempts=3, reason="prompt refused", concern=Concern.CELL),
            False,
            id="the latest attempt counts",
        ),
        pytest.param([BUSY, None], Standing(state=State.PENDING, attempts=2), True, id="tried again and not answered"),
        pytest.param(
            [MADE, Failed(message="no image"), None],
            Standing(state=State.MADE, attempts=3, seconds=1.5, seed=7, answer=MADE.meta, pictures=(PICTURE,)),
            False,
            id="made wins over what came after",
        ),
    ],
)
def test_how_a_cell_stands_follows_from_its_attempts(
    outcomes: list[Outcome | None], standing: Standing, owed: bool, ledger: Ledger
) -> None:
    assert tried(ledger, *outcomes) == standing
    assert ledger.standings() == {CELL.digest: standing}
    assert standing.owed is owed


def test_the_latest_pictures_stand_when_a_cell_was_made_twice(ledger: Ledger) -> None:
    again = Picture(sha256="b" * 64, width=256, height=256, size=99, format="webp")
    assert tried(ledger, MADE, Made(pictures=(again, PICTURE))).pictures == (again, PICTURE)


def test_an_abandoned_attempt_leaves_its_cell_pending_and_owed(ledger: Ledger) -> None:
    ledger.abandon(ledger.begin(CELL, now=1.0), "interrupted", now=2.0)
    standing = ledger.standing(CELL.digest)
    assert standing == Standing(state=State.PENDING, attempts=1, reason="interrupted")
    assert standing.owed
    assert ledger.open_attempts() == []


def test_reused_pictures_are_marked_with_the_run_that_they_come_from(ledger: Ledger) -> None:
    ledger.reuse(CELL, MADE, source="runs/earlier", now=5.0)
    assert ledger.standing(CELL.digest) == Standing(
        state=State.MADE, attempts=1, seconds=1.5, seed=7, answer=MADE.meta, pictures=(PICTURE,), reused_from="runs/earlier"
    )  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from("xyz"), st.sampled_from([None, MADE, REFUSED, BUSY, NO_KEY, "reused"])), max_size=9
    )
)
def test_a_gist_is_the_standing_in_brief(tries: list[tuple[str, Outcome | str | None]]) -> None:
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        for digest, outcome in tries:
            cell = Cell(digest=digest, coordinates={}, request=REQUEST)
            if isinstance(outcome, str):
                ledger.reuse(cell, MADE, source="runs/earlier", now=1.0)
            else:
                attempt = ledger.begin(cell, now=1.0)
                if outcome is not None:
                    ledger.finish(attempt, outcome, now=2.0)
        stands = ledger.standings()
        assert ledger.gists() == {
            digest: Gist(
                state=standing.state,
                owed=standing.owed,
                images=len(standing.pictures),
                reused=bool(standing.reused_from),
            )
            for digest, standing in stands.items()
        }


# --- what is open --------------------------------------------------------------------------------------------------


def test_open_attempts_are_those_without_an_outcome_the_oldest_first(ledger: Ledger) -> None:
    sent, queued, finished = (ledger.begin(CELL, now=float(now), track_id=f"track-{now}") for now in range(3))
    ledger.accept(queued, Queued(remote_id="77", eta=3.0, fetch_result="https://host/fetch/77"))
    ledger.accept(finished, Queued(remote_id="78"))
    ledger.finish(finished, MADE, now=9.0)
    accepted = Queued(remote_id="77", fetch_result="https://host/fetch/77")
    assert ledger.open_attempts() == [
        OpenAttempt(id=sent, cell=CELL.digest, request=REQUEST, queued=None, begun=0.0, track_id="track-0"),
        OpenAttempt(id=queued, cell=CELL.digest, request=REQUEST, queued=accepted, begun=1.0, track_id="track-1"),
    ]


def test_a_request_reads_back_as_it_was_written() -> None:
    assert request_from(request_text(REQUEST)) == REQUEST


def test_every_step_is_in_the_file_before_the_call_returns(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as writer, Ledger(path, readonly=True) as reader:
        attempt = writer.begin(CELL, now=1.0)
        assert [(found.id, found.queued) for found in reader.open_attempts()] == [(attempt, None)]
        writer.accept(attempt, Queued(remote_id="77"))
        assert [found.queued for found in reader.open_attempts()] == [Queued(remote_id="77")]
        writer.finish(attempt, MADE, now=2.0)
        assert reader.open_attempts() == []
        assert reader.standing(CELL.digest).state is State.MADE


def test_attempts_and_their_pictures_are_read_as_of_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as writer, Ledger(path, readonly=True) as reader:
        attempt = writer.begin(CELL, now=1.0)
        selects: list[str] = []

        def finish_between_queries(statement: str) -> None:
            if statement.startswith("SELECT"):
                selects.append(statement)
                if len(selects) == 2:
                    writer.finish(attempt, MADE, now=2.0)

        reader._db.set_trace_callback(finish_between_queries)
        assert reader.standings() == {CELL.digest: Standing(state=State.PENDING, attempts=1)}
        assert len(selects) == 2
        assert reader.standing(CELL.digest).pictures == (PICTURE,)


# --- what is final -------------------------------------------------------------------------------------------------


def test_a_finished_attempt_is_never_rewritten(ledger: Ledger) -> None:
    attempt = ledger.begin(CELL, now=1.0)
    ledger.finish(attempt, MADE, now=2.0)
    before = rows(ledger, "SELECT * FROM attempts"), rows(ledger, "SELECT * FROM pictures")
    for rewrite in (
        lambda: ledger.finish(attempt, Failed(message="no"), now=3.0),
        lambda: ledger.finish(attempt, MADE, now=3.0),
        lambda: ledger.accept(attempt, Queued(remote_id="1")),
        lambda: ledger.abandon(attempt, "no", now=3.0),
    ):
        with pytest.raises(sqlite3.IntegrityError, match="a finished attempt is never rewritten"):
            rewrite()
    assert (rows(ledger, "SELECT * FROM attempts"), rows(ledger, "SELECT * FROM pictures")) == before


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("UPDATE attempts SET reason = 'x'", "a finished attempt is never rewritten"),
        ("DELETE FROM attempts", "an attempt is never deleted"),
        ("UPDATE pictures SET sha256 = 'x'", "a picture is never rewritten"),
        ("DELETE FROM pictures", "a picture is never deleted"),
        ("INSERT INTO pictures VALUES (1, 9, 'x', 1, 1, 1, 'png')", "a finished attempt is never rewritten"),
        ("UPDATE cells SET request = '{}'", "a cell is never rewritten"),
        ("DELETE FROM cells", "a cell is never deleted"),
    ],
)
def test_the_file_itself_refuses_to_forget(statement: str, refusal: str, ledger: Ledger) -> None:
    tried(ledger, MADE)
    with pytest.raises(sqlite3.IntegrityError, match=refusal), ledger._db:
        ledger._db.execute(statement)


def test_an_attempt_that_was_never_begun_is_refused_rather_than_ignored(ledger: Ledger) -> None:
    for call in (
        lambda: ledger.finish(41, Failed(message="no"), now=1.0),
        lambda: ledger.accept(41, Queued(remote_id="1")),
        lambda: ledger.abandon(41, "no", now=1.0),
    ):
        with pytest.raises(sqlite3.IntegrityError, match="attempt 41 was never begun"):
            call()
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        ledger.finish(41, MADE, now=1.0)


def test_pictures_and_outcome_are_one_commit(ledger: Ledger) -> None:
    attempt = ledger.begin(CELL, now=1.0)
    impossible = Made(pictures=(PICTURE, Picture(sha256=None, width=1, height=1, size=1)))  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError, match=r"NOT NULL constraint failed: pictures\.sha256"):
        ledger.finish(attempt, impossible, now=2.0)
    assert rows(ledger, "SELECT * FROM pictures") == []
    assert ledger.standing(CELL.digest) == Standing(state=State.PENDING, attempts=1)


# --- what servers say ----------------------------------------------------------------------------------------------


HALF = "\ud800 no"


@pytest.mark.parametrize(
    "outcome", [Failed(message=HALF), Unknown(message=HALF), Refused(concern=Concern.CELL, message=HALF)]
)
def test_a_reason_that_is_no_unicode_is_kept_as_far_as_it_goes(outcome: Outcome, ledger: Ledger) -> None:
    assert tried(ledger, outcome).reason == "? no"


def test_an_answer_reads_back_and_numbers_that_json_lacks_become_text(ledger: Ledger) -> None:
    said = {"prompt": "ü \ud800", "nested": [1, {"a": None}], "loss": float("nan")}
    assert tried(ledger, Made(pictures=(PICTURE,), meta=said)).answer == {**said, "loss": "NaN"}


@pytest.mark.parametrize(
    ("seed", "kept"), [(LARGEST_SEED, LARGEST_SEED), (LARGEST_SEED + 1, None), (0, 0), (None, None)]
)
def test_a_seed_beyond_64_bits_stays_in_the_answer_alone(seed: int | None, kept: int | None, ledger: Ledger) -> None:
    standing = tried(ledger, Made(pictures=(PICTURE,), meta={"seed": seed}, seed=seed))
    assert (standing.seed, standing.answer) == (kept, {"seed": seed})


# --- the file ------------------------------------------------------------------------------------------------------


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


# --- earlier versions ----------------------------------------------------------------------------------------------


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


# --- other processes -----------------------------------------------------------------------------------------------

READ = """
import sqlite3, sys
print(*sqlite3.connect(sys.argv[1], uri=True).execute("SELECT count(*) FROM attempts").fetchone())
"""


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become a user without rights"
)
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
            user=65534, capture_output=True, text=True, check=False,
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


def test_what_is_recorded_together_is_one_commit_and_all_of_it_is_there(ledger: Ledger) -> None:
    commits: list[str] = []
    ledger._db.set_trace_callback(lambda said: commits.append(said) if said == "COMMIT" else None)
    with ledger.together():
        first, second = ledger.begin(CELL, now=1.0), ledger.begin(CELL, now=2.0)
        ledger.finish(first, MADE, now=3.0)
    assert (commits, [attempt.id for attempt in ledger.open_attempts()]) == (["COMMIT"], [second])


def test_what_raises_inside_a_group_leaves_no_trace_of_the_group(ledger: Ledger) -> None:
    def broken() -> None:
        with ledger.together():
            ledger.begin(CELL, now=1.0)
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert (ledger.open_attempts(), ledger.standing(CELL.digest)) == ([], PENDING)


def test_a_record_that_a_group_survives_is_undone_alone(ledger: Ledger) -> None:
    with ledger.together():
        attempt = ledger.begin(CELL, now=1.0)
        ledger.finish(attempt, MADE, now=2.0)
        with pytest.raises(sqlite3.IntegrityError):
            ledger.finish(attempt, MADE, now=3.0)
        later = ledger.begin(CELL, now=4.0)
    assert [attempt.id for attempt in ledger.open_attempts()] == [later]


def test_changes_of_concurrency_are_kept_in_order(ledger: Ledger) -> None:
    changes = [Change(at=1.0, concurrency=2, reason="start"), Change(at=2.5, concurrency=4, reason="\ud800 more")]
    for change in changes:
        ledger.change(change)
    assert ledger.changes() == [changes[0], Change(at=2.5, concurrency=4, reason="? more")]


def test_what_was_spent_counts_each_send_and_every_image_that_may_have_to_be_paid(ledger: Ledger) -> None:
    four = Cell(
        digest="4" * 64, coordinates={}, request=replace(REQUEST, parameters={**REQUEST.parameters, "samples": 4})
    )
    outcomes: list[Outcome] = [
        MADE,
        Failed(message="no image"),
        Unknown(message="no answer"),
        Refused(concern=Concern.LATER, message="busy"),
        Refused(concern=Concern.CELL, message="no"),
        Refused(concern=Concern.LATER, message="nothing was sent", status=0),
    ]
    for outcome in outcomes:
        ledger.finish(ledger.begin(four, now=1.0), outcome, now=2.0)
    ledger.abandon(ledger.begin(four, now=1.0), "interrupted", now=2.0)
    ledger.begin(four, now=1.0)
    ledger.reuse(CELL, MADE, source="earlier", now=3.0)
    assert ledger.spent() == Spent(requests=7, images=len(MADE.pictures) + 4 + 4 + 4)


def test_nothing_is_spent_before_the_first_send(ledger: Ledger) -> None:
    assert ledger.spent() == Spent(requests=0, images=0)


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
