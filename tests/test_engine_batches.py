"""Several pictures from one call of a pipeline, beside each made alone: random-weight models, and the one that ships."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from drawing import plain, save_models
from PIL import Image
from tiny import SD1, XL

from runner.engine.batches import batch_key
from runner.engine.diffusion import DiffusionEngine
from runner.engine.schedulers import INVERSE, SCHEDULERS
from runner.errors import EngineError
from runner.nouns import Drawn, Generation, Verdict
from runner.shipped import shipped
from tests.contracts.engine import checkerboard, decoded, left_half, png

pytestmark = pytest.mark.local

PLAIN = plain("one")
ROUNDING = 2
"""Of 255; what rounding in another order may do to an 8-bit pixel."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = save_models(tmp_path_factory.mktemp("batched"), {"one": SD1, "xl": XL}, vae=False)
    (root / "one" / "safety.json").write_text('{"words": ["boat"]}')
    return root


@pytest.fixture(scope="module")
def engine(models: Path) -> DiffusionEngine:
    return DiffusionEngine(models)


def differing(first: Generation) -> list[Generation]:
    """Three generations of one batch that differ in all that may differ."""
    return [
        first,
        replace(
            first,
            seed=8,
            prompt="a blue boat",
            negative_prompt=first.negative_prompt and "grass",
            guidance_scale=first.guidance_scale if first.guidance_scale <= 1 else 2.3,
        ),
        replace(
            first,
            seed=2**32 - 1,
            prompt="a tree, on sand " * 9,
            init_image=first.init_image and png(Image.new("RGB", (40, 30), "teal")),
            mask_image=first.mask_image and png(Image.new("L", (64, 64), 255)),
        ),
    ]


def furthest(ones: Sequence[Drawn], others: Sequence[Drawn]) -> int:
    """The largest difference of 8-bit values between pictures of two lists."""
    pairs = zip(ones, others, strict=True)
    values = (zip(decoded(one).tobytes(), decoded(other).tobytes(), strict=True) for one, other in pairs)
    return max(abs(first - second) for pair in values for first, second in pair)


BATCHABLE = [name for name in SCHEDULERS if batch_key(replace(PLAIN, scheduler=name))]


@pytest.mark.parametrize("name", BATCHABLE)
@pytest.mark.parametrize("model_id", ["one", "xl"])
def test_a_batch_has_the_picture_of_each_made_alone(engine: DiffusionEngine, model_id: str, name: str) -> None:
    image, mask = png(checkerboard(64, 64)), png(left_half(64, 64))
    asked = [replace(PLAIN, model_id=model_id, scheduler=name)]
    if name != INVERSE:
        asked.append(replace(asked[0], endpoint="inpaint", init_image=image, mask_image=mask, negative_prompt="blue"))
        asked.append(replace(asked[0], endpoint="img2img", init_image=image, loras=(("ink", 0.5),), guidance_scale=1.0))
    for first in asked:
        batch = differing(first)
        assert len({batch_key(generation) for generation in batch}) == 1
        assert furthest(engine.generate_batch(batch), [engine.generate(each) for each in batch]) <= ROUNDING


def test_what_is_not_guided_and_what_is_are_not_made_together() -> None:
    scales = (0.5, 1.0, 1.5, 20.0)
    keys = [batch_key(replace(PLAIN, guidance_scale=scale)) for scale in scales]
    assert keys[0] == keys[1] != keys[2] == keys[3]


def test_a_batch_of_one_is_a_picture_made_alone(engine: DiffusionEngine) -> None:
    assert engine.generate_batch([PLAIN]) == [engine.generate(PLAIN)]


def test_the_same_batch_has_the_same_bytes(engine: DiffusionEngine) -> None:
    batch = differing(PLAIN)
    first = engine.generate_batch(batch)
    engine.generate(replace(PLAIN, loras=(("ink", 1.0),), width=72))
    assert engine.generate_batch(batch) == first


@pytest.mark.parametrize("model_id", ["one", "xl"])
def test_merged_tokens_are_those_of_each_made_alone(engine: DiffusionEngine, model_id: str) -> None:
    merged = replace(PLAIN, model_id=model_id, tomesd=True)
    batch = [merged, replace(merged, prompt="a blue boat"), replace(merged, prompt="a tree", guidance_scale=12.5)]
    assert furthest(engine.generate_batch(batch), [engine.generate(each) for each in batch]) <= ROUNDING


def test_the_safety_checker_looks_at_each_for_itself(engine: DiffusionEngine) -> None:
    asked = replace(PLAIN, hide="black")
    batch = [asked, replace(asked, prompt="a blue boat"), replace(asked, hide="")]
    verdicts = [drawn.verdict for drawn in engine.generate_batch(batch)]
    assert verdicts == [Verdict.SAFE, Verdict.UNSAFE, Verdict.UNCHECKED]


def test_a_batch_with_one_that_cannot_be_made_is_refused(engine: DiffusionEngine) -> None:
    sent = replace(PLAIN, endpoint="img2img", init_image=png(checkerboard(64, 64)))
    with pytest.raises(EngineError, match=r"^init_image \(img2img\): 6 bytes that cannot be decoded"):
        engine.generate_batch([sent, replace(sent, init_image=b"GIF89a")])


def test_studio_tinys_pictures_differ_by_rounding_alone() -> None:
    engine = DiffusionEngine(shipped("models"))
    asked = replace(PLAIN, model_id="studio-tiny", width=128, height=128, num_inference_steps=8)
    subjects = ("a red house", "a blue boat", "a green tree", "a yellow car")
    batch = [replace(asked, prompt=f"{subject}, on the grass", seed=seed) for seed, subject in enumerate(subjects)]
    assert furthest(engine.generate_batch(batch), [engine.generate(each) for each in batch]) <= ROUNDING


def test_each_picture_of_a_batch_is_guided_by_its_own_scale() -> None:
    engine = DiffusionEngine(shipped("models"))
    asked = replace(PLAIN, model_id="studio-tiny", prompt="a red house, on the grass", width=128, height=128)
    batch = [replace(asked, guidance_scale=scale, tomesd=True) for scale in (1.1, 5.0, 20.0)]
    alone = [engine.generate(each) for each in batch]
    assert furthest(engine.generate_batch(batch), alone) <= ROUNDING
    assert min(furthest(alone[:1], alone[1:2]), furthest(alone[1:2], alone[2:])) > 20
