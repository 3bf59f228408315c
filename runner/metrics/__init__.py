"""Pictures as numbers: how they look, and how far they are from their baseline's picture.

looks      brightness, contrast, colourfulness and sharpness of one picture
apart      how far two pictures are from each other                                [extra: metrics]
baselines  which picture each is held against
shelf      what was measured, kept in the run folder by the pictures' digests
measuring  what is missing is measured, on several cores

Nothing here runs while a sweep sends.
"""

from runner.metrics.baselines import Baselines
from runner.metrics.measuring import Job, jobs, measure
from runner.metrics.shelf import Shelf, measured, shelf_path

__all__ = ["Baselines", "Job", "Shelf", "jobs", "measure", "measured", "shelf_path"]
