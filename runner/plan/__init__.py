"""An Experiment becomes a Plan: the ordered cells without duplicates, what was left out and why, and a digest.

Pure: no clock, no randomness, no file. `make` looks at every combination once, so that nothing is sent before
everything has been checked; a plan keeps the axes and not the cells, and yields them again on demand.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from runner.canon import digest
from runner.errors import InputError
from runner.nouns import Axis, Cell, Experiment, Provider, Request
from runner.plan.expand import Combination, combinations, shown_axes
from runner.plan.frozen import essence, freeze, thaw
from runner.plan.identity import identify
from runner.plan.resolve import UnresolvedError, resolve
from runner.schema import EndpointSchema, endpoint_schema

__all__ = ["Placement", "Plan", "Survey", "identify", "make"]

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
    """What one look at every combination found.

    Attributes:
        combinations: of the axes, before anything was left out.
        cells: distinct requests; duplicates: placements beyond each cell's first.
        images: pictures that the cells ask for.
        excluded: combinations that a rule leaves out; invalid: combinations left out by reason (`on_invalid: skip`).
        values: placements by axis and label.
    """

    combinations: int
    cells: int
    duplicates: int
    images: int
    excluded: int
    invalid: Mapping[str, int]
    values: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An experiment against a provider, checked. Build it with `make` or `Plan.thaw`."""

    experiment: Experiment
    provider: Provider
    survey: Survey

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes with every value that a placement can have, those of `include` too."""
        return shown_axes(self.experiment)

    @property
    def digest(self) -> str:
        """Digest of everything that the plan says: which cells, where they stand, how they are sent and shown.

        Where the experiment's files lay on this machine takes no part: what is in them does.
        """
        return digest(essence(freeze(self.experiment, self.provider)))

    def placements(self) -> Iterator[Placement]:
        """Yield every placement in plan order."""
        for found in _placed(self.experiment, self.provider):
            if isinstance(found, Placement):
                yield found

    def cells(self) -> Iterator[Cell]:
        """Yield each cell once, at its first placement."""
        seen: set[str] = set()
        for placement in self.placements():
            if placement.digest not in seen:
                seen.add(placement.digest)
                yield Cell(digest=placement.digest, coordinates=placement.coordinates, request=placement.request)

    def freeze(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        document = freeze(self.experiment, self.provider)
        return document | {"survey": asdict(self.survey), "digest": digest(essence(document))}

    @classmethod
    def thaw(cls, document: Mapping[str, Any]) -> "Plan":
        """Return the plan that `freeze` wrote. It was checked before it was frozen, and is not checked again.

        Raises:
            ValueError: another version wrote it, or it was changed since.
        """
        experiment, provider = thaw(document)
        plan = cls(experiment=experiment, provider=provider, survey=Survey(**document["survey"]))
        if plan.digest != document["digest"]:
            raise ValueError(f"the plan was changed since it was frozen: its digest is not {document['digest'][:12]}…")
        return plan


@dataclass(frozen=True, slots=True)
class _Excluded:
    """A rule left the combination out."""


@dataclass(frozen=True, slots=True)
class _Invalid:
    """The endpoint would refuse the combination."""

    combination: Combination
    reason: str


def make(experiment: Experiment, provider: Provider) -> Plan:
    """Check every combination and return the plan.

    Raises:
        InputError: the endpoint would refuse a combination and `on_invalid` is "error"; or nothing is left to send.
    """
    survey, refused = _survey(experiment, provider)
    if refused and experiment.on_invalid == "error":
        raise InputError(_refusal(experiment, refused, sum(survey.invalid.values())))
    if not survey.cells:
        raise InputError(
            f"{experiment.name}: none of the {survey.combinations} combinations is left to send "
            f"({survey.excluded} excluded, {sum(survey.invalid.values())} that {experiment.endpoint} would refuse); "
            "relax `exclude` or the axes"
        )
    return Plan(experiment=experiment, provider=provider, survey=survey)


def _survey(experiment: Experiment, provider: Provider) -> tuple[Survey, list[_Invalid]]:
    seen: set[str] = set()
    total = excluded = duplicates = images = 0
    reasons: Counter[str] = Counter()
    first: list[_Invalid] = []
    values: dict[str, Counter[str]] = {axis.name: Counter() for axis in experiment.axes}
    for found in _placed(experiment, provider):
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
        combinations=total,
        cells=len(seen),
        duplicates=duplicates,
        images=images,
        excluded=excluded,
        invalid=dict(reasons),
        values={name: dict(counts) for name, counts in values.items()},
    )
    return survey, first


def _placed(experiment: Experiment, provider: Provider) -> Iterator[Placement | _Excluded | _Invalid]:
    schema = endpoint_schema(experiment.endpoint)
    for combination in combinations(experiment):
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
