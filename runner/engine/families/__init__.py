"""The families of models that the engine drives: what differs between them, and nothing else.

family               what there is to say about one
stable_diffusion     Stable Diffusion 1 and 2
stable_diffusion_xl  Stable Diffusion XL
"""

from typing import Final

from runner.engine.families.family import Family
from runner.engine.families.stable_diffusion import STABLE_DIFFUSION
from runner.engine.families.stable_diffusion_xl import STABLE_DIFFUSION_XL

__all__ = ["FAMILIES", "Family", "family_of"]

FAMILIES: Final = (STABLE_DIFFUSION, STABLE_DIFFUSION_XL)


def family_of(pipeline: object) -> Family | None:
    """Return the family whose folders name that pipeline in `model_index.json`; None for another pipeline."""
    return next((family for family in FAMILIES if pipeline in family.names), None)
