"""Which parameters make a cell what it is.

> Invariant 4, identity is content: a cell is the digest of its canonical request and of who makes the pictures; never
> its position, its label or a file name.

Takes part: everything that can change a pixel. Left out: how pictures travel and who is told of them. A parameter in
neither list fails a test, so that whoever adds one has to decide.
"""

from runner.canon import digest
from runner.nouns import Provider, Request

IDENTITY_VERSION = 1
"""Goes up when the digest of an unchanged request would change; older runs then count as made by another tool."""

TAKES_PART = frozenset(
    {
        "model_id",
        "prompt",
        "negative_prompt",
        "init_image",
        "mask_image",
        "width",
        "height",
        "samples",
        "num_inference_steps",
        "safety_checker",
        "safety_checker_type",
        "enhance_prompt",
        "guidance_scale",
        "strength",
        "tomesd",
        "use_karras_sigmas",
        "algorithm_type",
        "vae",
        "lora_strength",
        "lora_model",
        "scheduler",
        "seed",
        "clip_skip",
        "panorama",
        "self_attention",
        "upscale",
        "highres_fix",
    }
)

LEFT_OUT = frozenset({"webhook", "track_id", "base64", "temp"})
"""Transport: the picture is the same however it travels."""


def identify(request: Request, provider: Provider) -> str:
    """Return the digest that names a cell: 64 hex digits."""
    parameters = {name: value for name, value in request.parameters.items() if name not in LEFT_OUT}
    model = provider.models.get(str(parameters.get("model_id")), "")
    return digest(
        {
            "version": IDENTITY_VERSION,
            "target": provider.target,
            "model": model,
            "endpoint": request.endpoint,
            "parameters": parameters,
            "repeat": request.repeat,
        }
    )
