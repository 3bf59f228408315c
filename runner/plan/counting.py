"""What a plan holds, counted: one combination after the other, or a factored grid row by row."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import compress, islice
from typing import Any

from runner.plan.checks import Fault, Row
from runner.plan.distinct import Firsts
from runner.plan.expand import Place
from runner.plan.factored import Factored
from runner.plan.placing import Invalid, Placement
from runner.plan.rows import Rows, Tally, selectors

SHOWN_INVALID = 10
"""How many combinations a refusal lists before it only counts."""


@dataclass(slots=True, kw_only=True)
class Count:
    """What was found so far; see `runner.plan.Survey`. `refused` has the first that the endpoint would refuse."""

    combinations: int = 0
    cells: int = 0
    duplicates: int = 0
    images: int = 0
    excluded: int = 0
    invalid: Counter[str] = field(default_factory=Counter)
    values: dict[str, Counter[str]] = field(default_factory=dict)
    refused: list[Invalid] = field(default_factory=list)

    def take(self, combinations: Iterable[Placement | Invalid | None], is_new: Callable[[Placement], bool]) -> None:
        """Count combinations one by one; None stands for one that a rule excludes.

        Args:
            combinations: what they come to.
            is_new: whether a placement is the first of its cell.
        """
        for found in combinations:
            self.combinations += 1
            match found:
                case None:
                    self.excluded += 1
                case Invalid():
                    self.invalid[found.reason] += 1
                    self.refused += [found] if len(self.refused) < SHOWN_INVALID else []
                case Placement():
                    for name, label in found.coordinates.items():
                        self.values.setdefault(name, Counter())[label] += 1
                    new = is_new(found)
                    self.cells += new
                    self.duplicates += not new
                    self.images += _images(found.request.parameters.get("samples")) if new else 0

    def take_rows(self, grid: Factored, firsts: Firsts | None, closely: Callable[[Place], Invalid]) -> None:
        """Count a factored grid.

        Args:
            grid: see there.
            firsts: tells which places are the first of their cell; None where all are.
            closely: looks at a combination that the endpoint would refuse, where the tables cannot say why.
        """
        labels = {name: Tally(table, lambda label: label) for name, table in grid.labels.items()}
        reasons = _Reasons(grid.checks.faults)
        samples = Tally(grid.strand("samples").table, lambda entry: _images(entry.values.get("samples")))
        for row in grid.checks.rows():
            first = row.valid if firsts is None else firsts.of_row(row)
            self.combinations += row.home.bit_count()
            self.excluded += (row.home & ~row.left).bit_count()
            self.cells += first.bit_count()
            self.duplicates += (row.valid & ~first).bit_count()
            samples.add(row.place, first)
            for tally in labels.values():
                tally.add(row.place, row.valid)
            if refused := row.left & ~row.valid:
                self.refused += map(
                    closely, islice(_places(grid.rows, row, refused), SHOWN_INVALID - len(self.refused))
                )
                unclear = _places(grid.rows, row, reasons.take(row.place, refused))
                self.invalid.update(closely(place).reason for place in unclear)
        self.invalid.update(reasons.totals())
        self.values = {name: tally.totals() for name, tally in labels.items()}
        self.images += sum(number * times for number, times in samples.totals().items())


class _Reasons:
    """Counts refused combinations by what is said against them, where one table alone says something."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults: list[tuple[Fault, Tally[Any, str]]] = [
            (fault, Tally(fault.table, fault.says)) for fault in faults
        ]

    def take(self, place: Place, refused: int) -> int:
        """Count those of a row; return the others."""
        once = closer = 0
        for fault, _ in self._faults:
            bits = fault.marks.on(place) & refused
            closer |= bits & (once | fault.unclear.on(place))
            once |= bits
        for fault, tally in self._faults:
            if bits := fault.marks.on(place) & refused & ~closer:
                tally.add(place, bits)
        return closer

    def totals(self) -> Counter[str]:
        return sum((tally.totals() for _, tally in self._faults), Counter())


def _images(samples: object) -> int:
    return samples if isinstance(samples, int) and samples else 1


def _places(rows: Rows, row: Row, bits: int) -> Iterator[Place]:
    return (rows.place(row.number + at) for at in compress(range(rows.width), selectors(bits, rows.width)))
