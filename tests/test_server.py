"""The endpoint over an engine: the contract in this process and over a socket, its queue, its limits, its memory."""

import asyncio
import json
import logging
import string
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from runner.client import DownloadError
from runner.engine import Engine
from runner.errors import EngineError
from runner.nouns import ENDPOINTS
from runner.pace import Clock
from runner.schema import endpoint_schema
from runner.server import Outside, Settings, create_app, running
from runner.target import serving
from runner.wire import FIND, HOUSEKEEPING
from tests.contracts.server import BODY, Recorder, ServerContract, until_done
from tests.talking import in_process, talk


@asynccontextmanager
async def over_a_socket(engine: Engine, settings: Settings | None = None) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(engine, settings)) as url, httpx.AsyncClient(base_url=url) as http:
        yield http


class TestInProcess(ServerContract):
    opened = staticmethod(in_process)


class TestOverASocket(ServerContract):
    opened = staticmethod(over_a_socket)


def post(path: str, **content: Any) -> httpx.Response:
    return talk(lambda http: http.post(path, **content))


# --- the queue ----------------------------------------------------------------------------------------------------


def test_an_eta_counts_what_is_ahead_by_the_pace_of_what_was_made_less_the_time_that_went_by() -> None:
    gate, seconds = threading.Event(), [100.0]
    engine = Recorder(gate=gate)

    async def say(http: httpx.AsyncClient) -> tuple[list[float], list[float]]:
        promised = [(await http.post("text2img", json=body)).json() for body in (BODY, {**BODY, "samples": 2})]
        guessed = [answer["eta"] for answer in promised]
        seconds[0] += 8.0
        guessed.append((await http.post(promised[1]["fetch_result"], json={})).json()["eta"])
        gate.set()
        await until_done(http, promised[1]["id"])
        gate.clear()
        seconds[0] += 1000.0  # nobody asked for anything
        asked = [await http.post("text2img", json=body) for body in (BODY, {**BODY, "width": 512, "samples": 2})]
        gate.set()
        return guessed, [answer.json()["eta"] for answer in asked]

    guessed, measured = talk(say, engine, patience=0, clock=Clock(elapsed=lambda: seconds[0]))
    assert guessed == [5.0, 15.0, 10.0]  # 5 s an image; the first is 3 s late, and the others take as long as ever
    assert measured == [3.9, 19.6]  # 8 s, 0 s and 0 s were measured, the latest counting for 3 tenths


def test_requests_are_made_in_the_order_of_their_arrival() -> None:
    engine = Recorder(gate=threading.Event())

    async def say(http: httpx.AsyncClient) -> None:
        answers = [(await http.post("text2img", json={**BODY, "seed": seed})).json() for seed in (5, 3, 9, 1)]
        assert engine.gate
        engine.gate.set()
        await until_done(http, answers[-1]["id"])

    talk(say, engine, patience=0)
    assert [generation.seed for generation in engine.asked] == [5, 3, 9, 1]


def test_a_request_whose_client_went_away_is_made_and_can_be_fetched() -> None:
    engine = Recorder(gate=threading.Event())

    async def session() -> str:
        async with over_a_socket(engine, Settings(draw_number=lambda: 42)) as http:
            sending = asyncio.create_task(http.post("text2img", json=BODY))
            await asyncio.to_thread(engine.begun.wait, 10)
            sending.cancel()
            await asyncio.wait([sending])
            assert engine.gate
            engine.gate.set()
            return str((await until_done(http, 42)).json()["status"])

    assert asyncio.run(session()) == "success"


def test_what_is_being_made_when_the_server_stops_is_finished_and_what_waits_is_refused_until_later() -> None:
    engine = Recorder(gate=threading.Event())

    async def session() -> list[httpx.Response]:
        app = create_app(engine)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://target/api/v1/enterprise") as http:
            async with running(app):
                sending = [asyncio.create_task(http.post("text2img", json=BODY)) for _ in range(2)]
                await asyncio.to_thread(engine.begun.wait, 10)
                assert engine.gate
                engine.gate.set()
            return [*await asyncio.gather(*sending), await http.post("text2img", json=BODY)]

    answers = asyncio.run(session())
    assert [answer.status_code for answer in answers] == [200, 503, 503]
    assert [answer.json()["message"] for answer in answers[1:]] == [
        "the server is stopping; try again",
        "the server does not run; try again",
    ]


def test_a_server_runs_once_and_again_after_it_stopped() -> None:
    async def session() -> None:
        app = create_app(Recorder())
        async with running(app):
            with pytest.raises(RuntimeError, match="the server runs already"):
                async with running(app):
                    pass
        async with running(app):
            pass

    asyncio.run(session())


def test_the_oldest_pictures_are_forgotten_first_and_the_latest_never() -> None:
    async def say(http: httpx.AsyncClient) -> None:
        first, second = [(await http.post("text2img", json=BODY)).json() for _ in range(2)]
        assert (await http.get(first["output"][0])).status_code == 410
        assert (await http.post("fetch", json={"request_id": first["id"]})).status_code == 404
        assert (await http.get(second["output"][0])).status_code == 200

    talk(say, memory=1)


def test_names_of_requests_are_not_to_be_guessed() -> None:
    async def say(http: httpx.AsyncClient) -> list[int]:
        return [(await http.post("text2img", json=BODY)).json()["id"] for _ in range(3)]

    numbers = talk(say)
    assert len(set(numbers)) == 3
    assert numbers != sorted(numbers) or numbers[2] - numbers[0] > 1000
    assert max(numbers) < 2**53


def test_a_model_that_the_engine_lacks_is_refused_before_it_takes_a_place_in_the_queue() -> None:
    class Strict(Recorder):
        def enhance(self, prompt: str, model_id: str) -> str:
            raise EngineError(f"model_id: no model {model_id!r}; {prompt!r} needs one")

    engine = Strict()
    refused = talk(lambda http: http.post("text2img", json={**BODY, "enhance_prompt": "yes"}), engine)
    assert (refused.status_code, refused.json()["message"]) == (
        400,
        "model_id: no model 'any'; 'a red house' needs one",
    )
    assert engine.asked == []


def test_a_fault_is_logged_with_its_traceback_and_without_the_key(caplog: pytest.LogCaptureFixture) -> None:
    engine = Recorder(fault=ZeroDivisionError("division"))
    talk(lambda http: http.post("text2img", json={**BODY, "key": "secret-4711"}), engine, key="secret-4711")
    faults = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.name for record in faults] == ["runner.server"]
    assert "ZeroDivisionError: division" in caplog.text
    assert "secret-4711" not in caplog.text + repr(Settings(key="secret-4711"))


def test_a_fault_outside_the_engines_work_is_logged_and_a_500_in_the_contracts_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Recorder):
        def models(self) -> dict[str, str]:
            raise ZeroDivisionError("division")

    answer = talk(lambda http: http.post("get_all_models", json={}), Broken())
    assert (answer.status_code, answer.json()["status"]) == (500, "error")
    assert "ZeroDivisionError: division" in caplog.text


# --- bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"{}", "text/plain", "the content type is 'text/plain'; send the header Content-Type: application/json"),
        (
            b"",
            "application/json",
            "the body is not JSON (Expecting value: line 1 column 1 (char 0)); send one JSON object",
        ),
        (b"[]", "application/json", "the body must be a JSON object"),
        (b'"x"', "application/json; charset=utf-8", "the body must be a JSON object"),
        (b'{"seed": NaN}', "application/json", "the body is not JSON (NaN is no JSON number); send one JSON object"),
        (b"\xff", "application/json", "the body is not JSON ("),
        (b"[" * 200_000, "application/json", "the body is not JSON ("),
        (b'{"seed": ' + b"9" * 5000 + b"}", "application/json", "the body is not JSON ("),
    ],
)
def test_a_body_that_is_no_json_object_is_a_400(content: bytes, kind: str, message: str) -> None:
    refused = post("text2img", content=content, headers={"Content-Type": kind})
    assert refused.status_code == 400
    assert refused.json()["message"].startswith(message)


def test_a_body_that_is_too_large_is_a_413_before_it_is_read_whole() -> None:
    sent = []

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            sent.append(1)
            yield b" " * 2**20

    refused = post("text2img", content=endless(), headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["status"]) == (413, "error")
    assert len(sent) < 100


def test_links_are_at_the_address_that_the_client_used() -> None:
    made = post("text2img", json=BODY, headers={"Host": "shop.example:81"}).json()
    assert made["output"] == [f"http://shop.example:81/images/{made['id']}-0.png"]


def test_a_route_that_is_none_does_not_speak_the_contract_so_that_a_wrong_address_stops_a_run() -> None:
    assert (post("nothing", json=BODY).status_code, post("nothing", json=BODY).text) == (404, "Not Found")
    assert talk(lambda http: http.get("text2img")).status_code == 405


def test_a_browser_is_told_what_this_is() -> None:
    assert talk(lambda http: http.get("http://target/")).json() == {
        "server": "sweeprunner",
        "engine": "recorder",
        "endpoints": [f"http://target/api/v1/enterprise/{name}" for name in ENDPOINTS],
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("not base64!", "init_image: neither an http or https link nor base64 text ("),
        ("sha256:aa", "init_image: neither an http or https link nor base64 text ("),
        (
            "data:image/png;base64,",
            "init_image: neither an http or https link nor base64 text (the base64 text is empty)",
        ),
        ("file:///etc/passwd", "init_image: neither an http or https link nor base64 text ("),
        (
            "https://images.example/1.png",
            "init_image: it is gone; send a link that this server can read, or base64 text",
        ),
    ],
)
def test_an_image_that_cannot_be_read_is_a_400(value: str, message: str) -> None:
    async def fetch_image(link: str) -> bytes:
        raise DownloadError("it is gone") from KeyError(link)

    answer = talk(lambda http: http.post("img2img", json={**BODY, "init_image": value}), fetch_image=fetch_image)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(message)


def test_a_link_to_an_image_is_followed_through_redirects_and_only_so_far() -> None:
    routes = [
        Route("/there", lambda _: RedirectResponse("/image")),
        Route("/image", lambda _: Response(b"picture")),
        Route("/round", lambda _: RedirectResponse("/round")),
    ]

    async def session() -> bytes:
        async with serving(Starlette(routes=routes)) as url:
            base = httpx.URL(url)
            with pytest.raises(DownloadError, match="more than 5 redirects"):
                await Outside(allow_private=True).fetch(str(base.join("/round")))
            with pytest.raises(DownloadError, match="HTTP 404 Not Found"):
                await Outside(allow_private=True).fetch(str(base.join("/nothing")))
            return await Outside(allow_private=True).fetch(str(base.join("/there")))

    assert asyncio.run(session()) == b"picture"


NAMES = sorted(
    {name for endpoint in ENDPOINTS for name in endpoint_schema(endpoint).properties} | {"key", "request_id"}
)
TEXTS = st.text(string.printable, max_size=20) | st.text(max_size=5) | st.sampled_from(["yes", "-1", "1e999", "\ud800"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
KNOWN = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6).map(lambda odd: {**BODY, "init_image": "eA==", **odd})
PATHS = st.sampled_from([*ENDPOINTS, *HOUSEKEEPING, "fetch", "fetch/1", "images/fetch/x", FIND])


@given(PATHS, KNOWN | JSON | st.dictionaries(TEXTS, JSON, max_size=4))
@settings(max_examples=200, deadline=None)
def test_no_body_makes_the_server_fail(path: str, body: object) -> None:
    answer = post(path, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code < 500, answer.text
    assert answer.json()["status"] in {"success", "error", "processing"}
