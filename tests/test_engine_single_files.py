"""Models in one file: the same pictures as from the folder that they were written from, and nothing fetched."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from drawing import img2img, plain
from one_file import save_one_file
from tiny import SD1, SD2, XL, save_lora, save_model, tiny_kl

from runner.engine.diffusion import DiffusionEngine
from runner.errors import EngineError
from runner.nouns import Verdict

pytestmark = pytest.mark.local

FAMILIES = {"sd1": SD1, "sd2": SD2, "sdxl": XL}

PLAIN = plain("dream", num_inference_steps=3, tomesd=True)
IMG2IMG = img2img("dream", num_inference_steps=3, tomesd=True, strength=0.7)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For each family a folder with a whole model, and the same model as one file."""
    from diffusers import DiffusionPipeline

    root = tmp_path_factory.mktemp("made")
    for name, family in FAMILIES.items():
        torch.manual_seed(5)
        save_model(root / name / "whole", family=family, vae=tiny_kl())
        pipeline = DiffusionPipeline.from_pretrained(root / name / "whole", local_files_only=True)
        save_one_file(pipeline, root / name / "dream.safetensors")
        save_lora(root / name / "loras" / "ink.safetensors", seed=1, family=family)
    return root


def models(made: Path, here: Path, name: str, configs: str | None = None) -> Path:
    """A folder of models with the whole one, the file, and settings under `configs`, which hold no weights."""
    root = Path(shutil.copytree(made / name, here / "models"))
    if configs:
        weights = shutil.ignore_patterns("*.safetensors")
        shutil.copytree(root / "whole", root / "configs" / configs, ignore=weights)
    return root


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_in_one_file_makes_the_pictures_of_its_folder(made: Path, tmp_path: Path, name: str) -> None:
    engine = DiffusionEngine(models(made, tmp_path, name, configs=name))
    for asked in (PLAIN, IMG2IMG, replace(PLAIN, loras=(("ink", 0.7),)), replace(PLAIN, clip_skip=2)):
        assert engine.generate(asked) == engine.generate(replace(asked, model_id="whole"))


def test_settings_of_the_file_itself_come_before_those_of_its_family(made: Path, tmp_path: Path) -> None:
    root = models(made, tmp_path, "sd1", configs="sd1")
    of_the_family = DiffusionEngine(root).generate(PLAIN)
    shutil.copytree(root / "configs" / "sd1", root / "configs" / "dream")
    config = root / "configs" / "dream" / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"prediction_type": "v_prediction"}))
    assert DiffusionEngine(root).generate(PLAIN) != of_the_family


def test_its_digest_is_over_the_file_and_its_settings(made: Path, tmp_path: Path) -> None:
    root = models(made, tmp_path, "sd1", configs="sd1")
    found = [DiffusionEngine(root).models()["dream"]]
    config = root / "configs" / "sd1" / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text() + "\n")
    found.append(DiffusionEngine(root).models()["dream"])
    with (root / "dream.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")
    found.append(DiffusionEngine(root).models()["dream"])
    (root / "dream").mkdir()
    (root / "dream" / "safety.json").write_text('{"words": ["red"]}')
    found.append(DiffusionEngine(root).models()["dream"])
    assert len(set(found)) == 4


def test_a_rule_in_the_folder_of_its_name_looks_at_its_pictures(made: Path, tmp_path: Path) -> None:
    root = models(made, tmp_path, "sd1", configs="sd1")
    index = json.loads((root / "configs" / "sd1" / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]  # in the settings, not in the file
    (root / "configs" / "sd1" / "model_index.json").write_text(json.dumps(index))
    engine = DiffusionEngine(root)
    assert engine.generate(replace(PLAIN, hide="black")).verdict is Verdict.UNCHECKED
    (root / "dream").mkdir()
    (root / "dream" / "safety.json").write_text('{"words": ["red"]}')
    assert engine.generate(replace(PLAIN, hide="black")).verdict is Verdict.UNSAFE


@pytest.mark.parametrize("name", FAMILIES)
def test_nothing_is_fetched_for_it_even_where_a_hub_could_be_asked(made: Path, tmp_path: Path, name: str) -> None:
    root = models(made, tmp_path, name, configs=name)
    script = (
        "import os, sys\n"
        "asked, REACHING = [], ('socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname', 'socket.sendto')\n"
        "sys.addaudithook(lambda event, args: asked.append(event) if event in REACHING else None)\n"
        "from pathlib import Path\n"
        "from runner.engine.diffusion import DiffusionEngine\n"
        "from runner.nouns import Generation\n"
        f"engine = DiffusionEngine(Path({str(root)!r}))\n"
        "engine.generate(Generation(endpoint='text2img', model_id='dream', prompt='a', width=64, height=64, "
        "num_inference_steps=2))\n"
        "print(os.environ['HF_HUB_OFFLINE'], asked)\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "empty")}
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert (finished.stdout, finished.stderr) == ("0 []\n", "")


# --- what is said where something is missing ----------------------------------------------------------------------------


def test_a_file_without_settings_is_no_model_and_is_told_what_it_needs(made: Path, tmp_path: Path) -> None:
    engine = DiffusionEngine(models(made, tmp_path, "sdxl"))
    assert list(engine.models()) == ["whole"]
    with pytest.raises(EngineError) as refusal:
        engine.generate(PLAIN)
    assert str(refusal.value) == (
        "model_id: 'dream' is one file of Stable Diffusion XL, and its settings are not here; configs/dream/ or "
        "configs/sdxl/ beside it must hold the *.json and *.txt files of a diffusers folder of that family, without "
        "weights: copy them there, and ask again"
    )


def test_a_folder_with_nothing_but_such_a_file_says_the_same(made: Path, tmp_path: Path) -> None:
    root = models(made, tmp_path, "sd2")
    shutil.rmtree(root / "whole")
    with pytest.raises(
        EngineError, match=r"^model_id: 'dream' is one file of Stable Diffusion 2, and its settings are"
    ):
        DiffusionEngine(root)


@pytest.mark.parametrize("content", ["a LoRA", "damaged", "empty"])
def test_a_file_that_is_no_model_is_refused(made: Path, tmp_path: Path, content: str) -> None:
    root = models(made, tmp_path, "sd1", configs="sd1")
    file = root / "other.safetensors"
    match content:
        case "a LoRA":
            shutil.copy(root / "loras" / "ink.safetensors", file)
        case "damaged":
            file.write_bytes(b"\x10\0\0\0\0\0\0\0{not JSON at all}")
        case _:
            file.write_bytes(b"")
    engine = DiffusionEngine(root)
    assert list(engine.models()) == ["whole", "dream"]
    with pytest.raises(EngineError) as refusal:
        engine.generate(replace(PLAIN, model_id="other"))
    assert str(refusal.value) == (
        "model_id: 'other' is one file, and not of a model of Stable Diffusion 1, Stable Diffusion 2, Stable Diffusion XL: "
        "none of their text encoders is in it; a LoRA belongs into loras/, and a model of another family is not driven: "
        "move or remove it"
    )


def test_settings_of_another_family_are_refused(made: Path, tmp_path: Path) -> None:
    root = models(made, tmp_path, "sd2")
    shutil.copytree(made / "sd1" / "whole", root / "configs" / "dream", ignore=shutil.ignore_patterns("*.safetensors"))
    with pytest.raises(EngineError) as refusal:
        DiffusionEngine(root).generate(PLAIN)
    said = str(refusal.value)
    assert said.startswith(
        "model_id: 'dream' cannot be loaded from dream.safetensors with the settings in configs/dream ("
    )
    assert said.endswith(
        "); they must be those of the model that it was trained from, and the file whole: replace the one that is wrong"
    )


@pytest.mark.parametrize("part", ["model.diffusion_model.out.2.", "first_stage_model.decoder.conv_out."])
def test_a_file_that_lacks_weights_is_refused(made: Path, tmp_path: Path, part: str) -> None:
    from safetensors.torch import load_file, save_file

    root = models(made, tmp_path, "sd1", configs="sd1")
    tensors: dict[str, Any] = load_file(root / "dream.safetensors")
    whole = {name: tensor for name, tensor in tensors.items() if not name.startswith(part)}
    save_file(whole, root / "dream.safetensors")
    with pytest.raises(EngineError) as refusal:
        DiffusionEngine(root).generate(PLAIN)
    assert str(refusal.value) == (
        "model_id: 'dream' cannot be loaded from dream.safetensors with the settings in configs/sd1 (weights are not in "
        "it); they must be those of the model that it was trained from, and the file whole: replace the one that is wrong"
    )
