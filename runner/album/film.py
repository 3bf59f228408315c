"""Pictures along an axis become one moving picture, each with its label below."""

import io
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageDraw

from runner.album.lettering import line_height, lines, put, spelled
from runner.album.pictures import INK, PAPER, card, fitted
from runner.album.views import Tile, Tiles, View
from runner.errors import InputError

MOST_PIXELS = 400_000_000
"""Pixels of all frames together: they are in memory at once."""

LETTERS = 16
KINDS = {".webp": "WEBP", ".apng": "PNG", ".png": "PNG"}


def film(run: Path, view: View, tiles: Tiles, *, ending: str, milliseconds: int) -> bytes:
    """Return an animated WebP or PNG with a frame for each point of the view's x axis, in order and without end.

    Args:
        run: the run folder.
        view: with an axis as `x` and no other role.
        tiles: by column and row, from `views.gathered`; of each cell the first picture is taken.
        ending: of the file's name: .webp, .apng or .png.
        milliseconds: for each frame.

    Raises:
        InputError: the ending is another, there are fewer than two frames, or more than fit the memory.
    """
    if ending.lower() not in KINDS:
        raise InputError(f"animate: {ending or 'no ending'!r} is no animation; name a file that ends in .webp or .apng")
    shown = [(lane[1], tiles[lane, row][0]) for lane, row in sorted(tiles, key=lambda key: key[0][1] or 10**9)]
    if len(shown) < 2:
        raise InputError(
            f"animate: {len(shown)} of its points have a cell here, and a film needs two; name another --along"
        )
    size = _largest(tile for _, tile in shown)
    if size[0] * size[1] * len(shown) > MOST_PIXELS:
        raise InputError(
            f"animate: {len(shown)} frames of {size[0]}×{size[1]} are more than the {MOST_PIXELS:,} pixels that are held "
            "at once; choose an axis with fewer points"
        )
    axis = view.roles["x"]
    frames = [_frame(run, tile, f"{axis.title or axis.name} {view.label('x', digit)}", size) for digit, tile in shown]
    buffer = io.BytesIO()
    how = {"quality": 90} if KINDS[ending.lower()] == "WEBP" else {}
    frames[0].save(
        buffer, KINDS[ending.lower()], save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, **how
    )
    return buffer.getvalue()


def _largest(tiles: Iterable[Tile]) -> tuple[int, int]:
    pictures = [tile.standing.pictures[0] for tile in tiles if tile.standing.pictures]
    return max((one.width for one in pictures), default=256), max((one.height for one in pictures), default=256)


def _frame(run: Path, tile: Tile, label: str, size: tuple[int, int]) -> Image.Image:
    strip = line_height(LETTERS) + 12
    frame = Image.new("RGB", (size[0], size[1] + strip), PAPER)
    pictures = tile.standing.pictures
    shown = fitted(run, pictures[0], size) if pictures else card(size, tile.standing.state.value, tile.standing.reason)
    frame.paste(shown, ((size[0] - shown.width) // 2, (size[1] - shown.height) // 2))
    text, font = spelled(label, LETTERS)
    put(ImageDraw.Draw(frame), lines(text, font, size[0] - 12, 1), font, (size[0] / 2, size[1] + 6), INK, anchor="ma")
    return frame
