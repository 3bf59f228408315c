"""A model's own safety checker looks at the finished picture when it is asked to."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from drawing import its_copy, one_model, plain
from PIL import Image

from runner.engine.diffusion import DiffusionEngine
from runner.errors import EngineError
from runner.nouns import Generation, Verdict
from runner.shipped import shipped
from tests.contracts.engine import decoded, png

pytestmark = pytest.mark.local

PLAIN = plain("tiny")

saved = pytest.fixture(scope="session")(one_model)
copied = pytest.fixture(its_copy)


def save_checker(folder: Path, *, finds: bool) -> None:
    """Give a model the safety checker of Stable Diffusion, tiny: it finds every picture unsafe, or none."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessorPil

    small = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(text_config=small, vision_config={**small, "image_size": 32, "patch_size": 16}, projection_dim=8)
    )
    threshold = -2.0 if finds else 2.0  # of a cosine
    checker.concept_embeds_weights.data.fill_(threshold)
    checker.special_care_embeds_weights.data.fill_(2.0)
    checker.save_pretrained(folder / "safety_checker")
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32).save_pretrained(folder / "feature_extractor")
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (folder / "model_index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(("finds", "verdict"), [(True, Verdict.UNSAFE), (False, Verdict.SAFE)])
def test_a_folders_own_safety_checker_looks_when_it_is_asked_to(copied: Path, finds: bool, verdict: Verdict) -> None:
    engine = DiffusionEngine(copied)
    bare = engine.generate(replace(PLAIN, hide="black"))
    save_checker(copied, finds=finds)
    asked, unasked = engine.generate(replace(PLAIN, hide="black")), engine.generate(PLAIN)
    assert (bare.verdict, asked.verdict, unasked.verdict) == (Verdict.UNCHECKED, verdict, Verdict.UNCHECKED)
    assert bare.png == unasked.png
    assert decoded(asked).getextrema() == (((0, 0),) * 3 if finds else decoded(bare).getextrema())


def test_a_rule_of_the_folder_takes_the_place_of_its_checker(copied: Path) -> None:
    save_checker(copied, finds=True)
    (copied / "safety.json").write_text('{"words": ["blue"]}')
    assert DiffusionEngine(copied).generate(replace(PLAIN, hide="black")).verdict is Verdict.SAFE


def test_a_checker_that_cannot_be_loaded_is_refused_and_not_passed_over(copied: Path) -> None:
    save_checker(copied, finds=True)
    shutil.rmtree(copied / "feature_extractor")
    with pytest.raises(
        EngineError, match=r"^safety_checker: that of model 'tiny' cannot be loaded .*safety_checker: no$"
    ):
        DiffusionEngine(copied).generate(replace(PLAIN, hide="black"))


def test_studio_tinys_rule_judges_the_finished_picture() -> None:
    engine = DiffusionEngine(shipped("models"))
    magenta = png(Image.new("RGB", (256, 256), (230, 20, 200)))
    asked = Generation(
        endpoint="img2img",
        model_id="studio-tiny",
        prompt="a pink house, on the grass, blue sky",
        width=256,
        height=256,
        strength=0.1,
        init_image=magenta,
        hide="sensitive_content_text",
    )
    assert engine.generate(asked).verdict is Verdict.UNSAFE
    assert engine.generate(replace(asked, endpoint="text2img", init_image=b"", seed=3)).verdict is Verdict.SAFE
