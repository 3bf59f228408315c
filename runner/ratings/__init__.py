"""What people think of a run's pictures: stars, rejections, notes, and which of two is better.

nouns     marks, duels, ratings; merged so that the order of merging does not matter
scores    ratings become numbers for each cell, and for each point of each axis
"""

from runner.ratings.nouns import Duel, Mark, Ratings, merged
from runner.ratings.scores import Score, by_point, scores

__all__ = ["Duel", "Mark", "Ratings", "Score", "by_point", "merged", "scores"]
