"""The commands as functions: what `import runner` offers, and the command line is a skin over.

What needs pandas is imported where it is used: checking and planning a file should not wait for it.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner import document
from runner.errors import Complaint, InputError, RunFolderError
from runner.execute import Bench, Event, Step, Stop, execute, settle, unwatched
from runner.folder import RunFolder
from runner.ledger import PENDING, Ledger, Standing
from runner.nouns import Address, Cell, Limits, Rule, State
from runner.pace import Budget, Clock
from runner.plan import Plan, make
from runner.plan.rules import meets
from runner.provenance import provenance, stamp
from runner.receiver import Webhook
from runner.reuse import NOWHERE, Places, Shelf, batches, present, reuse
from runner.target import open_target, provider_of

if TYPE_CHECKING:
    import pandas as pd


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


def _unheard(_: str) -> None:
    """Say nothing."""


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
    note: Callable[[str], None] = _unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run stands after a command.

    Attributes:
        counts: planned, made, reused, refused, failed, unknown, pending and images, of the plan's cells.
        sent: requests that this command sent.
        stop: why it stopped early; its reason is empty when it did not.
    """

    run: Path
    counts: Mapping[str, int]
    sent: int
    report: Path
    stop: Stop


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
    """Make what a plan still lacks in a run folder, then write its table and page.

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
    budget = Budget(_limits(plan.experiment.limits, choice), price=plan.experiment.price, started=clock.elapsed())
    with folder.writing() as ledger:
        folder.freeze(plan, provenance(plan.provider, started=clock.now()) | {"plan": plan.digest})
        for sha256, path in plan.experiment.inputs.items():
            folder.vault.keep_input(Path(path), sha256)
        with _storing(folder):
            await _reuse(plan, folder, ledger, choice, around)
        async with open_target(
            plan.experiment.target, load=folder.vault.load_input, environ=around.environ, webhook=around.webhook
        ) as target:
            bench = Bench(
                client=target.client,
                ledger=ledger,
                vault=folder.vault,
                budget=budget,
                clock=clock,
                watch=around.watch,
            )
            with _storing(folder):
                await settle(ledger.open_attempts(), bench, in_process=not plan.experiment.target.hosted)
                await execute(_owed(plan, ledger.standings(), choice), bench, plan.experiment.execution, around.stop)
        folder.note(ended=stamp(clock.now()), stopped=around.stop.reason)
    page = render(folder.path)
    return Result(run=folder.path, counts=count(folder.path), sent=budget.requests, report=page, stop=around.stop)


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
        RunFolderError: there is no run, another process writes to it, or other models stand where its own did.
    """
    plan = retried(run)
    chosen = replace(choice or Choice(), states=frozenset(states))
    return await sweep(plan, run, chosen, surroundings)


def retried(run: str | Path) -> Plan:
    """Return the frozen plan of a run, whose cells can be asked for again.

    Raises:
        RunFolderError: there is none, or other models stand where those of the run did.
    """
    plan = RunFolder(Path(run)).plan()
    if provider_of(plan.experiment.target) != plan.provider:
        raise RunFolderError(
            f"{run}: the models of the target {plan.provider.target} are others than when this run was planned; its cells "
            "were asked of those: run the experiment file again"
        )
    return plan


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


def estimate(
    plan: Plan, run: str | Path, choice: Choice | None = None, note: Callable[[str], None] = _unheard
) -> dict[str, int | float | None]:
    """Return what sending a plan into a run folder would mean: counts, and cost in the price's currency.

    `requests` and `images` are what is still to send; `made` what the folder holds already, `made_elsewhere` what
    earlier runs do. `cost` is None without a price, `seconds` None without a rate: the least time that the rate allows.

    Raises:
        InputError: a place where earlier runs should lie holds none.
    """
    choice, standings = choice or Choice(), _standings(RunFolder(Path(run)))
    elsewhere = _elsewhere(plan, standings, choice, Shelf(Path(run), _places(choice), note))
    missing = [cell for cell in _owed(plan, standings, choice) if cell.digest not in elsewhere]
    images = sum(int(cell.request.parameters.get("samples") or 1) for cell in missing)
    price, rate = plan.experiment.price, plan.experiment.execution.rate
    return {
        "combinations": plan.survey.combinations,
        "excluded": plan.survey.excluded,
        "invalid": sum(plan.survey.invalid.values()),
        "duplicates": plan.survey.duplicates,
        "cells": plan.survey.cells,
        "made": sum(standings.get(cell.digest, PENDING).state is State.MADE for cell in plan.cells()),
        "made_elsewhere": len(elsewhere),
        "requests": len(missing),
        "images": images,
        "cost": None if price is None else round(images * price, 6),
        "seconds": None if rate is None else len(missing) / rate,
    }


def count(run: str | Path) -> dict[str, int]:
    """Return how a run's cells stand now: planned, made, reused, refused, failed, unknown, pending, images."""
    from runner import table

    folder = RunFolder(Path(run))
    return table.totals(folder.plan(), _standings(folder))


def load(run: str | Path) -> "pd.DataFrame":
    """Return a run as a tidy DataFrame, one row an image at one place of the grid (see `runner.table.frame`)."""
    from runner import table

    folder = RunFolder(Path(run))
    return table.frame(folder.plan(), _standings(folder))


def summarise(run: str | Path, by: Sequence[str]) -> "pd.DataFrame":
    """Return what became of a run's cells for each value of some columns (see `runner.table.summary`).

    Raises:
        InputError: a column is not in the table.
    """
    from runner import table

    try:
        return table.summary(load(run), by)
    except KeyError as error:
        raise InputError(f"--by: {error.args[0]}") from error


def exported(run: str | Path, form: Literal["csv", "jsonl", "parquet"]) -> bytes:
    """Return a run's table as CSV (texts that a spreadsheet would take for formulas are quoted), JSONL or Parquet.

    Raises:
        InputError: Parquet is asked for and pyarrow is not installed.
    """
    from runner import table

    found = load(run)
    match form:
        case "csv":
            return table.spreadsheet_safe(found).to_csv(index=False).encode()
        case "jsonl":
            return found.to_json(orient="records", lines=True, force_ascii=False).encode()
        case "parquet":
            try:
                return found.to_parquet(index=False)
            except ImportError as error:
                raise InputError(
                    'export: parquet needs pyarrow; install it: pip install "sweeprunner[parquet]"'
                ) from error


def axes_of(run: str | Path) -> tuple[str, ...]:
    """Return the names of a run's axes, in the order of the file."""
    return tuple(axis.name for axis in RunFolder(Path(run)).plan().axes)


def render(run: str | Path) -> Path:
    """Write a run's table (results.csv) and page (report/index.html); return the page's path."""
    from runner import report, table
    from runner.book import book

    folder = RunFolder(Path(run))
    plan, standings = folder.plan(), _standings(folder)
    found = table.spreadsheet_safe(table.frame(plan, standings))
    folder.write("results.csv", found.to_csv(index=False).encode())
    return report.write(book(plan, standings, folder.manifest()), folder.report.parent)


def _standings(folder: RunFolder) -> dict[str, Standing]:
    if not folder.ledger_path.is_file():
        return {}
    with folder.reading() as ledger:
        return ledger.standings()


def _retarget(address: Address, target: str) -> Address:
    key = address.key if "://" in target else ""
    return Address(name=target, key=key, model_dir=address.model_dir if target == "embedded" else "")


def _limits(limits: Limits, choice: Choice) -> Limits:
    given = [limit for limit in (limits.requests, choice.limit) if limit is not None]
    return replace(limits, requests=min(given, default=None))


async def _reuse(plan: Plan, folder: RunFolder, ledger: Ledger, choice: Choice, around: Surroundings) -> None:
    """Take from earlier runs what they have made of the chosen cells."""
    shelf = Shelf(folder.path, _places(choice), around.note)
    if not shelf:
        return
    for batch in batches(_lacking(plan, ledger.standings(), choice)):
        if around.stop:
            return
        for cell in await asyncio.to_thread(reuse, batch, shelf, ledger, folder.vault, now=around.clock.now()):
            around.watch(Event(step=Step.REUSED, cell=cell.digest))


def _places(choice: Choice) -> Places:
    return NOWHERE if choice.fresh or choice.states else choice.earlier


def _elsewhere(plan: Plan, standings: Mapping[str, Standing], choice: Choice, shelf: Shelf) -> set[str]:
    """Return the digests of the cells that earlier runs have made, by the names of their files alone."""
    if not shelf:
        return set()
    return {digest for batch in batches(_lacking(plan, standings, choice)) for digest in shelf.search(batch, present)}


def _lacking(plan: Plan, standings: Mapping[str, Standing], choice: Choice) -> Iterator[Cell]:
    """Yield the chosen cells that are not made, those too that are not owed: a run that has them is better than a no."""
    for cell in plan.cells():
        if standings.get(cell.digest, PENDING).state is not State.MADE and _chosen(cell, choice.only):
            yield cell


def _owed(plan: Plan, standings: Mapping[str, Standing], choice: Choice) -> Iterator[Cell]:
    for cell in plan.cells():
        standing = standings.get(cell.digest, PENDING)
        wanted = standing.state in choice.states if choice.states else choice.fresh or standing.owed
        if wanted and _chosen(cell, choice.only):
            yield cell


def _chosen(cell: Cell, rule: Rule) -> bool:
    return all(meets(criterion, _said(cell, name)) for name, criterion in rule.items())


def _said(cell: Cell, name: str) -> tuple[object, ...]:
    found: list[object] = [cell.request.parameters[name]] if name in cell.request.parameters else []
    return (*found, cell.coordinates[name]) if name in cell.coordinates else tuple(found)
