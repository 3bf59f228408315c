"""A file becomes a plan, and a plan its pictures."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from runner import document
from runner.errors import Complaint, RunFolderError
from runner.execute import (
    FIRST_LOOK,
    Bench,
    Cause,
    Event,
    Step,
    Stop,
    ask_again,
    execute,
    fetch_again,
    settle,
    unwatched,
)
from runner.folder import RunFolder
from runner.ledger import Ledger
from runner.nouns import Address, State
from runner.pace import Budget, Clock
from runner.plan import Plan, make
from runner.provenance import provenance, stamp
from runner.receiver import Webhook
from runner.reuse import Shelf, batches, reuse, unheard
from runner.target import open_target, provider_of
from runner.verbs.choosing import Choice, begun, lacking, left_open, owed, places, unanswered, unfetched
from runner.verbs.measuring import MEASURED_UNASKED, measure
from runner.verbs.reading import count, maybe_paid, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run meets outside itself.

    Attributes:
        stop: tell it to stop sending; what is in flight finishes.
        watch: is told of every step.
        clock: time and chance.
        environ: where key references are looked up.
        webhook: where a hosted service sends its answers; None fetches them alone.
        note: is told a line of each earlier run that cannot be reused.
    """

    stop: Stop = field(default_factory=Stop)
    watch: Callable[[Event], None] = unwatched
    clock: Clock = field(default_factory=Clock)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    webhook: Webhook | None = None
    note: Callable[[str], None] = unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run stands after a command.

    Attributes:
        counts: planned, made, reused, refused, failed, unknown, pending and images, of the plan's cells.
        sent: requests that this command sent.
        undelivered: failed cells that running again does not send: they were made, and their pictures did not arrive.
        stop: why it stopped early; its reason is empty when it did not.
    """

    run: Path
    counts: Mapping[str, int]
    sent: int
    report: Path
    stop: Stop
    undelivered: int = 0


def check(file: str | Path, overrides: Sequence[str] = ()) -> tuple[Complaint, ...]:
    """Return every complaint about an experiment file; none when it can be planned."""
    return document.check(Path(file), overrides=overrides)


def prepare(file: str | Path, overrides: Sequence[str] = (), *, target: str = "") -> Plan:
    """Read an experiment file and return its plan: every request checked, nothing sent.

    Args:
        file: path of the YAML file.
        overrides: `path=value` pairs that replace what the file says.
        target: "embedded", "sketch" or a URL in place of the file's target.

    Raises:
        ExperimentError: the file has complaints.
        InputError: the endpoint would refuse a combination.
    """
    experiment = document.load(Path(file), overrides=overrides)
    experiment = replace(experiment, source=Path(file).read_text(encoding="utf-8"))
    if target:
        experiment = replace(experiment, target=_retarget(experiment.target, target))
    return make(experiment, provider_of(experiment.target))


async def sweep(
    plan: Plan, out: str | Path, choice: Choice | None = None, surroundings: Surroundings | None = None
) -> Result:
    """Make what a plan still lacks in a run folder, then measure its pictures and write its table and page.

    Running again continues: what is made is not sent again, what was accepted before an interruption is fetched.

    Args:
        plan: from `prepare`.
        out: the run folder.
        choice: which cells to send; by default all that are missing.
        surroundings: the clock, the environment, who watches, and the way to stop from outside.

    Raises:
        RunFolderError: another process writes to the folder.
        TargetError: the target cannot be opened.
    """
    folder, around = RunFolder(Path(out)), surroundings or Surroundings()
    choice, clock = choice or Choice(), around.clock
    with folder.writing(clock) as ledger:
        folder.forget_wish()
        plan = begun(plan, folder)
        budget = Budget(
            plan.experiment.limits,
            price=plan.experiment.price,
            started=clock.elapsed(),
            spent=ledger.spent(),
            more=choice.limit,
        )
        with _storing(folder):
            folder.freeze(plan, provenance(plan.provider, started=clock.now()) | {"plan": plan.digest})
            for sha256, path in plan.experiment.inputs.items():
                folder.vault.keep_input(Path(path), sha256)
            await _reuse(plan, folder, ledger, choice, around)
        async with open_target(
            plan.experiment.target,
            load=folder.vault.load_input,
            environ=around.environ,
            webhook=around.webhook,
            clock=clock,
        ) as target:
            bench = Bench(
                client=target.client,
                ledger=ledger,
                vault=folder.vault,
                budget=budget,
                clock=clock,
                watch=around.watch,
                wish=folder.wish,
                in_process=not plan.experiment.target.hosted,
            )
            with _storing(folder):
                await _make(plan, bench, choice, around.stop)
        with _storing(folder):
            folder.note(ended=stamp(clock.now()), stopped=around.stop.reason)
    with _storing(folder):
        measured = await asyncio.to_thread(
            measure, folder.path, most=MEASURED_UNASKED, ended=lambda: around.stop.cause is Cause.USER
        )
        for line in measured.said:
            around.note(line)
        page = render(folder.path, measuring=False)
    return Result(
        run=folder.path,
        counts=count(folder.path),
        sent=budget.sent,
        report=page,
        stop=around.stop,
        undelivered=maybe_paid(folder.path, {State.FAILED}),
    )


async def _make(plan: Plan, bench: Bench, choice: Choice, stop: Stop) -> None:
    """Settle what earlier starts left, send what is owed, then wait for what the target was still making at the start."""
    ledger, execution, sent = bench.ledger, plan.experiment.execution, bench.budget.sent
    before = ledger.gists()
    kept = await settle(left_open(plan, ledger), bench, stop=stop, patience=FIRST_LOOK)
    await ask_again(unanswered(plan, ledger), bench, stop)
    held = await fetch_again(unfetched(plan, ledger, choice), bench, stop)
    late = list(left_open(plan, ledger))
    aside = _open(ledger) | held.keys()
    cells = owed(plan, ledger.gists(), choice, before)
    await execute((cell for cell in cells if cell.digest not in aside), bench, execution, stop)
    if kept and bench.budget.sent > sent and not stop:  # it was a while ago: by now the target may give it out
        kept = await settle(left_open(plan, ledger), bench, stop=stop, patience=FIRST_LOOK)
    if late and not kept and not stop:
        kept = await _wait(plan, bench, stop)
        free = {attempt.cell for attempt in late} - _open(ledger)
        again = [cell for cell in owed(plan, ledger.gists(), choice, before) if cell.digest in free]
        if again and not stop:
            await execute(again, bench, execution, stop)
    if reason := kept or next(iter(held.values()), ""):
        stop.because(Cause.TARGET, reason)


async def _wait(plan: Plan, bench: Bench, stop: Stop) -> str:
    """Wait for what is still being made, as long as the run may take; return why the target keeps some of it back."""
    clock, budget = bench.clock, bench.budget
    kept = await settle(left_open(plan, bench.ledger), bench, stop=stop, patience=budget.left(clock.elapsed()))
    if (limit := budget.over(clock.elapsed())) and any(left_open(plan, bench.ledger)):
        stop.because(Cause.LIMIT, f"stopped by {limit}")
    return kept


def _open(ledger: Ledger) -> set[str]:
    """Return the cells with an attempt that is open still: it may have been paid for."""
    return {attempt.cell for attempt in ledger.open_attempts()}


async def retry(
    run: str | Path, states: Iterable[State], choice: Choice | None = None, surroundings: Surroundings | None = None
) -> Result:
    """Make new attempts for those cells of a run that stand in some states, and for no other.

    The plan is the run's own, as it was frozen. What is unknown may have been made and paid for already.

    Args:
        run: the run folder.
        states: failed, refused, unknown.
        choice: which of these cells.
        surroundings: as for `sweep`.

    Raises:
        RunFolderError: there is no run, another process writes to it, or a model is no longer what it was planned with.
    """
    plan = retried(run)
    chosen = replace(choice or Choice(), states=frozenset(states))
    return await sweep(plan, run, chosen, surroundings)


def retried(run: str | Path) -> Plan:
    """Return the frozen plan of a run, whose cells can be asked for again.

    Raises:
        RunFolderError: there is none, or a model is no longer what the run was planned with.
    """
    plan = RunFolder(Path(run)).plan()
    changed = changed_models(plan)
    if changed:
        raise RunFolderError(
            f"{run}: {', '.join(sorted(changed))} of the target {plan.provider.target} is no longer what this run was planned "
            "with; its cells were asked of that: run the experiment file again"
        )
    return plan


def changed_models(plan: Plan) -> set[str]:
    """Return the models, of those that a plan asks for, that are others at its target now than when it was frozen."""
    then, now = plan.provider.models, provider_of(plan.experiment.target).models
    changed = {name for name in {*then, *now} if then.get(name) != now.get(name)}
    if not changed:
        return set()
    return changed & {str(cell.request.parameters.get("model_id")) for cell in plan.cells()}


@contextmanager
def _storing(folder: RunFolder) -> Iterator[None]:
    """Say in one line that the folder could not take what was made; what was accepted is fetched by the next run."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise RunFolderError(
            f"{folder.path}: {error}; the folder needs space and permission to write: "
            "mend that and run again, what the target accepted is then fetched and not paid for twice"
        ) from error


def _retarget(address: Address, target: str) -> Address:
    key = address.key if "://" in target else ""
    return Address(name=target, key=key, model_dir=address.model_dir if target == "embedded" else "")


async def _reuse(plan: Plan, folder: RunFolder, ledger: Ledger, choice: Choice, around: Surroundings) -> None:
    """Take from earlier runs what they have made of the chosen cells."""
    shelf = Shelf(folder.path, places(choice), around.note)
    if not shelf:
        return
    for batch in batches(lacking(plan, ledger.gists(), choice)):
        if around.stop:
            return
        for cell in await asyncio.to_thread(reuse, batch, shelf, ledger, folder.vault, now=around.clock.now()):
            around.watch(Event(step=Step.REUSED, cell=cell.digest))
