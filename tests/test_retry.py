"""`sweep retry`: new attempts for the cells that are named, and for no other."""

from dataclasses import replace
from pathlib import Path

import pytest
from commands import record, sweep

from runner.folder import RunFolder
from runner.nouns import Concern, Failed, Refused, State, Unknown
from runner.verbs import load

FILE = """
name: cats
target: sketch
parameters: {model_id: any, prompt: a cat, width: 256, height: 256}
axes: {seed: {from: 1, to: 8, step: 1}}
"""
OUTCOMES = (
    Failed(message="broken"),
    Refused(concern=Concern.LATER, message="busy"),
    Refused(concern=Concern.CELL, message="not that"),
    Unknown(message="no answer"),
    Unknown(message="no answer either"),
)
RUN = Path("runs/cats")


@pytest.fixture(autouse=True)
def _a_run_of_which_much_went_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells 1 to 5 end as `OUTCOMES`, 6 is made, 7 and 8 were never tried; the file is gone."""
    monkeypatch.chdir(tmp_path)
    Path("cats.yaml").write_text(FILE)
    assert sweep("run", "cats.yaml", "--only", "seed=6").code == 1
    record(RUN, *OUTCOMES)
    Path("cats.yaml").unlink()


def states() -> dict[int, str]:
    return {int(seed): outcome for seed, outcome in load(RUN).set_index("seed")["outcome"].items()}


BEFORE = {1: "failed", 2: "failed", 3: "refused", 4: "unknown", 5: "unknown", 6: "made", 7: "pending", 8: "pending"}


@pytest.mark.parametrize(
    ("flags", "again"),
    [
        (("--failed",), (1, 2)),
        (("--refused",), (3,)),
        (("--unknown", "--yes"), (4, 5)),
        (("--failed", "--unknown", "--yes"), (1, 2, 4, 5)),
    ],
)
def test_only_the_cells_that_stand_so_are_sent_and_the_others_stay(
    flags: tuple[str, ...], again: tuple[int, ...]
) -> None:
    done = sweep("retry", RUN, *flags, "--json")
    assert (done.code, done.facts["sent"], done.facts["made"]) == (1, len(again), 1 + len(again))
    assert states() == BEFORE | dict.fromkeys(again, "made")


def test_a_retried_cell_has_a_new_attempt_beside_the_old_one() -> None:
    sweep("retry", RUN, "--refused")
    with RunFolder(RUN).reading() as ledger:
        attempts = [standing.attempts for standing in ledger.standings().values() if standing.state is State.MADE]
    assert sorted(attempts) == [1, 2]


def test_the_frozen_plan_and_the_file_as_given_stay_as_they_were() -> None:
    before = [(RUN / name).read_bytes() for name in ("plan.json", "experiment.yaml")]
    sweep("retry", RUN, "--failed")
    assert [(RUN / name).read_bytes() for name in ("plan.json", "experiment.yaml")] == before


def test_when_all_is_made_the_exit_is_0_and_the_words_are_those_of_run() -> None:
    Path("cats.yaml").write_text(FILE)
    sweep("run", "cats.yaml")
    done = sweep("retry", RUN, "--failed", "--refused", "--unknown", "--yes")
    assert (done.code, done.err) == (0, "")
    assert done.out == "8 cells: 8 made. 4 requests sent, 8 images.\nruns/cats/report/index.html\n"


def test_a_new_attempt_is_asked_for_though_a_run_beside_this_one_has_the_picture() -> None:
    Path("cats.yaml").write_text(FILE)
    sweep("run", "cats.yaml", "--out", "runs/other", "--no-reuse")
    assert sweep("retry", RUN, "--refused", "--json").facts["sent"] == 1


def test_a_limit_stops_it_with_exit_3() -> None:
    done = sweep("retry", RUN, "--failed", "--limit", "1")
    assert (done.code, done.err.splitlines()[0]) == (3, "stopped by the limit of 1 request")


def test_what_may_have_been_paid_for_is_not_sent_again_where_nobody_can_say_so() -> None:
    done = sweep("retry", RUN, "--unknown", "--refused")
    assert done.code == 2
    assert done.err == (
        "retry: 3 requests (3 images) to sketch; 2 of these may have been made and paid for already; "
        "nobody is here to confirm: add --yes\n"
    )
    assert states() == BEFORE


def test_a_limit_on_requests_is_part_of_what_is_asked() -> None:
    done = sweep("retry", RUN, "--unknown", "--refused", "--limit", "1")
    assert done.err.startswith("retry: 1 of 3 requests (1 image) to sketch; 2 of these may have been made")


def test_nothing_to_retry_says_so_and_is_no_failure() -> None:
    sweep("retry", RUN, "--failed", "--unknown", "--yes")
    done = sweep("retry", RUN, "--failed", "--unknown")
    assert (done.code, done.out, done.err) == (0, "runs/cats: nothing to retry, no cell is failed or unknown\n", "")
    assert sweep("retry", RUN, "--failed", "--json").facts["sent"] == 0


def test_no_flag_and_no_run_are_mistakes() -> None:
    assert sweep("retry", RUN).err == (
        "retry: no cells are named; add --failed, --refused or --unknown, or several of them\n"
    )
    assert sweep("retry", "nowhere", "--failed").err == (
        "nowhere: no plan.json here; a run folder is what `sweep run FILE --out nowhere` writes: give the path of one\n"
    )


def test_a_run_whose_models_were_changed_since_is_not_added_to() -> None:
    folder = RunFolder(RUN)
    plan = folder.plan()
    folder.freeze(replace(plan, provider=replace(plan.provider, models={"any": "cd" * 32})), {})
    done = sweep("retry", RUN, "--failed")
    assert done.code == 2
    assert done.err == (
        "runs/cats: any of the target sketch is no longer what this run was planned with; "
        "its cells were asked of that: run the experiment file again\n"
    )


def test_what_was_interrupted_and_certainly_not_made_takes_nothing_from_a_limit() -> None:
    Path("cats.yaml").write_text(FILE + "limits: {images: 8}\n")
    with RunFolder(RUN).writing() as ledger:
        for cell in RunFolder(RUN).plan().cells():
            if cell.coordinates["seed"] in "78":
                ledger.begin(cell, now=1.0)
    assert sweep("run", "cats.yaml", "--json").facts["pending"] == 0
