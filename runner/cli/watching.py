"""`sweep status`, once or live: counts, rate, pace, budget, and who is writing."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.live import Live
from rich.text import Text

from runner.cli.app import app
from runner.cli.experiments import Json
from runner.cli.runs import Run
from runner.cli.words import output, say, say_json, say_table

if TYPE_CHECKING:
    from runner.verbs import Status


@app.command()
def status(
    run: Run,
    watch: Annotated[
        bool,
        typer.Option("--watch", "-w", help="Go on until the run ends; where there is no terminal, a line a change."),
    ] = False,
    json: Json = False,
) -> None:
    """Say how a run stands, also while it goes on: counts, rate, pace, what was spent, who is writing."""
    from runner.verbs import Watch

    if not watch:
        found = Watch(run).look(time.time())
        if json:
            say_json(facts(found))
        else:
            say_table(str(run), ("cells", "count"), list(found.counts.items()))
            say("\n".join(lines(found)))
        return
    with suppress(KeyboardInterrupt):  # whoever watches has seen enough; the run goes on
        _watch(run, json=json)


def _watch(run: Run, *, json: bool) -> None:
    from runner.verbs import follow

    if json:
        follow(run, changed(lambda found: say_json(facts(found))), now=time.time, sleep=time.sleep)
    elif not output.is_terminal:
        follow(run, changed(lambda found: say(line(found))), now=time.time, sleep=time.sleep)
    else:
        with Live(console=output, auto_refresh=False) as live:
            follow(
                run,
                lambda found: live.update(_screen(found), refresh=True),
                now=time.time,
                sleep=time.sleep,
            )


def changed(show: "Callable[[Status], None]") -> "Callable[[Status], None]":
    """Return what shows a status where it says something new; that time passes is not."""
    last: list[tuple[object, ...]] = []

    def once(found: "Status") -> None:
        said = (found.counts, found.busy, found.writer, found.pace, found.partial)
        if [said] != last:
            last[:] = [said]
            show(found)

    return once


def line(found: "Status") -> str:
    """Return a status in one line: how much is done, and how it goes on."""
    pace = [f"at most {found.pace.concurrency} at once"] if found.busy and found.pace else []
    told = ", ".join([_done(found), *_speed(found), *pace])
    return f"{told}{f'. {found.partial}' if found.partial else ''}"


def _done(found: "Status") -> str:
    counts = found.counts
    states = [f"{counts[name]} {name}" for name in ("made", "refused", "failed", "unknown", "pending") if counts[name]]
    return f"{found.run}: {', '.join(states)} of {counts['planned']} cells"


def _screen(found: "Status") -> Text:
    """Return what a terminal shows, in lines that break rather than run off its edge."""
    return Text("\n".join([_done(found), *lines(found)]), no_wrap=False, overflow="fold")


def lines(found: "Status") -> Iterator[str]:
    """Yield what a status says beside its counts."""
    if found.partial:
        yield found.partial
    if found.busy:
        yield f"writing: {found.writer or 'a process that nothing is known of'}"
        speed = ", ".join(_speed(found))
        yield f"rate: {speed or 'nothing has ended yet'}"
    else:
        yield "no process is writing to it"
    if found.pace:
        flight = f", {found.in_flight} in flight" if found.busy else ""
        yield f"pace: at most {found.pace.concurrency} at once ({found.pace.reason}){flight}"
    yield f"spent: {', '.join(_spent(found))}"


def facts(found: "Status") -> dict[str, Any]:
    """Return a status for programs."""
    return {
        "run": str(found.run),
        **found.counts,
        "busy": found.busy,
        "writer": asdict(found.writer) if found.writer else None,
        "pace": asdict(found.pace) if found.pace else None,
        "in_flight": found.in_flight,
        "rate": found.rate,
        "eta": found.eta,
        "spent": {**asdict(found.spent), "cost": found.cost},
        "limits": asdict(found.limits),
        "partial": found.partial,
    }


def _speed(found: "Status") -> Iterator[str]:
    from runner.forecast import duration

    if found.rate:
        yield f"{found.rate:.2g} cells a second"
    if found.eta:
        yield f"about {duration(found.eta)} left"


def _spent(found: "Status") -> Iterator[str]:
    limits = found.limits
    for name, spent, most in (
        ("requests", found.spent.requests, limits.requests),
        ("images", found.spent.images, limits.images),
        ("cost", found.cost, limits.cost),
    ):
        if spent is not None:
            yield f"{name} {spent:g}" + ("" if most is None else f" of {most:g}")
