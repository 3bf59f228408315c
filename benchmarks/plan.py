"""What planning a cell costs, beside the least that any expansion costs: `itertools.product` and a dict merge."""

import itertools
import statistics
import time
from collections.abc import Callable

from runner.nouns import Axis, Experiment, Point, Provider, Template
from runner.plan import make

ROUNDS = 3
SIDES = {"scheduler": ["DDIMScheduler", "LCMScheduler", "DDPMScheduler", "PNDMScheduler"], "guidance_scale": list(range(1, 11)),
         "seed": list(range(25)), "clip_skip": list(range(1, 9)), "strength_of_ink": [0.1, 0.5, 1.0]}  # fmt: skip
BASE = {"model_id": "any", "width": 256, "height": 256}


def experiment() -> Experiment:
    axes = [Axis(name=name, points=tuple(point(name, value) for value in values)) for name, values in SIDES.items()]
    subjects = Axis(
        name="subject", points=tuple(Point(label=word, variables={"subject": word}) for word in ("house", "boat"))
    )
    return Experiment(name="bench", parameters={**BASE, "prompt": Template("a {{ subject }}")}, axes=(*axes, subjects))


def point(name: str, value: object) -> Point:
    if name == "strength_of_ink":
        return Point(label=str(value), loras={"ink": float(str(value))})
    return Point(label=str(value), set={name: value})  # type: ignore[dict-item]  # the values above are canonical


def bare() -> int:
    keys = [*SIDES, "subject"]
    return sum(
        1
        for values in itertools.product(*SIDES.values(), ("house", "boat"))
        if BASE | dict(zip(keys, values, strict=True))
    )


def planned() -> int:
    return make(experiment(), Provider(target="sketch")).survey.cells


def seconds(work: Callable[[], int]) -> tuple[int, float]:
    started = time.process_time()
    return work(), time.process_time() - started


def main() -> None:
    rounds = [(seconds(bare), seconds(planned)) for _ in range(ROUNDS)]
    count = rounds[0][1][0]
    least, plan = (statistics.median(each[place][1] for each in rounds) / count * 1e6 for place in (0, 1))
    print(f"{count:,} cells, median of {ROUNDS} rounds of CPU time")
    print(f"product and merge   {least:7.2f} µs a cell   1.0x")
    print(f"plan                {plan:7.2f} µs a cell   {plan / least:.1f}x")


main()
