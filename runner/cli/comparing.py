"""What differs, in words: `sweep diff`, and `sweep plan --diff`."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runner.cli.app import app
from runner.cli.experiments import Json
from runner.cli.words import counted, say, say_json, say_table

if TYPE_CHECKING:
    from runner.compare import Difference, Edit, Pair, Turn
    from runner.verbs import Revision

ADDING = ("made_elsewhere", "requests", "images", "cost", "seconds")

SHOWN = 20
"""Cells that a list shows; --json has all."""


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Another one.", metavar="RUN", show_default=False)],
    json: Json = False,
) -> None:
    """Say what changed between two runs: in their files, which cells each has, other pictures, other outcomes."""
    from runner.verbs import differ

    edit, difference = differ(first, second)
    if json:
        say_json({"runs": [str(first), str(second)], **_edit_facts(edit), **_facts(difference)})
        return
    for line in _edit_lines(edit):
        say(line)
    say(_counts(difference, (first, second)))
    for run, cells in zip((first, second), difference.only, strict=True):
        list_rows(f"only in {run}", ("cell",), [(place(cell),) for cell in cells])
    runs = (str(first), str(second))
    list_rows("other pictures", ("cell", *runs), [_row(pair, _pictures(pair)) for pair in difference.pictures])
    list_rows("other outcomes", ("cell", *runs), [_row(pair, _states(pair)) for pair in difference.outcomes])


def place(coordinates: Mapping[str, str]) -> str:
    """Return where a cell stands, in words."""
    return ", ".join(f"{name}={label}" for name, label in coordinates.items()) or "the only cell"


def say_revision(revision: "Revision", run: Path) -> None:
    """Say what an edited file means for a run, in a few lines."""
    effect, adding = revision.effect, revision.adding
    made = f" ({revision.orphans_made} made; their pictures stay there)" if revision.orphans_made else ""
    say(f"against {run}: adds {len(effect.adds)}, keeps {len(effect.keeps)}, orphans {len(effect.orphans)}{made}")
    for line in _edit_lines(revision.edit):
        say(line)
    if effect.adds:
        cost = "" if adding.cost is None else f", for about {adding.cost:g}"
        reused = f", {adding.made_elsewhere} made elsewhere already" if adding.made_elsewhere else ""
        requests, images = counted(adding.requests, "request"), counted(adding.images, "image")
        say(f"what it adds takes {requests} ({images}){cost}{reused}")


def revision_facts(revision: "Revision", run: Path) -> dict[str, Any]:
    """Return what an edited file means for a run, for programs."""
    effect = revision.effect
    return {
        "run": str(run),
        "adds": len(effect.adds),
        "keeps": len(effect.keeps),
        "orphans": len(effect.orphans),
        "orphans_made": revision.orphans_made,
        "adding": {name: getattr(revision.adding, name) for name in ADDING},
        **_edit_facts(revision.edit),
    }


def _counts(difference: "Difference", runs: tuple[Path, Path]) -> str:
    alone = [f"{len(cells)} only in {run}" for run, cells in zip(runs, difference.only, strict=True)]
    others = [
        f"{len(pairs)} with other {what}"
        for what, pairs in (("pictures", difference.pictures), ("outcomes", difference.outcomes))
    ]
    return f"{counted(difference.same, 'cell')} alike, {', '.join([*others, *alone])}"


def _edit_lines(edit: "Edit") -> Iterator[str]:
    for name, turn in edit.axes.items():
        yield f"{name}: {_turn(turn)}"
    for name, (before, after) in edit.settings.items():
        yield f"{name}: {before or '–'} → {after or '–'}"


def _turn(turn: "Turn") -> str:
    match turn.whole:
        case "new":
            return f"a new axis, {', '.join(turn.adds)}"
        case "gone":
            return f"no axis any more, it had {', '.join(turn.drops)}"
        case _:
            signs = (("+", turn.adds), ("-", turn.drops))
            return "; ".join(f"{sign} {', '.join(labels)}" for sign, labels in signs if labels)


def _edit_facts(edit: "Edit") -> dict[str, Any]:
    return {
        "axes": {name: {"adds": list(turn.adds), "drops": list(turn.drops)} for name, turn in edit.axes.items()},
        "settings": {name: list(values) for name, values in edit.settings.items()},
    }


def _facts(difference: "Difference") -> dict[str, Any]:
    return {
        "alike": difference.same,
        "only": [[dict(cell) for cell in cells] for cells in difference.only],
        "pictures": [_pair(pair) | {"sha256": _digests(pair)} for pair in difference.pictures],
        "outcomes": [_pair(pair) | {"outcomes": _states(pair)} for pair in difference.outcomes],
    }


def _pair(pair: "Pair") -> dict[str, Any]:
    return {"cell": pair.digest, "coordinates": dict(pair.coordinates)}


def _digests(pair: "Pair") -> list[list[str]]:
    return [[picture.sha256 for picture in standing.pictures] for standing in pair.standings]


def _pictures(pair: "Pair") -> list[str]:
    return [" ".join(digest[:12] for digest in digests) for digests in _digests(pair)]


def _states(pair: "Pair") -> list[str]:
    return [standing.state.value for standing in pair.standings]


def _row(pair: "Pair", words: Sequence[str]) -> tuple[str, ...]:
    return (place(pair.coordinates), *words)


def list_rows(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print the first rows of a list, nothing where it is empty."""
    if not rows:
        return
    say("")
    say_table(title, columns, list(islice(rows, SHOWN)))
    if len(rows) > SHOWN:
        say(f"… and {len(rows) - SHOWN} more; --json has all")
