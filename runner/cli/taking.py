"""Commands that make one picture of many: sheet, animate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.app import app
from runner.cli.runs import Run
from runner.cli.words import say

if TYPE_CHECKING:
    from runner.nouns import Rule

Only = Annotated[
    str, typer.Option("--only", metavar="EXPR", help="Take only these cells: 'scheduler=DDIMScheduler, seed=1|2'.")
]
At = Annotated[
    list[str] | None,
    typer.Option("--at", metavar="AXIS=POINT", help="Hold an axis at a point; AXIS=* piles its points up. May repeat."),
]


@app.command()
def sheet(
    run: Run,
    x: Annotated[str, typer.Option("--x", metavar="AXIS", help="Along the columns.")] = "",
    y: Annotated[str, typer.Option("--y", metavar="AXIS", help="Down the rows.")] = "",
    columns: Annotated[str, typer.Option("--columns", metavar="AXIS", help="Groups the columns.")] = "",
    rows: Annotated[str, typer.Option("--rows", metavar="AXIS", help="Groups the rows.")] = "",
    at: At = None,
    only: Only = "",
    size: Annotated[int, typer.Option("--size", min=48, max=2048, help="Longer side of a picture, in pixels.")] = 256,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="A PNG; further pages are FILE-2.png and so on.")
    ] = Path("sheet.png"),
) -> None:
    """Write a contact sheet: a run's pictures in a grid with labels. Without axes it is laid out as the page is."""
    from runner.verbs import Album
    from runner.verbs import sheet as drawn

    roles = {"x": x, "y": y, "columns": columns, "rows": rows}
    for page in drawn(run, out, Album(roles=roles, at=at or (), only=_rule(only, run)), size=size):
        say(str(page))


@app.command()
def animate(
    run: Run,
    along: Annotated[str, typer.Option("--along", metavar="AXIS", help="A frame for each point of it.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="A file that ends in .webp or .apng.")],
    at: At = None,
    only: Only = "",
    ms: Annotated[int, typer.Option("--ms", min=20, max=60_000, help="Milliseconds for each frame.")] = 400,
) -> None:
    """Write a film along an axis: one picture after the other, each with its label."""
    from runner.verbs import Album
    from runner.verbs import animate as filmed

    say(str(filmed(run, along, out, Album(at=at or (), only=_rule(only, run)), milliseconds=ms)))


def _rule(only: str, run: Path) -> "Rule":
    from runner.cli.only import parse_only
    from runner.folder import RunFolder

    return parse_only(only, RunFolder(run).plan()) if only else {}
