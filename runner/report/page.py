r"""Columns, template, style and script become `index.html`.

> Invariant 6, whatever a prompt, a label or a server says is text. Words in the head go through Jinja's autoescape; all
> else is JSON whose `<` is spelled \u003c, so no text can end the element it lies in, and the script that reads it makes
> elements and text nodes, never HTML. The Content-Security-Policy allows the two inline blocks by their digest alone.
"""

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from runner.files import write_whole
from runner.nouns import Axis, Picture, State
from runner.report.book import Book, Tile
from runner.report.columns import Json, blob, records, series
from runner.shipped import shipped

SCRIPTS = (
    "dom.js",
    "data.js",
    "view.js",
    "layout.js",
    "label.js",
    "cell.js",
    "grid.js",
    "viewer.js",
    "summary.js",
    "controls.js",
    "main.js",
)
"""The page's script, in the order in which it is joined: each file uses those before it."""

FORMAT = 1
"""Version of the data's form; `data.js` reads this one."""

DIGEST_BYTES = 8
"""How much of a cell's digest the page carries: sixteen hex digits tell a billion cells apart."""


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


def render(book: Book) -> str:
    """Return the page's HTML; the same book gives the same text.

    Raises:
        ValueError: a tile names an axis or a point that the book does not have, or a digest is not hex digits.
    """
    tiles = tuple(book.tiles)
    root = shipped("reports", "page")
    style = (root / "page.css").read_text("utf-8")
    script = "(() => {\n'use strict';\n" + "\n".join((root / name).read_text("utf-8") for name in SCRIPTS) + "})();\n"
    environment = Environment(
        loader=FileSystemLoader(root), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2").render(
        book=book,
        blocks=blocks(book.description),
        tally=_tally(tiles),
        policy=policy(style, script),
        style=Markup(style),  # noqa: S704 - this package's own file
        script=Markup(script),  # noqa: S704 - this package's own files
        data=Markup(embed(document(book, tiles))),  # noqa: S704 - JSON without `<`, see `embed`
    )


def policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy: pictures beside the page, this style and this script, nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src 'self' file: data:",
            f"style-src '{_fingerprint(style)}'",
            f"script-src '{_fingerprint(script)}'",
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


def document(book: Book, tiles: Sequence[Tile]) -> Json:
    """Return what the script reads: axes, layout, statistics, and the tiles as columns (see `columns`)."""
    digits = [_digits(axis, tiles) for axis in book.axes]
    _refuse_unknown_axes(book.axes, tiles)
    pictures, frames = _pictures(tiles)
    return {
        "format": FORMAT,
        "endpoint": book.endpoint,
        "axes": [_axis(axis) for axis in book.axes],
        "layout": {role: getattr(book.layout, role) for role in ("x", "y", "columns", "rows")},
        "baseline": [list(pair) for pair in book.layout.baseline.items()],
        "shares": [asdict(share) for share in book.shares],
        "count": len(tiles),
        "digits": [series(digit) for digit in digits],
        "digests": blob((tile.digest for tile in tiles), DIGEST_BYTES),
        "facts": records([_facts(tile) for tile in tiles], digits),
        "request": records([tile.request.parameters for tile in tiles], digits),
        "answer": records([tile.meta for tile in tiles], digits),
        "frames": {"counts": series([len(tile.pictures) for tile in tiles]), "pictures": series(frames)},
        "pictures": pictures,
    }


def _axis(axis: Axis) -> Json:
    points = [[point.label, point.description] if point.description else [point.label] for point in axis.points]
    return {"name": axis.name, "title": axis.title, "description": axis.description, "points": points}


def _digits(axis: Axis, tiles: Iterable[Tile]) -> list[int]:
    """Return where each tile lies on an axis: 0 where it does not apply, else the point's position plus 1."""
    places = {point.label: place for place, point in enumerate(axis.points, 1)}
    found = [places.get(tile.coordinates[axis.name]) if axis.name in tile.coordinates else 0 for tile in tiles]
    if None in found:
        label = next(tile.coordinates[axis.name] for tile, place in zip(tiles, found, strict=True) if place is None)
        known = ", ".join(map(repr, places))
        raise ValueError(
            f"report: a tile lies at {axis.name}={label!r}; the axis has {known}: pass the plan's own axes"
        )
    return [place for place in found if place is not None]


def _refuse_unknown_axes(axes: Iterable[Axis], tiles: Iterable[Tile]) -> None:
    known = {axis.name for axis in axes}
    for tile in tiles:
        if not known.issuperset(tile.coordinates):
            unknown = ", ".join(sorted(set(tile.coordinates) - known))
            raise ValueError(f"report: a tile names {unknown}; the axes are {', '.join(sorted(known))}: pass them all")


def _facts(tile: Tile) -> Mapping[str, object]:
    """Return what the page says about a tile besides request and answer; seconds in milliseconds."""
    return {
        "state": tile.state.value,
        "reason": tile.reason,
        "attempts": tile.attempts,
        "reused": tile.reused,
        "milliseconds": None if tile.seconds is None else round(1000 * tile.seconds),
        "seed": tile.seed,
        "endpoint": tile.request.endpoint,
        "repeat": tile.request.repeat,
    }


def _pictures(tiles: Iterable[Tile]) -> tuple[Json, list[int]]:
    """Return the table of distinct pictures, and for all tiles' pictures in order their place in it."""
    places: dict[str, int] = {}
    distinct: list[Picture] = []
    frames: list[int] = []
    for tile in tiles:
        for picture in tile.pictures:
            if picture.sha256 not in places:
                places[picture.sha256] = len(distinct)
                distinct.append(picture)
            frames.append(places[picture.sha256])
    formats = sorted({picture.format for picture in distinct})
    table = {
        "sha256": blob((picture.sha256 for picture in distinct), 32),
        "width": series([picture.width for picture in distinct]),
        "height": series([picture.height for picture in distinct]),
        "size": series([picture.size for picture in distinct]),
        "formats": formats,
        "format": series([formats.index(picture.format) for picture in distinct]),
    }
    return table, frames


@dataclass(frozen=True, slots=True)
class _Tally:
    """What the head counts: distinct cells, their states in order, how many an earlier run made, pictures."""

    cells: int
    states: tuple[tuple[str, int], ...]
    reused: int
    pictures: int


def _tally(tiles: Iterable[Tile]) -> _Tally:
    cells = {tile.digest: tile for tile in tiles}.values()
    states = Counter(tile.state for tile in cells)
    return _Tally(
        cells=len(cells),
        states=tuple((state.value, states[state]) for state in State if states[state]),
        reused=sum(tile.reused for tile in cells),
        pictures=sum(len(tile.pictures) for tile in cells),
    )


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a description: `kind` is "paragraph", "heading" or "list"; a list has one line an item."""

    kind: str
    lines: tuple[str, ...]


def blocks(text: str) -> tuple[Block, ...]:
    r"""Return a description's paragraphs, headings and lists; inline marks stay as they were typed.

    >>> blocks("# Why\n\nLine one\nline two\n\n- a\n- b")[1:]
    (Block(kind='paragraph', lines=('Line one line two',)), Block(kind='list', lines=('a', 'b')))
    """
    found: list[Block] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in part.splitlines() if line.strip()]
        if not lines:
            continue
        if all(re.match(r"[-*] ", line) for line in lines):
            found.append(Block("list", tuple(line[2:].strip() for line in lines)))
        elif len(lines) == 1 and re.match(r"#{1,6} ", lines[0]):
            found.append(Block("heading", (lines[0].lstrip("#").strip(),)))
        else:
            found.append(Block("paragraph", (" ".join(lines),)))
    return tuple(found)
