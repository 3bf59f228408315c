"""Parameters that the same groups of axes decide, resolved and checked once for each combination of those groups' points."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runner.nouns import Experiment, Value
from runner.plan.expand import Grid, Place
from runner.plan.factors import Groups
from runner.plan.resolve import UnresolvedError, resolve_some
from runner.plan.rows import Rows, Table
from runner.schema import EndpointSchema

CLOSER = ""
"""A fault that only a close look at the cell can tell: several at once, or a template that cannot be filled."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Values of some parameters.

    Attributes:
        values: by name; a parameter that is not sent is absent.
        repeat: see `Request.repeat`; 0 in every strand but that of the seed.
        fault: why the endpoint would refuse a request with these values; None if it would not.
    """

    values: Mapping[str, Value]
    repeat: int = 0
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Strand:
    """Parameters and the table of what they are."""

    names: frozenset[str]
    table: Table[Entry]


class Resolver:
    """Resolves parts of an experiment's requests.

    Args:
        checking: whether values are checked; a plan that was checked before it was frozen need not be.
    """

    def __init__(self, experiment: Experiment, grid: Grid, schema: EndpointSchema, *, checking: bool) -> None:
        self._experiment, self._grid, self._schema, self._checking = experiment, grid, schema, checking

    def strands(self, rows: Rows, decided: Mapping[str, Groups]) -> list[Strand]:
        """Return the strands of which requests are made; those that nothing varies are one."""
        names: defaultdict[Groups, set[str]] = defaultdict(set)
        for name, groups in decided.items():
            names[groups].add(name)
        return [self._strand(rows, groups, frozenset(names[groups])) for groups in sorted(names, key=sorted)]

    def _strand(self, rows: Rows, groups: Groups, names: frozenset[str]) -> Strand:
        return Strand(names, Table(rows, groups, lambda place: self._entry(place, names)))

    def _entry(self, place: Place, names: frozenset[str]) -> Entry:
        combination = self._grid.extend(place, self._grid.points(place))
        try:
            values = resolve_some(self._experiment, combination, self._schema, names)
        except UnresolvedError:
            return Entry({}, fault=CLOSER)
        repeat = combination.repeat if "seed" in names and values["seed"] is None else 0
        return Entry(values, repeat, self._fault(values, names) if self._checking else None)

    def _fault(self, values: Mapping[str, Value], names: frozenset[str]) -> str | None:
        faults = [misfit.message for misfit in self._schema.misfits_alone(values, names)]
        return None if not faults else faults[0] if len(faults) == 1 else CLOSER


def rule_table(
    rows: Rows, strands: Iterable[Strand], schema: EndpointSchema, rule: Mapping[str, Any]
) -> Table[str | None]:
    """Return what a cross-field rule says against each combination of the values that it mentions; None for nothing."""
    concerned = [strand for strand in strands if strand.names.intersection(rule["x-names"])]

    def said(place: Place) -> str | None:
        entries = [strand.table.at(place) for strand in concerned]
        values = {name: value for entry in entries for name, value in entry.values.items()}
        return next((misfit.message for misfit in schema.broken(rule, values)), None)

    return Table(rows, frozenset[int]().union(*(strand.table.groups for strand in concerned)), said)
