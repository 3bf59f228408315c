"""One YAML file in, one comparison page out: the promises of the README, through the command line."""

import asyncio
import csv
import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.engine.sketch import SketchEngine
from runner.server import Settings, create_app
from runner.target import serving

SMALL = """
name: small
target: sketch
parameters:
  model_id: any
  prompt: "a {{ subject }}"
  width: 256
  height: 256
axes:
  scheduler: [DDIMScheduler, LCMScheduler]
  guidance_scale: {from: 2, to: 4, step: 1}
  subject: [red house, blue boat]
"""

MANY = """
name: many
target: sketch
parameters: {model_id: any, prompt: a red house, width: 256, height: 256}
axes:
  guidance_scale: {from: 1, to: 20, step: 0.5}
  seed: {draw: 10, from: 1}
execution: {concurrency: 4}
"""

TEN_MISTAKES = """\
name: wrong
endpoint: text2img
parameters:
  model_id: studio-tiny
  prompt: "a {{ subjekt }}"
  width: 100
  hight: 256
axes:
  scheduler: [DDIMSchedular, LCMScheduler]
  guidance_scale: [2, 25]
  num_inference_steps: [21, 30]
  subject: [house]
  ink: {lora: ink, strength: [0, 1.5]}
zip: [[scheduler, ink, colour]]
limits: {requests: -1}
report: {x: schedular}
"""


def sweep(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def swept(*words: str | Path, cwd: Path) -> dict[str, object]:
    done = sweep("run", *words, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def images(run: Path) -> set[str]:
    return {path.name for path in (run / "images").rglob("*.png")}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def test_a_run_ends_with_one_json_object_that_counts_its_cells(small: Path, tmp_path: Path) -> None:
    assert swept(small, "--out", tmp_path / "run", cwd=tmp_path) == {
        "run": str(tmp_path / "run"),
        "planned": 12,
        "made": 12,
        "reused": 0,
        "refused": 0,
        "failed": 0,
        "unknown": 0,
        "pending": 0,
        "images": 12,
        "sent": 12,
        "stopped": "",
        "report": str(tmp_path / "run" / "report" / "index.html"),
    }
    assert len(images(tmp_path / "run")) == 12
    assert (tmp_path / "run" / "report" / "index.html").is_file()


def test_running_again_sends_nothing_and_a_new_value_sends_only_its_cells(small: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    swept(small, "--out", run, cwd=tmp_path)
    assert swept(small, "--out", run, cwd=tmp_path)["sent"] == 0

    small.write_text(SMALL.replace("blue boat]", "blue boat, green tree]"))
    again = swept(small, "--out", run, cwd=tmp_path)
    assert (again["planned"], again["made"], again["sent"]) == (18, 18, 6)


def test_the_same_file_in_another_folder_gives_the_same_bytes(small: Path, tmp_path: Path) -> None:
    swept(small, "--out", tmp_path / "one", cwd=tmp_path)
    swept(small, "--out", tmp_path / "two", "--no-reuse", cwd=tmp_path)
    assert images(tmp_path / "one") == images(tmp_path / "two")
    for name in images(tmp_path / "one"):
        place = Path("images") / name[:2] / name
        assert (tmp_path / "one" / place).read_bytes() == (tmp_path / "two" / place).read_bytes()


def test_a_moved_run_folder_still_explains_itself(small: Path, tmp_path: Path) -> None:
    swept(small, "--out", tmp_path / "run", cwd=tmp_path)
    (tmp_path / "run").rename(tmp_path / "moved")
    done = sweep("status", tmp_path / "moved", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["made"] == 12


def test_plan_counts_and_writes_nothing(small: Path, tmp_path: Path) -> None:
    done = sweep("plan", small, "--json", "--set", "price.per_image=0.01", cwd=tmp_path)
    assert json.loads(done.stdout) == {
        "combinations": 12,
        "excluded": 0,
        "invalid": 0,
        "duplicates": 0,
        "cells": 12,
        "made": 0,
        "made_elsewhere": 0,
        "requests": 12,
        "images": 12,
        "cost": 0.12,
        "seconds": None,
        "assumes": (
            "not known: nothing is measured at sketch for 256×256 in 21 steps, `sweep run FILE --limit 4` would tell"
        ),
        "stops": "",
        "sample": "",
        "order": "balanced",
    }
    assert list(tmp_path.iterdir()) == [small]


def test_an_export_has_every_request_parameter_and_what_became_of_the_cell(small: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    swept(small, "--out", run, cwd=tmp_path)
    rows = list(csv.DictReader(sweep("export", run, "--format", "csv", cwd=tmp_path).stdout.splitlines()))
    assert len(rows) == 12
    parameters = json.loads((Path(__file__).parent.parent / "schemas" / "text2img.schema.json").read_text())[
        "properties"
    ]
    wanted = {"subject", "cell", "outcome", "image", "sha256", "seconds", *parameters}
    assert wanted <= set(rows[0])
    assert {row["outcome"] for row in rows} == {"made"}
    assert all((run / row["image"]).is_file() for row in rows)
    assert {row["prompt"] for row in rows} == {"a red house", "a blue boat"}


def test_ten_mistakes_give_ten_lines_with_line_and_column_in_under_a_second(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(TEN_MISTAKES)
    done = sweep("validate", "wrong.yaml", cwd=tmp_path)
    lines = done.stderr.splitlines()
    assert done.returncode == 2
    places = [tuple(map(int, line.split(":")[1:3])) for line in lines]
    assert places == sorted(places)
    assert len(lines) == 10, done.stderr


def test_killed_half_way_and_run_again_no_cell_is_made_twice(tmp_path: Path) -> None:
    (tmp_path / "many.yaml").write_text(MANY)
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    swept("many.yaml", "--out", undisturbed, cwd=tmp_path)

    command = [sys.executable, "-m", "runner", "run", "many.yaml", "--out", str(killed), "--no-reuse"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for_images(killed, 100, process)
    process.send_signal(signal.SIGKILL)
    process.wait()

    interrupted = len(images(killed))
    again = swept("many.yaml", "--out", killed, "--no-reuse", cwd=tmp_path)
    assert 100 <= interrupted < 390
    assert again["made"] == 390
    assert images(killed) == images(undisturbed)
    assert made_more_than_once(killed) == []
    assert again["sent"] <= 390 - interrupted + 4, "at most what was in flight is sent again"


def wait_for_images(run: Path, count: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while len(images(run)) < count:
        assert process.poll() is None, "the sweep ended before it could be killed"
        assert time.monotonic() < deadline, "the sweep is too slow to be killed half way"
        time.sleep(0.01)


def made_more_than_once(run: Path) -> list[str]:
    with sqlite3.connect(run / "ledger.sqlite") as database:
        query = "SELECT cell FROM attempts WHERE state = 'made' GROUP BY cell HAVING count(*) > 1"
        return [cell for (cell,) in database.execute(query)]


def test_a_limit_stops_the_run_with_exit_3_and_the_page_says_partial(small: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = sweep("run", small, "--out", run, "--limit", "5", cwd=tmp_path)
    assert done.returncode == 3
    first, then = done.stderr.splitlines()
    assert (first, then.partition(";")[0]) == ("stopped by the limit of 5 requests", "run again to go on")
    assert "PARTIAL: 7 of 12 cells are not made yet" in (run / "report" / "index.html").read_text()


def test_a_summary_of_two_axes_keeps_names_whole_in_a_narrow_window(small: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    swept(small, "--out", run, cwd=tmp_path)
    title, head, *rows = sweep("summary", run, "--by", "scheduler,guidance_scale", cwd=tmp_path).stdout.splitlines()
    counts = "cells made refused failed unknown pending".split()
    assert (title, head.split()[:-2]) == ("scheduler × guidance_scale", ["scheduler", "guidance_scale", *counts])
    named = [f"{name} {scale} 2 2 0 0 0 0" for name in ("DDIMScheduler", "LCMScheduler") for scale in (2, 3, 4)]
    assert [" ".join(row.split()[:-2]) for row in rows if row.strip()] == named


def test_a_summary_for_programs_is_one_value_by_each_axis_or_the_rows_of_some(small: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    swept(small, "--out", run, cwd=tmp_path)
    each = json.loads(sweep("summary", run, "--json", cwd=tmp_path).stdout)
    assert {axis: [row["made"] for row in rows] for axis, rows in each.items()} == {
        "scheduler": [6, 6],
        "guidance_scale": [4, 4, 4],
        "subject": [6, 6],
    }
    assert json.loads(sweep("summary", run, "--by", "scheduler", "--json", cwd=tmp_path).stdout) == each["scheduler"]


def test_a_first_try_without_the_servers_key_ends_with_exit_4_and_says_how_to_name_one(
    small: Path, tmp_path: Path
) -> None:
    async def trying() -> tuple[str, subprocess.CompletedProcess[str]]:
        async with serving(create_app(SketchEngine(), Settings(key="opensesame"))) as url:
            words = ("run", small, "--out", tmp_path / "run", "--limit", "2", "--yes", "--target", url)
            return url, await asyncio.to_thread(sweep, *words, cwd=tmp_path)

    url, done = asyncio.run(trying())
    hint = f"no key was sent to {url}; name the variable that holds it in the file: "
    named = f'target: {{url: "{url}", key: "${{env:NAME}}"}}'
    assert (done.returncode, done.stderr) == (
        4,
        f"stopped: Invalid API key\nrun again when that has changed: what is made stays made\n{hint}{named}\n",
    )


def test_only_sends_the_cells_that_a_rule_names(small: Path, tmp_path: Path) -> None:
    words = ("run", small, "--out", tmp_path / "run", "--only", "scheduler=LCMScheduler, guidance_scale>2", "--json")
    done = sweep(*words, cwd=tmp_path)
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["sent"], facts["pending"]) == (1, 4, 8)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("run", "missing.yaml"), 2, "missing.yaml"),
        (("status", "."), 2, "no plan.json here"),
        (("schema", "text2image"), 2, "did you mean 'text2img'?"),
        (("export", ".", "--format", "parquet"), 2, "parquet is binary and needs a file"),
        (("run", "small.yaml", "--only", "sheduler=x"), 2, "did you mean 'scheduler'?"),
        (("run", "small.yaml", "--target", "http://127.0.0.1:9/api/v1/enterprise"), 2, "nobody is here to confirm"),
        (("serve", "--engine", "sketch", "--model-dir", "."), 2, "sketch reads no model; leave one of them out"),
        (("serve", "--models-from", "."), 2, "none is named; add --model-dir FOLDER"),
        (("serve", "--allow-hub"), 2, "none is named; add --model-dir FOLDER"),
        (("serve", "--model-dir", "."), 2, "model folder '.': no model_index.json in it or one level below"),
        (("serve", "--model-dir", ".", "--models-from", "away"), 2, "--models-from away: no such folder; name one"),
    ],
)
@pytest.mark.usefixtures("small")
def test_a_mistake_on_the_command_line_is_one_line_and_exit_2(
    words: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    done = sweep(*words, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in sweep("--debug", *words, cwd=tmp_path).stderr


def test_the_starter_that_init_writes_can_be_planned(tmp_path: Path) -> None:
    assert sweep("init", "cats", cwd=tmp_path).returncode == 0
    done = sweep("plan", "cats.yaml", "--target", "sketch", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["cells"] == 36
    assert sweep("init", "cats", cwd=tmp_path).returncode == 2
    assert sweep("init", "cats.yaml", cwd=tmp_path).returncode == 2
    for name in ("", "my cats", "../cats"):
        assert sweep("init", name, cwd=tmp_path).stderr == (
            f"init: {name!r} is not a plain name; letters, digits, - and _ are allowed: try my-experiment\n"
        )


def test_help_imports_neither_pandas_nor_torch(tmp_path: Path) -> None:
    script = (
        "import sys\nsys.argv = ['sweep', '--help']\nfrom runner.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'pandas', 'torch', 'diffusers', 'starlette', 'httpx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
