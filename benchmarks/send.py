"""A whole sweep over a socket beside a bare aiohttp loop that throws the answers away.

    python benchmarks/send.py [ROUNDS]

2,000 requests that a server in another process answers after 100 ms, 64 and 256 at once, with small PNGs: as base64 in
the answer, and as links that are followed. The sweep is `runner.execute`: intent and result recorded durably, images
checked, stored, synced and shown small. Beside it the same requests through the carrier alone, and through httpx's own
transport alone, answers thrown away as in the bare loop. All may be in flight from the start; they take turns. CPU time
of this process stands beside wall time: what others do on the machine shows in the second alone.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import aiohttp
import httpx
from far_end import far_end

from runner.carrier import carrier
from runner.client import Client
from runner.execute import Bench, Stop, execute
from runner.folder import RunFolder
from runner.nouns import Address, Axis, Execution, Experiment, Limits, Point
from runner.pace import Budget
from runner.plan import Plan, make
from runner.target import provider_of

REQUESTS, SECONDS = 2_000, 0.1
CASES = [(at_once, kind) for at_once in (64, 256) for kind in ("encoded", "linked")]
PARAMETERS = {"model_id": "any", "prompt": "a red house under a blue sky, on the grass, in the evening", "width": 512}


def plan(url: str, requests: int = REQUESTS) -> Plan:
    seeds = Axis(name="seed", points=tuple(Point(label=str(seed), set={"seed": seed}) for seed in range(requests)))
    target = Address(name=url)
    return make(Experiment(name="bench", target=target, parameters=PARAMETERS, axes=(seeds,)), provider_of(target))


async def bare(url: str, at_once: int) -> None:
    """Post, get what is linked, keep nothing, with aiohttp."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def one(body: bytes) -> None:
            async with http.post(f"{url}/text2img", data=body) as answer:
                (output,) = json.loads(await answer.read())["output"]
            if output.startswith("http"):
                async with http.get(output) as picture:
                    await picture.read()

        await workers(at_once, url, one)


async def carried(url: str, at_once: int, transport: httpx.AsyncBaseTransport | None) -> None:
    """Do the same with httpx, and what carries it."""
    async with httpx.AsyncClient(timeout=300, transport=transport) as http:

        async def one(body: bytes) -> None:
            (output,) = json.loads((await http.post(f"{url}/text2img", content=body)).content)["output"]
            if output.startswith("http"):
                await http.get(output)

        await workers(at_once, url, one)


async def workers(at_once: int, url: str, one: Callable[[bytes], Awaitable[None]]) -> None:
    bodies = iter([json.dumps({"key": "", **cell.request.parameters}).encode() for cell in plan(url).cells()])

    async def work() -> None:
        for body in bodies:
            await one(body)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


async def whole(url: str, at_once: int, place: Path) -> None:
    """Make a sweep of them in a run folder."""
    folder = RunFolder(place)
    with folder.writing() as ledger:
        async with httpx.AsyncClient(base_url=url, timeout=300, transport=carrier()) as http:
            budget = Budget(Limits(), price=None, started=time.monotonic())
            client = Client(http, load=folder.vault.load_input)
            bench = Bench(client=client, ledger=ledger, vault=folder.vault, budget=budget)
            await execute(plan(url).cells(), bench, Execution(concurrency=at_once, start=at_once), Stop())
        made = sum(gist.state == "made" for gist in ledger.gists().values())
    assert made == REQUESTS, f"{made} of {REQUESTS} were made"


def spent(work: Awaitable[None]) -> tuple[float, float]:
    """Return seconds of wall and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    asyncio.run(work)  # type: ignore[arg-type]  # coroutines, all of them
    return time.perf_counter() - wall, time.process_time() - cpu


def compare(at_once: int, kind: str, rounds: int) -> None:
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, far_end(SECONDS, kind) as url:
            turns = {
                "bare": bare(url, at_once),
                "carrier alone": carried(url, at_once, carrier()),
                "httpx alone": carried(url, at_once, None),
                "whole sweep": whole(url, at_once, Path(folder) / "run"),
            }
            for name, work in turns.items():
                found.setdefault(name, []).append(spent(work))
    for name, times in found.items():
        ratios = sorted(wall / least for (wall, _), (least, _) in zip(times, found["bare"], strict=True))
        print(
            f"{at_once:4} at once, {kind}  {name:14}{median(wall for wall, _ in times):7.2f} s "
            f"{median(ratios):6.2f}x (from {ratios[0]:.2f} to {ratios[-1]:.2f})"
            f"{median(cpu for _, cpu in times) / REQUESTS * 1e6:7.0f} us of CPU a request"
        )


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for at_once, kind in CASES:
        compare(at_once, kind, rounds)


if __name__ == "__main__":
    main()
