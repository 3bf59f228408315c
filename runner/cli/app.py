"""The application that every command adds itself to."""

from typing import Annotated

import typer

from runner import __version__

app = typer.Typer(
    name="sweep",
    help="Sweep an image-generation endpoint from one YAML file; compare the pictures on one page.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:  # typer hands a flag's value over like this
    if value:
        typer.echo(f"sweep {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # its callback prints and exits
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Sweep an image-generation endpoint from one YAML file; compare the pictures on one page."""
