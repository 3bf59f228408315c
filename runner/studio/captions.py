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


LIGHT_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"sun": ("with a sun", "under the sun"), "moon": ("with a moon", "under the moon")}
)

BACKDROP_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"mountains": ("mountains", "with mountains"), "forest": ("forest", "with a forest")}
)


def full_caption(scene: Scene, wording: int = 0) -> str:
    """Return everything that a scene shows; `wording` (0 or 1) chooses between the two ways to say it.

    >>> full_caption(Scene(subject="house", colour="red", sky="night", ground="grass", light="moon"))
    'a red house, on grass, night sky, with a moon'
    """
    words = [f"a {scene.colour} {scene.subject}", GROUND_WORDS[scene.ground][wording], SKY_WORDS[scene.sky][wording]]
    if scene.light != "none":
        words.append(LIGHT_WORDS[scene.light][wording])
    if scene.backdrop != "none":
        words.append(BACKDROP_WORDS[scene.backdrop][wording])
    return ", ".join(words)


def random_caption(scene: Scene, rng: random.Random) -> str:
    """Return a caption for training: some parts are left out, and in 30% what follows the subject is shuffled.

    Left out are the colour in 7%, the ground in 25%, the sky in 12%, the light and the backdrop in 8% each.
    """
    subject = f"a {scene.colour} {scene.subject}" if rng.random() < 0.93 else f"a {scene.subject}"
    surroundings = []
    if rng.random() < 0.75:
        surroundings.append(rng.choice(GROUND_WORDS[scene.ground]))
    if rng.random() < 0.88:
        surroundings.append(rng.choice(SKY_WORDS[scene.sky]))
    if scene.light != "none" and rng.random() < 0.92:
        surroundings.append(rng.choice(LIGHT_WORDS[scene.light]))
    if scene.backdrop != "none" and rng.random() < 0.92:
        surroundings.append(rng.choice(BACKDROP_WORDS[scene.backdrop]))
    if rng.random() < 0.3:
        rng.shuffle(surroundings)
    return ", ".join([subject, *surroundings])
