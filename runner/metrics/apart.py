"""How far two pictures are from each other. SSIM and the perceptual hash need the extra `metrics`."""

from importlib.util import find_spec

import numpy as np
from PIL import Image

from runner.measures import Measured
from runner.metrics.looks import Luma, Pixels, luma

SIDE = 256
"""Pixels of the shorter side at which SSIM is taken."""

WINDOW = 11
"""Side of the Gaussian window of SSIM in pixels; smaller pictures have no SSIM."""


def structural() -> bool:
    """Return whether the extra `metrics` is installed."""
    return all(find_spec(name) for name in ("skimage", "imagehash"))


def apart(one: Pixels, other: Pixels) -> Measured:
    """Return difference, SSIM and distance of hashes; of pictures of two sizes the last alone.

    `difference` is the mean absolute difference of the channels, 0 to 255.
    """
    found: dict[str, float] = {}
    if one.shape == other.shape:
        found["difference"] = float(np.abs(one.astype(np.int16) - other).mean(dtype=np.float64))
    if structural():
        if one.shape == other.shape and min(one.shape[:2]) >= WINDOW:
            found["ssim"] = ssim(one, other)
        found["phash"] = phash(one, other)
    return found


def ssim(one: Pixels, other: Pixels) -> float:
    """Return the structural similarity of luma as Wang et al. (2004) define it: 1 is the same picture, 0 unrelated.

    As its authors advise for a picture seen whole, squares of pixels are averaged first, so that the shorter side has
    some `SIDE` of them; a sixteenth of the work at 1024×1024.
    """
    from skimage.metrics import structural_similarity  # noqa: PLC0415  # of the extra

    factor = max(1, round(min(one.shape[:2]) / SIDE))
    first, second = (_averaged(luma(pixels), factor) for pixels in (one, other))
    found = structural_similarity(
        first, second, data_range=255.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return float(found)


def _averaged(grey: Luma, factor: int) -> Luma:
    """Return the means of squares of pixels; what is left over at the right and below is cut off."""
    high, wide = (side // factor for side in grey.shape)
    squares = grey[: high * factor, : wide * factor].reshape(high, factor, wide, factor)
    return np.asarray(squares.mean(axis=(1, 3)), dtype=np.float32)


def phash(one: Pixels, other: Pixels) -> float:
    """Return how many of the 64 bits of their perceptual hashes (the signs of low frequencies of luma) differ."""
    import imagehash  # noqa: PLC0415  # of the extra

    first, second = (imagehash.phash(Image.fromarray(pixels)) for pixels in (one, other))
    return float(first - second)
