"""One call of a diffusers pipeline: generations in, pictures out, and a refusal where numbers end. Imports torch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import tomesd
import torch
from PIL import Image

from runner.engine.pictures import initial_image, repaint_mask
from runner.errors import EngineError
from runner.nouns import Generation

MERGED_SHARE: Final = 0.5
"""Share of tokens that tomesd merges: the most that its authors recommend."""

MERGED_DOWNSAMPLE: Final = 2
"""Attention down to half of the latents' resolution is merged. At tomesd's own 1, a model without attention at full
resolution, such as studio-tiny, would not be touched."""


def input_images(generation: Generation) -> dict[str, Image.Image]:
    """Return the pictures that the endpoint's pipeline takes, by argument. Raises EngineError."""
    match generation.endpoint:
        case "text2img":
            return {}
        case "img2img":
            return {"image": initial_image(generation)}
        case "inpaint":
            return {"image": initial_image(generation), "mask_image": repaint_mask(generation)}


def denoise(
    pipeline: Any,
    inputs: Sequence[Mapping[str, Image.Image]],
    generations: Sequence[Generation],
    skipping: Callable[[Any], AbstractContextManager[Any]],
) -> list[Image.Image]:
    """Return what one call of a pipeline makes of one generation, or of several that have one `batch_key`.

    Raises:
        EngineError: diffusers refuses what is asked; or numbers left the range of the model's floats on the way.
    """
    first = generations[0]
    arguments: dict[str, Any] = {name: _each([images[name] for images in inputs]) for name in inputs[0]}
    if first.endpoint != "img2img":
        arguments |= {"width": first.width, "height": first.height}
    if first.endpoint != "text2img":
        arguments["strength"] = first.strength
    try:
        _guide_each(pipeline, [each.guidance_scale for each in generations])
        with _merged_tokens(pipeline.unet, first), skipping(pipeline):
            decoded = pipeline(
                prompt=_each([each.prompt for each in generations]),
                negative_prompt=_each([each.negative_prompt for each in generations])
                if first.negative_prompt
                else None,
                num_inference_steps=first.num_inference_steps,
                guidance_scale=first.guidance_scale,
                clip_skip=first.clip_skip - 1 or None,
                generator=_each([torch.Generator("cpu").manual_seed(each.seed) for each in generations]),
                callback_on_step_end=_watch(first),
                output_type="pt",
                **arguments,
            ).images
    except ValueError as error:  # how the pipelines and schedulers of diffusers refuse what they are asked
        raise EngineError(
            f"{_described(first)}: diffusers refuses this ({error}); change what it names and send it again"
        ) from error
    return _finished(pipeline, decoded, first)


def _guide_each(pipeline: Any, scales: Sequence[float]) -> None:
    """Have a pipeline that was built for this call alone guide each row by a scale of its own.

    diffusers takes one number for all rows, and reads it off the property `guidance_scale` where it multiplies by it. A model
    that is told the number itself (distilled for guidance) would have to be told each.

    Raises:
        EngineError: it is such a model, and the scales differ.
    """
    if len(set(scales)) == 1:
        return
    if pipeline.unet.config.time_cond_proj_dim is not None:
        raise EngineError("guidance_scale: this model is told one for all pictures of a batch; make each alone")
    rows = torch.tensor(scales, dtype=pipeline.unet.dtype, device=pipeline.unet.device).view(-1, 1, 1, 1)
    stock = type(pipeline)
    pipeline.__class__ = type(stock.__name__, (stock,), {"guidance_scale": property(lambda _: rows)})


def _each(values: list[Any]) -> Any:
    """Return what a pipeline takes for one row or for several."""
    return values[0] if len(values) == 1 else values


def reconstruct(pipeline: Any, image: Image.Image, generation: Generation) -> Image.Image:
    """Return an initial image as the VAE keeps it: what denoising would start from, had it a step."""
    generator = torch.Generator("cpu").manual_seed(generation.seed)
    with torch.no_grad(), _in_full_precision(pipeline.vae) as vae:
        encoded = vae.encode(pipeline.image_processor.preprocess(image).to(vae.device))
        latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.sample(generator)
        decoded = vae.decode(latents, return_dict=False)[0]
    return _finished(pipeline, pipeline.image_processor.postprocess(decoded, output_type="pt"), generation)[0]


@contextmanager
def _in_full_precision(vae: Any) -> Iterator[Any]:
    """Let a VAE compute in 32-bit floats while this lasts: some leave the range of 16 bits. Its weights lose nothing."""
    dtype = vae.dtype
    vae.to(torch.float32)
    try:
        yield vae
    finally:
        vae.to(dtype)


def _watch(generation: Generation) -> Callable[..., dict[str, torch.Tensor]]:
    """Return a callback that stops at the first step whose latents are not numbers any more."""

    def check(_pipeline: Any, step: int, _timestep: Any, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if not tensors["latents"].isfinite().all():
            raise EngineError(
                f"{_described(generation)}: the latents are not finite after run {step + 1} of the model, so there "
                "is no picture; lower guidance_scale or LoRA strengths, or choose another scheduler"
            )
        return tensors

    return check


def _finished(pipeline: Any, decoded: torch.Tensor, generation: Generation) -> list[Image.Image]:
    if not decoded.isfinite().all():
        raise EngineError(
            f"{_described(generation)}: the VAE's output is not finite, so there is no picture; choose another vae, or "
            "lower guidance_scale or LoRA strengths"
        )
    processor = pipeline.image_processor
    pictures: list[Image.Image] = processor.numpy_to_pil(processor.pt_to_numpy(decoded))
    return pictures


def _described(generation: Generation) -> str:
    loras = "".join(f", LoRA {name} {strength:g}" for name, strength in generation.loras)
    return (
        f"{generation.endpoint} with {generation.model_id}, {generation.scheduler or 'its own scheduler'}, "
        f"{generation.num_inference_steps} steps, guidance {generation.guidance_scale:g}{loras}"
    )


@contextmanager
def _merged_tokens(unet: Any, generation: Generation) -> Iterator[None]:
    """Merge similar tokens in attention while this lasts, if the generation asks for it (Bolya and Hoffman 2023)."""
    if not generation.tomesd:
        yield
        return
    tomesd.apply_patch(unet, ratio=MERGED_SHARE, max_downsample=MERGED_DOWNSAMPLE)
    # tomesd would otherwise draw which tokens to keep from the process's own generator, whose state anyone may change
    unet._tome_info["args"]["generator"] = torch.Generator(unet.device).manual_seed(generation.seed)  # noqa: SLF001
    try:
        yield
    finally:
        tomesd.remove_patch(unet)
