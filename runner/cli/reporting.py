"""`sweep report`: a run's page, written again."""

import webbrowser
from typing import Annotated

import typer

from runner.cli.app import app
from runner.cli.runs import Run
from runner.cli.words import say


@app.command()
def report(
    run: Run,
    show: Annotated[bool, typer.Option("--open", help="Open the page.")] = False,
) -> None:
    """Write a run's table and page again from its ledger."""
    from runner.verbs import render

    page = render(run)
    say(str(page))
    if show:
        webbrowser.open(page.resolve().as_uri())
