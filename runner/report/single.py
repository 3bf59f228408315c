"""The page as one file: its pictures lie inside, so that it can be sent and needs nothing beside it.

Their files lie inside where all of them fit, so that comparing sees every pixel; else their small copies alone, and the
page says so.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from runner.errors import InputError
from runner.nouns import Picture
from runner.report.book import Book
from runner.report.page import render
from runner.vault import THUMBNAIL, image_path, thumbnail_path

MOST_BYTES = 40_000_000
"""Of the pictures in one file, as base64: browsers open more, slowly, and mail takes less."""

SMALL_ALONE = (
    f"This file holds small copies of the pictures, {THUMBNAIL} pixels on the longer side; "
    "the run folder has the pictures."
)


@dataclass(frozen=True, slots=True)
class Enclosed:
    """The addresses of a run's pictures inside a page.

    Attributes:
        run: the run folder.
        whole: whether the files lie inside too, or the small copies alone.
    """

    run: Path
    whole: bool

    def __call__(self, picture: Picture) -> tuple[str, str]:
        """Return the addresses of a picture's small copy and of its file. Raises OSError."""
        small = _address("webp", self.run / thumbnail_path(picture.sha256))
        whole = _address(picture.format, self.run / image_path(picture.sha256, picture.format)) if self.whole else ""
        return small, whole


def render_single(book: Book, run: Path) -> str:
    """Return the page's HTML with its pictures inside.

    Args:
        book: what it shows.
        run: the run folder, which has the pictures.

    Raises:
        InputError: even the small copies are more than one file should hold.
        OSError: a picture cannot be read.
    """
    tiles = tuple(book.tiles)
    pictures = {picture for tile in tiles for picture in tile.pictures}
    small = sum(_encoded((run / thumbnail_path(picture.sha256)).stat().st_size for picture in pictures))
    whole = small + sum(_encoded(picture.size for picture in pictures))
    if small > MOST_BYTES:
        raise InputError(
            f"{run}: small copies of {len(pictures):,} pictures take {_said(small)} in one file, at most {_said(MOST_BYTES)} "
            "are put into one; send report/, images/ and thumbnails/ together, as they are or in a ZIP"
        )
    notes = book.notes if whole <= MOST_BYTES else (*book.notes, SMALL_ALONE)
    return render(replace(book, tiles=tiles, notes=notes), inside=Enclosed(run, whole=whole <= MOST_BYTES))


def _encoded(sizes: Iterable[int]) -> Iterable[int]:
    return (4 * ((size + 2) // 3) for size in sizes)


def _said(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size >= 10**6 else f"{size // 1000} kB"


def _address(kind: str, path: Path) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
