"""What differs between two plans, and between two runs: arithmetic on digests, and words for what was edited."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from runner.ledger import PENDING, Standing
from runner.nouns import State, Template, Value
from runner.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What became of one axis.

    Attributes:
        adds, drops: labels of its points, in their order.
        whole: "new" or "gone" where the other plan has no such axis; else empty.
    """

    adds: tuple[str, ...]
    drops: tuple[str, ...]
    whole: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What differs between the words of two plans.

    Attributes:
        axes: by name, those that differ.
        settings: target, endpoint, sample, models and parameters outside the axes that differ: before and after.
    """

    axes: Mapping[str, Turn]
    settings: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a plan means for a run: digests of cells.

    Attributes:
        adds: in the plan alone.
        keeps: in both.
        orphans: in the run alone, planned there or tried by an earlier plan of it.
    """

    adds: frozenset[str]
    keeps: frozenset[str]
    orphans: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One cell of two runs, and how it stands in each."""

    digest: str
    coordinates: Mapping[str, str]
    standings: tuple[Standing, Standing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What differs between two runs.

    Attributes:
        only: cells that the first, and the second, alone has planned: labels by axis name.
        same: cells that stand alike in both, their pictures byte for byte.
        pictures: cells made in both, with different pictures.
        outcomes: cells that became something else.
    """

    only: tuple[tuple[Mapping[str, str], ...], tuple[Mapping[str, str], ...]]
    same: int
    pictures: tuple[Pair, ...]
    outcomes: tuple[Pair, ...]


def edit(before: Plan, after: Plan) -> Edit:
    """Return what differs between the words of two plans; cells are not looked at."""
    return Edit(axes=dict(_turns(before, after)), settings=dict(_settings(before, after)))


def effect(before: Plan, tried: Collection[str], after: Plan) -> Effect:
    """Return what a plan means for the cells of a run that was planned, and tried, before."""
    had = {digest for _, digest in before.digests()} | set(tried)
    wanted = {digest for _, digest in after.digests()}
    return Effect(adds=frozenset(wanted - had), keeps=frozenset(wanted & had), orphans=frozenset(had - wanted))


def difference(
    first: Plan, standings: Mapping[str, Standing], second: Plan, others: Mapping[str, Standing]
) -> Difference:
    """Return what differs between two runs: which cells are planned in each, and how those of both stand."""
    here = {cell.digest: cell.coordinates for cell in first.cells()}
    there = {cell.digest: cell.coordinates for cell in second.cells()}
    pairs = [
        Pair(
            digest=digest,
            coordinates=coordinates,
            standings=(standings.get(digest, PENDING), others.get(digest, PENDING)),
        )
        for digest, coordinates in here.items()
        if digest in there
    ]
    outcomes = tuple(pair for pair in pairs if pair.standings[0].state is not pair.standings[1].state)
    pictures = tuple(pair for pair in pairs if _repainted(*pair.standings))
    return Difference(
        only=(_alone(here, there), _alone(there, here)),
        same=len(pairs) - len(outcomes) - len(pictures),
        pictures=pictures,
        outcomes=outcomes,
    )


def _alone(here: Mapping[str, Mapping[str, str]], there: Mapping[str, object]) -> tuple[Mapping[str, str], ...]:
    return tuple(coordinates for digest, coordinates in here.items() if digest not in there)


def _repainted(one: Standing, other: Standing) -> bool:
    both = one.state is other.state is State.MADE
    return both and [p.sha256 for p in one.pictures] != [p.sha256 for p in other.pictures]


def _turns(before: Plan, after: Plan) -> Iterator[tuple[str, Turn]]:
    had, has = ({axis.name: [point.label for point in axis.points] for axis in plan.axes} for plan in (before, after))
    for name in dict.fromkeys([*has, *had]):
        old, new = had.get(name, []), has.get(name, [])
        adds = tuple(label for label in new if label not in old)
        drops = tuple(label for label in old if label not in new)
        if adds or drops:
            yield name, Turn(adds=adds, drops=drops, whole="new" if name not in had else "" if name in has else "gone")


def _settings(before: Plan, after: Plan) -> Iterator[tuple[str, tuple[str, str]]]:
    had, has = _said(before), _said(after)
    for name in dict.fromkeys([*has, *had]):
        if had.get(name, "") != has.get(name, ""):
            yield name, (had.get(name, ""), has.get(name, ""))


def _said(plan: Plan) -> dict[str, str]:
    experiment = plan.experiment
    return {
        "target": plan.provider.target,
        "endpoint": experiment.endpoint,
        "sample": plan.drawn,
        **{f"model {name}": digest[:12] for name, digest in plan.provider.models.items()},
        **{name: _plain(value) for name, value in experiment.parameters.items()},
    }


def _plain(value: Value | Template) -> str:
    match value:
        case Template():
            return value.source
        case None:
            return "null"
        case _:
            return str(value)
