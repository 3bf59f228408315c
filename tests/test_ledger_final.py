"""What is recorded is on disk before the call returns, whole, and never rewritten."""

import sqlite3
from pathlib import Path

import pytest
from entries import CELL, MADE, PICTURE, opened, rows, tried

from runner.ledger import PENDING, Ledger, Standing
from runner.nouns import Failed, Made, Picture, Queued, State

ledger = pytest.fixture(opened)


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


# --- what is one commit --------------------------------------------------------------------------------------------


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
