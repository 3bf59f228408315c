"""A book becomes what the page's script reads: axes, statistics, and the tiles as columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from runner.nouns import Axis, Picture
from runner.report.book import Book, Tile
from runner.report.columns import Json, blob, records, series

FORMAT = 1
"""Version of the data's form; `data.js` reads this one."""

DIGEST_BYTES = 8
"""How much of a cell's digest the page carries where that tells the cells apart; else it carries all of it."""


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
        "digests": _digests(tiles),
        "facts": records(map(_facts, tiles), digits),
        "request": records((tile.request.parameters for tile in tiles), digits),
        "answer": records((tile.meta for tile in tiles), digits),
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


def _digests(tiles: Iterable[Tile]) -> Json:
    digests = [tile.digest for tile in tiles]
    whole = set(digests)
    short = len({digest[: 2 * DIGEST_BYTES] for digest in whole}) == len(whole)
    size = DIGEST_BYTES if short else min(len(digest) for digest in whole) // 2
    return {"bytes": size, "base64": blob(digests, size)}


def _refuse_unknown_axes(axes: Iterable[Axis], tiles: Iterable[Tile]) -> None:
    known = {axis.name for axis in axes}
    for tile in tiles:
        if not known.issuperset(tile.coordinates):
            unknown = ", ".join(sorted(set(tile.coordinates) - known))
            raise ValueError(f"report: a tile names {unknown}; the axes are {', '.join(sorted(known))}: pass them all")


def _facts(tile: Tile) -> Mapping[str, object]:
    """Return what the page says about a tile besides request and answer; seconds in milliseconds, flags if any."""
    return {
        "state": tile.state.value,
        "reason": tile.reason,
        "attempts": tile.attempts,
        "reused": tile.reused_from,
        "milliseconds": None if tile.seconds is None else round(1000 * tile.seconds),
        "seed": tile.seed,
        "endpoint": tile.request.endpoint,
        "repeat": tile.request.repeat,
        **({"flags": tile.flags} if tile.flags else {}),
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
