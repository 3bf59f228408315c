"""What an engine is asked for, and what it gives."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from runner.nouns.asked import Endpoint

SafetyCheckerType: TypeAlias = Literal["sensitive_content_text", "blur", "pixelate", "black"]
"""How an unsafe picture is hidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One image, said in the field's own types: what the server asks of its engine.

    Attributes:
        endpoint: which pipeline.
        width, height: pixels, multiples of 8.
        seed: 0 to 2**32 - 1.
        scheduler: one of the 18 names, or empty for the model's own.
        loras: (name, strength) pairs, applied together.
        strength: share of the denoising that is done on the initial image, 0 to 1; img2img and inpaint only.
        init_image, mask_image: encoded image files (PNG, JPEG, WebP); white in the mask is repainted.
        algorithm_type: "none", or "dpmsolver+++" for the data-prediction solver.
        clip_skip: 1 takes the last hidden layer of the text encoder, 2 the one before it.
        vae: name of another VAE, or empty for the model's own.
        hide: how the picture is hidden if the model's safety checker finds it unsafe; empty does not look.
    """

    endpoint: Endpoint
    model_id: str
    prompt: str
    negative_prompt: str = ""
    width: int = 512
    height: int = 512
    num_inference_steps: int = 21
    guidance_scale: float = 7.5
    seed: int = 0
    scheduler: str = ""
    loras: tuple[tuple[str, float], ...] = ()
    strength: float = 0.7
    init_image: bytes = b""
    mask_image: bytes = b""
    use_karras_sigmas: bool = True
    algorithm_type: str = "none"
    clip_skip: int = 1
    tomesd: bool = True
    vae: str = ""
    hide: SafetyCheckerType | Literal[""] = ""

    @property
    def denoises(self) -> bool:
        """Whether a step is left to do: an initial image and a small strength may leave none."""
        return self.endpoint == "text2img" or int(self.num_inference_steps * self.strength) >= 1


class Verdict(StrEnum):
    """What a safety checker said of a picture."""

    UNCHECKED = "unchecked"  # it was not asked, or the model has none
    SAFE = "safe"
    UNSAFE = "unsafe"  # the picture is hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One image as an engine gives it: a PNG file, hidden where the verdict is that it is unsafe."""

    png: bytes
    verdict: Verdict = Verdict.UNCHECKED
