"""sweep rescue."""

import dataclasses

from runner.cli.app import app
from runner.cli.experiments import Json
from runner.cli.runs import Run
from runner.cli.words import say, say_json


@app.command()
def rescue(run: Run, json: Json = False) -> None:
    """Save what can still be read of a damaged ledger, and look at every picture."""
    from runner.rescue import rescue as mend

    done = mend(run)
    toll = done.toll
    if json:
        say_json(
            {"run": str(run), "needed": done.needed, **dataclasses.asdict(toll), "old": done.old and str(done.old)}
        )
        return
    if not done.needed:
        say(f"{run}: the ledger is whole ({toll.kept} attempts) and every picture is in its place; nothing was changed")
        return
    say(f"{run}: {toll.kept} attempts kept, {toll.restored} known by their pictures alone")
    if toll.gone:
        say(f"{toll.gone} pictures are gone: `sweep run` fetches what the target still has, and makes the others again")
    if toll.unknown:
        say(
            f"{toll.unknown} attempts may have been made and paid for: they are unknown, and sent again by "
            f"`sweep retry {run} --unknown` alone"
        )
    if toll.dropped:
        say(f"{toll.dropped} attempts are of cells that nothing names any more: they are lost")
    if done.old:
        say(f"the old ledger is {done.old}")
