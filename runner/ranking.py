"""Who wins against whom becomes how good each is, and how sure that is.

The model is that of Bradley and Terry ("Rank analysis of incomplete block designs", Biometrika 39, 1952): i is preferred to
j with probability 1 / (1 + exp(s_j - s_i)). A draw counts as half a win for each (Glickman's convention; its loss against
Davidson's model is small where draws are few). A weak prior, one drawn comparison of each with an item of strength 0,
keeps an item that won everything finite. Strengths are told against their mean, and so are the intervals: those of the
normal distribution around the most likely strengths, with the inverse of the Fisher information as covariance (Hunter, "MM
algorithms for generalized Bradley-Terry models", Annals of Statistics 32, 2004), without what moves all items alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PRIOR = 1.0
"""Comparisons of each item with one of strength 0, all of them drawn."""

REACH = 1.959964
"""Standard deviations to each side that hold 95% of a normal distribution."""

STEPS = 100
CLOSE = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How good an item is, on the scale of log odds: 0 is the average, 1 wins against it 73 times in 100.

    Attributes:
        low, high: the interval that holds the strength with 95% certainty.
        duels: comparisons that the item was in.
    """

    strength: float
    low: float
    high: float
    duels: int


def rank(items: int, duels: Sequence[tuple[int, int, float]]) -> list[Strength]:
    """Return the strengths of items 0 to `items` - 1.

    Args:
        items: how many there are.
        duels: two different items and the share of the win that the first has: 1, 0.5 or 0.
    """
    if not items:
        return []
    wins, games = np.zeros((items, items)), np.zeros((items, items))
    for one, other, share in duels:
        wins[one, other] += share
        wins[other, one] += 1 - share
        games[one, other] += 1
        games[other, one] += 1
    strengths, information = _fit(wins.sum(axis=1), games)
    covariance = np.linalg.inv(information)
    together = covariance.mean(axis=1)
    reach = REACH * np.sqrt(np.maximum(0.0, np.diag(covariance) - 2 * together + covariance.mean()))
    strengths = strengths - strengths.mean()
    counts = games.sum(axis=1)
    return [
        Strength(strength=float(s), low=float(s - r), high=float(s + r), duels=int(n))
        for s, r, n in zip(strengths, reach, counts, strict=True)
    ]


def _fit(won: NDArray[np.float64], games: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the most likely strengths by Newton's steps, and the information there; the likelihood is concave."""
    strengths = np.zeros(len(won))
    for _ in range(STEPS):
        gradient, information = _slopes(strengths, won, games)
        step = np.linalg.solve(information, gradient)
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))  # no step is longer than the curve is trusted
        strengths = strengths + step
        if np.abs(step).max() < CLOSE:
            break
    return strengths, _slopes(strengths, won, games)[1]


def _slopes(
    strengths: NDArray[np.float64], won: NDArray[np.float64], games: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the gradient of the log-likelihood, and the negative of its second derivative."""
    chance = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
    against_prior = 1 / (1 + np.exp(-strengths))
    gradient = won - (games * chance).sum(axis=1) + PRIOR * (0.5 - against_prior)
    spread = games * chance * (1 - chance)
    own = spread.sum(axis=1) + PRIOR * against_prior * (1 - against_prior)
    return gradient, np.diag(own) - spread
