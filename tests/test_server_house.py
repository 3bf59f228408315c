"""The routes that keep house."""

import asyncio
import base64
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from runner.engine.folders import ModelLibrary
from runner.engine.warehouse import Warehouse
from runner.errors import EngineError
from tests.contracts.engine import checkerboard, png
from tests.contracts.server import BODY, Recorder, until_done
from tests.talking import talk
from tests.test_engine_warehouse import save

Say = Callable[[httpx.AsyncClient], Awaitable[Any]]


@dataclass
class Housed(Recorder):
    """A recorder over a folder of models, which keeps what it was told to load and unload."""

    folder: Path = Path()
    told: list[str] = field(default_factory=list)

    def models(self) -> Mapping[str, str]:
        return dict.fromkeys(ModelLibrary(self.folder).folders(), "0" * 64)

    def load(self, model_id: str) -> None:
        if model_id == "broken":
            raise EngineError("model_id: 'broken' cannot be loaded; copy the model again")
        self.told.append(f"load {model_id}")

    def unload(self) -> None:
        self.told.append("unload")


def post(path: str, body: Mapping[str, object], engine: Recorder | None = None, **options: Any) -> tuple[int, Any]:
    answer = talk(lambda http: http.post(path, json=body), engine, **options)
    return answer.status_code, answer.json()


@pytest.fixture
def engine(tmp_path: Path) -> Housed:
    save(tmp_path / "models" / "own")
    for name in ("fox", "broken"):
        save(tmp_path / "source" / name)
    save(tmp_path / "source" / "soft", "config.json")
    return Housed(folder=tmp_path / "models")


@pytest.fixture
def warehouse(engine: Housed) -> Warehouse:
    return Warehouse(engine.folder, [engine.folder.parent / "source"])


def test_a_model_is_added_loaded_used_and_removed_without_a_restart(engine: Housed, warehouse: Warehouse) -> None:
    async def say(http: httpx.AsyncClient) -> list[Any]:
        named = {"model_id": "fox-2"}
        return [
            (await http.post("load_model", json={**named, "url": "fox"})).json(),
            (await http.post("verify_model", json=named)).json()["status"],
            (await http.post("text2img", json={**BODY, **named})).json()["meta"]["model_id"],
            (await http.post("delete_model", json=named)).json(),
            (await http.post("verify_model", json=named)).status_code,
        ]

    assert talk(say, engine, warehouse=warehouse) == [
        {"status": "success", "message": "the model is ready", "model_id": "fox-2"},
        "success",
        "fox-2",
        {"status": "success", "message": "the model is gone", "model_id": "fox-2"},
        400,
    ]
    assert engine.told[:2] == ["load fox-2", "unload"]


def test_a_known_model_is_brought_into_memory(engine: Housed) -> None:
    assert post("load_model", {"model_id": "own"}, engine)[0] == 200
    assert engine.told[0] == "load own"


def test_a_model_that_cannot_be_loaded_says_so(engine: Housed, warehouse: Warehouse) -> None:
    status, answer = post("load_model", {"model_id": "broken", "model_url": "broken"}, engine, warehouse=warehouse)
    message = "model_id: 'broken' cannot be loaded; copy the model again"
    assert (status, answer) == (400, {"status": "error", "message": message})


def test_a_vae_is_added_for_every_model(engine: Housed, warehouse: Warehouse) -> None:
    said = post("load_vae", {"vae_id": "soft", "url": "soft", "vae_type": "diffusers"}, engine, warehouse=warehouse)
    assert said == (200, {"status": "success", "message": "the VAE is ready", "vae_id": "soft"})
    assert sorted(ModelLibrary(engine.folder).folder("own").vaes()) == ["soft"]


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("load_model", {}, "model_id is required"),
        ("load_model", {"model_id": "x", "url": ["a"]}, "url must be a text: the path of a folder"),
        (
            "load_model",
            {"model_id": "x"},
            "model_id: 'x' is not a model of this server; there are own: send one of these",
        ),
        ("load_vae", {"vae_id": "x"}, "url is required"),
        (
            "load_vae",
            {"vae_id": "x", "url": "soft", "vae_type": "pt"},
            "vae_type: 'pt' is not taken; convert the VAE to a folder of type diffusers",
        ),
        (
            "delete_model",
            {"model_id": "x"},
            "model_id: 'x' is not a model of this server; there are own: send one of these",
        ),
        (
            "delete_model",
            {"model_id": "own"},
            "model_id: 'own' is the last model here, and a server needs one; load another first",
        ),
        ("upload_image", {}, "base64_image is required"),
    ],
)
def test_what_is_missing_or_wrong_is_a_400_in_plain_words(
    engine: Housed, warehouse: Warehouse, path: str, body: dict[str, object], message: str
) -> None:
    assert post(path, body, engine, warehouse=warehouse) == (400, {"status": "error", "message": message})


def test_a_server_whose_models_are_fixed_says_how_to_start_one_whose_models_are_not(engine: Housed) -> None:
    for path, body in (("load_model", {"model_id": "x", "url": "fox"}), ("load_vae", {"vae_id": "x", "url": "soft"})):
        status, answer = post(path, body, engine)
        assert status == 400
        assert answer["message"].startswith("this server's models are fixed; to add and remove models, start it with")


def test_clearing_the_queue_says_how_many_were_refused() -> None:
    recorder = Recorder(gate=threading.Event())

    async def say(http: httpx.AsyncClient) -> tuple[Any, list[str]]:
        made = [(await http.post("text2img", json=BODY)).json()["id"] for _ in range(3)]
        await asyncio.to_thread(recorder.begun.wait, 10)
        cleared = (await http.post("clear_queue", json={})).json()
        assert recorder.gate
        recorder.gate.set()
        return cleared, [(await until_done(http, number)).json()["status"] for number in made]

    said = {"status": "success", "message": "refused: 2 waiting requests"}
    assert talk(say, recorder, patience=0) == (said, ["success", "failed", "failed"])


def test_clearing_the_cache_forgets_pictures_and_uploads() -> None:
    text = base64.b64encode(png(checkerboard(64, 64))).decode()

    async def say(http: httpx.AsyncClient) -> tuple[Any, list[int]]:
        links = (await http.post("text2img", json=BODY)).json()["output"]
        links += (await http.post("upload_image", json={"base64_image": text, "image_type": "png"})).json()["output"]
        said = (await http.post("clear_cache", json={})).json()
        return said, [(await http.get(link)).status_code for link in links]

    said = {"status": "success", "message": "forgotten: 1 request and 1 upload"}
    assert talk(say) == (said, [410, 410])


def test_a_restart_gives_memory_back_and_what_waits_keeps_its_place(engine: Housed) -> None:
    engine.gate = threading.Event()

    async def say(http: httpx.AsyncClient) -> tuple[Any, list[str]]:
        made = [(await http.post("text2img", json=BODY)).json()["id"] for _ in range(2)]
        await asyncio.to_thread(engine.begun.wait, 10)
        restarting = asyncio.create_task(http.post("restart_server", json={}))
        assert engine.gate
        engine.gate.set()
        ends = [(await until_done(http, number)).json()["status"] for number in made]
        return (await restarting).json(), ends

    said = {"status": "success", "message": "1 engine restarted; what waits keeps its place"}
    assert talk(say, engine, patience=0) == (said, ["success", "success"])
    assert engine.told == ["unload", "unload"]  # the second is the end of the session


def test_an_uploaded_picture_is_a_png_at_its_link_and_an_init_image_that_no_network_is_asked_for() -> None:
    recorder, picture = Recorder(), checkerboard(64, 48)
    buffer = BytesIO()
    picture.convert("CMYK").save(buffer, format="JPEG", quality=95)

    async def never(link: str) -> bytes:
        raise AssertionError(link)

    async def say(http: httpx.AsyncClient) -> tuple[bytes, int]:
        text = base64.b64encode(buffer.getvalue()).decode()
        link = (await http.post("upload_image", json={"base64_image": text})).json()["link"]
        status = (await http.post("img2img", json={**BODY, "init_image": link})).status_code
        return (await http.get(link)).content, status

    kept, status = talk(say, recorder, fetch_image=never)
    with Image.open(BytesIO(kept), formats=["PNG"]) as image:
        assert (image.size, image.mode, status) == ((64, 48), "RGB", 200)
    assert recorder.asked[0].init_image == kept


def test_a_picture_that_was_made_here_is_an_init_image_too_and_one_that_is_gone_is_a_400() -> None:
    recorder = Recorder()

    async def say(http: httpx.AsyncClient) -> tuple[bytes, httpx.Response, httpx.Response]:
        link = (await http.post("text2img", json=BODY)).json()["output"][0]
        picture = (await http.get(link)).content
        await http.post("img2img", json={**BODY, "init_image": link})
        gone = [link.replace("-0.png", tail) for tail in ("-3.png", "-0.png/../../x")]
        return picture, *[await http.post("img2img", json={**BODY, "init_image": one}) for one in gone]

    picture, *refused = talk(say, recorder)
    assert recorder.asked[1].init_image == picture
    assert [answer.status_code for answer in refused] == [400, 400]
    assert "no such image is here, or it is forgotten" in refused[0].json()["message"]


@pytest.mark.parametrize("text", ["not base64!", base64.b64encode(b"no picture").decode()])
def test_an_upload_that_is_no_picture_is_a_400(text: str) -> None:
    status, answer = post("upload_image", {"base64_image": text})
    assert status == 400
    assert answer["message"].startswith("base64_image: ")
