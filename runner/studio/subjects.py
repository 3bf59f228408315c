"""The twelve things that studio-tiny can draw. Each stands on the brush's origin; one unit is about twice its height."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from runner.studio.brush import Brush, Colour, darker, lighter

LAMPLIGHT: Colour = (250, 240, 190)
INK: Colour = (40, 35, 40)
WOOD: Colour = (110, 70, 40)
GLASS: Colour = (190, 225, 245)
LEAF: Colour = (45, 135, 60)
SHADOW: Colour = (45, 50, 45)
YELLOW: Colour = (250, 210, 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """The colour that a caption names, and two tones of it."""

    body: Colour
    shade: Colour
    light: Colour

    @classmethod
    def of(cls, colour: Colour) -> "Paint":
        """Return the paint of a colour: itself, 28% darker, 40% lighter."""
        return cls(body=colour, shade=darker(colour, 0.28), light=lighter(colour, 0.4))


def _shadow(brush: Brush) -> None:
    brush.ellipse(0, 0, 0.25, 0.03, SHADOW)


def house(brush: Brush, paint: Paint) -> None:
    """Draw walls, a roof with a chimney, a door and two lit windows."""
    _shadow(brush)
    brush.rectangle(-0.20, -0.28, 0.20, 0, paint.body)
    brush.polygon([(-0.25, -0.28), (0, -0.48), (0.25, -0.28)], paint.shade)
    brush.rectangle(0.09, -0.44, 0.14, -0.34, paint.shade)
    brush.rectangle(-0.045, -0.15, 0.045, 0, (90, 60, 40))
    brush.rectangle(-0.16, -0.22, -0.08, -0.14, LAMPLIGHT)
    brush.rectangle(0.08, -0.22, 0.16, -0.14, LAMPLIGHT)


def tree(brush: Brush, paint: Paint) -> None:
    """Draw a trunk and a crown of three balls."""
    _shadow(brush)
    brush.rectangle(-0.035, -0.20, 0.035, 0, WOOD)
    brush.ellipse(-0.11, -0.27, 0.12, 0.11, paint.shade)
    brush.ellipse(0.11, -0.27, 0.12, 0.11, paint.shade)
    brush.ellipse(0, -0.36, 0.15, 0.14, paint.body)
    brush.ellipse(-0.05, -0.40, 0.05, 0.04, paint.light)


def car(brush: Brush, paint: Paint) -> None:
    """Draw a car from its side: cabin, two windows, body, lamp and two wheels."""
    _shadow(brush)
    brush.polygon([(-0.15, -0.15), (-0.09, -0.27), (0.09, -0.27), (0.16, -0.15)], paint.shade)
    brush.polygon([(-0.11, -0.15), (-0.07, -0.24), (-0.01, -0.24), (-0.01, -0.15)], GLASS)
    brush.polygon([(0.02, -0.15), (0.02, -0.24), (0.07, -0.24), (0.12, -0.15)], GLASS)
    brush.rectangle(-0.26, -0.16, 0.26, -0.05, paint.body)
    brush.ellipse(0.25, -0.12, 0.02, 0.02, LAMPLIGHT)
    for wheel in (-0.15, 0.15):
        brush.ellipse(wheel, -0.04, 0.06, 0.06, INK)
        brush.ellipse(wheel, -0.04, 0.026, 0.026, (200, 200, 205))


def boat(brush: Brush, paint: Paint) -> None:
    """Draw a hull, a mast and two white sails."""
    brush.polygon([(-0.25, -0.12), (0.25, -0.12), (0.17, 0), (-0.17, 0)], paint.body)
    brush.rectangle(-0.012, -0.46, 0.012, -0.12, WOOD)
    brush.polygon([(0.025, -0.45), (0.025, -0.15), (0.20, -0.15)], (250, 250, 245))
    brush.polygon([(-0.025, -0.40), (-0.025, -0.15), (-0.15, -0.15)], (225, 228, 230))
    brush.rectangle(-0.235, -0.105, 0.235, -0.085, paint.light)


def rocket(brush: Brush, paint: Paint) -> None:
    """Draw a flame, two fins, a body, a nose and a porthole."""
    brush.polygon([(-0.06, -0.06), (0, 0.06), (0.06, -0.06)], (250, 170, 40))
    brush.polygon([(-0.17, -0.04), (-0.08, -0.20), (-0.08, -0.06)], paint.shade)
    brush.polygon([(0.17, -0.04), (0.08, -0.20), (0.08, -0.06)], paint.shade)
    brush.rectangle(-0.085, -0.36, 0.085, -0.06, paint.body)
    brush.polygon([(-0.085, -0.36), (0, -0.54), (0.085, -0.36)], paint.shade)
    brush.ellipse(0, -0.29, 0.045, 0.045, (245, 245, 245))
    brush.ellipse(0, -0.29, 0.032, 0.032, (120, 200, 240))


def flower(brush: Brush, paint: Paint) -> None:
    """Draw a stem with two leaves and six petals around a heart (brown where the petals are yellow)."""
    _shadow(brush)
    brush.rectangle(-0.014, -0.26, 0.014, 0, LEAF)
    brush.ellipse(-0.07, -0.10, 0.065, 0.028, LEAF)
    brush.ellipse(0.07, -0.14, 0.065, 0.028, LEAF)
    for petal in range(6):
        angle = petal * math.pi / 3
        brush.ellipse(0.105 * math.cos(angle), -0.36 + 0.105 * math.sin(angle), 0.07, 0.07, paint.body)
    brush.ellipse(0, -0.36, 0.065, 0.065, (150, 90, 40) if paint.body == YELLOW else YELLOW)


def cat(brush: Brush, paint: Paint) -> None:
    """Draw a sitting cat from the front."""
    _shadow(brush)
    brush.ellipse(0, -0.14, 0.15, 0.14, paint.body)
    brush.ellipse(0.19, -0.12, 0.028, 0.12, paint.shade)
    brush.polygon([(-0.12, -0.32), (-0.10, -0.48), (-0.01, -0.38)], paint.shade)
    brush.polygon([(0.12, -0.32), (0.10, -0.48), (0.01, -0.38)], paint.shade)
    brush.ellipse(0, -0.32, 0.13, 0.11, paint.body)
    for eye in (-0.05, 0.05):
        brush.ellipse(eye, -0.34, 0.024, 0.03, (245, 245, 200))
        brush.ellipse(eye, -0.34, 0.011, 0.026, INK)
    brush.polygon([(-0.015, -0.295), (0.015, -0.295), (0, -0.275)], (235, 120, 140))
    for paw in (-0.06, 0.06):
        brush.ellipse(paw, -0.02, 0.04, 0.025, paint.light)


def mushroom(brush: Brush, paint: Paint) -> None:
    """Draw a stalk and a cap with three white spots."""
    _shadow(brush)
    brush.polygon([(-0.06, -0.22), (0.06, -0.22), (0.08, 0), (-0.08, 0)], (245, 235, 215))
    brush.ellipse(0, -0.24, 0.22, 0.06, paint.shade)
    cap = [(-0.22, -0.24), (-0.17, -0.36), (-0.07, -0.43), (0.07, -0.43), (0.17, -0.36), (0.22, -0.24)]
    brush.polygon(cap, paint.body)
    for x, y, radius in ((-0.10, -0.31, 0.035), (0.02, -0.37, 0.03), (0.11, -0.29, 0.034)):
        brush.ellipse(x, y, radius, radius, (255, 255, 255))


def castle(brush: Brush, paint: Paint) -> None:
    """Draw a wall with battlements and a gate between two towers."""
    _shadow(brush)
    brush.rectangle(-0.17, -0.26, 0.17, 0, paint.body)
    for tower in (-0.22, 0.22):
        brush.rectangle(tower - 0.065, -0.38, tower + 0.065, 0, paint.body)
        brush.polygon([(tower - 0.08, -0.38), (tower, -0.52), (tower + 0.08, -0.38)], paint.shade)
        brush.rectangle(tower - 0.018, -0.30, tower + 0.018, -0.23, INK)
    for battlement in range(4):
        left = -0.145 + battlement * 0.08
        brush.rectangle(left, -0.30, left + 0.05, -0.26, paint.body)
    brush.rectangle(-0.05, -0.10, 0.05, 0, (80, 55, 40))
    brush.ellipse(0, -0.10, 0.05, 0.05, (80, 55, 40))


def balloon(brush: Brush, paint: Paint) -> None:
    """Draw a hot-air balloon in flight: an envelope with a light stripe, two ropes and a basket."""
    brush.ellipse(0, -0.41, 0.17, 0.18, paint.body)
    brush.polygon([(-0.13, -0.30), (0.13, -0.30), (0.045, -0.18), (-0.045, -0.18)], paint.body)
    brush.ellipse(0, -0.41, 0.065, 0.18, paint.light)
    brush.ellipse(-0.07, -0.48, 0.03, 0.045, paint.light)
    for left in (-0.045, 0.035):
        brush.rectangle(left, -0.18, left + 0.01, -0.10, INK)
    brush.rectangle(-0.05, -0.12, 0.05, -0.05, (140, 90, 50))


def ball(brush: Brush, paint: Paint) -> None:
    """Draw a ball with a highlight and a dark spot."""
    _shadow(brush)
    brush.ellipse(0, -0.19, 0.19, 0.19, paint.body)
    brush.ellipse(-0.06, -0.26, 0.06, 0.05, paint.light)
    brush.ellipse(0, -0.19, 0.06, 0.06, paint.shade)


def robot(brush: Brush, paint: Paint) -> None:
    """Draw legs, a body with a panel, arms, and a square head with two eyes and an aerial."""
    _shadow(brush)
    for side in (-1, 1):
        brush.rectangle(side * 0.07 - 0.03, -0.10, side * 0.07 + 0.03, 0, paint.shade)
        brush.rectangle(side * 0.175 - 0.025, -0.29, side * 0.175 + 0.025, -0.12, paint.shade)
    brush.rectangle(-0.14, -0.30, 0.14, -0.08, paint.body)
    brush.rectangle(-0.10, -0.46, 0.10, -0.32, paint.body)
    brush.rectangle(-0.008, -0.52, 0.008, -0.46, INK)
    brush.ellipse(0, -0.53, 0.022, 0.022, (240, 60, 60))
    for eye in (-0.045, 0.045):
        brush.ellipse(eye, -0.40, 0.026, 0.026, (255, 250, 180))
        brush.ellipse(eye, -0.40, 0.011, 0.011, INK)
    brush.rectangle(-0.05, -0.355, 0.05, -0.34, INK)
    brush.rectangle(-0.07, -0.24, 0.07, -0.14, paint.light)


DRAWERS: Mapping[str, Callable[[Brush, Paint], None]] = MappingProxyType(
    {
        "house": house,
        "tree": tree,
        "car": car,
        "boat": boat,
        "rocket": rocket,
        "flower": flower,
        "cat": cat,
        "mushroom": mushroom,
        "castle": castle,
        "balloon": balloon,
        "ball": ball,
        "robot": robot,
    }
)
