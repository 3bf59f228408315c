"""The studio draws what it says, trains what it planned, and the model that ships is whole and small."""

import json
import random
from pathlib import Path

import pytest
import torch
from PIL import ImageStat

from runner.shipped import shipped
from runner.studio.autoencoder import AutoencoderPlan, train_autoencoder
from runner.studio.captions import full_caption, random_caption
from runner.studio.latents import LatentSet, draw_scenes, encode, pixels
from runner.studio.lora import LoraPlan, StylePairs, save_lora, train_lora
from runner.studio.networks import build_autoencoder, build_networks, build_pipeline, load_autoencoder, load_networks
from runner.studio.scenes import COLOURS, HELD_OUT, Scene, draw, random_scene
from runner.studio.sheet import sheet_prompts
from runner.studio.styles import STYLES
from runner.studio.tokenizer import PromptEncoder, build_tokenizer, load_tokenizer
from runner.studio.training import Share, Trainer, TrainingPlan, TrainingState

pytestmark = pytest.mark.local

MODEL = shipped("models", "studio-tiny")
SCENE = Scene(subject="house", colour="red", sky="day", ground="grass")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_the_same_scene_is_the_same_picture_and_its_subject_has_its_colour() -> None:
    image = draw(SCENE, 64, 64)
    assert image.tobytes() == draw(SCENE, 64, 64).tobytes()
    assert image.getpixel((20, 50)) == COLOURS["red"]


def test_a_caption_says_what_the_scene_shows() -> None:
    assert full_caption(SCENE) == "a red house, on grass, blue sky"
    assert full_caption(SCENE, wording=1) == "a red house, on the grass, daytime"
    rng = random.Random(1)
    assert all("house" in random_caption(SCENE, rng) for _ in range(50))


def test_held_out_combinations_are_never_drawn_for_training() -> None:
    rng = random.Random(5)
    assert not {random_scene(rng).combination for _ in range(3000)} & HELD_OUT
    assert len(HELD_OUT) == 16


@pytest.mark.parametrize("style", STYLES)
def test_a_style_changes_the_whole_picture_and_keeps_its_size(style: str) -> None:
    image = draw(SCENE, 64, 64)
    styled = STYLES[style](image)
    assert styled.size == image.size
    assert ImageStat.Stat(styled).mean != ImageStat.Stat(image).mean


def test_a_tokenizer_gives_every_word_of_the_vocabulary_back() -> None:
    tokenizer = build_tokenizer(seed=1, captions=300)
    text = "a red house, on the grass, night sky"
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True).replace(" ,", ",") == text
    assert PromptEncoder(tokenizer)([text, "猫" * 50]).shape == (2, 20)


def latents(count: int = 8) -> LatentSet:
    return LatentSet(latents=torch.randn(count, 4, 8, 8), scenes=tuple(draw_scenes(count, 1, random_scene)))


def trainer(state: TrainingState | None = None) -> Trainer:
    plan = TrainingPlan(steps=4, samples_a_step=2, warmup=2)
    state = state or TrainingState.start(build_networks(837, seed=3), plan.learning_rate)
    return Trainer(state, plan, [Share(latents=DATA, weight=1.0)], PromptEncoder(load_tokenizer(MODEL)))


torch.manual_seed(0)
DATA = latents()


def test_training_that_was_stopped_and_resumed_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = trainer()
    for _ in range(4):
        whole.step()

    first = trainer()
    first.step()
    first.step()
    first.state.save(tmp_path / "checkpoint.pt")
    resumed = trainer()
    resumed.state.restore(tmp_path / "checkpoint.pt")
    resumed.step()
    resumed.step()

    for one, other in zip(whole.state.networks.parameters(), resumed.state.networks.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_autoencoder_learns_and_scales_its_latents_to_unit_size() -> None:
    quality: list[float] = []
    plan = AutoencoderPlan(steps=12, crops_a_step=2, crop=32)
    trained = train_autoencoder(
        build_autoencoder(seed=1),
        draw_scenes(4, 2, random_scene),
        plan,
        lambda _, value: quality.append(value),
        size=64,
    )
    images = pixels([draw(scene, 64, 64) for scene in draw_scenes(4, 2, random_scene)])
    assert quality[-1] > 5
    assert 0.8 < encode(trained, images).std().item() < 1.25


def test_a_lora_trains_and_leaves_the_base_as_it_was(tmp_path: Path) -> None:
    networks = load_networks(MODEL)
    before = {name: value.clone() for name, value in networks.unet.state_dict().items()}
    pairs = StylePairs.encode(load_autoencoder(MODEL), draw_scenes(2, 1, random_scene), "ink", 64)
    plan = LoraPlan(style="ink", steps=2, samples_a_step=2, warmup=1)
    weights = train_lora(networks, pairs, plan, PromptEncoder(load_tokenizer(MODEL)), lambda *_: None)
    assert {
        name: value for name, value in networks.unet.state_dict().items() if not torch.equal(value, before[name])
    } == {}
    save_lora(tmp_path / "ink.safetensors", weights)
    pipeline = build_pipeline(MODEL)
    pipeline.load_lora_weights(tmp_path, weight_name="ink.safetensors", adapter_name="ink", local_files_only=True)
    assert pipeline.get_list_adapters() == {"unet": ["ink"]}


def test_the_model_that_ships_is_whole_and_under_12_megabytes() -> None:
    files = [path for path in MODEL.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 12_000_000
    assert {path.stem for path in (MODEL / "loras").iterdir()} == {"ink", "neon"}
    assert json.loads((MODEL / "training.json").read_text())["native_size"] == 256
    card = (MODEL / "README.md").read_text()
    assert all(word in card for word in ("house", "mushroom", "purple", "sunset", "ink", "neon", "256 x 256"))


def test_the_contact_sheet_goes_round_the_vocabulary() -> None:
    prompts = sheet_prompts(24)
    assert len(set(prompts)) == 24
    assert prompts[0] == "a red house, on grass, blue sky"
