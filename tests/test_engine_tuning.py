"""Precision, memory layout and sliced attention: what they change in the pictures of random-weight models, on the CPU."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import sweep
from drawing import img2img, plain, save_models
from PIL import Image, ImageStat
from tiny import SD1, XL

from runner.cluster.fleet import Fleet, fleet
from runner.engine.diffusion import DiffusionEngine
from runner.engine.pictures import encode_png, initial_image
from runner.engine.schedulers import INVERSE, SCHEDULERS
from runner.engine.tuning import Tuning
from runner.errors import EngineError, InputError
from runner.nouns import Drawn, Generation
from runner.target import make_engines
from tests.contracts.engine import decoded

pytestmark = [
    pytest.mark.local,
    # the pipelines of XL in diffusers 0.42 call it themselves
    pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning"),
]

PLAIN = plain("one", num_inference_steps=3)
IMG2IMG = img2img("one", num_inference_steps=3)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_models(tmp_path_factory.mktemp("tuned"), {"one": SD1, "xl": XL})


def pixels(drawn: Drawn) -> list[int]:
    return list(decoded(drawn).tobytes())


def furthest(one: Drawn, other: Drawn) -> int:
    """The largest difference of two pictures' 8-bit values."""
    return max(abs(first - second) for first, second in zip(pixels(one), pixels(other), strict=True))


def plain_picture(models: Path, asked: Generation, dtype: Any) -> Drawn:
    """What the plain pipeline of diffusers makes in that dtype."""
    from diffusers import AutoencoderKL, AutoPipelineForImage2Image, DiffusionPipeline, EulerDiscreteScheduler

    torch.set_num_threads(1)
    pipeline = DiffusionPipeline.from_pretrained(models / asked.model_id, dtype=dtype, local_files_only=True)
    if asked.vae:
        pipeline.vae = AutoencoderKL.from_pretrained(models / asked.model_id / "vaes" / asked.vae, dtype=dtype)
    size: dict[str, Any] = {"width": 64, "height": 64}
    if asked.endpoint == "img2img":
        pipeline = AutoPipelineForImage2Image.from_pipe(pipeline)
        size = {"image": initial_image(asked), "strength": asked.strength}
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config, use_karras_sigmas=True)
    generator = torch.Generator().manual_seed(asked.seed)
    picture: Image.Image = pipeline(
        asked.prompt, num_inference_steps=3, guidance_scale=asked.guidance_scale, generator=generator, **size
    ).images[0]
    return Drawn(png=encode_png(picture))


def test_half_precision_is_the_default_on_cuda_alone() -> None:
    said = {device: Tuning().dtype_on(device) for device in ("cpu", "cuda", "cuda:1", "mps")}
    assert said == {"cpu": "float32", "cuda": "float16", "cuda:1": "float16", "mps": "float32"}
    assert Tuning(dtype="float32").dtype_on("cuda") == "float32"


@pytest.mark.parametrize("asked", [PLAIN, replace(PLAIN, vae="soft"), replace(IMG2IMG, vae="soft")])
@pytest.mark.parametrize("model_id", ["one", "xl"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_makes_the_picture_of_the_plain_pipeline_in_it(
    models: Path, dtype: str, model_id: str, asked: Generation
) -> None:
    asked = replace(asked, model_id=model_id)
    drawn = DiffusionEngine(models, tuning=Tuning(dtype=dtype)).generate(asked)
    assert drawn == plain_picture(models, asked, getattr(torch, dtype))
    assert drawn != DiffusionEngine(models).generate(asked)


@pytest.mark.parametrize("model_id", ["one", "xl"])
def test_half_precision_has_every_scheduler_loras_and_token_merging(models: Path, model_id: str) -> None:
    engine = DiffusionEngine(models, tuning=Tuning(dtype="float16"))
    for name in SCHEDULERS:
        for asked in (PLAIN, IMG2IMG) if name != INVERSE else (PLAIN,):
            more = {"num_inference_steps": 4, "tomesd": True, "loras": (("ink", 0.3),)}
            made = replace(asked, model_id=model_id, scheduler=name, **more)
            drawn = engine.generate(made)
            assert drawn == engine.generate(made)
            assert sum(ImageStat.Stat(decoded(drawn)).var) > 0


def test_an_initial_image_with_no_step_to_do_passes_the_vae_in_full_precision(models: Path) -> None:
    asked = replace(IMG2IMG, strength=0.1)
    half, full = DiffusionEngine(models, tuning=Tuning(dtype="float16")), DiffusionEngine(models)
    before = half.generate(PLAIN)
    assert furthest(half.generate(asked), full.generate(asked)) <= 1
    assert half.generate(PLAIN) == before


def test_channels_last_lays_out_convolutions_and_changes_next_to_nothing(models: Path) -> None:
    engine = DiffusionEngine(models, tuning=Tuning(channels_last=True))
    drawn = engine.generate(replace(PLAIN, vae="soft"))
    assert furthest(drawn, DiffusionEngine(models).generate(replace(PLAIN, vae="soft"))) <= 1
    _, model = engine._loaded["one"]
    for part in (model._base.unet, model._base.vae, model._vae[1]):
        weights = [weight for weight in part.parameters() if weight.ndim == 4]
        assert weights
        assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


def test_sliced_attention_takes_some_heads_after_the_others_and_changes_next_to_nothing(models: Path) -> None:
    from diffusers.models.attention_processor import SlicedAttnProcessor

    engine, whole = DiffusionEngine(models, tuning=Tuning(attention_slicing=True)), DiffusionEngine(models)
    inked = replace(PLAIN, loras=(("ink", 0.7),))
    for asked in (PLAIN, inked, replace(inked, tomesd=True)):
        assert furthest(engine.generate(asked), whole.generate(asked)) <= 1
    _, model = engine._loaded["one"]
    assert {type(each) for each in model._base.unet.attn_processors.values()} == {SlicedAttnProcessor}


def test_every_engine_of_a_server_is_tuned(models: Path) -> None:
    (engine,) = make_engines(1, "diffusion", model_dir=models, tuning=Tuning(dtype="bfloat16"))
    assert engine.generate(PLAIN) == DiffusionEngine(models, tuning=Tuning(dtype="bfloat16")).generate(PLAIN)


def test_a_dtype_that_is_none_is_refused() -> None:
    with pytest.raises(EngineError) as refusal:
        Tuning(dtype="half")
    assert str(refusal.value) == "dtype: 'half' is none; float32, float16, bfloat16 are: choose one of these"
    said = sweep("serve", "--dtype", "half")
    assert (said.code, said.err) == (2, f"serve: --{refusal.value}\n")


@pytest.mark.parametrize("option", [("--dtype", "float16"), ("--channels-last",), ("--attention-slicing",)])
def test_the_sketch_engine_is_not_tuned(option: tuple[str, ...]) -> None:
    said = sweep("serve", "--engine", "sketch", *option)
    assert said.code == 2
    assert said.err == (
        "serve: --dtype, --channels-last and --attention-slicing are for --engine diffusion, and sketch computes nothing; "
        "leave them out\n"
    )


def test_replicas_of_a_cluster_are_tuned_alike() -> None:
    wanted = fleet({"device": "cuda", "dtype": "bfloat16", "channels_last": True, "attention_slicing": True})
    assert wanted.tuning == Tuning(dtype="bfloat16", channels_last=True, attention_slicing=True)
    with pytest.raises(InputError) as refusal:
        Fleet(engine="sketch", channels_last=True)
    assert str(refusal.value) == (
        "cluster: dtype, channels_last and attention_slicing tune diffusion, and sketch is not tuned; leave them out"
    )
