"""What was asked and what came back: how each cell stands, what is still open, what was spent."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from entries import BUSY, CELL, MADE, NO_KEY, PICTURE, REFUSED, REQUEST, opened, tried
from hypothesis import given
from hypothesis import strategies as st

from runner.ledger import PENDING, Gist, Ledger, OpenAttempt, Standing, request_from
from runner.ledger.rows import LARGEST_SEED, request_text
from runner.nouns import Cell, Change, Concern, Failed, Made, Outcome, Picture, Queued, Refused, Spent, State, Unknown

ledger = pytest.fixture(opened)


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


# --- what a run has done -------------------------------------------------------------------------------------------


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
