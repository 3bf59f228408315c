"""Words as pixels: which font has them, where lines break, and what becomes of words that do not fit.

Lines break between words, and inside a word that is longer than a line. What is more than the lines allowed ends with an
ellipsis; no letter is ever cut through.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeAlias

from PIL import ImageDraw, ImageFont

Font: TypeAlias = ImageFont.FreeTypeFont

FALLBACKS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "msgothic.ttc",
    "unifont.otf",
)
"""Fonts of the system that are asked for letters which the one that comes with Pillow does not have."""

LEADING = 1.3
"""Height of a line, in sizes of the font."""

BREAKS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[_/,;:=@.-])(?=\D)")
"""Where a reader would break a name, as on the page."""

MOST_CODES = 4
"""Letters of a blank text that are told by their codes."""

ELLIPSIS = "…"
_NOWHERE = "\uffff"  # a code point that is no letter: it shows what a font draws for those it lacks


def visible(text: str) -> str:
    """Return a text as one that can be seen: one without any mark on paper is told by how many spaces it is, or by codes.

    As on the page: `(empty)`, `(space)`, `(3 spaces)`, `(U+200B U+00A0)`, `(U+200B U+200B U+200B U+200B … 9 letters)`.
    """
    if any(unicodedata.category(letter)[0] not in "CZ" for letter in text):
        return text
    if not text.strip(" "):
        return ("(empty)", "(space)")[len(text)] if len(text) < 2 else f"({len(text):,} spaces)"
    codes = " ".join(f"U+{ord(letter):04X}" for letter in text[:MOST_CODES])
    return f"({codes} … {len(text):,} letters)" if len(text) > MOST_CODES else f"({codes})"


def spelled(text: str, size: int) -> tuple[str, Font]:
    r"""Return a text as a font can draw it, and that font; letters that no font here has are spelled \u732b."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split()) or visible(text)
    for font in _fonts(size):
        if all(_has(font, letter) for letter in set(plain)):
            return plain, font
    own = _fonts(size)[0]
    drawn = (letter if _has(own, letter) else letter.encode("ascii", "backslashreplace").decode() for letter in plain)
    return "".join(drawn), own


def lines(text: str, font: Font, width: int, most: int) -> tuple[str, ...]:
    """Return a text in at most so many lines of so many pixels; the last ends with an ellipsis where that is not all."""
    broken = list(_broken(text, font, width))
    if len(broken) <= most:
        return tuple(broken)
    last = _after(text, sum(len(line.replace(" ", "")) for line in broken[: most - 1]))
    while last and font.getlength(last.rstrip() + ELLIPSIS) > width:
        last = last[:-1]
    return (*broken[: most - 1], last.rstrip() + ELLIPSIS)


def _after(text: str, letters: int) -> str:
    """Return what follows so many letters of a text, spaces not counted."""
    for place, letter in enumerate(text):
        if letters == 0 and letter != " ":
            return text[place:]
        letters -= letter != " "
    return ""


def line_height(size: int) -> int:
    """Return the height of a line in pixels."""
    return round(LEADING * size)


def put(
    draw: ImageDraw.ImageDraw, words: Sequence[str], font: Font, at: tuple[float, float], fill: str, **how: str
) -> None:
    """Draw lines below each other; `anchor="ma"` centres them at a place, without it they begin there."""
    left, top = at
    for place, line in enumerate(words):
        draw.text(
            (left, top + place * line_height(round(font.size))), line, fill=fill, font=font, anchor=how.get("anchor")
        )


def _broken(text: str, font: Font, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        wider = f"{line} {word}" if line else word
        if font.getlength(wider) <= width:
            line = wider
            continue
        if line:
            yield line
        *whole, line = _pieces(word, font, width)
        yield from whole
    yield line


def _pieces(word: str, font: Font, width: int) -> Iterator[str]:
    """Yield a word in pieces that fit a line: EulerAncestral, DiscreteScheduler; single letters where no part fits."""
    piece = ""
    for part in BREAKS.split(word):
        for unit in [part] if font.getlength(part) <= width else part:
            if piece and font.getlength(piece + unit) > width:
                yield piece
                piece = ""
            piece += unit
    yield piece


@cache
def _fonts(size: int) -> tuple[Font, ...]:
    found = [ImageFont.load_default(size)]
    for name in FALLBACKS:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:  # not on this machine
            continue
    return tuple(font for font in found if isinstance(font, ImageFont.FreeTypeFont))


@cache
def _has(font: Font, letter: str) -> bool:
    return letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask(_NOWHERE))
