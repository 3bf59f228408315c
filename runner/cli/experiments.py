"""Commands about experiment files: init, validate, plan, schema."""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.app import app
from runner.cli.words import complain, counted, say, say_json, say_table
from runner.errors import InputError

if TYPE_CHECKING:
    from runner.plan import Plan
    from runner.reuse import Places
    from runner.verbs import Estimate

Files = Annotated[list[Path], typer.Argument(help="Experiment files.", metavar="FILE…", show_default=False)]
File = Annotated[Path, typer.Argument(help="The experiment file.", metavar="FILE", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Replace a value of the file: axes.seed=[1,2]. May repeat."),
]
Target = Annotated[
    str, typer.Option("--target", metavar="TARGET", help="embedded, sketch or a URL, in place of the file's target.")
]
Reuse = Annotated[
    list[Path] | None,
    typer.Option(
        "--reuse", metavar="FOLDER", help="Take what is made already from this run, or runs, too. May repeat."
    ),
]
NoReuse = Annotated[
    bool, typer.Option("--no-reuse", help="Take nothing from earlier runs, not from those beside this one either.")
]
Json = Annotated[bool, typer.Option("--json", help="End with one JSON value for programs.")]

MOST_SHOWN = 24
"""Values of an axis that `sweep plan` lists; a sampled one may have thousands."""


COUNTS = "combinations excluded invalid duplicates cells made made_elsewhere requests images".split()


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="Name of the experiment.", metavar="[NAME]")] = "experiment",
) -> None:
    """Write NAME.yaml, a commented starter that runs as it is."""
    name = name.removesuffix(".yaml")
    path = Path(f"{name}.yaml")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name):
        raise InputError(f"init: {name!r} is not a plain name; letters, digits, - and _ are allowed: try my-experiment")
    if path.exists():
        raise InputError(f"{path}: it exists already; choose another name: sweep init {name}-2")
    starter = Path(__file__).with_name("starter.yaml").read_text(encoding="utf-8")
    path.write_text(starter.replace("name: starter\n", f"name: {json.dumps(name)}\n"), encoding="utf-8")
    say(f"{path} is written. See what it would send: sweep plan {path}")


@app.command()
def validate(files: Files, overrides: Overrides = None, json: Json = False) -> None:  # typer's flags
    """Say everything that is wrong with experiment files, each with line and column. Exit 2 if anything is."""
    from runner.verbs import check, prepare

    found: list[dict[str, object]] = []
    for file in files:
        complaints = check(file, overrides or ())
        for complaint in complaints:
            found.append({name: getattr(complaint, name) for name in ("file", "line", "column", "path", "message")})
            complain(str(complaint))
        if not complaints:
            try:
                plan = prepare(file, overrides or ())
            except InputError as error:
                found.append({"file": str(file), "line": 0, "column": 0, "path": "", "message": str(error)})
                complain(f"{file}: {error}")
            else:
                if not json:
                    say(f"{file}: valid, {plan.survey.cells} cells")
    if json:
        say_json(found)
    if found:
        raise typer.Exit(2)


@app.command()
def plan(
    file: File,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="RUN", help="Count what this folder holds already; runs/NAME without it."),
    ] = None,
    overrides: Overrides = None,
    target: Target = "",
    reuse: Reuse = None,
    no_reuse: NoReuse = False,
    diff: Annotated[
        Path | None,
        typer.Option("--diff", metavar="RUN", help="Say what the file adds to this run, keeps of it and orphans."),
    ] = None,
    json: Json = False,  # typer's flag
) -> None:
    """Count what a file would send, and what it would cost; nothing is sent and nothing is written."""
    from runner.cli.comparing import revision_facts, say_revision
    from runner.plan.switching import reason_of
    from runner.verbs import Choice, estimate, prepare, revise

    found = prepare(file, overrides or (), target=target)
    choice = Choice(earlier=places(reuse, no_reuse=no_reuse))
    facts = estimate(found, out or diff or Path("runs") / found.experiment.name, choice, complain)
    revision = revise(found, diff, choice) if diff else None
    if json:
        say_json({**asdict(facts), **({"diff": revision_facts(revision, diff)} if revision and diff else {})})
        return
    axes = [(axis.name, len(axis.points), _listed([point.label for point in axis.points])) for axis in found.axes]
    experiment = found.experiment
    say(f"{experiment.title or experiment.name} ({experiment.endpoint}, {experiment.target.name})")
    if facts.sample:
        say(facts.sample)
    say_table("", ("axis", "values", ""), axes)
    say_table(
        "", ("", "count"), [(_said(name), count) for name in COUNTS if (count := getattr(facts, name)) is not None]
    )
    say(f"cost: {_cost(found, facts)}")
    say(f"time: {facts.assumes}")
    if facts.stops:
        say(f"{facts.stops}; run again with a higher limit to go on")
    for reason, count in found.survey.invalid.items():
        say(f"left out: {count}, {reason}")
    say(f"order: {facts.order}, because {reason_of(experiment)}")
    if revision and diff:
        say_revision(revision, diff)


def _listed(labels: list[str]) -> str:
    return ", ".join([*labels[:MOST_SHOWN], *(["…"] if len(labels) > MOST_SHOWN else [])])


def places(reuse: Sequence[Path] | None, *, no_reuse: bool) -> "Places":
    """Return where to look for what is made already. Raises InputError: the two flags contradict each other."""
    from runner.reuse import Places

    if reuse and no_reuse:
        raise InputError(
            f"--reuse {reuse[0]}: with --no-reuse nothing is taken from any run; leave one of the two flags out"
        )
    return Places(siblings=not no_reuse, elsewhere=tuple(reuse or ()))


def _said(name: str) -> str:
    return {"made_elsewhere": "already made elsewhere"}.get(name, name)


def _cost(plan: "Plan", facts: "Estimate") -> str:
    """Return what sending would cost, in words, with what is assumed."""
    experiment = plan.experiment
    if not facts.requests:
        return "nothing, for nothing is left to send"
    if facts.cost is not None:
        return (
            f"about {facts.cost:g}: {counted(facts.images, 'image')} at {experiment.price:g} each, made at first asking"
        )
    if not experiment.target.hosted:
        return "nothing is paid, the pictures are made in this process"
    return "not known: say what an image costs, price: {per_image: 0.0047}"


@app.command()
def schema(
    name: Annotated[str, typer.Argument(help="Which schema; without it the names are listed.", metavar="[NAME]")] = "",
    tables: Annotated[
        bool, typer.Option("--tables", help="Print the attributes and the schedulers as Markdown tables instead.")
    ] = False,
) -> None:
    """Print a JSON Schema, self-contained: of the experiment file or of an endpoint's body."""
    from runner.schema import bundled, did_you_mean, schema_names
    from runner.schema.tables import attribute_table, scheduler_table

    if tables:
        sys.stdout.write(f"{attribute_table()}\n\n{scheduler_table()}\n")
        return
    if not name:
        say("\n".join(schema_names()))
        return
    if name not in schema_names():
        raise InputError(f"schema: {name!r} is no schema{did_you_mean(name, schema_names())}")
    sys.stdout.write(json.dumps(bundled(name), indent=2, ensure_ascii=False) + "\n")
