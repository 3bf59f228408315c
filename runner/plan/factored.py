"""A grid planned by its factors: a million cells counted, identified and built from tables of some hundred entries.

What each cell is follows from tables, each over the few groups of axes that decide it: parameters (`strands`), rules of
the file and of the endpoint (`checks`), labels. Where a table would grow with the grid itself, `factorise` returns
None, and every combination is looked at by `runner.plan.placing`. Both give the same cells; a test holds them together.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from math import prod

from runner.nouns import Endpoint, Experiment, Provider, Request
from runner.plan.checks import Checks, Fault
from runner.plan.digests import Column, Digests, columns
from runner.plan.distinct import Firsts, tell_apart
from runner.plan.expand import Grid, Place
from runner.plan.factors import Factors, Groups
from runner.plan.placing import Placement
from runner.plan.rows import Rows, Table, selectors
from runner.plan.strands import Resolver, Strand, rule_table
from runner.schema import EndpointSchema, endpoint_schema

FEW = 1024
MANY = 65_536
"""Entries of tables over several groups: so many are always worth it, and more than so many never. Between them the
tables may have an eighth of the grid's places, which makes them pay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factored:
    """The tables from which its cells are made. Build it with `factorise`.

    Attributes:
        strands: parameters by what decides them; labels: of each axis, None where it does not apply.
        checks: which places count.
        text: what is digested; digests: of the places.
    """

    endpoint: Endpoint
    rows: Rows
    strands: Sequence[Strand]
    labels: Mapping[str, Table[str | None]]
    checks: Checks
    text: Sequence[Column]
    digests: Digests

    def strand(self, name: str) -> Strand:
        """Return the strand of a parameter."""
        return next(strand for strand in self.strands if name in strand.names)

    def apart(self) -> bool:
        """Return whether the tables show that no two places mean one cell."""
        return tell_apart(self.rows, self.text, self.checks.homes)

    def firsts(self) -> Firsts:
        """Return what tells which places are the first to mean their cell."""
        return Firsts(self.rows, self.text, self.digests)

    def numbered(self, firsts: Firsts | None) -> Iterator[tuple[int, str]]:
        """Yield the number of each place that is left to send, with its cell's digest, in plan order.

        Args:
            firsts: tells which places to yield, as fresh as it comes; None for all.
        """
        for row in self.checks.rows():
            if bits := row.valid if firsts is None else firsts.of_row(row):
                found = enumerate(self.digests.row(row.place), row.number)
                yield from compress(found, selectors(bits, self.rows.width))

    def placements(self, firsts: Firsts | None) -> Iterator[Placement]:
        """Yield what stands at each place that is left to send, in plan order; `firsts` as for `numbered`."""
        for row in self.checks.rows():
            bits = row.valid if firsts is None else firsts.of_row(row)
            if not bits:
                continue
            digests, requests = self.digests.row(row.place), self._requests(row.place)
            labels = [(name, table.entries, table.start(row.place), table.steps) for name, table in self.labels.items()]
            for position in compress(range(self.rows.width), selectors(bits, self.rows.width)):
                coordinates = {
                    name: label
                    for name, entries, start, steps in labels
                    if (label := entries[start + steps[position]]) is not None
                }
                yield Placement(coordinates, digests[position], requests(position))

    def at(self, place: Place) -> Placement | None:
        """Return what stands at a place; None where nothing is left to send."""
        if not self.checks.valid(place):
            return None
        labels = ((name, table.at(place)) for name, table in self.labels.items())
        entries = [strand.table.at(place) for strand in self.strands]
        request = Request(
            endpoint=self.endpoint,
            parameters={name: value for entry in entries for name, value in entry.values.items()},
            repeat=sum(entry.repeat for entry in entries),
        )
        return Placement({name: label for name, label in labels if label is not None}, self.digests.at(place), request)

    def _requests(self, place: Place) -> Callable[[int], Request]:
        """Return what gives the request at each position of a row."""
        endpoint = self.endpoint
        still = [strand.table.entries[strand.table.start(place)] for strand in self.strands if strand.table.still]
        shared = {name: value for entry in still for name, value in entry.values.items()}
        drawn = sum(entry.repeat for entry in still)
        varying = [
            (strand.table.entries, strand.table.start(place), strand.table.steps)
            for strand in self.strands
            if not strand.table.still
        ]

        def request(position: int) -> Request:
            parameters, repeat = shared.copy(), drawn
            for entries, start, steps in varying:
                entry = entries[start + steps[position]]
                parameters.update(entry.values)
                repeat += entry.repeat
            return Request(endpoint=endpoint, parameters=parameters, repeat=repeat)

        return request


def factorise(experiment: Experiment, provider: Provider, grid: Grid, *, checking: bool) -> Factored | None:
    """Return an experiment's grid by its factors; None where its tables would be too large to pay.

    Args:
        experiment: what the file says.
        provider: who makes the pictures.
        grid: the experiment's.
        checking: whether to look for combinations that the endpoint would refuse; without, there are none.
    """
    schema = endpoint_schema(experiment.endpoint)
    rows, factors = Rows(grid.sizes), Factors(experiment, grid, schema)
    decided = factors.parameters()
    if _entries(experiment, rows, factors, schema, decided) > min(MANY, max(FEW, prod(grid.sizes) // 8)):
        return None
    strands = Resolver(experiment, grid, schema, checking=checking).strands(rows, decided)
    text = columns(experiment.endpoint, provider, strands)
    if text is None:
        return None
    broken = [rule_table(rows, strands, schema, rule) for rule in schema.rules] if checking else []
    faults = [
        *(Fault(rows, strand.table, lambda entry: entry.fault) for strand in strands),
        *(Fault(rows, table, lambda message: message) for table in broken),
    ]
    return Factored(
        endpoint=experiment.endpoint,
        rows=rows,
        strands=strands,
        labels={name: Table(rows, factors.axis(name), partial(_label, grid, name)) for name in grid.axes},
        checks=Checks(experiment, grid, rows, factors, faults),
        text=text,
        digests=Digests(rows, text),
    )


def _entries(
    experiment: Experiment, rows: Rows, factors: Factors, schema: EndpointSchema, decided: Mapping[str, Groups]
) -> int:
    """Count the entries of all tables over more than one group; those over one are as many as the file has points."""
    ruled = [frozenset[int]().union(*(decided.get(name, ()) for name in rule["x-names"])) for rule in schema.rules]
    named = [factors.named(name) for rule in experiment.exclude for name in rule]
    tables = [*set(decided.values()), *ruled, *named, *(factors.axis(axis.name) for axis in experiment.axes)]
    return sum(prod(rows.sizes[group] for group in groups) for groups in tables if len(groups) > 1)


def _label(grid: Grid, name: str, place: Place) -> str | None:
    point = grid.points(place).get(name)
    return None if point is None else point.label
