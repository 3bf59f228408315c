"""A Request becomes what the engine is asked for: one Generation a sample."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runner.nouns import Generation, Request

SEEDS = 2**32
"""How many seeds there are: the one after the last is 0."""

UNAPPLIED: Mapping[str, object] = {
    "panorama": "no",
    "self_attention": "no",
    "upscale": "no",
    "highres_fix": "no",
}
"""Attributes that this server does not act on, and the value at which there is nothing to act on."""


def not_applied(request: Request) -> list[str]:
    """Return the attributes that were asked for and have no effect here; an answer's meta names them."""
    asked = request.parameters
    return [name for name, idle in UNAPPLIED.items() if name in asked and asked[name] != idle]


def generations(request: Request, *, prompt: str, seed: int, images: Mapping[str, bytes]) -> tuple[Generation, ...]:
    """Return one generation for each sample: the first has the request's seed, each further one the seed after it.

    Args:
        request: checked by `wire.ask`.
        prompt: as the model gets it, enhanced or not.
        seed: given or drawn.
        images: bytes of `init_image` and `mask_image`, as far as the endpoint has them.
    """
    asked = request.parameters
    plain = {**_plain(asked), **images, "hide": _hide(asked)}
    first = Generation(endpoint=request.endpoint, prompt=prompt, seed=seed, loras=_loras(asked), **plain)
    return tuple(replace(first, seed=(seed + place) % SEEDS) for place in range(int(asked["samples"] or 1)))


def _plain(asked: Mapping[str, Any]) -> dict[str, Any]:
    copied = (
        *("model_id", "negative_prompt", "width", "height", "num_inference_steps", "guidance_scale", "scheduler"),
        *("strength", "algorithm_type", "clip_skip", "vae"),
    )
    plain = {name: asked[name] for name in copied if asked.get(name) is not None}
    return plain | {name: asked[name] == "yes" for name in ("use_karras_sigmas", "tomesd") if name in asked}


def _hide(asked: Mapping[str, Any]) -> str:
    return str(asked["safety_checker_type"]) if asked["safety_checker"] == "yes" else ""


def _loras(asked: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    if not asked.get("lora_model"):
        return ()
    strengths = [float(strength) for strength in asked["lora_strength"].split(",")]
    return tuple(zip(asked["lora_model"].split(","), strengths, strict=True))
