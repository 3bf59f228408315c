"""Requests that wait together and are made in one go: which, in what order, and what becomes of each."""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands import sweep

from runner.engine.batches import batch_key
from runner.engine.sketch import SketchEngine
from runner.errors import EngineError, EngineLost
from runner.nouns import Drawn, Generation
from runner.server import Settings, Store, create_app, running
from runner.server.making import take
from tests.contracts.server import BODY, Recorder, until_done

PLAIN = {**BODY, "tomesd": "no"}
SKETCHES = SketchEngine()
BAD_SEED = 666


@dataclass
class Batcher(Recorder):
    """The recorder, which keeps what it was asked for in one go, and fails at a prompt or dies of it."""

    together: list[tuple[int, ...]] = field(default_factory=list)
    deadly: bool = False

    def generate(self, generation: Generation) -> Drawn:
        self.together.append((generation.seed,))
        drawn = super().generate(generation)
        self._mind(generation)
        return drawn

    def generate_batch(self, generations: Sequence[Generation]) -> list[Drawn]:
        self.together.append(tuple(generation.seed for generation in generations))
        for generation in generations:
            self._mind(generation)
        return SKETCHES.generate_batch(generations)

    def _mind(self, generation: Generation) -> None:
        if generation.prompt == "bad" or generation.seed == BAD_SEED:
            raise EngineLost("engine: its process died") if self.deadly else EngineError("prompt: bad")


def answers(bodies: Sequence[dict[str, Any]], *engines: Batcher, **options: Any) -> list[dict[str, Any]]:
    """What becomes of requests that wait while every engine is busy with one before them."""

    async def session() -> list[dict[str, Any]]:
        gate = threading.Event()
        for engine in engines:
            engine.gate = gate
        app = create_app(engines, replace(Settings(patience=0), **options))
        transport = httpx.ASGITransport(app=app)
        async with running(app), httpx.AsyncClient(transport=transport, base_url="http://x/api/v6/") as http:
            for number, engine in enumerate(engines):
                await http.post("text2img", json={**PLAIN, "seed": 1000 + number})
                assert await asyncio.to_thread(engine.begun.wait, 10)
            sent = [(await http.post(body.get("to", "text2img"), json=body)).json() for body in bodies]
            gate.set()
            return [(await until_done(http, answer["id"])).json() for answer in sent]

    return asyncio.run(session())


def seeded(*seeds: int, **more: Any) -> list[dict[str, Any]]:
    return [{**PLAIN, "seed": seed, **more} for seed in seeds]


def test_pictures_are_made_alone_unless_batches_are_allowed() -> None:
    engine = Batcher()
    said = answers(seeded(1, 2, 3), engine)
    assert engine.together == [(1000,), (1,), (2,), (3,)]
    assert all("batch" not in answer["meta"] for answer in said)


def test_requests_that_wait_and_agree_are_made_in_one_go_and_say_so() -> None:
    engine = Batcher()
    bodies = [*seeded(1, 2), {**PLAIN, "seed": 3, "prompt": "a blue boat"}, *seeded(4, 5)]
    said = answers(bodies, engine, batch=4)
    assert engine.together == [(1000,), (1, 2, 3, 4), (5,)]
    assert [answer["meta"].get("batch") for answer in said] == [4, 4, 4, 4, None]
    assert [answer["meta"]["seed"] for answer in said] == [1, 2, 3, 4, 5]


def test_a_later_server_says_of_a_picture_how_many_were_made_with_it(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    first, _ = answers(seeded(1, 2), Batcher(), batch=2, store=store)
    found = asyncio.run(store.find(int(first["id"])))
    assert found
    record, pictures = found
    assert (record.meta, record.meta["batch"], len(pictures)) == (first["meta"], 2, 1)


def test_samples_of_one_request_are_made_in_one_go() -> None:
    engine = Batcher()
    (answer,) = answers(seeded(1, samples=3), engine, batch=4)
    assert engine.together == [(1000,), (1, 2, 3)]
    assert (len(answer["output"]), answer["meta"]["batch"]) == (3, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 264},
        {"num_inference_steps": 31},
        {"guidance_scale": 1},
        {"scheduler": "DDIMScheduler"},
        {"lora_model": "ink", "lora_strength": "0.5"},
        {"negative_prompt": "blue"},
        {"clip_skip": 3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_does_not_agree_is_made_apart_and_keeps_its_place(change: dict[str, Any]) -> None:
    engine = Batcher()
    answers([*seeded(1), *seeded(2, **change), *seeded(3), *seeded(4, **change)], engine, batch=4)
    assert engine.together == [(1000,), (1, 3), (2, 4)]


def test_token_merging_is_shared_by_equal_seeds_alone() -> None:
    engine = Batcher()
    bodies = [*seeded(1, tomesd="yes"), *seeded(2, tomesd="yes"), *seeded(1, tomesd="yes", prompt="a blue boat")]
    answers(bodies, engine, batch=4)
    assert engine.together == [(1000,), (1, 1), (2,)]


def test_one_that_cannot_be_made_is_refused_and_takes_nobody_with_it() -> None:
    engine = Batcher()
    bodies = [*seeded(1), *seeded(2, prompt="bad"), *seeded(3)]
    said = answers(bodies, engine, batch=4)
    assert engine.together == [(1000,), (1, 2, 3), (1,), (2,), (3,)]
    assert [answer["status"] for answer in said] == ["success", "failed", "success"]
    assert said[1]["message"] == "prompt: bad"
    assert all("batch" not in said[place]["meta"] for place in (0, 2))


def test_a_sample_that_cannot_be_made_ends_its_request_and_no_other() -> None:
    engine = Batcher()
    said = answers([*seeded(BAD_SEED, samples=2), *seeded(1)], engine, batch=4)
    assert engine.together == [(1000,), (666, 667, 1), (666,), (667,), (1,)]
    assert [answer["status"] for answer in said] == ["failed", "success"]


def test_what_an_engine_died_of_is_made_alone_from_then_on() -> None:
    engine = Batcher(deadly=True)
    bodies = [*seeded(1, samples=3), *seeded(7, prompt="bad")]
    said = answers(bodies, engine, batch=4)
    assert engine.together == [(1000,), (1, 2, 3, 7), (1,), (2,), (3,), (7,), (7,)]
    assert [answer["status"] for answer in said] == ["success", "failed"]


def test_an_engine_takes_no_more_than_its_share_of_what_waits() -> None:
    engines = (Batcher(), Batcher())
    answers(seeded(1, 2, 3, 4), *engines, batch=4)
    assert sorted(size for engine in engines for size in map(len, engine.together[1:])) == [1, 1, 2]


def test_only_what_has_the_key_of_the_first_is_taken_and_the_rest_keeps_its_order() -> None:
    queue = deque(["a1", "b1", "a2", "c1", "a3", "a4"])
    assert take(queue, lambda item: item[0], 3) == ["a1", "a2", "a3"]
    assert list(queue) == ["b1", "c1", "a4"]
    assert take(queue, lambda _: None, 3) == ["b1"]
    assert take(queue, lambda _: "all", 1) == ["c1"]


def test_what_other_rows_would_change_is_made_alone() -> None:
    plain = Generation(endpoint="text2img", model_id="any", prompt="a", tomesd=False)
    other = replace(plain, prompt="b", seed=2, hide="blur", init_image=b"x", guidance_scale=3.0)
    assert batch_key(plain) == batch_key(other)
    alone = [
        replace(plain, scheduler="ScoreSdeVeScheduler"),
        replace(plain, tomesd=True, guidance_scale=1.0),
        replace(plain, endpoint="img2img", strength=0.01),
    ]
    assert [batch_key(generation) for generation in alone] == [None, None, None]


def test_batches_are_refused_where_they_would_do_nothing() -> None:
    for cluster in ([], ["--cluster", "local"]):
        assert sweep("serve", *cluster, "--engine", "sketch", "--batch", "4").err == (
            "serve: --batch is for --engine diffusion, and sketch gains nothing by it; leave it out\n"
        )
