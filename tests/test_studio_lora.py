"""The LoRAs that ship grow into their style step by step, and two together change more than each alone."""

from collections.abc import Mapping
from itertools import combinations, pairwise
from typing import Any

import pytest
import torch

from runner.shipped import shipped
from runner.studio.card import load_loras
from runner.studio.latents import pixels
from runner.studio.sheet import painter

pytestmark = pytest.mark.local

MODEL = shipped("models", "studio-tiny")
NAMES = tuple(sorted(path.stem for path in (MODEL / "loras").iterdir()))
STRENGTHS = (0.1, 0.3, 0.6, 1.0)


class Easel:
    """Draws one prompt with one seed in 8 steps at 256 x 256, wearing any LoRAs; remembers what it drew."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._drawn: dict[tuple[tuple[str, float], ...], torch.Tensor] = {}

    def __call__(self, worn: Mapping[str, float]) -> torch.Tensor:
        key = tuple(sorted(worn.items()))
        if key not in self._drawn:
            weights = dict.fromkeys(NAMES, 0.0) | dict(worn)
            self._pipeline.set_adapters(list(weights), list(weights.values()))
            generator = torch.Generator().manual_seed(7)
            asked = {"width": 256, "height": 256, "num_inference_steps": 8, "guidance_scale": 5.0}
            drawn = self._pipeline("a yellow car, on sand, blue sky", generator=generator, **asked).images[0]
            self._drawn[key] = pixels([drawn])
        return self._drawn[key]


@pytest.fixture(scope="module")
def easel() -> Easel:
    torch.set_num_threads(1)
    pipeline = painter(MODEL)
    load_loras(pipeline, MODEL)
    return Easel(pipeline)


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the mean difference of two pictures in 8-bit values."""
    return (one - other).abs().mean().item() * 127.5


@pytest.mark.parametrize("name", NAMES)
def test_a_lora_blends_from_a_tenth_to_all_of_its_style_without_a_jump(easel: Easel, name: str) -> None:
    plain = easel({})
    changes = [0.0, *(apart(plain, easel({name: strength})) for strength in STRENGTHS)]
    assert changes == sorted(set(changes))
    assert changes[1] > 0.5
    assert changes[-1] > 15
    assert max(after - before for before, after in pairwise(changes)) < 0.6 * changes[-1]


@pytest.mark.parametrize(("name", "other"), list(combinations(NAMES, 2)))
def test_two_loras_stack(easel: Easel, name: str, other: str) -> None:
    both, one, two = easel({name: 0.6, other: 0.6}), easel({name: 0.6}), easel({other: 0.6})
    assert min(apart(both, one), apart(both, two)) > 3
    assert apart(both, easel({})) > 3
