"""Which places of the grid are combinations of their own, which a rule leaves out, and which the endpoint would refuse."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from runner.nouns import Experiment, Rule
from runner.plan.expand import Grid, Place
from runner.plan.factors import Factors
from runner.plan.rows import Marks, Rows, Table
from runner.plan.rules import candidates, meets
from runner.plan.strands import CLOSER


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the grid, a bit a place.

    Attributes:
        number: of its first place, in plan order.
        place: the points of the slow groups.
        home: which places are combinations; the others differ from one only in axes that do not apply.
        left: which of them no rule excludes.
        valid: which of those the endpoint would accept.
    """

    number: int
    place: Place
    home: int
    left: int
    valid: int


class Checks:
    """What is looked at before a place counts.

    Attributes:
        homes: for each group whose axes may all not apply, where it stands as a combination of its own.
        faults: what the endpoint would refuse, where it would refuse anything.
    """

    def __init__(
        self, experiment: Experiment, grid: Grid, rows: Rows, factors: Factors, faults: Iterable["Fault"]
    ) -> None:
        self._grid, self._rows, self._factors = grid, rows, factors
        self.faults = [fault for fault in faults if fault.marks.any()]
        always = {axis.name for axis in experiment.axes if not axis.when}
        self.homes = [self._home(group, names) for group, names in enumerate(grid.groups) if always.isdisjoint(names)]
        self._excludes = [[self._meeting(rule, name) for name in rule] for rule in experiment.exclude]

    def rows(self) -> Iterator[Row]:
        """Yield the rows in plan order."""
        for number, place in self._rows.starts():
            home = _conjunction(self.homes, place, self._rows.full)
            left = home
            for rule in self._excludes:
                left &= ~_conjunction(rule, place, self._rows.full)
            valid = left
            for fault in self.faults:
                valid &= ~fault.marks.on(place)
            yield Row(number, place, home, left, valid)

    def valid(self, place: Place) -> bool:
        """Return whether a place is a combination that is left to send."""
        return (
            all(marks.at(place) for marks in self.homes)
            and not any(all(marks.at(place) for marks in rule) for rule in self._excludes)
            and not any(fault.marks.at(place) for fault in self.faults)
        )

    def _home(self, group: int, names: Iterable[str]) -> Marks[bool]:
        def is_home(place: Place) -> bool:
            points = self._grid.points(place)
            return place[group] == 0 or any(name in points for name in names)

        groups = frozenset({group}).union(*map(self._factors.axis, names))
        return Marks(self._rows, Table(self._rows, groups, is_home))

    def _meeting(self, rule: Rule, name: str) -> Marks[bool]:
        def met(place: Place) -> bool:
            return meets(rule[name], candidates(name, self._grid.points(place), self._grid.base))

        return Marks(self._rows, Table(self._rows, self._factors.named(name), met))


class Fault:
    """What one table says against the combinations that the endpoint would refuse.

    Attributes:
        table: see there; says: what one of its entries says against a combination, None for nothing.
        marks: where it says something; unclear: where only a close look can tell what.
    """

    def __init__(self, rows: Rows, table: Table[Any], says: Callable[[Any], str | None]) -> None:
        self.table, self.says = table, says
        self.marks = Marks(rows, table, lambda entry: says(entry) is not None)
        self.unclear = Marks(rows, table, lambda entry: says(entry) == CLOSER)


def _conjunction(marks: Iterable[Marks[bool]], place: Place, full: int) -> int:
    bits = full
    for one in marks:
        bits &= one.on(place)
    return bits
