"""The pictures of the model card, each a sheet that shows one thing: prompts, sizes, LoRAs, VAEs."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image

from runner.studio.networks import NATIVE_SIZE, load_vae
from runner.studio.sheet import arrange, make_sheet, paint, painter, pictures, sheet_prompts

NATIVE = (NATIVE_SIZE, NATIVE_SIZE)

SMALL = 192
"""Side in pixels of a picture on the sheet of LoRAs."""

STRENGTHS = (0.0, 0.1, 0.3, 0.6, 1.0)

LORA_PROMPTS = ("a yellow car, on sand, blue sky", "a red house, on snow, night sky")

VAE_PROMPTS = (
    "a red house, on grass, blue sky",
    "a pink car, on snow, sunset sky",
    "a purple rocket, on sand, blue sky",
    "a blue cat, on grass, sunset sky",
    "a green house, on snow, night sky",
    "a yellow car, on sand, cloudy sky",
)


def prompts_sheet(model: Path) -> Image.Image:
    """Draw 24 prompts at the native size."""
    return make_sheet(model, sheet_prompts(24), size=NATIVE)


def sizes_sheet(model: Path) -> Image.Image:
    """Draw six prompts at 512 x 512 and, below, at 384 x 256."""
    prompts = sheet_prompts(6)
    rows = []
    for width, height in ((512, 512), (384, 256)):
        shown = (NATIVE_SIZE, height * NATIVE_SIZE // width)
        images = [image.resize(shown) for image in pictures(model, prompts, size=(width, height))]
        rows.append(arrange(images, prompts))
    return _stacked(rows)


def loras_sheet(model: Path) -> Image.Image:
    """Draw two prompts for every LoRA, at growing strength, and last with the next LoRA, both at 0.6."""
    pipeline = painter(model)
    names = load_loras(pipeline, model)
    images, labels = [], []
    for place, name in enumerate(names):
        other = names[(place + 1) % len(names)]
        worn = [{name: strength} for strength in STRENGTHS] + [{name: 0.6, other: 0.6}]
        for prompt in LORA_PROMPTS:
            for weights in worn:
                pipeline.set_adapters(list(weights), list(weights.values()))
                images.append(paint(pipeline, prompt, size=NATIVE, seed=7).resize((SMALL, SMALL)))
                labels.append(", ".join(f"{each} {weight}" for each, weight in weights.items()))
    return arrange(images, labels)


def load_loras(pipeline: Any, model: Path) -> list[str]:
    """Load every LoRA of a model folder under its own name; return the names."""
    names = sorted(path.stem for path in (model / "loras").glob("*.safetensors"))
    for name in names:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several adapters are meant
            pipeline.load_lora_weights(
                model / "loras", weight_name=f"{name}.safetensors", adapter_name=name, local_files_only=True
            )
    return names


def vaes_sheet(model: Path) -> Image.Image:
    """Draw six prompts with the model's own VAE and, below, with each of the others."""
    pipeline = painter(model)
    images = [paint(pipeline, prompt, size=NATIVE, seed=7) for prompt in VAE_PROMPTS]
    labels = list(VAE_PROMPTS)
    for folder in sorted((model / "vaes").iterdir()):
        pipeline.vae = load_vae(folder)
        images += [paint(pipeline, prompt, size=NATIVE, seed=7) for prompt in VAE_PROMPTS]
        labels += [f"vae: {folder.name}"] * len(VAE_PROMPTS)
    return arrange(images, labels)


SHEETS: Mapping[str, Callable[[Path], Image.Image]] = MappingProxyType(
    {
        "studio-tiny": prompts_sheet,
        "studio-tiny-sizes": sizes_sheet,
        "studio-tiny-loras": loras_sheet,
        "studio-tiny-vaes": vaes_sheet,
    }
)
"""Each sheet under the name of its file."""


def _stacked(rows: list[Image.Image]) -> Image.Image:
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet
