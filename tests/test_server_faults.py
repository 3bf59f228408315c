"""A server that lies on purpose: what it answers, or does not, as a socket hears it and as our client takes it."""

import asyncio
import io
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from lies import Scene, both, instantly, stage, told
from PIL import Image

from runner.nouns import Concern, Refused, Reply, Unknown
from runner.pace import Clock
from runner.server import Settings
from runner.server.faults.lying import PIECES
from tests.contracts.server import BODY, Recorder
from tests.talking import in_process

lying = pytest.fixture(stage)


# --- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "status", "said", "header"),
    [
        ("{kind: refuse, retry_after: 2.5}", 429, {"retry_after": 2.5}, None),
        ("{kind: refuse, retry_after: 2, hint: header}", 429, {}, "2"),
        ("{kind: refuse}", 429, {}, None),
        ("{kind: refuse, status: 503, message: back soon}", 503, {"message": "back soon"}, None),
    ],
)
def test_a_refusal_is_in_the_contracts_words_with_its_hint_where_the_file_says(
    lying: Callable[..., Any], listed: str, status: int, said: dict[str, Any], header: str | None
) -> None:
    answer, account = lying(listed, lambda scene: both(scene.make(), scene))

    message = {429: "You have reached the limit of queued requests; try again later"}.get(status, "")
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, header)
    assert answer.json() == {"status": "error", "message": message} | said
    assert (account["requests_made"], account["faults"][0]["struck"]) == (0, 1)


def test_a_hint_can_be_an_http_date(lying: Callable[..., Any]) -> None:
    clock = Clock(now=lambda: 1_700_000_000.0)
    answer = lying("{kind: refuse, retry_after: 60, hint: date}", lambda scene: scene.make(), clock=clock)

    assert parsedate_to_datetime(answer.headers["retry-after"]).timestamp() == 1_700_000_060


@pytest.mark.parametrize(
    ("status", "concern"),
    [
        *((status, Concern.CELL) for status in (400,)),
        *((status, Concern.RUN) for status in (401, 402, 403)),
        *((status, Concern.LATER) for status in (408, 429, 500, 503)),
    ],
)
def test_a_refusal_concerns_what_its_status_means(lying: Callable[..., Any], status: int, concern: Concern) -> None:
    reply = lying(f"{{kind: refuse, status: {status}}}", lambda scene: scene.send())

    assert isinstance(reply, Refused)
    assert (reply.concern, reply.status) == (concern, status)


def test_a_key_that_is_refused_from_a_certain_request_on_stays_refused(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> list[int]:
        return [(await scene.make(seed=seed)).status_code for seed in range(5)]

    assert lying("{kind: refuse, status: 401, after: 3}", say) == [200, 200, 200, 401, 401]


def test_a_full_queue_refuses_while_so_many_are_under_way_and_no_longer(lying: Callable[..., Any]) -> None:
    engine = Recorder(gate=threading.Event())

    async def say(scene: Scene) -> list[int]:
        first = asyncio.ensure_future(scene.make(seed=1))
        assert await asyncio.to_thread(engine.begun.wait, 10)
        second = (await scene.make(seed=2)).status_code
        engine.gate.set()  # type: ignore[union-attr]  # it has one
        return [(await first).status_code, second, (await scene.make(seed=3)).status_code]

    assert lying("{kind: queue_full, limit: 1}", say, engine=engine) == [200, 429, 200]


def test_a_request_that_a_delay_holds_up_is_under_way_and_one_that_is_turned_away_is_not(
    lying: Callable[..., Any],
) -> None:
    held, go = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds:
            held.set()
            await go.wait()

    async def say(scene: Scene) -> list[int]:
        first = asyncio.ensure_future(scene.make(seed=1))
        await held.wait()
        held.clear()
        second = asyncio.ensure_future(scene.make(seed=2))
        await held.wait()
        go.set()
        return [(await first).status_code, (await second).status_code, (await scene.make(seed=3)).status_code]

    listed = "{kind: delay, seconds: 1}\n  - {kind: queue_full, limit: 1}"
    assert lying(listed, say, clock=Clock(sleep=sleep)) == [200, 429, 200]


def test_what_was_answered_with_processing_counts_as_under_way_until_it_is_made(lying: Callable[..., Any]) -> None:
    engine = Recorder(gate=threading.Event())

    async def say(scene: Scene) -> list[Any]:
        first = (await scene.make(seed=1)).json()["status"]
        second = (await scene.make(seed=2)).status_code
        engine.gate.set()  # type: ignore[union-attr]  # it has one
        while not (await scene.account())["requests_made"]:
            pass
        return [first, second, (await scene.make(seed=3)).json()["status"]]

    assert lying("{kind: queue_full, limit: 1}", say, engine=engine, patience=0) == ["processing", 429, "processing"]


# --- connections ---------------------------------------------------------------------------------------------------


async def raw(scene: Scene) -> bytes:
    """Return what a socket hears until its connection ends, however it does."""
    url = scene.http.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    body = json.dumps(BODY).encode()
    head = (
        f"POST {url.path}text2img HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    heard = b""
    with suppress(ConnectionError):
        writer.write(f"{head}\r\n\r\n".encode() + body)
        while piece := await reader.read(65_536):
            heard += piece
    writer.close()
    return heard


@pytest.mark.parametrize(("when", "made"), [("before_accept", 0), ("after_accept", 1)])
def test_a_dropped_connection_ends_without_a_byte_and_the_account_says_whether_it_was_made(
    lying: Callable[..., Any], when: str, made: int
) -> None:
    heard, account = lying(f"{{kind: drop, when: {when}}}", lambda scene: both(raw(scene), scene))

    assert heard == b""
    assert (account["requests_made"], account["faults"][0]["struck"]) == (made, 1)


def test_a_connection_dropped_in_the_middle_leaves_half_an_answer(lying: Callable[..., Any]) -> None:
    heard, account = lying("{kind: drop, when: mid_answer}", lambda scene: both(raw(scene), scene))

    head, _, body = heard.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(body) == length // 2
    assert account["requests_made"] == 1


@pytest.mark.parametrize("when", ["before_accept", "after_accept", "mid_answer"])
def test_a_dropped_connection_leaves_the_outcome_unknown(lying: Callable[..., Any], when: str) -> None:
    reply = lying(f"{{kind: drop, when: {when}}}", lambda scene: scene.send())

    assert isinstance(reply, Unknown)
    assert reply.message.endswith("; it may have been made")


def test_where_a_connection_cannot_be_dropped_the_fault_says_so(tmp_path: Path) -> None:
    async def session() -> None:
        async with in_process(Recorder(), Settings(faults=told("faults: [{kind: drop}]", tmp_path))) as http:
            http._transport.raise_app_exceptions = True  # type: ignore[attr-defined]  # to see the words
            await http.post("text2img", json=BODY)

    with pytest.raises(RuntimeError, match="offers no extension 'sweeprunner"):
        asyncio.run(session())


@pytest.mark.parametrize(("when", "made"), [("before_accept", 0), ("after_accept", 1)])
@pytest.mark.parametrize("status", [200, 502, 504])
def test_a_page_of_a_proxy_is_no_json_and_leaves_the_outcome_unknown(
    lying: Callable[..., Any], when: str, made: int, status: int
) -> None:
    async def say(scene: Scene) -> tuple[httpx.Response, Reply, dict[str, Any]]:
        return await scene.make(seed=1), await scene.send(seed=2), await scene.account()

    answer, reply, account = lying(f"{{kind: html, status: {status}, when: {when}}}", say)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html")
    assert answer.text.startswith("<html>")
    assert isinstance(reply, Unknown)
    assert account["requests_made"] == 2 * made


def test_delays_add_up_and_come_before_or_after_the_request_is_heard(lying: Callable[..., Any]) -> None:
    slept, clock = instantly()
    listed = "{kind: delay, seconds: 2}\n  - {kind: delay, seconds: [3, 3]}\n  - {kind: delay, seconds: 4, when: after_accept}"
    answer = lying(listed, lambda scene: scene.make(), clock=clock)

    assert answer.json()["status"] == "success"
    assert slept == [5.0, 4.0]


def test_a_range_of_seconds_is_drawn_from_anew_each_time(lying: Callable[..., Any]) -> None:
    slept, clock = instantly()

    async def say(scene: Scene) -> None:
        for _ in range(20):
            await scene.make()

    lying("{kind: delay, seconds: [1, 2]}", say, clock=clock)

    drawn = [seconds for seconds in slept if seconds]
    assert len(set(drawn)) == 20
    assert all(1 <= seconds <= 2 for seconds in drawn)


def test_a_slow_body_trickles_and_arrives_whole(lying: Callable[..., Any]) -> None:
    slept, clock = instantly()

    async def say(scene: Scene) -> httpx.Response:
        return await scene.http.get((await scene.make()).json()["output"][0])

    picture = lying("{kind: slow_body, seconds: 4}", say, clock=clock)

    assert slept.count(4 / PIECES) == PIECES
    assert Image.open(io.BytesIO(picture.content)).size == (256, 256)
