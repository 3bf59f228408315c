"""`--only EXPR`: which cells are meant, and what is said where none is."""

import csv
from pathlib import Path

import pytest
from commands import Said, sweep

FILE = """
name: cats
target: sketch
parameters: {model_id: any, prompt: a cat, width: 256, height: 256}
axes:
  seed: [1, 2, 3, 4]
  scheduler: [DDIMScheduler, LCMScheduler]
"""
HOUSES = """
name: houses
target: sketch
parameters: {model_id: any, prompt: "{{ subject }}", width: 256, height: 256}
axes:
  subject: [red, "a, red, round house", "a|b", '"plain"', plain, "one, two"]
"""


@pytest.fixture(autouse=True)
def _a_file_of_eight_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cats.yaml").write_text(FILE)
    Path("houses.yaml").write_text(HOUSES)


def only(expression: str) -> Said:
    return sweep("run", "cats.yaml", "--json", "--only", expression)


@pytest.mark.parametrize(
    ("expression", "sent"),
    [
        ("seed>1, seed<4", 4),
        ("seed>=2, seed>=3, seed<=4, seed<=3", 2),
        ("seed!=1, seed!=2", 4),
        ("seed=1|2|3, seed!=2", 4),
        ("scheduler=LCMScheduler, width=256", 4),
    ],
)
def test_all_terms_hold_those_of_one_name_too(expression: str, sent: int) -> None:
    assert only(expression).facts["sent"] == sent


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("scheduler=DDIM", "no cell has scheduler=DDIM; did you mean 'DDIMScheduler'?"),
        ("scheduler!=DDIMSheduler", "no cell has scheduler=DDIMSheduler; did you mean 'DDIMScheduler'?"),
        ("seed=1|9", "no cell has seed=9; known are 1, 2, 3, 4"),
        ("width=512", "no cell has width=512; `sweep plan` lists the axes and their values"),
        ("seed=1, seed=2", "seed= stands there twice; write all values that are meant in one: seed=1|2"),
        (
            "seed>1, seed<2",
            "'seed>1, seed<2' holds for none of the 8 cells; `sweep plan` lists the axes and their values",
        ),
    ],
)
def test_what_means_no_cell_is_a_mistake_and_nothing_is_written(expression: str, message: str) -> None:
    done = only(expression)
    assert (done.code, done.err) == (2, f"--only: {message}\n")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("expression", "sent"),
    [
        pytest.param('subject="a, red, round house"', ["a, red, round house"], id="a value with commas"),
        pytest.param('subject="a|b"|red', ["a|b", "red"], id="a value with a bar, and another"),
        pytest.param(
            'subject!="a|b"|"a, red, round house", subject!="one, two"', ["plain", '"plain"', "red"], id="not"
        ),
        pytest.param('subject="plain"', ['"plain"'], id="quotes of a value, as they were always read"),
        pytest.param('subject="red"', ["red"], id="quotes that nothing needs"),
        pytest.param('prompt="a, red, round house"', ["a, red, round house"], id="a parameter"),
    ],
)
def test_values_with_signs_of_the_language_stand_in_quotes(expression: str, sent: list[str]) -> None:
    assert sweep("run", "houses.yaml", "--only", expression).code == 1
    rows = csv.DictReader(Path("runs/houses/results.csv").read_text().splitlines())
    assert sorted(row["subject"] for row in rows if row["outcome"] == "made") == sorted(sent)


def test_a_value_that_a_comma_has_torn_is_offered_in_quotes() -> None:
    done = sweep("run", "houses.yaml", "--only", "subject=one, two")
    said = '--only: no cell has subject=one; quotes hold a value together: subject="one, two"\n'
    assert (done.code, done.err) == (2, said)
