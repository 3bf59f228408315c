"""What planning a million cells costs, beside the least that any expansion costs: `itertools.product` and a dict merge.

Both sides have five axes and the 28 fields of a text2img request. CPU time, the two sides in turn; a ratio is that of
the two side by side in one round, and the rounds' least and greatest are printed, for machines with other work.
"""

import itertools
import json
import resource
import time
from collections.abc import Callable

from runner.nouns import Axis, Criterion, Experiment, Point, Provider, Template, Value
from runner.plan import Plan, make

ROUNDS = 5
BASE: dict[str, Value] = {
    "model_id": "any",
    "prompt": "a house",
    "negative_prompt": "blurred, low contrast",
    "width": 512,
    "height": 512,
    "samples": 1,
    "num_inference_steps": 31,
    "safety_checker": "no",
    "safety_checker_type": "blur",
    "enhance_prompt": "no",
    "guidance_scale": 7.5,
    "tomesd": "yes",
    "use_karras_sigmas": "yes",
    "algorithm_type": "none",
    "vae": "soft",
    "lora_model": "ink",
    "lora_strength": "0.5",
    "scheduler": "DDIMScheduler",
    "seed": 1,
    "webhook": "https://host/hook",
    "track_id": "bench",
    "clip_skip": 1,
    "base64": "no",
    "temp": "no",
    "panorama": "no",
    "self_attention": "no",
    "upscale": "no",
    "highres_fix": "no",
}
SCHEDULERS = ("DDIMScheduler", "DDPMScheduler", "PNDMScheduler", "DPMSolverMultistepScheduler")
SIDES: dict[str, tuple[Value, ...]] = {
    "scheduler": SCHEDULERS,
    "guidance_scale": tuple(1 + number / 2 for number in range(25)),
    "ink": (0.1, 0.2, 0.4, 0.6, 0.8),
    "subject": tuple(f"subject {number}" for number in range(20)),
    "seed": tuple(range(100)),
}
RULED = {
    "parameters": {**BASE, "prompt": Template("a {{ subject }}"), "algorithm_type": "dpmsolver+++"},
    "exclude": ({"guidance_scale": Criterion(above=12), "seed": Criterion(below=50)},),
    "on_invalid": "skip",
}
"""Three schedulers of four break a rule of the endpoint's, and a rule of the file leaves some of the rest out."""


def experiment(**changes: object) -> Experiment:
    axes = tuple(Axis(name=name, points=tuple(point(name, value) for value in SIDES[name])) for name in SIDES)
    said = {"parameters": {**BASE, "prompt": Template("a {{ subject }}")}, "axes": axes, **changes}
    return Experiment(name="bench", **said)  # type: ignore[arg-type]  # the fields of an experiment


def point(name: str, value: Value) -> Point:
    if name == "ink":
        return Point(label=str(value), loras={name: float(str(value))})
    if name == "subject":
        return Point(label=str(value), variables={name: str(value)})
    return Point(label=str(value), set={name: value})


def bare() -> int:
    keys = tuple(SIDES)
    return sum(1 for values in itertools.product(*SIDES.values()) if BASE | dict(zip(keys, values, strict=True)))


def planned(**changes: object) -> Plan:
    return make(experiment(**changes), Provider(target="sketch"))


def identified() -> int:
    """Check every combination, and name every cell."""
    return sum(1 for _ in planned().digests())


def ruled() -> int:
    """The same where rules leave most combinations out."""
    return sum(1 for _ in planned(**RULED).digests())


def repeated() -> int:
    """The same where a quarter of the combinations repeats another, so that each is looked for among the others."""
    first, *others = experiment().axes
    again = Point(label="again", set=first.points[0].set)
    return sum(1 for _ in planned(axes=(Axis(name=first.name, points=(*first.points[:3], again)), *others)).digests())


def built() -> int:
    """Check every combination, and build every cell with its labels and its request."""
    return sum(1 for _ in planned().cells())


def seconds(work: Callable[[], int]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def grown(work: Callable[[], int]) -> float:
    """Return by how many megabytes this process grew at its greatest while it worked."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    sides = {
        "checked and identified": identified,
        "... where rules leave most out": ruled,
        "... where cells repeat": repeated,
        "cells built": built,
    }
    memory = {name: grown(work) for name, work in sides.items()}
    rounds = [(seconds(bare), {name: seconds(work) for name, work in sides.items()}) for _ in range(ROUNDS)]
    print(f"1,000,000 combinations of {len(BASE)} fields; CPU time and least (greatest) ratio of {ROUNDS} rounds")
    print(f"{'product and merge':32}{min(floor for floor, _ in rounds):7.2f} µs a cell   1.0x")
    for name in sides:
        ratios = [found[name] / floor for floor, found in rounds]
        least = min(found[name] for _, found in rounds)
        print(
            f"{name:32}{least:7.2f} µs a cell   {min(ratios):.1f}x ({max(ratios):.1f}x)   grew by {memory[name]:.1f} MB"
        )
    print(f"plan.json has {len(json.dumps(planned().freeze())):,} bytes")


main()
