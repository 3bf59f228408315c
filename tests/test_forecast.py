"""What a plan would cost and how long it would take, with what is assumed; and where a limit stops it."""

from pathlib import Path

import pytest
from commands import sweep

from runner.folder import RunFolder
from runner.forecast import duration
from runner.nouns import Cell, Concern, Failed, Made, Outcome, Picture, Refused
from runner.verbs import Estimate, estimate, prepare

FILE = """
name: cats
target: {target}
parameters: {{model_id: any, prompt: a cat, width: {width}, height: 256}}
axes: {{seed: {{from: 1, to: 10, step: 1}}}}
{more}
"""
URL = "http://127.0.0.1:9/api"
PICTURE = Picture(sha256="ab" * 32, width=8, height=8, size=1)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(target: str = "sketch", width: int = 256, more: str = "") -> None:
    Path("cats.yaml").write_text(FILE.format(target=target, width=width, more=more))


def measured(run: str, *seconds: float, took: float = 0.0, outcome: Outcome | None = None) -> None:
    """Record that cells of the file, as it is now, were made in so many seconds each."""
    folder, plan = RunFolder(Path(run)), prepare("cats.yaml")
    with folder.writing() as ledger:
        folder.freeze(plan, {"target": plan.provider.target})
        cells = [Cell(digest=f"{n:064}", coordinates={}, request=next(plan.cells()).request) for n in range(100)]
        for cell, one in zip(cells, seconds, strict=False):
            made = outcome or Made(pictures=(PICTURE,), seconds=one)
            ledger.finish(ledger.begin(cell, now=100.0), made, now=100.0 + (took or one))


def found(run: str = "runs/cats") -> Estimate:
    return estimate(prepare("cats.yaml"), run)


# --- time ----------------------------------------------------------------------------------------------------------


def test_where_nothing_is_measured_it_says_what_would_tell() -> None:
    write()
    assert (found().seconds, found().assumes) == (
        None,
        "not known: nothing is measured at sketch for 256×256 in 21 steps, `sweep run FILE --limit 4` would tell",
    )


def test_in_this_process_the_engines_own_seconds_count_one_image_at_a_time() -> None:
    write()
    measured("runs/other", 1.0, 2.0, 30.0, took=90.0)
    assert (found().seconds, found().assumes) == (
        20.0,
        "about 20 s: 2 s an image (median of 3 in runs/other), one at a time in this process",
    )


def test_at_a_hosted_service_a_request_keeps_its_place_from_intent_to_end_and_several_go_at_once() -> None:
    write(URL)
    measured("runs/other", 1.0, took=8.0)
    assert (found().seconds, found().assumes) == (
        20.0,
        "about 20 s: 8 s an image (median of 1 in runs/other), 4 at once",
    )


def test_a_rate_is_kept_to_where_it_is_slower() -> None:
    write(URL, more="execution: {rate: 12/min}")
    measured("runs/other", 1.0, took=8.0)
    assert (found().seconds, found().assumes) == (
        50.0,
        "about 50 s: 8 s an image (median of 1 in runs/other), 4 at once, at most 12 a minute",
    )


def test_a_rate_alone_is_the_least_time() -> None:
    write(URL, more="execution: {rate: 2/s}")
    assert found().seconds == 5.0
    assert found().assumes.startswith("at least 5 s: at most 2 a second, nothing is measured at http://127.0.0.1:9/api")


def test_this_run_tells_first_then_the_one_last_written_to() -> None:
    write()
    measured("runs/old", 9.0)
    measured("runs/cats", 3.0)
    assert found().assumes == "about 30 s: 3 s an image (median of 1 in runs/cats), one at a time in this process"


def test_another_target_another_size_and_what_was_not_made_tell_nothing() -> None:
    write(URL)
    measured("runs/other", 1.0)
    write(width=512)
    measured("runs/larger", 1.0)
    write()
    measured("runs/failed", 1.0, outcome=Failed(message="no"))
    measured("runs/refused", 1.0, outcome=Refused(concern=Concern.CELL, message="no"))
    assert found().seconds is None


def test_what_a_run_reused_tells_nothing_of_its_own_time() -> None:
    write()
    folder, plan = RunFolder(Path("runs/other")), prepare("cats.yaml")
    with folder.writing() as ledger:
        folder.freeze(plan, {"target": "sketch"})
        cell = Cell(digest="0" * 64, coordinates={}, request=next(plan.cells()).request)
        ledger.reuse(cell, Made(pictures=(PICTURE,), seconds=1.0), source="first", now=1.0)
    assert found().seconds is None


def test_kinds_of_request_are_told_apart() -> None:
    write(more="")
    measured("runs/small", 1.0)
    write(width=512)
    measured("runs/large", 4.0)
    path = Path("cats.yaml")
    path.write_text(path.read_text().replace("width: 512, ", "").replace("axes: {", "axes: {width: [256, 512], "))
    assert (found().seconds, found().assumes.count(" in runs/")) == (50.0, 1)
    assert found().assumes.startswith("about 50 s: 1 to 4 s an image (medians of 2 in runs/")


@pytest.mark.parametrize(("seconds", "words"), [(0.83, "0.83 s"), (45.2, "45 s"), (720.0, "12 min"), (9000.0, "2.5 h")])
def test_a_time_is_said_in_its_own_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


# --- cost ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "more", "said"),
    [
        ("sketch", "", "cost: nothing is paid, the pictures are made in this process"),
        (URL, "", "cost: not known: say what an image costs, price: {per_image: 0.0047}"),
        (URL, "price: {per_image: 0.05}", "cost: about 0.5: 10 images at 0.05 each, made at first asking"),
    ],
)
def test_the_cost_is_said_with_what_it_assumes(target: str, more: str, said: str) -> None:
    write(target, more=more)
    assert said in sweep("plan", "cats.yaml").out.splitlines()


# --- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("requests: 7", "limits.requests 7 stops it after 7 of 10 requests"),
        ("requests: 10, images: 10", ""),
        ("images: 4", "limits.images 4 stops it after 4 of 10 requests"),
        ("cost: 0.3", "limits.cost 0.3 stops it after 3 of 10 requests"),
        ("requests: 7, images: 4", "limits.images 4 stops it after 4 of 10 requests"),
        ("wall: 5s", "limits.wall 5 s stops it after about 2 of 10 requests"),
    ],
)
def test_the_limit_that_stops_a_run_first_is_named(limits: str, said: str) -> None:
    write(more=f"price: {{per_image: 0.1}}\nlimits: {{{limits}}}")
    measured("runs/other", 2.0)
    assert found().stops == said
    shown = f"{said}; run again with a higher limit to go on"
    assert (shown in sweep("plan", "cats.yaml").out.splitlines()) is bool(said)


def test_what_the_run_has_spent_counts_towards_its_limits() -> None:
    write(more="limits: {requests: 12}")
    assert found().stops == ""
    measured("runs/cats", 1.0, 1.0, 1.0)
    assert found().stops == "limits.requests 12 stops it after 9 of 10 requests"


def test_a_run_that_has_passed_its_limit_and_owes_nothing_is_stopped_by_none() -> None:
    write()
    sweep("run", "cats.yaml")
    write(more="limits: {requests: 3}")
    assert (found().requests, found().stops) == (0, "")
