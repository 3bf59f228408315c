"""An Experiment becomes a Plan: the ordered cells without duplicates, what was left out and why, and a digest.

Pure: no clock, no randomness, no file. `make` checks every combination, so that nothing is sent before everything has
been checked; a plan keeps the axes and not the cells, and yields them again on demand. What a few axes decide is looked
at once for each combination of their points (`factored`), and where that does not pay, once for each cell (`placing`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import chain
from math import prod
from typing import Any

from runner.canon import digest
from runner.errors import InputError
from runner.nouns import Axis, Cell, Experiment, Provider
from runner.plan.counting import Count
from runner.plan.distinct import Firsts, Seen
from runner.plan.expand import Combination, Place, shown_axes
from runner.plan.factored import Factored, factorise
from runner.plan.frozen import essence, freeze, thaw
from runner.plan.identity import identify
from runner.plan.placing import Each, Invalid, Placement
from runner.plan.rows import Rows
from runner.plan.sampling import Settled, choose
from runner.plan.switching import sent

__all__ = ["Placement", "Plan", "Survey", "continued", "identify", "make"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What one look at every combination found, or at those that a sample took.

    Attributes:
        combinations: of the axes, before anything was left out; of a sample's axes, whether or not all of them apply.
        cells: distinct requests; duplicates: placements beyond each cell's first.
        images: pictures that the cells ask for.
        excluded: combinations that a rule leaves out; None where a sample took some and nobody looked at the others.
        invalid: combinations left out by reason (`on_invalid: skip`); none are counted for a sample.
        values: placements by axis and label.
    """

    combinations: int
    cells: int
    duplicates: int
    images: int
    excluded: int | None
    invalid: Mapping[str, int]
    values: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An experiment against a provider, checked. Build it with `make` or `Plan.thaw`.

    Attributes:
        chosen: where the combinations stand that a sample took, in the order of drawing; None where all are taken.
    """

    experiment: Experiment
    provider: Provider
    survey: Survey
    chosen: tuple[Place, ...] | None = None

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes with every value that a placement can have, those of `include` too."""
        return shown_axes(self.experiment)

    @property
    def drawn(self) -> str:
        """How the sample was drawn, `200 of 1,000,000 combinations (sobol, seed 7)`; empty where all are taken."""
        sample = self.experiment.sample
        if sample is None or self.chosen is None:
            return ""
        most = "up to " if any(axis.when for axis in self.experiment.axes) else ""
        total = f"{most}{self.survey.combinations:,} combinations"
        return f"{len(self.chosen):,} of {total} ({sample.method}, seed {sample.seed})"

    @property
    def digest(self) -> str:
        """Digest of everything that the plan says: which cells, where they stand, how they are sent and shown.

        Where the experiment's files lay on this machine takes no part: what is in them does.
        """
        return digest(essence(freeze(self.experiment, self.provider, self.chosen)))

    def placements(self) -> Iterator[Placement]:
        """Yield every placement in plan order."""
        if self._factored is None:
            return (found for _, found in self._each.placements())
        return chain(self._factored.placements(None), (found for _, found in self._alone()))

    def cells(self) -> Iterator[Cell]:
        """Yield each cell once, at its first placement."""
        if self._factored is None:
            seen = Seen()
            return (_cell(found) for found in self.placements() if seen.add(found.digest))
        firsts = self._firsts(self._factored)
        alone = (found for _, found in self._alone() if firsts is None or firsts.add(found))
        return map(_cell, chain(self._factored.placements(firsts), alone))

    def digests(self) -> Iterator[tuple[int, str]]:
        """Yield each cell's number, which `at` takes, and its digest, in plan order: much faster than the cells.

        The number counts the places of the whole grid, those that are left out too, and then the entries of `include`.
        """
        if self._factored is None:
            seen, each = Seen(), self._each.placements()
            return ((self._number(place), found.digest) for place, found in each if seen.add(found.digest))
        firsts = self._firsts(self._factored)
        alone = ((number, found.digest) for number, found in self._alone() if firsts is None or firsts.add(found))
        return chain(self._factored.numbered(firsts), alone)

    def at(self, number: int) -> Cell:
        """Return the cell with a number that `digests` gives.

        Raises:
            LookupError: no cell stands there.
        """
        if 0 <= number < self._rows.total:
            found = (self._factored or self._each).at(self._rows.place(number))
        else:
            found = next((one for other, one in self._alone() if other == number), None)
        if found is None:
            raise LookupError(f"number {number}: no cell of the plan stands there; `Plan.digests` gives the numbers")
        return _cell(found)

    def ordered(self, wanted: Callable[[str], bool] | None = None) -> Iterator[Cell]:
        """Yield the cells that `cells` yields in the order in which they are sent; stand-alone entries come last.

        Args:
            wanted: tells by its digest whether a cell is asked for, and the others are passed by at little cost; None
                for all. It is asked of every cell before the first one comes.
        """
        grid = self._factored or self._each
        some = self._numbers(wanted) if wanted or self.survey.duplicates else None
        for place in sent(self.experiment, self.chosen):
            if some is None or self._rows.number(place) in some:
                found = grid.at(place)
                if found is not None:
                    yield _cell(found)
        yield from (_cell(found) for number, found in self._alone() if some is None or number in some)

    def freeze(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        document = freeze(self.experiment, self.provider, self.chosen)
        return document | {"survey": asdict(self.survey), "digest": digest(essence(document))}

    @classmethod
    def thaw(cls, document: Mapping[str, Any]) -> "Plan":
        """Return the plan that `freeze` wrote. It was checked before it was frozen, and is not checked again.

        Raises:
            ValueError: another version wrote it, or it was changed since.
        """
        experiment, provider, chosen = thaw(document)
        plan = cls(experiment=experiment, provider=provider, survey=Survey(**document["survey"]), chosen=chosen)
        if digest(essence(document)) != document["digest"]:
            raise ValueError(f"the plan was changed since it was frozen: its digest is not {document['digest'][:12]}…")
        return plan

    @cached_property
    def _each(self) -> Each:
        return Each(self.experiment, self.provider, None if self.chosen is None else sorted(self.chosen))

    @cached_property
    def _rows(self) -> Rows:
        return Rows(self._each.grid.sizes)

    @cached_property
    def _factored(self) -> Factored | None:
        """The grid by its factors; what nothing was refused of need not be checked again."""
        if self.chosen is not None:
            return None
        return factorise(self.experiment, self.provider, self._each.grid, checking=bool(self.survey.invalid))

    def _numbers(self, wanted: Callable[[str], bool] | None) -> set[int]:
        return {number for number, name in self.digests() if wanted is None or wanted(name)}

    def _firsts(self, grid: Factored) -> Firsts | None:
        return grid.firsts() if self.survey.duplicates else None

    def _alone(self) -> Iterator[tuple[int, Placement]]:
        """Yield the entries of `include` that are combinations of their own, numbered behind the grid."""
        for entry, found in self._each.alone():
            if isinstance(found, Placement):
                yield self._number(entry), found

    def _number(self, place: Place | int) -> int:
        return self._rows.total + place if isinstance(place, int) else self._rows.number(place)


def make(experiment: Experiment, provider: Provider) -> Plan:
    """Check every combination, or those that the experiment's sample takes, and return the plan.

    Raises:
        InputError: the endpoint would refuse a combination and `on_invalid` is "error"; nothing is left to send; or the
            sample cannot be had.
    """
    return _made(experiment, provider, _chosen(experiment, provider))


def continued(plan: Plan, earlier: Plan) -> Plan:
    """Return a plan with the sample of an earlier one, if both say the same of what is drawn from.

    Whoever drew the earlier sample, with whichever version of a library: a run goes on with the cells that it began.
    """
    if plan.chosen == earlier.chosen or _drawn_from(plan) != _drawn_from(earlier):
        return plan
    return _made(plan.experiment, plan.provider, earlier.chosen)


def _made(experiment: Experiment, provider: Provider, chosen: tuple[Place, ...] | None) -> Plan:
    survey, refused = _survey(experiment, provider, chosen)
    if refused and experiment.on_invalid == "error":
        raise InputError(_refusal(experiment, refused, sum(survey.invalid.values())))
    if not survey.cells:
        raise InputError(
            f"{experiment.name}: none of the {survey.combinations} combinations is left to send "
            f"({survey.excluded} excluded, {sum(survey.invalid.values())} that {experiment.endpoint} would refuse); "
            "relax `exclude` or the axes"
        )
    return Plan(experiment=experiment, provider=provider, survey=survey, chosen=chosen)


def _drawn_from(plan: Plan) -> Experiment:
    """Return an experiment with what a sample depends on alone."""
    unsaid = Experiment(name="")
    apart = ("name", "title", "description", "target", "limits", "price", "execution", "report", "inputs")
    return replace(plan.experiment, **{name: getattr(unsaid, name) for name in apart})


def _chosen(experiment: Experiment, provider: Provider) -> tuple[Place, ...] | None:
    """Return the combinations that a sample takes; None where there is none, or it wants as many as there are."""
    sample, each = experiment.sample, Each(experiment, provider)
    if sample is None or sample.count >= prod(each.grid.sizes):
        return None

    def settle(place: Place) -> Settled | None:
        home = each.grid.home(place)
        combination = each.grid.combine(home, each.grid.points(home))
        match combination and each.look(combination):
            case Placement(digest=name):
                return home, name
            case Invalid() if experiment.on_invalid == "error":
                return home, home  # taken, so that it is told
            case _:
                return None

    return choose(sample, each.grid.sizes, settle)


def _survey(experiment: Experiment, provider: Provider, chosen: Sequence[Place] | None) -> tuple[Survey, list[Invalid]]:
    each = Each(experiment, provider, None if chosen is None else sorted(chosen))
    grid = factorise(experiment, provider, each.grid, checking=True) if chosen is None else None
    count = _counted(each, grid)
    survey = Survey(
        combinations=count.combinations if chosen is None else prod(each.grid.sizes),
        cells=count.cells,
        duplicates=count.duplicates,
        images=count.images,
        excluded=count.excluded if chosen is None else None,
        invalid=dict(count.invalid),
        values={axis.name: dict(count.values.get(axis.name, {})) for axis in experiment.axes},
    )
    return survey, count.refused


def _counted(each: Each, grid: Factored | None) -> Count:
    count = Count()
    if grid is None:
        seen = Seen()
        count.take((found for _, found in each.found()), lambda found: seen.add(found.digest))
    else:
        firsts, alone = grid.firsts(), [found for _, found in each.alone()]
        count.take_rows(grid, None if grid.apart() and not alone else firsts, each.refusal)
        count.take(alone, firsts.add)
    return count


def _cell(placement: Placement) -> Cell:
    return Cell(digest=placement.digest, coordinates=placement.coordinates, request=placement.request)


def _refusal(experiment: Experiment, refused: list[Invalid], count: int) -> str:
    lines = [f"{_where(invalid.combination)}: {invalid.reason}" for invalid in refused]
    more = [f"... and {count - len(refused)} more"] if count > len(refused) else []
    return "\n".join(
        [
            f"{experiment.name}: {experiment.endpoint} would refuse {count} combination{'s' if count != 1 else ''}:",
            *lines,
            *more,
            "Exclude them with `exclude` or `when`, or write `on_invalid: skip` to leave them out.",
        ]
    )


def _where(combination: Combination) -> str:
    return ", ".join(f"{name}={label}" for name, label in combination.coordinates.items()) or "the only cell"
