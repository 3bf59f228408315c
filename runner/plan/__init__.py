"""An Experiment becomes a Plan: the ordered cells without duplicates, what was left out and why, and a digest.

Pure: no clock, no randomness, no file. `make` looks at every combination once, so that nothing is sent before
everything has been checked; a plan keeps the axes and not the cells, and yields them again on demand.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import prod
from typing import Any

from runner.canon import digest
from runner.errors import InputError
from runner.nouns import Axis, Cell, Experiment, Provider, Request
from runner.plan.expand import Combination, Grid, Place, combinations, shown_axes
from runner.plan.frozen import essence, freeze, thaw
from runner.plan.identity import identify
from runner.plan.resolve import UnresolvedError, resolve
from runner.plan.sampling import Settled, choose
from runner.plan.switching import sent
from runner.schema import EndpointSchema, endpoint_schema

__all__ = ["Placement", "Plan", "Survey", "continued", "identify", "make"]

SHOWN_INVALID = 10
"""How many combinations a refusal lists before it only counts."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a cell stands on the grid: label by axis name. Several placements can mean one cell."""

    coordinates: Mapping[str, str]
    digest: str
    request: Request


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


@dataclass(frozen=True, slots=True, kw_only=True)
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
        for found in _placed(self.experiment, self.provider, self.chosen):
            if isinstance(found, Placement):
                yield found

    def cells(self) -> Iterator[Cell]:
        """Yield each cell once, at its first placement."""
        seen: set[str] = set()
        for placement in self.placements():
            if placement.digest not in seen:
                seen.add(placement.digest)
                yield Cell(digest=placement.digest, coordinates=placement.coordinates, request=placement.request)

    def ordered(self) -> Iterator[Cell]:
        """Yield the cells that `cells` yields in the order in which they are sent; stand-alone entries come last."""
        schema = endpoint_schema(self.experiment.endpoint)
        firsts = self._firsts() if self.survey.duplicates else None
        for combination in combinations(self.experiment, sent(self.experiment, self.chosen)):
            if combination is not None and (firsts is None or combination.place in firsts):
                found = _place(self.experiment, self.provider, schema, combination)
                if isinstance(found, Placement):
                    yield Cell(digest=found.digest, coordinates=found.coordinates, request=found.request)

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
        if plan.digest != document["digest"]:
            raise ValueError(f"the plan was changed since it was frozen: its digest is not {document['digest'][:12]}…")
        return plan

    def _firsts(self) -> set[Place | int]:
        """Return where each cell stands first in plan order."""
        schema = endpoint_schema(self.experiment.endpoint)
        seen: set[bytes] = set()
        firsts: set[Place | int] = set()
        for combination in combinations(self.experiment, self.chosen and sorted(self.chosen)):
            found = combination and _place(self.experiment, self.provider, schema, combination)
            if combination and isinstance(found, Placement) and (name := bytes.fromhex(found.digest)) not in seen:
                seen.add(name)
                firsts.add(combination.place)
        return firsts


@dataclass(frozen=True, slots=True)
class _Excluded:
    """A rule left the combination out."""


@dataclass(frozen=True, slots=True)
class _Invalid:
    """The endpoint would refuse the combination."""

    combination: Combination
    reason: str


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
    grid = Grid(experiment)
    sample, schema = experiment.sample, endpoint_schema(experiment.endpoint)
    if sample is None or sample.count >= prod(grid.sizes):
        return None

    def settle(place: Place) -> Settled | None:
        home = grid.home(place)
        combination = grid.combine(home, grid.points(home))
        found = combination and _place(experiment, provider, schema, combination)
        match found:
            case Placement():
                return home, found.digest
            case _Invalid() if experiment.on_invalid == "error":
                return home, home  # taken, so that it is told
            case _:
                return None

    return choose(sample, grid.sizes, settle)


def _survey(
    experiment: Experiment, provider: Provider, chosen: Sequence[Place] | None
) -> tuple[Survey, list[_Invalid]]:
    seen: set[str] = set()
    total = excluded = duplicates = images = 0
    reasons: Counter[str] = Counter()
    first: list[_Invalid] = []
    values: dict[str, Counter[str]] = {axis.name: Counter() for axis in experiment.axes}
    for found in _placed(experiment, provider, chosen):
        total += 1
        match found:
            case _Excluded():
                excluded += 1
            case _Invalid():
                reasons[found.reason] += 1
                if len(first) < SHOWN_INVALID:
                    first.append(found)
            case Placement():
                for name, label in found.coordinates.items():
                    values[name][label] += 1
                if found.digest in seen:
                    duplicates += 1
                else:
                    seen.add(found.digest)
                    images += int(found.request.parameters.get("samples") or 1)
    survey = Survey(
        combinations=total if chosen is None else prod(Grid(experiment).sizes),
        cells=len(seen),
        duplicates=duplicates,
        images=images,
        excluded=excluded if chosen is None else None,
        invalid=dict(reasons),
        values={name: dict(counts) for name, counts in values.items()},
    )
    return survey, first


def _placed(
    experiment: Experiment, provider: Provider, chosen: Sequence[Place] | None
) -> Iterator[Placement | _Excluded | _Invalid]:
    schema = endpoint_schema(experiment.endpoint)
    for combination in combinations(experiment, chosen and sorted(chosen)):
        if combination is None:
            yield _Excluded()
        else:
            yield _place(experiment, provider, schema, combination)


def _place(
    experiment: Experiment, provider: Provider, schema: EndpointSchema, combination: Combination
) -> Placement | _Invalid:
    try:
        request = resolve(experiment, combination, schema)
    except UnresolvedError as error:
        return _Invalid(combination, str(error))
    for misfit in schema.misfits(request.parameters):
        return _Invalid(combination, misfit.message)
    return Placement(combination.coordinates, identify(request, provider), request)


def _refusal(experiment: Experiment, refused: list[_Invalid], count: int) -> str:
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
