"""Every file in experiments/ answers a question, is valid, and runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GALLERY = sorted((ROOT / "experiments").glob("*.yaml"))
LOCAL = [path for path in GALLERY if path.stem != "hosted"]


def sweep(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", *map(str, words)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=400)


def test_the_gallery_has_the_files_that_the_readme_promises() -> None:
    names = {path.stem for path in GALLERY}
    assert names >= {
        "quickstart",
        "scheduler-atlas",
        "guidance-ladder",
        "lora-strength",
        "inpaint-strength",
        "sampled",
        "hosted",
    }


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_an_experiment_is_valid_and_its_title_is_a_question(path: Path) -> None:
    done = sweep("validate", path)
    assert done.returncode == 0, done.stderr
    title = next(line for line in path.read_text().splitlines() if line.startswith("title:"))
    assert title.endswith("?")


def test_quickstart_asks_for_at_most_40_images() -> None:
    facts = json.loads(sweep("plan", ROOT / "experiments" / "quickstart.yaml", "--json").stdout)
    assert facts["images"] <= 40


def test_the_hosted_experiment_is_planned_with_its_cost_and_without_a_key() -> None:
    facts = json.loads(sweep("plan", ROOT / "experiments" / "hosted.yaml", "--json").stdout)
    assert (facts["cells"], facts["excluded"], facts["cost"]) == (64, 8, 0.3008)


@pytest.mark.slow
@pytest.mark.local
@pytest.mark.parametrize("path", LOCAL, ids=lambda path: path.stem)
def test_an_experiment_runs_on_the_embedded_model_and_makes_every_cell(path: Path, tmp_path: Path) -> None:
    if path.stem == "scheduler-atlas":  # the most of all; unguided, each of its pictures takes half the time
        (quick := tmp_path / path.name).write_text(f"extends: {path}\nparameters: {{guidance_scale: 1}}\n")
        path = quick
    done = sweep("run", path, "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["made"] == facts["planned"] == facts["images"]
