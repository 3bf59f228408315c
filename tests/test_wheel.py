"""The wheel is complete: installed elsewhere, in an empty environment, it runs a sweep."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

EXPERIMENT = """
name: elsewhere
target: sketch
parameters: {model_id: any, prompt: a red house, width: 256, height: 256}
axes: {scheduler: [DDIMScheduler, LCMScheduler]}
"""


def command(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_installed_in_an_empty_environment_elsewhere_runs_a_sweep(tmp_path: Path) -> None:
    command(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    wheel = next(tmp_path.glob("sweeprunner-*.whl"))
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    command(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=tmp_path)
    (tmp_path / "elsewhere.yaml").write_text(EXPERIMENT)

    facts = json.loads(command(tmp_path / "empty" / "bin" / "sweep", "run", "elsewhere.yaml", "--json", cwd=tmp_path))
    assert (facts["made"], facts["report"]) == (2, "runs/elsewhere/report/index.html")
    assert "experiment" in command(python, "-m", "runner", "schema", cwd=tmp_path).splitlines()
    assert "torch" not in command(python, "-m", "pip", "list", cwd=tmp_path)
