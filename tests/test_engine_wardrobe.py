"""LoRAs on a loaded model: what they add to a picture, what they cost, and that they leave nothing behind."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from drawing import one_model, plain
from peft.tuners.tuners_utils import BaseTunerLayer

from runner.engine.diffusion import DiffusionEngine
from runner.engine.folders import ModelLibrary
from runner.engine.loading import family_in, load_model
from runner.engine.tuning import Tuning
from runner.engine.wardrobe import Wardrobe

pytestmark = pytest.mark.local

PLAIN = plain("tiny")
INK = (("ink", 0.7),)
BOTH = (("ink", 0.7), ("contrast-fix.v1.2", -0.4))

saved = pytest.fixture(scope="session")(one_model)


class Dressing:
    """A tiny pipeline and its wardrobe."""

    def __init__(self, saved: Path, dtype: str) -> None:
        folder = ModelLibrary(saved).folder("tiny")
        self.pipeline = load_model(folder, family_in(folder), "cpu", Tuning(dtype=dtype))
        self._wardrobe = Wardrobe(folder)

    def wear(self, *loras: tuple[str, float]) -> None:
        self._wardrobe.wear(self.pipeline, self._wardrobe.find(loras), loras)

    def layers(self) -> list[Any]:
        parts = (self.pipeline.unet, self.pipeline.text_encoder)
        return [layer for part in parts for layer in part.modules() if isinstance(layer, BaseTunerLayer)]

    def weights(self) -> list[torch.Tensor]:
        """The weights of the layers themselves, whichever LoRAs lie beside them."""
        parts = (self.pipeline.unet, self.pipeline.text_encoder)
        return [tensor.clone() for part in parts for name, tensor in part.state_dict().items() if "lora_" not in name]

    def predicted(self) -> torch.Tensor:
        """What the U-Net makes of one state."""
        noise = torch.Generator().manual_seed(5)
        unet = self.pipeline.unet
        latents = torch.randn(1, 4, 8, 8, generator=noise).to(unet.dtype)
        words = torch.randn(1, 77, unet.config.cross_attention_dim, generator=noise).to(unet.dtype)
        with torch.no_grad():
            return torch.as_tensor(unet(latents, 500, words).sample)


@pytest.fixture
def dressing(saved: Path) -> Dressing:
    return Dressing(saved, "float32")


def same(left: list[torch.Tensor], right: list[torch.Tensor]) -> bool:
    return len(left) == len(right) and all(torch.equal(*pair) for pair in zip(left, right, strict=True))


@pytest.mark.parametrize("loras", [INK, BOTH], ids=["one", "two"])
def test_loras_added_into_the_weights_say_what_they_say_beside_them(
    dressing: Dressing, loras: tuple[tuple[str, float], ...]
) -> None:
    bare = dressing.predicted()
    dressing.wear(*loras)
    added = dressing.predicted()
    assert dressing.layers()
    assert all(layer.merged for layer in dressing.layers())
    for layer in dressing.layers():
        layer.unmerge()
    beside = dressing.predicted()
    assert torch.allclose(added, beside, atol=1e-5)
    assert not torch.allclose(added, bare, atol=1e-3)


def test_whatever_was_worn_the_models_own_weights_come_back_to_the_bit(dressing: Dressing) -> None:
    before = dressing.weights()
    dressing.wear(*INK)
    inked = dressing.weights()
    dressing.wear(*BOTH)
    dressing.wear(("ink", 0.0))
    assert same(dressing.weights(), before)
    dressing.wear(*INK)
    assert same(dressing.weights(), inked)
    assert not same(inked, before)
    dressing.wear()
    assert same(dressing.weights(), before)
    assert dressing.layers() == []


def test_memory_that_runs_out_half_way_leaves_no_half_of_a_lora_behind(
    dressing: Dressing, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dressing.weights()
    dressing.wear(*INK)
    inked = dressing.weights()

    def no_memory() -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(dressing.layers()[-1], "merge", no_memory)
        with pytest.raises(MemoryError):
            dressing.wear(("ink", 0.3))
    assert same(dressing.weights(), before)
    dressing.wear(*INK)
    assert same(dressing.weights(), inked)


def test_a_lora_of_strength_0_changes_nothing_and_nothing_is_computed_for_it(dressing: Dressing) -> None:
    bare = dressing.predicted()
    dressing.wear(*INK)
    dressing.wear(("ink", 0.0))
    assert torch.equal(dressing.predicted(), bare)
    assert all(layer.disable_adapters and not layer.merged for layer in dressing.layers())


def test_beside_one_of_strength_0_another_acts_alone(dressing: Dressing) -> None:
    dressing.wear(("ink", 0.0), BOTH[1])
    together = dressing.predicted()
    dressing.wear(BOTH[1])
    assert torch.equal(dressing.predicted(), together)


def test_half_precision_keeps_loras_beside_weights_that_would_round_them(saved: Path) -> None:
    dressing = Dressing(saved, "bfloat16")
    before = dressing.predicted()
    dressing.wear(*INK)
    assert dressing.layers()
    assert not any(layer.merged for layer in dressing.layers())
    assert not torch.equal(dressing.predicted(), before)


def test_a_picture_is_the_same_whatever_its_model_wore_before(saved: Path) -> None:
    inked = replace(PLAIN, loras=INK)
    engine = DiffusionEngine(saved)
    first = engine.generate(inked)
    for loras in (BOTH, (("ink", 0.0),), (), (("ink", -1.0),)):
        engine.generate(replace(PLAIN, loras=loras))
    assert engine.generate(inked) == first == DiffusionEngine(saved).generate(inked)
