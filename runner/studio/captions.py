"""A scene becomes words, as people would ask for it: parts left out, reordered and worded in two ways."""

import random
from collections.abc import Mapping
from types import MappingProxyType

from runner.studio.scenes import Scene

SKY_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "day": ("blue sky", "daytime"),
        "night": ("night sky", "at night"),
        "sunset": ("sunset sky", "at sunset"),
        "cloudy": ("cloudy sky", "grey sky"),
    }
)

GROUND_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "grass": ("on grass", "on the grass"),
        "desert": ("on sand", "in the desert"),
        "snow": ("on snow", "in the snow"),
    }
)


def full_caption(scene: Scene, wording: int = 0) -> str:
    """Return everything that a scene shows; `wording` (0 or 1) chooses between the two ways to say it.

    >>> full_caption(Scene(subject="house", colour="red", sky="night", ground="grass"))
    'a red house, on grass, night sky'
    """
    return f"a {scene.colour} {scene.subject}, {GROUND_WORDS[scene.ground][wording]}, {SKY_WORDS[scene.sky][wording]}"


def random_caption(scene: Scene, rng: random.Random) -> str:
    """Return a caption for training: the colour is left out in 7%, the ground in 25%, the sky in 12%; 30% swap the last two."""
    subject = f"a {scene.colour} {scene.subject}" if rng.random() < 0.93 else f"a {scene.subject}"
    surroundings = []
    if rng.random() < 0.75:
        surroundings.append(rng.choice(GROUND_WORDS[scene.ground]))
    if rng.random() < 0.88:
        surroundings.append(rng.choice(SKY_WORDS[scene.sky]))
    if rng.random() < 0.3:
        surroundings.reverse()
    return ", ".join([subject, *surroundings])
