import subprocess
import sys
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from runner.engine.pictures import encode_png, initial_image, repaint_mask
from runner.engine.schedulers import SCHEDULERS
from runner.engine.sketch import SketchEngine
from runner.errors import EngineError
from runner.nouns import Drawn, Generation
from tests.contracts.engine import EngineContract, checkerboard, decoded, left_half, png

PLAIN = Generation(endpoint="text2img", model_id="any", prompt="a red house", width=64, height=64)


class TestSketchEngine(EngineContract):
    @pytest.fixture
    def engine(self) -> SketchEngine:
        return SketchEngine()

    @pytest.fixture
    def model_id(self) -> str:
        return "sketch"


def test_every_scheduler_lora_vae_and_model_has_a_picture_of_its_own() -> None:
    variants = [replace(PLAIN, scheduler=name) for name in SCHEDULERS]
    variants += [replace(PLAIN, model_id=name) for name in ("one", "other")]
    variants += [replace(PLAIN, vae="sharp"), replace(PLAIN, algorithm_type="dpmsolver+++")]
    variants += [replace(PLAIN, loras=(("ink", strength),)) for strength in (0.1, 0.5, 1.0)]
    variants += [replace(PLAIN, loras=(("ink", 0.5), ("sepia", 0.5)))]
    assert len({SketchEngine().generate(variant) for variant in variants}) == len(variants)


def test_the_bytes_of_an_initial_image_take_part_even_where_it_is_not_seen() -> None:
    whole = Image.new("L", (64, 64), 255)
    inpaint = replace(PLAIN, endpoint="inpaint", mask_image=png(whole), strength=1.0)
    pictures = {
        SketchEngine().generate(replace(inpaint, init_image=png(Image.new("RGB", (64, 64), colour))))
        for colour in ("red", "blue")
    }
    assert len(pictures) == 2


def test_a_picture_does_not_change_between_releases() -> None:
    """When this fails on purpose, `runner.engine.sketch.VERSION` must grow: stored runs rely on the digest."""
    asked = replace(PLAIN, loras=(("ink", 0.3),), scheduler="DDIMScheduler", width=256, height=256)
    scene = decoded(SketchEngine().generate(asked)).crop((0, 40, 200, 180))
    mosaic = scene.resize((2, 2), Image.Resampling.BOX).tobytes()
    assert SketchEngine().models() == {
        "sketch": "b4c4ae840fbe4ff259321ef3de4f03d4f52f71919f65f001eb4bea1fa9240c41",
    }
    assert list(mosaic) == pytest.approx([191, 153, 189, 180, 144, 200, 151, 89, 122, 143, 85, 120], abs=2)


def test_half_a_strength_is_half_way_to_the_painting() -> None:
    """Above the words and left of the mark, each pixel is the mean of the initial image and of the painting."""
    init = png(checkerboard(256, 256))
    sizes = {"width": 256, "height": 256, "init_image": init, "endpoint": "img2img"}
    initial, half, full = (
        decoded(SketchEngine().generate(replace(PLAIN, strength=strength, **sizes))).crop((0, 40, 200, 180))
        for strength in (0.0, 0.5, 1.0)
    )
    assert initial.tobytes() == checkerboard(256, 256).crop((0, 40, 200, 180)).tobytes()
    differences = [
        abs(2 * h - i - f) for i, h, f in zip(initial.tobytes(), half.tobytes(), full.tobytes(), strict=True)
    ]
    assert max(differences) <= 2


def test_enhance_appends_a_word_once() -> None:
    assert SketchEngine().enhance("a red house", "any") == "a red house, detailed"
    assert SketchEngine().enhance("a Detailed red house.", "any") == "a Detailed red house."


def test_a_long_prompt_in_any_script_is_cut_to_the_picture() -> None:
    for prompt in ("word " * 200, "ÄÖÜ 漢字 🙂\n\ttwo lines", "x" * 4000, ""):
        assert decoded(SketchEngine().generate(replace(PLAIN, prompt=prompt))).size == (64, 64)


def test_it_needs_neither_torch_nor_numpy() -> None:
    script = (
        "import sys; from runner.engine.sketch import SketchEngine; from runner.nouns import Generation; "
        "SketchEngine().generate(Generation(endpoint='text2img', model_id='m', prompt='p', width=64, height=64)); "
        "print(sorted({'torch', 'numpy', 'diffusers', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


# --- pictures in and out, which both engines share --------------------------------------------------------------------


def image_of(data: bytes, **changes: int) -> Image.Image:
    return initial_image(replace(PLAIN, endpoint="img2img", init_image=data, **changes))


def test_equal_pixels_give_equal_png_bytes() -> None:
    assert encode_png(checkerboard(64, 64)) == encode_png(decoded(Drawn(png=png(checkerboard(64, 64)))))


def test_transparency_is_white_in_an_initial_image_and_keeps_in_a_mask() -> None:
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    clear.paste((255, 255, 255, 255), (0, 0, 32, 64))
    assert image_of(png(clear)).getcolors() == [(64 * 64, (255, 255, 255))]
    mask = repaint_mask(replace(PLAIN, endpoint="inpaint", mask_image=png(clear)))
    assert mask.tobytes() == left_half(64, 64).tobytes()


def test_a_grey_mask_is_taken_as_black_or_white() -> None:
    grey = Image.linear_gradient("L").resize((64, 64))
    mask = repaint_mask(replace(PLAIN, endpoint="inpaint", mask_image=png(grey)))
    assert mask.getcolors() == [(32 * 64, 0), (32 * 64, 255)]


def test_sixteen_bits_a_pixel_are_scaled_and_not_clipped() -> None:
    deep = Image.new("I;16", (64, 64), 32768)
    assert image_of(png(deep)).getcolors() == [(64 * 64, (127, 127, 127))]


def test_a_photograph_is_turned_upright() -> None:
    photograph = Image.new("RGB", (64, 32), "black")
    photograph.paste((255, 255, 255), (0, 0, 32, 32))
    exif = photograph.getexif()
    exif[0x0112] = 6  # the camera was turned by 90°: what was stored at the left belongs at the top
    buffer = BytesIO()
    photograph.save(buffer, format="PNG", exif=exif)
    upright = image_of(buffer.getvalue(), width=32)
    assert upright.crop((0, 0, 32, 30)).getcolors() == [(32 * 30, (255, 255, 255))]


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG"])
def test_the_three_formats_of_the_endpoint_are_read(form: str) -> None:
    buffer = BytesIO()
    Image.new("RGB", (64, 64), (200, 200, 200)).save(buffer, format=form)
    assert image_of(buffer.getvalue()).getcolors() == [(64 * 64, (200, 200, 200))]


def size_or_refusal(data: bytes) -> str:
    try:
        return str(image_of(data).size)
    except EngineError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow remarks on damaged EXIF
@settings(max_examples=200, deadline=None)
@given(
    cut=st.integers(0, 400),
    damage=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=5),
    form=st.sampled_from(["PNG", "JPEG", "WEBP"]),
)
def test_damaged_bytes_are_a_picture_or_a_refusal(cut: int, damage: list[tuple[int, int]], form: str) -> None:
    buffer = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    checkerboard(16, 16).save(buffer, format=form, exif=exif)
    data = bytearray(buffer.getvalue())
    for place, value in damage:
        data[place % len(data)] = value
    shortened = data[: len(data) - cut] if cut % 2 else data[cut // 8 :]
    assert size_or_refusal(bytes(shortened)).startswith(("(64, 64)", "init_image (img2img): "))
