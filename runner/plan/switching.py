"""What is slow to switch at a target that loads models, and in which order a plan is sent for it.

A model takes seconds to load, a VAE and a set of LoRAs parts of one. A scheduler, a size, steps, a LoRA's strength and
whatever else a request says take effect at once, so that they are spread evenly whatever the target.
"""

from collections.abc import Hashable, Iterable, Sequence

from runner.nouns import Experiment, Order, Point
from runner.plan.expand import Grid, Place
from runner.plan.order import balanced, reflected_rank, slow_first

LOADS_MODELS = ("embedded",)
"""Targets that load models in this process, where a switch is waited for."""


def order_of(experiment: Experiment) -> Order:
    """Return the order in which an experiment is sent: as its file says, else as its target likes best."""
    if experiment.execution.order is not None:
        return experiment.execution.order
    return "slow-first" if experiment.target.name in LOADS_MODELS else "balanced"


def reason_of(experiment: Experiment) -> str:
    """Return why an experiment is sent in its order, in words that follow `because`."""
    if experiment.execution.order is not None:
        return "the file says so"
    name = experiment.target.name
    if name in LOADS_MODELS:
        return f"the target {name} loads models in this process"
    return f"the target {name} loads no models in this process"


def sent(experiment: Experiment, chosen: Sequence[Place] | None) -> Iterable[Place]:
    """Return every place of an experiment's grid, or the chosen ones, in the order in which they are sent.

    Args:
        experiment: says the axes and the order.
        chosen: the places of a sample, in the order of drawing, which is spread evenly already; None for all.
    """
    grid = Grid(experiment)
    match order_of(experiment):
        case "plan":
            return grid.places() if chosen is None else sorted(chosen)
        case "balanced":
            return balanced(grid.sizes) if chosen is None else chosen
        case "slow-first":
            switches = _Switches(grid)
            return slow_first(switches.classes, switches.dearest_first) if chosen is None else switches.sorted(chosen)


class _Switches:
    """A grid's points by what is slow to switch between them.

    Attributes:
        classes: for each group of axes its indices, parted by what they load.
        dearest_first: the groups of several classes; those that load a model before those that load a VAE or LoRAs.
    """

    def __init__(self, grid: Grid) -> None:
        loaded = [
            [_loaded([grid.axes[name].points[index] for name in names]) for index in range(size)]
            for names, size in zip(grid.groups, grid.sizes, strict=True)
        ]
        self.classes = [_parted(what) for what in loaded]
        several = [group for group, parted in enumerate(self.classes) if len(parted) > 1]
        self.dearest_first = sorted(several, key=lambda group: _dearness(loaded[group]))

    def sorted(self, places: Iterable[Place]) -> list[Place]:
        """Return places so that what is slow to switch changes seldom; those that load the same keep their order."""
        numbers = {
            group: {index: number for number, part in enumerate(self.classes[group]) for index in part}
            for group in self.dearest_first
        }
        sizes = [len(self.classes[group]) for group in self.dearest_first]

        def rank(place: Place) -> int:
            return reflected_rank(sizes, tuple(number[place[group]] for group, number in numbers.items()))

        return sorted(places, key=rank)


def _loaded(points: Sequence[Point]) -> tuple[Hashable, ...]:
    """Return what some points load: model, VAE, LoRAs; what they do not say is None."""
    model = vae = None
    loras: list[Hashable] = []
    for point in points:
        model, vae = point.set.get("model_id", model), point.set.get("vae", vae)
        loras += [name for name, strength in point.loras.items() if strength]
        loras += [point.set["lora_model"]] if "lora_model" in point.set else []
    return model, vae, tuple(loras)


def _parted(loaded: Sequence[tuple[Hashable, ...]]) -> list[list[int]]:
    """Return indices in classes that load the same, in the order of the file; one model's classes stand together."""
    found: dict[tuple[Hashable, ...], list[int]] = {}
    first: dict[tuple[Hashable, ...], int] = {}
    for index, what in enumerate(loaded):
        found.setdefault(what, []).append(index)
        for length in (1, 2, 3):
            first.setdefault(what[:length], index)
    return [found[what] for what in sorted(found, key=lambda what: [first[what[:1]], first[what[:2]], first[what]])]


def _dearness(loaded: Sequence[tuple[Hashable, ...]]) -> int:
    """Return the slowest switch between what some points load: 0 of a model, 1 of a VAE, 2 of LoRAs."""
    return next(slot for slot, found in enumerate(zip(*loaded, strict=True)) if len(set(found)) > 1)
