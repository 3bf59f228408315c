"""The diffusion engine makes what diffusers makes, and nothing else: a Stable Diffusion of a few thousand numbers."""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from drawing import inpaint, its_copy, one_engine, one_model, plain
from PIL import Image, ImageStat

from runner.engine.diffusion import DiffusionEngine
from runner.engine.pictures import encode_png, initial_image, repaint_mask
from runner.engine.schedulers import INVERSE, SCHEDULERS
from runner.errors import EngineError
from runner.nouns import Drawn, Generation
from runner.shipped import shipped
from tests.contracts.engine import EngineContract, decoded

pytestmark = pytest.mark.local

PLAIN = plain("tiny")
INPAINT = inpaint("tiny")

saved = pytest.fixture(scope="session")(one_model)
shared_engine = pytest.fixture(scope="session")(one_engine)
copied = pytest.fixture(its_copy)


class TestDiffusionEngine(EngineContract):
    @pytest.fixture
    def engine(self, shared_engine: DiffusionEngine) -> DiffusionEngine:
        return shared_engine

    @pytest.fixture
    def model_id(self) -> str:
        return "tiny"


# --- the picture of the stock pipeline -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def stock(saved: Path) -> Any:
    """The plain pipeline of diffusers over the same folder."""
    from diffusers import StableDiffusionPipeline

    torch.set_num_threads(1)
    pipeline = StableDiffusionPipeline.from_pretrained(saved, local_files_only=True, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def stock_picture(stock: Any, kind: str, generation: Generation, **inputs: Any) -> Image.Image:
    import diffusers

    pipeline = getattr(diffusers, kind)(**stock.components, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    choice = getattr(diffusers, generation.scheduler)
    karras = {"use_karras_sigmas": True} if "use_karras_sigmas" in inspect.signature(choice).parameters else {}
    pipeline.scheduler = choice.from_config(stock.scheduler.config, **karras)
    return pipeline(
        generation.prompt,
        num_inference_steps=generation.num_inference_steps,
        guidance_scale=generation.guidance_scale,
        generator=torch.Generator().manual_seed(generation.seed),
        **inputs,
    ).images[0]


STOCK = [name for name in SCHEDULERS if name not in {"IPNDMScheduler", "KarrasVeScheduler", "ScoreSdeVeScheduler"}]
"""The schedulers that diffusers runs as they are; the others have tests of their own (`tests/test_schedulers.py`)."""


@pytest.mark.parametrize("name", STOCK)
def test_text2img_is_the_picture_of_the_stock_pipeline(shared_engine: DiffusionEngine, stock: Any, name: str) -> None:
    asked = replace(PLAIN, scheduler=name)
    expected = stock_picture(stock, "StableDiffusionPipeline", asked, height=64, width=64)
    assert shared_engine.generate(asked) == Drawn(png=encode_png(expected))


@pytest.mark.parametrize("name", [name for name in STOCK if name != INVERSE])
def test_img2img_is_the_picture_of_the_stock_pipeline(shared_engine: DiffusionEngine, stock: Any, name: str) -> None:
    asked = replace(INPAINT, endpoint="img2img", scheduler=name)
    image = initial_image(asked)
    expected = stock_picture(stock, "StableDiffusionImg2ImgPipeline", asked, image=image, strength=0.8)
    assert shared_engine.generate(asked) == Drawn(png=encode_png(expected))


@pytest.mark.parametrize("name", [name for name in STOCK if name != INVERSE])
def test_inpaint_is_the_picture_of_the_stock_pipeline_over_the_initial_image(
    shared_engine: DiffusionEngine, stock: Any, name: str
) -> None:
    asked = replace(INPAINT, scheduler=name)
    image, mask = initial_image(asked), repaint_mask(asked)
    inputs = {"image": image, "mask_image": mask, "strength": 0.8, "height": 64, "width": 64}
    repainted = stock_picture(stock, "StableDiffusionInpaintPipeline", asked, **inputs)
    assert shared_engine.generate(asked) == Drawn(png=encode_png(Image.composite(repainted, image, mask)))


@pytest.mark.parametrize("name", [name for name in SCHEDULERS if name != INVERSE])
def test_every_scheduler_but_the_inverse_drives_all_three_endpoints(shared_engine: DiffusionEngine, name: str) -> None:
    for asked in (PLAIN, replace(INPAINT, endpoint="img2img"), INPAINT):
        picture = decoded(shared_engine.generate(replace(asked, scheduler=name, tomesd=True)))
        assert sum(ImageStat.Stat(picture).var) > 0


@pytest.mark.parametrize("endpoint", ["img2img", "inpaint"])
def test_the_inverse_scheduler_has_no_picture_of_an_initial_image(
    shared_engine: DiffusionEngine, endpoint: Any
) -> None:
    with pytest.raises(EngineError) as refusal:
        shared_engine.generate(replace(INPAINT, endpoint=endpoint, scheduler=INVERSE))
    assert str(refusal.value) == (
        f"scheduler: DDIMInverseScheduler turns a picture into noise and denoises nothing, so {endpoint} has no picture "
        "to give; the other 17 schedulers denoise: send one of these, or use text2img, where what DDIMInverseScheduler "
        "makes is noise"
    )


def test_guidance_of_one_leaves_the_negative_prompt_out(shared_engine: DiffusionEngine) -> None:
    unguided = replace(PLAIN, guidance_scale=1.0)
    assert shared_engine.generate(unguided) == shared_engine.generate(replace(unguided, negative_prompt="blue"))


def test_a_size_that_is_not_divisible_by_8_is_refused(shared_engine: DiffusionEngine) -> None:
    with pytest.raises(EngineError) as refusal:
        shared_engine.generate(replace(INPAINT, width=60, endpoint="img2img"))
    assert str(refusal.value) == ("img2img with tiny: a size of 60×64 is not divisible by 8; send multiples of 8")


def test_what_diffusers_refuses_is_told_in_its_words(shared_engine: DiffusionEngine) -> None:
    with pytest.raises(EngineError) as refusal:
        shared_engine.generate(replace(PLAIN, scheduler="LCMScheduler", num_inference_steps=51))
    assert str(refusal.value).startswith(
        "text2img with tiny, LCMScheduler, 51 steps, guidance 7.5: diffusers refuses this (The combination of "
        "`original_steps x strength`"
    )


def test_the_number_of_threads_is_the_engines(saved: Path) -> None:
    torch.set_num_threads(2)
    DiffusionEngine(saved, threads=1).generate(PLAIN)
    assert torch.get_num_threads() == 1


def test_numbers_that_overflow_are_no_picture(copied: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = copied / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["conv_out.bias"][0] = float("inf")
    save_file(tensors, weights)
    with pytest.raises(EngineError) as refusal:
        DiffusionEngine(copied).generate(replace(PLAIN, loras=(("ink", 0.5),)))
    assert str(refusal.value) == (
        "text2img with tiny, EulerDiscreteScheduler, 4 steps, guidance 7.5, LoRA ink 0.5: the latents are not finite "
        "after run 1 of the model, so there is no picture; lower guidance_scale or LoRA strengths, or choose another "
        "scheduler"
    )


def test_a_vae_that_overflows_is_no_picture(copied: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = copied / "vaes" / "soft" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    save_file({name: tensor * float("nan") for name, tensor in tensors.items()}, weights)
    with pytest.raises(EngineError, match="the VAE's output is not finite, so there is no picture; choose another vae"):
        DiffusionEngine(copied).generate(replace(PLAIN, vae="soft"))


# --- the model that ships ------------------------------------------------------------------------------------------


def test_studio_tiny_paints_the_colour_that_the_prompt_names() -> None:
    engine = DiffusionEngine(shipped("models"))
    asked = replace(PLAIN, model_id="studio-tiny", width=256, height=256, num_inference_steps=21, guidance_scale=5.0)
    for colour, stronger, weaker in (("red", 0, 2), ("blue", 2, 0)):
        prompt = f"a {colour} house, on the grass, cloudy sky"
        middle = decoded(engine.generate(replace(asked, prompt=prompt))).crop((96, 112, 160, 176))
        channels = ImageStat.Stat(middle).mean
        assert channels[stronger] > channels[weaker] + 30
