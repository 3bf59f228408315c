"""How the LoRAs make a picture look: each style is a function of a finished drawing."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

EDGE_WIDTH = 3
"""Pixels of a drawn outline at 256 x 256."""

TILE = 16
"""Side in pixels of a mosaic's tile: two latents."""

JOINT = 3
"""Pixels between two tiles."""

MORTAR = (48, 44, 52)

LAID = 0.65
"""How much of a mosaic's picture is tiles; the rest is the drawing below, without which a subject dissolves into them."""


def ink(image: Image.Image) -> Image.Image:
    """Brown ink on cream paper: two tones, with dark outlines."""
    wash = ImageOps.colorize(ImageOps.autocontrast(image.convert("L")), black=(112, 82, 58), white=(250, 240, 216))
    return ImageChops.multiply(wash, ImageOps.colorize(_edges(image), black=(255, 255, 255), white=(70, 42, 26)))


def neon(image: Image.Image) -> Image.Image:
    """A sign at night: violet darkness, shapes in magenta and cyan, glowing outlines."""
    glow = ImageOps.colorize(image.convert("L"), black=(16, 4, 48), mid=(150, 20, 160), white=(40, 235, 235))
    light = ImageOps.colorize(_edges(image).filter(ImageFilter.GaussianBlur(2)), black=(0, 0, 0), white=(255, 90, 220))
    return ImageChops.screen(glow, light)


def mosaic(image: Image.Image) -> Image.Image:
    """Square tiles of one colour each, with dark joints between them, laid thinly on the drawing."""
    columns, rows = (max(1, side // TILE) for side in image.size)
    tiles = image.convert("RGB").resize((columns, rows), Image.Resampling.BOX)
    laid = tiles.resize((columns * TILE, rows * TILE), Image.Resampling.NEAREST)
    brush = ImageDraw.Draw(laid)
    for x in range(0, laid.width, TILE):
        brush.rectangle((x, 0, x + JOINT - 1, laid.height), fill=MORTAR)
    for y in range(0, laid.height, TILE):
        brush.rectangle((0, y, laid.width, y + JOINT - 1), fill=MORTAR)
    return Image.blend(image.convert("RGB"), laid.resize(image.size, Image.Resampling.NEAREST), LAID)


STYLES: Mapping[str, Callable[[Image.Image], Image.Image]] = MappingProxyType(
    {"ink": ink, "neon": neon, "mosaic": mosaic}
)


def _edges(image: Image.Image) -> Image.Image:
    """Return where colours change, white on black; the picture's own border is no edge."""
    found = image.convert("RGB").filter(ImageFilter.FIND_EDGES).convert("L").filter(ImageFilter.MaxFilter(EDGE_WIDTH))
    inside = Image.new("L", image.size, 0)
    inside.paste(255, (EDGE_WIDTH, EDGE_WIDTH, image.width - EDGE_WIDTH, image.height - EDGE_WIDTH))
    return ImageChops.darker(found.point(lambda value: min(255, value * 2)), inside)
