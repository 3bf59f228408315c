"""The endpoint over an engine: the answers of the contract, the queue, the key, and no request that ends the server."""

import asyncio
import base64
import io
import string
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from runner.engine import Engine
from runner.engine.sketch import SketchEngine
from runner.errors import EngineError
from runner.nouns import Generation
from runner.server import Settings, create_app, running

BODY = {"model_id": "any", "prompt": "a red house", "width": 256, "height": 256, "seed": 7, "enhance_prompt": "no"}


@dataclass
class Recorder:
    """An engine that keeps what it was asked for, and waits at a gate when there is one."""

    name: str = "recorder"
    asked: list[Generation] = field(default_factory=list)
    gate: threading.Event | None = None
    fault: Exception | None = None
    begun: threading.Event = field(default_factory=threading.Event)

    def models(self) -> Mapping[str, str]:
        return {"any": "0" * 64}

    def generate(self, generation: Generation) -> bytes:
        self.asked.append(generation)
        self.begun.set()
        if self.gate:
            assert self.gate.wait(10)
        if self.fault:
            raise self.fault
        return SketchEngine().generate(generation)

    def enhance(self, prompt: str, model_id: str) -> str:
        return f"{prompt}, by {model_id}"


def serving(
    engine: Engine,
    talk: Callable[[httpx.AsyncClient], Awaitable[Any]],
    settings: Settings | None = None,
    **options: Any,
) -> Any:
    async def session() -> Any:
        app = create_app(engine, replace(settings or Settings(), **options))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with (
            running(app),
            httpx.AsyncClient(transport=transport, base_url="http://target/api/v1/enterprise") as http,
        ):
            return await talk(http)

    return asyncio.run(session())


def post(engine: Engine, path: str, body: object, settings: Settings | None = None, **options: Any) -> httpx.Response:
    return serving(engine, lambda http: http.post(path, json=body), settings, **options)


async def until_made(http: httpx.AsyncClient, number: int) -> Any:
    for _ in range(1000):
        answer = (await http.post("fetch", json={"request_id": number})).json()
        if answer["status"] != "processing":
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError(f"request {number} was never made")


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_an_answer_has_a_link_to_each_sample_and_says_what_was_used() -> None:
    async def talk(http: httpx.AsyncClient) -> tuple[dict[str, Any], list[bytes]]:
        answer = (await http.post("text2img", json={**BODY, "samples": "2", "width": "264"})).json()
        return answer, [(await http.get(link)).content for link in answer["output"]]

    engine = Recorder()
    answer, pictures = serving(engine, talk)
    assert answer["status"] == "success"
    assert [picture(data).size for data in pictures] == [(264, 256), (264, 256)]
    assert [generation.seed for generation in engine.asked] == [7, 8]
    meta = answer["meta"]
    assert (meta["W"], meta["H"], meta["seed"], meta["steps"], meta["n_samples"]) == (264, 256, 7, 21, 2)
    assert (meta["prompt"], meta["not_applied"]) == ("a red house", ["safety_checker"])


def test_each_attribute_reaches_the_engine_in_the_fields_own_types() -> None:
    engine = Recorder()
    asked = {
        "negative_prompt": "blurry",
        "num_inference_steps": "31",
        "guidance_scale": "5.5",
        "scheduler": "DPMSolverMultistepScheduler",
        "algorithm_type": "dpmsolver++",
        "lora_model": "ink,neon",
        "lora_strength": "0.5,1",
        "use_karras_sigmas": False,
        "tomesd": "no",
        "clip_skip": 2,
        "vae": "sharp",
        "enhance_prompt": "yes",
    }
    post(engine, "text2img", {**BODY, **asked})
    assert engine.asked == [
        Generation(
            endpoint="text2img",
            model_id="any",
            prompt="a red house, by any",
            negative_prompt="blurry",
            width=256,
            height=256,
            num_inference_steps=31,
            guidance_scale=5.5,
            seed=7,
            scheduler="DPMSolverMultistepScheduler",
            loras=(("ink", 0.5), ("neon", 1.0)),
            use_karras_sigmas=False,
            algorithm_type="dpmsolver+++",
            clip_skip=2,
            tomesd=False,
            vae="sharp",
        )
    ]


def test_images_come_as_links_or_as_base64_and_go_back_as_base64() -> None:
    png = SketchEngine().generate(Generation(endpoint="text2img", model_id="any", prompt="x", width=256, height=256))
    text = base64.b64encode(png).decode()

    async def fetch_image(link: str) -> bytes:
        assert link == "https://images.example/house.png"
        return png

    engine = Recorder()
    linked = {**BODY, "init_image": "https://images.example/house.png"}
    post(engine, "img2img", linked, fetch_image=fetch_image)
    answer = post(
        engine,
        "inpaint",
        {**linked, "init_image": f"data:image/png;base64,{text}", "mask_image": text, "base64": "yes"},
    )
    assert [generation.init_image for generation in engine.asked] == [png, png]
    assert engine.asked[1].mask_image == png
    assert picture(base64.b64decode(answer.json()["output"][0])).size == (256, 256)


def test_a_request_that_takes_longer_than_the_servers_patience_is_fetched_later_both_ways() -> None:
    engine = Recorder(gate=threading.Event())

    async def talk(http: httpx.AsyncClient) -> None:
        promised = (await http.post("text2img", json=BODY)).json()
        assert (promised["status"], promised["output"]) == ("processing", [])
        assert (await http.get(promised["future_links"][0])).status_code == 404
        assert (await http.post(promised["fetch_result"], json={})).json()["status"] == "processing"
        assert engine.gate
        engine.gate.set()
        answer = await until_made(http, promised["id"])
        assert answer["output"] == promised["future_links"]
        by_path = (await http.post(f"images/fetch/{promised['id']}", json={})).json()
        assert by_path == answer
        assert picture((await http.get(answer["output"][0])).content).size == (256, 256)

    serving(engine, talk, Settings(patience=0))


def test_a_full_queue_says_429_and_when_to_come_back() -> None:
    engine = Recorder(gate=threading.Event())

    async def talk(http: httpx.AsyncClient) -> httpx.Response:
        await http.post("text2img", json=BODY)
        await asyncio.to_thread(engine.begun.wait, 10)
        await http.post("text2img", json=BODY)
        refused = await http.post("text2img", json=BODY)
        assert engine.gate
        engine.gate.set()
        return refused

    refused = serving(engine, talk, Settings(patience=0, queue_limit=1))
    assert refused.status_code == 429
    assert refused.json()["retry_after"] > 0


def test_a_wrong_key_is_401_on_every_route_and_stands_in_no_answer() -> None:
    for path in ("text2img", "fetch/1", "schedulers_list", "system_details"):
        refused = post(Recorder(), path, {**BODY, "key": "sesame"}, Settings(key="secret"))
        assert (refused.status_code, refused.json()) == (401, {"status": "error", "message": "Invalid API key"})
    assert post(Recorder(), "text2img", {**BODY, "key": "secret"}, Settings(key="secret")).json()["status"] == "success"


def test_every_complaint_comes_at_once_in_the_services_words() -> None:
    refused = post(Recorder(), "text2img", {"model_id": "any", "width": 100, "height": 257, "samples": 5})
    assert refused.status_code == 400
    assert refused.json()["message"] == (
        "prompt is required; width must be between 256 and 1024; height must be divisible by 8; "
        "samples must be between 1 and 4"
    )


def test_what_the_engine_cannot_do_is_a_400_in_its_words() -> None:
    refused = post(Recorder(fault=EngineError("lora_model: no LoRA 'x'; there are ink, neon")), "text2img", BODY)
    assert (refused.status_code, refused.json()["message"]) == (400, "lora_model: no LoRA 'x'; there are ink, neon")


def test_a_fault_of_the_engine_is_a_500_in_the_contracts_words_and_the_server_goes_on() -> None:
    engine = Recorder(fault=ZeroDivisionError())

    async def talk(http: httpx.AsyncClient) -> tuple[httpx.Response, httpx.Response]:
        first = await http.post("text2img", json=BODY)
        engine.fault = None
        return first, await http.post("text2img", json=BODY)

    first, second = serving(engine, talk)
    assert (first.status_code, first.json()["status"]) == (500, "error")
    assert second.json()["status"] == "success"


def test_a_drawn_seed_is_said_and_gives_the_picture_again() -> None:
    engine = Recorder()
    answer = post(engine, "text2img", {**BODY, "seed": None}, draw_seed=lambda: 123).json()
    assert (answer["meta"]["seed"], engine.asked[0].seed) == (123, 123)


def test_the_same_seed_gives_the_same_bytes_whatever_else_is_in_flight() -> None:
    async def talk(http: httpx.AsyncClient) -> set[bytes]:
        bodies = [{**BODY, "seed": seed} for seed in (7, 1, 7, 2, 7, 3)]
        answers = await asyncio.gather(*(http.post("text2img", json=body) for body in bodies))
        return {(await http.get(answer.json()["output"][0])).content for answer in answers[::2]}

    assert len(serving(Recorder(), talk)) == 1


def test_the_house_says_what_it_has() -> None:
    assert len(post(Recorder(), "schedulers_list", {}).json()["schedulers"]) == 18
    assert post(Recorder(), "get_all_models", {}).json()["models"] == [{"model_id": "any", "digest": "0" * 64}]
    assert (
        post(Recorder(), "verify_model", {"model_id": "other"}).json()["message"]
        == "no model 'other' is here; there are any"
    )
    assert post(Recorder(), "system_details", {}).json()["engine"] == "recorder"


def test_an_unknown_request_is_a_404_in_the_contracts_words() -> None:
    for number in ("1", "x", "9" * 400, "²"):
        refused = post(Recorder(), "fetch", {"request_id": number})
        assert (refused.status_code, refused.json()["status"]) == (404, "error")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(string.printable, max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*BODY, "seed", "lora_model", "lora_strength", "samples", "init_image"]), JSON))
@settings(max_examples=150, deadline=None)
def test_no_body_makes_the_server_fail(body: dict[str, object]) -> None:
    answer = post(Recorder(), "img2img", {**BODY, "init_image": "eA==", **body})
    assert answer.status_code < 500, answer.text
