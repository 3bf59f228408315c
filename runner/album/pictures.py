"""What lies in a cell of a sheet or a frame: its pictures at a size, or a card that says why there is none."""

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from runner.album.lettering import line_height, lines, put, spelled
from runner.album.views import Tile
from runner.errors import ImageError
from runner.nouns import Picture, State
from runner.vault import THUMBNAIL, decode, image_path, thumbnail_path, upright

PAPER = "#ffffff"
INK = "#1c1c1a"
SOFT = "#63635f"
CARD = "#f1f1ef"

WORDS = 13
"""Size of the letters on a card, in pixels."""

MOST_ACROSS = 3
"""Pictures beside each other in one cell; a cell of more than nine shows eight and a count."""


def drawn(run: Path, tiles: Sequence[Tile], box: tuple[int, int]) -> Image.Image:
    """Return what a cell shows: one picture, a mosaic of several, or a card."""
    frames = [(tile, picture) for tile in tiles for picture in tile.standing.pictures]
    if not frames:
        return card(box, *_why(tiles))
    across, down = mosaic(len(frames))
    shown = frames if len(frames) <= across * down else frames[: across * down - 1]
    cell = Image.new("RGB", box, PAPER)
    slot = (box[0] // across, box[1] // down)
    inner = slot if across == 1 else (max(1, slot[0] - 2), max(1, slot[1] - 2))
    pieces = [fitted(run, picture, inner) for _, picture in shown]
    if len(shown) < len(frames):
        pieces.append(card(inner, f"+{len(frames) - len(shown)}"))
    for place, piece in enumerate(pieces):
        left, top = slot[0] * (place % across), slot[1] * (place // across)
        cell.paste(piece, (left + (slot[0] - piece.width) // 2, top + (slot[1] - piece.height) // 2))
    return cell


def mosaic(count: int) -> tuple[int, int]:
    """Return how many of some pictures in one cell stand beside each other, and in how many lines."""
    across = min(math.ceil(math.sqrt(count)), MOST_ACROSS)
    return across, min(math.ceil(count / across), across)


def fitted(run: Path, picture: Picture, box: tuple[int, int]) -> Image.Image:
    """Return a picture as large as fits a box, upright and on white; from its thumbnail where that holds enough."""
    scale = min(box[0] / picture.width, box[1] / picture.height)
    size = (max(1, round(scale * picture.width)), max(1, round(scale * picture.height)))
    held = min(1.0, THUMBNAIL / max(picture.width, picture.height))
    small, large = thumbnail_path(picture.sha256), image_path(picture.sha256, picture.format)
    for path in (small, large) if scale <= held else (large, small):
        try:
            return _flat(upright(decode((run / path).read_bytes())[0])).resize(size, Image.Resampling.LANCZOS)
        except (OSError, ImageError):
            continue
    return card(size, "file missing")


def card(box: tuple[int, int], *words: str) -> Image.Image:
    """Return a grey box with a few words in it, as far as they fit."""
    image = Image.new("RGB", box, CARD)
    most = (box[1] - 8) // line_height(WORDS)
    if most < 1 or box[0] < 3 * WORDS:
        return image
    draw = ImageDraw.Draw(image)
    text, font = spelled(": ".join(word for word in words if word), WORDS)
    broken = lines(text, font, box[0] - 12, most)
    top = (box[1] - len(broken) * line_height(WORDS)) / 2
    put(draw, broken, font, (box[0] / 2, top), SOFT, anchor="ma")
    return image


def _flat(image: Image.Image) -> Image.Image:
    """Return an image without transparency."""
    if image.mode.startswith(("I", "F")):  # 16 bits of grey, which Pillow would clip to white
        image = image.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    if not image.has_transparency_data:
        return image.convert("RGB")
    paper = Image.new("RGBA", image.size, PAPER)
    return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")


def _why(tiles: Sequence[Tile]) -> tuple[str, str]:
    tile = next((tile for tile in tiles if tile.standing.state is not State.PENDING), tiles[0])
    return tile.standing.state.value, tile.standing.reason
