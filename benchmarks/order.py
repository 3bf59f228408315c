"""What an order of a million places costs beside a dict for each, and 200 of 10^12 combinations beside 200 of 10^4."""

import itertools
import statistics
import time
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable

from runner.nouns import Axis, Experiment, Point, Provider, Sample, Template
from runner.plan import make
from runner.plan.order import balanced, slow_first

ROUNDS = 3
SIZES = (10, 25, 40, 20, 5)
CLASSES = [[list(range(5)), list(range(5, 10))], *([list(range(size))] for size in SIZES[1:])]


def sample(points: int) -> Callable[[], object]:
    names = ("a", "b", "c", "d")
    axes = [
        Axis(name=name, points=tuple(Point(label=str(n), variables={name: f"{name}{n}"}) for n in range(points)))
        for name in names
    ]
    parameters = {"model_id": "any", "prompt": Template("{{ a }} {{ b }} {{ c }} {{ d }}")}
    drawn = Sample(count=200, method="sobol", seed=7)
    experiment = Experiment(name="bench", parameters=parameters, axes=tuple(axes), sample=drawn)
    return lambda: make(experiment, Provider(target="sketch"))


def walk(order: Callable[[], Iterable[object]]) -> Callable[[], object]:
    return lambda: deque(order(), maxlen=0)


def product() -> Iterable[tuple[int, ...]]:
    return itertools.product(*map(range, SIZES))


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def compare(name: str, works: dict[str, Callable[[], object]]) -> None:
    rounds = [{label: seconds(work) for label, work in works.items()} for _ in range(ROUNDS)]
    taken = {label: statistics.median(one[label] for one in rounds) for label in works}
    least = next(iter(taken.values()))
    print(f"{name}, median of {ROUNDS} rounds of CPU time")
    for label, found in taken.items():
        print(f"  {label:24} {found * 1e3:8.1f} ms   {found / least:5.1f}x   {memory(works[label]):6.1f} MB at most")


def memory(work: Callable[[], object]) -> float:
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 1e6


def main() -> None:
    orders = {
        "product and a dict each": walk(lambda: (dict(zip("abcde", each, strict=True)) for each in product())),
        "balanced": walk(lambda: balanced(SIZES)),
        "slow-first, two models": walk(lambda: slow_first(CLASSES, [0])),
    }
    compare("a million places", orders)
    sample(10)()  # imports scipy
    compare("200 cells by Sobol", {f"of {points**4:,}": sample(points) for points in (10, 1000)})


main()
