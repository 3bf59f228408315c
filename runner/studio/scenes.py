"""What a picture shows, drawn with Pillow: one subject in one colour on a ground under a sky.

A sun or a moon may stand in the sky, and mountains or a forest along the horizon (`scenery`).

Drawing is pure: the same scene at the same size is the same picture. The subject stands large in the middle, for a small
network learns a shape soonest where it fills the frame.
"""

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from PIL import Image, ImageChops

from runner.studio.brush import Brush, Colour, darker, fill_gradient
from runner.studio.scenery import draw_forest, draw_moon, draw_mountains, draw_sun
from runner.studio.subjects import DRAWERS, Paint

SUBJECTS = tuple(DRAWERS)

COLOURS: Mapping[str, Colour] = MappingProxyType(
    {
        "red": (214, 40, 40),
        "orange": (245, 130, 32),
        "yellow": (250, 210, 40),
        "green": (50, 160, 70),
        "blue": (45, 95, 210),
        "purple": (130, 60, 180),
        "pink": (245, 130, 180),
    }
)

SKIES: Mapping[str, tuple[Colour, Colour]] = MappingProxyType(
    {
        "day": ((70, 150, 235), (190, 225, 250)),
        "night": ((8, 10, 40), (40, 45, 110)),
        "sunset": ((90, 50, 120), (250, 150, 70)),
        "cloudy": ((130, 140, 150), (200, 205, 210)),
    }
)
"""Colour at the zenith and at the horizon."""

GROUNDS: Mapping[str, tuple[Colour, Colour]] = MappingProxyType(
    {
        "grass": ((110, 190, 80), (60, 130, 50)),
        "desert": ((235, 205, 140), (205, 160, 90)),
        "snow": ((250, 250, 255), (205, 215, 235)),
    }
)
"""Colour at the horizon and at the lower edge, in full daylight."""

DIMNESS: Mapping[str, float] = MappingProxyType({"day": 0.0, "night": 0.5, "sunset": 0.18, "cloudy": 0.12})
"""How far each sky darkens the ground, 0 to 1."""

SUBJECT_LINE = 0.86
"""Where the subject's foot stands, in heights of the picture from its top."""

UNPAINTED: Colour = (255, 0, 255)
"""A colour that no subject has, not in its palest tone either."""

LIGHTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"day": ("none", "sun"), "night": ("none", "moon"), "sunset": ("none", "sun", "moon"), "cloudy": ("none", "sun")}
)
"""What may shine in each sky."""

BACKDROPS = ("none", "mountains", "forest")

Combination = tuple[str, str, str]
"""Subject, colour and sky."""


def _held_out() -> frozenset[Combination]:
    """Hold out the first edition's 16 of its eight subjects, so that none was ever trained on, and 8 of the new four."""
    chosen: list[Combination] = []
    for subjects, count, seed in ((SUBJECTS[:8], 16, 77), (SUBJECTS[8:], 8, 78)):
        everything = list(itertools.product(subjects, COLOURS, SKIES))
        random.Random(seed).shuffle(everything)
        chosen += everything[:count]
    return frozenset(chosen)


HELD_OUT: frozenset[Combination] = _held_out()
"""24 of the 336 combinations, never drawn for training: what the model makes of them shows that it composes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture's content.

    Attributes:
        subject: one of `SUBJECTS`.
        colour: one of `COLOURS`.
        sky: one of `SKIES`.
        ground: one of `GROUNDS`.
        light: "none", or a "sun" or a "moon" in the sky.
        backdrop: one of `BACKDROPS`, along the horizon.
        centre: where the subject stands, in widths of the picture from its left edge.
        scale: the subject's size; at 1.3 a house is 0.62 of the picture's shorter side high.
        horizon: where the sky ends, in heights of the picture from its top.
        detail_seed: places stars, clouds, dunes, the light, and what makes up the backdrop.
    """

    subject: str
    colour: str
    sky: str
    ground: str
    light: str = "none"
    backdrop: str = "none"
    centre: float = 0.5
    scale: float = 1.3
    horizon: float = 0.65
    detail_seed: int = 0

    @property
    def combination(self) -> Combination:
        """Subject, colour and sky, by which scenes are held out."""
        return self.subject, self.colour, self.sky


def random_scene(rng: random.Random) -> Scene:
    """Draw a scene for training: any combination but the held-out ones, with a little jitter.

    Something shines in 55%; mountains and forest stand in 30% each.
    """
    while True:
        sky = rng.choice(tuple(SKIES))
        scene = Scene(
            subject=rng.choice(SUBJECTS),
            colour=rng.choice(tuple(COLOURS)),
            sky=sky,
            ground=rng.choice(tuple(GROUNDS)),
            light=rng.choice(LIGHTS[sky][1:]) if rng.random() < 0.55 else "none",
            backdrop=rng.choices(BACKDROPS, (0.4, 0.3, 0.3))[0],
            centre=rng.uniform(0.46, 0.54),
            scale=rng.uniform(1.22, 1.38),
            horizon=rng.uniform(0.62, 0.68),
            detail_seed=rng.randrange(1 << 30),
        )
        if scene.combination not in HELD_OUT:
            return scene


def draw(scene: Scene, width: int, height: int) -> Image.Image:
    """Draw a scene as an RGB image of `width` x `height` pixels, antialiased by drawing at twice the size."""
    image = Image.new("RGB", (width * 2, height * 2))
    rng = random.Random(scene.detail_seed)
    _draw_sky(image, scene, rng)
    _draw_ground(image, scene, rng)
    _draw_subject(image, scene)
    return image.resize((width, height), Image.Resampling.BOX)


def silhouette(scene: Scene, width: int, height: int) -> Image.Image:
    """Draw where a scene's subject and its shadow stand, as a mode L image: white on black, antialiased as `draw` does."""
    bare = Image.new("RGB", (width * 2, height * 2), UNPAINTED)
    image = bare.copy()
    _draw_subject(image, scene)
    painted = ImageChops.difference(image, bare).convert("L").point(lambda value: 255 if value else 0)
    return painted.resize((width, height), Image.Resampling.BOX)


def _draw_subject(image: Image.Image, scene: Scene) -> None:
    unit = min(image.size) * scene.scale
    brush = Brush(image, origin=(scene.centre * image.width, SUBJECT_LINE * image.height), unit=unit)
    DRAWERS[scene.subject](brush, Paint.of(COLOURS[scene.colour]))


def _draw_sky(image: Image.Image, scene: Scene, rng: random.Random) -> None:
    fill_gradient(image, 0, scene.horizon * image.height + 1, SKIES[scene.sky])
    unit = min(image.size)
    brush, width, height = Brush(image, unit=unit), image.width / unit, image.height / unit
    if scene.sky == "night":
        _draw_stars(brush, width, scene.horizon * height, rng)
    clouds = {"day": rng.choice([0, 1, 2]) if scene.sky == "day" else 0, "cloudy": 5}.get(scene.sky, 0)
    for _ in range(clouds):
        x, y, size = rng.random() * width, rng.uniform(0.06, 0.36) * height, rng.uniform(0.06, 0.1)
        white = (245, 248, 252) if scene.sky == "day" else rng.choice([(165, 170, 178), (225, 228, 232)])
        _draw_cloud(brush, x, y, size, white)
    if scene.light != "none":
        x, y = rng.choice([rng.uniform(0.17, 0.25), rng.uniform(0.75, 0.83)]), rng.uniform(0.18, 0.22)
        draw_light = draw_sun if scene.light == "sun" else draw_moon
        draw_light(brush, x * width, y * height)
    if scene.backdrop == "mountains":
        draw_mountains(brush, width, scene.horizon * height, SKIES[scene.sky][1], rng)
    if scene.backdrop == "forest":
        draw_forest(brush, width, scene.horizon * height, DIMNESS[scene.sky], rng)


def _draw_stars(brush: Brush, width: float, height: float, rng: random.Random) -> None:
    for _ in range(26):
        x, y, radius = rng.random() * width, rng.random() * height, rng.choice([0.005, 0.007, 0.01])
        brush.ellipse(x, y, radius, radius, (255, 255, 225))


def _draw_cloud(brush: Brush, x: float, y: float, size: float, colour: Colour) -> None:
    for offset, radius in ((-1.0, 0.55), (-0.3, 0.85), (0.5, 0.75), (1.2, 0.5)):
        brush.ellipse(x + offset * size, y, radius * size * 0.9, radius * size * 0.6, colour)


def _draw_ground(image: Image.Image, scene: Scene, rng: random.Random) -> None:
    far, near = (darker(colour, DIMNESS[scene.sky]) for colour in GROUNDS[scene.ground])
    fill_gradient(image, scene.horizon * image.height, image.height, (far, near))
    if scene.ground == "desert":
        unit = min(image.size)
        brush, width, height = Brush(image, unit=unit), image.width / unit, image.height / unit
        for _ in range(3):
            x, y = rng.random() * width, rng.uniform(scene.horizon + 0.08, 0.95) * height
            brush.ellipse(x, y + 0.05, 0.3, 0.07, darker(near, 0.06))
