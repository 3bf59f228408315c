"""Bytes by their digest, and thumbnails.

> Invariant 2, bytes before row: `put` and `put_all` return once an image is on disk, synced and decoded; only then may
> the ledger say that it is made. An orphan file is harmless; a row without its file cannot exist.

    images/ab/abcd….png        what the target made, unchanged
    thumbnails/ab/abcd….webp   for the page, 256 pixels on the longer side
    inputs/ab/abcd…            initial images and masks of the experiment
"""

import io
import re
import struct
from collections.abc import Iterable
from pathlib import Path

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from runner.canon import digest_bytes
from runner.errors import ImageError, InputError, RunFolderError
from runner.files import share_whole, sync_folder, write_together, write_whole
from runner.nouns import Picture

THUMBNAIL = 256
"""Longer side of a thumbnail in pixels."""

FORMATS = ("PNG", "JPEG", "WEBP")

LARGEST = 64_000_000
"""Pixels of the largest image that is decoded: a small file can claim to hold a picture that fills the memory."""

PNG_END = b"IEND\xaeB`\x82"
"""The last chunk of a whole PNG; Pillow shows one that was cut off behind the pixels without a word."""

_KINDS = ((b"<", "HTML or XML"), (b"{", "JSON"), (b"[", "JSON"), (b"GIF8", "GIF"), (b"%PDF", "PDF"), (b"BM", "BMP"))

DIGEST = re.compile(r"[0-9a-f]{64}")


class Vault:
    """Image files of one run folder. Methods block: call them in a thread where an event loop waits."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def put(self, data: bytes) -> Picture:
        """Check that bytes are an image by decoding all of it, store them and their thumbnail.

        Bytes that are there already are written again: what a crash left behind may be there and not be synced.

        Raises:
            ImageError: the bytes are no image, a truncated one or one of an unknown format.
            OSError: the disk is full, the folder is read-only.
        """
        (stored,) = self.put_all([data])
        if isinstance(stored, ImageError):
            raise stored
        return stored

    def put_all(self, images: Iterable[bytes]) -> list[Picture | ImageError]:
        """Store several images as `put` does, but for what the disk is waited for; what is no image is an ImageError.

        Raises:
            OSError: the disk is full, the folder is read-only; none counts as stored.
        """
        files: dict[Path, bytes] = {}
        stored = [self._checked(data, files) for data in images]
        write_together(files)
        return stored

    def _checked(self, data: bytes, files: dict[Path, bytes]) -> Picture | ImageError:
        """Decode an image and add the files that are to be written for it."""
        try:
            shown, picture = _looked_at(data)
        except ImageError as error:
            return error
        files[self.run / image_path(picture.sha256, picture.format)] = data
        files[self.run / thumbnail_path(picture.sha256)] = thumbnail(shown)
        return picture

    def adopt(self, pictures: Iterable[Picture], earlier: "Vault") -> set[str]:
        """Take pictures from an earlier run; return the digests of those that are here now, on disk and synced.

        A picture that is damaged or missing there is not taken: its bytes are held against its digest first.

        Raises:
            OSError: the disk is full, the folder is read-only.
        """
        changed: set[Path] = set()
        taken = {picture.sha256 for picture in pictures if self._adopt(picture, earlier, changed)}
        for folder in sorted(changed):
            sync_folder(folder)
        return taken

    def _adopt(self, picture: Picture, earlier: "Vault", changed: set[Path]) -> bool:
        """Take one picture and its thumbnail; add the folders to sync. What another's ledger says is never a path."""
        if not DIGEST.fullmatch(picture.sha256) or picture.format.upper() not in FORMATS:
            return False
        place, small = image_path(picture.sha256, picture.format), thumbnail_path(picture.sha256)
        try:
            data = (earlier.run / place).read_bytes()
        except OSError:
            return False
        if digest_bytes(data) != picture.sha256:
            return False
        if (earlier.run / small).is_file():
            changed.update(share_whole(earlier.run / small, self.run / small))
        else:
            try:
                write_whole(self.run / small, thumbnail(upright(decode(data)[0])))
            except ImageError:
                return False
        changed.update(share_whole(earlier.run / place, self.run / place))
        return True

    def known(self, name: str) -> Picture | None:
        """Return the picture whose file has that name, looked at as `put` does; None where none is there, whole.

        Args:
            name: as in `image_path`, DIGEST.FORMAT.
        """
        sha256, _, kind = name.partition(".")
        if not DIGEST.fullmatch(sha256) or kind.upper() not in FORMATS:
            return None
        try:
            _, picture = _looked_at((self.run / image_path(sha256, kind)).read_bytes())
        except (OSError, ImageError):
            return None
        return picture if (picture.sha256, picture.format) == (sha256, kind) else None

    def keep_input(self, path: Path, sha256: str) -> None:
        """Copy an experiment's initial image or mask into the run, so that the folder explains itself when moved.

        Raises:
            InputError: the file is not there any more, or no longer what the experiment was planned with.
        """
        place = self.run / input_path(sha256)
        if place.exists():
            return
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"{path}: {error.strerror}; the experiment was planned with this image: put it back"
            ) from error
        if digest_bytes(data) != sha256:
            raise InputError(f"{path}: the image has changed since the experiment was planned; plan it again")
        write_whole(place, data)

    def load_input(self, sha256: str) -> bytes:
        """Return the bytes of an initial image or mask by its digest.

        Raises:
            RunFolderError: the run folder lacks the image.
        """
        place = self.run / input_path(sha256)
        if not place.is_file():
            raise RunFolderError(
                f"{place}: an initial image or mask of this run is missing; run the experiment file again"
            )
        return place.read_bytes()


def _looked_at(data: bytes) -> tuple[Image.Image, Picture]:
    """Decode image bytes completely; return the image as it is shown, and what is known of it. Raises ImageError."""
    image, kind = decode(data)
    shown = upright(image)
    return shown, Picture(
        sha256=digest_bytes(data), width=shown.width, height=shown.height, size=len(data), format=kind
    )


def decode(data: bytes) -> tuple[Image.Image, str]:
    """Decode image bytes completely; return the image (of an animation the first) and its format in lower case.

    Raises:
        ImageError: the bytes are no image, a truncated one, a decompression bomb or one of an unknown format.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > LARGEST:
            raise ImageError(f"an image of {image.width} by {image.height} pixels is refused; at most {LARGEST:,} fit")
        image.load()
    except UnidentifiedImageError as error:
        raise ImageError(f"{len(data)} bytes{_kind(data)} are no image in {', '.join(FORMATS)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, OSError) as error:
        raise ImageError(f"{len(data)} bytes are not a whole image in {', '.join(FORMATS)}: {error}") from error
    except (ValueError, SyntaxError) as error:  # Pillow's PNG reader raises these for broken chunks
        raise ImageError(f"{len(data)} bytes are a broken image: {error}") from error
    if image.format == "PNG" and PNG_END not in data:
        raise ImageError(f"{len(data)} bytes are a PNG that was cut off at its end")
    return image, "jpeg" if image.format == "MPO" else str(image.format).lower()


def _kind(data: bytes) -> str:
    """Return what bytes look like, in words and without a letter of them: a server may repeat a key in them."""
    start = data.lstrip()[:64]
    known = next((words for begins, words in _KINDS if start.startswith(begins)), "")
    if known or not start:
        return known and f" of {known}"
    return " of text" if start.decode("ascii", "replace").isprintable() and start.isascii() else " of an unknown kind"


def upright(image: Image.Image) -> Image.Image:
    """Return an image turned as its EXIF orientation says, which is how browsers show it."""
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return ImageOps.exif_transpose(image) if turned else image
    except (SyntaxError, ValueError, struct.error):  # broken EXIF data turns nothing, in browsers too
        return image


def eight_bits(image: Image.Image) -> Image.Image:
    """Return an image with 8 bits a channel; Pillow would clip 16 bits of grey to white."""
    if not image.mode.startswith(("I", "F")):
        return image
    return image.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")


def thumbnail(image: Image.Image) -> bytes:
    """Return a WebP of at most 256 pixels on the longer side; smaller images keep their size, transparency stays."""
    image = eight_bits(image)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    plain = image if image.mode == mode else image.convert(mode)
    small = plain.reduce(max(1, max(plain.size) // THUMBNAIL))  # whole pixels of it first, which is quicker
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    buffer = io.BytesIO()
    small.save(
        buffer, "WEBP", quality=85, method=0
    )  # JPEG takes half the time, a third more bytes, and no transparency
    return buffer.getvalue()


def image_path(sha256: str, kind: str = "png") -> str:
    """Return an image's path inside the run folder."""
    return f"images/{_shelf(sha256)}/{sha256}.{kind}"


def thumbnail_path(sha256: str) -> str:
    """Return a thumbnail's path inside the run folder."""
    return f"thumbnails/{_shelf(sha256)}/{sha256}.webp"


def input_path(sha256: str) -> str:
    """Return the path of an experiment's own image inside the run folder.

    Raises:
        ValueError: the text is no digest; what a file says is never a path.
    """
    return f"inputs/{_shelf(sha256)}/{sha256}"


def _shelf(sha256: str) -> str:
    if not DIGEST.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is no digest of an image; a digest has 64 digits 0-9 and a-f")
    return sha256[:2]
