"""Folders of models: which there are, what their digests cover, which are refused, which stay in memory."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from drawing import inpaint, its_copy, one_engine, one_model, plain
from tiny import save_lora, save_model

from runner.engine.diffusion import MODELS_KEPT, DiffusionEngine
from runner.engine.enhance import additions_of, enhance
from runner.errors import EngineError
from runner.shipped import shipped

pytestmark = pytest.mark.local

PLAIN = plain("tiny")
INPAINT = inpaint("tiny")

saved = pytest.fixture(scope="session")(one_model)
shared_engine = pytest.fixture(scope="session")(one_engine)
copied = pytest.fixture(its_copy)


# --- models --------------------------------------------------------------------------------------------------------


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


# --- enhance_prompt ------------------------------------------------------------------------------------------------


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
