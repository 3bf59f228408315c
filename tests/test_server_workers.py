"""Several engines behind one desk: order, retries, refusals, stopping; and real processes that are killed under load."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from runner.engine import Engine
from runner.engine.process import ProcessEngine
from runner.engine.sketch import SketchEngine
from runner.errors import EngineError, EngineLost
from runner.nouns import Drawn, Generation
from runner.pace import Clock
from runner.server import Settings, create_app, running
from tests.contracts.children import MEETING
from tests.contracts.server import BODY, GENERATION, Recorder, until_done
from tests.test_engine_process import ROOT, ended

Say = Callable[[httpx.AsyncClient], Awaitable[Any]]
STOPPING = "the server is stopping; try again"
SKETCHES = SketchEngine()
NOBODY = 2**22 + 1
"""More than any process id on Linux."""


@dataclass
class Stage:
    """What several engines do together: each picture begins, waits until it may go on, and then has its fault, if any."""

    begun: dict[int, threading.Event] = field(default_factory=lambda: defaultdict(threading.Event))
    may: dict[int, threading.Event] = field(default_factory=lambda: defaultdict(threading.Event))
    faults: dict[int, list[Exception]] = field(default_factory=lambda: defaultdict(list))

    def has_begun(self) -> set[int]:
        return {seed for seed, event in list(self.begun.items()) if event.is_set()}

    async def until(self, *seeds: int) -> None:
        for seed in seeds:
            assert await asyncio.to_thread(self.begun[seed].wait, 10)

    def go(self, *seeds: int) -> None:
        for seed in seeds:
            self.may[seed].set()


@dataclass
class Player(Recorder):
    """A sketch engine on a stage."""

    stage: Stage = field(default_factory=Stage)

    def generate(self, generation: Generation) -> Drawn:
        seed = generation.seed
        self.stage.begun[seed].set()
        assert self.stage.may[seed].wait(10)
        if self.stage.faults[seed]:
            raise self.stage.faults[seed].pop(0)
        return SKETCHES.generate(generation)


def talk(say: Say, engines: list[Engine], **options: Any) -> Any:
    async def session() -> Any:
        app = create_app(engines, Settings(**options))
        async with running(app), client(app) as http:
            return await say(http)

    return asyncio.run(session())


def client(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://target/api/v1/enterprise")


def on_stage(say: Callable[[httpx.AsyncClient, Stage], Awaitable[Any]], **options: Any) -> Any:
    """Talk to a server of two engines on a stage."""
    stage = Stage()
    return talk(lambda http: say(http, stage), [Player(stage=stage), Player(stage=stage)], **options)


async def ask(http: httpx.AsyncClient, seed: int, **more: object) -> dict[str, Any]:
    answer: dict[str, Any] = (await http.post("text2img", json={**BODY, "seed": seed, **more})).json()
    return answer


async def details(http: httpx.AsyncClient) -> tuple[int, int]:
    said = (await http.post("system_details", json={})).json()
    return said["busy"], said["waiting"]


def sketch(seed: int) -> bytes:
    return SKETCHES.generate(replace(GENERATION, seed=seed)).png


# --- the desk with two engines ----------------------------------------------------------------------------------------


def test_the_engine_that_is_free_takes_the_request_that_came_first() -> None:
    async def say(http: httpx.AsyncClient, stage: Stage) -> list[set[int]]:
        answers = [await ask(http, seed) for seed in (50, 30, 90, 10)]
        seen = []
        for begins, goes in (((50, 30), 30), ((90,), 90), ((10,), 10)):
            await stage.until(*begins)
            seen.append(stage.has_begun())
            stage.go(goes)
        stage.go(50)
        for answer in answers:
            await until_done(http, answer["id"])
        return seen

    assert on_stage(say, patience=0) == [{50, 30}, {50, 30, 90}, {50, 30, 90, 10}]


def test_the_samples_of_one_request_are_made_by_both_engines_and_keep_their_order() -> None:
    async def say(http: httpx.AsyncClient, stage: Stage) -> list[bytes]:
        answer = await ask(http, 20, samples=3)
        await stage.until(20, 21)
        stage.go(21)
        await stage.until(22)
        stage.go(22, 20)
        links = (await until_done(http, answer["id"])).json()["output"]
        return [(await http.get(link)).content for link in links]

    assert on_stage(say, patience=0) == [sketch(seed) for seed in (20, 21, 22)]


def test_a_picture_whose_engine_dies_is_made_by_another_and_the_third_death_is_a_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def say(http: httpx.AsyncClient, stage: Stage) -> tuple[bytes, dict[str, Any], str]:
        stage.faults[1] = [EngineLost("engine: died")] * 2
        stage.faults[2] = [EngineLost("engine: died")] * 3
        stage.go(1, 2, 3)
        lucky, doomed, after = [await ask(http, seed) for seed in (1, 2, 3)]
        return (await http.get(lucky["output"][0])).content, doomed, after["status"]

    with caplog.at_level(logging.WARNING, "runner.server"):
        picture, doomed, after = on_stage(say)
    assert (picture, after) == (sketch(1), "success")
    assert doomed["status"] == "error"
    assert doomed["message"].startswith("the server failed at this request and has logged why")
    assert [record.getMessage().split(": ", 1)[1] for record in caplog.records] == ["engine: died"] * 5


def test_an_eta_counts_both_engines_and_is_never_less_than_the_requests_own_longest_picture() -> None:
    async def say(http: httpx.AsyncClient, stage: Stage) -> list[float]:
        etas = [(await ask(http, seed))["eta"] for seed in (1, 2, 3, 4)]
        stage.go(1, 2, 3, 4)
        return etas

    frozen = Clock(elapsed=lambda: 0.0)
    assert on_stage(say, patience=0, clock=frozen) == [5.0, 5.0, 7.5, 10.0]


def test_as_many_requests_wait_as_the_limit_says_when_both_engines_are_at_one_request() -> None:
    async def say(http: httpx.AsyncClient, stage: Stage) -> list[tuple[int, str]]:
        await ask(http, 20, samples=2)
        await stage.until(20, 21)
        answers = [await http.post("text2img", json={**BODY, "seed": seed}) for seed in (1, 2)]
        stage.go(20, 21, 1, 2)
        return [(answer.status_code, answer.json()["message"]) for answer in answers]

    said = "the queue is full: 1 requests wait, as many as may; send again in 5 s"
    frozen = Clock(elapsed=lambda: 0.0)
    assert on_stage(say, patience=0, queue_limit=1, clock=frozen) == [
        (200, "accepted; POST to fetch_result for the images"),
        (429, said),
    ]


def test_clearing_the_queue_keeps_what_both_engines_are_at() -> None:
    async def say(http: httpx.AsyncClient, stage: Stage) -> tuple[str, list[str]]:
        answers = [await ask(http, seed) for seed in (1, 2, 3, 4)]
        await stage.until(1, 2)
        cleared = (await http.post("clear_queue", json={})).json()["message"]
        stage.go(1, 2)
        return cleared, [(await until_done(http, answer["id"])).json()["status"] for answer in answers]

    statuses = ["success", "success", "failed", "failed"]
    assert on_stage(say, patience=0) == ("refused: 2 waiting requests", statuses)


def test_a_request_that_is_refused_while_a_sample_is_being_made_holds_no_memory_and_its_links_are_gone() -> None:
    async def session() -> tuple[tuple[int, int], int, int, int]:
        stage = Stage()
        app = create_app([Player(stage=stage), Player(stage=stage)], Settings(patience=0))
        async with running(app), client(app) as http:
            stage.faults[20] = [EngineError("vae: no VAE 'x'; there is none: leave it out")]
            asked = await ask(http, 20, samples=2)
            await stage.until(20, 21)
            stage.go(20)
            await until_done(http, asked["id"])
            meanwhile = await details(http)
            link = (await http.get(f"http://target/images/{asked['id']}-0.png")).status_code
            stage.go(21, 1, 2)
            first, second = [await ask(http, seed) for seed in (1, 2)]
            await until_done(http, first["id"])
            await until_done(http, second["id"])
            job = app.state.desk.find(int(asked["id"]))
            return meanwhile, link, len(job.drawn), (await details(http))[0]

    assert asyncio.run(session()) == ((1, 0), 410, 0, 0)


def test_stopping_finishes_what_both_engines_are_at_and_refuses_the_rest_and_webhooks_are_told_so() -> None:
    told: dict[str, str] = {}

    async def hear(url: str, payload: Mapping[str, object]) -> int:
        told[url[-1]] = str(payload.get("message", payload["status"]))
        return 200

    async def session() -> None:
        stage = Stage()
        app = create_app([Player(stage=stage), Player(stage=stage)], Settings(patience=0, post_hook=hear))
        async with client(app) as http:
            async with running(app):
                for seed in (1, 2, 3):
                    await ask(http, seed, webhook=f"https://hooks.example/{seed}")
                await stage.until(1, 2)
                asyncio.get_running_loop().call_soon(stage.go, 1, 2)
            assert stage.has_begun() == {1, 2}

    asyncio.run(session())
    assert told == {"1": "success", "2": "success", "3": STOPPING}


def test_a_picture_whose_engine_dies_while_the_server_stops_is_refused() -> None:
    async def session() -> str:
        stage = Stage()
        stage.faults[1] = [EngineLost("engine: died")]
        app = create_app([Player(stage=stage), Player(stage=stage)], Settings())
        async with client(app) as http:
            async with running(app):
                sending = asyncio.create_task(ask(http, 1))
                await stage.until(1)
                asyncio.get_running_loop().call_soon(stage.go, 1)
            return str((await sending)["message"])

    assert asyncio.run(session()) == STOPPING


@dataclass
class Unloadable(Recorder):
    """An engine that fails, in a way that it does not foresee, to load a model beforehand."""

    def load(self, model_id: str) -> None:
        raise OSError(f"{model_id}: the disk is gone")


def test_an_engine_that_cannot_load_a_model_beforehand_still_takes_requests(caplog: pytest.LogCaptureFixture) -> None:
    async def say(http: httpx.AsyncClient) -> str:
        async with asyncio.timeout(10):
            return str((await ask(http, 7))["status"])

    with caplog.at_level(logging.WARNING, "runner.server"):
        assert talk(say, [Unloadable(), Unloadable()], preload="any") == "success"
    assert {record.getMessage() for record in caplog.records} == {"model any is not loaded beforehand"}


# --- real processes ---------------------------------------------------------------------------------------------------


def test_a_child_that_died_idle_costs_the_next_request_nothing() -> None:
    engine = ProcessEngine(SketchEngine)
    engine.load("sketch")
    first = engine.pid
    assert first
    os.kill(first, signal.SIGKILL)
    assert ended(first)
    engine.load("sketch")
    assert engine.pid not in (first, None)
    engine.unload()


def test_children_killed_at_random_moments_lose_no_request_and_change_no_byte() -> None:
    engines, chance, numbers = [ProcessEngine(SketchEngine) for _ in range(2)], Random(20261124), count(1)
    rounds = [range(first, first + 16) for first in range(100, 180, 16)]

    async def say(http: httpx.AsyncClient) -> list[bytes]:
        async def one(seed: int, done: Iterator[int], moments: list[int]) -> bytes:
            made = await ask(http, seed)
            if next(done) in moments:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(engines).pid or NOBODY, signal.SIGKILL)
            return (await http.get(made["output"][0])).content

        pictures = []
        for seeds in rounds:  # two deaths a round, so that no request can meet the three that make it a 500
            done, moments = count(1), chance.sample(range(1, 15), 2)
            pictures += await asyncio.gather(*(one(seed, done, moments) for seed in seeds))
        return pictures

    pictures = talk(say, list(engines), draw_number=lambda: next(numbers), preload="sketch", patience=float("inf"))
    assert pictures == [sketch(seed) for seeds in rounds for seed in seeds]
    assert next(numbers) == len(pictures) + 1  # each was accepted once
    assert [engine.pid for engine in engines] == [None, None]


def test_ctrl_c_does_not_reach_a_child_that_is_only_starting() -> None:
    """A terminal sends it to both; the child has not come to its first line by then."""
    engine = ProcessEngine(SketchEngine)
    with ThreadPoolExecutor(1) as thread:
        loading = thread.submit(engine.load, "sketch")
        while engine.pid is None:
            assert not loading.done()
        os.kill(engine.pid, signal.SIGINT)
        loading.result(30)
    engine.unload()


def test_a_child_ends_with_its_killed_parent_in_the_middle_of_a_picture_too(tmp_path: Path) -> None:
    script = (
        "import sys; from functools import partial; from pathlib import Path\n"
        "from runner.engine.process import ProcessEngine; from runner.nouns import Generation\n"
        "from tests.contracts.children import MEETING, ObedientEngine\n"
        "if __name__ == '__main__':\n"
        "    engine = ProcessEngine(partial(ObedientEngine, Path(sys.argv[1]))); engine.load('sketch')\n"
        "    print(engine.pid, flush=True)\n"
        "    engine.generate(Generation(endpoint='text2img', model_id='any', prompt='', width=64, height=64, seed=MEETING))"
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "meeting"))
        listener.listen()
        listener.settimeout(30)
        command = [sys.executable, "-c", script, str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout
            child = int(parent.stdout.readline())
            with listener.accept()[0]:
                parent.kill()
                assert ended(child)


def answers(url: str) -> bool:
    try:
        return httpx.post(f"{url}/system_details", json={}).is_success
    except httpx.TransportError:
        return False


def test_a_second_ctrl_c_stops_the_server_at_once_whatever_a_child_is_at(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys; from functools import partial; from pathlib import Path\n"
        "from runner.engine.process import ProcessEngine; from runner.server import Settings, create_app\n"
        "from runner.target import serve_forever; from tests.contracts.children import ObedientEngine\n"
        "if __name__ == '__main__':\n"
        "    app = create_app([ProcessEngine(partial(ObedientEngine, Path(sys.argv[1])))], Settings(patience=1e6))\n"
        "    asyncio.run(serve_forever(app, host='127.0.0.1', port=0, started=partial(print, flush=True)))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with socket.socket(socket.AF_UNIX) as listener, ThreadPoolExecutor(1) as thread:
        listener.bind(str(tmp_path / "meeting"))
        listener.listen()
        listener.settimeout(30)
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            assert server.stdout
            url = server.stdout.readline().strip()
            asked = thread.submit(httpx.post, f"{url}/text2img", json={**BODY, "seed": MEETING}, timeout=60)
            with listener.accept()[0]:
                server.send_signal(signal.SIGINT)
                while answers(url):
                    """It has not heard the first signal yet."""
                server.send_signal(signal.SIGINT)
                server.wait(20)
            with suppress(httpx.HTTPError):
                asked.result(20)
