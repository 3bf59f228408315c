"""`sweep pace`: how fast a run goes, and asking it to go faster or slower while it is under way."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from runner.cli.app import app
from runner.cli.experiments import Json
from runner.cli.runs import Run
from runner.cli.words import say, say_json, say_table
from runner.errors import InputError
from runner.nouns import Change, Wish


@app.command()
def pace(
    run: Run,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", min=1, max=256, metavar="N", help="Requests at once, at most.")
    ] = None,
    rate: Annotated[str, typer.Option("--rate", metavar="RATE", help="Requests in a time: 60/min, 2/s.")] = "",
    json: Json = False,
) -> None:
    """Show how many requests a run sent at once, and why; ask another pace of one that is under way."""
    from runner import verbs

    wish = Wish(concurrency=concurrency, rate=_rate(rate)) if concurrency or rate else None
    changes = verbs.pace(run, wish)
    if json:
        say_json([{"at": change.at, "concurrency": change.concurrency, "reason": change.reason} for change in changes])
    elif wish is not None:
        say(f"{run}: asked; the run looks once a second")
    else:
        say_table(str(run), ("time", "at once", "why"), [_row(change) for change in changes])


def _row(change: Change) -> tuple[str, int, str]:
    return f"{datetime.fromtimestamp(change.at, UTC):%Y-%m-%d %H:%M:%S}", change.concurrency, change.reason


def _rate(text: str) -> float | None:
    if not text:
        return None
    from runner.document.settings import rate_of

    rate = rate_of(text)
    if not rate:
        raise InputError(f"--rate: {text!r} is no rate; give one such as 60/min, 2/s or 500/h")
    return rate
