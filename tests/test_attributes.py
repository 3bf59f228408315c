"""Each body attribute has its effect: it alone is changed, through the endpoint, and the picture or the answer is measured.

A test named `test_NAME_…` is the one that attribute NAME stands or falls with.
"""

import asyncio
import base64
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from PIL import Image, ImageChops, ImageStat

from runner.engine.diffusion import DiffusionEngine
from runner.pace import Clock
from runner.schema import bundled
from runner.server import Settings, create_app, running
from runner.server.generations import UNAPPLIED
from runner.shipped import shipped
from tests.contracts.engine import checkerboard, left_half, png

pytestmark = [pytest.mark.local, pytest.mark.slow]

ATTRIBUTES = bundled("parameters")["$defs"]
SCHEDULERS: Mapping[str, Mapping[str, Any]] = ATTRIBUTES["scheduler"]["x-schedulers"]
PLAIN = {
    "model_id": "studio-tiny",
    "prompt": "a red house, on the grass, blue sky",
    "width": 256,
    "height": 256,
    "guidance_scale": 5,
    "scheduler": "DDIMScheduler",
    "seed": 7,
    "enhance_prompt": "no",
    "tomesd": "no",
}
HOUSE = base64.b64encode((Path(__file__).parent.parent / "experiments" / "images" / "house.png").read_bytes()).decode()
SUBJECT, SKY = (80, 96, 176, 200), (0, 0, 256, 48)


@dataclass(frozen=True)
class Answered:
    status: int
    said: dict[str, Any]
    files: tuple[bytes, ...]

    @property
    def picture(self) -> Image.Image:
        return Image.open(BytesIO(self.files[0])).convert("RGB")


class Warm(DiffusionEngine):
    """The engine, which keeps its models from one session of the app to the next."""

    def unload(self) -> None:
        """Keep them."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """studio-tiny; and a copy with another VAE, whose own scheduler solves stochastically."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(shipped("models", "studio-tiny"), folder / "studio-tiny")
    other = Path(shutil.copytree(folder / "studio-tiny", folder / "other"))
    scheduler = json.loads((other / "scheduler" / "scheduler_config.json").read_text())
    (other / "scheduler" / "scheduler_config.json").write_text(
        json.dumps(scheduler | {"algorithm_type": "sde-dpmsolver++"})
    )
    from diffusers import AutoencoderTiny

    vae = AutoencoderTiny.from_pretrained(other / "vae")
    with torch.no_grad():
        vae.decoder.layers[-1].bias += 0.3
    vae.save_pretrained(other / "vaes" / "bright")
    return folder


@pytest.fixture(scope="module")
def engine(models: Path) -> Warm:
    return Warm(models)


@pytest.fixture(scope="module")
def made() -> dict[str, Answered]:
    return {}


@pytest.fixture
def make(engine: Warm, made: dict[str, Answered]) -> Any:
    """Return a function that sends a body, each once, and returns what came back."""

    def make(route: str = "text2img", settings: Settings | None = None, **changes: Any) -> Answered:
        body = {name: value for name, value in {**PLAIN, **changes}.items() if value is not ...}
        key = json.dumps([route, body])
        if settings is not None or key not in made:
            made[key] = asyncio.run(_send(engine, route, body, settings or Settings(patience=float("inf"))))
        return made[key]

    return make


async def _send(engine: Warm, route: str, body: Mapping[str, Any], settings: Settings) -> Answered:
    app = create_app(engine, settings)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    base_url = "http://target/api/v1/enterprise"
    async with running(app), httpx.AsyncClient(transport=transport, base_url=base_url, timeout=300) as http:
        answer = await http.post(route, json=body)
        outputs = answer.json().get("output", [])
        encoded = body.get("base64") == "yes"
        files = [base64.b64decode(one) if encoded else (await http.get(one)).content for one in outputs]
    return Answered(answer.status_code, answer.json(), tuple(files))


def apart(one: Image.Image, other: Image.Image, box: tuple[int, int, int, int] | None = None) -> float:
    """Return the mean difference of two pictures' pixels, of 255."""
    pair = [picture.crop(box) if box else picture for picture in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*pair)).mean) / 3


def colour(picture: Image.Image, box: tuple[int, int, int, int]) -> tuple[float, float, float]:
    red, green, blue = ImageStat.Stat(picture.crop(box)).mean
    return red, green, blue


def clipped(picture: Image.Image) -> float:
    """Return the share of a picture's levels that are within 8 of black or white in their channel."""
    ends = [sum(channel.histogram()[:8]) + sum(channel.histogram()[248:]) for channel in picture.split()]
    return sum(ends) / (3 * picture.width * picture.height)


def test_every_attribute_has_a_test_that_is_named_after_it() -> None:
    names = "\n".join(name for name in list(globals()) if name.startswith("test_"))
    untested = [name for name in (*ATTRIBUTES, "key") if not re.search(rf"^test_{name}_", names, re.MULTILINE)]
    assert untested == list(UNAPPLIED)  # those that have no effect here, and whose answers say so


# --- what is drawn --------------------------------------------------------------------------------------------------


def test_model_id_chooses_the_model_and_one_that_is_not_there_is_refused(make: Any) -> None:
    assert make().said["meta"]["model_id"] == "studio-tiny"
    refused = make(model_id="fox")
    message = "model_id: 'fox' is not a model of this server; there are other, studio-tiny: send one of these"
    assert (refused.status, refused.said) == (400, {"status": "error", "message": message})


def test_prompt_says_what_is_drawn(make: Any) -> None:
    red = colour(make().picture, SUBJECT)
    blue = colour(make(prompt="a blue house, on the grass, blue sky").picture, SUBJECT)
    assert red[0] - red[2] > 30 > blue[0] - blue[2]


def test_negative_prompt_takes_away_what_it_names_and_only_under_guidance(make: Any) -> None:
    plain, without = make(), make(negative_prompt="a red house")
    assert colour(without.picture, SUBJECT)[0] - colour(without.picture, SUBJECT)[2] < (
        colour(plain.picture, SUBJECT)[0] - colour(plain.picture, SUBJECT)[2]
    )
    assert make(guidance_scale=1).files == make(guidance_scale=1, negative_prompt="a red house").files


def test_width_and_height_are_the_pictures_in_any_combination(make: Any) -> None:
    sizes = [make(width=width, height=height).picture.size for width, height in ((256, 320), (384, 256), (264, 272))]
    assert sizes == [(256, 320), (384, 256), (264, 272)]


def test_height_up_to_1024_is_made(make: Any) -> None:
    assert make(width=256, height=1024).picture.size == (256, 1024)


def test_samples_have_seeds_that_follow_and_the_bytes_of_a_request_of_their_own(make: Any) -> None:
    three = make(samples=3)
    assert three.files == tuple(make(seed=seed).files[0] for seed in (7, 8, 9))
    assert len(set(three.files)) == 3


def test_num_inference_steps_change_the_picture_less_and_less(make: Any) -> None:
    few, more, most = (make(num_inference_steps=steps).picture for steps in (21, 31, 41))
    assert 0 < apart(more, most) < apart(few, most)


def test_guidance_scale_drives_colours_to_the_ends_of_the_scale(make: Any) -> None:
    shares = [clipped(make(guidance_scale=scale).picture) for scale in (1, 2, 5, 9, 14, 20)]
    assert shares == sorted(shares)
    assert shares[-1] > 10 * shares[0]


def test_scheduler_is_one_of_18_and_each_draws_its_own_picture(make: Any) -> None:
    files = {name: make(scheduler=name).files[0] for name in SCHEDULERS}
    assert len(set(files.values())) == len(files) == 18


def test_seed_gives_the_same_bytes_again_and_another_seed_others(make: Any) -> None:
    again = make(settings=Settings(patience=float("inf")))
    assert again.files == make().files != make(seed=8).files


def test_seed_null_is_drawn_and_said_and_can_be_asked_for_again(make: Any) -> None:
    drawn = make(seed=None)
    assert make(seed=drawn.said["meta"]["seed"]).files == drawn.files


def test_clip_skip_takes_an_earlier_layer_and_none_that_the_model_lacks(make: Any) -> None:
    first, second, third = (make(clip_skip=layer).picture for layer in (1, 2, 4))
    assert apart(first, second) > 0.5
    assert apart(second, third) > 0.5
    refused = make(clip_skip=5)
    assert refused.status == 400
    assert refused.said["message"].startswith("clip_skip: 5 is not a layer of this model's text encoder, which has 4")


def test_lora_model_is_worn_alone_and_with_others(make: Any) -> None:
    plain, ink = make(), make(lora_model="ink", lora_strength="0.6")
    both = make(lora_model="ink,neon", lora_strength="0.6,0.6")
    assert min(apart(plain.picture, ink.picture), apart(ink.picture, both.picture)) > 3
    assert (
        make(lora_model="fox", lora_strength=1).said["message"].startswith("lora_model: 'fox' is not a LoRA of model")
    )


def test_lora_strength_grows_the_change(make: Any) -> None:
    plain = make().picture
    changes = [apart(plain, make(lora_model="ink", lora_strength=strength).picture) for strength in (0.1, 0.3, 0.6)]
    assert changes == sorted(changes)
    assert changes[0] > 0


def test_tomesd_changes_the_picture_a_little(make: Any) -> None:
    assert 0 < apart(make().picture, make(tomesd="yes").picture) < 12


def test_use_karras_sigmas_acts_on_the_schedulers_that_the_table_names_and_on_no_other(make: Any) -> None:
    acts = {
        name: make(scheduler=name).files != make(scheduler=name, use_karras_sigmas="no").files for name in SCHEDULERS
    }
    assert acts == {name: said["karras"] for name, said in SCHEDULERS.items()}


def test_algorithm_type_acts_where_the_models_own_configuration_says_another_algorithm(make: Any) -> None:
    solver = {"scheduler": "DPMSolverMultistepScheduler"}
    own, asked = (make(model_id="other", algorithm_type=kind, **solver) for kind in ("none", "dpmsolver+++"))
    assert apart(own.picture, asked.picture) > 3
    assert asked.files == make(**solver).files == make(algorithm_type="dpmsolver+++", **solver).files
    assert make(algorithm_type="dpmsolver+++").status == 400


def test_vae_decodes_with_another(make: Any) -> None:
    own, bright = make(model_id="other"), make(model_id="other", vae="bright")
    assert sum(colour(bright.picture, SKY)) > sum(colour(own.picture, SKY)) + 30
    assert own.files == make().files
    assert make(model_id="other", vae="dark").status == 400


# --- from a picture -------------------------------------------------------------------------------------------------


def test_init_image_is_what_the_picture_starts_from(make: Any) -> None:
    board = base64.b64encode(png(checkerboard(256, 256))).decode()
    house, squares = (make("img2img", init_image=image, strength=0.4).picture for image in (HOUSE, board))
    assert apart(squares, checkerboard(256, 256)) < apart(house, checkerboard(256, 256)) - 20


def test_strength_leaves_less_of_the_initial_image(make: Any) -> None:
    start = Image.open(BytesIO(base64.b64decode(HOUSE))).convert("RGB").resize((256, 256))
    asked = {"init_image": HOUSE, "prompt": "a blue boat, on sand, night sky"}
    distances = [apart(start, make("img2img", strength=strength, **asked).picture) for strength in (0, 0.3, 0.6, 1)]
    assert distances == sorted(distances)
    assert distances[0] < distances[-1] / 3


def test_mask_image_keeps_what_is_black_pixel_for_pixel_and_repaints_what_is_white(make: Any) -> None:
    start = Image.open(BytesIO(base64.b64decode(HOUSE))).convert("RGB").resize((256, 256), Image.Resampling.LANCZOS)
    mask = base64.b64encode(png(left_half(256, 256))).decode()
    painted = make("inpaint", init_image=HOUSE, mask_image=mask, strength=1, prompt="night sky").picture
    assert apart(start, painted, (128, 0, 256, 256)) == 0
    assert apart(start, painted, (0, 0, 128, 256)) > 10


@pytest.mark.parametrize("route", ["img2img", "inpaint"])
def test_scheduler_that_inverts_has_no_picture_of_a_picture(make: Any, route: str) -> None:
    refused = make(
        route,
        init_image=HOUSE,
        scheduler="DDIMInverseScheduler",
        **({"mask_image": HOUSE} if route == "inpaint" else {}),
    )
    message = (
        f"DDIMInverseScheduler turns a picture into noise and denoises nothing, so that {route} has no picture to give; "
        f"choose one of the other 17 schedulers, or text2img ({route})"
    )
    assert (refused.status, refused.said["message"]) == (400, message)


# --- around the picture ---------------------------------------------------------------------------------------------


def test_enhance_prompt_adds_what_the_prompt_lacks_and_no_leaves_it_alone(make: Any) -> None:
    asked = {"prompt": "a red house"}
    plain, enhanced = make(**asked), make(**asked, enhance_prompt="yes")
    assert (plain.said["meta"]["prompt"], enhanced.said["meta"]["prompt"]) == (
        "a red house",
        "a red house, on the grass, blue sky",
    )
    assert enhanced.files == make().files != plain.files


def test_safety_checker_looks_or_does_not(make: Any) -> None:
    unsafe = {"prompt": "a red house, on the grass, blue sky, nsfw"}
    safe, found, unlooked = make(), make(**unsafe), make(**unsafe, safety_checker="no")
    assert [one.said["nsfw_content_detected"] for one in (safe, found, unlooked)] == [False, True, None]
    assert apart(unlooked.picture, found.picture) > 20


def test_safety_checker_type_is_how_an_unsafe_picture_is_hidden(make: Any) -> None:
    unsafe = {"prompt": "a red house, on the grass, blue sky, nsfw"}
    ways = ATTRIBUTES["safety_checker_type"]["enum"]
    files = {way: make(**unsafe, safety_checker_type=way).files[0] for way in ways}
    assert (len(files), len(set(files.values()))) == (4, 4)


def test_base64_brings_the_pictures_themselves(make: Any) -> None:
    assert make(base64="yes").files == make().files


def test_key_opens_the_server_and_no_other_does(make: Any) -> None:
    statuses = [
        make(settings=Settings(key="open sesame"), key=key, base64=base64).status
        for key, base64 in (("open sesame", "no"), ("shut", "no"), (..., "no"))
    ]
    assert statuses == [200, 401, 401]


def test_temp_links_die_after_a_day(engine: Warm) -> None:
    now = [0.0]

    async def session() -> list[int]:
        app = create_app(engine, Settings(patience=float("inf"), clock=Clock(now=lambda: now[0])))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        base_url = "http://target/api/v1/enterprise"
        async with running(app), httpx.AsyncClient(transport=transport, base_url=base_url, timeout=300) as http:
            link = (await http.post("text2img", json={**PLAIN, "temp": "yes"})).json()["output"][0]
            found = []
            for now[0] in (24 * 3600 - 1.0, 24 * 3600 + 1.0):
                found.append((await http.get(link)).status_code)
            return found

    assert asyncio.run(session()) == [200, 410]


def told(make: Any, **changes: Any) -> list[tuple[str, Any]]:
    calls: list[tuple[str, Any]] = []

    async def post(url: str, payload: Mapping[str, object]) -> int:
        calls.append((url, payload))
        return 200

    make(settings=Settings(patience=float("inf"), post_hook=post), **changes)
    return calls


def test_webhook_is_sent_the_answer(make: Any) -> None:
    calls = told(make, webhook="https://hook.example/done")
    assert [(url, said["status"], said["meta"]["seed"]) for url, said in calls] == [
        ("https://hook.example/done", "success", 7)
    ]


def test_track_id_comes_back_in_the_webhook_call(make: Any) -> None:
    assert told(make, webhook="https://hook.example/", track_id="order-66")[0][1]["track_id"] == "order-66"
