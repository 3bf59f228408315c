"""A client that knows nothing of this project works: the service's own, `modelslab_py`, pointed at `sweep serve`."""

import asyncio
import base64
from collections.abc import Callable
from io import BytesIO
from typing import Any

import httpx
import pytest
from modelslab_py.core.apis.community import Community
from modelslab_py.core.client import Client
from modelslab_py.schemas.community import Image2Image, Inpainting, Text2Image
from PIL import Image

from runner.engine.sketch import SketchEngine
from runner.server import Settings, create_app
from runner.target import serving
from tests.contracts.engine import checkerboard, left_half, png

PLAIN = {"model_id": "sketch", "prompt": "a red house", "width": 256, "height": 256, "samples": 1, "seed": 7}
PICTURE = base64.b64encode(png(checkerboard(256, 256))).decode()
MASK = base64.b64encode(png(left_half(256, 256))).decode()


def talk(say: Callable[[Community], Any], *, enterprise: bool = True, **options: Any) -> Any:
    """Let the service's client, which blocks, talk to a server on a socket."""

    async def session() -> Any:
        app = create_app(SketchEngine(), Settings(key="k", **options))
        async with serving(app) as url:
            client = Client(api_key="k", fetch_retry=50, fetch_timeout=0)
            client.base_url = f"{url.partition('/api/')[0]}/api/"
            return await asyncio.to_thread(lambda: say(Community(client=client, enterprise=enterprise)))

    return asyncio.run(session())


def size_at(link: str) -> tuple[int, int]:
    with Image.open(BytesIO(httpx.get(link).content), formats=["PNG"]) as image:
        return image.size


@pytest.mark.parametrize("enterprise", [True, False], ids=["enterprise", "public"])
def test_it_makes_a_picture_of_a_prompt(enterprise: bool) -> None:
    asked = Text2Image(**PLAIN, scheduler="DDIMScheduler", num_inference_steps=21, guidance_scale=5, clip_skip=2)

    def say(community: Community) -> tuple[Any, tuple[int, int]]:
        answer = community.text_to_image(asked)
        return answer, size_at(answer["output"][0])

    answer, size = talk(say, enterprise=enterprise)
    assert (answer["status"], answer["meta"]["seed"], answer["meta"]["scheduler"], size) == (
        "success",
        7,
        "DDIMScheduler",
        (256, 256),
    )


def test_it_makes_a_picture_of_a_picture() -> None:
    asked = Image2Image(**PLAIN, init_image=PICTURE, base64="yes", strength=0.5)
    answer = talk(lambda community: community.image_to_image(asked))
    with Image.open(BytesIO(base64.b64decode(answer["output"][0]))) as image:
        assert (answer["status"], image.size) == ("success", (256, 256))


def test_it_repaints_a_part_of_a_picture() -> None:
    asked = Inpainting(**PLAIN, init_image=PICTURE, mask_image=MASK, base64="yes", strength=1)
    answer = talk(lambda community: community.inpainting(asked))
    with Image.open(BytesIO(base64.b64decode(answer["output"][0]))) as image:
        right = (128, 0, 256, 256)
        assert image.crop(right).tobytes() == checkerboard(256, 256).crop(right).tobytes()
        assert image.tobytes() != checkerboard(256, 256).tobytes()


def test_it_fetches_what_was_queued() -> None:
    def say(community: Community) -> tuple[str, str, tuple[int, int]]:
        promised = community.text_to_image(Text2Image(**PLAIN))
        fetched = community.fetch(str(promised["id"]))
        return promised["status"], fetched["status"], size_at(fetched["output"][0])

    assert talk(say, patience=0) == ("processing", "success", (256, 256))


def test_it_keeps_house() -> None:
    def say(community: Community) -> list[str]:
        acts = (community.system_details, community.restart, community.clear_cache, community.clear_queue)
        return [act()["status"] for act in acts]

    assert talk(say) == ["success"] * 4


def test_it_is_told_no_in_the_services_words() -> None:
    with pytest.raises(Exception, match=r"^Request failed with status code 400: .*width must be between 256 and 1024"):
        talk(lambda community: community.text_to_image(Text2Image(**{**PLAIN, "width": 100})))
