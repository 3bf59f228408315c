"""After a stop, by a user, a limit or a full disk: what is in flight is finished, or left to the next start, and not lost."""

import asyncio
import errno
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from scripted import FULL_PAGES, Server, Time, bench, cell, processing, success, swept
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from runner.errors import ImageError, RunFolderError
from runner.execute import Bench, Cause, Event, Step, Stop, execute
from runner.execute.grace import AFTER_STOP
from runner.execute.sweeping import DELIVERING
from runner.ledger import Ledger
from runner.nouns import Execution, Limits, Picture, State, Wish
from runner.vault import Vault


def test_what_is_in_flight_when_the_user_stops_is_finished(tmp_path: Path) -> None:
    async def sweeping() -> tuple[int, int]:
        server, stop = Server([success]), Stop()

        def interrupt(event: Event) -> None:
            if event.step is Step.SENT:
                stop.because(Cause.USER, "interrupted")

        async with bench(server, tmp_path) as tools:
            watched = Bench(
                client=tools.client,
                ledger=tools.ledger,
                vault=tools.vault,
                budget=tools.budget,
                clock=tools.clock,
                watch=interrupt,
            )
            await execute([cell(number) for number in range(9)], watched, Execution(concurrency=1), stop)
            states = [standing.state for standing in tools.ledger.standings().values()]
            return len(server.posts), states.count(State.MADE)

    assert asyncio.run(sweeping()) == (1, 1)


class Endless(Server):
    """Accepts everything, stops the run at the first fetch, and is still making it then."""

    stop: Stop
    cause = Cause.USER

    async def fetch(self, asked: HttpRequest) -> Response:
        self.fetches += 1
        self.stop.because(self.cause, "stopped")
        return processing({"seed": (await asked.json())["request_id"]})


@pytest.mark.parametrize("cause", [Cause.USER, Cause.LIMIT])
def test_what_is_still_being_made_minutes_after_a_stop_is_left_open_and_the_next_start_fetches_it(
    tmp_path: Path, cause: Cause
) -> None:
    server, time, events = Endless([processing]), Time(), []
    server.stop, server.cause = Stop(), cause

    async def sweeping() -> tuple[float, list[str | None], Cause | None]:
        async with asyncio.timeout(20), bench(server, tmp_path, time=time) as tools:
            watched = replace(tools, watch=events.append)
            await execute([cell(1), cell(2)], watched, Execution(concurrency=2), server.stop)
            left = [attempt.queued and attempt.queued.remote_id for attempt in tools.ledger.open_attempts()]
            return time.seconds - 1000, left, server.stop.cause

    seconds, left, stopped = asyncio.run(sweeping())
    assert (sorted(map(str, left)), stopped) == (["1", "2"], cause)
    assert AFTER_STOP <= seconds < 2 * AFTER_STOP
    assert [event.step for event in events][-2:] == [Step.LEFT, Step.LEFT]


def test_what_is_still_being_made_after_an_hour_is_unknown(tmp_path: Path) -> None:
    class Slow(Server):
        async def fetch(self, asked: HttpRequest) -> Response:
            return processing({"seed": (await asked.json())["request_id"]})

    time = Time()
    states, stop = swept(Slow([processing]), tmp_path, [cell(1)], time=time)

    assert (states, stop.cause) == ({cell(1).digest: State.UNKNOWN}, None)
    assert 3600 <= time.seconds - 1000 < 3700
    with Ledger(tmp_path / "ledger.sqlite", readonly=True) as ledger:
        reason = ledger.standing(cell(1).digest).reason
    assert reason == "accepted as 1, and not ready when the time to wait was over"


def test_the_minutes_after_a_stop_are_counted_from_the_stop_and_not_from_a_later_answer(tmp_path: Path) -> None:
    time, stop = Time(), Stop()

    class Late(Server):
        async def generate(self, asked: HttpRequest) -> Response:
            stop.because(Cause.USER, "interrupted")
            time.seconds += 200  # the answer takes that long
            return processing(await asked.json())

        async def fetch(self, asked: HttpRequest) -> Response:
            return processing({"seed": (await asked.json())["request_id"]})

    async def sweeping() -> int:
        async with bench(Late([]), tmp_path, time=time) as tools:
            await execute([cell(1)], tools, Execution(), stop)
            return len(tools.ledger.open_attempts())

    assert asyncio.run(sweeping()) == 1
    assert AFTER_STOP <= time.seconds - 1000 < AFTER_STOP + 200


class UntilThen(Server):
    """Accepts everything, and has made it at some moment."""

    time: Time
    ready = float("inf")

    async def fetch(self, asked: HttpRequest) -> Response:
        if self.time.seconds >= self.ready:
            return await super().fetch(asked)
        return processing({"seed": (await asked.json())["request_id"]})


@pytest.mark.parametrize(
    ("cells", "ready", "states", "reason"),
    [
        (3, float("inf"), [State.PENDING], "stopped by the limit of 60 s of wall-clock time"),
        (1, float("inf"), [State.PENDING], "stopped by the limit of 60 s of wall-clock time"),
        (3, 1070.0, [State.MADE], "stopped by the limit of 60 s of wall-clock time"),
        (1, 1070.0, [State.MADE], ""),
    ],
)
def test_wall_clock_time_strikes_while_all_that_is_allowed_is_in_flight(
    tmp_path: Path, cells: int, ready: float, states: list[State], reason: str
) -> None:
    server, time, stop = UntilThen([processing]), Time(), Stop()
    server.time, server.ready = time, ready

    async def sleep(seconds: float) -> None:
        """What the client waits between two fetches is what makes time pass."""
        over = time.seconds + seconds
        while time.seconds < over:  # noqa: ASYNC110  # this clock moves without an event
            await asyncio.sleep(0)

    async def sweeping() -> list[State]:
        async with bench(server, tmp_path, limits=Limits(wall=60), time=time) as tools:
            listening = replace(tools, wish=Wish, clock=replace(tools.clock, sleep=sleep))
            await execute([cell(number) for number in range(cells)], listening, Execution(concurrency=1), stop)
            return [standing.state for standing in tools.ledger.standings().values()]

    assert (asyncio.run(sweeping()), stop.reason) == (states, reason)
    assert time.seconds < 1060 + 2 * AFTER_STOP


def test_from_a_server_in_this_process_no_more_is_on_its_way_than_may_be_in_flight(tmp_path: Path) -> None:
    """What a crash interrupts there is made again."""
    most, under_way = 0, 0

    def watch(event: Event) -> None:
        nonlocal most, under_way
        under_way += {Step.SENT: 1, Step.FINISHED: -1}.get(event.step, 0)
        most = max(most, under_way)

    async def sweeping() -> None:
        async with bench(Server([success]), tmp_path) as tools:
            inside = replace(tools, in_process=True, watch=watch)
            await execute([cell(number) for number in range(40)], inside, Execution(concurrency=3), Stop())

    asyncio.run(sweeping())
    assert most == 3


def test_a_disk_that_is_full_ends_the_run_in_words_and_leaves_what_was_sent_to_the_next(tmp_path: Path) -> None:
    async def sweeping() -> list[int]:
        async with bench(Server([success]), tmp_path) as tools:
            tools.ledger._db.execute(f"PRAGMA max_page_count = {FULL_PAGES}")
            with pytest.raises(RunFolderError, match=r"ledger\.sqlite: database or disk is full"):
                await execute([cell(number) for number in range(500)], tools, Execution(concurrency=4), Stop())
            return [attempt.id for attempt in tools.ledger.open_attempts()]

    assert len(asyncio.run(sweeping())) <= 4 + 4 + DELIVERING


def test_what_is_in_flight_when_the_disk_is_full_is_answered_and_known_by_its_name_and_not_cut_off(
    tmp_path: Path,
) -> None:
    full = asyncio.Event()

    class FullDisk(Vault):
        def put_all(self, images: Iterable[bytes]) -> list[Picture | ImageError]:
            loops[0].call_soon_threadsafe(full.set)
            raise OSError(errno.ENOSPC, f"No space left on device for {len(list(images))}")

    class Slower(Server):
        async def generate(self, asked: HttpRequest) -> Response:
            body = await asked.json()
            self.posts.append(body)
            if body["seed"] == 1:
                return success(body)
            await full.wait()
            for _ in range(100):  # while the others learn of it
                await asyncio.sleep(0)
            return processing(body)

    async def sweeping() -> list[str | None]:
        loops.append(asyncio.get_running_loop())
        async with bench(server, tmp_path) as tools:
            broken = replace(tools, vault=FullDisk(tmp_path))
            with pytest.raises(OSError, match="No space left"):
                await execute([cell(number) for number in range(1, 9)], broken, Execution(concurrency=3), Stop())
            return [attempt.queued and attempt.queued.remote_id for attempt in tools.ledger.open_attempts()]

    loops: list[asyncio.AbstractEventLoop] = []
    server = Slower([])
    names = asyncio.run(sweeping())
    assert sorted(map(str, names)) == sorted(str(post["seed"]) for post in server.posts)
    assert (len(server.posts) < 8, server.fetches) == (True, 0), "nothing else is sent, and nothing is waited for"
