"""The runner's own record-keeping: a sweep with its ledger beside the same sweep with a ledger that forgets.

    python benchmarks/run.py [ROUNDS]

1,000 requests that a server in another process answers after 100 ms, 32 at once, `runner.execute` both times, images
thrown away both times. The one records intent, acceptance and result of each request durably; the other keeps nothing.
They take turns. CPU time of this process stands beside wall time: what others do on the machine shows in the second alone.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
from far_end import far_end
from send import plan

from runner.carrier import carrier
from runner.client import Client
from runner.execute import Bench, Stop, execute
from runner.ledger import Ledger
from runner.nouns import Cell, Change, Execution, Limits, Outcome, Picture, Queued
from runner.pace import Budget
from runner.vault import Vault

REQUESTS, SECONDS, AT_ONCE = 1_000, 0.1, 32


class Forgetful(Ledger):
    """A ledger that writes nothing down."""

    @contextmanager
    def together(self) -> Iterator[None]:
        yield

    def begin(self, cell: Cell, *, now: float, track_id: str = "") -> int:  # noqa: ARG002  # the ledger's own signature
        return 1

    def accept(self, attempt: int, queued: Queued) -> None:
        pass

    def finish(self, attempt: int, outcome: Outcome, *, now: float) -> None:
        pass

    def change(self, change: Change) -> None:
        pass


class Sieve(Vault):
    """A vault that keeps nothing."""

    def put_all(self, images: Iterable[bytes]) -> list[Picture]:  # type: ignore[override]  # none of them is refused
        return [Picture(sha256="00" * 32, width=16, height=16, size=len(image)) for image in images]


async def run(url: str, place: Path, kind: type[Ledger]) -> None:
    with kind(place) as ledger:
        async with httpx.AsyncClient(base_url=url, timeout=300, transport=carrier()) as http:
            vault, budget = Sieve(place.parent), Budget(Limits(), price=None, started=time.monotonic())
            bench = Bench(client=Client(http, load=vault.load_input), ledger=ledger, vault=vault, budget=budget)
            cells = plan(url, REQUESTS).cells()
            await execute(cells, bench, Execution(concurrency=AT_ONCE, start=AT_ONCE), Stop())
        made = sum(gist.state == "made" for gist in ledger.gists().values())
    assert made == (0 if kind is Forgetful else REQUESTS), made


def main() -> None:
    walls, cpus = [], []
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5):
        times = []
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, far_end(SECONDS, "encoded") as url:
            for kind in (Forgetful, Ledger):
                wall, cpu = time.perf_counter(), time.process_time()
                asyncio.run(run(url, Path(folder) / f"{kind.__name__}.sqlite", kind))
                times.append((time.perf_counter() - wall, time.process_time() - cpu))
        (bare, bare_cpu), (kept, kept_cpu) = times
        walls.append(kept / bare)
        cpus.append(kept_cpu / bare_cpu)
    print(
        f"{REQUESTS:,} requests of {SECONDS * 1000:g} ms, {AT_ONCE} at once, with a durable ledger: "
        f"{median(walls):.3f}x of wall (from {min(walls):.3f} to {max(walls):.3f}), "
        f"{median(cpus):.2f}x of CPU (from {min(cpus):.2f} to {max(cpus):.2f}) in {len(walls)} rounds"
    )


main()
