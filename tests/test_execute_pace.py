"""How fast and how much: the target's hints, the rate, the limits, and what the user asks of a run under way."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

from scripted import Server, Time, bad, bench, busy, cell, processing, success, swept
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from runner.execute import Cause, Event, Step, Stop, execute
from runner.execute.sweeping import WISH_SECONDS
from runner.nouns import Execution, Limits, State, Wish
from runner.pace import Budget


def fault(_: dict[str, object]) -> Response:
    return JSONResponse({"status": "error", "message": "internal error"}, status_code=500)


def tomorrow(_: dict[str, object]) -> Response:
    return JSONResponse(
        {"status": "error", "message": "too many requests a day", "retry_after": 43_200}, status_code=429
    )


# --- pace ----------------------------------------------------------------------------------------------------------


def test_a_rate_spaces_sends(tmp_path: Path) -> None:
    time = Time()
    swept(
        Server([success]),
        tmp_path,
        [cell(number) for number in range(4)],
        Execution(concurrency=1, rate=0.5),
        time=time,
    )
    assert time.slept == [2, 2, 2]


def test_a_cell_that_waits_for_another_attempt_does_not_hold_up_the_others(tmp_path: Path) -> None:
    server = Server([fault, success])
    states, _ = swept(server, tmp_path, [cell(number) for number in range(4)], Execution(concurrency=1))
    assert [post["seed"] for post in server.posts] == [0, 1, 2, 3, 0]
    assert set(states.values()) == {State.MADE}


def test_a_hint_holds_up_every_cell_for_it_is_the_target_that_asks(tmp_path: Path) -> None:
    time = Time()
    server, moments = Server([busy, success]), []

    def noted(body: dict[str, object]) -> Response:
        moments.append(time.seconds)
        return success(body)

    server.script = [busy, noted]
    swept(server, tmp_path, [cell(1), cell(2)], Execution(concurrency=1), time=time)
    assert min(moments) >= 1003.0


def test_a_wait_of_half_a_day_stops_the_run_and_says_when_to_come_back(tmp_path: Path) -> None:
    server = Server([tomorrow])
    _, stop = swept(server, tmp_path, [cell(number) for number in range(9)], Execution(concurrency=1))
    assert (len(server.posts), stop.cause) == (1, Cause.TARGET)
    assert stop.reason == "too many requests a day; the target takes more in 12.0 h: run again then"


def test_another_rate_is_kept_by_a_run_that_waits_for_the_old_one(tmp_path: Path) -> None:
    time = Time()

    async def sleep(seconds: float) -> None:
        """An hour never passes, and a look at what the user asks takes no time."""
        await (asyncio.Event().wait() if seconds > 600 else time.sleep(0 if seconds == WISH_SECONDS else seconds))

    async def sweeping() -> None:
        async with asyncio.timeout(10), bench(Server([success]), tmp_path, time=time) as tools:
            hurried = replace(tools, clock=replace(tools.clock, sleep=sleep), wish=lambda: Wish(rate=2.0))
            await execute([cell(1), cell(2)], hurried, Execution(rate=1 / 3600), Stop())

    asyncio.run(sweeping())
    assert time.slept == [0.5]


def test_too_many_at_once_is_learned_recorded_and_shown(tmp_path: Path) -> None:
    server, events = Server([]), []
    together = 0

    async def crowding(asked: HttpRequest) -> Response:
        nonlocal together
        body = await asked.json()
        if together >= 6:
            return JSONResponse({"status": "error", "message": "queue is full"}, status_code=429)
        together += 1
        await asyncio.sleep(0.01)
        together -= 1
        server.posts.append(body)
        return success(body)

    async def sweeping() -> tuple[list[tuple[int, str]], list[State]]:
        server.generate = crowding  # type: ignore[method-assign]  # this server's answers depend on each other
        async with bench(server, tmp_path) as tools:
            watched = replace(tools, watch=events.append)
            await execute(
                [cell(number) for number in range(60)], watched, Execution(concurrency=32, attempts=9), Stop()
            )
            states = [standing.state for standing in tools.ledger.standings().values()]
            return [(change.concurrency, change.reason) for change in tools.ledger.changes()], states

    changes, states = asyncio.run(sweeping())
    assert changes[:2] == [(8, "the start"), (6, "the target says that these are too many")]
    assert (len(states), set(states), len(server.posts)) == (60, {State.MADE}, 60)
    shown = [(event.allowed, event.reason) for event in events if event.step is Step.PACED]
    assert shown == changes
    assert all(event.in_flight <= event.allowed + 2 for event in events if event.step is Step.SENT)


def test_what_the_user_asks_of_a_run_under_way_is_done_within_a_second(tmp_path: Path) -> None:
    async def sweeping() -> tuple[list[tuple[int, str]], int]:
        server, most = Server([success]), 0
        wishes = iter([Wish(), Wish(concurrency=1), Wish(concurrency=1)])

        def watch(event: Event) -> None:
            nonlocal most
            if event.step is Step.SENT and len(server.posts) > 30:
                most = max(most, event.in_flight)

        async with bench(server, tmp_path) as tools:
            watched = replace(tools, watch=watch, wish=lambda: next(wishes, Wish()))
            await execute([cell(number) for number in range(60)], watched, Execution(concurrency=6), Stop())
            return [(change.concurrency, change.reason) for change in tools.ledger.changes()], most

    changes, most = asyncio.run(sweeping())
    assert changes == [(6, "the start"), (1, "at most 1, as asked for")]
    assert most == 1


def test_a_clock_on_the_wall_that_jumps_changes_nothing_but_the_record(tmp_path: Path) -> None:
    time, jumps = Time(), random.Random(3)
    clock = replace(time.clock(), now=lambda: 1e9 + jumps.uniform(-1e8, 1e8))

    async def sweeping() -> tuple[list[State], Stop]:
        stop = Stop()
        async with bench(Server([busy, fault, processing, success]), tmp_path, limits=Limits(wall=3600)) as tools:
            jumping = replace(tools, clock=clock, budget=Budget(Limits(wall=3600), price=None, started=time.seconds))
            await execute([cell(number) for number in range(8)], jumping, Execution(concurrency=2), stop)
            return [standing.state for standing in tools.ledger.standings().values()], stop

    states, stop = asyncio.run(sweeping())
    assert (states, stop.cause) == ([State.MADE] * 8, None)
    assert time.seconds < 1060


# --- limits --------------------------------------------------------------------------------------------------------


def test_a_limit_is_reserved_before_a_send(tmp_path: Path) -> None:
    server = Server([success])
    states, stop = swept(
        server, tmp_path, [cell(number) for number in range(50)], Execution(concurrency=8), limits=Limits(cost=0.05)
    )
    assert (len(server.posts), len(states), stop.cause) == (5, 5, Cause.LIMIT)
    assert stop.reason == "stopped by the limit of 0.05 for cost"


def test_a_refusal_of_the_run_outweighs_the_limit_that_stopped_it_first() -> None:
    stop = Stop()
    for cause in (Cause.LIMIT, Cause.TARGET, Cause.LIMIT, Cause.USER):
        stop.because(cause, f"{cause}")
    assert (stop.cause, stop.reason) == (Cause.TARGET, "target")


def test_a_refusal_that_made_nothing_gives_its_cost_back(tmp_path: Path) -> None:
    server = Server([busy, busy, success])
    states, stop = swept(server, tmp_path, [cell(1)], limits=Limits(cost=0.01))
    assert (states, stop.cause, len(server.posts)) == ({cell(1).digest: State.MADE}, None, 3)


def test_a_run_of_failures_stops_it_and_says_which_limit(tmp_path: Path) -> None:
    server = Server([fault])
    states, stop = swept(
        server,
        tmp_path,
        [cell(number) for number in range(50)],
        Execution(concurrency=1, attempts=1),
        limits=Limits(failures=3),
    )
    assert (len(server.posts), len(states), stop.cause) == (3, 3, Cause.LIMIT)
    assert stop.reason == "stopped by the limit of 3 failures in a row (limits.failures), the last: internal error"


def test_failures_with_a_picture_between_them_are_not_in_a_row(tmp_path: Path) -> None:
    server = Server([fault, success] * 20)
    _, stop = swept(
        server,
        tmp_path,
        [cell(number) for number in range(40)],
        Execution(concurrency=1, attempts=1),
        limits=Limits(failures=15),
    )
    assert (len(server.posts), stop.cause) == (40, None)


def test_refusals_of_cells_are_results_however_many_come_in_a_row(tmp_path: Path) -> None:
    server = Server([bad])
    states, stop = swept(server, tmp_path, [cell(number) for number in range(30)], limits=Limits(failures=3))
    assert (len(server.posts), set(states.values()), stop.cause) == (30, {State.REFUSED}, None)


def test_wall_clock_time_strikes_while_a_cell_waits_for_another_attempt(tmp_path: Path) -> None:
    def later(_: dict[str, object]) -> Response:
        return JSONResponse({"status": "error", "message": "busy", "retry_after": 600}, status_code=503)

    time = Time()
    _, stop = swept(Server([later]), tmp_path, [cell(1)], limits=Limits(wall=60), time=time)
    assert (stop.cause, stop.reason) == (Cause.LIMIT, "stopped by the limit of 60 s of wall-clock time")
    assert time.seconds == 1060.0


def test_wall_clock_time_strikes_while_the_rate_has_a_run_wait(tmp_path: Path) -> None:
    time, execution = Time(), Execution(concurrency=4, rate=1 / 3600)
    server = Server([success])
    _, stop = swept(server, tmp_path, [cell(1), cell(2)], execution, limits=Limits(wall=60), time=time)
    assert (stop.reason, time.seconds, len(server.posts)) == (
        "stopped by the limit of 60 s of wall-clock time",
        1060.0,
        1,
    )
