"""Stable Diffusion XL: two text encoders, both read at the layer before their last.

diffusers would put an invisible watermark into every picture where the package for it is installed; here none is put, so
that bytes do not depend on it. An empty negative prompt is none: a model whose `model_index.json` says
`force_zeros_for_empty_prompt` is then guided away from zeros, as it was trained to be, and not from the empty text.
"""

from typing import Final

import diffusers

from runner.engine.families.family import Family

STABLE_DIFFUSION_XL: Final = Family(
    title="Stable Diffusion XL",
    pipelines={
        "text2img": diffusers.StableDiffusionXLPipeline,
        "img2img": diffusers.StableDiffusionXLImg2ImgPipeline,
        "inpaint": diffusers.StableDiffusionXLInpaintPipeline,
    },
    left_out={"add_watermarker": False, "feature_extractor": None, "image_encoder": None},
    kept=("force_zeros_for_empty_prompt",),
    encoders=("text_encoder", "text_encoder_2"),
    unread=1,
)
