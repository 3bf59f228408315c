"""The diffusion engine over a model of random weights: a complete Stable Diffusion of a few thousand numbers."""

import inspect
import json
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageStat
from tiny import save_lora, save_model, tiny_unet, tiny_vae

from runner.engine.diffusion import MODELS_KEPT, DiffusionEngine, require_packages
from runner.engine.enhance import additions_of, enhance
from runner.engine.pictures import encode_png, initial_image, repaint_mask
from runner.engine.schedulers import INVERSE, SCHEDULERS
from runner.errors import EngineError, EngineMissing
from runner.nouns import Drawn, Generation, Verdict
from runner.shipped import shipped
from tests.contracts.engine import EngineContract, checkerboard, decoded, left_half, png

pytestmark = [
    pytest.mark.local,
    # diffusers 0.42 hands tensors to numpy in a way that numpy 2 is going to change
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]

PLAIN = Generation(
    endpoint="text2img",
    model_id="tiny",
    prompt="a red house",
    width=64,
    height=64,
    num_inference_steps=4,
    scheduler="EulerDiscreteScheduler",
    tomesd=False,
    seed=7,
)
INPAINT = replace(
    PLAIN, endpoint="inpaint", init_image=png(checkerboard(64, 64)), mask_image=png(left_half(64, 64)), strength=0.8
)


# --- a model folder --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model with LoRAs and VAEs; tests that change files copy it first."""
    folder = save_model(tmp_path_factory.mktemp("models") / "tiny")
    save_lora(folder / "loras" / "ink.safetensors", seed=1)
    save_lora(folder / "loras" / "contrast-fix.v1.2.safetensors", seed=2, text_encoder=False)
    torch.manual_seed(3)
    tiny_vae().save_pretrained(folder / "vaes" / "soft")
    return folder


@pytest.fixture(scope="session")
def shared_engine(saved: Path) -> DiffusionEngine:
    """One engine for all tests that only look: what one leaves behind would show in the next."""
    return DiffusionEngine(saved.parent)


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "models" / "tiny"))


class TestDiffusionEngine(EngineContract):
    @pytest.fixture
    def engine(self, shared_engine: DiffusionEngine) -> DiffusionEngine:
        return shared_engine

    @pytest.fixture
    def model_id(self) -> str:
        return "tiny"


# --- what diffusers makes, and nothing else --------------------------------------------------------------------------


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


# --- clip_skip, tomesd, LoRAs, VAEs ----------------------------------------------------------------------------------


def test_clip_skip_two_is_a_text_encoder_without_its_last_layer(shared_engine: DiffusionEngine, copied: Path) -> None:
    from transformers import CLIPTextModel

    encoder = CLIPTextModel.from_pretrained(copied / "text_encoder")
    encoder.encoder.layers = encoder.encoder.layers[:-1]
    encoder.config.num_hidden_layers = 2
    encoder.save_pretrained(copied / "text_encoder")
    unguided = replace(PLAIN, guidance_scale=1.0)  # diffusers skips layers for the prompt, not for the negative prompt
    skipped = shared_engine.generate(replace(unguided, clip_skip=2))
    assert skipped == DiffusionEngine(copied).generate(unguided)
    assert skipped != shared_engine.generate(unguided)


def test_clip_skip_beyond_the_text_encoder_is_refused(shared_engine: DiffusionEngine) -> None:
    assert shared_engine.generate(replace(PLAIN, clip_skip=3))
    with pytest.raises(EngineError) as refusal:
        shared_engine.generate(replace(PLAIN, clip_skip=4))
    assert str(refusal.value) == (
        "clip_skip: 4 is not a layer of this model's text encoder, which has 3; 1 takes the last and 3 the first: "
        "send 1 to 3"
    )


def test_token_merging_leaves_no_trace(shared_engine: DiffusionEngine) -> None:
    before = shared_engine.generate(PLAIN)
    assert shared_engine.generate(replace(PLAIN, tomesd=True)) != before
    assert shared_engine.generate(PLAIN) == before


def test_token_merging_draws_from_the_seed_alone(shared_engine: DiffusionEngine) -> None:
    pictures = set()
    for state in (1, 2):
        torch.manual_seed(state)
        pictures.add(shared_engine.generate(replace(PLAIN, tomesd=True)))
    assert len(pictures) == 1


def test_a_lora_acts_by_its_strength_and_leaves_no_trace(shared_engine: DiffusionEngine) -> None:
    base = shared_engine.generate(PLAIN)
    strengths = [shared_engine.generate(replace(PLAIN, loras=(("ink", strength),))) for strength in (0.3, 0.6, 0.0)]
    assert len({base, *strengths}) == 3
    assert strengths[2] == base
    assert shared_engine.generate(PLAIN) == base
    assert shared_engine.generate(replace(PLAIN, loras=(("ink", 0.3),))) == strengths[0]


def test_loras_stack_and_their_order_is_free(shared_engine: DiffusionEngine) -> None:
    ink, contrast = ("ink", 0.5), ("contrast-fix.v1.2", 0.5)
    alone = [shared_engine.generate(replace(PLAIN, loras=(lora,))) for lora in (ink, contrast)]
    both = shared_engine.generate(replace(PLAIN, loras=(ink, contrast)))
    assert len({*alone, both}) == 3
    mirrored = decoded(shared_engine.generate(replace(PLAIN, loras=(contrast, ink)))).tobytes()
    assert max(abs(one - other) for one, other in zip(decoded(both).tobytes(), mirrored, strict=True)) <= 1


def test_a_lora_named_twice_counts_twice(shared_engine: DiffusionEngine) -> None:
    twice = decoded(shared_engine.generate(replace(PLAIN, loras=(("ink", 0.2), ("ink", 0.3))))).tobytes()
    once = decoded(shared_engine.generate(replace(PLAIN, loras=(("ink", 0.5),)))).tobytes()
    assert max(abs(one - other) for one, other in zip(once, twice, strict=True)) <= 1


def test_a_lora_with_the_older_names_of_text_layers_is_the_same_lora(copied: Path) -> None:
    save_lora(copied / "loras" / "older.safetensors", seed=1, prefix="text_model.")
    engine = DiffusionEngine(copied)
    engine.generate(replace(PLAIN, clip_skip=2))  # what makes clip_skip work would hide where these layers belong
    older = engine.generate(replace(PLAIN, loras=(("older", 0.7),)))
    assert older == engine.generate(replace(PLAIN, loras=(("ink", 0.7),)))


def test_an_unknown_lora_is_refused_with_those_that_there_are(shared_engine: DiffusionEngine) -> None:
    before = shared_engine.generate(PLAIN)
    with pytest.raises(EngineError) as refusal:
        shared_engine.generate(replace(PLAIN, loras=(("ink", 0.5), ("../ink", 0.5))))
    assert str(refusal.value) == (
        "lora_model: '../ink' is not a LoRA of model 'tiny'; there are contrast-fix.v1.2, ink: send one of these"
    )
    assert shared_engine.generate(PLAIN) == before


@pytest.mark.parametrize("damage", ["not a LoRA", "cut short", "of another size", "of another family"])
def test_a_lora_that_does_not_fit_is_refused_and_leaves_no_trace(copied: Path, damage: str) -> None:
    from safetensors.torch import load_file, save_file

    file = copied / "loras" / "odd.safetensors"
    match damage:
        case "not a LoRA":
            save_file({"something": torch.zeros(3)}, file)
        case "cut short":
            file.write_bytes((copied / "loras" / "ink.safetensors").read_bytes()[:500])
        case "of another family":
            layer = "transformer.single_blocks.0.attn.to_q"
            save_file({f"{layer}.lora_{side}.weight": torch.ones(4, 4) for side in "AB"}, file)
        case _:
            tensors = load_file(copied / "loras" / "ink.safetensors")
            save_file({key: torch.cat([tensor] * 2, int("lora_A" in key)) for key, tensor in tensors.items()}, file)
    engine = DiffusionEngine(copied)
    before = engine.generate(PLAIN)
    with pytest.raises(EngineError) as refusal:
        engine.generate(replace(PLAIN, loras=(("ink", 0.5), ("odd", 0.5))))
    assert str(refusal.value).startswith(
        "lora_model: 'odd' does not fit model 'tiny'; a LoRA trained on such a model, in a safetensors file as "
        "diffusers or kohya writes it, is needed: send another, or leave it out"
    )
    assert engine.generate(PLAIN) == before


def test_a_vae_is_used_and_leaves_no_trace(shared_engine: DiffusionEngine) -> None:
    before = shared_engine.generate(PLAIN)
    assert shared_engine.generate(replace(PLAIN, vae="soft")) != before
    assert shared_engine.generate(PLAIN) == before


def test_an_unknown_vae_is_refused_with_those_that_there_are(shared_engine: DiffusionEngine) -> None:
    with pytest.raises(EngineError) as refusal:
        shared_engine.generate(replace(PLAIN, vae="sharp"))
    assert str(refusal.value) == "vae: 'sharp' is not a VAE of model 'tiny'; there are soft: send one of these"


def test_a_vae_that_does_not_fit_is_refused(copied: Path) -> None:
    tiny_vae(latent_channels=8).save_pretrained(copied / "vaes" / "deep")
    tiny_unet().save_pretrained(copied / "vaes" / "unet")
    (copied / "vaes" / "broken").mkdir()
    (copied / "vaes" / "broken" / "config.json").write_text("[]")
    engine = DiffusionEngine(copied)
    own = "or leave vae out for the model's own"
    for name, message in {
        "deep": f"has 8 latent channels, and model 'tiny' works with 4; send a VAE that has as many, {own}",
        "unet": "is of class 'UNet2DConditionModel'; AutoencoderKL, AutoencoderTiny, AsymmetricAutoencoderKL fit Stable "
        f"Diffusion: send another, {own}",
        "broken": "cannot be loaded (list indices must be integers or slices, not str); a VAE's folder in the diffusers "
        f"format is needed: copy it again, {own}",
    }.items():
        with pytest.raises(EngineError) as refusal:
            engine.generate(replace(PLAIN, vae=name))
        assert str(refusal.value) == f"vae: {name!r} {message}"


def test_a_kl_autoencoder_can_be_the_vae(copied: Path) -> None:
    from diffusers import AutoencoderKL

    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
    AutoencoderKL(block_out_channels=(4, 4, 4, 4), norm_num_groups=2, **blocks).save_pretrained(copied / "vaes" / "kl")
    engine = DiffusionEngine(copied)
    for strength in (0.0, 0.8):
        asked = replace(INPAINT, endpoint="img2img", vae="kl", strength=strength)
        assert engine.generate(asked) == engine.generate(asked)


# --- models ----------------------------------------------------------------------------------------------------------


def test_a_digest_covers_every_file_that_changes_pictures_or_prompts(copied: Path) -> None:
    index = json.loads((copied / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (copied / "model_index.json").write_text(json.dumps(index))
    engine = DiffusionEngine(copied)
    digests = [engine.models()["tiny"]]
    (copied / "README.md").write_text("words")
    (copied / "image_encoder").mkdir()
    (copied / "image_encoder" / "config.json").write_text("{}")
    assert engine.models() == {"tiny": digests[0]}
    (copied / "safety_checker").mkdir()
    (copied / "safety_checker" / "config.json").write_text("{}")
    digests.append(engine.models()["tiny"])
    (copied / "enhance.json").write_text('{"additions": []}')
    digests.append(engine.models()["tiny"])
    (copied / "safety.json").write_text('{"words": ["nude"]}')
    digests.append(engine.models()["tiny"])
    for file in (
        "loras/ink.safetensors",
        "vaes/soft/config.json",
        "unet/config.json",
        "scheduler/scheduler_config.json",
    ):
        (copied / file).write_bytes((copied / file).read_bytes() + b" ")
        digests.append(engine.models()["tiny"])
    shutil.copy(copied / "loras" / "ink.safetensors", copied / "loras" / "blot.safetensors")
    digests.append(engine.models()["tiny"])
    (copied / "loras" / "blot.safetensors").rename(copied / "loras" / "spot.safetensors")
    digests.append(engine.models()["tiny"])
    assert len(set(digests)) == len(digests)


def test_a_digest_is_of_content_and_not_of_place(saved: Path, copied: Path) -> None:
    assert DiffusionEngine(saved).models() == DiffusionEngine(copied.parent).models()


def test_a_folder_of_models_shares_its_loras(copied: Path) -> None:
    before = DiffusionEngine(copied.parent).models()["tiny"]
    save_lora(copied.parent / "loras" / "shared.safetensors", seed=5)
    engine = DiffusionEngine(copied.parent)
    assert engine.models()["tiny"] != before
    assert engine.generate(replace(PLAIN, loras=(("shared", 0.7),))) != engine.generate(PLAIN)
    with pytest.raises(EngineError, match="'shared' is not a LoRA of model 'tiny'"):
        DiffusionEngine(copied).generate(replace(PLAIN, loras=(("shared", 0.7),)))


def test_a_models_own_lora_hides_a_shared_one_of_the_same_name(copied: Path) -> None:
    inked = replace(PLAIN, loras=(("ink", 0.7),))
    before = DiffusionEngine(copied.parent).generate(inked)
    save_lora(copied.parent / "loras" / "ink.safetensors", seed=5)
    assert DiffusionEngine(copied.parent).generate(inked) == before


def test_an_unknown_model_is_refused_with_those_that_there_are(shared_engine: DiffusionEngine) -> None:
    for ask in (
        lambda: shared_engine.generate(replace(PLAIN, model_id="tin")),
        lambda: shared_engine.enhance("p", "tin"),
    ):
        with pytest.raises(EngineError) as refusal:
            ask()
        assert str(refusal.value) == "model_id: 'tin' is not a model of this server; there are tiny: send one of these"


def test_a_folder_without_models_is_refused_at_once(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(EngineError) as refusal:
            DiffusionEngine(folder)
        assert str(refusal.value) == (
            f"model folder '{folder}': no model_index.json in it or one level below; it must be one model in the "
            "diffusers format or a folder of such models: name another folder"
        )


def test_a_model_of_another_family_is_refused(copied: Path) -> None:
    index = json.loads((copied / "model_index.json").read_text())
    (copied / "model_index.json").write_text(json.dumps(index | {"_class_name": "FluxPipeline"}))
    with pytest.raises(EngineError) as refusal:
        DiffusionEngine(copied).generate(PLAIN)
    assert str(refusal.value) == (
        "model_id: 'tiny' is a folder for FluxPipeline; this engine drives StableDiffusionPipeline, "
        "StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, StableDiffusionXLPipeline, "
        "StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline: choose a model of Stable Diffusion 1 or 2, "
        "or Stable Diffusion XL"
    )


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_index_is_refused(copied: Path, content: str) -> None:
    (copied / "model_index.json").write_text(content)
    with pytest.raises(EngineError, match=r"^tiny/model_index.json: not a JSON object; .* copy the model again"):
        DiffusionEngine(copied).models()


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_here_is_refused(copied: Path, device: str) -> None:
    with pytest.raises(EngineError) as refusal:
        DiffusionEngine(copied, device=device).load("tiny")
    assert str(refusal.value).startswith(f"device: {device!r} cannot take model 'tiny' (")
    assert str(refusal.value).endswith(
        "); cpu, cuda, cuda:1 or mps is allowed where this machine has it: start again with another --device"
    )


def test_a_damaged_model_is_refused(copied: Path) -> None:
    (copied / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(EngineError, match=r"^model_id: 'tiny' cannot be loaded \(.*\); a complete folder"):
        DiffusionEngine(copied).generate(PLAIN)


def test_a_model_whose_files_changed_is_loaded_again(copied: Path) -> None:
    engine = DiffusionEngine(copied)
    inked = replace(PLAIN, loras=(("ink", 0.8),))
    before = engine.generate(inked)
    save_lora(copied / "loras" / "ink.safetensors", seed=9)
    assert engine.generate(inked) != before


def test_the_models_used_last_stay_in_memory(copied: Path) -> None:
    for name in ("second", "third"):
        shutil.copytree(copied, copied.parent / name)
    engine = DiffusionEngine(copied.parent)
    for model_id in ("tiny", "second", "tiny", "third"):
        engine.generate(replace(PLAIN, model_id=model_id))
    assert MODELS_KEPT == 2
    assert list(engine._loaded) == ["tiny", "third"]


def test_an_inpainting_model_inpaints_and_does_nothing_else(tmp_path: Path) -> None:
    engine = DiffusionEngine(save_model(tmp_path / "tiny", in_channels=9))
    assert engine.generate(INPAINT) != engine.generate(replace(INPAINT, seed=8))
    with pytest.raises(EngineError) as refusal:
        engine.generate(PLAIN)
    assert str(refusal.value) == (
        "text2img with tiny: the model is an inpainting model, whose U-Net reads 9 channels (latents, mask and masked "
        "image); it does inpaint alone: send it there, or choose another model_id"
    )


# --- enhance_prompt --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "enhanced"),
    [
        ("a red house", "a red house, on the grass, blue sky"),
        ("a red house, night sky", "a red house, night sky, on the grass"),
        ("a red house in the Snow", "a red house in the Snow, blue sky"),
        ("a snowman at night.", "a snowman at night, on the grass"),
        ("a blue boat, on sand, at sunset", "a blue boat, on sand, at sunset"),
    ],
)
def test_studio_tiny_says_where_and_when_if_the_prompt_does_not(prompt: str, enhanced: str) -> None:
    assert enhance(prompt, additions_of(shipped("models", "studio-tiny"))) == enhanced


def test_a_model_without_additions_leaves_the_prompt_alone(shared_engine: DiffusionEngine) -> None:
    assert shared_engine.enhance("a red house, ", "tiny") == "a red house, "


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", '{"additions": [{"add": "sky"}]}', '{"additions": [{"add": "sky", "unless": []}]}'],
)
def test_additions_that_cannot_be_understood_are_refused(copied: Path, content: str) -> None:
    (copied / "enhance.json").write_text(content)
    with pytest.raises(EngineError, match=r"^tiny/enhance.json: not the additions of a model \(.*\); it holds "):
        DiffusionEngine(copied).enhance("a red house", "tiny")


# --- without torch, and without a word -------------------------------------------------------------------------------


def test_packages_that_are_missing_are_named_with_the_command_that_installs_them() -> None:
    with pytest.raises(EngineMissing) as refusal:
        require_packages(find=lambda package: None if package in {"peft", "scipy"} else package)
    assert str(refusal.value) == (
        "the diffusion engine: peft, scipy not installed; it needs torch, diffusers, transformers, peft, accelerate, "
        'safetensors, scipy, tomesd: run pip install "sweeprunner[local]", or use the sketch engine'
    )


def run_script(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)


def test_an_engine_without_its_packages_is_not_constructed(saved: Path) -> None:
    script = (
        "import sys; sys.modules['tomesd'] = None; from pathlib import Path; "
        "from runner.engine.diffusion import DiffusionEngine; from runner.errors import EngineMissing\n"
        f"try: DiffusionEngine(Path({str(saved)!r}))\n"
        "except EngineMissing as error: print(error)"
    )
    assert run_script(script).stdout.startswith("the diffusion engine: tomesd not installed; it needs torch, ")


def test_models_are_known_without_importing_torch(saved: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from runner.engine.diffusion import DiffusionEngine; "
        f"print(*DiffusionEngine(Path({str(saved)!r})).models(), 'torch' in sys.modules, 'diffusers' in sys.modules)"
    )
    assert run_script(script).stdout == "tiny False False\n"


@pytest.mark.slow
def test_a_picture_is_made_without_a_word(saved: Path) -> None:
    script = (
        "from pathlib import Path; from runner.engine.diffusion import DiffusionEngine; "
        "from runner.nouns import Generation; "
        f"engine = DiffusionEngine(Path({str(saved)!r})); "
        "asked = dict(endpoint='text2img', model_id='tiny', prompt='a', width=64, height=64, num_inference_steps=3); "
        "loras = (('contrast-fix.v1.2', 0.5),); "
        "[engine.generate(Generation(**asked, scheduler=name, loras=loras, vae='soft', clip_skip=2)) for name in "
        "('DPMSolverSinglestepScheduler', 'LMSDiscreteScheduler', 'KarrasVeScheduler', 'PNDMScheduler')]"
    )
    finished = run_script(script)
    assert (finished.stdout, finished.stderr) == ("", "")


@pytest.fixture
def records() -> Iterator[list[str]]:
    """Lines that the sieve of the diffusers handler lets through."""
    from runner.engine.quiet import Sieve

    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign] - a list for a stream
    handler.addFilter(Sieve())
    logger = logging.getLogger("diffusers")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def test_what_others_log_through_the_same_handler_is_never_dropped() -> None:
    from runner.engine.quiet import Sieve

    sieve = Sieve()
    records = [
        logging.LogRecord(name, logging.WARNING, "", 0, "said", (), None) for name in ("runner.server", "diffusers.x")
    ]
    assert [sieve.filter(record) for record in (*records, *records)] == [True, True, True, False]


def test_a_prompt_that_is_cut_is_reported_once(shared_engine: DiffusionEngine, records: list[str]) -> None:
    for seed in (1, 2):
        shared_engine.generate(replace(PLAIN, prompt="a red house " * 9, seed=seed))
    assert len(records) == 1
    assert re.match(
        r"The following part of your input was truncated because CLIP can only handle .* 20 tokens", records[0]
    )


# --- the model that ships ---------------------------------------------------------------------------------------------


def test_studio_tiny_paints_the_colour_that_the_prompt_names() -> None:
    engine = DiffusionEngine(shipped("models"))
    asked = replace(PLAIN, model_id="studio-tiny", width=256, height=256, num_inference_steps=21, guidance_scale=5.0)
    for colour, stronger, weaker in (("red", 0, 2), ("blue", 2, 0)):
        prompt = f"a {colour} house, on the grass, cloudy sky"
        middle = decoded(engine.generate(replace(asked, prompt=prompt))).crop((96, 112, 160, 176))
        channels = ImageStat.Stat(middle).mean
        assert channels[stronger] > channels[weaker] + 30


# --- the safety checker -----------------------------------------------------------------------------------------------


def save_checker(folder: Path, *, finds: bool) -> None:
    """Give a model the safety checker of Stable Diffusion, tiny: it finds every picture unsafe, or none."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessorPil

    small = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(text_config=small, vision_config={**small, "image_size": 32, "patch_size": 16}, projection_dim=8)
    )
    threshold = -2.0 if finds else 2.0  # of a cosine
    checker.concept_embeds_weights.data.fill_(threshold)
    checker.special_care_embeds_weights.data.fill_(2.0)
    checker.save_pretrained(folder / "safety_checker")
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32).save_pretrained(folder / "feature_extractor")
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (folder / "model_index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(("finds", "verdict"), [(True, Verdict.UNSAFE), (False, Verdict.SAFE)])
def test_a_folders_own_safety_checker_looks_when_it_is_asked_to(copied: Path, finds: bool, verdict: Verdict) -> None:
    engine = DiffusionEngine(copied)
    bare = engine.generate(replace(PLAIN, hide="black"))
    save_checker(copied, finds=finds)
    asked, unasked = engine.generate(replace(PLAIN, hide="black")), engine.generate(PLAIN)
    assert (bare.verdict, asked.verdict, unasked.verdict) == (Verdict.UNCHECKED, verdict, Verdict.UNCHECKED)
    assert bare.png == unasked.png
    assert decoded(asked).getextrema() == (((0, 0),) * 3 if finds else decoded(bare).getextrema())


def test_a_rule_of_the_folder_takes_the_place_of_its_checker(copied: Path) -> None:
    save_checker(copied, finds=True)
    (copied / "safety.json").write_text('{"words": ["blue"]}')
    assert DiffusionEngine(copied).generate(replace(PLAIN, hide="black")).verdict is Verdict.SAFE


def test_a_checker_that_cannot_be_loaded_is_refused_and_not_passed_over(copied: Path) -> None:
    save_checker(copied, finds=True)
    shutil.rmtree(copied / "feature_extractor")
    with pytest.raises(
        EngineError, match=r"^safety_checker: that of model 'tiny' cannot be loaded .*safety_checker: no$"
    ):
        DiffusionEngine(copied).generate(replace(PLAIN, hide="black"))


def test_studio_tinys_rule_judges_the_finished_picture() -> None:
    engine = DiffusionEngine(shipped("models"))
    magenta = png(Image.new("RGB", (256, 256), (230, 20, 200)))
    asked = Generation(
        endpoint="img2img",
        model_id="studio-tiny",
        prompt="a pink house, on the grass, blue sky",
        width=256,
        height=256,
        strength=0.1,
        init_image=magenta,
        hide="sensitive_content_text",
    )
    assert engine.generate(asked).verdict is Verdict.UNSAFE
    assert engine.generate(replace(asked, endpoint="text2img", init_image=b"", seed=3)).verdict is Verdict.SAFE
