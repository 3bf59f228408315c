"""The commands as functions: what `import runner` offers, and the command line is a skin over.

choosing    which of a plan's cells a command is about
estimating  what a plan would send, before anything is sent
sweeping    a file becomes a plan, and a plan its pictures
pacing      how fast a run goes
reading     what a run folder holds: counts, table, page

What needs pandas is imported where it is used: checking and planning a file should not wait for it.
"""

from runner.verbs.choosing import Choice
from runner.verbs.estimating import estimate
from runner.verbs.pacing import pace
from runner.verbs.reading import axes_of, count, exported, load, render, summarise
from runner.verbs.sweeping import Result, Surroundings, check, prepare, retried, retry, sweep

__all__ = [
    "Choice",
    "Result",
    "Surroundings",
    "axes_of",
    "check",
    "count",
    "estimate",
    "exported",
    "load",
    "pace",
    "prepare",
    "render",
    "retried",
    "retry",
    "summarise",
    "sweep",
]
