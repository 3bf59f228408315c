"""Combinations looked at one by one: where each stands and what it asks for, or why the endpoint would refuse it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from runner.nouns import Experiment, Provider, Request
from runner.plan.expand import Combination, Grid, Place, combinations
from runner.plan.identity import identify
from runner.plan.resolve import UnresolvedError, resolve
from runner.schema import endpoint_schema


class Placement(NamedTuple):
    """Where a cell stands on the grid: label by axis name. Several placements can mean one cell.

    A tuple, because it takes half as long to build as a frozen dataclass, and plans have millions.
    """

    coordinates: Mapping[str, str]
    digest: str
    request: Request


@dataclass(frozen=True, slots=True)
class Invalid:
    """The endpoint would refuse the combination."""

    combination: Combination
    reason: str


class Each:
    """A grid whose combinations are looked at one by one, whatever their parameters depend on.

    Args:
        places: the only ones to look at, in plan order; None for all.
    """

    def __init__(self, experiment: Experiment, provider: Provider, places: Sequence[Place] | None = None) -> None:
        self._experiment, self._provider, self._places = experiment, provider, places
        self._schema = endpoint_schema(experiment.endpoint)
        self.grid = Grid(experiment)

    def found(self) -> Iterator[tuple[Place | int, Placement | Invalid | None]]:
        """Yield where each combination stands and what it comes to; None for one that a rule excludes.

        Those of `include` that stand alone come last, with the number of their entry for a place.
        """
        for combination in combinations(self._experiment, self._places):
            yield ((), None) if combination is None else (combination.place, self.look(combination))

    def alone(self) -> Iterator[tuple[int, Placement | Invalid]]:
        """Yield the entries of `include` that are combinations of their own, by their numbers."""
        for combination in self.grid.alone():
            if isinstance(combination.place, int):
                yield combination.place, self.look(combination)

    def at(self, place: Place) -> Placement | None:
        """Return what stands at a place; None where nothing is left to send."""
        points = self.grid.points(place)
        combination = self.grid.combine(place, points) if self.grid.is_home(place, points) else None
        found = combination and self.look(combination)
        return found if isinstance(found, Placement) else None

    def placements(self) -> Iterator[tuple[Place | int, Placement]]:
        """Yield what is left to send and where it stands, as `found` does."""
        return ((place, found) for place, found in self.found() if isinstance(found, Placement))

    def refusal(self, place: Place) -> Invalid:
        """Return why the endpoint would refuse the combination at a place, which it would."""
        found = self.look(self.grid.extend(place, self.grid.points(place)))
        if isinstance(found, Invalid):
            return found
        raise AssertionError(f"a combination was to be refused and is valid when looked at alone: {found}")

    def look(self, combination: Combination) -> Placement | Invalid:
        """Return what a combination comes to."""
        try:
            request = resolve(self._experiment, combination, self._schema)
        except UnresolvedError as error:
            return Invalid(combination, str(error))
        for misfit in self._schema.misfits(request.parameters):
            return Invalid(combination, misfit.message)
        return Placement(combination.coordinates, identify(request, self._provider), request)
