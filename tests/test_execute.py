"""Never lose, never pay twice: what workers do with each kind of answer, and what a crash leaves behind."""

import asyncio
import errno
import random
import struct
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from scripted import (
    FULL_PAGES,
    Server,
    Time,
    bad,
    bench,
    busy,
    cell,
    empty,
    gateway,
    no_credit,
    png,
    processing,
    success,
    swept,
)
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from runner.client import Client
from runner.errors import ImageError, RunFolderError
from runner.execute import Bench, Cause, Event, Step, Stop, execute
from runner.execute.grace import AFTER_STOP
from runner.execute.sweeping import DELIVERING, WISH_SECONDS
from runner.ledger import Ledger
from runner.nouns import Execution, Limits, Picture, Spent, State, Wish
from runner.pace import Budget
from runner.vault import Vault


def test_an_immediate_answer_and_a_queued_one_both_end_as_images_in_the_vault(tmp_path: Path) -> None:
    server = Server([success, processing])
    states, stop = swept(server, tmp_path, [cell(1), cell(2)])
    assert states == {cell(1).digest: State.MADE, cell(2).digest: State.MADE}
    assert (len(server.posts), server.fetches, server.downloads, stop.cause) == (2, 1, 2, None)
    assert [path.read_bytes() for path in (tmp_path / "images").rglob("*.png")] == [png(7)]


def test_a_busy_target_is_asked_again_when_it_says(tmp_path: Path) -> None:
    time = Time()
    states, _ = swept(Server([busy, busy, success]), tmp_path, [cell(1)], time=time)
    assert states == {cell(1).digest: State.MADE}
    assert time.slept == [pytest.approx(3.15, abs=0.15), pytest.approx(3.15, abs=0.15)]


def test_attempts_of_one_means_one(tmp_path: Path) -> None:
    server = Server([busy])
    states, _ = swept(server, tmp_path, [cell(1)], Execution(attempts=1))
    assert (states, len(server.posts)) == ({cell(1).digest: State.FAILED}, 1)


def test_a_refusal_of_this_cell_is_an_outcome_and_the_others_go_on(tmp_path: Path) -> None:
    server = Server([bad, success])
    states, stop = swept(server, tmp_path, [cell(1), cell(2)], Execution(concurrency=1))
    assert states == {cell(1).digest: State.REFUSED, cell(2).digest: State.MADE}
    assert (len(server.posts), stop.cause) == (2, None)


def test_a_content_refusal_in_a_200_is_a_result_and_not_tried_again(tmp_path: Path) -> None:
    server = Server([empty])
    states, _ = swept(server, tmp_path, [cell(1)])
    assert (states, len(server.posts)) == ({cell(1).digest: State.REFUSED}, 1)


def test_a_refusal_of_the_run_stops_it_at_once(tmp_path: Path) -> None:
    server = Server([no_credit])
    _, stop = swept(server, tmp_path, [cell(number) for number in range(50)], Execution(concurrency=1))
    assert (stop.cause, stop.reason, len(server.posts)) == (Cause.TARGET, "not enough credits", 1)


def test_an_answer_that_may_hide_a_paid_picture_is_unknown_and_never_sent_again(tmp_path: Path) -> None:
    server = Server([gateway])
    states, _ = swept(server, tmp_path, [cell(1)])
    again, _ = swept(server, tmp_path, [])
    assert (states, again) == ({cell(1).digest: State.UNKNOWN}, {cell(1).digest: State.UNKNOWN})
    assert len(server.posts) == 1


def test_a_broken_image_is_downloaded_again_and_never_bought_again(tmp_path: Path) -> None:
    server = Server([success], images={"1.png": png(7)[:60]})
    states, _ = swept(server, tmp_path, [cell(1)])
    assert (states, len(server.posts), server.downloads) == ({cell(1).digest: State.FAILED}, 1, 3)
    assert not (tmp_path / "images").exists()


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


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"nsfw_content_detected": True}, {"seed": 1, "nsfw_content_detected": True}),
        ({"nsfw_content_detected": [False, True]}, {"seed": 1, "nsfw_content_detected": True}),
        ({"nsfw_content_detected": False}, {"seed": 1, "nsfw_content_detected": False}),
        ({"nsfw_content_detected": None}, {"seed": 1}),
        (
            {"nsfw_content_detected": True, "meta": {"nsfw_content_detected": "own words"}},
            {"nsfw_content_detected": "own words"},
        ),
    ],
)
def test_whether_a_picture_was_hidden_is_kept_with_the_answer(
    tmp_path: Path, said: dict[str, object], answer: dict[str, object]
) -> None:
    payload = {"status": "success", "id": 1, "output": ["http://target/images/1.png"], "meta": {"seed": 1}}
    swept(Server([lambda _: JSONResponse(payload | said)]), tmp_path, [cell(1)])

    with Ledger(tmp_path / "ledger.sqlite", readonly=True) as ledger:
        assert ledger.standing(cell(1).digest).answer == answer


@pytest.mark.parametrize(
    ("said", "seed"),
    [("77", 77), (77, 77), ("\u00b2", None), ("7" * 5000, None), (True, None), ([7], None), (2**70, None)],
)
def test_whatever_a_server_calls_a_seed_the_picture_is_made(tmp_path: Path, said: object, seed: int | None) -> None:
    payload = {"status": "success", "id": 1, "output": ["http://target/images/1.png"], "meta": {"seed": said}}
    states, _ = swept(Server([lambda _: JSONResponse(payload)]), tmp_path, [cell(1)])

    assert states == {cell(1).digest: State.MADE}
    with Ledger(tmp_path / "ledger.sqlite", readonly=True) as ledger:
        assert ledger.standing(cell(1).digest).seed == seed


def test_a_small_file_of_absurd_size_is_refused_and_not_decoded(tmp_path: Path) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    states, _ = swept(Server([success], images={"1.png": bomb + png(7)[33:]}), tmp_path, [cell(1)])

    assert states == {cell(1).digest: State.FAILED}
    with Ledger(tmp_path / "ledger.sqlite", readonly=True) as ledger:
        reason = ledger.standing(cell(1).digest).reason
    assert reason.startswith("the target's image is broken: ")


# --- nobody there ---------------------------------------------------------------------------------------------------


def unreachable(tools: Bench) -> Bench:
    def refuse(post: httpx.Request) -> Response:
        raise httpx.ConnectError("refused", request=post)

    http = httpx.AsyncClient(transport=httpx.MockTransport(refuse), base_url="http://nobody/api")  # type: ignore[arg-type]  # it answers nothing
    return replace(tools, client=Client(http, load=tools.vault.load_input, clock=tools.clock))


def test_a_target_that_cannot_be_reached_stops_the_run_as_one_that_refuses_it_and_nothing_counts_as_sent(
    tmp_path: Path,
) -> None:
    async def sweeping() -> tuple[Stop, int, int, Spent]:
        stop, limits = Stop(), Limits(requests=30, failures=3)
        async with bench(Server([success]), tmp_path, limits=limits) as tools:
            nobody = unreachable(tools)
            await execute([cell(number) for number in range(50)], nobody, Execution(concurrency=1, attempts=2), stop)
            return stop, tools.budget.requests, tools.budget.images, tools.ledger.spent()

    stop, requests, images, spent = asyncio.run(sweeping())
    assert stop.cause is Cause.TARGET
    assert stop.reason == "nothing was sent to http://nobody/api: ConnectError: refused, 3 cells in a row"
    assert (requests, images, spent) == (0, 0, Spent())


# --- after a stop ------------------------------------------------------------------------------------------------


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


# --- pace, limits, wishes ------------------------------------------------------------------------------------------


def fault(_: dict[str, object]) -> Response:
    return JSONResponse({"status": "error", "message": "internal error"}, status_code=500)


def tomorrow(_: dict[str, object]) -> Response:
    return JSONResponse(
        {"status": "error", "message": "too many requests a day", "retry_after": 43_200}, status_code=429
    )


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


def test_each_attempt_has_a_name_of_its_own_that_is_on_disk_before_it_is_sent(tmp_path: Path) -> None:
    names: list[tuple[object, list[str]]] = []

    def reading(body: dict[str, object]) -> Response:
        with Ledger(tmp_path / "ledger.sqlite", readonly=True) as ledger:
            names.append((body["track_id"], [attempt.track_id for attempt in ledger.open_attempts()]))
        return success(body)

    swept(Server([reading]), tmp_path, [cell(1), cell(2)], Execution(concurrency=1))
    assert [sent in kept for sent, kept in names] == [True, True]
    assert len({sent for sent, _ in names}) == 2


def test_a_name_that_the_experiment_gives_is_left_alone(tmp_path: Path) -> None:
    server = Server([success])
    own = replace(
        cell(1), request=replace(cell(1).request, parameters={**cell(1).request.parameters, "track_id": "mine"})
    )
    swept(server, tmp_path, [own])
    assert [post["track_id"] for post in server.posts] == ["mine"]


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
