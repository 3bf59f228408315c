"""What the server costs: pictures a second over a socket, beside the same engine called in a bare loop.

    python benchmarks/serve.py [PICTURES]

studio-tiny, 256x256, 21 steps, one thread an engine, 8 requests at a time, pictures downloaded. The two ways take turns,
a few pictures each, so that whatever else the machine does meets both. Then two workers beside one.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from statistics import median

import httpx

from runner.engine import Engine
from runner.nouns import Generation
from runner.server import Settings, create_app
from runner.target import make_engine, make_engines, serving

AT_ONCE, ROUNDS = 8, 3
ASKED = Generation(endpoint="text2img", model_id="studio-tiny", prompt="a red house", width=256, height=256)
SEEDS = count(1)


def bare(engine: Engine, pictures: int) -> float:
    """Return pictures a second of the engine alone."""
    began = time.perf_counter()
    for _ in range(pictures):
        engine.generate(replace(ASKED, seed=next(SEEDS)))
    return pictures / (time.perf_counter() - began)


async def served(http: httpx.AsyncClient, pictures: int) -> float:
    """Return pictures a second of the server, downloads included."""
    body = {"model_id": "studio-tiny", "prompt": "a red house", "width": 256, "height": 256, "tomesd": "yes"}
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(seed: int) -> None:
        async with gate:
            plain = {"enhance_prompt": "no", "safety_checker": "yes", "seed": seed}
            answer = (await http.post("text2img", json=body | plain)).json()
            while answer["status"] == "processing":
                await asyncio.sleep(0.1)
                answer = (await http.post(answer["fetch_result"], json={})).json()
            assert answer["status"] == "success", answer
            assert (await http.get(answer["output"][0])).is_success

    began = time.perf_counter()
    await asyncio.gather(*(one(next(SEEDS)) for _ in range(pictures)))
    return pictures / (time.perf_counter() - began)


async def beside_a_loop(pictures: int) -> None:
    engine = make_engine("diffusion")
    loop, server = [], []
    app = create_app(engine, Settings(patience=float("inf")))
    async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=600) as http:
        await served(http, 2)
        for _ in range(ROUNDS):
            loop.append(await asyncio.to_thread(bare, engine, pictures))
            server.append(await served(http, pictures))
    say("served", server, "bare loop", loop)


async def beside_one_worker(pictures: int) -> None:
    found: dict[int, list[float]] = {1: [], 2: []}
    apps = {number: create_app(make_engines(number, "diffusion"), Settings(patience=float("inf"))) for number in found}
    async with serving(apps[1]) as first, serving(apps[2]) as second:
        urls = {1: first, 2: second}
        for _ in range(ROUNDS + 1):
            for number, url in urls.items():
                async with httpx.AsyncClient(base_url=url, timeout=600) as http:
                    found[number].append(await served(http, pictures))
    say("2 workers", found[2][1:], "1 worker", found[1][1:])


def say(name: str, rates: Sequence[float], other: str, others: Sequence[float]) -> None:
    ratios = [rate / beside for rate, beside in zip(rates, others, strict=True)]
    print(
        f"{name} {median(rates):.2f} a second, {other} {median(others):.2f} a second: "
        f"ratio {median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds)"
    )


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    asyncio.run(beside_a_loop(number))
    asyncio.run(beside_one_worker(number))
