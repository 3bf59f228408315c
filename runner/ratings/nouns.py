"""Marks, duels, ratings; merged so that the order of merging does not matter."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Mark:
    """What one person says of one cell.

    Attributes:
        at: when, in milliseconds since 1970; of a person's marks of a cell the latest counts.
        rater: who, by the identity that was drawn for a browser.
        cell: its digest.
        stars: 1 to 5, 0 for none.
    """

    at: int
    rater: str
    cell: str
    stars: int = 0
    rejected: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Duel:
    """Which of two cells one person preferred, not knowing what they are."""

    at: int
    rater: str
    left: str
    right: str
    better: Literal["left", "right", "equal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """What some people said of the cells of one plan.

    Attributes:
        plan: the plan's digest.
        raters: names by identity.
        marks: of each person and cell the latest, in the order of person and cell.
        duels: each once, in the order of time.
    """

    plan: str
    raters: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    duels: tuple[Duel, ...] = ()


def merged(plan: str, several: Iterable[Ratings]) -> Ratings:
    """Return what several files say together: the same whatever their order, and however often one is among them."""
    raters: dict[str, str] = {}
    marks: dict[tuple[str, str], Mark] = {}
    duels: set[Duel] = set()
    for ratings in several:
        for rater, name in ratings.raters.items():
            raters[rater] = max(raters.get(rater, ""), name)
        for mark in ratings.marks:
            key = (mark.rater, mark.cell)
            marks[key] = max(marks.get(key, mark), mark)
        duels.update(ratings.duels)
    return Ratings(
        plan=plan,
        raters=dict(sorted(raters.items())),
        marks=tuple(marks[key] for key in sorted(marks)),
        duels=tuple(sorted(duels)),
    )
