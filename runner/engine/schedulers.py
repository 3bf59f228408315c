"""The endpoint's 18 scheduler names, and the diffusers scheduler that each stands for.

Fourteen run as diffusers has them. IPNDM, KarrasVe and ScoreSdeVe were written for other models and run through
`runner.engine.adapters`. DDIMInverse runs as it is, and what it makes is not a picture: it walks from low noise to
high, so that text2img ends in noise, and from an initial image it would have nothing to denoise.
"""

import inspect
from collections.abc import Mapping
from typing import Any, Final

from runner.errors import EngineError

SCHEDULERS: Final = (
    "DDPMScheduler",
    "DDIMScheduler",
    "PNDMScheduler",
    "LMSDiscreteScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "HeunDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "DPMSolverSinglestepScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "UniPCMultistepScheduler",
    "DDIMInverseScheduler",
    "DEISMultistepScheduler",
    "IPNDMScheduler",
    "KarrasVeScheduler",
    "ScoreSdeVeScheduler",
    "LCMScheduler",
)
"""In the endpoint's order."""

INVERSE: Final = "DDIMInverseScheduler"
"""The one that turns a picture into noise, and so makes no picture."""

SPACINGS: Final = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")
"""Ways to space noise levels, of which diffusers allows one at a time."""

ALGORITHMS: Final = {"dpmsolver+++": "dpmsolver++"}
"""The endpoint's spelling of an algorithm and diffusers' own."""


def scheduler_for(name: str, config: Mapping[str, Any], *, use_karras_sigmas: bool, algorithm_type: str) -> Any:
    """Return a fresh scheduler for one generation.

    Args:
        name: one of `SCHEDULERS`, or empty for the model's own.
        config: of the model's own scheduler: noise levels, prediction type and spacing carry over.
        use_karras_sigmas: space the noise levels as Karras et al. 2022 (equation 5), where the scheduler can.
        algorithm_type: "dpmsolver+++" for DPM-Solver++ (Lu et al. 2022b), "none" for what the model's config says, or
            else diffusers' default, which is DPM-Solver++ too. Taken by DPMSolverMultistepScheduler alone.

    Raises:
        EngineError: the name is not one of the 18.
    """
    # torch and diffusers take seconds to import, and the names above are read without them
    import diffusers  # noqa: PLC0415

    from runner.engine.adapters import FourthOrderMultistep, PredictorCorrector, StochasticHeun  # noqa: PLC0415

    chosen = name or str(config["_class_name"])
    match chosen:
        case "IPNDMScheduler":
            return FourthOrderMultistep(config)
        case "KarrasVeScheduler":
            return StochasticHeun(config)
        case "ScoreSdeVeScheduler":
            return PredictorCorrector(config)
        case _ if chosen in SCHEDULERS:
            kind = getattr(diffusers, chosen)
            return kind.from_config(config, **_options(kind, use_karras_sigmas, algorithm_type))
    raise EngineError(
        f"scheduler: {chosen!r}{'' if name else ', the own one of the model,'} is not one that this engine drives; "
        f"allowed are {', '.join(SCHEDULERS)}: send one of these"
    )


def _options(kind: Any, use_karras_sigmas: bool, algorithm_type: str) -> dict[str, Any]:  # noqa: FBT001 - passed on
    options: dict[str, Any] = {}
    accepted = inspect.signature(kind.__init__).parameters
    if "use_karras_sigmas" in accepted:
        options["use_karras_sigmas"] = use_karras_sigmas
        if use_karras_sigmas:
            options |= {spacing: False for spacing in SPACINGS[1:] if spacing in accepted}
    if kind.__name__ == "DPMSolverMultistepScheduler" and algorithm_type in ALGORITHMS:
        options["algorithm_type"] = ALGORITHMS[algorithm_type]
    return options
