"""Stable Diffusion 1 and 2: one text encoder, whose last layer is read through its final norm."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import diffusers

from runner.engine.families.family import Family


@contextmanager
def skippable_layers(pipeline: Any) -> Iterator[None]:
    """Give the text encoder the `text_model` that diffusers reads for clip_skip, where transformers 5 has it no more.

    The attribute goes past `torch.nn.Module`, which would take it for a child, and lasts for the call alone: while it
    is there, diffusers takes LoRA keys that begin with `text_model.` literally, and finds no place for them.
    """
    text_encoder = pipeline.text_encoder
    if hasattr(text_encoder, "text_model"):
        yield
        return
    object.__setattr__(text_encoder, "text_model", text_encoder)
    try:
        yield
    finally:
        object.__delattr__(text_encoder, "text_model")


STABLE_DIFFUSION: Final = Family(
    title="Stable Diffusion 1 or 2",
    pipelines={
        "text2img": diffusers.StableDiffusionPipeline,
        "img2img": diffusers.StableDiffusionImg2ImgPipeline,
        "inpaint": diffusers.StableDiffusionInpaintPipeline,
    },
    left_out={
        "requires_safety_checker": False,
        "safety_checker": None,
        "feature_extractor": None,
        "image_encoder": None,
    },
    encoders=("text_encoder",),
    skipping=skippable_layers,
)
