"""Shapes in a frame of their own, so that a drawing is the same picture at every size."""

from collections.abc import Iterable

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

Point = tuple[float, float]

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return `first` moved towards `second` by `share` (0 to 1)."""
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float) -> Colour:
    """Return a colour moved towards black."""
    return mix(colour, BLACK, share)


def lighter(colour: Colour, share: float) -> Colour:
    """Return a colour moved towards white."""
    return mix(colour, WHITE, share)


class Brush:
    """Draws on an image in units of its own: the origin is a pixel, one unit is `unit` pixels, y points down."""

    def __init__(self, image: Image.Image, *, origin: Point = (0.0, 0.0), unit: float) -> None:
        self._draw = ImageDraw.Draw(image)
        self._origin = origin
        self._unit = unit

    def rectangle(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        """Fill a rectangle given by its edges."""
        self._draw.rectangle([*self._pixel((left, top)), *self._pixel((right, bottom))], fill=fill)

    def ellipse(self, x: float, y: float, horizontal: float, vertical: float, fill: Colour) -> None:
        """Fill an ellipse given by its centre and its two radii."""
        corners = (*self._pixel((x - horizontal, y - vertical)), *self._pixel((x + horizontal, y + vertical)))
        self._draw.ellipse(corners, fill=fill)

    def polygon(self, points: Iterable[Point], fill: Colour) -> None:
        """Fill a polygon given by its corners."""
        self._draw.polygon([self._pixel(point) for point in points], fill=fill)

    def _pixel(self, point: Point) -> Point:
        return self._origin[0] + point[0] * self._unit, self._origin[1] + point[1] * self._unit


def fill_gradient(image: Image.Image, top: float, bottom: float, colours: tuple[Colour, Colour]) -> None:
    """Fill the rows from `top` to `bottom` (pixels) with a vertical gradient from the first colour to the second."""
    rows = max(1, int(bottom - top))
    strip = Image.new("RGB", (1, rows))
    for row in range(rows):
        strip.putpixel((0, row), mix(*colours, row / max(1, rows - 1)))
    image.paste(strip.resize((image.width, rows)), (0, int(top)))
