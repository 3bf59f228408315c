"""The server on Ray Serve: what a cluster is asked for, and pictures from replicas that die, on one node and on two."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from commands import sweep
from PIL import Image

from runner.cluster.fleet import Fleet, fleet
from runner.errors import InputError, RunFolderError
from runner.folder import RunFolder
from runner.ledger import Ledger
from runner.vault import image_path
from runner.verbs import count

CELLS = 60
EXPERIMENT = f"""
name: fleet
target: embedded
parameters:
  model_id: studio-tiny
  prompt: a red house, on the grass, blue sky
  width: 256
  height: 256
  num_inference_steps: 21
  guidance_scale: 1
axes:
  scheduler: [DDIMScheduler, EulerAncestralDiscreteScheduler, UniPCMultistepScheduler]
  seed: {{from: 1, to: {CELLS // 3}, step: 1}}
execution: {{concurrency: 6}}
"""

BATCH = """
name: batch
target: embedded
parameters:
  model_id: studio-tiny
  prompt: a red house, on the grass, blue sky
  width: 256
  height: 256
  num_inference_steps: 21
  tomesd: no
axes:
  seed: {from: 1, to: 6, step: 1}
execution: {concurrency: 6}
"""

KEY = "a key of one's own"
PATIENCE = 600.0  # seconds; two cores start Ray in some twenty


START = """
import sys
from runner.cluster.fleet import LOCAL, Fleet
from runner.cluster.head import fleet_running
from runner.errors import TargetError
try:
    with fleet_running(LOCAL, Fleet(engine="sketch", store=sys.argv[1]), host="127.0.0.1", port=0):
        pass
except TargetError as error:
    print(error)
"""


def unwritable(taken: Path) -> str:
    """What is said of a storage whose folder is a file."""
    return (
        f"store {taken}: [Errno 17] File exists: '{taken}'; it has to exist and to let this process write, read and delete "
        "files: look at its address, and at the keys in the environment"
    )


# --- what is asked for --------------------------------------------------------------------------------------------


def test_a_setting_that_is_none_is_named_with_the_one_that_was_meant() -> None:
    with pytest.raises(InputError) as caught:
        fleet({"engine": "sketch", "least_replicas": 2, "mosst": 4})
    assert str(caught.value).startswith("cluster: 'least_replicas' is no setting")
    with pytest.raises(InputError) as caught:
        fleet({"mosst": 4})
    assert str(caught.value) == "cluster: 'mosst' is no setting; did you mean 'most'?"


@pytest.mark.parametrize(
    ("least", "most", "message"),
    [
        (0, 2, "cluster: 0 to 2 replicas; the least is 1 at least, and the most is no fewer"),
        (3, 2, "cluster: 3 to 2 replicas; the least is 1 at least, and the most is no fewer"),
    ],
)
def test_a_fleet_has_replicas_and_no_fewer_at_most_than_at_least(least: int, most: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Fleet(least=least, most=most)
    assert str(caught.value) == message


@pytest.mark.parametrize(("engine", "batch"), [("diffusion", 0), ("sketch", 4)])
def test_a_batch_is_of_diffusion_and_of_one_picture_at_least(engine: str, batch: int) -> None:
    with pytest.raises(InputError) as caught:
        Fleet(engine=engine, batch=batch)
    assert str(caught.value) == (
        f"cluster: batch is {batch} for {engine}; it is 1 at least, and only diffusion makes several pictures in one go: "
        "correct it, or leave it out"
    )


def test_the_config_that_ships_names_settings_that_there_are() -> None:
    import yaml

    config = yaml.safe_load((Path(__file__).parents[1] / "experiments/cluster/serve.yaml").read_text())
    (application,) = config["applications"]
    assert application["import_path"] == "runner.cluster.application:application"
    assert fleet(application["args"]) == Fleet(most=4, key_variable="SWEEP_KEY")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--replicas", "2"),
            "serve: --replicas and --gpus are for engines on a cluster; add --cluster ADDRESS, or use --workers",
        ),
        (
            ("--cluster", "local", "--replicas", "two"),
            "serve: --replicas two: a number, or two with a dash between, as in 1-4",
        ),
        (
            ("--cluster", "local", "--workers", "2", "--allow-hub", "--model-dir", "."),
            "serve: --workers, --allow-hub is for a server on this machine; leave it or --cluster out",
        ),
        (
            ("--cluster", "local", "--replicas", "3-2"),
            "cluster: 3 to 2 replicas; the least is 1 at least, and the most is no fewer",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(arguments: Sequence[str], message: str) -> None:
    done = sweep("serve", *arguments)
    assert (done.code, done.err) == (2, f"{message}\n")


def test_a_store_that_cannot_be_written_is_said_before_a_cluster_is_started_here(tmp_path: Path) -> None:
    (taken := tmp_path / "taken").write_text("a file")
    done = sweep("serve", "--cluster", "local", "--engine", "sketch", "--store", taken)
    assert (done.code, done.err) == (2, f"serve: {unwritable(taken)}\n")


def test_nothing_of_ray_is_imported_by_those_who_do_not_ask_for_a_cluster() -> None:
    program = (
        "import sys, runner.cli, runner.verbs, runner.target, runner.server; "
        "sys.exit(any(name.split('.')[0] == 'ray' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_without_ray_the_option_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['ray'] = None; sys.argv = ['sweep', 'serve', '--cluster', 'local']\n"
        "from runner.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "serve: --cluster needs Ray, and ray is not installed; install it: pip install 'sweeprunner[cluster]'\n"
    )


# --- pictures -------------------------------------------------------------------------------------------------------


@contextmanager
def serving(folder: Path, *arguments: str, key: str = "") -> Iterator[str]:
    """`sweep serve --cluster …` in a process of its own, until it has answered; yields the address of its routes."""
    log = folder / "serve.log"
    environ = {**os.environ, **({"SWEEP_KEY": key} if key else {})}
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "runner", "serve", "--port", "0", *arguments], stdout=said, stderr=said, env=environ
        )
    try:
        until = time.monotonic() + PATIENCE
        while not (found := re.search(r"(http://\S+) answers until", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield f"{found[1]}/api/v1/enterprise"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        finally:
            process.kill()


def replicas(deployment: str = "engine") -> dict[int, int]:
    """Return the processes of replicas with their parents: the raylet of the node on which each runs."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"ServeReplica:sweep:{deployment}".encode() in (path / "cmdline").read_bytes():
                found[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
    return found


def pictures(folder: Path, run: str, *arguments: str) -> dict[str, tuple[int, np.ndarray]]:
    """Run BATCH; return of each cell how many pictures were made together, and its own."""
    command = [sys.executable, "-m", "runner", "run", "batch.yaml", "--no-reuse", "--out", run, "--yes", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=PATIENCE)
    with RunFolder(folder / run).reading() as ledger:
        standings = ledger.standings()
    found = {}
    for placement in RunFolder(folder / run).plan().placements():
        standing = standings[placement.digest]
        image = Image.open(folder / run / image_path(standing.pictures[0].sha256))
        made = standing.answer.get("batch", 1), np.asarray(image.convert("RGB"), dtype=np.int16)
        found[str(placement.coordinates)] = made
    return found


def kill(process: int) -> None:
    """Kill a process that is not this one's child, and wait until it has ended."""
    handle = os.pidfd_open(process)
    os.kill(process, signal.SIGKILL)
    ended = select.poll()
    ended.register(handle, select.POLLIN)
    assert ended.poll(60_000)
    os.close(handle)


def digests(run: Path) -> dict[str, tuple[str, ...]]:
    """Return the pictures of each place of the grid; the same request to another target is another cell."""
    folder = RunFolder(run)
    with folder.reading() as ledger:
        standings = ledger.standings()
    return {
        str(placement.coordinates): tuple(picture.sha256 for picture in standings[placement.digest].pictures)
        for placement in folder.plan().placements()
        if placement.digest in standings
    }


def attempts(run: Path) -> list[int]:
    with Ledger(run / "ledger.sqlite", readonly=True) as ledger:
        return [standing.attempts for standing in ledger.standings().values()]


def begun(run: Path) -> int:
    """Return how many cells are made by now."""
    try:
        return count(run)["made"]
    except (RunFolderError, OSError):
        return 0


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, ...]]:
    """What one process makes of the experiment."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "fleet.yaml").write_text(EXPERIMENT)
    command = [sys.executable, "-m", "runner", "run", "fleet.yaml", "--out", "run"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return digests(folder / "run")


@pytest.mark.slow
def test_a_replica_that_is_killed_takes_no_picture_with_it(tmp_path: Path, alone: dict[str, tuple[str, ...]]) -> None:
    (tmp_path / "fleet.yaml").write_text(EXPERIMENT)
    with serving(tmp_path, "--cluster", "local", "--replicas", "2") as url:
        command = [sys.executable, "-m", "runner", "run", "fleet.yaml", "--target", url, "--out", "run", "--yes"]
        run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + PATIENCE
        while begun(tmp_path / "run") < CELLS // 6:
            assert run.poll() is None, run.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        before = replicas()
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        out, said = run.communicate(timeout=PATIENCE)
        assert (run.returncode, said) == (0, said)

    assert f"{CELLS} cells: {CELLS} made. {CELLS} requests sent, {CELLS} images." in out
    assert attempts(tmp_path / "run") == [1] * CELLS, "the front asked another replica, the client saw nothing of it"
    assert digests(tmp_path / "run") == alone
    assert not replicas()


@pytest.mark.slow
def test_two_nodes_make_what_one_process_makes(tmp_path: Path, alone: dict[str, tuple[str, ...]]) -> None:
    program = (
        "from ray.cluster_utils import Cluster\n"
        "nodes = Cluster(initialize_head=True, head_node_args={'num_cpus': 1, 'include_dashboard': False})\n"
        "nodes.add_node(num_cpus=1)\n"
        "print(nodes.address, flush=True)\n"
        "input()\n"
        "nodes.shutdown()\n"
    )
    (tmp_path / "fleet.yaml").write_text(EXPERIMENT)
    environ = {**os.environ, "SWEEP_KEY": KEY}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    ) as nodes:
        try:
            assert nodes.stdout
            address = next(line.strip() for line in nodes.stdout if re.fullmatch(r"[\d.]+:\d+", line.strip()))
            with serving(tmp_path, "--cluster", address, "--replicas", "2", key=KEY) as url:
                assert len(set(replicas().values())) == 2, "one replica on each node"
                refused = httpx.post(f"{url}/text2img", json={"key": "another", "prompt": "x"}, timeout=30)
                assert refused.status_code == 401
                target = f'target: {{url: "{url}", key: "${{env:SWEEP_KEY}}"}}'
                (tmp_path / "hosted.yaml").write_text(EXPERIMENT.replace("target: embedded", target))
                command = [
                    sys.executable,
                    "-m",
                    "runner",
                    "run",
                    "hosted.yaml",
                    "--only",
                    "seed<=4",
                    "--out",
                    "run",
                    "--yes",
                ]
                done = subprocess.run(
                    command, cwd=tmp_path, check=False, capture_output=True, text=True, env=environ, timeout=PATIENCE
                )
                assert done.stdout.startswith(f"{CELLS} cells: 12 made, {CELLS - 12} pending."), done
        finally:
            nodes.communicate("\n", timeout=60)
    made = digests(tmp_path / "run")
    assert (len(made), made.items() <= alone.items()) == (12, True)


@pytest.mark.slow
def test_a_front_that_cannot_start_is_told_of_in_its_own_words(tmp_path: Path) -> None:
    (taken := tmp_path / "taken").write_text("a file")
    done = subprocess.run(
        [sys.executable, "-c", START, str(taken)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout == f"cluster: local does not run it: {unwritable(taken)}\n"


@pytest.mark.slow
def test_a_front_that_is_killed_leaves_what_was_made_to_the_next(tmp_path: Path) -> None:
    body = {"model_id": "sketch", "prompt": "a red house", "width": 256, "height": 256, "seed": 7, "track_id": "cell-7"}
    kept = str(tmp_path / "kept")
    with serving(tmp_path, "--cluster", "local", "--engine", "sketch", "--store", kept) as url:
        made = httpx.post(f"{url}/text2img", json=body, timeout=60).json()
        picture = httpx.get(made["output"][0], timeout=60).content
        kill(front := next(iter(replicas("front"))))
        told = httpx.post(f"{url}/fetch_by_track_id", json={"track_id": "cell-7"}, timeout=PATIENCE)
        assert front not in replicas("front")
        assert (told.status_code, told.json().get("id"), told.json()["status"]) == (200, made["id"], "success")
        assert httpx.get(made["output"][0], timeout=60).content == picture != b""


@pytest.mark.slow
def test_a_replica_makes_what_waits_and_agrees_in_one_go(tmp_path: Path) -> None:
    (tmp_path / "batch.yaml").write_text(BATCH)
    with serving(tmp_path, "--cluster", "local", "--batch", "4") as url:
        together = pictures(tmp_path, "together", "--target", url)
    alone = pictures(tmp_path, "alone")
    assert sorted(batch for batch, _ in together.values())[-4:] == [4, 4, 4, 4]
    assert {batch for batch, _ in alone.values()} == {1}
    assert len({picture.tobytes() for _, picture in together.values()}) == 6
    assert max(np.abs(together[place][1] - alone[place][1]).max() for place in alone) <= 1
