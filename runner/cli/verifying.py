"""`sweep verify`: whether the same seed still gives the same image."""

from collections import Counter
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runner.cli.app import app
from runner.cli.comparing import list_rows, place
from runner.cli.experiments import Json
from runner.cli.runs import Run
from runner.cli.sending import ask, exit_code, spending, watched
from runner.cli.words import complain, counted, say, say_json

if TYPE_CHECKING:
    from runner.execute import Stop
    from runner.verbs import Sample, Surroundings, Verdict


@app.command()
def verify(
    run: Run,
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, metavar="N", help="Make N cells again, evenly spread; all without it."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before sending to a hosted service.")] = False,
    json: Json = False,
) -> None:
    """Make cells of a run again and say whether the same seed still gives the same image. The run stays as it is.

    Exit 0: every image is the same, to the pixel at least. Exit 1: one differs, or could not be made again.
    """
    from runner.verbs import sampled, stopped, verify

    found = sampled(run, sample)
    experiment = found.plan.experiment
    if experiment.target.hosted and not yes:
        cost = None if experiment.price is None else round(found.images * experiment.price, 6)
        ask(
            "verify",
            spending(experiment.target.name, requests=len(found.cells), images=found.images, cost=cost),
        )
    stop, verdicts = watched(
        lambda around: _with_stop(around, verify(run, found, around)),
        cells=len(found.cells),
        quiet=json,
        afterwards="nothing was written",
    )
    left = stopped(found, verdicts, stop)
    if json:
        say_json(_verdict_facts(run, found, verdicts))
    else:
        _say_verdicts(run, found, verdicts)
        if left:
            complain(left)
    all_same = not left and all(verdict.same for verdict in verdicts)
    raise typer.Exit(exit_code(stop, all_made=all_same))


async def _with_stop(around: "Surroundings", verifying: Awaitable[list["Verdict"]]) -> tuple["Stop", list["Verdict"]]:
    return around.stop, await verifying


def _say_verdicts(run: Path, sample: "Sample", verdicts: Sequence["Verdict"]) -> None:
    counts = Counter(verdict.likeness.value if verdict.likeness else "not compared" for verdict in verdicts)
    told = ", ".join(f"{count} {words}" for words, count in counts.most_common())
    say(f"{run}: {counted(len(verdicts), 'cell')} of {sample.made} made again: {told}")
    for model in sorted(sample.changed):
        say(f"{model} is another model now than when the run was made")
    others = [verdict for verdict in verdicts if not verdict.same]
    if others and sample.versions:
        said = (f"{name} {then} then, {now} now" for name, (then, now) in sample.versions.items())
        say(f"other versions: {'; '.join(said)}")
    list_rows("", ("cell", "what came"), [(place(verdict.cell.coordinates), verdict.words) for verdict in others])


def _verdict_facts(run: Path, sample: "Sample", verdicts: Sequence["Verdict"]) -> dict[str, Any]:
    return {
        "run": str(run),
        "made": sample.made,
        "verified": len(verdicts),
        "same": sum(verdict.same for verdict in verdicts),
        "changed_models": sorted(sample.changed),
        "versions": {name: list(pair) for name, pair in sample.versions.items()},
        "cells": [
            {
                "cell": verdict.cell.digest,
                "coordinates": dict(verdict.cell.coordinates),
                "found": [{"likeness": one.likeness.value, "distance": one.distance} for one in verdict.found],
                "reason": verdict.reason,
            }
            for verdict in verdicts
        ],
    }
