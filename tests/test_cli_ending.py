"""What an ending run says to type next."""

from pathlib import Path

import pytest

from runner.cli.ending import advice
from runner.execute import Cause, Stop
from runner.verbs import Result

LIMIT = "run again to go on; limits on requests, images and cost count all starts of a run: raise one that is reached"
FAILED = "3 failed: sweep summary 'my runs/cats' --by reason; to try again: sweep retry 'my runs/cats' --failed"
REFUSED = "2 refused: the target said no to these alone; to ask again: sweep retry 'my runs/cats' --refused"
UNKNOWN = (
    "1 unknown: no answer came, so they may be made and paid for; "
    "to send them again: sweep retry 'my runs/cats' --unknown"
)


def said(cause: Cause | None, *, undelivered: int = 0, **counts: int) -> list[str]:
    stop = Stop()
    if cause:
        stop.because(cause, "why")
    folder = Path("my runs/cats")
    whole = dict.fromkeys(("planned", "made", "refused", "failed", "unknown", "pending"), 0) | counts
    page = folder / "report" / "index.html"
    return list(advice(Result(run=folder, counts=whole, sent=1, report=page, stop=stop, undelivered=undelivered)))


def test_a_run_whose_cells_are_all_made_says_nothing_more() -> None:
    assert said(None, planned=3, made=3) == []


@pytest.mark.parametrize(
    ("cause", "first"),
    [
        (Cause.LIMIT, LIMIT),
        (Cause.TARGET, "run again when that has changed: what is made stays made"),
        (Cause.USER, "run again to go on"),
        (None, "4 pending: not tried yet; `sweep run` without --only sends them"),
    ],
)
def test_whatever_left_cells_over_the_first_line_says_how_to_go_on(cause: Cause | None, first: str) -> None:
    assert said(cause, planned=5, made=1, pending=4) == [first]


def test_cells_that_running_again_does_not_send_are_named_with_the_command_that_does() -> None:
    assert said(None, planned=6, refused=2, failed=3, unknown=1) == [REFUSED, FAILED, UNKNOWN]


def test_what_failed_because_the_target_refused_the_whole_run_needs_no_command_of_its_own() -> None:
    assert said(Cause.TARGET, planned=4, failed=3, unknown=1)[1:] == [UNKNOWN]


def test_what_was_made_and_did_not_arrive_is_named_whoever_stopped_the_run_for_only_a_retry_fetches_it() -> None:
    assert said(Cause.TARGET, undelivered=3, planned=9, failed=5)[1:] == [FAILED]
