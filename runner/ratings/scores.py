"""Ratings become numbers for each cell, and for each point of each axis."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from runner.ranking import Strength, rank
from runner.ratings.nouns import Duel, Mark, Ratings

SHARE = {"left": 1.0, "right": 0.0, "equal": 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What people together say of one cell.

    Attributes:
        stars: mean over those who gave any; None where nobody did.
        rejected: how many people reject it.
        notes: theirs, in the order of their identities.
        strength: from comparisons, see `runner.ranking`; None where it was in none.
    """

    stars: float | None = None
    rejected: int = 0
    notes: tuple[str, ...] = ()
    strength: Strength | None = None


def scores(ratings: Ratings) -> dict[str, Score]:
    """Return what is said of each cell that somebody has judged, by digest."""
    strengths = _ranked((duel.left, duel.right, duel) for duel in ratings.duels)
    marks = defaultdict[str, list[Mark]](list)
    for mark in ratings.marks:
        marks[mark.cell].append(mark)
    return {cell: _score(marks[cell], strengths.get(cell)) for cell in sorted({*marks, *strengths})}


def by_point(ratings: Ratings, labels: Mapping[str, str]) -> dict[str, Strength]:
    """Return how good each point of an axis is by the comparisons of cells that lie at two of its points.

    Args:
        ratings: with duels.
        labels: the axis's point by cell digest.
    """
    crossing = (
        (labels[duel.left], labels[duel.right], duel)
        for duel in ratings.duels
        if duel.left in labels and duel.right in labels and labels[duel.left] != labels[duel.right]
    )
    return _ranked(crossing)


def _ranked(duels: Iterable[tuple[str, str, Duel]]) -> dict[str, Strength]:
    listed = [(left, right, SHARE[duel.better]) for left, right, duel in duels if left != right]
    names = sorted({name for left, right, _ in listed for name in (left, right)})
    places = {name: place for place, name in enumerate(names)}
    ranked = rank(len(names), [(places[left], places[right], share) for left, right, share in listed])
    return dict(zip(names, ranked, strict=True))


def _score(marks: Sequence[Mark], strength: Strength | None) -> Score:
    stars = [mark.stars for mark in marks if mark.stars]
    return Score(
        stars=fmean(stars) if stars else None,
        rejected=sum(mark.rejected for mark in marks),
        notes=tuple(mark.note for mark in marks if mark.note),
        strength=strength,
    )
