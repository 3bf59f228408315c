"""`--only EXPR`: which cells are meant, and what is said where none is."""

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


@pytest.fixture(autouse=True)
def _a_file_of_eight_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cats.yaml").write_text(FILE)


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
