"""A server that lies on purpose: each lie as a socket hears it and as our client takes it, and the account of them all."""

import asyncio
import io
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from runner.client import Client, DownloadError, Mailbox, Patience
from runner.errors import ExperimentError, ImageError
from runner.nouns import Concern, Queued, Ready, Refused, Reply, Request, Unknown
from runner.pace import Clock
from runner.schema import bundled
from runner.server import Settings, create_app
from runner.server.faults import Faults, load
from runner.server.faults.deciding import Decider
from runner.server.faults.kinds import KINDS, Delay, Fault
from runner.server.faults.lying import PIECES
from runner.target import serving
from runner.vault import Vault
from tests.contracts.server import BODY, Recorder
from tests.talking import in_process

ROOT = Path(__file__).parent.parent
BAD_DAY = ROOT / "experiments" / "faults" / "bad-day.yaml"
REQUEST = Request(endpoint="text2img", parameters=BODY)


def told(text: str, tmp_path: Path) -> Faults:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    return load(path)


class Scene:
    """A lying server on a socket, and a client of it."""

    def __init__(self, http: httpx.AsyncClient, clock: Clock) -> None:
        self.http = http
        self.client = Client(http, load=lambda _: b"", clock=clock, patience=Patience(shortest_poll=0.01, link=1.0))

    async def make(self, **more: Any) -> httpx.Response:
        return await self.http.post("text2img", json=BODY | more)

    async def send(self, **more: Any) -> Reply:
        return await self.client.send(Request(endpoint="text2img", parameters=BODY | more))

    async def account(self) -> dict[str, Any]:
        said: dict[str, Any] = (await self.http.get(self.http.base_url.join("/faults"))).json()
        return said


@pytest.fixture
def lying(tmp_path: Path) -> Callable[..., Any]:
    def play(listed: str, say: Callable[[Scene], Awaitable[Any]], **options: Any) -> Any:
        async def session() -> Any:
            faults = told(f"seed: 7\nfaults:\n  - {listed}\n", tmp_path)
            app = create_app(options.pop("engine", None) or Recorder(), Settings(faults=faults, **options))
            async with asyncio.timeout(30), serving(app) as url, httpx.AsyncClient(base_url=url) as http:
                return await say(Scene(http, options.get("clock") or Clock()))

        return asyncio.run(session())

    return play


def instantly() -> tuple[list[float], Clock]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    return slept, Clock(sleep=sleep, elapsed=lambda: sum(slept))


# --- refusals -----------------------------------------------------------------------------------------------------


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


async def both(awaited: Awaitable[Any], scene: Scene) -> tuple[Any, dict[str, Any]]:
    return await awaited, await scene.account()


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


# --- connections --------------------------------------------------------------------------------------------------


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


# --- promises -----------------------------------------------------------------------------------------------------


def test_a_request_can_be_made_and_said_to_be_processing_for_so_long(lying: Callable[..., Any]) -> None:
    _, clock = instantly()

    async def say(scene: Scene) -> list[Any]:
        answer = (await scene.make()).json()
        fetched = [(await scene.http.post(f"fetch/{answer['id']}", json={})).json() for _ in range(2)]
        await clock.sleep(60)
        by_body = (await scene.http.post("fetch", json={"request_id": answer["id"]})).json()
        return [answer["status"], answer["eta"], *(said["status"] for said in fetched), by_body["status"]]

    assert lying("{kind: processing, seconds: 60}", say, clock=clock) == [
        "processing",
        60.0,
        "processing",
        "processing",
        "success",
    ]


@pytest.mark.parametrize(("ends", "said"), [("success", "success"), ("failed", "failed")])
def test_a_promise_is_kept_also_where_it_is_asked_for_by_track_id(
    lying: Callable[..., Any], ends: str, said: str
) -> None:
    _, clock = instantly()

    async def say(scene: Scene) -> list[Any]:
        await scene.make(track_id="order-66")
        answers = [(await scene.http.post("fetch_by_track_id", json={"track_id": "order-66"})).json()]
        await clock.sleep(60)
        answers.append((await scene.http.post("fetch_by_track_id", json={"track_id": "order-66"})).json())
        return [(answer["status"], answer["track_id"]) for answer in answers]

    listed = f"{{kind: processing, seconds: 60, ends: {ends}}}"
    assert lying(listed, say, clock=clock) == [("processing", "order-66"), (said, "order-66")]


def test_a_server_can_be_one_that_cannot_be_asked(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> Any:
        reply = await scene.client.send(REQUEST, track_id="order-66")
        found = await scene.client.find("order-66", age=0.1)
        return isinstance(reply, Unknown), found, (await scene.account())["heard"]

    listed = "{kind: drop}\n  - {kind: html, status: 404, route: fetch_by_track_id}"
    assert lying(listed, say) == (True, None, {"fetch_by_track_id": 1, "text2img": 1})


def test_a_promise_without_an_end_is_still_one_when_the_time_to_wait_is_over(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> Reply:
        reply = await scene.send()
        assert isinstance(reply, Queued)
        return await scene.client.wait(reply, deadline=scene.client._talk.clock.elapsed() + 100)

    reply = lying("{kind: processing}", say, clock=instantly()[1])

    assert isinstance(reply, Queued)


def test_a_promise_that_ends_in_an_error_is_not_charged(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> tuple[Reply, dict[str, Any]]:
        reply = await scene.send()
        assert isinstance(reply, Queued)
        return await scene.client.wait(reply, deadline=1e9), await scene.account()

    reply, account = lying(
        "{kind: processing, seconds: 1, ends: failed, message: no memory}", say, clock=instantly()[1]
    )

    assert reply == Refused(concern=Concern.CELL, message="no memory", status=200)
    assert (account["requests_made"], account["bought_twice"]) == (0, 0)


def test_a_success_without_images_is_fetched(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> tuple[Reply, Reply]:
        reply = await scene.send()
        assert isinstance(reply, Queued)
        return reply, await scene.client.wait(reply, deadline=1e9)

    _, waited = lying("{kind: no_images, route: make}\n  - {kind: no_images, route: fetch, first: 2}", say)

    assert isinstance(waited, Ready)


def test_an_answer_can_name_a_request_that_does_not_exist(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> list[Any]:
        answer = (await scene.make()).json()
        fetched = await scene.http.post(f"fetch/{answer['id']}", json={})
        return [answer["output"][0].startswith("http"), str(answer["id"]) in answer["output"][0], fetched.status_code]

    assert lying("{kind: wrong_id}", say) == [True, False, 404]


# --- pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "more"),
    [
        *((how, {}) for how in ("truncated", "corrupt", "empty", "html")),
        *((how, {"base64": "yes"}) for how in ("truncated", "corrupt", "html")),
    ],
)
def test_a_broken_picture_is_found_out_whether_it_comes_by_a_link_or_as_base64(
    lying: Callable[..., Any], tmp_path: Path, how: str, more: dict[str, str]
) -> None:
    async def say(scene: Scene) -> bytes:
        reply = await scene.send(**more)
        assert isinstance(reply, Ready)
        return (await scene.client.download(reply))[0]

    route = "make" if more else "images"
    with pytest.raises((ImageError, DownloadError)):
        Vault(tmp_path / "vault").put(lying(f"{{kind: image, how: {how}, route: {route}}}", say, clock=instantly()[1]))


def test_a_picture_can_have_half_the_size_that_was_asked_for(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> bytes:
        return (await scene.http.get((await scene.make()).json()["output"][0])).content

    assert Image.open(io.BytesIO(lying("{kind: image, how: wrong_size}", say))).size == (128, 128)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_link_can_lead_nowhere_for_a_while(lying: Callable[..., Any], status: int) -> None:
    async def say(scene: Scene) -> list[int]:
        link = (await scene.make()).json()["output"][0]
        return [(await scene.http.get(link)).status_code for _ in range(3)]

    assert lying(f"{{kind: expire, status: {status}, first: 2}}", say) == [status, status, 200]


# --- webhooks -----------------------------------------------------------------------------------------------------


def letters(lying: Callable[..., Any], how: str) -> list[Mapping[str, object]]:
    heard: list[Mapping[str, object]] = []

    async def post(_: str, payload: Mapping[str, object]) -> int:
        heard.append(payload)
        return 200

    async def say(scene: Scene) -> None:
        number = (await scene.make(webhook="https://hook.example/", track_id="order-66")).json()["id"]
        while (await scene.http.post(f"fetch/{number}", json={})).json()["webhook_status"] == "sending":
            pass

    lying(f"{{kind: webhook, how: {how}}}", say, post_hook=post)
    return heard


def test_a_webhook_can_be_told_twice_or_not_at_all(lying: Callable[..., Any]) -> None:
    once, again = letters(lying, "duplicate")
    assert once == again
    assert letters(lying, "lost") == []


def test_a_forged_answer_before_the_true_one_is_not_believed(lying: Callable[..., Any]) -> None:
    *forged, true = letters(lying, "forged")
    queued = Queued(remote_id=str(true["id"]), track_id="order-66")

    async def believed() -> Reply:
        http = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(429)), base_url="http://x")
        client = Client(http, load=lambda _: b"", clock=instantly()[1])
        client.mailbox = Mailbox("http://hook", draw=lambda: "order-66")
        client.mailbox.expect("order-66")
        for letter in (*forged, true):
            client.mailbox.deliver(letter)
        return await client.wait(queued, deadline=1e9)

    reply = asyncio.run(believed())
    assert len(forged) == 2
    assert isinstance(reply, Ready)
    assert reply.outputs == tuple(true["output"])  # type: ignore[arg-type]  # a list


# --- the account --------------------------------------------------------------------------------------------------


def test_the_account_counts_what_was_heard_made_and_bought_twice(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> dict[str, Any]:
        for more in ({}, {"track_id": "a"}, {"width": "256", "webhook": "https://hook.example/"}, {"seed": 8}):
            await scene.make(**more)
        for _ in range(2):
            await scene.make(seed=None)
        await scene.make(samples=2, seed=9)
        await scene.make(prompt="")
        await scene.http.post("schedulers_list", json={})
        return await scene.account()

    async def deaf(_: str, __: Mapping[str, object]) -> int:
        return 200

    account = lying("{kind: drop, after: 100}\n  - {kind: webhook, how: lost}", say, post_hook=deaf)

    assert account == {
        "seed": 7,
        "heard": {"text2img": 8, "webhook": 1},
        "requests_made": 7,
        "pictures_made": 8,
        "bought_twice": 2,
        "faults": [{"fault": 1, "kind": "drop", "struck": 0}, {"fault": 2, "kind": "webhook", "struck": 1}],
    }


def test_a_fault_counts_as_struck_where_the_client_could_hear_it(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> dict[str, Any]:
        await scene.make(prompt="")
        return await scene.account()

    assert lying("{kind: wrong_id}", say)["faults"] == [{"fault": 1, "kind": "wrong_id", "struck": 0}]


# --- which request is struck --------------------------------------------------------------------------------------


def struck(listed: str, tmp_path: Path, *, requests: int = 12, seed: int = 7, route: str = "text2img") -> list[int]:
    decider = Decider(told(f"seed: {seed}\nfaults:\n  - {listed}\n", tmp_path))
    found = [decider.strike(route) for _ in range(requests)]
    return [number for number, one in enumerate(found, 1) if one.main or one.beside]


@pytest.mark.parametrize(
    ("listed", "numbers"),
    [
        ("{kind: drop}", list(range(1, 13))),
        ("{kind: drop, first: 3}", [1, 2, 3]),
        ("{kind: drop, after: 10}", [11, 12]),
        ("{kind: drop, every: 4}", [4, 8, 12]),
        ("{kind: drop, after: 3, every: 4, first: 2}", [7, 11]),
        ("{kind: drop, route: fetch}", []),
        ("{kind: drop, route: inpaint}", []),
        ("{kind: drop, route: fetch_by_track_id}", []),
        ("{kind: drop, route: any, every: 6}", [6, 12]),
    ],
)
def test_counts_say_which_request_is_struck(tmp_path: Path, listed: str, numbers: list[int]) -> None:
    assert struck(listed, tmp_path) == numbers


def test_chance_strikes_the_same_requests_with_the_same_seed_and_others_with_another(tmp_path: Path) -> None:
    listed = "{kind: drop, chance: 0.1}"
    first, again, other = (struck(listed, tmp_path, requests=2000, seed=seed) for seed in (7, 7, 8))

    assert first == again != other
    assert 150 < len(first) < 250


def test_what_one_fault_draws_depends_on_no_other(tmp_path: Path) -> None:
    alone = struck("{kind: drop, chance: 0.2}", tmp_path, requests=200)
    decider = Decider(told("seed: 7\nfaults: [{kind: drop, chance: 0.2}, {kind: html, chance: 0.5}]", tmp_path))
    found = [decider.strike("text2img").main for _ in range(200)]

    assert [number for number, one in enumerate(found, 1) if one and one.place == 0] == alone


def test_of_faults_that_strike_the_same_request_the_first_in_the_file_does_and_delays_go_along(tmp_path: Path) -> None:
    listed = "{kind: delay, seconds: 1}\n  - {kind: refuse, every: 2}\n  - {kind: drop}\n  - {kind: delay, seconds: 2}"
    decider = Decider(told(f"faults:\n  - {listed}", tmp_path))
    first, second = decider.strike("text2img"), decider.strike("text2img")

    assert [one.main and one.main.place for one in (first, second)] == [2, 1]
    assert [[strike.place for strike in one.beside] for one in (first, second)] == [[0, 3], [0, 3]]
    assert second.seconds(Delay, "before_accept") == 3.0


# --- the file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("", ["f.yaml:1:1: a file of faults is a mapping; write `faults:` and a list below it"]),
        ("seed: 7", ["f.yaml:1:1: faults is missing; add it"]),
        ("faults: []", ["f.yaml:1:9: faults: an empty list of faults does nothing; write one, or leave --faults out"]),
        (
            "faults:\n  - {kind: refuse, chance: 2}\n  - {knd: drop}\n  - {kind: dorp, every: 0}",
            [
                "f.yaml:2:28: faults.0.chance: 2 is above the maximum 1",
                "f.yaml:3:5: faults.1: kind is missing; add it",
                "f.yaml:4:12: faults.2.kind: 'dorp' is not one of the 12 allowed; did you mean 'drop'?",
            ],
        ),
        (
            "faults:\n  - {kind: drop, status: 429}\n  - {kind: delay}\n  - {kind: refuse, sttus: 429}",
            [
                "f.yaml:2:18: faults.0.status: unknown key 'status'; known are kind, when, route, chance, after, every, first",
                "f.yaml:3:5: faults.1: seconds is missing; add it",
                "f.yaml:4:20: faults.2.sttus: unknown key 'sttus'; did you mean 'status'?",
            ],
        ),
        (
            "faults: [{kind: delay, seconds: [2, null]}, {kind: delay, seconds: [[2], 1]}, 3]",
            [
                "f.yaml:1:37: faults.0.seconds.1: null is not a number from 0 to 86400",
                "f.yaml:1:69: faults.1.seconds.0: [2] is not a number from 0 to 86400",
                "f.yaml:1:79: faults.2: 3 is not a mapping",
            ],
        ),
        (
            "faults:\n  - {kind: delay, seconds: [2, 1]}\n  - {kind: delay, seconds: [1]}\n  - {kind: refuse, status: 418}",
            [
                "f.yaml:2:28: faults.0.seconds: the range runs backwards; write [1, 2]",
                "f.yaml:3:28: faults.1.seconds: a range is two numbers; write [0.5, 2] or one number",
                "f.yaml:4:28: faults.2.status: 418 is not one of 400, 401, 402, 403, 408, 429, 500, 503",
            ],
        ),
    ],
)
def test_everything_wrong_with_a_file_is_said_at_once_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, complaints: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("f.yaml").write_text(text)
    with pytest.raises(ExperimentError) as caught:
        load(Path("f.yaml"))
    assert str(caught.value).splitlines() == complaints


def declared() -> Iterator[tuple[str, dict[str, Any]]]:
    schema = bundled("faults")
    for kind in schema["properties"]["faults"]["items"]["properties"]["kind"]["enum"]:
        yield kind, schema["$defs"][kind]["properties"]


def test_the_schema_has_the_kinds_and_the_fields_and_the_defaults_of_the_code() -> None:
    counts = {field.name: field.default for field in fields(Fault) if field.name not in ("act", "routes")}
    assert [kind for kind, _ in declared()] == list(KINDS)
    for kind, properties in declared():
        own = {field.name: field.default for field in fields(KINDS[kind])}
        assert set(properties) - {"kind", "route"} == {*own, *counts}
        for name, default in (own | counts).items():
            said = properties[name].get("default")
            assert said == default or ((said is None and default in (None, "")) or name == "seconds"), (kind, name)


def test_the_page_explains_every_kind_and_every_field() -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    for kind, properties in declared():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{kind}` |"))
        shared = ("kind", "chance", "after", "every", "first", "route")
        assert [name for name in properties if name not in shared and f"`{name}" not in row] == []
        assert properties.get("route", {}).get("default", "") in row


def test_the_pages_example_and_the_file_that_ships_are_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    told(page.partition("```yaml\n")[2].partition("```")[0], tmp_path)
    assert len(load(BAD_DAY).faults) == 14


# --- the command --------------------------------------------------------------------------------------------------


def test_sweep_serve_says_at_its_end_what_it_lied(tmp_path: Path) -> None:
    (tmp_path / "faults.yaml").write_text("faults: [{kind: refuse, status: 503, first: 1}]")
    words = ["serve", "--engine", "sketch", "--port", "0", "--faults", "faults.yaml"]
    command = [sys.executable, "-m", "runner", *words]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        url = server.stderr.readline().split()[0]
        assert server.stderr.readline() == (
            "it lies as faults.yaml says; GET /faults tells what it did, and so does its end\n"
        )
        statuses = [httpx.post(f"{url}/text2img", json=BODY, timeout=30).status_code for _ in range(2)]
        server.send_signal(signal.SIGINT)
        said, _ = server.communicate(timeout=30)

    assert statuses == [503, 200]
    assert json.loads(said)["faults"] == [{"fault": 1, "kind": "refuse", "struck": 1}]


def test_a_server_that_could_not_listen_has_lied_to_nobody_and_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "faults.yaml").write_text("faults: [{kind: drop}]")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ["serve", "--engine", "sketch", "--port", port, "--faults", "faults.yaml"]
        command = [sys.executable, "-m", "runner", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"127.0.0.1:{port}: ")


def test_a_file_that_is_not_there_ends_the_command_with_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "runner", "serve", "--engine", "sketch", "--faults", "nowhere.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == "nowhere.yaml: there is no file nowhere.yaml; check the name and the folder\n"
