"""Never lose, never pay twice: what workers do with each kind of answer."""

import asyncio
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from scripted import Server, Time, bad, bench, busy, cell, empty, gateway, no_credit, png, processing, success, swept
from starlette.responses import JSONResponse, Response

from runner.client import Client
from runner.execute import Bench, Cause, Stop, execute
from runner.ledger import Ledger
from runner.nouns import Execution, Limits, Spent, State


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


# --- names ---------------------------------------------------------------------------------------------------------


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


# --- nobody there --------------------------------------------------------------------------------------------------


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
