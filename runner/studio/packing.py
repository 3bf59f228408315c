"""Checkpoints become the model folder that ships: diffusers' layout, fp16, with the facts of its training beside it."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny

from runner.studio.networks import build_pipeline, load_networks


def pack(base: Path, networks: Path, loras: Sequence[Path], model: Path) -> int:
    """Write a model folder from its parts; what else lies in the folder (the card, `enhance.json`) stays.

    Args:
        base: a folder with `tokenizer/` and `vae/`.
        networks: a folder with `unet/` and `text_encoder/`.
        loras: LoRA files; each keeps its name.
        model: the folder to write.

    Returns:
        The bytes of everything in the folder.
    """
    pipeline = build_pipeline(base, load_networks(networks))
    pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(model, safe_serialization=True)
    (model / "loras").mkdir(exist_ok=True)
    for lora in loras:
        shutil.copyfile(lora, model / "loras" / lora.name)
    for name in ("unet", "text_encoder", "vae"):
        _forget_origin(model / name)
    for path in model.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)  # safetensors writes for its owner's eyes alone
    return sum(path.stat().st_size for path in model.rglob("*") if path.is_file())


def pack_vae(source: Path, model: Path) -> None:
    """Write a further VAE to `vaes/` of a model folder, under the name of its own folder and in fp16."""
    target = model / "vaes" / source.name
    AutoencoderTiny.from_pretrained(source, local_files_only=True).half().save_pretrained(target)
    _forget_origin(target)
    for path in (target.parent, target, *target.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)


def write_facts(model: Path, facts: Mapping[str, Any]) -> None:
    """Write `training.json`: what was trained on what, for how long, and how it ended."""
    (model / "training.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _forget_origin(part: Path) -> None:
    """Take out of a part's configuration from where it was loaded: where it was trained is nobody's business."""
    path = part / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
