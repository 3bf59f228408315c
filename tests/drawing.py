"""What the tests of the diffusion engine ask for, and the folders of tiny models that they ask it of."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import save_lora, save_model, tiny_kl, tiny_vae

from runner.engine.diffusion import DiffusionEngine
from runner.nouns import Generation
from tests.contracts.engine import checkerboard, left_half, png, small


def plain(model_id: str, **more: Any) -> Generation:
    """A small text2img; `more` are fields of the generation."""
    return replace(small(model_id), **{"tomesd": False} | more)


def inpaint(model_id: str, **more: Any) -> Generation:
    given = {"init_image": png(checkerboard(64, 64)), "mask_image": png(left_half(64, 64)), "strength": 0.8}
    return plain(model_id, endpoint="inpaint", **given | more)


def img2img(model_id: str, **more: Any) -> Generation:
    return replace(inpaint(model_id, **more), endpoint="img2img", mask_image=b"")


def save_models(root: Path, families: Mapping[str, str], *, vae: bool = True) -> Path:
    """Write a model of each family under its name, each with the LoRA `ink` and, where asked for, the VAE `soft`."""
    for name, family in families.items():
        save_model(root / name, family=family)
        save_lora(root / name / "loras" / "ink.safetensors", seed=1, family=family)
        if vae:
            torch.manual_seed(3)
            tiny_kl().save_pretrained(root / name / "vaes" / "soft")
    return root


def one_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model with LoRAs and VAEs, the fixture `saved`; tests that change files copy it first."""
    folder = save_model(tmp_path_factory.mktemp("models") / "tiny")
    save_lora(folder / "loras" / "ink.safetensors", seed=1)
    save_lora(folder / "loras" / "contrast-fix.v1.2.safetensors", seed=2, text_encoder=False)
    torch.manual_seed(3)
    tiny_vae().save_pretrained(folder / "vaes" / "soft")
    return folder


def one_engine(saved: Path) -> DiffusionEngine:
    """One engine, the fixture `shared_engine`, for all tests that only look: what one leaves behind would show in the next."""
    return DiffusionEngine(saved.parent)


def its_copy(saved: Path, tmp_path: Path) -> Path:
    """The same model for one test alone, the fixture `copied`."""
    return Path(shutil.copytree(saved, tmp_path / "models" / "tiny"))
