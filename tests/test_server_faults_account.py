"""The account of a server's lies: what it heard, made and told, over HTTP and at the end of `sweep serve`."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from lies import Scene, stage

from tests.contracts.server import BODY

lying = pytest.fixture(stage)


# --- the account ---------------------------------------------------------------------------------------------------


def test_the_account_counts_what_was_heard_made_and_bought_twice(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> dict[str, Any]:
        for more in ({}, {"track_id": "a"}, {"width": "256", "webhook": "https://hook.example/"}, {"seed": 8}):
            await scene.make(**more)
        for _ in range(2):
            await scene.make(seed=None)
        await scene.make(samples=2, seed=9)
        await scene.make(prompt="")
        await scene.http.post("schedulers_list", json={})
        return await scene.account()

    async def deaf(_: str, __: Mapping[str, object]) -> int:
        return 200

    account = lying("{kind: drop, after: 100}\n  - {kind: webhook, how: lost}", say, post_hook=deaf)

    assert account == {
        "seed": 7,
        "heard": {"text2img": 8, "webhook": 1},
        "requests_made": 7,
        "pictures_made": 8,
        "bought_twice": 2,
        "faults": [{"fault": 1, "kind": "drop", "struck": 0}, {"fault": 2, "kind": "webhook", "struck": 1}],
    }


def test_a_fault_counts_as_struck_where_the_client_could_hear_it(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> dict[str, Any]:
        await scene.make(prompt="")
        return await scene.account()

    assert lying("{kind: wrong_id}", say)["faults"] == [{"fault": 1, "kind": "wrong_id", "struck": 0}]


# --- the command ---------------------------------------------------------------------------------------------------


def test_sweep_serve_says_at_its_end_what_it_lied(tmp_path: Path) -> None:
    (tmp_path / "faults.yaml").write_text("faults: [{kind: refuse, status: 503, first: 1}]")
    words = ["serve", "--engine", "sketch", "--port", "0", "--faults", "faults.yaml"]
    command = [sys.executable, "-m", "runner", *words]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        url = server.stderr.readline().split()[0]
        assert server.stderr.readline() == (
            "it lies as faults.yaml says; GET /faults tells what it did, and so does its end\n"
        )
        statuses = [httpx.post(f"{url}/text2img", json=BODY, timeout=30).status_code for _ in range(2)]
        server.send_signal(signal.SIGINT)
        said, _ = server.communicate(timeout=30)

    assert statuses == [503, 200]
    assert json.loads(said)["faults"] == [{"fault": 1, "kind": "refuse", "struck": 1}]


def test_a_server_that_could_not_listen_has_lied_to_nobody_and_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "faults.yaml").write_text("faults: [{kind: drop}]")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ["serve", "--engine", "sketch", "--port", port, "--faults", "faults.yaml"]
        command = [sys.executable, "-m", "runner", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"127.0.0.1:{port}: ")


def test_a_file_that_is_not_there_ends_the_command_with_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "runner", "serve", "--engine", "sketch", "--faults", "nowhere.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == "nowhere.yaml: there is no file nowhere.yaml; check the name and the folder\n"
