"""What every server of the contract keeps to. An implementation subclasses `ServerContract` and opens itself:

class TestMyServer(ServerContract):
    def opened(self, engine: Engine, settings: Settings) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        return my_server(engine, settings)
"""

import asyncio
import base64
import io
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import httpx
import pytest
from PIL import Image

from runner import wire
from runner.client import Client
from runner.engine import Engine
from runner.engine.sketch import SketchEngine
from runner.errors import EngineError
from runner.nouns import Concern, Drawn, Generation, Queued, Ready, Refused, Request, Unknown
from runner.pace import Clock
from runner.schema import endpoint_schema
from runner.server import Settings

T = TypeVar("T")

BODY = {"model_id": "any", "prompt": "a red house", "width": 256, "height": 256, "seed": 7, "enhance_prompt": "no"}
GENERATION = Generation(
    endpoint="text2img",
    model_id="any",
    prompt="a red house",
    width=256,
    height=256,
    seed=7,
    hide="sensitive_content_text",
)


@dataclass
class Recorder:
    """The sketch engine, which keeps what it was asked for; it waits at a gate and fails when it is told to."""

    name: str = "recorder"
    asked: list[Generation] = field(default_factory=list)
    gate: threading.Event | None = None
    begun: threading.Event = field(default_factory=threading.Event)
    fault: Exception | None = None

    def models(self) -> Mapping[str, str]:
        return {"any": "0" * 64}

    def generate(self, generation: Generation) -> Drawn:
        self.asked.append(generation)
        self.begun.set()
        if self.gate:
            assert self.gate.wait(10)
        if self.fault:
            raise self.fault
        return SketchEngine().generate(generation)

    def enhance(self, prompt: str, model_id: str) -> str:
        return f"{prompt}, by {model_id}"

    def load(self, model_id: str) -> None:
        """Everything is loaded."""

    def unload(self) -> None:
        """Nothing can be."""


async def until_done(http: httpx.AsyncClient, number: object) -> httpx.Response:
    for _ in range(10_000):
        answer = await http.post("fetch", json={"request_id": number})
        if answer.json()["status"] != "processing":
            return answer
        await asyncio.sleep(0)  # a server in this process needs the loop
    raise AssertionError(f"request {number} was never done")


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        return image.size


class ServerContract:
    """Subclass it, and say how the server is opened over an engine: the client's base_url ends before the route."""

    def opened(self, engine: Engine, settings: Settings) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        raise NotImplementedError

    def talk(self, say: Callable[[httpx.AsyncClient], Awaitable[T]], engine: Engine | None = None, **options: Any) -> T:
        async def session() -> T:
            async with self.opened(engine or Recorder(), replace(Settings(), **options)) as http:
                return await say(http)

        return asyncio.run(session())

    def post(self, path: str, body: object, engine: Engine | None = None, **options: Any) -> httpx.Response:
        return self.talk(lambda http: http.post(path, json=body), engine, **options)

    # --- success ------------------------------------------------------------------------------------------------

    def test_an_answer_has_a_link_to_each_sample_and_every_field_of_a_success(self) -> None:
        async def say(http: httpx.AsyncClient) -> tuple[dict[str, Any], list[httpx.Response]]:
            answer = (await http.post("text2img", json={**BODY, "samples": "2", "width": "264"})).json()
            return answer, [await http.get(link) for link in answer["output"]]

        engine = Recorder()
        answer, pictures = self.talk(say, engine)
        meta = answer.pop("meta")
        assert {picture.headers["content-type"] for picture in pictures} == {"image/png"}
        assert [picture.content for picture in pictures] == [
            SketchEngine().generate(replace(GENERATION, width=264, seed=seed)).png for seed in (7, 8)
        ]
        assert answer["generationTime"] >= 0
        assert {**answer, "generationTime": 0} == {
            "status": "success",
            "generationTime": 0,
            "id": answer["id"],
            "output": answer["output"],
            "proxy_links": answer["output"],
            "nsfw_content_detected": False,
            "webhook_status": "",
            "tip": "",
        }
        assert isinstance(answer["id"], int)
        expected = {
            "model_id": "any",
            "prompt": "a red house",
            "negative_prompt": "",
            "scheduler": None,
            "safety_checker": "yes",
            "W": 264,
            "H": 256,
            "guidance_scale": 7.5,
            "seed": 7,
            "steps": 21,
            "n_samples": 2,
            "clip_skip": 1,
            "not_applied": [],
        }
        assert {name: meta[name] for name in expected} == expected

    @pytest.mark.parametrize("base", ["", "images/"])
    def test_every_route_stands_under_every_base(self, base: str) -> None:
        async def say(http: httpx.AsyncClient) -> list[int]:
            names = [name for name in wire.ROUTES if name != "fetch"]
            answers = [
                await http.post(f"{base}{name}", json={**BODY, "init_image": "", "mask_image": ""}) for name in names
            ]
            answers += [await http.post(f"{base}{path}", json={"request_id": "5"}) for path in ("fetch", "fetch/5")]
            return [answer.status_code for answer in answers]

        # the image routes lack or do not take images, the model is known and the last, request 5 is not known
        # nor is a track_id sent
        assert self.talk(say) == [*[400] * 3, *[200] * 8, *[400] * 4, 404, 404]

    def test_each_attribute_reaches_the_engine_in_the_fields_own_types(self) -> None:
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
        engine = Recorder()
        meta = self.post("text2img", {**BODY, **asked}, engine).json()["meta"]
        assert meta["prompt"] == "a red house, by any"
        assert engine.asked == [
            replace(
                GENERATION,
                prompt="a red house, by any",
                negative_prompt="blurry",
                num_inference_steps=31,
                guidance_scale=5.5,
                scheduler="DPMSolverMultistepScheduler",
                loras=(("ink", 0.5), ("neon", 1.0)),
                use_karras_sigmas=False,
                algorithm_type="dpmsolver+++",
                clip_skip=2,
                tomesd=False,
                vae="sharp",
            )
        ]

    def test_images_travel_as_base64_both_ways_and_as_links(self) -> None:
        png = SketchEngine().generate(GENERATION).png
        text = base64.b64encode(png).decode()

        async def fetch_image(link: str) -> bytes:
            assert link == "https://images.example/house.png"
            return png

        engine = Recorder()
        linked = {**BODY, "init_image": "https://images.example/house.png", "strength": 0.25}
        encoded = {"init_image": f"data:image/png;base64,{text}", "mask_image": text, "base64": "yes"}
        self.post("img2img", linked, engine, fetch_image=fetch_image)
        answer = self.post("inpaint", {**linked, **encoded}, engine).json()
        assert engine.asked == [
            replace(GENERATION, endpoint="img2img", init_image=png, strength=0.25),
            replace(GENERATION, endpoint="inpaint", init_image=png, mask_image=png, strength=0.25),
        ]
        assert [size_of(base64.b64decode(output)) for output in answer["output"]] == [(256, 256)]
        assert answer["proxy_links"] == []

    def test_a_seed_that_the_server_drew_is_said_and_gives_the_same_picture_again(self) -> None:
        async def say(http: httpx.AsyncClient) -> tuple[bytes, bytes]:
            drawn = (await http.post("text2img", json={**BODY, "seed": None})).json()
            again = (await http.post("text2img", json={**BODY, "seed": drawn["meta"]["seed"]})).json()
            return (await http.get(drawn["output"][0])).content, (await http.get(again["output"][0])).content

        first, second = self.talk(say)
        assert first == second

    def test_the_seed_after_the_last_is_the_first(self) -> None:
        engine = Recorder()
        self.post("text2img", {**BODY, "seed": 2**32 - 1, "samples": 2}, engine)
        assert [generation.seed for generation in engine.asked] == [2**32 - 1, 0]

    def test_the_same_seed_gives_the_same_bytes_whatever_else_is_in_flight(self) -> None:
        async def say(http: httpx.AsyncClient) -> list[bytes]:
            bodies = [{**BODY, "seed": seed} for seed in (7, 1, 7, 2, 7, 3)]
            answers = await asyncio.gather(*(http.post("text2img", json=body) for body in bodies))
            return [(await http.get(answer.json()["output"][0])).content for answer in answers]

        pictures = self.talk(say)
        assert len(set(pictures)) == 4
        assert {pictures[0], pictures[2], pictures[4]} == {SketchEngine().generate(GENERATION).png}

    def test_what_has_no_effect_here_is_said(self) -> None:
        asked = {
            "panorama": "yes",
            "self_attention": True,
            "upscale": "yes",
            "highres_fix": "yes",
        }
        named = ["panorama", "self_attention", "upscale", "highres_fix"]
        answer = self.post("text2img", {**BODY, **asked}).json()
        assert (answer["meta"]["not_applied"], answer["tip"]) == (named, f"without effect here: {', '.join(named)}")
        assert self.post("text2img", BODY).json()["meta"]["not_applied"] == []

    # --- processing ---------------------------------------------------------------------------------------------

    def test_without_patience_every_answer_is_a_promise_that_fetch_keeps_either_way(self) -> None:
        engine = Recorder(gate=threading.Event())

        async def say(http: httpx.AsyncClient) -> None:
            promised = (await http.post("text2img", json=BODY)).json()
            assert promised["status"] == "processing"
            assert promised["output"] == []
            assert promised["eta"] > 0
            assert promised["meta"]["seed"] == 7
            assert (await http.get(promised["future_links"][0])).status_code == 404
            assert (await http.post(promised["fetch_result"], json={})).json()["status"] == "processing"
            assert engine.gate
            engine.gate.set()
            in_body = await until_done(http, promised["id"])
            in_path = await http.post(f"fetch/{promised['id']}", json={})
            at_address = await http.post(promised["fetch_result"], json={})
            assert in_body.json() == in_path.json() == at_address.json()
            assert in_body.json()["output"] == promised["future_links"]
            assert size_of((await http.get(promised["future_links"][0])).content) == (256, 256)

        self.talk(say, engine, patience=0)

    def test_with_patience_the_answer_waits_for_its_pictures(self) -> None:
        engine = Recorder(gate=threading.Event())

        async def say(http: httpx.AsyncClient) -> str:
            answer = asyncio.create_task(http.post("text2img", json=BODY))
            await asyncio.to_thread(engine.begun.wait, 10)
            assert not answer.done()
            assert engine.gate
            engine.gate.set()
            return str((await answer).json()["status"])

        assert self.talk(say, engine, patience=float("inf")) == "success"

    def test_a_full_queue_says_429_and_when_to_come_back_and_takes_more_once_it_is_not(self) -> None:
        engine = Recorder(gate=threading.Event())

        async def say(http: httpx.AsyncClient) -> tuple[list[int], httpx.Response, int]:
            answers = [await http.post("text2img", json=BODY) for _ in range(3)]
            refused = await http.post("text2img", json=BODY)
            assert engine.gate
            engine.gate.set()
            await until_done(http, answers[0].json()["id"])
            return (
                [answer.status_code for answer in answers],
                refused,
                (await http.post("text2img", json=BODY)).status_code,
            )

        taken, refused, later = self.talk(say, engine, patience=0, queue_limit=2)
        assert (taken, refused.status_code, later) == ([200, 200, 200], 429, 200)
        assert refused.json()["status"] == "error"
        assert refused.json()["retry_after"] >= 1

    # --- refusals -----------------------------------------------------------------------------------------------

    def test_a_wrong_key_is_401_on_every_route_and_the_right_one_stands_in_no_answer(self) -> None:
        async def say(http: httpx.AsyncClient) -> list[httpx.Response]:
            wrong = [{"key": "sesame"}, {"key": None}, {"key": ["secret-4711"]}, {"key": "ſ"}, {}]
            paths = [*wire.ROUTES, "fetch/1"]
            refused = [await http.post(path, json={**BODY, **key}) for path in paths for key in wrong]
            assert {answer.status_code for answer in refused} == {401}
            assert {answer.text for answer in refused} == {'{"status": "error", "message": "Invalid API key"}'}
            bodies = [BODY, BODY | {"width": 5}, BODY | {"seed": 1}]
            return [await http.post("text2img", json={**body, "key": "secret-4711"}) for body in bodies]

        answers = self.talk(say, key="secret-4711")
        assert [answer.status_code for answer in answers] == [200, 400, 200]
        assert "secret-4711" not in "".join(answer.text for answer in answers)

    def test_every_complaint_comes_at_once_in_the_services_words(self) -> None:
        refused = self.post("text2img", {"model_id": "any", "width": 100, "height": 257, "samples": 5})
        assert refused.status_code == 400
        assert refused.json() == {
            "status": "error",
            "message": (
                "prompt is required; width must be between 256 and 1024; height must be divisible by 8; "
                "samples must be between 1 and 4"
            ),
        }

    def test_what_the_engine_cannot_do_is_a_400_in_its_words_at_once_and_when_fetched(self) -> None:
        engine = Recorder(fault=EngineError("lora_model: no LoRA 'x'; there are ink, neon"))

        async def later(http: httpx.AsyncClient) -> httpx.Response:
            return await until_done(http, (await http.post("text2img", json=BODY)).json()["id"])

        at_once, fetched = self.post("text2img", BODY, engine), self.talk(later, engine, patience=0)
        message = "lora_model: no LoRA 'x'; there are ink, neon"
        assert (at_once.status_code, at_once.json()) == (400, {"status": "error", "message": message})
        assert fetched.json() == {"status": "failed", "message": message}

    def test_a_fault_of_the_engine_is_a_500_in_the_contracts_words_and_the_server_goes_on(self) -> None:
        engine = Recorder(fault=ZeroDivisionError("a secret of the house"))

        async def say(http: httpx.AsyncClient) -> tuple[httpx.Response, httpx.Response]:
            first = await http.post("text2img", json=BODY)
            engine.fault = None
            return first, await http.post("text2img", json=BODY)

        first, second = self.talk(say, engine)
        assert (first.status_code, first.json()["status"]) == (500, "error")
        assert "secret" not in first.text
        assert second.json()["status"] == "success"

    def test_an_unknown_request_is_a_404_and_an_unknown_picture_is_gone(self) -> None:
        async def say(http: httpx.AsyncClient) -> None:
            for number in ("1", "x", "9" * 400, "²", "../1", -1, [1], {"a": 1}):
                refused = await http.post("fetch", json={"request_id": number})
                assert (refused.status_code, refused.json()["status"]) == (404, "error")
            assert (await http.post("fetch", json={})).json()["message"] == "request_id is required"
            made = (await http.post("text2img", json=BODY)).json()
            for link in (made["output"][0].replace("-0.png", "-1.png"), str(http.base_url.join("/images/1-0.png"))):
                assert (await http.get(link)).status_code == 410

        self.talk(say)

    # --- housekeeping -------------------------------------------------------------------------------------------

    def test_the_house_says_what_it_has(self) -> None:
        async def say(http: httpx.AsyncClient) -> list[Any]:
            names = ("schedulers_list", "get_all_models", "verify_model", "system_details")
            return [(await http.post(name, json={"model_id": "any"})).json() for name in names]

        schedulers, models, verified, details = self.talk(say)
        assert schedulers["schedulers"] == endpoint_schema("text2img").properties["scheduler"]["enum"]
        assert models["models"] == [{"model_id": "any", "digest": "0" * 64}]
        assert (verified["status"], details["status"]) == ("success", "success")

    @pytest.mark.parametrize(
        ("model_id", "message"),
        [
            ("other", "model_id: 'other' is not a model of this server; there are any: send one of these"),
            (7, "model_id is required"),
            ("", "model_id is required"),
        ],
    )
    def test_a_model_that_is_not_there_is_a_400(self, model_id: object, message: str) -> None:
        refused = self.post("verify_model", {"model_id": model_id})
        assert (refused.status_code, refused.json()) == (400, {"status": "error", "message": message})

    # --- with the client ----------------------------------------------------------------------------------------

    def test_the_client_understands_every_answer(self) -> None:
        engine, png = Recorder(), SketchEngine().generate(GENERATION).png
        request = Request(endpoint="text2img", parameters={**BODY, "base64": "yes"})

        async def say(http: httpx.AsyncClient) -> None:
            client = Client(http, load=lambda _: png, key="secret", clock=Clock(sleep=lambda _: asyncio.sleep(0)))
            assert await client.probe() is None
            assert (await Client(http, load=lambda _: png, key="wrong").probe()) == Refused(
                concern=Concern.RUN, message="Invalid API key", status=401
            )
            queued = await client.send(request)
            assert isinstance(queued, Queued)
            ready = await client.wait(queued, deadline=float("inf"))
            assert isinstance(ready, Ready)
            assert (ready.encoded, ready.remote_id, ready.meta["seed"]) == (True, queued.remote_id, 7)
            assert await client.download(ready) == (png,)
            local = Request(endpoint="img2img", parameters={**BODY, "init_image": "sha256:aa"})
            queued = await client.send(local)
            assert isinstance(queued, Queued)
            ready = await client.wait(queued, deadline=float("inf"))
            assert isinstance(ready, Ready)
            assert engine.asked[-1].init_image == png
            linked = await client.send(Request(endpoint="text2img", parameters=BODY))
            assert isinstance(linked, Queued)
            ready = await client.wait(linked, deadline=float("inf"))
            assert isinstance(ready, Ready)
            assert await client.download(ready) == (png,)
            assert isinstance(await client.wait(Queued(remote_id="1"), deadline=0), Unknown)

        self.talk(say, engine, patience=0, key="secret")
