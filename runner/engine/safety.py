"""Whether a picture is safe to show, and four ways to hide one that is not.

A model brings its own checker: a rule in `safety.json`, or the `safety_checker` that Stable Diffusion folders hold. A
model with neither is not checked, and answers say so. The file holds one or both of:

    {"words": ["nsfw", "gore"],
     "colour": {"hue": [285, 330], "saturation": 0.6, "brightness": 0.4, "share": 0.5}}

`words`: a prompt that has one of them as a whole word, whatever its case, makes an unsafe picture. `colour`: a picture is
unsafe when at least `share` of its pixels have a hue between the two (degrees) and at least that saturation and
brightness. Such a rule judges as a real checker does, by the finished picture, and anyone can trip it on purpose.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from runner.engine.pictures import encode_png
from runner.errors import EngineError
from runner.nouns import Drawn, Generation, SafetyCheckerType, Verdict

FILE_NAME: Final = "safety.json"

BLUR: Final = 1 / 12
"""Radius of the blur, as a share of the picture's shorter side: colours stay, shapes do not."""

MOSAIC: Final = 10
"""Tiles along the shorter side of a pixelated picture."""

NOTICE: Final = "sensitive\ncontent"


class Checker(Protocol):
    """Says whether a picture made of a prompt is unsafe to show."""

    def __call__(self, prompt: str, picture: Image.Image) -> bool:
        """Return True when it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """A part of the colour space, and the share of a picture's pixels that may not lie in it.

    Attributes:
        hue: from and to, in degrees.
        saturation, brightness: the least, 0 to 1.
        share: of all pixels, above 0 to 1.
    """

    hue: tuple[float, float]
    saturation: float
    brightness: float
    share: float

    def fills(self, picture: Image.Image) -> bool:
        """Return whether that share of the pixels lies in this part."""
        low, high = (degrees * 255 / 360 for degrees in self.hue)
        least = (lambda level: low <= level <= high, _at_least(self.saturation), _at_least(self.brightness))
        bands = [
            band.point([255 if fits(level) else 0 for level in range(256)])
            for band, fits in zip(picture.convert("HSV").split(), least, strict=True)
        ]
        inside = ImageChops.darker(ImageChops.darker(bands[0], bands[1]), bands[2])
        return inside.histogram()[255] >= self.share * picture.width * picture.height


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What `safety.json` says: a `Checker`."""

    words: tuple[str, ...] = ()
    colour: Colour | None = None

    def __call__(self, prompt: str, picture: Image.Image) -> bool:
        """Return whether the prompt has one of the words, or the picture too much of the colour."""
        said = "|".join(re.escape(word) for word in self.words)
        worded = bool(self.words) and re.search(rf"(?<!\w)(?:{said})(?!\w)", prompt, re.IGNORECASE) is not None
        return worded or (self.colour is not None and self.colour.fills(picture))


def rule_of(folder: Path) -> Rule | None:
    """Return the rule in a model folder's `safety.json`; None when it has no such file.

    Raises:
        EngineError: the file is there and cannot be understood.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        return _rule(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError) as error:
        raise EngineError(
            f"{folder.name}/{FILE_NAME}: not a safety rule ({type(error).__name__}: {error}); it holds "
            '{"words": ["nsfw"]}, or {"colour": {"hue": [285, 330], "saturation": 0.6, "brightness": 0.4, '
            '"share": 0.5}}, or both: correct it, or remove it to let every picture pass unchecked'
        ) from error


def judged(picture: Image.Image, generation: Generation, checker: Checker | None) -> Drawn:
    """Return a picture as the engine's answer: looked at if the request asks for it, and hidden if it is unsafe."""
    if not generation.hide or checker is None:
        return Drawn(png=encode_png(picture))
    if not checker(generation.prompt, picture):
        return Drawn(png=encode_png(picture), verdict=Verdict.SAFE)
    return Drawn(png=encode_png(hidden(picture, generation.hide)), verdict=Verdict.UNSAFE)


def hidden(picture: Image.Image, way: SafetyCheckerType) -> Image.Image:
    """Return what is shown in place of an unsafe picture, of the same size."""
    shorter = min(picture.size)
    match way:
        case "blur":
            return picture.filter(ImageFilter.GaussianBlur(shorter * BLUR))
        case "pixelate":
            tiles = (max(1, round(picture.width * MOSAIC / shorter)), max(1, round(picture.height * MOSAIC / shorter)))
            return picture.resize(tiles, Image.Resampling.BOX).resize(picture.size, Image.Resampling.NEAREST)
        case "black":
            return Image.new("RGB", picture.size)
        case "sensitive_content_text":
            return _notice(picture.size)


def _notice(size: tuple[int, int]) -> Image.Image:
    blank = Image.new("RGB", size, (96, 96, 96))
    middle = (size[0] / 2, size[1] / 2)
    font = ImageFont.load_default(min(size) / 8)
    ImageDraw.Draw(blank).multiline_text(middle, NOTICE, fill="white", font=font, anchor="mm", align="center")
    return blank


def _at_least(share: float) -> Any:
    return lambda level: level >= share * 255


def _rule(said: Any) -> Rule:
    if not isinstance(said, dict):
        raise TypeError(f"{said!r} is not an object")
    unknown = set(said) - {"words", "colour"}
    words, colour = tuple(said.get("words", ())), said.get("colour")
    if unknown or not (words or colour) or not all(isinstance(word, str) and word for word in words):
        raise TypeError(f"{said!r} is not a rule")
    return Rule(words=words, colour=_colour(**colour) if colour else None)


def _colour(*, hue: tuple[float, float], saturation: float, brightness: float, share: float) -> Colour:
    low, high = map(float, hue)
    if not (0 <= low < high <= 360 and 0 <= saturation <= 1 and 0 <= brightness <= 1 and 0 < share <= 1):
        raise ValueError("a hue is 0 to 360 degrees, from below to above; saturation, brightness and share are 0 to 1")
    return Colour(hue=(low, high), saturation=saturation, brightness=brightness, share=share)
