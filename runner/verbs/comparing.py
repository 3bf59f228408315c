"""What an edited file means for a run, and what changed between two runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runner.compare import Difference, Edit, Effect, difference, edit, effect
from runner.folder import RunFolder
from runner.nouns import State
from runner.plan import Plan
from runner.reuse import unheard
from runner.verbs.choosing import Choice, begun
from runner.verbs.estimating import Estimate, estimate
from runner.verbs.standing import gists_of, standings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What an edited file means for a run.

    Attributes:
        edit: what the words say.
        effect: which cells it adds, keeps and orphans.
        orphans_made: of the orphans, those that are made; their pictures stay in the folder.
        adding: what sending the added cells would mean, see `estimate`.
    """

    edit: Edit
    effect: Effect
    orphans_made: int
    adding: Estimate


def revise(
    plan: Plan, run: str | Path, choice: Choice | None = None, note: Callable[[str], None] = unheard
) -> Revision:
    """Return what an edited file means for a run: what it adds, keeps and orphans, and what the adding costs.

    Args:
        plan: of the edited file, from `prepare`.
        run: the run folder.
        choice: where earlier runs are that may hold what is added.
        note: is told a line of each run that cannot be read.

    Raises:
        RunFolderError: there is no run, or it cannot be read.
    """
    folder = RunFolder(Path(run))
    before, plan, gists = folder.plan(), begun(plan, folder), gists_of(folder)
    found = effect(before, gists.keys(), plan)
    orphans_made = sum(digest in gists and gists[digest].state is State.MADE for digest in found.orphans)
    adding = estimate(plan, run, choice, note, among=found.adds)
    return Revision(edit=edit(before, plan), effect=found, orphans_made=orphans_made, adding=adding)


def differ(first: str | Path, second: str | Path) -> tuple[Edit, Difference]:
    """Return what changed between two runs: in the words of their files, and in what became of their cells.

    Raises:
        RunFolderError: one of them is no run, or cannot be read.
    """
    one, other = RunFolder(Path(first)), RunFolder(Path(second))
    before, after = one.plan(), other.plan()
    return edit(before, after), difference(before, standings_of(one), after, standings_of(other))
