"""What an earlier start left open is closed, and what ended without its pictures is asked for once more."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from scripted import Server, Time, bench, cell, gateway, no_credit, processing, success, swept
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runner import wire
from runner.execute import FIRST_LOOK, Bench, Cause, Event, Step, Stop, ask_again, fetch_again, settle
from runner.execute.settling import KEPT_OPEN, SHORTEST_PATIENCE
from runner.nouns import Execution, Failed, Queued, Spent, State, Unknown


def test_what_was_accepted_before_a_crash_is_fetched_and_not_bought(tmp_path: Path) -> None:
    server = Server([success])

    async def crash_then_settle() -> State:
        async with bench(server, tmp_path) as tools:
            attempt = tools.ledger.begin(cell(5), now=1.0)
            tools.ledger.accept(attempt, Queued(remote_id="5"))
        async with bench(server, tmp_path) as tools:
            await settle(tools.ledger.open_attempts(), tools)
            return tools.ledger.standing(cell(5).digest).state

    assert asyncio.run(crash_then_settle()) is State.MADE
    assert (len(server.posts), server.fetches) == (0, 1)


def test_a_key_that_is_refused_half_way_stops_the_run_and_leaves_what_was_accepted_to_the_next(tmp_path: Path) -> None:
    class Forgetful(Server):
        key_is_known = False

        async def fetch(self, asked: HttpRequest) -> Response:
            return await super().fetch(asked) if self.key_is_known else no_credit({})

    server = Forgetful([processing])
    states, stop = swept(server, tmp_path, [cell(number) for number in range(20)], Execution(concurrency=2))
    assert (set(states.values()), len(server.posts)) == ({State.PENDING}, 2)
    assert (stop.cause, stop.reason) == (
        Cause.TARGET,
        "accepted as 0, and not given out now: not enough credits; the next run asks for it again",
    )

    async def settled() -> tuple[str, int, set[State]]:
        async with bench(server, tmp_path) as tools:
            kept = await settle(tools.ledger.open_attempts(), tools)
            still_open = len(tools.ledger.open_attempts())
            server.key_is_known = True
            await settle(tools.ledger.open_attempts(), tools)
            return kept, still_open, {standing.state for standing in tools.ledger.standings().values()}

    assert asyncio.run(settled()) == (stop.reason, 2, {State.MADE})
    assert len(server.posts) == 2


def test_a_stop_while_unknown_outcomes_are_asked_about_once_more_ends_that_at_once(tmp_path: Path) -> None:
    stop = Stop()

    class Endless(Server):
        def app(self) -> Starlette:
            return Starlette(routes=[Route("/api/{route:path}", self.say, methods=["POST"])])

        async def say(self, asked: HttpRequest) -> Response:
            self.fetches += 1
            if self.fetches == 2:
                stop.because(Cause.USER, "interrupted")
            said = await asked.json()
            return JSONResponse({"status": "processing", "id": 5, "track_id": said.get("track_id"), "output": []})

    server = Endless([processing])

    async def asked() -> int:
        async with bench(server, tmp_path) as tools:
            attempt = tools.ledger.begin(cell(5), now=1000.0, track_id="track-5")
            tools.ledger.finish(attempt, Unknown(message="lost"), now=1000.0)
            await ask_again(tools.ledger.unanswered(), tools, stop)
            return len(tools.ledger.open_attempts())

    assert (asyncio.run(asked()), server.fetches) == (1, 2)


class Asked(Server):
    """Says what became of requests that it is asked about, by their `track_id`, and that it is still making the others."""

    known: Mapping[str, dict[str, object]] = {}

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/api/{route:path}", self.say, methods=["POST"])])

    async def say(self, asked: HttpRequest) -> Response:
        self.fetches += 1
        said = await asked.json()
        if asked.url.path.endswith(wire.FIND):
            answer = self.known.get(said["track_id"])
            return JSONResponse({"track_id": said["track_id"], **answer} if answer else {"detail": "Not Found"})
        return processing({"seed": said["request_id"]})


def lost(tools: Bench, number: int, *, begun: float, track_id: str = "", remote_id: str = "") -> None:
    attempt = tools.ledger.begin(cell(number), now=begun, track_id=track_id)
    if remote_id:
        tools.ledger.accept(attempt, Queued(remote_id=remote_id))
    tools.ledger.finish(attempt, Unknown(message="lost"), now=begun)


def test_unknown_requests_that_are_still_being_made_hold_up_a_start_for_one_first_look_and_stay_open(
    tmp_path: Path,
) -> None:
    time, server = Time(), Asked([])
    server.known = {f"track-{number}": {"status": "processing", "id": number} for number in range(5)}

    async def asked() -> list[tuple[str, float]]:
        async with bench(server, tmp_path, time=time) as tools:
            for number in range(5):
                lost(tools, number, begun=900.0 + number, track_id=f"track-{number}")
            await ask_again(tools.ledger.unanswered(), tools, Stop())
            left = tools.ledger.open_attempts()
            return [(attempt.queued.remote_id, attempt.begun) for attempt in left if attempt.queued]

    found = asyncio.run(asked())
    assert found == [("4", 904.0), ("3", 903.0), ("2", 902.0), ("1", 901.0), ("0", 900.0)], "as old as when it was sent"
    assert time.seconds - 1000 < FIRST_LOOK + 8


def test_a_request_that_seems_to_be_sent_in_the_future_does_not_keep_earlier_ones_from_being_asked_about(
    tmp_path: Path,
) -> None:
    server = Asked([])
    server.known = {"early": {"status": "failed", "message": "no LoRA 'x'", "id": 1}}

    async def asked() -> dict[str, State]:
        async with bench(server, tmp_path) as tools:
            lost(tools, 1, begun=999.0, track_id="early")
            lost(tools, 2, begun=5000.0, track_id="late")
            await ask_again(tools.ledger.unanswered(), tools, Stop())
            return {digest: standing.state for digest, standing in tools.ledger.standings().items()}

    assert asyncio.run(asked()) == {cell(1).digest: State.REFUSED, cell(2).digest: State.UNKNOWN}


def test_an_unknown_request_with_the_servers_name_alone_is_fetched_before_it_is_bought_again(tmp_path: Path) -> None:
    server = Server([success])

    async def asked() -> tuple[State, Spent]:
        async with bench(server, tmp_path) as tools:
            lost(tools, 5, begun=900.0, remote_id="5")
            await ask_again(tools.ledger.unanswered(), tools, Stop())
            return tools.ledger.standing(cell(5).digest).state, tools.ledger.spent()

    assert asyncio.run(asked()) == (State.MADE, Spent(requests=1, images=1))
    assert (len(server.posts), server.fetches) == (0, 1)


def test_what_cannot_be_asked_about_now_stays_open_and_is_not_unknown(tmp_path: Path) -> None:
    class Away(Server):
        def app(self) -> Starlette:
            return Starlette(routes=[Route("/api/{route:path}", lambda _: gateway({}), methods=["POST"])])

    async def settled() -> tuple[str, State]:
        async with bench(Away([gateway]), tmp_path) as tools:
            tools.ledger.begin(cell(5), now=1000.0, track_id="track-5")
            kept = await settle(tools.ledger.open_attempts(), tools)
            return kept, tools.ledger.standing(cell(5).digest).state

    kept, state = asyncio.run(settled())
    assert state is State.PENDING
    assert kept.startswith("sent, and the target does not say now what became of it: HTTP 502 Bad Gateway")


def test_what_is_kept_back_for_a_day_is_unknown(tmp_path: Path) -> None:
    server, time = Server([processing]), Time()

    async def settled() -> list[State]:
        async with bench(server, tmp_path, time=time) as tools:
            attempt = tools.ledger.begin(cell(5), now=time.read())
            tools.ledger.accept(attempt, Queued(remote_id="not a number, so that a fetch fails"))
            found = []
            for age in (KEPT_OPEN - SHORTEST_PATIENCE, 2 * SHORTEST_PATIENCE):
                time.seconds += age
                await settle(tools.ledger.open_attempts(), tools)
                found.append(tools.ledger.standing(cell(5).digest).state)
            return found

    assert asyncio.run(settled()) == [State.PENDING, State.UNKNOWN]


def test_a_stop_while_an_earlier_start_is_settled_ends_that_at_once_and_leaves_it_open(tmp_path: Path) -> None:
    class Endless(Server):
        stop: Stop

        async def fetch(self, asked: HttpRequest) -> Response:
            self.stop.because(Cause.USER, "interrupted")
            return processing({"seed": (await asked.json())["request_id"]})

    server = Endless([processing])
    server.stop = Stop()

    async def settled() -> int:
        async with bench(server, tmp_path) as tools:
            for number in range(3):
                tools.ledger.accept(tools.ledger.begin(cell(number), now=1000.0), Queued(remote_id=f"{number}"))
            await settle(tools.ledger.open_attempts(), tools, stop=server.stop)
            return len(tools.ledger.open_attempts())

    assert asyncio.run(settled()) == 3


@pytest.mark.parametrize(("in_process", "state"), [(False, State.UNKNOWN), (True, State.PENDING)])
def test_what_was_sent_before_a_crash_is_unknown_unless_the_server_crashed_along(
    in_process: bool, state: State, tmp_path: Path
) -> None:
    async def crash_then_settle() -> State:
        async with bench(Server([success]), tmp_path) as tools:
            tools.ledger.begin(cell(5), now=1.0)
            await settle(tools.ledger.open_attempts(), replace(tools, in_process=in_process))
            return tools.ledger.standing(cell(5).digest).state

    assert asyncio.run(crash_then_settle()) is state


# --- a first look ---------------------------------------------------------------------------------------------------


class Slow(Server):
    """Is still making what it accepted."""

    async def fetch(self, asked: HttpRequest) -> Response:
        self.fetches += 1
        return processing({"seed": (await asked.json())["request_id"]})


def test_a_first_look_leaves_open_what_is_still_being_made_however_much_there_is(tmp_path: Path) -> None:
    time, events, server = Time(), list[Event](), Slow([processing])

    async def settled() -> tuple[str, int]:
        async with bench(server, tmp_path, time=time) as tools:
            for number in range(50):
                tools.ledger.accept(tools.ledger.begin(cell(number), now=1000.0), Queued(remote_id=f"{number}"))
            watched = replace(tools, watch=events.append)
            kept = await settle(tools.ledger.open_attempts(), watched, patience=FIRST_LOOK)
            return kept, len(tools.ledger.open_attempts())

    assert asyncio.run(settled()) == ("", 50)
    assert FIRST_LOOK <= time.seconds - 1000 < FIRST_LOOK + 8
    assert [(event.step, event.reason) for event in events] == [(Step.SETTLING, "50 that an earlier start left open")]
    assert server.fetches >= 50, "each is asked about once at least"


def test_what_is_settled_costs_what_came_of_it_and_no_longer_what_was_reserved(tmp_path: Path) -> None:
    async def settled() -> tuple[int, int]:
        async with bench(Server([success]), tmp_path) as tools:
            tools.ledger.begin(cell(1), now=1000.0)
            tools.budget.reserve(1, elapsed=1000.0)
            reserved = tools.budget.images
            await settle(tools.ledger.open_attempts(), replace(tools, in_process=True))
            return reserved, tools.budget.images

    assert asyncio.run(settled()) == (1, 0)


# --- made, and not arrived -------------------------------------------------------------------------------------------


class Lossy(Server):
    """Makes pictures whose files are broken until it is mended."""

    mended = False

    async def image(self, asked: HttpRequest) -> Response:
        self.downloads += 1
        return await super().image(asked) if self.mended else Response(b"<html>", media_type="image/png")


def failed(server: Server, run: Path, *numbers: int) -> None:
    states, _ = swept(server, run, [cell(number) for number in numbers])
    assert set(states.values()) == {State.FAILED}


def fetched_again(server: Server, run: Path) -> tuple[dict[str, str], list[State], list[int], Spent]:
    async def again() -> tuple[dict[str, str], list[State], list[int], Spent]:
        async with bench(server, run) as tools:
            kept = await fetch_again(tools.ledger.unfetched(), tools, Stop())
            standings = [standing for _, standing in sorted(tools.ledger.standings().items())]
            states, attempts = [one.state for one in standings], [one.attempts for one in standings]
            return dict(kept), states, attempts, tools.ledger.spent()

    return asyncio.run(again())


def test_a_picture_that_was_made_and_did_not_arrive_is_fetched_and_not_bought(tmp_path: Path) -> None:
    server = Lossy([success])
    failed(server, tmp_path, *range(20))
    server.mended = True

    kept, states, attempts, spent = fetched_again(server, tmp_path)

    assert (kept, set(states), set(attempts), len(server.posts)) == ({}, {State.MADE}, {2}, 20)
    assert spent == Spent(requests=20, images=20), "it was paid for once"


def test_a_picture_that_does_not_arrive_again_leaves_its_cell_as_it_was(tmp_path: Path) -> None:
    server = Lossy([success])
    failed(server, tmp_path, 1)
    assert fetched_again(server, tmp_path) == ({}, [State.FAILED], [1], Spent(requests=1, images=1))
    assert fetched_again(server, tmp_path) == ({}, [State.FAILED], [1], Spent(requests=1, images=1))


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_picture_whose_host_is_down_is_not_bought_meanwhile(tmp_path: Path, status: int) -> None:
    class Down(Lossy):
        async def image(self, asked: HttpRequest) -> Response:
            return await super().image(asked) if self.mended else Response("no", status_code=status)

    server = Down([success])
    failed(server, tmp_path, 1)
    kept, states, *_ = fetched_again(server, tmp_path)
    (said,) = kept.values()
    assert re.fullmatch(rf"http://\S+: HTTP {status} [\w ]+; the next retry asks for it again", said)
    assert (list(kept), states) == ([cell(1).digest], [State.FAILED])

    server.mended = True
    assert fetched_again(server, tmp_path) == ({}, [State.MADE], [2], Spent(requests=1, images=1))


def test_a_picture_that_is_gone_is_for_the_retry_to_buy(tmp_path: Path) -> None:
    class Gone(Lossy):
        async def image(self, asked: HttpRequest) -> Response:  # noqa: ARG002 - the route's own signature
            return Response("no", status_code=410)

    server = Gone([success])
    failed(server, tmp_path, 1)
    assert fetched_again(server, tmp_path)[:2] == ({}, [State.FAILED])


def test_what_the_target_keeps_back_now_is_named_and_stays_as_it_was(tmp_path: Path) -> None:
    class Keeps(Lossy):
        answer = staticmethod(no_credit)

        async def fetch(self, asked: HttpRequest) -> Response:
            return self.answer(await asked.json() | {"seed": 1})

    server = Keeps([success])
    failed(server, tmp_path, 1)
    kept, states, *_ = fetched_again(server, tmp_path)
    said = "accepted as 1, and not given out now: not enough credits; the next retry asks for it again"
    assert (kept, states) == ({cell(1).digest: said}, [State.FAILED])

    server.answer = processing  # type: ignore[method-assign]  # it says something else by now
    kept, states, *_ = fetched_again(server, tmp_path)
    said = "accepted as 1, and still being made; the next retry asks for it again"
    assert (kept, states) == ({cell(1).digest: said}, [State.FAILED])


def test_only_the_last_attempt_of_a_cell_that_is_not_made_is_fetched_again(tmp_path: Path) -> None:
    async def known() -> list[str]:
        async with bench(Server([success]), tmp_path) as tools:
            for number, attempts in ((1, 2), (2, 1)):
                for attempt in range(attempts):
                    begun = tools.ledger.begin(cell(number), now=1.0)
                    tools.ledger.accept(begun, Queued(remote_id=f"{number}-{attempt}"))
                    tools.ledger.finish(begun, Failed(message="broken"), now=2.0)
            tools.ledger.finish(tools.ledger.begin(cell(3), now=1.0), Failed(message="without a name"), now=2.0)
            return [attempt.queued.remote_id for attempt in tools.ledger.unfetched() if attempt.queued]

    assert asyncio.run(known()) == ["1-1", "2-0"]
