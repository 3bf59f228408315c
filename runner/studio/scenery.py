"""What may stand in the sky and along the horizon: a sun or a moon, mountains or a forest.

Lengths are in units of the picture's shorter side, as the brush of a backdrop has them.
"""

import math
import random

from runner.studio.brush import Brush, Colour, darker, mix

SUN: Colour = (250, 210, 40)
MOON: Colour = (240, 240, 225)
ROCK: Colour = (95, 100, 130)
SUMMIT: Colour = (245, 245, 250)
FIR: Colour = (40, 105, 60)


def draw_sun(brush: Brush, x: float, y: float) -> None:
    """Draw a sun around a point: a disc and twelve rays."""
    for ray in range(12):
        angle = ray * math.pi / 6
        along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
        foot = [
            (x + 0.105 * along[0] + side * across[0], y + 0.105 * along[1] + side * across[1]) for side in (-0.02, 0.02)
        ]
        brush.polygon([*foot, (x + 0.165 * along[0], y + 0.165 * along[1])], SUN)
    brush.ellipse(x, y, 0.097, 0.097, SUN)


def draw_moon(brush: Brush, x: float, y: float) -> None:
    """Draw a full moon around a point, with three craters."""
    brush.ellipse(x, y, 0.106, 0.106, MOON)
    for right, down, radius in ((-0.037, -0.025, 0.022), (0.037, 0.031, 0.027), (0.025, -0.05, 0.015)):
        brush.ellipse(x + right, y + down, radius, radius, darker(MOON, 0.15))


def draw_mountains(brush: Brush, width: float, horizon: float, haze: Colour, rng: random.Random) -> None:
    """Draw a range with snow on its summits, its rock tinted with the colour of the sky behind it."""
    rock = mix(ROCK, haze, 0.25)
    for peak in range(math.ceil(width / 0.33) + 1):
        x, height = -0.05 + peak * 0.33 + rng.uniform(-0.06, 0.06), rng.uniform(0.16, 0.30)
        top = horizon - height
        slope = [(x - 0.26, horizon + 0.01), (x, top), (x + 0.26, horizon + 0.01)]
        brush.polygon(slope, darker(rock, 0.08 * (peak % 2)))
        line = horizon - height * 0.72
        brush.polygon([(x - 0.073, line), (x, top), (x + 0.073, line), (x + 0.02, horizon - height * 0.78)], SUMMIT)


def draw_forest(brush: Brush, width: float, horizon: float, dimness: float, rng: random.Random) -> None:
    """Draw a row of firs, darker by `dimness` (0 to 1)."""
    for fir in range(math.ceil(width / 0.125) + 1):
        x, height = fir * 0.125 + rng.uniform(-0.03, 0.03), rng.uniform(0.10, 0.18)
        outline = [(x - 0.06, horizon + 0.02), (x, horizon - height), (x + 0.06, horizon + 0.02)]
        brush.polygon(outline, darker(FIR, dimness))
