"""How the command line says things: complaints to standard error, results to standard output."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

output = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print a line; whatever it says is text, never markup."""
    output.print(Text(text))


def complain(text: str) -> None:
    """Print a line to standard error."""
    errors.print(Text(text))


def counted(count: object, noun: str) -> str:
    """Return a count and its noun, which takes an s for any number but one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def say_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print one JSON value on one line: the last line that a program needs to read."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def say_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table whose cells are text, numbers to the right. Lines break between words; a name is never torn."""
    table = Table(
        title=Text(title) if title else None, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for place, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        table.add_column(
            Text(column),
            justify="right" if numeric else "left",
            overflow="fold",
            min_width=_longest_word([column, *(_cell(row[place]) for row in rows)]),
        )
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    output.print(table)


def _longest_word(texts: Sequence[str]) -> int:
    """Return the length of the longest word, or 40: what is longer is a path or a prompt without spaces."""
    return min(40, max((len(word) for text in texts for word in text.split()), default=0))


def _cell(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124  # NaN is the number that differs from itself
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
