"""`sweep status`: how a run stands, and how it goes on while another process makes it."""

import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from commands import record, sweep

from runner.cli.watching import changed, facts, line, lines
from runner.folder import RunFolder
from runner.ledger import Ledger
from runner.nouns import Cell, Change, Concern, Failed, Made, Picture, Refused, Spent
from runner.pace import Clock
from runner.verbs import Status, Watch, follow

FILE = """
name: cats
target: sketch
parameters: {model_id: any, prompt: a cat, width: 256, height: 256}
axes: {seed: {from: 1, to: 8, step: 1}}
price: {per_image: 0.1}
limits: {requests: 5, cost: 2}
"""
RUN = Path("runs/cats")
PARTIAL = "PARTIAL: 3 of 8 cells are not made yet (stopped by the limit of 5 requests)."
MADE = Made(pictures=(Picture(sha256="ab" * 32, width=8, height=8, size=1),))


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cats.yaml").write_text(FILE)


def planned() -> list[Cell]:
    """A run of which nothing is sent yet."""
    assert sweep("run", "cats.yaml", "--limit", "0").code == 3
    return list(RunFolder(RUN).plan().cells())


class Making:
    """Another process, played step by step: each look at the run is followed by the next step."""

    def __init__(self, *steps: Callable[[Ledger], object]) -> None:
        self.steps = list(steps)
        self.held = ExitStack()
        self.seconds = 1000.0
        self.ledger = self.held.enter_context(RunFolder(RUN).writing(Clock(now=self.now)))

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self.steps:
            self.steps.pop(0)(self.ledger)
        else:
            self.held.close()


def seen(*steps: Callable[[Ledger], object]) -> list[Status]:
    """Return how a run stood at each look while the steps were taken."""
    found: list[Status] = []
    making = Making(*steps)
    follow(RUN, found.append, now=making.now, sleep=making.sleep)
    return found


# --- at rest -------------------------------------------------------------------------------------------------------


def test_a_run_that_a_limit_stopped_is_partial_and_says_what_it_spent() -> None:
    assert sweep("run", "cats.yaml").code == 3
    done = sweep("status", RUN)
    rows = [" ".join(row.split()) for row in done.out.splitlines()]
    assert (done.code, rows[0], rows[2:4], rows[7]) == (0, "runs/cats", ["planned 8", "made 5"], "pending 3")
    assert rows[10:] == [
        PARTIAL,
        "no process is writing to it",
        "pace: at most 4 at once (the start)",
        "spent: requests 5 of 5, images 5, cost 0.5 of 2",
    ]


def test_the_page_says_the_same_of_cells_that_were_refused_for_now() -> None:
    planned()
    record(RUN, MADE, Refused(concern=Concern.LATER, message="busy"), Failed(message="no"))
    sweep("report", RUN)
    said = "PARTIAL: 6 of 8 cells are not made yet (stopped by the limit of 0 requests)."
    assert said in (RUN / "report" / "index.html").read_text()
    assert said in sweep("status", RUN).out


def test_a_program_reads_one_object() -> None:
    sweep("run", "cats.yaml")
    found = sweep("status", RUN, "--json").facts
    assert found.pop("pace")["concurrency"] == 4
    assert found == {
        "run": "runs/cats",
        "planned": 8,
        "made": 5,
        "refused": 0,
        "failed": 0,
        "unknown": 0,
        "pending": 3,
        "reused": 0,
        "images": 5,
        "busy": False,
        "writer": None,
        "in_flight": 0,
        "rate": None,
        "eta": None,
        "spent": {"requests": 5, "images": 5, "cost": 0.5},
        "limits": {"requests": 5, "images": None, "cost": 2.0, "wall": None, "failures": 20},
        "partial": PARTIAL,
    }


def test_a_whole_run_is_not_partial() -> None:
    Path("cats.yaml").write_text(FILE.replace("limits: {requests: 5, cost: 2}", ""))
    sweep("run", "cats.yaml")
    found = Watch(RUN).look(0.0)
    assert (found.partial, found.busy, found.counts["made"]) == ("", False, 8)
    assert "PARTIAL" not in (RUN / "report" / "index.html").read_text()


@pytest.mark.parametrize("words", [(), ("--watch",), ("--json",)])
def test_what_is_no_run_is_a_mistake(words: tuple[str, ...]) -> None:
    assert sweep("status", "nowhere", *words).code == 2


# --- under way -----------------------------------------------------------------------------------------------------


def test_watching_follows_a_run_until_no_process_writes_to_it() -> None:
    cells = planned()
    numbers: list[int] = []

    found = seen(
        lambda ledger: numbers.extend(ledger.begin(cell, now=1000.0) for cell in cells[:4]),
        lambda ledger: ledger.finish(numbers[0], MADE, now=1002.0),
        lambda ledger: ledger.finish(numbers[1], Refused(concern=Concern.LATER, message="busy"), now=1003.0),
        lambda ledger: ledger.change(Change(at=1004.0, concurrency=2, reason="these are too many")),
    )

    assert [status.busy for status in found] == [True] * 5 + [False]
    assert [status.in_flight for status in found] == [0, 4, 3, 2, 2, 0]
    assert [status.counts["made"] for status in found] == [0, 0, 1, 1, 1, 1]
    assert [status.rate for status in found] == [None, None, 1 / 2, 1 / 3, 1 / 4, None]
    assert [status.eta for status in found] == [None, None, 14.0, 21.0, 28.0, None]
    assert [status.pace.concurrency for status in found if status.pace] == [4, 4, 4, 4, 2, 2]
    assert found[3].spent == Spent(requests=4, images=3)
    assert [status.partial for status in found[:5]] == [""] * 5
    assert found[5].partial.startswith("PARTIAL: 7 of 8 cells")


def test_who_is_writing_is_named() -> None:
    planned()
    first = seen()[0]
    assert first.writer is not None
    assert (first.writer.pid, first.writer.host) == (os.getpid(), socket.gethostname())
    assert next(text for text in lines(first) if text.startswith("writing: ")).startswith(
        f"writing: process {os.getpid()} on {socket.gethostname()} since 1970-01-01T00:16:40+00:00, `"
    )
    unknown = replace(first, writer=None)
    assert "writing: a process that nothing is known of" in list(lines(unknown))


def test_a_line_says_how_much_is_done_and_how_fast_it_goes() -> None:
    cells = planned()
    found = seen(
        lambda ledger: ledger.finish(ledger.begin(cells[0], now=1000.0), MADE, now=1001.0),
        lambda ledger: ledger.change(Change(at=1002.0, concurrency=8, reason="the target keeps up")),
    )
    assert line(found[0]) == "runs/cats: 8 pending of 8 cells, at most 4 at once"
    assert (
        line(found[2])
        == "runs/cats: 1 made, 7 pending of 8 cells, 0.5 cells a second, about 14 s left, at most 8 at once"
    )
    assert [text for text in lines(found[2]) if not text.startswith("writing")] == [
        "rate: 0.5 cells a second, about 14 s left",
        "pace: at most 8 at once (the target keeps up), 0 in flight",
        "spent: requests 1 of 5, images 1, cost 0.1 of 2",
    ]
    assert facts(found[2])["eta"] == 14.0


def test_where_nobody_looks_on_only_what_changes_is_shown() -> None:
    cells = planned()
    shown: list[Status] = []
    making = Making(lambda _: None, lambda ledger: ledger.finish(ledger.begin(cells[0], now=1.0), MADE, now=2.0))
    follow(RUN, changed(shown.append), now=making.now, sleep=making.sleep)
    assert [(status.counts["made"], status.busy) for status in shown] == [(0, True), (1, True), (1, False)]


def test_a_plan_that_is_replaced_while_someone_watches_is_read_again() -> None:
    planned()
    watch = Watch(RUN)
    Path("cats.yaml").write_text(FILE.replace("to: 8", "to: 20"))
    sweep("run", "cats.yaml", "--limit", "0")
    assert watch.look(0.0).counts["planned"] == 20


def test_watching_a_run_at_rest_shows_it_once() -> None:
    sweep("run", "cats.yaml")
    done = sweep("status", RUN, "--watch")
    assert (done.code, done.out) == (0, f"runs/cats: 5 made, 3 pending of 8 cells. {PARTIAL}\n")
    assert sweep("status", RUN, "--watch", "--json").facts["made"] == 5
