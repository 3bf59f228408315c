"""An engine in a process of its own: the same pictures, and a death that costs nothing but time."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from runner.engine.process import ProcessEngine
from runner.engine.sketch import SketchEngine
from runner.errors import EngineError, EngineLost
from runner.nouns import Generation
from runner.shipped import shipped
from tests.contracts.children import BROKEN, KILLED_ALWAYS, KILLED_ONCE, MEETING, REFUSED, ObedientEngine
from tests.contracts.engine import EngineContract
from tests.talking import talk

ROOT = Path(__file__).parent.parent
ASKED = Generation(endpoint="text2img", model_id="any", prompt="a red house", width=64, height=64, seed=7)
BODY = {"model_id": "any", "prompt": "a red house", "width": 256, "height": 256, "seed": 7, "enhance_prompt": "no"}


@pytest.fixture(scope="module")
def shared() -> Iterator[ProcessEngine]:
    engine = ProcessEngine(SketchEngine)
    yield engine
    engine.unload()


@pytest.fixture
def obedient(tmp_path: Path) -> Iterator[ProcessEngine]:
    engine = ProcessEngine(partial(ObedientEngine, tmp_path))
    yield engine
    engine.unload()


class TestProcessEngine(EngineContract):
    @pytest.fixture
    def engine(self, shared: ProcessEngine) -> ProcessEngine:
        return shared

    @pytest.fixture
    def model_id(self) -> str:
        return "sketch"


def ended(pid: int) -> bool:
    """Wait for a process that is nobody's child here; return whether it ended within 10 s."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 10)[0])
    finally:
        os.close(handle)


def test_a_picture_is_that_of_the_engine_in_this_process(shared: ProcessEngine) -> None:
    assert shared.generate(ASKED) == SketchEngine().generate(ASKED)
    assert (shared.name, shared.models()) == ("sketch", SketchEngine().models())
    assert shared.enhance("a house", "any") == "a house, detailed"


def test_the_child_starts_with_the_first_picture_stays_and_ends_when_its_memory_is_given_back() -> None:
    engine = ProcessEngine(SketchEngine)
    assert engine.pid is None
    engine.load("sketch")
    first = engine.pid
    engine.generate(ASKED)
    assert first is not None
    assert engine.pid == first
    engine.unload()
    assert (engine.pid, ended(first)) == (None, True)
    assert engine.generate(ASKED) == SketchEngine().generate(ASKED)
    engine.unload()


def test_a_child_that_dies_is_lost_and_another_takes_its_place(obedient: ProcessEngine) -> None:
    obedient.load("sketch")
    first = obedient.pid
    with pytest.raises(
        EngineLost, match=r"^engine: its process was killed by SIGKILL during generate; it is started again"
    ):
        obedient.generate(replace(ASKED, seed=KILLED_ONCE))
    asked = replace(ASKED, seed=KILLED_ONCE)
    assert obedient.generate(asked) == SketchEngine().generate(asked)
    assert obedient.pid not in (first, None)


def test_what_the_engine_refuses_comes_back_in_its_words_and_a_fault_with_its_traceback(
    obedient: ProcessEngine,
) -> None:
    with pytest.raises(EngineError, match=r"^vae: no VAE 'x'; there is none: leave it out$"):
        obedient.generate(replace(ASKED, seed=REFUSED))
    with pytest.raises(RuntimeError, match=r"(?s)^in the engine's process: Traceback .*ZeroDivisionError: a fault"):
        obedient.generate(replace(ASKED, seed=BROKEN))
    assert obedient.generate(ASKED) == SketchEngine().generate(ASKED)


def test_ctrl_c_does_not_reach_the_child(shared: ProcessEngine) -> None:
    shared.load("sketch")
    assert shared.pid
    os.kill(shared.pid, signal.SIGINT)
    assert shared.generate(ASKED) == SketchEngine().generate(ASKED)


def test_a_child_ends_with_its_parent_even_when_that_is_killed() -> None:
    script = (
        "import sys; from runner.engine.process import ProcessEngine; from runner.engine.sketch import SketchEngine\n"
        "if __name__ == '__main__':\n"
        "    engine = ProcessEngine(SketchEngine); engine.load('sketch')\n"
        "    print(engine.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
    assert ended(child)


# --- behind the server ------------------------------------------------------------------------------------------------


def test_a_request_whose_engine_dies_is_made_all_the_same_and_its_client_sees_nothing(obedient: ProcessEngine) -> None:
    async def say(http: httpx.AsyncClient) -> bytes:
        answer = (await http.post("text2img", json={**BODY, "seed": KILLED_ONCE})).json()
        return (await http.get(answer["output"][0])).content

    drawn = SketchEngine().generate(replace(ASKED, seed=KILLED_ONCE, width=256, height=256))
    assert talk(say, [obedient]) == drawn.png


def test_a_request_that_kills_every_engine_is_a_500_and_the_server_goes_on(obedient: ProcessEngine) -> None:
    async def say(http: httpx.AsyncClient) -> list[int]:
        return [(await http.post("text2img", json={**BODY, "seed": seed})).status_code for seed in (KILLED_ALWAYS, 7)]

    assert talk(say, [obedient]) == [500, 200]


def test_two_engines_make_the_samples_of_one_request_at_the_same_time(tmp_path: Path) -> None:
    engines = [ProcessEngine(partial(ObedientEngine, tmp_path)) for _ in range(2)]

    def meet() -> int:
        """Let both come before either may go on."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "meeting"))
            listener.listen()
            listener.settimeout(30)
            met = [listener.accept()[0] for _ in range(2)]
            for one in met:
                one.close()
            return len(met)

    async def say(http: httpx.AsyncClient) -> tuple[int, list[bytes]]:
        meeting = asyncio.create_task(asyncio.to_thread(meet))
        answer = (await http.post("text2img", json={**BODY, "seed": MEETING, "samples": 2})).json()
        return await meeting, [(await http.get(link)).content for link in answer["output"]]

    asked = replace(ASKED, width=256, height=256)
    pictures = [SketchEngine().generate(replace(asked, seed=seed)).png for seed in (MEETING, MEETING + 1)]
    assert talk(say, engines) == (2, pictures)


def test_the_house_says_how_many_engines_work() -> None:
    async def say(http: httpx.AsyncClient) -> tuple[int, int]:
        details = (await http.post("system_details", json={})).json()
        return details["workers"], details["busy"]

    assert talk(say, [ProcessEngine(SketchEngine) for _ in range(3)]) == (3, 0)


def test_serve_with_workers_answers_and_leaves_no_process_behind() -> None:
    command = [sys.executable, "-m", "runner", "serve", "--engine", "sketch", "--workers", "2", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        url = server.stderr.readline().split()[0]
        answers = [httpx.post(f"{url}/text2img", json={**BODY, "seed": seed}).json() for seed in (1, 2)]
        tasks = Path(f"/proc/{server.pid}/task").glob("*/children")
        children = [child for task in tasks for child in task.read_text().split()]
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    assert [answer["status"] for answer in answers] == ["success", "success"]
    assert len(children) >= 2
    assert all(ended(int(child)) for child in children)


@pytest.mark.slow
@pytest.mark.local
def test_the_bytes_of_studio_tiny_do_not_depend_on_the_process() -> None:
    from runner.engine.diffusion import DiffusionEngine

    asked = Generation(endpoint="text2img", model_id="studio-tiny", prompt="a red house", width=256, height=256, seed=3)
    engine = ProcessEngine(partial(DiffusionEngine, shipped("models")))
    try:
        assert engine.generate(asked) == DiffusionEngine(shipped("models")).generate(asked)
    finally:
        engine.unload()
