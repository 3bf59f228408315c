"""Which pictures may be made in one call of a pipeline, and which must be made alone.

Prompts, negative prompts, seeds, initial images and the guidance scale are a row's own. What a pipeline takes once for all
rows must agree, whether it is guided at all among them. Made alone are those on which other rows of a batch would have more
influence than rounding has:

- ScoreSdeVeScheduler takes the mean of all rows for the length of its steps;
- with token merging, which tokens are merged is drawn once for all rows, so that seeds must agree as well; without guidance
  it is drawn for an even number of rows alone;
- an initial image with no step to do only passes the VAE.
"""

from collections.abc import Hashable
from typing import Final

from runner.nouns import Generation

COUPLING: Final = "ScoreSdeVeScheduler"


def batch_key(generation: Generation) -> Hashable | None:
    """Return what generations of one batch have in common; None for one that must be made alone."""
    unguided = generation.guidance_scale <= 1
    if generation.scheduler == COUPLING or not generation.denoises or (generation.tomesd and unguided):
        return None
    return (
        generation.endpoint,
        generation.model_id,
        bool(generation.negative_prompt),  # XL is guided away from zeros where there is none
        generation.width,
        generation.height,
        generation.num_inference_steps,
        unguided,
        generation.seed if generation.tomesd else None,
        generation.scheduler,
        generation.loras,
        generation.strength,
        generation.use_karras_sigmas,
        generation.algorithm_type,
        generation.clip_skip,
        generation.tomesd,
        generation.vae,
    )
