"""What an edit means for a run, and what changed between two runs: counts and exact words."""

from pathlib import Path

import pytest
from commands import record, sweep

from runner.folder import RunFolder
from runner.nouns import Concern, Made, Picture, Refused

FILE = """
name: cats
target: sketch
parameters: {model_id: any, prompt: a cat, width: 256, height: 256}
axes:
  guidance_scale: [2, 5, 8]
  seed: [1, 2]
"""
RUN, OTHER = Path("runs/cats"), Path("runs/other")


@pytest.fixture(autouse=True)
def _a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cats.yaml").write_text(FILE)
    assert sweep("run", "cats.yaml").code == 0


def edit(*changes: tuple[str, str]) -> None:
    text = FILE
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    Path("cats.yaml").write_text(text)


def said_of_edit(*words: str) -> list[str]:
    lines = sweep("plan", "cats.yaml", "--diff", RUN, *words).out.splitlines()
    return lines[next(place for place, line in enumerate(lines) if line.startswith("against")) :]


# --- plan --diff ---------------------------------------------------------------------------------------------------


def test_an_edited_axis_adds_keeps_and_orphans_cells_and_the_adding_has_a_price() -> None:
    edit(("[2, 5, 8]", "[2, 5, 9, 12]"))
    assert said_of_edit("--set", "price.per_image=0.5") == [
        "against runs/cats: adds 4, keeps 4, orphans 2 (2 made; their pictures stay there)",
        "guidance_scale: + 9, 12; - 8",
        "what it adds takes 4 requests (4 images), for about 2",
    ]


def test_a_program_reads_the_same() -> None:
    edit(("[2, 5, 8]", "[2, 9]"))
    found = sweep("plan", "cats.yaml", "--diff", RUN, "--json").facts["diff"]
    assert found["adding"].pop("seconds") > 0
    assert found == {
        "run": "runs/cats",
        "adds": 2,
        "keeps": 2,
        "orphans": 4,
        "orphans_made": 4,
        "adding": {"made_elsewhere": 0, "requests": 2, "images": 2, "cost": None},
        "axes": {"guidance_scale": {"adds": ["9"], "drops": ["5", "8"]}},
        "settings": {},
    }


def test_an_edited_parameter_changes_every_cell_and_is_named() -> None:
    edit(("a cat", "a dog"), ("seed: [1, 2]", "num_inference_steps: [21, 31]"), ("256}", "256, seed: 1}"))
    assert said_of_edit() == [
        "against runs/cats: adds 6, keeps 0, orphans 6 (6 made; their pictures stay there)",
        "num_inference_steps: a new axis, 21, 31",
        "seed: no axis any more, it had 1, 2",
        "prompt: a cat → a dog",
        "seed: – → 1",
        "what it adds takes 6 requests (6 images)",
    ]


def test_an_unedited_file_adds_nothing() -> None:
    assert said_of_edit() == ["against runs/cats: adds 0, keeps 6, orphans 0"]


def test_what_another_run_has_made_already_is_not_paid_for() -> None:
    edit(("[2, 5, 8]", "[9]"))
    sweep("run", "cats.yaml", "--out", OTHER)
    edit(("[2, 5, 8]", "[2, 5, 8, 9]"))
    assert said_of_edit()[-1] == "what it adds takes 0 requests (0 images), 2 made elsewhere already"


def test_cells_of_a_still_earlier_plan_of_the_run_are_known_to_it() -> None:
    edit(("[2, 5, 8]", "[2]"))
    sweep("run", "cats.yaml")
    assert said_of_edit()[0] == "against runs/cats: adds 0, keeps 2, orphans 4 (4 made; their pictures stay there)"


# --- diff ----------------------------------------------------------------------------------------------------------


def test_two_runs_of_one_file_are_alike() -> None:
    sweep("run", "cats.yaml", "--out", OTHER, "--no-reuse")
    done = sweep("diff", RUN, OTHER)
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "6 cells alike, 0 with other pictures, 0 with other outcomes, 0 only in runs/cats, 0 only in runs/other\n"
    )


def test_cells_of_one_run_alone_other_pictures_and_other_outcomes_are_told_apart() -> None:
    edit(("[2, 5, 8]", "[2, 5, 9]"))
    sweep("run", "cats.yaml", "--out", OTHER, "--no-reuse", "--limit", "0")
    picture = Picture(sha256="ab" * 32, width=8, height=8, size=1)
    cells = record(OTHER, Made(pictures=(picture,)), Refused(concern=Concern.CELL, message="no"))

    facts = sweep("diff", RUN, OTHER, "--json").facts

    with RunFolder(RUN).reading() as ledger:
        mine = ledger.standing(cells[0].digest).pictures[0].sha256
    assert facts["runs"] == ["runs/cats", "runs/other"]
    assert (facts["axes"], facts["settings"]) == ({"guidance_scale": {"adds": ["9"], "drops": ["8"]}}, {})
    assert facts["alike"] == 0
    assert facts["only"] == [[{"guidance_scale": scale, "seed": seed} for seed in ("1", "2")] for scale in ("8", "9")]
    assert facts["pictures"] == [
        {
            "cell": cells[0].digest,
            "coordinates": {"guidance_scale": "2", "seed": "1"},
            "sha256": [[mine], ["ab" * 32]],
        }
    ]
    assert [(found["coordinates"], found["outcomes"]) for found in facts["outcomes"]] == [
        ({"guidance_scale": "2", "seed": "2"}, ["made", "refused"]),
        ({"guidance_scale": "5", "seed": "1"}, ["made", "pending"]),
        ({"guidance_scale": "5", "seed": "2"}, ["made", "pending"]),
    ]


def test_the_words_show_where_each_difference_stands() -> None:
    sweep("run", "cats.yaml", "--out", OTHER, "--no-reuse", "--limit", "0")
    record(OTHER, Refused(concern=Concern.CELL, message="no"))
    lines = [" ".join(line.split()) for line in sweep("diff", RUN, OTHER).out.splitlines()]
    assert lines[:5] == [
        "0 cells alike, 0 with other pictures, 6 with other outcomes, 0 only in runs/cats, 0 only in runs/other",
        "",
        "other outcomes",
        "cell runs/cats runs/other",
        "guidance_scale=2, seed=1 made refused",
    ]


@pytest.mark.parametrize("words", [("diff", "runs/cats", "nowhere"), ("plan", "cats.yaml", "--diff", "nowhere")])
def test_what_is_no_run_is_named(words: tuple[str, ...]) -> None:
    done = sweep(*words)
    assert (done.code, done.err.partition(";")[0]) == (2, "nowhere: no plan.json here")
