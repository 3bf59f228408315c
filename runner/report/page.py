r"""Columns, template, style and script become `index.html`.

> Invariant 6, whatever a prompt, a label or a server says is text. Words in the head go through Jinja's autoescape; all
> else is JSON whose `<` is spelled \u003c, so no text can end the element it lies in, and the script that reads it makes
> elements and text nodes, never HTML. The Content-Security-Policy allows the two inline blocks by their digest alone.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from runner.files import write_whole
from runner.nouns import State
from runner.report.book import Book, Tile
from runner.report.columns import Json
from runner.report.document import Inside, document
from runner.report.words import blocks
from runner.shipped import shipped

SCRIPTS = (
    "dom.js",
    "data.js",
    "mates.js",
    "pins.js",
    "pixels.js",
    "ranking.js",
    "ratings.js",
    "judge.js",
    "numbers.js",
    "points.js",
    "view.js",
    "expression.js",
    "filter.js",
    "order.js",
    "list.js",
    "layout.js",
    "differing.js",
    "label.js",
    "budget.js",
    "cell.js",
    "small.js",
    "paint.js",
    "pieces.js",
    "travel.js",
    "grid.js",
    "copying.js",
    "viewer.js",
    "lens.js",
    "stages.js",
    "compare.js",
    "cycle.js",
    "pairs.js",
    "duel.js",
    "keys.js",
    "archive.js",
    "lettering.js",
    "sheet.js",
    "drawing.js",
    "table.js",
    "parcel.js",
    "commands.js",
    "saving.js",
    "summary.js",
    "plots.js",
    "crossing.js",
    "figures.js",
    "values.js",
    "controls.js",
    "fold.js",
    "live.js",
    "main.js",
)
"""The page's script, in the order in which it is joined: each file uses those before it."""


def write(book: Book, folder: Path) -> Path:
    """Write the page and return its path, `folder/index.html`.

    The page refers to `../images/ab/<sha256>.png` and `../thumbnails/ab/<sha256>.webp`: `folder` lies in the run folder.

    Raises:
        ValueError: a tile names an axis or a point that the book does not have, or a digest is not hex digits.
        OSError: the disk is full, the folder is read-only.
    """
    path = folder / "index.html"
    write_whole(path, render(book).encode("utf-8", "replace"))
    return path


def render(book: Book, live: str = "", inside: Inside | None = None) -> str:
    """Return the page's HTML; the same book gives the same text.

    Args:
        book: what it shows.
        live: address on the page's own server from which it follows a run that goes on; empty for a page that rests.
        inside: the addresses of pictures that lie inside the page; None for a page with its pictures beside it.

    Raises:
        ValueError: a tile names an axis or a point that the book does not have, or a digest is not hex digits.
    """
    tally = _Tally()
    data = embed(document(book, tally.counting(book.tiles), inside))
    root = shipped("reports", "page")
    style = (root / "page.css").read_text("utf-8")
    script = "(() => {\n'use strict';\n" + "\n".join((root / name).read_text("utf-8") for name in SCRIPTS) + "})();\n"
    environment = Environment(
        loader=FileSystemLoader(root), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2").render(
        book=book,
        blocks=blocks(book.description),
        tally=tally,
        policy=policy(style, script, live=bool(live), inside=inside is not None),
        live=live,
        style=Markup(style),  # noqa: S704 - this package's own file
        script=Markup(script),  # noqa: S704 - this package's own files
        data=Markup(data),  # noqa: S704 - JSON without `<`, see `embed`
    )


def policy(style: str, script: str, *, live: bool = False, inside: bool = False) -> str:
    """Return the Content-Security-Policy: pictures beside the page, this style and this script, nothing else.

    A live page may ask its own server, and no other, for news; one with its pictures inside may load nothing at all.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:" if inside else "img-src 'self' file: data:",
            f"style-src '{_fingerprint(style)}'",
            f"script-src '{_fingerprint(script)}'",
            *(["connect-src 'self'"] if live else []),
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _fingerprint(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def embed(value: Json) -> str:
    """Return JSON that can lie in a script element: ASCII, without `<`, `>` and `&`."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class _Tally:
    """What the head counts, as tiles pass by: distinct cells, their states in order, those reused, pictures."""

    def __init__(self) -> None:
        self._cells: dict[str, tuple[State, bool, int]] = {}
        self._kinds: dict[tuple[State, bool, int], tuple[State, bool, int]] = {}

    def counting(self, tiles: Iterable[Tile]) -> Iterator[Tile]:
        """Yield tiles as they are, and count them."""
        for tile in tiles:
            kind = (tile.state, bool(tile.reused_from), len(tile.pictures))
            self._cells[tile.digest] = self._kinds.setdefault(kind, kind)  # equal ones are one object
            yield tile

    @property
    def cells(self) -> int:
        return len(self._cells)

    @property
    def states(self) -> tuple[tuple[str, int], ...]:
        states = Counter(state for state, _, _ in self._cells.values())
        return tuple((state.value, states[state]) for state in State)

    @property
    def reused(self) -> int:
        return sum(reused for _, reused, _ in self._cells.values())

    @property
    def pictures(self) -> int:
        return sum(pictures for _, _, pictures in self._cells.values())
