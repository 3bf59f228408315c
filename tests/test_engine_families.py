"""Stable Diffusion 2 and XL by the same engine: models of random weights, beside the plain pipelines of diffusers."""

import inspect
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from drawing import img2img, inpaint, plain, save_models
from PIL import Image, ImageStat
from tiny import SD2, XL, save_model

from runner.engine.diffusion import DiffusionEngine
from runner.engine.pictures import encode_png, initial_image, repaint_mask
from runner.engine.schedulers import INVERSE, SCHEDULERS
from runner.errors import EngineError
from runner.nouns import Drawn, Generation
from tests.contracts.engine import EngineContract, decoded

pytestmark = pytest.mark.local

FAMILIES = {"two": SD2, "xl": XL}
CLASSES = {"two": "StableDiffusion", "xl": "StableDiffusionXL"}
KINDS = {"text2img": "Pipeline", "img2img": "Img2ImgPipeline", "inpaint": "InpaintPipeline"}

PLAIN, IMG2IMG, INPAINT = plain("xl"), img2img("xl"), inpaint("xl")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_models(tmp_path_factory.mktemp("families"), FAMILIES)


@pytest.fixture(scope="module")
def engine(models: Path) -> DiffusionEngine:
    return DiffusionEngine(models)


class TestStableDiffusion2(EngineContract):
    @pytest.fixture
    def engine(self, engine: DiffusionEngine) -> DiffusionEngine:
        return engine

    @pytest.fixture
    def model_id(self) -> str:
        return "two"


class TestStableDiffusionXL(EngineContract):
    @pytest.fixture
    def engine(self, engine: DiffusionEngine) -> DiffusionEngine:
        return engine

    @pytest.fixture
    def model_id(self) -> str:
        return "xl"


# --- what diffusers makes, and nothing else --------------------------------------------------------------------------


def plain_pipeline(models: Path, generation: Generation) -> Any:
    """The pipeline that diffusers loads from a folder, with the scheduler of a generation."""
    import diffusers

    torch.set_num_threads(1)
    kind = getattr(diffusers, CLASSES[generation.model_id] + KINDS[generation.endpoint])
    pipeline = kind.from_pretrained(models / generation.model_id, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    scheduler = getattr(diffusers, generation.scheduler)
    karras = {"use_karras_sigmas": True} if "use_karras_sigmas" in inspect.signature(scheduler).parameters else {}
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **karras)
    return pipeline


def plain_picture(pipeline: Any, generation: Generation, **more: Any) -> Drawn:
    """What that pipeline makes of a generation, called as its documentation says."""
    arguments: dict[str, Any] = {} if generation.endpoint == "img2img" else {"width": 64, "height": 64}
    if generation.endpoint != "text2img":
        arguments |= {"image": initial_image(generation), "strength": generation.strength}
    if generation.endpoint == "inpaint":
        arguments["mask_image"] = repaint_mask(generation)
    picture = pipeline(
        generation.prompt,
        num_inference_steps=generation.num_inference_steps,
        guidance_scale=generation.guidance_scale,
        generator=torch.Generator().manual_seed(generation.seed),
        **arguments,
        **more,
    ).images[0]
    if generation.endpoint == "inpaint":
        picture = Image.composite(picture, arguments["image"], arguments["mask_image"])
    return Drawn(png=encode_png(picture))


@pytest.mark.parametrize(
    "scheduler",
    ["EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "DPMSolverMultistepScheduler", "LCMScheduler"],
)
@pytest.mark.parametrize("asked", [PLAIN, IMG2IMG, INPAINT], ids=lambda asked: asked.endpoint)
@pytest.mark.parametrize("model_id", FAMILIES)
def test_a_picture_is_that_of_the_plain_pipeline(
    engine: DiffusionEngine, models: Path, model_id: str, asked: Generation, scheduler: str
) -> None:
    asked = replace(asked, model_id=model_id, scheduler=scheduler)
    assert engine.generate(asked) == plain_picture(plain_pipeline(models, asked), asked)


@pytest.mark.parametrize("scheduler", [name for name in SCHEDULERS if name != INVERSE])
@pytest.mark.parametrize("model_id", FAMILIES)
def test_every_scheduler_but_the_inverse_drives_all_three_endpoints(
    engine: DiffusionEngine, model_id: str, scheduler: str
) -> None:
    for asked in (PLAIN, IMG2IMG, INPAINT):
        picture = decoded(engine.generate(replace(asked, model_id=model_id, scheduler=scheduler)))
        assert sum(ImageStat.Stat(picture).var) > 0


@pytest.mark.parametrize("model_id", FAMILIES)
def test_the_model_is_read_for_what_it_predicts(engine: DiffusionEngine, tmp_path: Path, model_id: str) -> None:
    other = save_model(tmp_path / model_id, family=FAMILIES[model_id])
    config = other / "scheduler" / "scheduler_config.json"
    said = json.loads(config.read_text())
    said["prediction_type"] = "epsilon" if said["prediction_type"] == "v_prediction" else "v_prediction"
    config.write_text(json.dumps(said))
    asked = replace(PLAIN, model_id=model_id)
    changed = DiffusionEngine(other).generate(asked)
    assert changed == plain_picture(plain_pipeline(tmp_path, asked), asked)
    assert changed != engine.generate(asked)


# --- prompts, LoRAs, VAEs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model_id", FAMILIES)
def test_a_negative_prompt_is_that_of_the_plain_pipeline(engine: DiffusionEngine, models: Path, model_id: str) -> None:
    asked = replace(PLAIN, model_id=model_id, negative_prompt="blue")
    expected = plain_picture(plain_pipeline(models, asked), asked, negative_prompt="blue")
    assert engine.generate(asked) == expected


@pytest.mark.parametrize("zeros", [True, False])
def test_xl_is_guided_away_from_zeros_where_its_folder_says_so(tmp_path: Path, zeros: bool) -> None:
    folder = save_model(tmp_path / "xl", family=XL)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"force_zeros_for_empty_prompt": zeros}))
    for asked in (PLAIN, IMG2IMG):
        pipeline = plain_pipeline(tmp_path, asked)
        assert pipeline.config.force_zeros_for_empty_prompt is zeros
        drawn = DiffusionEngine(folder).generate(asked)
        assert drawn == plain_picture(pipeline, asked)
        assert (drawn == plain_picture(pipeline, asked, negative_prompt="")) is not zeros


@pytest.mark.parametrize("model_id", FAMILIES)
def test_a_lora_is_that_of_the_plain_pipeline(engine: DiffusionEngine, models: Path, model_id: str) -> None:
    asked = replace(PLAIN, model_id=model_id, loras=(("ink", 0.6),))
    pipeline = plain_pipeline(models, asked)
    pipeline.load_lora_weights(models / model_id / "loras", weight_name="ink.safetensors", adapter_name="ink")
    pipeline.set_adapters(["ink"], [0.6])
    assert engine.generate(asked) == plain_picture(pipeline, asked)
    assert engine.generate(replace(asked, loras=())) == plain_picture(plain_pipeline(models, asked), asked)


def test_a_lora_of_xl_acts_on_both_text_encoders_and_on_the_unet(models: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save_model(tmp_path / "xl", family=XL)
    (folder / "loras").mkdir()
    tensors = load_file(models / "xl" / "loras" / "ink.safetensors")
    parts = ("unet", "text_encoder", "text_encoder_2")
    for part in parts:
        own = {key: tensor for key, tensor in tensors.items() if key.startswith(f"{part}.")}
        save_file(own, folder / "loras" / f"{part}.safetensors")
    engine = DiffusionEngine(folder)
    drawn = [engine.generate(replace(PLAIN, loras=((part, 1.0),))) for part in parts]
    assert len({engine.generate(PLAIN), *drawn}) == 4


@pytest.mark.parametrize("model_id", FAMILIES)
def test_clip_skip_two_is_what_diffusers_calls_one(engine: DiffusionEngine, models: Path, model_id: str) -> None:
    from runner.engine.families import family_of

    asked = replace(PLAIN, model_id=model_id, clip_skip=2)
    pipeline = plain_pipeline(models, asked)
    family = family_of(type(pipeline).__name__)
    assert family is not None
    with family.skipping(pipeline):  # transformers 5 took away what diffusers reads for it
        expected = plain_picture(pipeline, asked, clip_skip=1)
    assert engine.generate(asked) == expected
    assert engine.generate(asked) != engine.generate(replace(asked, clip_skip=1))


def test_clip_skip_beyond_the_shorter_text_encoder_of_xl_is_refused(engine: DiffusionEngine) -> None:
    assert engine.generate(replace(PLAIN, clip_skip=2))
    with pytest.raises(EngineError) as refusal:
        engine.generate(replace(PLAIN, clip_skip=3))
    assert str(refusal.value) == (
        "clip_skip: 3 is not a layer of this model's text encoders, the shorter of which has 3; 1 takes the last but one "
        "and 2 the first: send 1 to 2"
    )


@pytest.mark.parametrize("asked", [PLAIN, IMG2IMG, INPAINT], ids=lambda asked: asked.endpoint)
@pytest.mark.parametrize("model_id", FAMILIES)
def test_another_vae_is_that_of_the_plain_pipeline(
    engine: DiffusionEngine, models: Path, model_id: str, asked: Generation
) -> None:
    from diffusers import AutoencoderKL

    asked = replace(asked, model_id=model_id, vae="soft")
    pipeline = plain_pipeline(models, asked)
    pipeline.vae = AutoencoderKL.from_pretrained(models / model_id / "vaes" / "soft")
    assert engine.generate(asked) == plain_picture(pipeline, asked)
    assert engine.generate(asked) != engine.generate(replace(asked, vae=""))


# --- what is not driven -----------------------------------------------------------------------------------------------


def test_a_refiner_is_refused(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "refiner", family=XL)
    index = json.loads((folder / "model_index.json").read_text())
    index |= {
        "_class_name": "StableDiffusionXLImg2ImgPipeline",
        "text_encoder": [None, None],
        "tokenizer": [None, None],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(EngineError) as refusal:
        DiffusionEngine(folder).generate(replace(IMG2IMG, model_id="refiner"))
    assert str(refusal.value) == (
        "model_id: 'refiner' has no text_encoder, as a refiner has not; this engine drives models with text_encoder and "
        "text_encoder_2, which draw by themselves: choose the base model"
    )


def test_an_inpainting_model_of_xl_inpaints_and_does_nothing_else(tmp_path: Path) -> None:
    engine = DiffusionEngine(save_model(tmp_path / "xl", in_channels=9, family=XL))
    assert engine.generate(INPAINT) == plain_picture(plain_pipeline(tmp_path, INPAINT), INPAINT)
    with pytest.raises(EngineError, match="the model is an inpainting model, whose U-Net reads 9 channels"):
        engine.generate(PLAIN)
