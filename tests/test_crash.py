"""Whatever the moment at which a run dies: nothing is lost, nothing is bought twice, and the record is whole.

Here a step raises, before or after it did its work, and from then on nothing else of that run happens: what a crash
leaves is what was durable by then. Then the run goes on as the next process would. Real processes and a real SIGKILL
are in `campaign`.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from campaign import Figures, Liar, Plot, campaign, look, painted
from planted import KEY

from runner.client import Client, Patience
from runner.errors import ImageError
from runner.execute import Bench, Stop, execute, settle
from runner.ledger import Ledger
from runner.nouns import (
    Cell,
    Execution,
    Limits,
    Outcome,
    Picture,
    Queued,
    Ready,
    Refused,
    Reply,
    Request,
    State,
    Unknown,
)
from runner.pace import Budget
from runner.vault import Vault

SEEDS = (1, 2, 3, 4)
CELLS = tuple(
    Cell(
        digest=f"{seed:064x}",
        coordinates={"seed": str(seed)},
        request=Request(endpoint="text2img", parameters={"model_id": "any", "prompt": "a house", "seed": seed}),
    )
    for seed in SEEDS
)
STEPS = ("begin", "send", "accept", "wait", "download", "put", "finish", "commit")


class Crash(BaseException):
    """The process dies here."""


class Fuse:
    """Raises at the nth time that a step is reached on one side, and at every step after that."""

    def __init__(self, step: str = "", side: str = "", time: int = 1) -> None:
        self.left = {(step, side): time}
        self.blown = False

    def reach(self, step: str, side: str) -> None:
        if (step, side) in self.left:
            self.left[step, side] -= 1
            self.blown = self.blown or not self.left[step, side]
        if self.blown:
            raise Crash

    @contextmanager
    def around(self, step: str) -> Iterator[None]:
        self.reach(step, "before")
        yield
        self.reach(step, "after")


class FusedLedger(Ledger):
    """A ledger that may crash, also between what is recorded together and its commit."""

    def __init__(self, path: Path, fuse: Fuse) -> None:
        super().__init__(path)
        self.fuse = fuse

    @contextmanager
    def together(self) -> Iterator[None]:
        with super().together():
            yield
            self.fuse.reach("commit", "before")
        self.fuse.reach("commit", "after")

    def begin(self, cell: Cell, *, now: float, track_id: str = "") -> int:
        with self.fuse.around("begin"):
            return super().begin(cell, now=now, track_id=track_id)

    def accept(self, attempt: int, queued: Queued) -> None:
        with self.fuse.around("accept"):
            super().accept(attempt, queued)

    def finish(self, attempt: int, outcome: Outcome, *, now: float) -> None:
        with self.fuse.around("finish"):
            super().finish(attempt, outcome, now=now)


class FusedClient(Client):
    """A client that may crash."""

    fuse: Fuse

    async def send(self, request: Request, *, track_id: str = "") -> Reply:
        with self.fuse.around("send"):
            return await super().send(request, track_id=track_id)

    async def wait(self, queued: Queued, *, deadline: float) -> Ready | Refused | Unknown:
        with self.fuse.around("wait"):
            return await super().wait(queued, deadline=deadline)

    async def download(self, ready: Ready) -> tuple[bytes, ...]:
        with self.fuse.around("download"):
            return await super().download(ready)


@dataclass
class FusedVault(Vault):
    """A vault that may crash."""

    run: Path
    fuse: Fuse

    def put_all(self, images: Iterable[bytes]) -> list[Picture | ImageError]:
        with self.fuse.around("put"):
            return super().put_all(images)


@asynccontextmanager
async def bench(run: Path, url: str, fuse: Fuse) -> AsyncIterator[Bench]:
    vault = FusedVault(run, fuse)
    async with httpx.AsyncClient(base_url=url) as http:
        client = FusedClient(http, load=vault.load_input, key=KEY, patience=Patience(shortest_poll=0.01))
        client.fuse = fuse
        with FusedLedger(run / "ledger.sqlite", fuse) as ledger:
            yield Bench(client=client, ledger=ledger, vault=vault, budget=Budget(Limits(), price=None, started=0.0))


async def run_once(run: Path, url: str, fuse: Fuse) -> bool:
    """Do what one process does: settle, then send what is owed. Return whether it got to its end."""
    try:
        async with bench(run, url, fuse) as tools:
            await settle(tools.ledger.open_attempts(), tools)
            gists = tools.ledger.gists()
            owed = [cell for cell in CELLS if cell.digest not in gists or gists[cell.digest].owed]
            await execute(owed, tools, Execution(concurrency=2), Stop())
    except (Crash, BaseExceptionGroup):
        return False
    return True


def later_or_now(what: str, seed: int, _: int) -> str:
    """Answer every second seed at once; queue the others."""
    return ("queued" if seed % 2 else "at once") if what == "post" else "whole"


def ended(run: Path, fuses: Iterable[Fuse]) -> tuple[Figures, Liar, list[bool]]:
    """Let processes with these fuses follow each other on one run; return what is there in the end."""

    async def session() -> tuple[Liar, list[bool]]:
        liar = Liar(later_or_now)
        async with liar.serving() as url:
            return liar, [await run_once(run, url, fuse) for fuse in fuses]

    run.mkdir(exist_ok=True)
    liar, finished = asyncio.run(session())
    (run / "plan.json").write_text("{}")
    (run / "manifest.json").write_text("{}")
    figures = Figures()
    look(run, liar, list(SEEDS), figures)
    return figures, liar, finished


def states(run: Path) -> dict[int, State]:
    with Ledger(run / "ledger.sqlite", readonly=True) as ledger:
        return {int(digest, 16): standing.state for digest, standing in ledger.standings().items()}


def pictures(run: Path) -> set[bytes]:
    return {path.read_bytes() for path in (run / "images").rglob("*.png")}


@pytest.mark.parametrize("time", [1, 2, 4])
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_dies_at_any_step_and_goes_on_loses_nothing_and_buys_nothing_twice(
    step: str, side: str, time: int, tmp_path: Path
) -> None:
    figures, liar, finished = ended(tmp_path / "run", [Fuse(step, side, time), Fuse()])
    assert finished[-1]
    assert time > 1 or not finished[0], "this step is never reached"
    assert (figures.wrong, figures.lost, figures.twice) == ([], 0, 0)
    assert (figures.made + figures.unknown, figures.cells) == (4, 4)
    assert figures.unknown <= 2, "only what was in flight can be unknown"
    assert max(liar.charged.values()) == 1
    made = {seed for seed, state in states(tmp_path / "run").items() if state is State.MADE}
    assert {painted(seed) for seed in made} <= pictures(tmp_path / "run")


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_dying_again_while_the_first_death_is_settled_changes_nothing(step: str, side: str, tmp_path: Path) -> None:
    fuses = [Fuse("wait", "before", 1), Fuse(step, side), Fuse(step, side, 2), Fuse()]
    figures, _, finished = ended(tmp_path / "run", fuses)
    assert finished[-1]
    assert (figures.wrong, figures.lost, figures.twice, figures.made + figures.unknown) == ([], 0, 0, 4)


@pytest.mark.parametrize(
    ("step", "side"), [("wait", "before"), ("download", "before"), ("put", "after"), ("finish", "before")]
)
def test_what_was_accepted_before_the_death_is_fetched_and_never_unknown(step: str, side: str, tmp_path: Path) -> None:
    figures, _, finished = ended(tmp_path / "run", [Fuse(step, side), Fuse()])
    assert finished == [False, True]
    assert figures.made + figures.unknown == 4
    with closing(sqlite3.connect(tmp_path / "run" / "ledger.sqlite")) as database:
        unknown = database.execute("SELECT count(*) FROM attempts WHERE state = 'unknown' AND remote_id IS NOT NULL")
        assert unknown.fetchone() == (0,)


def test_a_run_that_does_not_die_is_whole(tmp_path: Path) -> None:
    figures, _, finished = ended(tmp_path / "run", [Fuse()])
    assert (finished, figures) == ([True], Figures(cells=4, made=4, accepted=4))
    assert pictures(tmp_path / "run") == {painted(seed) for seed in SEEDS}


# --- real processes ------------------------------------------------------------------------------------------------


def test_processes_killed_at_random_moments_lose_nothing_and_buy_nothing_twice(tmp_path: Path) -> None:
    figures = asyncio.run(campaign(Plot(kills=12, seed=20261124, cells=16, kills_a_run=3), tmp_path))
    assert (figures.lost, figures.twice, figures.untold, figures.wrong) == (0, 0, 0, [])
    assert figures.made + figures.unknown == figures.cells == 64
    assert figures.kills >= 6
