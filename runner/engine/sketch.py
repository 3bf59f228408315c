"""The sketch engine: a picture of the request itself, in milliseconds, with nothing but Pillow.

It is for tests and for laying out a report before anything is paid for; it is chosen by name and never stands in for
another engine. What a picture shows is the request:

    palette                   prompt, negative prompt, model and VAE
    place of the sun, hills   seed
    shape of the hills        scheduler
    how many hills            num_inference_steps
    how vivid                 guidance_scale
    a slanted band each       LoRA, as opaque as its strength
    mark in the corner        everything together, by 53 bits of its digest: whatever differs at all, the mark does
    words at the bottom       scheduler, guidance, steps, seed, LoRAs, prompt
"""

import colorsys
import math
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Final, TypeAlias

from PIL import Image, ImageDraw, ImageFont, ImageOps

from runner.canon import digest, digest_bytes
from runner.engine.enhance import Addition, enhance
from runner.engine.pictures import initial_image, repaint_mask
from runner.engine.safety import Rule, judged
from runner.nouns import Drawn, Generation

VERSION: Final = 1
"""Part of the model's digest: it grows whenever the same request would be painted otherwise."""

ADDITIONS: Final = (Addition(add="detailed", unless=("detailed",)),)

RULE: Final = Rule(words=("unsafe",))
"""What the safety checker finds: a prompt with the word "unsafe", so that hidden pictures can be laid out too."""

ABSENT: Final = {
    "text2img": {"init_image", "mask_image", "strength", "hide"},
    "img2img": {"mask_image", "hide"},
    "inpaint": {"hide"},
}
"""Attributes that an endpoint does not have, and how an unsafe picture is hidden: they take no part in what is painted."""

Colour: TypeAlias = tuple[int, int, int]


class SketchEngine:
    """Paints requests. Any model, LoRA and VAE name is accepted, for it is the layout that is looked at.

    `img2img` blends the painting over the initial image by `strength`; `inpaint` does so where the mask is white and
    leaves the rest of the initial image as it is, pixel for pixel.

    >>> SketchEngine().enhance("a red house", "any")
    'a red house, detailed'
    """

    name = "sketch"

    def models(self) -> dict[str, str]:
        """Return the one model, whose digest is that of the algorithm's version."""
        return {self.name: digest({"engine": self.name, "version": VERSION})}

    def generate(self, generation: Generation) -> Drawn:
        """Return the painting of a request as PNG.

        Raises:
            EngineError: an initial image or a mask cannot be decoded.
        """
        painting = _paint(generation)
        if generation.endpoint == "text2img":
            return judged(_annotate(painting, generation), generation, RULE)
        initial = initial_image(generation)
        blended = _annotate(Image.blend(initial, painting, generation.strength), generation)
        if generation.endpoint == "inpaint":
            blended = Image.composite(blended, initial, repaint_mask(generation))
        return judged(blended, generation, RULE)

    def generate_batch(self, generations: Sequence[Generation]) -> list[Drawn]:
        """Return one sketch after the other: there is nothing to gain in one go."""
        return [self.generate(generation) for generation in generations]

    def load(self, model_id: str) -> None:
        """Do nothing: there is nothing to load."""

    def unload(self) -> None:
        """Do nothing: nothing is loaded."""

    def enhance(self, prompt: str, model_id: str) -> str:  # noqa: ARG002 - the protocol's; every model sketches alike
        """Return the prompt with ", detailed" appended, unless it says "detailed" already."""
        return enhance(prompt, ADDITIONS)


def _paint(generation: Generation) -> Image.Image:
    palette = _Draws([generation.prompt, generation.negative_prompt, generation.model_id, generation.vae])
    place = _Draws(["seed", generation.seed])
    vivid = 0.25 + 0.6 * min(generation.guidance_scale, 20) / 20
    hue, apart = palette.draw(), 0.12 + 0.3 * palette.draw()
    picture = _sky(generation, _colour(hue, vivid * 0.7, 0.93), _colour(hue + apart, vivid * 0.6, 0.75))
    draw = ImageDraw.Draw(picture, "RGBA")
    _sun(draw, picture.size, place, _colour(hue + 0.5, vivid, 1.0))
    layers = 2 + max(1, generation.num_inference_steps // 10)
    for layer in range(layers):
        depth = (layer + 1) / layers
        colour = _colour(hue + apart * (1 + depth), vivid, 0.8 - 0.5 * depth)
        draw.polygon(_hill(picture.size, depth, generation.scheduler, place), fill=colour)
    for position, (name, strength) in enumerate(generation.loras):
        _band(draw, picture.size, position, _colour(_Draws(["lora", name]).draw(), 0.8, 0.95), strength)
    return picture


def _sky(generation: Generation, low: Colour, high: Colour) -> Image.Image:
    levels = Image.linear_gradient("L").resize((generation.width, generation.height))
    return ImageOps.colorize(levels, high, low)


def _sun(draw: ImageDraw.ImageDraw, size: tuple[int, int], place: "_Draws", colour: Colour) -> None:
    width, height = size
    radius = min(size) * (0.07 + 0.06 * place.draw())
    x, y = width * (0.15 + 0.55 * place.draw()), height * (0.12 + 0.25 * place.draw())
    for halo, opacity in ((2.0, 40), (1.45, 60), (1.0, 255)):
        reach = radius * halo
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(*colour, opacity))


def _hill(size: tuple[int, int], depth: float, scheduler: str, place: "_Draws") -> list[tuple[float, float]]:
    """Return the outline of one hill: two waves, whose lengths the scheduler chooses and whose phases the seed does."""
    width, height = size
    form = _Draws(["scheduler", scheduler])
    long, short, ripple = 0.6 + 1.2 * form.draw(), 2.5 + 4 * form.draw(), 0.35 * form.draw()
    first, second = math.tau * place.draw(), math.tau * place.draw()
    base, swing = height * (0.38 + 0.34 * depth), height * 0.09
    points = []
    for step in range(49):
        across = step / 48
        wave = math.sin(math.tau * long * across + first) + ripple * math.sin(math.tau * short * across + second)
        points.append((width * across, base + swing * wave))
    return [(0, height), *points, (width, height)]


def _band(draw: ImageDraw.ImageDraw, size: tuple[int, int], position: int, colour: Colour, strength: float) -> None:
    width, height = size
    thickness, left = width * 0.06, width * (0.05 + 0.14 * position)
    lean = height * 0.25
    corners = [(left + lean, 0), (left + lean + thickness, 0), (left + thickness, height), (left, height)]
    draw.polygon(corners, fill=(*colour, round(230 * min(abs(strength), 1))))


def _annotate(picture: Image.Image, generation: Generation) -> Image.Image:
    """Return the picture with the request's words at the bottom and its mark in the corner."""
    annotated = picture.copy()
    draw = ImageDraw.Draw(annotated, "RGBA")
    _mark(draw, picture.size, _content(generation))
    size = max(7, min(picture.size) // 26)
    font = ImageFont.load_default(size)
    margin, leading = size * 0.7, size * 1.35
    lines = [_fitted(line, font, picture.width - 2 * margin) for line in _words(generation)]
    top = picture.height - leading * len(lines) - margin
    draw.rectangle((0, top - margin * 0.6, picture.width, picture.height), fill=(12, 14, 20, 165))
    for row, line in enumerate(lines):
        draw.text((margin, top + row * leading), line, font=font, fill=(255, 255, 255, 255))
    return annotated


def _words(generation: Generation) -> list[str]:
    loras = " + ".join(f"{name} {strength:g}" for name, strength in generation.loras)
    settings = f"guidance {generation.guidance_scale:g}, {generation.num_inference_steps} steps, seed {generation.seed}"
    lines = [generation.scheduler or "the model's own scheduler", settings, loras, " ".join(generation.prompt.split())]
    return [line for line in lines if line]


def _fitted(line: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: float) -> str:
    """Return the line, cut with an ellipsis where it would leave the picture."""
    if font.getlength(line) <= width:
        return line
    kept = line[: int(len(line) * width / font.getlength(line))]
    while kept and font.getlength(kept + "…") > width:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def _mark(draw: ImageDraw.ImageDraw, size: tuple[int, int], content: str) -> None:
    """Draw a mirrored 5×5 pattern in the top right corner: 15 bits of the content's digest its form, 38 its colours."""
    bits = int(content, 16)
    dark = tuple(bits >> shift & 127 for shift in (0, 7, 14))
    light = tuple(255 - (bits >> shift & levels) for shift, levels in ((21, 63), (27, 63), (33, 31)))
    cell = max(2, min(size) // 48)
    left, top = size[0] - 7 * cell, cell
    draw.rectangle((left, top, left + 6 * cell, top + 6 * cell), fill=light)
    for index in range(15):
        column, row = divmod(index, 5)
        if bits >> (index + 38) & 1:
            for mirrored in {column, 4 - column}:
                x, y = left + cell * (mirrored + 0.5), top + cell * (row + 0.5)
                draw.rectangle((x, y, x + cell - 1, y + cell - 1), fill=dark)


def _content(generation: Generation) -> str:
    """Return the digest of everything that takes part in the picture; images by their bytes."""
    absent = ABSENT[generation.endpoint]
    content = {}
    for attribute in fields(generation):
        if attribute.name not in absent:
            value = getattr(generation, attribute.name)
            content[attribute.name] = digest_bytes(value) if isinstance(value, bytes) else value
    return digest(content)


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


class _Draws:
    """Numbers from 0 to 1, drawn one after another from the digest of a value: the same on every machine."""

    def __init__(self, value: object) -> None:
        self._value = value
        self._drawn = 0

    def draw(self) -> float:
        self._drawn += 1
        return int(digest([self._value, self._drawn])[:8], 16) / 2**32


if TYPE_CHECKING:
    from runner.engine import Engine

    _conforms: Engine = SketchEngine()
