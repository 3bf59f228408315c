"""Whether two image files show the same picture: byte for byte, or pixel for pixel."""

from dataclasses import dataclass
from enum import StrEnum

from PIL import ImageChops, ImageStat

from runner.vault import decode


class Likeness(StrEnum):
    """How alike two pictures are."""

    BYTES = "same bytes"
    PIXELS = "same pixels"
    OTHER = "another picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How alike two pictures are, and how far apart: the mean difference of a channel, 0 to 255; None of another size."""

    likeness: Likeness
    distance: float | None = 0.0


def compare(one: bytes, other: bytes) -> Compared:
    """Compare two image files.

    Raises:
        ImageError: one of them is no whole image.
    """
    if one == other:
        return Compared(likeness=Likeness.BYTES)
    first, second = (decode(data)[0].convert("RGBA") for data in (one, other))
    if first.size != second.size:
        return Compared(likeness=Likeness.OTHER, distance=None)
    apart = ImageStat.Stat(ImageChops.difference(first, second)).mean
    distance = sum(apart) / len(apart)
    return Compared(likeness=Likeness.OTHER if distance else Likeness.PIXELS, distance=distance)
