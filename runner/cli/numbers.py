"""Pictures as numbers: `sweep measure` and `sweep effects`."""

from json import loads
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.app import app
from runner.cli.experiments import Json
from runner.cli.runs import Run
from runner.cli.words import complain, counted, errors, say, say_json, say_table

if TYPE_CHECKING:
    import pandas as pd

WORDS = {
    "nothing": "changes nothing: the pictures of all {n} pairs are identical",
    "not measurable": "changes nothing that is measured: every interval holds 0 ({n} pairs)",
    "few": "cannot be judged from {n} pairs",
    "something": "changes {moved} ({n} pairs)",
}
"""What `runner.table.effects.changes` means."""


@app.command()
def measure(
    run: Run,
    again: Annotated[bool, typer.Option("--again", help="Measure everything anew.")] = False,
    json: Json = False,
) -> None:
    """Measure a run's pictures: brightness, contrast, colourfulness, sharpness, distance to the baseline.

    The end of a run and `sweep report` do this by themselves; what is measured is kept and not measured again.
    """
    from rich.progress import Progress

    from runner.verbs import measure as measuring

    with Progress(console=errors, disable=json or not errors.is_terminal) as progress:
        task = progress.add_task("pictures", total=None)
        found = measuring(run, again=again, watch=lambda done, of: progress.update(task, completed=done, total=of))
    if json:
        say_json({"run": str(run), "measured": found.measured, "problems": list(found.problems)})
    else:
        for line in found.said:
            complain(line)
        say(f"{run}: {counted(found.measured, 'picture')} measured")
    raise typer.Exit(1 if found.problems else 0)


@app.command()
def effects(
    run: Run,
    of: Annotated[
        str, typer.Option("--of", metavar="COLUMN", help="A number of the table: sharpness, seconds, difference …")
    ] = "",
    json: Json = False,
) -> None:
    """Say what each axis changes: the mean of paired differences to its baseline point, with 95 % intervals.

    Pictures pair when they agree in all else; n counts the pairs. Without --of: brightness, contrast, colourfulness and
    sharpness. Cells whose pictures are identical are listed.
    """
    from runner.table.effects import LOOKS
    from runner.verbs import changes, identical
    from runner.verbs import effects as found_effects

    found, verdicts, twins = found_effects(run, of or LOOKS), changes(run), identical(run)
    if json:
        tables = {"effects": found, "axes": verdicts, "identical": twins}
        say_json({name: loads(table.to_json(orient="records")) for name, table in tables.items()})
        return
    for verdict in verdicts.to_dict("records"):
        said = WORDS[verdict["verdict"]].format(n=verdict["n"], moved=", ".join(verdict["moved"]))
        say(f"{verdict['axis']} {said}")
        own = found[found["axis"] == verdict["axis"]]
        if len(own):
            _say_effects(own)
        say("")
    for twin in twins.to_dict("records"):
        cells = ", ".join(cell[:12] for cell in twin["cells"])
        say(f"{len(twin['cells'])} cells show the identical picture {twin['sha256'][:12]}: {cells}")


def _say_effects(found: "pd.DataFrame") -> None:
    columns = ["point", "column", "n", "difference", "low", "high"]
    rows = found[columns].astype(object).where(found[columns].notna(), None).to_numpy().tolist()
    say_table("", [f"against {found['against'].iloc[0]}", "column", "pairs", "difference", "low", "high"], rows)
