"""The command `doctor`: whether an installation and a target are well."""

import asyncio
import os
from typing import Annotated

import typer

from runner.cli.app import app
from runner.cli.experiments import Json
from runner.cli.words import say_json, say_table


@app.command()
def doctor(
    target: Annotated[str, typer.Option("--target", help="embedded, sketch or a URL to try.")] = "embedded",
    key: Annotated[
        str,
        typer.Option(
            "--key-env",
            metavar="NAME",
            help="Environment variable that holds the target's key; none is sent without it.",
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Check the installation, a target and its key; nothing is generated. Exit 1 if something is wrong."""
    from runner.doctor import examine

    reference = f"${{env:{key}}}" if key else ""
    findings = asyncio.run(examine(target, reference, os.environ))
    if json:
        say_json([{"check": found.check, "ok": found.ok, "found": found.found} for found in findings])
    else:
        say_table("", ("check", "", "found"), [(f.check, "ok" if f.ok else "WRONG", f.found) for f in findings])
    if not all(found.ok for found in findings):
        raise typer.Exit(1)
