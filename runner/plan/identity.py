"""Which parameters make a cell what it is.

> Invariant 4, identity is content: a cell is the digest of its canonical request and of who makes the pictures; never
> its position, its label or a file name.

Takes part: everything that can change a pixel. Left out: how pictures travel and who is told of them. A parameter in
neither list fails a test, so that whoever adds one has to decide.
"""

from functools import lru_cache

from runner.canon import digest_bytes, spell
from runner.nouns import Provider, Request, Value

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
    """Return the digest that names a cell: 64 hex digits. A parameter that is null is one that is not there."""
    parameters = sorted(
        _spelled(name, value, truth=isinstance(value, bool))
        for name, value in request.parameters.items()
        if value is not None and name not in LEFT_OUT
    )
    beginning, end = frame(request.endpoint, request.parameters.get("model_id"), request.repeat, provider)
    return digest_bytes(f"{beginning}{','.join(parameters)}{end}".encode())


# What is digested is `canon.spell` of a mapping {endpoint, model, parameters, repeat, target, version}, put together of
# pieces that most cells of a sweep share; a test holds the two together.


def piece(name: str, value: Value) -> str:
    """Return what a parameter adds to the text that is digested, without the comma; empty where it takes no part."""
    return "" if value is None or name in LEFT_OUT else spell({name: value})[1:-1]


def frame(endpoint: str, model_id: Value, repeat: int, provider: Provider) -> tuple[str, str]:
    """Return what stands before and behind the parameters in the text that is digested."""
    return _frame(endpoint, provider.models.get(str(model_id), ""), repeat, provider.target)


@lru_cache(maxsize=4096)
def _spelled(name: str, value: Value, *, truth: bool) -> str:  # noqa: ARG001  # see the docstring
    """Return `"name":value`. `truth` tells True from 1, which are one key to a cache."""
    return spell({name: value})[1:-1]


@lru_cache(maxsize=64)
def _frame(endpoint: str, model: str, repeat: int, target: str) -> tuple[str, str]:
    beginning = spell({"endpoint": endpoint, "model": model})[:-1] + ',"parameters":{'
    return beginning, "}," + spell({"repeat": repeat, "target": target, "version": IDENTITY_VERSION})[1:]
