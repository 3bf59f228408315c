"""Which of a plan's cells a command is about."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from runner.errors import RunFolderError
from runner.folder import RunFolder
from runner.ledger import Gist, Ledger, OpenAttempt
from runner.nouns import Cell, Rule, State
from runner.plan import Placement, Plan, continued
from runner.plan.identity import identify
from runner.plan.rules import meets
from runner.reuse import NOWHERE, Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which of a plan's cells to send now.

    Attributes:
        only: a rule over axes and parameters; other cells stay pending.
        limit: at most so many requests, beside the experiment's own limits.
        fresh: send cells that are made already too, here or in an earlier run; their earlier pictures stay in the ledger.
        earlier: where to look for runs that made some of them.
        states: send the cells that stand so, in place of those that are missing.
    """

    only: Rule = field(default_factory=dict)
    limit: int | None = None
    fresh: bool = False
    earlier: Places = field(default_factory=Places)
    states: frozenset[State] = frozenset()


def begun(plan: Plan, folder: RunFolder) -> Plan:
    """Return a plan with the sample that a run folder began with, where it is still the one that the file asks for."""
    if plan.chosen is None:
        return plan
    try:
        return continued(plan, folder.plan())
    except RunFolderError:  # there is no plan yet, or one that cannot be read and is about to be replaced
        return plan


def places(choice: Choice) -> Places:
    """Return where to look for what is made already: nowhere, if new attempts are what is asked for."""
    return NOWHERE if choice.fresh or choice.states else choice.earlier


def state_of(cell: Cell, gists: Mapping[str, Gist]) -> State:
    """Return how a cell stands; one that was never tried is pending."""
    gist = gists.get(cell.digest)
    return gist.state if gist else State.PENDING


def lacking(plan: Plan, gists: Mapping[str, Gist], choice: Choice) -> Iterator[Cell]:
    """Return the chosen cells that are not made, those too that are not owed: a run that has them is better than a no."""
    return (cell for cell in plan.cells() if is_lacking(cell, gists, choice))


def is_lacking(cell: Cell, gists: Mapping[str, Gist], choice: Choice) -> bool:
    """Return whether a cell is chosen and not made."""
    return state_of(cell, gists) is not State.MADE and chosen(cell, choice.only)


def owed(
    plan: Plan, gists: Mapping[str, Gist], choice: Choice, before: Mapping[str, Gist] | None = None
) -> Iterator[Cell]:
    """Return the chosen cells that are to be sent, in the order of sending.

    Args:
        plan: whose cells.
        gists: how they stand.
        choice: which of them.
        before: how they stood when they were chosen by that: nobody was asked about those that stand so only since.
    """
    wanted = partial(_is_wanted, gists=gists, choice=choice, before=before) if gists or choice.states else None
    return (cell for cell in plan.ordered(wanted) if chosen(cell, choice.only))


def is_owed(cell: Cell, gists: Mapping[str, Gist], choice: Choice) -> bool:
    """Return whether a cell is chosen and to be sent."""
    return _is_wanted(cell.digest, gists, choice) and chosen(cell, choice.only)


def _is_wanted(
    digest: str, gists: Mapping[str, Gist], choice: Choice, before: Mapping[str, Gist] | None = None
) -> bool:
    gist = gists.get(digest)
    missing = gist is None or gist.owed
    if not choice.states:
        return choice.fresh or missing
    then = gist if before is None else before.get(digest)
    return _state(then) in choice.states and (missing or _state(gist) in choice.states)


def _state(gist: Gist | None) -> State:
    return gist.state if gist else State.PENDING


def means(plan: Plan, rule: Rule) -> bool:
    """Return whether a rule over axes and parameters holds for any cell."""
    return any(chosen(cell, rule) for cell in plan.cells())


def left_open(plan: Plan, ledger: Ledger) -> Iterator[OpenAttempt]:
    """Yield what an earlier process left open at this plan's target: another one knows nothing about it."""
    for attempt in ledger.open_attempts():
        if identify(attempt.request, plan.provider) == attempt.cell:
            yield attempt


def unanswered(plan: Plan, ledger: Ledger) -> list[OpenAttempt]:
    """Return what is unknown and may be asked about once more, at this plan's target; one in this process forgets."""
    if not plan.experiment.target.hosted:
        return []
    return [attempt for attempt in ledger.unanswered() if identify(attempt.request, plan.provider) == attempt.cell]


def unfetched(plan: Plan, ledger: Ledger, choice: Choice) -> list[OpenAttempt]:
    """Return what was made and did not arrive, of the cells that are to be tried again at this plan's target."""
    if not plan.experiment.target.hosted or State.FAILED not in choice.states:
        return []
    return [attempt for attempt in ledger.unfetched() if identify(attempt.request, plan.provider) == attempt.cell]


def chosen(cell: Cell | Placement, rule: Rule) -> bool:
    """Return whether a cell, or a place of the grid, meets a rule over axes and parameters."""
    return all(meets(criterion, _said(cell, name)) for name, criterion in rule.items())


def _said(cell: Cell | Placement, name: str) -> tuple[object, ...]:
    found: list[object] = [cell.request.parameters[name]] if name in cell.request.parameters else []
    return (*found, cell.coordinates[name]) if name in cell.coordinates else tuple(found)
