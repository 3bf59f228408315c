"""Files become text or bytes, or one complaint: absent, unreadable, too big, not UTF-8."""

from pathlib import Path

from runner.document.complaints import Mistake
from runner.document.tree import Source, Spot


def open_bytes(path: Path, most: int, spot: Spot) -> bytes:
    """Return a file's bytes.

    Args:
        path: the file.
        most: bytes that it may have.
        spot: where the file is asked for.

    Raises:
        Mistake: it is not there, not a file, not readable, or too big.
    """
    try:
        if not path.exists():
            raise Mistake(spot, f"there is no file {shown(path)}; check the name and the folder")
        if not path.is_file():
            raise Mistake(spot, f"{shown(path)} is not a file; give the path of a file")
        if (size := path.stat().st_size) > most:
            raise Mistake(spot, f"{shown(path)} has {size:,} bytes, more than the {most:,} allowed; make it smaller")
        return path.read_bytes()
    except OSError as error:
        raise Mistake(spot, f"{shown(path)} cannot be read: {error.strerror or error}; check the path") from error


def open_text(path: Path, most: int, spot: Spot) -> str:
    r"""Return a file's text, its byte order mark taken off and its line ends made `\n`.

    Raises:
        Mistake: as `open_bytes`, or a byte is not UTF-8; the complaint points into the file itself.
    """
    data = open_bytes(path, most, spot)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before) - (before.rfind(b"\n") + 1) + 1
        place = Spot(Source(shown(path), path.parent), before.count(b"\n") + 1, column)
        raise Mistake(place, f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8") from error
    return text.replace("\r\n", "\n")


def shown(path: Path) -> str:
    """Return a path as complaints show it: short enough for a line."""
    text = str(path)
    return text if len(text) <= 200 else f"{text[:197]}..."
