"""How commands send: under a live line, with Ctrl-C once and twice, after asking where it costs."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from runner.cli.words import complain, counted
from runner.errors import InputError

if TYPE_CHECKING:
    from runner.execute import Stop
    from runner.verbs import Surroundings

Found = TypeVar("Found")

INTERRUPTED = 130
LIMITED = 3
REFUSED = 4


def watched(
    make: Callable[["Surroundings"], Coroutine[Any, Any, Found]], *, cells: int, quiet: bool, afterwards: str
) -> Found:
    """Run what sends and return its result.

    Args:
        make: the verb, given its surroundings.
        cells: how many it is about at most, for the bar.
        quiet: whether to show nothing while it goes on.
        afterwards: what to say where it was stopped at once.
    """
    from runner.cli.progress import Progress
    from runner.execute import Stop
    from runner.verbs import Surroundings

    stop = Stop()
    with Progress(cells, stop, quiet=quiet) as progress:

        async def making() -> Found:
            task = asyncio.current_task()
            loop = asyncio.get_running_loop()
            if task and sys.platform != "win32":
                loop.add_signal_handler(signal.SIGINT, interrupter(stop, task))
            return await make(Surroundings(stop=stop, watch=progress.watch, note=complain))

        try:
            return asyncio.run(making())
        except asyncio.CancelledError:
            complain(f"stopped at once; {afterwards}")
            raise typer.Exit(INTERRUPTED) from None


def interrupter(stop: "Stop", task: "asyncio.Task[Any]") -> Callable[[], None]:
    """Return what Ctrl-C does. Once: no new sends, what is in flight finishes. Twice: stop now, whatever stopped it first."""
    from runner.execute import Cause

    times = count(1)

    def interrupt() -> None:
        if next(times) > 1:
            task.cancel()
            return
        stop.because(Cause.USER, "interrupted")
        complain("finishing what is in flight, for five minutes at most; press Ctrl-C again to stop at once")

    return interrupt


def spending(target: str, *, requests: int, images: int, cost: float | None, owed: int | None = None) -> str:
    """Return what will be sent, in words; empty where that is nothing. Where it is not all, `owed` says how much is."""
    if not requests:
        return ""
    price = "" if cost is None else f", for about {cost:g}"
    sent = counted(requests, "request") if owed is None else f"{requests} of {counted(owed, 'request')}"
    return f"{sent} ({counted(images, 'image')}) to {target}{price}"


def ask(command: str, said: str) -> None:
    """Before spending: say what will be sent and ask, or refuse where nobody can answer."""
    if not said:
        return
    if not sys.stdin.isatty():
        raise InputError(f"{command}: {said}; nobody is here to confirm: add --yes")
    typer.confirm(f"Send {said}?", abort=True)


def exit_code(stop: "Stop", *, all_made: bool) -> int:
    """Return what a command that sent ends with."""
    from runner.execute import Cause

    if stop.cause is not None:
        return {Cause.USER: INTERRUPTED, Cause.LIMIT: LIMITED, Cause.TARGET: REFUSED}[stop.cause]
    return 0 if all_made else 1
