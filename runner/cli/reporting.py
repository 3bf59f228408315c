"""`sweep report`: a run's page, written again, followed while the run goes on."""

import asyncio
import signal
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.app import app
from runner.cli.runs import Run
from runner.cli.words import complain, say
from runner.errors import InputError


@app.command()
def report(
    run: Run,
    show: Annotated[bool, typer.Option("--open", help="Open the page.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Serve the page on this machine and follow the run, until Ctrl-C.")
    ] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="With --live: the port; a free one without it.")
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Write the page as one file with its pictures inside.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="With --single-file: where; RUN/RUN.html without it."),
    ] = None,
) -> None:
    """Write a run's table and page again from its ledger, or follow the run while it goes on."""
    from runner.verbs import render, render_single

    _agree(live=live, single_file=single_file, out=out)
    if live:
        with suppress(KeyboardInterrupt):  # where Ctrl-C cannot be asked to wait
            asyncio.run(_follow(run, port or 0, show=show))
        return
    if port is not None:
        raise InputError("report: --port is for --live, and a page that is written needs none; leave one of them out")
    page = render_single(run, out or run / f"{run.resolve().name}.html") if single_file else render(run)
    say(str(page))
    if show:
        webbrowser.open(page.resolve().as_uri())


def _agree(*, live: bool, single_file: bool, out: Path | None) -> None:
    """Raise InputError where one option leaves nothing to do for another."""
    if live and single_file:
        raise InputError("report: --live serves a page and --single-file writes one; leave one of them out")
    if out is not None and not single_file:
        raise InputError("report: --out is for --single-file, the page of a run lies in its folder; leave it out")


async def _follow(run: Path, port: int, *, show: bool) -> None:
    """Serve a run's page until SIGINT or SIGTERM."""
    from runner.live import Feed, create_site
    from runner.target import serving
    from runner.verbs import drawn

    ended = asyncio.Event()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with Feed(run) as feed, serving(create_site(feed, lambda news: drawn(run, news)), port=port) as base:
        address = f"{base.partition('/api/')[0]}/"
        waiting = "" if feed.planned else f"; there is no run yet, it waits for `sweep run FILE --out {run}`"
        complain(f"{address} follows {run} until Ctrl-C{waiting}")
        if show:
            webbrowser.open(address)
        try:
            await ended.wait()
        finally:
            feed.close()
