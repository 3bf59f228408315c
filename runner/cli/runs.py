"""Commands about run folders: run, retry, summary, export."""

import sys
import webbrowser
from dataclasses import replace
from enum import StrEnum
from json import loads
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.app import app
from runner.cli.ending import tell
from runner.cli.experiments import File, Json, NoReuse, Overrides, Reuse, Target, places
from runner.cli.sending import ask, exit_code, spending, watched
from runner.cli.words import complain, counted, say, say_json, say_table
from runner.errors import InputError

if TYPE_CHECKING:
    from runner.plan import Plan
    from runner.receiver import Webhook
    from runner.verbs import Choice, Result

Run = Annotated[Path, typer.Argument(help="The run folder.", metavar="RUN", show_default=False)]


class Format(StrEnum):
    """What `sweep export` writes."""

    CSV = "csv"
    JSONL = "jsonl"
    MD = "md"
    PARQUET = "parquet"
    ZIP = "zip"


@app.command()
def run(  # one parameter a flag
    file: File,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RUN", help="The run folder; runs/NAME without it.")
    ] = None,
    overrides: Overrides = None,
    target: Target = "",
    only: Annotated[
        str, typer.Option("--only", metavar="EXPR", help="Send only these cells: 'scheduler=DDIMScheduler, seed=1|2'.")
    ] = "",
    limit: Annotated[int | None, typer.Option("--limit", min=0, metavar="N", help="Send at most N requests.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make cells again that are made already, here or in an earlier run.")
    ] = False,
    reuse: Reuse = None,
    no_reuse: NoReuse = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before sending to a hosted service.")] = False,
    webhook: Annotated[
        str,
        typer.Option("--webhook", metavar="URL", help="Public URL that leads here: a hosted service answers there."),
    ] = "",
    webhook_listen: Annotated[
        str,
        typer.Option(
            "--webhook-listen",
            metavar="HOST:PORT",
            help="Where to listen for it; 127.0.0.1 and the URL's port, or 8766.",
        ),
    ] = "",
    show: Annotated[bool, typer.Option("--open", help="Open the page when done.")] = False,
    json: Json = False,
) -> None:
    """Plan, send what is missing, write the table and the page. Running again continues.

    What an earlier run of the same target and model has made is taken from there: runs beside the run folder are looked
    through, and those that --reuse names.
    """
    from runner.cli.only import parse_only
    from runner.verbs import Choice, prepare

    if fresh and reuse:
        raise InputError(f"--reuse {reuse[0]}: with --fresh every cell is made anew; leave one of the two flags out")
    hook = _webhook(webhook, webhook_listen)
    plan = prepare(file, overrides or (), target=target)
    folder = out or Path("runs") / plan.experiment.name
    earlier = places(reuse, no_reuse=no_reuse)
    choice = Choice(only=parse_only(only, plan), limit=limit, fresh=fresh, earlier=earlier)
    if plan.experiment.target.hosted and not yes:
        ask("run", _spending(plan, folder, choice))
    result = _sweep(plan, folder, choice, hook, quiet=json)
    _end(result, plan, json=json, show=show)


@app.command()
def retry(
    run: Run,
    failed: Annotated[bool, typer.Option("--failed", help="Cells that could not be made.")] = False,
    refused: Annotated[bool, typer.Option("--refused", help="Cells that the target said no to.")] = False,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Cells whose answer never came; they may have been paid for already.")
    ] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=0, metavar="N", help="Send at most N requests.")] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Do not ask before sending to a hosted service, or what may be paid for."),
    ] = False,
    json: Json = False,
) -> None:
    """Make new attempts for a run's failed, refused or unknown cells, and for no other; its plan is the frozen one."""
    from runner.nouns import State
    from runner.verbs import Choice, maybe_paid, retried

    flags = {State.FAILED: failed, State.REFUSED: refused, State.UNKNOWN: unknown}
    states = frozenset(state for state, wanted in flags.items() if wanted)
    if not states:
        raise InputError("retry: no cells are named; add --failed, --refused or --unknown, or several of them")
    plan, choice = retried(run), Choice(limit=limit, states=states)
    said = _spending(plan, run, choice)
    if not said:
        _tell_of_nothing(run, " or ".join(state.value for state in flags if state in states), json=json)
        return
    if not yes:
        doubtful = maybe_paid(run, states)
        if doubtful:
            first = "; what the target still gives out is fetched and not sent" if plan.experiment.target.hosted else ""
            ask("retry", f"{said}; {doubtful} of these may have been made and paid for already{first}")
        elif plan.experiment.target.hosted:
            ask("retry", said)
    _end(_sweep(plan, run, choice, None, quiet=json), plan, json=json, show=False)


@app.command()
def summary(
    run: Run,
    by: Annotated[str, typer.Option("--by", metavar="AXIS,…", help="Columns to group by, comma-separated.")] = "",
    json: Json = False,
) -> None:
    """Count outcomes and time for each value of an axis, or of several together.

    With --json: the rows of --by, or without it an object that holds the rows of each axis.
    """
    from runner.verbs import axes_of, summarise

    groups = [[name.strip() for name in by.split(",")]] if by else [[name] for name in axes_of(run)]
    tables = {" × ".join(names): summarise(run, names).reset_index() for names in groups}
    if json:
        facts = {title: loads(table.to_json(orient="records")) for title, table in tables.items()}  # its NaN is null
        say_json(next(iter(facts.values())) if by else facts)
        return
    for title, table in tables.items():
        rows = table.astype(object).where(table.notna(), None).to_numpy().tolist()
        say_table(title, [str(column) for column in table.columns], rows)
        say("")


@app.command()
def export(
    run: Run,
    format: Annotated[Format, typer.Option("--format", "-f", help="csv, jsonl, md, parquet or zip.")] = Format.CSV,  # noqa: A002  # the flag's name
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write here, not to standard output.")
    ] = None,
    only: Annotated[
        str, typer.Option("--only", metavar="EXPR", help="Only these cells: 'scheduler=DDIMScheduler, seed=1|2'.")
    ] = "",
) -> None:
    """Write a run's table: one row an image, every request parameter a column. Or its pictures, as one ZIP.

    The pictures have readable names, and PNG files carry their request as AUTOMATIC1111's "PNG Info" reads it, and as JSON.
    """
    from runner.cli.only import parse_only
    from runner.files import write_whole
    from runner.folder import RunFolder
    from runner.verbs import bundled, exported

    rule = parse_only(only, RunFolder(run).plan()) if only else None
    if format in (Format.PARQUET, Format.ZIP) and out is None:
        raise InputError(f"export: {format} is binary and needs a file; add --out {run.name}.{format}")
    if format is Format.ZIP and out is not None:
        say(f"{out}: {counted(bundled(run, out, rule), 'picture')}")
        return
    data = exported(run, format.value, rule)  # type: ignore[arg-type]  # ZIP was handled above
    if out is None:
        sys.stdout.write(data.decode())
    else:
        write_whole(out, data)
        say(str(out))


@app.command("import-ratings")
def import_ratings(
    run: Run,
    files: Annotated[
        list[Path], typer.Argument(help="What the page has exported.", metavar="FILE…", show_default=False)
    ],
    json: Json = False,
) -> None:
    """Bring stars, rejections, notes and comparisons that people made in the page into a run's table and page."""
    from runner.verbs import import_ratings as bring

    found = bring(run, files)
    facts = {"run": str(run), "people": len(found.raters), "marks": len(found.marks), "duels": len(found.duels)}
    if json:
        say_json(facts)
    else:
        people = "1 person" if len(found.raters) == 1 else f"{len(found.raters)} people"
        say(f"{run}: {people}, {counted(len(found.marks), 'mark')}, {counted(len(found.duels), 'comparison')}")


def _sweep(plan: "Plan", folder: Path, choice: "Choice", webhook: "Webhook | None", *, quiet: bool) -> "Result":
    from runner.verbs import sweep

    return watched(
        lambda around: sweep(plan, folder, choice, replace(around, webhook=webhook)),
        cells=plan.survey.cells,
        quiet=quiet,
        afterwards=f"what was in flight is settled by the next run: sweep run … --out {folder}",
    )


def _webhook(url: str, listen: str) -> "Webhook | None":
    from runner.receiver import webhook_at

    if listen and not url:
        raise InputError(f"--webhook-listen: {listen!r} without a webhook; add the public URL: --webhook https://…")
    return webhook_at(url, listen) if url else None


def _spending(plan: "Plan", folder: Path, choice: "Choice") -> str:
    """Return what will be sent, in words; empty where that is nothing."""
    from runner.verbs import estimate

    found = estimate(plan, folder, choice)
    name = plan.experiment.target.name
    if choice.limit is None or choice.limit >= found.requests:
        return spending(name, requests=found.requests, images=found.images, cost=found.cost)
    share = choice.limit / found.requests
    cost = None if found.cost is None else round(found.cost * share, 6)
    return spending(name, requests=choice.limit, images=ceil(found.images * share), cost=cost, owed=found.requests)


def _end(result: "Result", plan: "Plan", *, json: bool, show: bool) -> None:
    """Say how a run ended, and exit with its code."""
    if json:
        say_json(_facts(result))
    else:
        tell(result)
        _tell_of_key(result, plan)
    if show:
        webbrowser.open(result.report.resolve().as_uri())
    raise typer.Exit(exit_code(result.stop, all_made=result.counts["made"] == result.counts["planned"]))


def _tell_of_nothing(run: Path, states: str, *, json: bool) -> None:
    """Say that no cell stands so; the run's counts are for programs."""
    from runner.folder import RunFolder
    from runner.verbs import count

    if json:
        say_json({"run": str(run), **count(run), "sent": 0, "stopped": "", "report": str(RunFolder(run).report)})
    else:
        say(f"{run}: nothing to retry, no cell is {states}")


def _facts(result: "Result") -> dict[str, object]:
    names = ("planned", "made", "reused", "refused", "failed", "unknown", "pending", "images")
    return {
        "run": str(result.run),
        **{name: result.counts[name] for name in names},
        "sent": result.sent,
        "stopped": result.stop.reason,
        "report": str(result.report),
    }


def _tell_of_key(result: "Result", plan: "Plan") -> None:
    """Where a target speaks of a key and was sent none, say how a file names one."""
    from runner.execute import Cause

    target = plan.experiment.target
    about_key = result.stop.cause is Cause.TARGET and "key" in result.stop.reason.casefold()
    if about_key and target.hosted and not target.key:
        complain(
            f"no key was sent to {target.name}; name the variable that holds it in the file: "
            f'target: {{url: "{target.name}", key: "${{env:NAME}}"}}'
        )
