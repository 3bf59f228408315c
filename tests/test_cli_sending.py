"""Ctrl-C once and twice, at any moment of a run."""

import asyncio

import pytest

from runner.cli.sending import interrupter
from runner.execute import Cause, Stop


@pytest.mark.parametrize("before", [None, Cause.LIMIT, Cause.TARGET])
def test_the_second_ctrl_c_stops_at_once_whatever_stopped_the_run_before(before: Cause | None) -> None:
    async def session() -> tuple[int, int, Cause | None]:
        stop = Stop()
        if before:
            stop.because(before, "stopped")
        task = asyncio.create_task(asyncio.Event().wait())
        interrupt = interrupter(stop, task)
        interrupt()
        once = task.cancelling()
        interrupt()
        twice = task.cancelling()
        with pytest.raises(asyncio.CancelledError):
            await task
        return once, twice, stop.cause

    assert asyncio.run(session()) == (0, 1, before or Cause.USER)
