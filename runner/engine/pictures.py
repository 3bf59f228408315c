"""Encoded images in and out: what both engines do with the bytes of a request, and with the picture that they made."""

from io import BytesIO
from typing import Final

from PIL import Image, ImageOps

from runner.errors import EngineError
from runner.nouns import Generation

FORMATS: Final = ("PNG", "JPEG", "WEBP")

MOST_PIXELS: Final = 40_000_000
"""Of a picture that is sent: more than cameras of phones make by default."""

COMPRESS_LEVEL: Final = 4
"""zlib level of a PNG: at 512×512, half the time of zlib's own default of 6 for files 7% larger."""


def initial_image(generation: Generation) -> Image.Image:
    """Return the initial image as RGB, stretched to the generation's width and height; transparency becomes white.

    Raises:
        EngineError: nothing was sent, or it is not a picture.
    """
    decoded = opened(generation.init_image, f"init_image ({generation.endpoint})")
    flat = _flatten(decoded, background="white").convert("RGB")
    return flat.resize((generation.width, generation.height), Image.Resampling.LANCZOS)


def repaint_mask(generation: Generation) -> Image.Image:
    """Return the mask as mode L at the generation's width and height: 255 is repainted, 0 is kept.

    Grey is taken as whichever it is nearer to, and transparency as black, which keeps.

    Raises:
        EngineError: nothing was sent, or it is not a picture.
    """
    decoded = opened(generation.mask_image, f"mask_image ({generation.endpoint})")
    grey = _flatten(decoded, background="black").convert("L")
    sized = grey.resize((generation.width, generation.height), Image.Resampling.BILINEAR)
    return sized.point([0] * 128 + [255] * 128)


def encode_png(picture: Image.Image) -> bytes:
    """Return a picture as PNG without metadata: equal pixels give equal bytes."""
    buffer = BytesIO()
    picture.save(buffer, format="PNG", compress_level=COMPRESS_LEVEL)
    return buffer.getvalue()


def opened(data: bytes, where: str) -> Image.Image:
    """Return a picture upright, as its EXIF orientation says; of an animation the first frame.

    The size stands in a file's first bytes and is looked at before anything is decoded: a file of some kilobytes can
    unfold to gigabytes.

    Raises:
        EngineError: it is not a picture, or one of more than `MOST_PIXELS`.
    """
    if not data:
        raise EngineError(f"{where}: no image was sent; send a PNG, JPEG or WebP file")
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise EngineError(
                    f"{where}: {image.width}×{image.height} pixels are more than the {MOST_PIXELS} allowed; pictures are "
                    "brought to at most 1024×1024 anyway: send a smaller one"
                )
            return ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise EngineError(
            f"{where}: {len(data)} bytes that cannot be decoded as a picture ({type(error).__name__}); "
            "a PNG, JPEG or WebP file is allowed: check that the file opens in a viewer, and send it again"
        ) from error


def _flatten(image: Image.Image, *, background: str) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel: Pillow's own conversion clips at 255 instead of scaling
        return image.convert("I").point(lambda level: level * (1 / 257)).convert("L")
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, background), layer)
