"""Which cells a picture of pictures shows, and where: axes along its sides, the others held at one point."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from runner.album.lettering import visible
from runner.errors import InputError
from runner.ledger import PENDING, Standing
from runner.nouns import Axis
from runner.plan import Placement, Plan
from runner.schema import did_you_mean

ROLES = ("x", "y", "columns", "rows")
"""Along the columns, down the rows, and what groups each of them."""

ALL = "*"
"""The point that stands for all of an axis's points, piled up in each cell."""

MOST_KNOWN = 24
"""Labels that a message lists; an axis may have thousands."""

Lane: TypeAlias = tuple[int, int]
"""One column or row: the digit of the grouping axis and of the axis itself; 0 where there is none or it does not apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One placement and how its cell stands."""

    placement: Placement
    standing: Standing


Tiles: TypeAlias = Mapping[tuple[Lane, Lane], Sequence[Tile]]
"""What lies in each column and row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where each axis is: at a side, held at a point, or piled up.

    Attributes:
        roles: axis by role, see `ROLES`; absent where a role is empty.
        held: label by axis; an axis that does not apply to a cell does not hide it.
        assumed: axes among the held whose point nobody named.
    """

    roles: Mapping[str, Axis] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()

    def shows(self, placement: Placement) -> bool:
        """Return whether a placement lies at the held points."""
        return all(placement.coordinates.get(axis, label) == label for axis, label in self.held.items())

    def label(self, role: str, digit: int) -> str:
        """Return a point's label as it can be seen, a dash where the axis does not apply."""
        return visible(self.roles[role].points[digit - 1].label) if digit else "–"


def seen(plan: Plan, roles: Mapping[str, str], at: Sequence[str] = ()) -> View:
    """Return the view that a user asks for; where no role is given the one of the experiment's report, or a proposal.

    Args:
        plan: of the run.
        roles: axis name by role; empty names are none.
        at: `axis=label` for axes to hold; `axis=*` piles its points up.

    Raises:
        InputError: an axis is not there or has two roles, a point is not there, or a term is not `axis=label`.
    """
    axes = {axis.name: axis for axis in plan.axes}
    given = {role: name for role, name in roles.items() if name}
    named = dict(_term(term, axes) for term in at)
    placed = {role: _known(f"--{role}", name, axes) for role, name in given.items()} or _proposal(plan, named)
    for role, axis in placed.items():
        twice = [other for other in placed if placed[other] is axis and other != role]
        if twice or axis.name in named:
            other = f"--{twice[0]}" if twice else "--at"
            raise InputError(
                f"--{role}: {axis.name} stands at {other} too; an axis has one place: leave one of them out"
            )
    decided = {*named, *(axis.name for axis in placed.values())}
    assumed = {axis.name: _usual(plan, axis) for axis in _open(plan, decided)}
    held = {name: label for name, label in {**named, **assumed}.items() if label != ALL}
    return View(roles=placed, held=held, assumed=tuple(name for name in assumed if name in held))


def gathered(
    plan: Plan, standings: Mapping[str, Standing], view: View, wanted: Callable[[Placement], bool]
) -> dict[tuple[Lane, Lane], list[Tile]]:
    """Return the tiles that a view shows and that are wanted, by column and row, in plan order."""
    axes = [view.roles.get(role) for role in ("columns", "x", "rows", "y")]
    places = [{point.label: digit for digit, point in enumerate(axis.points, 1)} if axis else {} for axis in axes]
    found: dict[tuple[Lane, Lane], list[Tile]] = {}
    for placement in filter(wanted, filter(view.shows, plan.placements())):
        labels = [placement.coordinates.get(axis.name, "") if axis else "" for axis in axes]
        outer, inner, above, beside = (known.get(label, 0) for known, label in zip(places, labels, strict=True))
        tile = Tile(placement=placement, standing=standings.get(placement.digest, PENDING))
        found.setdefault(((outer, inner), (above, beside)), []).append(tile)
    return found


def _known(flag: str, name: str, axes: Mapping[str, Axis]) -> Axis:
    if name not in axes:
        raise InputError(f"{flag}: {name!r} is no axis of this run{did_you_mean(name, list(axes))}")
    return axes[name]


def _term(text: str, axes: Mapping[str, Axis]) -> tuple[str, str]:
    fitting = [name for name in axes if text.startswith(f"{name}=")]  # a name may hold a sign
    name = max(fitting, key=len, default=text.partition("=")[0])
    if "=" not in text:
        raise InputError(f"--at: {text!r} is no term; write axis=label, such as --at seed=42")
    label = text[len(name) + 1 :]
    labels = [point.label for point in _known("--at", name, axes).points]
    if label not in (*labels, ALL):
        raise InputError(f"--at: {name} has no point {label!r}{did_you_mean(label, labels[:MOST_KNOWN])}")
    return name, label


def _proposal(plan: Plan, held: Mapping[str, str]) -> dict[str, Axis]:
    """Return the roles of the experiment's report, else the longest axis down and the next across."""
    axes = {axis.name: axis for axis in plan.axes}
    asked = {role: axes[name] for role in ROLES if (name := getattr(plan.experiment.report, role)) in axes}
    asked = {role: axis for role, axis in asked.items() if axis.name not in held}
    if asked:
        return asked
    long = sorted(_open(plan, held), key=lambda axis: 0 if axis.when else -len(axis.points))
    return dict(zip(("y", "x") if len(long) > 1 else ("x",), long, strict=False))


def _open(plan: Plan, decided: Collection[str]) -> Iterator[Axis]:
    """Yield the axes that nothing else decides: those in lockstep with one that is decided follow it."""
    known = set(decided)
    for axis in plan.axes:
        group = {axis.name}.union(*(names for names in plan.experiment.zips if axis.name in names))
        if len(axis.points) > 1 and not known & group:
            known.add(axis.name)
            yield axis


def _usual(plan: Plan, axis: Axis) -> str:
    """Return where to hold an axis: the baseline's point, else its first; one that applies to some cells is not held."""
    if axis.name in plan.experiment.report.baseline:
        return plan.experiment.report.baseline[axis.name]
    return ALL if axis.when or plan.chosen is not None else axis.points[0].label
