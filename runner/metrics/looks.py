"""What one picture looks like, in numbers. Pure functions over arrays of bytes.

All are taken of the picture as browsers show it: turned as its EXIF data say, transparency over white, 8 bits a channel.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runner.measures import Measured
from runner.vault import decode, eight_bits, upright

Pixels: TypeAlias = NDArray[np.uint8]
"""Red, green and blue, 0 to 255; shape (height, width, 3)."""

Luma: TypeAlias = NDArray[np.float32]
"""Brightness of each pixel, 0 to 255; shape (height, width)."""

MOST_PIXELS = 2**22
"""Larger pictures are measured after every 2×2, 3×3 … pixels became one, so that a worker's memory is bounded."""

REC_601 = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue in luma (ITU-R BT.601), those of JPEG and of Pillow's mode L."""


def pixels(data: bytes) -> Pixels:
    """Return the pixels of an image file.

    Raises:
        ImageError: the bytes are no whole image.
    """
    image = eight_bits(upright(decode(data)[0]))
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        image = Image.new("RGBA", clear.size, "white")
        image.alpha_composite(clear)
    plain = image.convert("RGB")
    factor = 1
    while plain.width * plain.height > MOST_PIXELS * factor**2:
        factor += 1
    return np.asarray(plain.reduce(factor) if factor > 1 else plain)


def luma(found: Pixels) -> Luma:
    """Return the brightness of each pixel."""
    return found.astype(np.float32) @ REC_601


def looks(found: Pixels) -> Measured:
    """Return brightness, contrast, colourfulness and, of pictures of at least 3×3 pixels, sharpness."""
    grey = luma(found)
    said = {"brightness": brightness(grey), "contrast": contrast(grey), "colourfulness": colourfulness(found)}
    return said if min(grey.shape) < 3 else {**said, "sharpness": sharpness(grey)}


def brightness(grey: Luma) -> float:
    """Return the mean luma: 0 is black, 255 is white."""
    return float(grey.mean(dtype=np.float64))


def contrast(grey: Luma) -> float:
    """Return the standard deviation of luma (RMS contrast): 0 is one flat tone, 127.5 is half black and half white."""
    return float(grey.std(dtype=np.float64))


def colourfulness(found: Pixels) -> float:
    """Return the measure M3 of Hasler and Süsstrunk, "Measuring colourfulness in natural images" (2003).

    Greys are 0; their readers called 15 slightly, 45 averagely and 82 highly colourful.
    """
    red, green, blue = (found[..., channel].astype(np.float32) for channel in range(3))
    opponents = (red - green, (red + green) / 2 - blue)
    spread = np.sqrt(sum(float(one.var(dtype=np.float64)) for one in opponents))
    distance = np.sqrt(sum(float(one.mean(dtype=np.float64)) ** 2 for one in opponents))
    return float(spread + 0.3 * distance)


def sharpness(grey: Luma) -> float:
    """Return the variance of the Laplacian of luma, in squared grey levels (Pech-Pacheco et al. 2000).

    The kernel is that of the four neighbours (0 1 0, 1 -4 1, 0 1 0), neither it nor luma (0 to 255) is scaled, and pixels
    at the edge, which lack a neighbour, are left out. Noise counts as sharpness, and so do more pixels of one scene: it
    compares pictures of one size.
    """
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(laplacian.var(dtype=np.float64))
