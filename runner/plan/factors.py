"""What decides what: the groups of axes on which an axis, a name in a rule or a parameter depends, and no others.

A group is a number: one axis, or axes that advance in lockstep. What is said of a name holds wherever the groups that
decide it stand alike, so that it is looked at once for each combination of their points and not for each cell. More
groups than necessary do no harm; one too few would.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from runner.nouns import Experiment, Template, Value
from runner.plan.expand import Grid
from runner.plan.templates import TemplateRefusedError, variables_of
from runner.schema import LISTS, EndpointSchema

Groups = frozenset[int]
"""Numbers of groups of axes, in the order of `Grid.groups`."""


class Factors:
    """The groups that decide each thing of an experiment."""

    def __init__(self, experiment: Experiment, grid: Grid, schema: EndpointSchema) -> None:
        self._experiment, self._schema = experiment, schema
        self._group_of = {name: number for number, names in enumerate(grid.groups) for name in names}
        self._speakers = _speakers(experiment)
        self._variables = _variables(experiment)
        self._of_axis = {axis.name: self._reached(axis.name) for axis in experiment.axes}

    def axis(self, name: str) -> Groups:
        """Return what decides where an axis stands, and whether it applies."""
        return self._of_axis[name]

    def named(self, name: str) -> Groups:
        """Return what decides which value a rule finds under a name."""
        return _all(self._of_axis[axis] for axis in self._speakers[name])

    def parameters(self) -> dict[str, Groups]:
        """Return what decides each parameter's value, and whether it is there."""
        names = {*self._experiment.parameters, *self._schema.defaults, *self._schema.required, "seed"}
        names |= {name for axis in self._experiment.axes for point in axis.points for name in point.set}
        names |= {name for entry in self._experiment.include for name in entry if name in self._schema.properties}
        decided = {name: self._parameter(name) for name in names}
        stacked = [axis.name for axis in self._experiment.axes if any(point.loras for point in axis.points)]
        if stacked:  # LoRAs stack on what both parameters say
            both = _all([*map(self._parameter, LISTS), *map(self.axis, stacked)])
            decided |= dict.fromkeys(LISTS, both)
        return decided

    def _parameter(self, name: str) -> Groups:
        names = (name, *self._variables[name])
        return _all([*map(self.named, names), *(self._entry(entry) for entry in self._adding(names))])

    def _adding(self, names: Iterable[str]) -> Iterator[Mapping[str, Value]]:
        return (entry for entry in self._experiment.include if any(name in entry for name in names))

    def _entry(self, entry: Mapping[str, Value]) -> Groups:
        """Return what decides whether an entry of `include` is added."""
        return _all(map(self.named, entry))

    def _reached(self, name: str) -> Groups:
        """Follow an axis's `when` to the axes of which it speaks, and theirs."""
        found, waiting = {name}, [name]
        whens = {axis.name: axis.when for axis in self._experiment.axes}
        while waiting:
            for spoken in whens[waiting.pop()]:
                new = self._speakers[spoken] - found
                found |= new
                waiting += new
        return frozenset(self._group_of[axis] for axis in found)


def _speakers(experiment: Experiment) -> Mapping[str, set[str]]:
    """Return the axes that have a name, set it or fill it in."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for axis in experiment.axes:
        said = (name for point in axis.points for name in (*point.set, *point.variables))
        for name in (axis.name, *said):
            found[name].add(axis.name)
    return found


def _variables(experiment: Experiment) -> Mapping[str, set[str]]:
    """Return the variables that the templates of each parameter use."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    settings = (experiment.parameters, *(point.set for axis in experiment.axes for point in axis.points))
    for name, value in (item for setting in settings for item in setting.items()):
        if isinstance(value, Template):
            found[name] |= _used(value)
    return found


def _used(template: Template) -> frozenset[str]:
    try:
        return variables_of(template.source)
    except TemplateRefusedError:  # it is refused again, in words, where it is to be filled
        return frozenset()


def _all(groups: Iterable[Groups]) -> Groups:
    return frozenset().union(*groups)
