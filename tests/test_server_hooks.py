"""Webhooks are told, a few times and beside everything else; links that are temporary die; the queue can be cleared."""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.errors import EngineError
from runner.pace import Clock
from runner.server import Outside, Settings, create_app, running
from runner.server.hooks import MOST_WAITING
from runner.target import serving
from tests.contracts.server import BODY, Recorder, until_done
from tests.talking import talk

HOOK = "https://hook.example/done"
HOOKED = {**BODY, "webhook": HOOK, "track_id": "order-66"}


class Receiver:
    """A webhook's receiver, which answers as it is told to."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    async def __call__(self, url: str, payload: Mapping[str, object]) -> int:
        self.calls.append((url, payload))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer


async def until_told(http: httpx.AsyncClient, number: object) -> dict[str, Any]:
    for _ in range(10_000):
        answer: dict[str, Any] = (await http.post("fetch", json={"request_id": number})).json()
        if answer["webhook_status"] != "sending":
            return answer
        await asyncio.sleep(0)
    raise AssertionError(f"the webhook of {number} was never told")


def instantly() -> tuple[list[float], Clock]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    return slept, Clock(sleep=sleep)


def test_a_webhook_is_told_what_a_fetch_would_say_with_its_track_id() -> None:
    receiver = Receiver()

    async def say(http: httpx.AsyncClient) -> dict[str, Any]:
        made = (await http.post("text2img", json=HOOKED)).json()
        return await until_told(http, made["id"])

    fetched = talk(say, post_hook=receiver)
    assert fetched["webhook_status"] == "delivered"
    assert receiver.calls == [(HOOK, {**fetched, "webhook_status": "sending", "track_id": "order-66"})]


def test_without_a_webhook_nobody_is_told() -> None:
    receiver = Receiver()
    talk(lambda http: http.post("text2img", json={**BODY, "track_id": "order-66"}), post_hook=receiver)
    assert receiver.calls == []


def test_a_webhook_is_told_of_a_failure_too() -> None:
    receiver, engine = Receiver(), Recorder(fault=EngineError("vae: no VAE 'x'"))

    async def say(http: httpx.AsyncClient) -> int:
        promised = (await http.post("text2img", json=HOOKED)).json()
        await until_done(http, promised["id"])
        return int(promised["id"])

    number = talk(say, engine, patience=0, post_hook=receiver)
    told = {"status": "failed", "message": "vae: no VAE 'x'", "id": number, "track_id": "order-66"}
    assert receiver.calls == [(HOOK, told)]


def test_base64_pictures_travel_to_the_webhook_as_base64() -> None:
    receiver = Receiver()

    async def say(http: httpx.AsyncClient) -> dict[str, Any]:
        made: dict[str, Any] = (await http.post("text2img", json={**HOOKED, "base64": "yes"})).json()
        await until_told(http, made["id"])
        return made

    made = talk(say, post_hook=receiver)
    assert receiver.calls[0][1]["output"] == made["output"]


@pytest.mark.parametrize(
    ("answers", "slept", "status"),
    [
        ([500, 200], [1.0], "delivered"),
        ([httpx.ConnectError("refused"), 302, 204], [1.0, 10.0], "delivered"),
        ([500, TimeoutError("30 s"), 404], [1.0, 10.0], "failed: HTTP 404"),
    ],
)
def test_a_webhook_that_does_not_acknowledge_is_tried_three_times(
    answers: list[int | Exception], slept: list[float], status: str
) -> None:
    receiver = Receiver(*answers)
    waited, clock = instantly()

    async def say(http: httpx.AsyncClient) -> dict[str, Any]:
        made = (await http.post("text2img", json=HOOKED)).json()
        for _ in range(1000):
            if len(receiver.calls) == len(answers):
                break
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await until_told(http, made["id"])

    assert talk(say, post_hook=receiver, clock=clock)["webhook_status"] == status
    assert (len(receiver.calls), waited) == (len(answers), slept)


def test_a_receiver_that_hangs_keeps_nobody_waiting_and_is_given_up_when_the_server_stops() -> None:
    asked = asyncio.Event()

    async def hang(_: str, __: Mapping[str, object]) -> int:
        asked.set()
        await asyncio.Event().wait()
        return 200

    async def say(http: httpx.AsyncClient) -> list[int]:
        answers = [await http.post("text2img", json=HOOKED) for _ in range(3)]
        await asked.wait()
        return [answer.status_code for answer in answers]

    assert talk(say, post_hook=hang) == [200, 200, 200]


def test_deliveries_under_way_are_bounded() -> None:
    async def hang(_: str, __: Mapping[str, object]) -> int:
        await asyncio.Event().wait()
        return 200

    async def say(http: httpx.AsyncClient) -> list[str]:
        small = {**HOOKED, "width": 256, "height": 256}
        made = [(await http.post("text2img", json=small)).json()["id"] for _ in range(MOST_WAITING + 1)]
        answers = [await http.post("fetch", json={"request_id": number}) for number in made[-2:]]
        return [answer.json()["webhook_status"] for answer in answers]

    assert talk(say, post_hook=hang) == ["sending", "not sent: too many deliveries are under way"]


def test_a_webhook_is_told_over_the_network_and_no_redirect_is_followed() -> None:
    bodies: list[Any] = []

    async def receive(request: Request) -> Response:
        bodies.append(await request.json())
        return Response(status_code=204)

    async def elsewhere(_: Request) -> Response:
        return Response(status_code=307, headers={"Location": "/hook"})

    app = Starlette(routes=[Route("/hook", receive, methods=["POST"]), Route("/moved", elsewhere, methods=["POST"])])

    async def session() -> tuple[int, int]:
        async with serving(app) as url:
            root = url.partition("/api")[0]
            post = Outside(allow_private=True).post
            return await post(f"{root}/hook", {"a": 1}), await post(f"{root}/moved", {"b": 2})

    assert asyncio.run(session()) == (204, 307)
    assert bodies == [{"a": 1}]


# --- temporary links ----------------------------------------------------------------------------------------------


def test_a_temporary_picture_is_gone_after_a_day_and_another_is_not() -> None:
    now = [1_000_000.0]

    async def say(http: httpx.AsyncClient) -> list[tuple[int, int]]:
        kept, temporary = [(await http.post("text2img", json={**BODY, "temp": temp})).json() for temp in ("no", "yes")]
        found = []
        for passed in (24 * 3600 - 1, 1):
            now[0] += passed
            for made in (kept, temporary):
                link, fetched = (
                    await http.get(made["output"][0]),
                    await http.post("fetch", json={"request_id": made["id"]}),
                )
                found.append((link.status_code, fetched.status_code))
        return found

    assert talk(say, clock=Clock(now=lambda: now[0])) == [(200, 200), (200, 200), (200, 200), (410, 404)]


def test_what_was_temporary_leaves_the_memory_too_though_nobody_asks_for_it() -> None:
    now = [1_000_000.0]

    async def session() -> list[int]:
        app = create_app(Recorder(), Settings(clock=Clock(now=lambda: now[0])))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with (
            running(app),
            httpx.AsyncClient(transport=transport, base_url="http://target/api/v1/enterprise") as http,
        ):
            held = []
            for temp, passed in (("yes", 0.0), ("no", 24 * 3600.0)):
                now[0] += passed
                await http.post("text2img", json={**BODY, "temp": temp})
                held.append(await app.state.desk.forget_kept() if temp == "no" else len(app.state.desk._kept))
            return held

    assert asyncio.run(session()) == [1, 1]


# --- the queue ----------------------------------------------------------------------------------------------------


def test_clearing_the_queue_refuses_what_waits_and_finishes_what_is_made() -> None:
    engine = Recorder(gate=threading.Event())

    async def session() -> tuple[int, list[tuple[int, str]]]:
        app = create_app(engine, Settings(patience=0))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with (
            running(app),
            httpx.AsyncClient(transport=transport, base_url="http://target/api/v1/enterprise") as http,
        ):
            made = [(await http.post("text2img", json=BODY)).json()["id"] for _ in range(3)]
            await asyncio.to_thread(engine.begun.wait, 10)
            cleared = app.state.desk.clear()
            assert engine.gate
            engine.gate.set()
            ends = [await until_done(http, number) for number in made]
            return cleared, [(end.status_code, end.json().get("message", "")) for end in ends]

    message = "the queue was cleared before this request was made; send it again if it is still wanted"
    assert asyncio.run(session()) == (2, [(200, ""), (503, message), (503, message)])
    assert len(engine.asked) == 1
