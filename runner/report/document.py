"""A book becomes what the page's script reads: axes, statistics, and the tiles as columns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import TypeAlias

from runner.measures import Measured
from runner.nouns import Axis, Picture
from runner.report.book import Book, Tile
from runner.report.columns import Json, Records, blob, plain, series
from runner.report.numbers import packed as packed_numbers
from runner.report.numbers import said

FORMAT = 1
"""Version of the data's form; `data.js` reads this one."""

Inside: TypeAlias = Callable[[Picture], tuple[str, str]]
"""Returns two data: addresses of a picture that lies inside the page: of its small copy, and of its file or nothing."""

DIGEST_BYTES = 8
"""How much of a cell's digest the page carries where that tells the cells apart; else it carries all of it."""


def document(book: Book, tiles: Iterable[Tile], inside: Inside | None = None) -> Json:
    """Return what the script reads: axes, layout, statistics, and the tiles as columns (see `columns`).

    Args:
        book: what the page shows.
        tiles: its tiles.
        inside: the addresses of a picture's small copy and of its file, where they lie inside the page; None where the
            page refers to files beside it.
    """
    packed = _Tiles(book.axes)
    for tile in tiles:
        packed.add(tile)
    columns = packed.columns()
    return {
        "format": FORMAT,
        "tool": f"sweeprunner {version('sweeprunner')}",
        "name": book.name,
        "heading": book.title or book.name,
        "endpoint": book.endpoint,
        "target": book.target,
        "key": book.key_variable,
        "plan": book.plan,
        "ratings": None if book.ratings is None else asdict(book.ratings),
        "axes": [_axis(axis) for axis in book.axes],
        "layout": {role: getattr(book.layout, role) for role in ("x", "y", "columns", "rows")},
        "baseline": [list(pair) for pair in book.layout.baseline.items()],
        "columns": [list(pair) for pair in book.columns.items()],
        "shares": [asdict(share) for share in book.shares],
        "measures": packed_numbers(book.findings, packed.numbers),
        "findings": said(book.findings, book.axes, packed.places, 2 * columns["digests"]["bytes"]),
        "inside": None if inside is None else [list(inside(picture)) for picture in packed.pictures],
        **columns,
    }


def told(tile: Tile) -> Json:
    """Return how a tile's cell stands now, for a page that shows it already: what the columns say of it, in one object."""
    return plain(
        {
            "cell": tile.digest,
            "facts": _facts(tile),
            "answer": tile.meta,
            "pictures": [[each.sha256, each.width, each.height, each.size, each.format] for each in tile.pictures],
        }
    )


def _axis(axis: Axis) -> Json:
    points = [[point.label, point.description] if point.description else [point.label] for point in axis.points]
    return {"name": axis.name, "title": axis.title, "description": axis.description, "points": points}


class _Tiles:
    """Takes tiles one after the other, so that those of a large run need not all be there at once."""

    def __init__(self, axes: Iterable[Axis]) -> None:
        self.places = {axis.name: {point.label: place for place, point in enumerate(axis.points, 1)} for axis in axes}
        self._digits: dict[str, list[int]] = {name: [] for name in self.places}
        self._digests: list[str] = []
        self._facts, self._request, self._answer = Records(), Records(), Records()
        self._counts: list[int] = []
        self._frames: list[int] = []
        self.pictures: dict[Picture, int] = {}
        self.numbers: list[Measured] = []

    def add(self, tile: Tile) -> None:
        """Take the next tile. Raises ValueError where it names an axis or a point that the book does not have."""
        for name, places in self.places.items():
            self._digits[name].append(_digit(name, places, tile))
        if not self.places.keys() >= tile.coordinates.keys():
            unknown, known = sorted(tile.coordinates.keys() - self.places.keys()), sorted(self.places)
            raise ValueError(
                f"report: a tile names {', '.join(unknown)}; the axes are {', '.join(known)}: pass them all"
            )
        self._digests.append(tile.digest)
        self._facts.add(_facts(tile))
        self._request.add(tile.request.parameters)
        self._answer.add(tile.meta)
        self._counts.append(len(tile.pictures))
        self.numbers += tile.numbers or [{}] * len(tile.pictures)
        self._frames += [self.pictures.setdefault(picture, len(self.pictures)) for picture in tile.pictures]

    def columns(self) -> dict[str, Json]:
        """Return what the page says of all tiles."""
        digits = list(self._digits.values())
        return {
            "count": len(self._digests),
            "digits": [series(digit) for digit in digits],
            "digests": _blobs(self._digests),
            "facts": self._facts.packed(digits),
            "request": self._request.packed(digits),
            "answer": self._answer.packed(digits),
            "frames": {"counts": series(self._counts), "pictures": series(self._frames)},
            "pictures": _table(list(self.pictures)),
        }


def _digit(axis: str, places: Mapping[str, int], tile: Tile) -> int:
    """Return where a tile lies on an axis: 0 where it does not apply, else the point's position plus 1."""
    if axis not in tile.coordinates:
        return 0
    place = places.get(tile.coordinates[axis])
    if place is None:
        known = ", ".join(map(repr, places))
        raise ValueError(
            f"report: a tile lies at {axis}={tile.coordinates[axis]!r}; the axis has {known}: pass the plan's own axes"
        )
    return place


def _blobs(digests: Sequence[str]) -> Json:
    whole = set(digests)
    short = len({digest[: 2 * DIGEST_BYTES] for digest in whole}) == len(whole)
    size = DIGEST_BYTES if short else min(len(digest) for digest in whole) // 2
    return {"bytes": size, "base64": blob(digests, size)}


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


def _table(pictures: Sequence[Picture]) -> Json:
    """Return what the page says of distinct pictures."""
    formats = sorted({picture.format for picture in pictures})
    return {
        "sha256": blob((picture.sha256 for picture in pictures), 32),
        "width": series([picture.width for picture in pictures]),
        "height": series([picture.height for picture in pictures]),
        "size": series([picture.size for picture in pictures]),
        "formats": formats,
        "format": series([formats.index(picture.format) for picture in pictures]),
    }
