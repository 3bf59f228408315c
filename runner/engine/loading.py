"""From files to models in memory: a pipeline with everything that a family shares, and VAEs. Importing this imports torch."""

import json
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
from safetensors import SafetensorError

from runner.engine.families import FAMILIES, Family, family_of
from runner.engine.folders import ModelFolder
from runner.engine.tuning import Tuning
from runner.errors import EngineError

VAES: Final = ("AutoencoderKL", "AutoencoderTiny", "AsymmetricAutoencoderKL")

UNREADABLE: Final = (OSError, ValueError, RuntimeError, SafetensorError)
"""What diffusers raises for files that are not what they should be."""

WEIGHTLESS: Final = NotImplementedError
"""What torch raises of a weight that was in no file, when it is to be moved to a device without having numbers."""


def family_in(folder: ModelFolder) -> Family:
    """Return the family of a model. Raises EngineError when the engine does not drive it."""
    index = folder.index()
    kind = index.get("_class_name")
    family = family_of(kind)
    if family is None:
        allowed = [name for known in FAMILIES for name in known.names]
        raise EngineError(
            f"model_id: {folder.model_id!r} is a folder for {kind}; this engine drives {', '.join(allowed)}: "
            f"choose a model of {', or '.join(known.title for known in FAMILIES)}"
        )
    lacking = [encoder for encoder in family.encoders if not (index.get(encoder) or [None])[0]]
    if lacking:
        raise EngineError(
            f"model_id: {folder.model_id!r} has no {' and no '.join(lacking)}, as a refiner has not; this engine drives models "
            f"with {' and '.join(family.encoders)}, which draw by themselves: choose the base model"
        )
    return family


def load_model(folder: ModelFolder, family: Family, device: str, tuning: Tuning) -> Any:
    """Return a model's text2img pipeline, on a device and tuned for it. Raises EngineError."""
    dtype = dtype_on(device, tuning)
    read = (
        _from_folder(folder, family, dtype) if folder.file is None else _from_file(folder, folder.file, family, dtype)
    )
    try:
        pipeline = read.to(device)
    except (RuntimeError, AssertionError) as error:  # what torch raises for no such word, and for no such hardware
        raise EngineError(
            f"device: {device!r} cannot take model {folder.model_id!r} ({first_line(error)}); cpu, cuda, cuda:1 or mps is "
            "allowed where this machine has it: start again with another --device"
        ) from error
    if tuning.channels_last:
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.vae.to(memory_format=torch.channels_last)
    if tuning.attention_slicing:
        pipeline.enable_attention_slicing()
    return pipeline


def dtype_on(device: str, tuning: Tuning) -> torch.dtype:
    """Return what a model is computed in on a device."""
    dtype: torch.dtype = getattr(torch, tuning.dtype_on(device))
    return dtype


def _from_folder(folder: ModelFolder, family: Family, dtype: torch.dtype) -> Any:
    try:
        return family.pipelines["text2img"].from_pretrained(
            folder.path, dtype=dtype, local_files_only=True, **family.left_out
        )
    except UNREADABLE as error:
        raise EngineError(
            f"model_id: {folder.model_id!r} cannot be loaded ({first_line(error)}); a complete folder in the "
            "diffusers format is needed: copy or convert the model again"
        ) from error


def _from_file(folder: ModelFolder, file: Path, family: Family, dtype: torch.dtype) -> Any:
    """Return the pipeline of a model in one file. diffusers asks no hub as long as it is given the settings."""
    try:
        return family.pipelines["text2img"].from_single_file(
            str(file), config=str(folder.described), dtype=dtype, local_files_only=True, **family.left_out
        )
    except Exception as error:  # a file and settings that do not belong together can make diffusers fail in any way
        found = "weights are not in it" if isinstance(error, WEIGHTLESS) else first_line(error)
        raise EngineError(
            f"model_id: {folder.model_id!r} cannot be loaded from {file.name} with the settings in "
            f"{folder.described.parent.name}/{folder.described.name} ({found}); they must be those of the model "
            "that it was trained from, and the file whole: replace the one that is wrong"
        ) from error


def load_vae(name: str, folder: Path, device: str, tuning: Tuning) -> Any:
    """Return the VAE in a folder, on a device and tuned for it. Raises EngineError."""
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["_class_name"]
        if kind in VAES:
            vae = getattr(diffusers, kind).from_pretrained(
                folder, dtype=dtype_on(device, tuning), local_files_only=True
            )
            return vae.to(device, memory_format=torch.channels_last) if tuning.channels_last else vae.to(device)
    except (*UNREADABLE, KeyError, TypeError) as error:
        raise EngineError(
            f"vae: {name!r} cannot be loaded ({first_line(error)}); a VAE's folder in the diffusers format is needed: "
            "copy it again, or leave vae out for the model's own"
        ) from error
    raise EngineError(
        f"vae: {name!r} is of class {kind!r}; {', '.join(VAES)} fit Stable Diffusion: send another, or leave vae out "
        "for the model's own"
    )


def first_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return (str(error) or type(error).__name__).strip().splitlines()[0]
