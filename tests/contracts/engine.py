"""What every engine keeps to. An implementation subclasses `EngineContract` and gives two fixtures:

class TestMyEngine(EngineContract):
    @pytest.fixture
    def engine(self) -> Engine: return MyEngine()

    @pytest.fixture
    def model_id(self) -> str: return "my-model"
"""

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from runner.engine import Engine
from runner.errors import EngineError
from runner.nouns import ENDPOINTS, Drawn, Generation


def png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def decoded(drawn: Drawn) -> Image.Image:
    with Image.open(BytesIO(drawn.png)) as image:
        image.load()
        return image


def checkerboard(width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height), (230, 40, 30))
    draw = ImageDraw.Draw(image)
    for x in range(0, width, 16):
        for y in range(x % 32, height, 32):
            draw.rectangle((x, y, x + 15, y + 15), fill=(20, 90, 200))
    return image


def left_half(width: int, height: int) -> Image.Image:
    """A mask that repaints the left half."""
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, (0, 0, width // 2, height))
    return mask


def small(model_id: str) -> Generation:
    """A small text2img; few steps, so that a contract takes seconds."""
    return Generation(
        endpoint="text2img",
        model_id=model_id,
        prompt="a red house",
        width=64,
        height=64,
        num_inference_steps=4,
        scheduler="EulerDiscreteScheduler",
        seed=7,
    )


class EngineContract:
    """The treaty of `runner.engine.Engine`, and what the endpoint promises of each attribute."""

    @pytest.fixture
    def engine(self) -> Engine:
        raise NotImplementedError

    @pytest.fixture
    def model_id(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def plain(self, model_id: str) -> Generation:
        return small(model_id)

    @pytest.fixture
    def inpaint(self, plain: Generation) -> Generation:
        image, mask = png(checkerboard(64, 64)), png(left_half(64, 64))
        return replace(plain, endpoint="inpaint", init_image=image, mask_image=mask)

    def test_its_name_is_one_that_an_address_can_choose(self, engine: Engine) -> None:
        assert engine.name in {"sketch", "diffusion"}

    def test_models_have_digests_that_stay(self, engine: Engine) -> None:
        models = dict(engine.models())
        assert models
        assert all(len(digest) == 64 and int(digest, 16) >= 0 for digest in models.values())
        assert dict(engine.models()) == models

    def test_a_picture_is_an_rgb_png_of_the_size_asked_for(self, engine: Engine, plain: Generation) -> None:
        for width, height in ((64, 64), (72, 64), (64, 104)):
            picture = decoded(engine.generate(replace(plain, width=width, height=height)))
            assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (width, height))

    def test_equal_generations_give_equal_bytes_whatever_was_generated_between(
        self, engine: Engine, plain: Generation, inpaint: Generation
    ) -> None:
        first = {generation: engine.generate(generation) for generation in (plain, inpaint)}
        others = [
            replace(plain, seed=8, guidance_scale=2, tomesd=False),
            replace(plain, width=72, scheduler="KarrasVeScheduler"),
            replace(inpaint, endpoint="img2img", strength=1.0, clip_skip=2),
        ]
        for other in others:
            engine.generate(other)
            assert {generation: engine.generate(generation) for generation in first} == first

    @pytest.mark.parametrize(
        "change",
        [
            {"seed": 8},
            {"prompt": "a blue boat"},
            {"negative_prompt": "blue"},
            {"guidance_scale": 3.0},
            {"num_inference_steps": 5},
            {"scheduler": "DDPMScheduler"},
            {"clip_skip": 2},
            {"use_karras_sigmas": False},
            {"tomesd": False},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_an_attribute_changes_the_picture(
        self, engine: Engine, plain: Generation, change: dict[str, object]
    ) -> None:
        assert engine.generate(plain) != engine.generate(replace(plain, **change))  # type: ignore[arg-type] - by name

    def test_attributes_that_text2img_lacks_change_nothing(self, engine: Engine, plain: Generation) -> None:
        stray = replace(plain, strength=0.1, init_image=b"not a picture", mask_image=b"not a picture")
        assert engine.generate(stray) == engine.generate(plain)

    def test_img2img_goes_further_from_where_it_starts_as_strength_grows(
        self, engine: Engine, inpaint: Generation
    ) -> None:
        start, *further = (
            decoded(engine.generate(replace(inpaint, endpoint="img2img", strength=strength)))
            for strength in (0.0, 0.5, 1.0)
        )
        halfway, all_the_way = (sum(ImageStat.Stat(ImageChops.difference(start, end)).sum) for end in further)
        assert 0 < halfway < all_the_way

    def test_inpaint_keeps_what_the_mask_leaves_black_pixel_for_pixel(
        self, engine: Engine, inpaint: Generation
    ) -> None:
        image, kept, repainted = checkerboard(64, 64), (32, 0, 64, 64), (0, 0, 32, 64)
        for strength in (0.0, 0.7, 1.0):
            picture = decoded(engine.generate(replace(inpaint, strength=strength)))
            assert picture.crop(kept).tobytes() == image.crop(kept).tobytes()
        assert picture.crop(repainted).tobytes() != image.crop(repainted).tobytes()

    def test_an_initial_image_of_another_size_is_stretched(self, engine: Engine, inpaint: Generation) -> None:
        large = replace(inpaint, init_image=png(checkerboard(200, 90)), mask_image=png(left_half(31, 17)))
        assert decoded(engine.generate(large)).size == (64, 64)

    @pytest.mark.parametrize("endpoint", [endpoint for endpoint in ENDPOINTS if endpoint != "text2img"])
    def test_an_initial_image_that_is_none_is_refused(self, engine: Engine, inpaint: Generation, endpoint: str) -> None:
        broken = replace(inpaint, endpoint=endpoint, init_image=b"GIF89a")  # type: ignore[arg-type] - one of ENDPOINTS
        with pytest.raises(EngineError) as refusal:
            engine.generate(broken)
        assert str(refusal.value) == (
            f"init_image ({endpoint}): 6 bytes that cannot be decoded as a picture (UnidentifiedImageError); a PNG, "
            "JPEG or WebP file is allowed: check that the file opens in a viewer, and send it again"
        )

    def test_a_truncated_mask_is_refused(self, engine: Engine, inpaint: Generation) -> None:
        with pytest.raises(EngineError, match=r"^mask_image \(inpaint\): \d+ bytes that cannot be decoded"):
            engine.generate(replace(inpaint, mask_image=inpaint.mask_image[: len(inpaint.mask_image) // 2]))

    def test_a_missing_mask_is_refused(self, engine: Engine, inpaint: Generation) -> None:
        with pytest.raises(EngineError) as refusal:
            engine.generate(replace(inpaint, mask_image=b""))
        assert str(refusal.value) == "mask_image (inpaint): no image was sent; send a PNG, JPEG or WebP file"

    def test_a_refused_generation_leaves_no_trace(self, engine: Engine, plain: Generation, inpaint: Generation) -> None:
        before = engine.generate(plain)
        with pytest.raises(EngineError):
            engine.generate(replace(inpaint, init_image=b""))
        assert engine.generate(plain) == before

    def test_enhancing_twice_is_enhancing_once(self, engine: Engine, model_id: str) -> None:
        once = engine.enhance("a red house", model_id)
        assert once.startswith("a red house")
        assert engine.enhance(once, model_id) == once
