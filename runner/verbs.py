"""The commands as functions: what `import runner` offers, and the command line is a skin over.

What needs pandas is imported where it is used: checking and planning a file should not wait for it.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner import document
from runner.errors import Complaint, InputError, RunFolderError
from runner.execute import Bench, Event, Stop, execute, settle, unwatched
from runner.folder import RunFolder
from runner.ledger import PENDING, Ledger, Standing
from runner.nouns import Address, Cell, Change, Rule, Wish
from runner.pace import Budget, Clock
from runner.plan import Plan, make
from runner.plan.rules import meets
from runner.provenance import provenance, stamp
from runner.receiver import Webhook
from runner.target import open_target, provider_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which of a plan's cells to send now.

    Attributes:
        only: a rule over axes and parameters; other cells stay pending.
        limit: at most so many requests, beside the experiment's own limits.
        fresh: send cells that are made already too; their earlier pictures stay in the ledger.
    """

    only: Rule = field(default_factory=dict)
    limit: int | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run meets outside itself.

    Attributes:
        stop: tell it to stop sending; what is in flight finishes.
        watch: is told of every step.
        clock: time and chance.
        environ: where key references are looked up.
        webhook: where a hosted service sends its answers; None fetches them alone.
    """

    stop: Stop = field(default_factory=Stop)
    watch: Callable[[Event], None] = unwatched
    clock: Clock = field(default_factory=Clock)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    webhook: Webhook | None = None


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
    with folder.writing(clock) as ledger:
        budget = Budget(
            plan.experiment.limits,
            price=plan.experiment.price,
            started=clock.elapsed(),
            spent=ledger.spent(),
            more=choice.limit,
        )
        folder.freeze(plan, provenance(plan.provider, started=clock.now()) | {"plan": plan.digest})
        for sha256, path in plan.experiment.inputs.items():
            folder.vault.keep_input(Path(path), sha256)
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
                wish=folder.wish,
            )
            with _storing(folder):
                folder.forget_wish()
                await settle(ledger.open_attempts(), bench, in_process=not plan.experiment.target.hosted)
                await execute(_owed(plan, ledger, choice), bench, plan.experiment.execution, around.stop)
        folder.note(ended=stamp(clock.now()), stopped=around.stop.reason)
    page = render(folder.path)
    return Result(run=folder.path, counts=count(folder.path), sent=budget.sent, report=page, stop=around.stop)


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


def estimate(plan: Plan, run: str | Path) -> dict[str, int | float | None]:
    """Return what sending a plan into a run folder would mean: counts, and cost in the price's currency.

    `requests` and `images` are what is still to send; `made` what the folder holds already. `cost` is None without a
    price, `seconds` None without a rate: the least time that the rate allows.
    """
    standings = _standings(RunFolder(Path(run)))
    missing = [cell for cell in plan.cells() if standings.get(cell.digest, PENDING).owed]
    images = sum(int(cell.request.parameters.get("samples") or 1) for cell in missing)
    price, rate = plan.experiment.price, plan.experiment.execution.rate
    return {
        "combinations": plan.survey.combinations,
        "excluded": plan.survey.excluded,
        "invalid": sum(plan.survey.invalid.values()),
        "duplicates": plan.survey.duplicates,
        "cells": plan.survey.cells,
        "made": plan.survey.cells - len(missing),
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


def pace(run: str | Path, wish: Wish | None = None) -> tuple[Change, ...]:
    """Ask another pace of a run that is under way; return the changes of pace so far.

    Raises:
        RunFolderError: nothing was sent yet, or no process is sending now and so nobody hears what is asked.
    """
    folder = RunFolder(Path(run))
    with folder.reading() as ledger:
        changes = tuple(ledger.changes())
    if wish is not None:
        if not folder.busy:
            raise RunFolderError(
                f"{folder.path}: no `sweep run` is sending here now; a pace is asked of a run that is under way: "
                "set execution.concurrency and execution.rate in its file, or with --set"
            )
        folder.ask(wish)
    return changes


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


def _owed(plan: Plan, ledger: Ledger, choice: Choice) -> Iterator[Cell]:
    settled = set() if choice.fresh else ledger.settled()
    for cell in plan.cells():
        if cell.digest not in settled and _chosen(cell, choice.only):
            yield cell


def _chosen(cell: Cell, rule: Rule) -> bool:
    return all(meets(criterion, _said(cell, name)) for name, criterion in rule.items())


def _said(cell: Cell, name: str) -> tuple[object, ...]:
    found: list[object] = [cell.request.parameters[name]] if name in cell.request.parameters else []
    return (*found, cell.coordinates[name]) if name in cell.coordinates else tuple(found)
