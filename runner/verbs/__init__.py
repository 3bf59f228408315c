"""The commands as functions: what `import runner` offers, and the command line is a skin over.

choosing    which of a plan's cells a command is about
estimating  what a plan would send, before anything is sent
verifying   whether the same request still gives the same picture
sweeping    a file becomes a plan, and a plan its pictures
judging     what people say of the pictures comes into table and page
pacing      how fast a run goes
comparing   what an edited file means for a run, what changed between two runs
watching    how a run stands now, also while another process makes it
measuring   a run's pictures become numbers
weighing    what the axes of a run do to its numbers
reading     what a run folder holds: counts, table, page
taking      its pictures as one: contact sheets, films

What needs pandas is imported where it is used: checking and planning a file should not wait for it.
"""

from runner.verbs.choosing import Choice, means
from runner.verbs.comparing import Revision, differ, revise
from runner.verbs.estimating import Estimate, estimate
from runner.verbs.judging import import_ratings
from runner.verbs.measuring import Measuring, measure
from runner.verbs.pacing import pace
from runner.verbs.reading import (
    axes_of,
    bundled,
    count,
    drawn,
    exported,
    grid,
    load,
    maybe_paid,
    render,
    render_single,
    summarise,
)
from runner.verbs.sweeping import Result, Surroundings, check, prepare, retried, retry, sweep
from runner.verbs.taking import Album, animate, sheet
from runner.verbs.verifying import Sample, Verdict, sampled, stopped, verify
from runner.verbs.watching import Status, Watch, follow
from runner.verbs.weighing import changes, effects, identical, interaction, pivot

__all__ = [
    "Album",
    "Choice",
    "Estimate",
    "Measuring",
    "Result",
    "Revision",
    "Sample",
    "Status",
    "Surroundings",
    "Verdict",
    "Watch",
    "animate",
    "axes_of",
    "bundled",
    "changes",
    "check",
    "count",
    "differ",
    "drawn",
    "effects",
    "estimate",
    "exported",
    "follow",
    "grid",
    "identical",
    "import_ratings",
    "interaction",
    "load",
    "maybe_paid",
    "means",
    "measure",
    "pace",
    "pivot",
    "prepare",
    "render",
    "render_single",
    "retried",
    "retry",
    "revise",
    "sampled",
    "sheet",
    "stopped",
    "summarise",
    "sweep",
    "verify",
]
