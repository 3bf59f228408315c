"""Answers that are lost on real sockets: what can be asked is made once and never bought twice, what cannot is unknown."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

import runner
from runner import wire
from runner.client import Mailbox
from runner.engine import Engine
from runner.execute import Cause, Event, Step
from runner.folder import RunFolder
from runner.nouns import Limits, Queued, Spent, State
from runner.pace import Clock
from runner.plan import Plan
from runner.receiver import webhook_at
from runner.server import App, Outside, Settings, create_app
from runner.server.faults import load
from runner.target import open_target, serving
from runner.verbs import Result, Surroundings, maybe_paid, prepare, sweep
from tests.contracts.server import Recorder

EXPERIMENT = """
name: lost
target: {{url: "{url}"}}
parameters: {{model_id: any, prompt: a red house, width: 256, height: 256, enhance_prompt: "no"{more}}}
axes: {{seed: {{from: 1, to: {cells}, step: 1}}}}
execution: {{concurrency: 4, attempts: 3}}
"""

LOST = """
seed: 3
faults:
  - {kind: drop, every: 4}
  - {kind: html, status: 502, every: 5}
  - {kind: drop, when: mid_answer, every: 7}
  - {kind: drop, when: before_accept, every: 3}
  - {kind: drop, when: before_accept, route: fetch, first: 2}
"""


HASTY = Clock(sleep=lambda seconds: asyncio.sleep(min(seconds, 0.01)))
"""Between two tries of a cell nothing waits for long."""


class Stage:
    """A lying server on a socket and an experiment that it is the target of."""

    def __init__(self, folder: Path, url: str, app: App, asked: asyncio.Event, hears: asyncio.Event) -> None:
        self.folder, self.url, self.app, self.asked, self.hears = folder, url, app, asked, hears

    def plan(self, *, cells: int = 24, more: str = "") -> Plan:
        path = self.folder / "lost.yaml"
        path.write_text(EXPERIMENT.format(url=self.url, cells=cells, more=more))
        return prepare(path)

    async def sweep(self, plan: Plan, **around: Any) -> Result:
        return await sweep(plan, self.folder / "run", surroundings=Surroundings(**{"clock": HASTY, **around}))

    @property
    def account(self) -> dict[str, Any]:
        said: dict[str, Any] = self.app.state.account.said()
        return said


def play(
    folder: Path,
    faults: str,
    scene: Callable[[Stage], Any],
    *,
    engine: Engine | None = None,
    asks: bool = True,
    **options: Any,
) -> Any:
    (folder / "faults.yaml").write_text(faults)

    async def session() -> Any:
        app = create_app(engine or Recorder(), Settings(faults=load(folder / "faults.yaml"), **options))
        asked, hears = asyncio.Event(), asyncio.Event()
        async with asyncio.timeout(60), serving(app if asks else deaf(app, asked, hears)) as url:
            return await scene(Stage(folder, url, app, asked, hears))

    return asyncio.run(session())


def deaf(app: App, asked: asyncio.Event, hears: asyncio.Event) -> Any:
    """Return the app without the route by which it can be asked, until it hears; it notes that someone tries."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        name = scope.get("path", "").rpartition("/")[2]
        if name == wire.FIND:
            asked.set()
        await (PlainTextResponse("Not Found", 404) if name == wire.FIND and not hears.is_set() else app)(
            scope, receive, send
        )

    return answer


def test_answers_that_are_lost_are_asked_about_and_everything_is_made_once(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> Any:
        return (await stage.sweep(stage.plan())).counts, stage.account

    counts, account = play(tmp_path, LOST, scene)

    assert (counts["made"], counts["unknown"], counts["failed"], counts["pending"]) == (24, 0, 0, 0)
    assert (account["requests_made"], account["pictures_made"], account["bought_twice"]) == (24, 24, 0)
    assert all(fault["struck"] for fault in account["faults"])


def test_where_the_target_cannot_be_asked_a_lost_answer_is_unknown_and_not_sent_again(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> Any:
        first = await stage.sweep(plan := stage.plan())
        heard = stage.account["heard"]["text2img"]
        again = await stage.sweep(plan)
        return first.counts, again.counts, again.sent, stage.account, heard

    first, again, sent, account, heard = play(tmp_path, "faults: [{kind: drop, every: 4}]", scene, asks=False)

    assert (first["made"], first["unknown"]) == (18, 6)
    assert (again["made"], again["unknown"], sent) == (18, 6, 0)
    assert (account["heard"]["text2img"], heard, account["bought_twice"]) == (24, 24, 0)
    reasons = runner.load(tmp_path / "run").query("outcome == 'unknown'")["reason"]
    assert reasons.str.endswith("it may have been made").all()


def test_a_retry_sends_nothing_again_that_was_not_unknown_when_it_was_asked_for(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> Any:
        plan, folder = stage.plan(cells=2), RunFolder(stage.folder / "run")
        with folder.writing() as ledger:
            ledger.begin(next(iter(plan.cells())), now=1.0, track_id="lost")
            folder.freeze(plan, {})
        done = await runner.retry(folder.path, {State.UNKNOWN})
        return done.counts["unknown"], done.sent, stage.account["requests_made"]

    assert play(tmp_path, "faults: [{kind: drop, after: 99}]", scene, asks=False) == (1, 0, 0)


def test_a_track_id_of_the_users_own_is_not_asked_about_for_it_names_many_requests(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> Any:
        counts = (await stage.sweep(stage.plan(cells=4, more=", track_id: order-66"))).counts
        return counts["made"], counts["unknown"], stage.account["heard"]

    made, unknown, heard = play(tmp_path, "faults: [{kind: drop, every: 4}]", scene)
    assert (made, unknown) == (3, 1)
    assert "fetch" not in heard


def test_a_lost_answer_is_made_up_for_by_the_webhook_where_the_target_cannot_be_asked(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    webhook = webhook_at(f"http://127.0.0.1:{port}/hook")

    async def scene(stage: Stage) -> Any:
        return (await stage.sweep(stage.plan(), webhook=webhook, clock=Clock())).counts, stage.account

    listed = "faults: [{kind: drop, every: 4}, {kind: webhook, how: forged}]"
    post = Outside(allow_private=True).post
    counts, account = play(tmp_path, listed, scene, asks=False, post_hook=post)

    assert (counts["made"], counts["unknown"]) == (24, 0)
    assert (account["requests_made"], account["bought_twice"]) == (24, 0)


# --- after a crash ------------------------------------------------------------------------------------------------


async def crashed(stage: Stage, plan: Plan, *, arrived: bool, ago: float = 0.0, webhook: str = "") -> None:
    """Leave the run folder as a process does that was killed while it waited for the first cell's answer."""
    cell = next(iter(plan.cells()))
    folder = RunFolder(stage.folder / "run")
    with folder.writing() as ledger:
        folder.freeze(plan, {"plan": plan.digest})
        async with open_target(plan.experiment.target, load=folder.vault.load_input, environ={}) as target:
            ledger.begin(cell, now=Clock().now() - ago, track_id="track-1")
            if arrived:
                target.client.mailbox = Mailbox(webhook, draw=lambda: "track-1") if webhook else None
                await target.client.send(cell.request, track_id="track-1")


@pytest.mark.parametrize("arrived", [True, False])
def test_what_was_sent_before_a_crash_is_asked_about_and_made_once(tmp_path: Path, arrived: bool) -> None:
    async def scene(stage: Stage) -> Any:
        await crashed(stage, plan := stage.plan(cells=3), arrived=arrived)
        result = await stage.sweep(plan)
        return result.counts["made"], result.counts["unknown"], result.sent, stage.account

    made, unknown, sent, account = play(tmp_path, "faults: [{kind: drop, first: 1}]", scene)

    assert (made, unknown, sent) == (3, 0, 2 if arrived else 3)
    assert (account["requests_made"], account["bought_twice"]) == (3, 0)


@pytest.mark.parametrize("ago", [3600.0, -3600.0])
def test_what_was_sent_before_the_servers_memory_begins_or_under_a_clock_that_was_set_back_is_unknown(
    tmp_path: Path, ago: float
) -> None:
    async def scene(stage: Stage) -> Any:
        await crashed(stage, plan := stage.plan(cells=3), arrived=False, ago=ago)
        result = await stage.sweep(plan)
        return result.counts["made"], result.counts["unknown"], result.sent

    assert play(tmp_path, "faults: [{kind: drop, after: 99}]", scene) == (2, 1, 2)


def test_after_a_crash_a_webhook_that_comes_while_others_are_settled_is_not_lost(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/hook"
    engine = Recorder(gate=threading.Event())

    async def scene(stage: Stage) -> Any:
        before = asyncio.ensure_future(crashed(stage, plan := stage.plan(cells=3), arrived=True, webhook=url))
        await asyncio.to_thread(engine.begun.wait, 10)
        before.cancel()
        await asyncio.wait([before])
        after = asyncio.ensure_future(stage.sweep(plan, webhook=webhook_at(url), clock=Clock()))
        await stage.asked.wait()
        engine.gate.set()  # type: ignore[union-attr]  # it has one
        result = await after
        return result.counts["made"], result.counts["unknown"], stage.account["bought_twice"]

    post = Outside(allow_private=True).post
    assert play(tmp_path, "faults: [{kind: drop, after: 99}]", scene, engine=engine, asks=False, post_hook=post) == (
        3,
        0,
        0,
    )


def test_what_is_open_at_another_target_is_left_open_for_the_run_that_goes_on_there(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> Any:
        await crashed(stage, plan := stage.plan(cells=3), arrived=True)
        elsewhere = await stage.sweep(prepare(tmp_path / "lost.yaml", target="sketch"))
        with RunFolder(tmp_path / "run").reading() as ledger:
            left = [attempt.track_id for attempt in ledger.open_attempts()]
        back = await stage.sweep(plan)
        return elsewhere.counts["made"], left, back.counts["made"], back.sent, stage.account["bought_twice"]

    assert play(tmp_path, "faults: [{kind: drop, first: 1}]", scene) == (3, ["track-1"], 3, 2, 0)


def test_what_was_unknown_is_asked_about_again_when_the_run_goes_on_and_not_bought_again(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> Any:
        counts = (await stage.sweep(stage.plan())).counts
        stage.hears.set()
        again = await stage.sweep(stage.plan())
        return counts["unknown"], again.counts["made"], again.counts["unknown"], again.sent, stage.account

    before, made, unknown, sent, account = play(tmp_path, "faults: [{kind: drop, every: 4}]", scene, asks=False)
    assert (before, made, unknown, sent) == (6, 24, 0, 0)
    assert (account["requests_made"], account["bought_twice"]) == (24, 0)
    with RunFolder(tmp_path / "run").reading() as ledger:
        assert ledger.spent() == Spent(requests=24, images=24)


def test_what_was_never_accepted_is_sent_when_the_run_goes_on(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> Any:
        counts = (await stage.sweep(stage.plan())).counts
        stage.hears.set()
        again = await stage.sweep(stage.plan())
        return counts["unknown"], again.counts["made"], again.sent, stage.account

    faults = "faults: [{kind: drop, when: before_accept, every: 4, first: 6}]"
    old = Clock(elapsed=lambda: 2 * time.monotonic())  # so that its memory reaches back beyond the first send
    before, made, sent, account = play(tmp_path, faults, scene, asks=False, clock=old)
    assert (before, made, sent) == (6, 24, 6)
    assert (account["requests_made"], account["bought_twice"]) == (24, 0)


# --- made, and not arrived ------------------------------------------------------------------------------------------

CUT_OFF = "faults: [{kind: image, how: truncated, first: 18}]"


def test_a_retry_of_what_was_made_and_did_not_arrive_fetches_it_and_pays_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> Any:
        first = await stage.sweep(stage.plan(cells=6))
        doubtful = maybe_paid(first.run, {State.FAILED, State.REFUSED})
        again = await runner.retry(first.run, {State.FAILED})
        with RunFolder(first.run).reading() as ledger:
            return first.counts, doubtful, again.counts, again.sent, stage.account, ledger.spent()

    first, doubtful, again, sent, account, spent = play(tmp_path, CUT_OFF, scene)

    assert (first["failed"], first["made"], doubtful) == (6, 0, 6), "each broken picture is downloaded three times"
    assert (again["made"], again["failed"], sent) == (6, 0, 0)
    assert (account["heard"]["text2img"], account["pictures_made"], account["bought_twice"]) == (6, 6, 0)
    assert spent == Spent(requests=6, images=6)


def test_a_retry_that_cannot_fetch_now_sends_nothing_and_says_why(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> Any:
        first = await stage.sweep(stage.plan(cells=2))
        again = await runner.retry(first.run, {State.FAILED})
        assert again.undelivered == 2, "running again does not ask for them"
        return again.counts, again.sent, again.stop, stage.account

    away = "{kind: refuse, status: 402, message: not enough credits, route: fetch, first: 9}"
    faults = f"faults: [{{kind: image, how: truncated, first: 6}}, {away}]"
    counts, sent, stop, account = play(tmp_path, faults, scene)

    assert (counts["failed"], sent, account["heard"]["text2img"]) == (2, 0, 2)
    assert stop.cause is Cause.TARGET
    assert stop.reason.endswith("and not given out now: not enough credits; the next retry asks for it again")


def test_what_was_made_and_is_gone_by_now_is_bought_again_by_a_retry_alone(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> Any:
        first = await stage.sweep(plan := stage.plan(cells=2))
        running_again = (await stage.sweep(plan)).sent
        async with httpx.AsyncClient() as http:
            await http.post(f"{stage.url}/clear_cache", json={})
        again = await runner.retry(first.run, {State.FAILED})
        return running_again, again.counts, again.sent

    running_again, counts, sent = play(tmp_path, "faults: [{kind: image, how: truncated, first: 6}]", scene)

    assert (running_again, sent, counts["made"]) == (0, 2, 2)


QUICK = replace(HASTY, elapsed=lambda: 100 * time.monotonic())
"""A first look is over after a fifth of a second, and a minute after six tenths."""


async def accepted(stage: Stage, plan: Plan) -> str:
    """Leave the run folder as a process does that was killed once its first request was accepted; return that cell."""
    folder, first = RunFolder(stage.folder / "run"), next(iter(plan.cells()))
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{stage.url}/text2img", json=dict(first.request.parameters))
    with folder.writing() as ledger:
        ledger.accept(ledger.begin(first, now=time.time()), Queued(remote_id=str(answer.json()["id"])))
        folder.freeze(plan, {})
    return first.digest


def test_what_the_target_kept_back_at_the_start_is_asked_for_again_when_all_else_is_sent(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> Any:
        await accepted(stage, plan := stage.plan(cells=4))
        done = await stage.sweep(plan, clock=QUICK)
        return done.counts["made"], done.sent, done.stop.reason, stage.account["requests_made"]

    no = "{kind: refuse, status: 402, message: not enough credits, route: fetch, first: 1}"
    faults = f"faults: [{{kind: processing, seconds: 0.3, first: 1}}, {no}]"
    assert play(tmp_path, faults, scene) == (4, 3, "", 4)


def test_a_limit_of_wall_clock_time_ends_the_wait_for_what_an_earlier_start_left_open(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> Any:
        await accepted(stage, plan := stage.plan(cells=1))
        limited = replace(plan, experiment=replace(plan.experiment, limits=Limits(wall=60)))
        done = await stage.sweep(limited, clock=QUICK)
        return done.counts["pending"], done.sent, done.stop.cause, done.stop.reason

    reason = "stopped by the limit of 60 s of wall-clock time"
    assert play(tmp_path, "faults: [{kind: processing}]", scene) == (1, 0, Cause.LIMIT, reason)


def test_what_the_target_is_still_making_is_waited_for_beside_what_is_sent(tmp_path: Path) -> None:
    """An earlier start's request takes longer than the first look: the others do not wait for it."""
    open_when_others_are_made: list[set[str]] = []

    async def scene(stage: Stage) -> Any:
        plan, folder = stage.plan(cells=3), RunFolder(stage.folder / "run")
        first = await accepted(stage, plan)

        def watch(event: Event) -> None:
            if event.step is Step.FINISHED:
                with folder.reading() as ledger:
                    open_when_others_are_made.append({attempt.cell for attempt in ledger.open_attempts()})

        done = await stage.sweep(plan, watch=watch, clock=QUICK)
        return done.counts, done.sent, first, len(list(plan.cells())) - 1

    counts, sent, first, others = play(tmp_path, "faults: [{kind: processing, seconds: 4, first: 1}]", scene)

    assert (counts["made"], sent, others) == (3, 2, 2)
    assert len(open_when_others_are_made) == 2
    assert all(first in cells for cells in open_when_others_are_made)
