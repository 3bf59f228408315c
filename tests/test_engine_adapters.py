"""clip_skip, tomesd, LoRAs and VAEs each act on the picture that asks for them and leave no trace in the next."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawing import inpaint, its_copy, one_engine, one_model, plain
from tiny import save_lora, tiny_unet, tiny_vae

from runner.engine.diffusion import DiffusionEngine
from runner.errors import EngineError
from tests.contracts.engine import decoded

pytestmark = pytest.mark.local

PLAIN = plain("tiny")
INPAINT = inpaint("tiny")

saved = pytest.fixture(scope="session")(one_model)
shared_engine = pytest.fixture(scope="session")(one_engine)
copied = pytest.fixture(its_copy)


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
