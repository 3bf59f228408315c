"""The studio draws what it says, trains what it planned, and the model that ships is whole and small."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops, ImageStat
from typer.testing import CliRunner

from runner.shipped import shipped
from runner.studio.__main__ import app
from runner.studio.autoencoder import train_autoencoder
from runner.studio.captions import full_caption, random_caption
from runner.studio.card import SHEETS
from runner.studio.diffusion import LIGHT_WEIGHT, attention
from runner.studio.fitting import CropPlan
from runner.studio.latents import LatentSet, draw_scenes, encode, pixels
from runner.studio.lora import LoraPlan, StylePairs, save_lora, train_lora
from runner.studio.networks import build_autoencoder, build_networks, build_pipeline, load_autoencoder, load_networks
from runner.studio.scenery import MOON
from runner.studio.scenes import BACKDROPS, COLOURS, HELD_OUT, LIGHTS, SKIES, SUBJECTS, Scene, draw, random_scene
from runner.studio.sheet import arrange, lines_within, sheet_prompts, sheet_scenes
from runner.studio.styles import JOINT, LAID, MORTAR, STYLES, TILE
from runner.studio.tokenizer import PROMPT_LENGTH, PromptEncoder, build_tokenizer, load_tokenizer
from runner.studio.training import Share, Trainer, TrainingPlan, TrainingState

pytestmark = pytest.mark.local

MODEL = shipped("models", "studio-tiny")
SCENE = Scene(subject="house", colour="red", sky="day", ground="grass")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def colours(image: Image.Image) -> list[tuple[int, object]]:
    """How many pixels have each colour."""
    return [(count, colour) for count, colour in image.getcolors(image.width * image.height) or []]


def test_the_same_scene_is_the_same_picture_and_its_subject_has_its_colour() -> None:
    image = draw(SCENE, 64, 64)
    assert image.tobytes() == draw(SCENE, 64, 64).tobytes()
    assert image.getpixel((20, 50)) == COLOURS["red"]


def test_a_caption_says_what_the_scene_shows() -> None:
    assert full_caption(SCENE) == "a red house, on grass, blue sky"
    assert full_caption(SCENE, wording=1) == "a red house, on the grass, daytime"
    rng = random.Random(1)
    assert all("house" in random_caption(SCENE, rng) for _ in range(50))


def test_a_caption_names_what_shines_and_what_stands_behind() -> None:
    scene = replace(SCENE, light="sun", backdrop="mountains")
    assert full_caption(scene) == "a red house, on grass, blue sky, with a sun, mountains"
    assert full_caption(scene, wording=1) == "a red house, on the grass, daytime, under the sun, with mountains"


def test_no_caption_is_cut_and_each_of_its_words_is_one_token() -> None:
    tokenizer, rng = load_tokenizer(MODEL), random.Random(3)
    captions = [random_caption(random_scene(rng), rng) for _ in range(400)]
    assert max(len(tokenizer(caption, truncation=False).input_ids) for caption in captions) == PROMPT_LENGTH
    words = {word for caption in captions for word in caption.replace(",", "").split()}
    assert {word: tokenizer.tokenize(word) for word in words} == {word: [f"{word}</w>"] for word in words}


def test_held_out_combinations_are_never_drawn_for_training() -> None:
    rng = random.Random(5)
    assert not {random_scene(rng).combination for _ in range(3000)} & HELD_OUT
    assert [sum((subject in part) for subject, _, _ in HELD_OUT) for part in (SUBJECTS[:8], SUBJECTS[8:])] == [16, 8]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_is_drawn_whole_at_its_largest_and_no_two_are_alike(subject: str) -> None:
    scene = replace(SCENE, subject=subject, scale=1.38, horizon=1.0, colour="pink")
    image = draw(scene, 96, 96)
    sky = draw(replace(scene, subject="ball", scale=0.0), 96, 96)
    left, top, right, bottom = ImageChops.difference(image, sky).getbbox() or (0, 0, 0, 0)
    assert (left > 0, top > 0, right < 96, bottom < 96) == (True,) * 4
    others = [draw(replace(scene, subject=other), 96, 96).tobytes() for other in SUBJECTS if other != subject]
    assert image.tobytes() not in others


def test_what_shines_suits_the_sky_and_every_backdrop_is_drawn() -> None:
    rng = random.Random(7)
    scenes = [random_scene(rng) for _ in range(600)]
    seen = {(scene.sky, scene.light) for scene in scenes}
    assert seen == {(sky, light) for sky in SKIES for light in LIGHTS[sky]}
    assert {scene.backdrop for scene in scenes} == set(BACKDROPS)


def test_a_sun_a_moon_mountains_and_a_forest_each_change_the_picture_where_they_stand() -> None:
    plain = Scene(subject="ball", colour="red", sky="sunset", ground="grass", detail_seed=4)
    boxes = {
        name: ImageChops.difference(draw(plain, 96, 96), draw(replace(plain, **{field: name}), 96, 96)).getbbox()
        for field, name in (("light", "sun"), ("light", "moon"), ("backdrop", "mountains"), ("backdrop", "forest"))
    }
    assert boxes == {
        "sun": (56, 3, 89, 35),
        "moon": (62, 8, 83, 30),
        "mountains": (0, 36, 96, 62),
        "forest": (0, 45, 96, 62),
    }


@pytest.mark.parametrize("size", [(96, 96), (144, 96), (96, 144)])
def test_what_shines_stands_whole_before_the_clouds_in_the_corners_that_training_attends_to(
    size: tuple[int, int],
) -> None:
    attended = attention(size[1], size[0])
    assert attended.mean().item() == pytest.approx(1)
    high, low = attended.unique().flip(0).tolist()
    assert high / low == pytest.approx(LIGHT_WEIGHT)
    seen = []
    for seed in range(40):
        dark = replace(SCENE, sky="cloudy", subject="ball", scale=0.0, detail_seed=seed)
        shining = draw(replace(dark, light="moon"), *size)
        difference = np.array(ImageChops.difference(shining, draw(dark, *size))).sum(2)
        assert (attended.numpy()[difference > 0] == np.float32(high)).all()
        seen.append(sum(count for count, colour in colours(shining) if colour == MOON))
    assert min(seen) > 0.9 * max(seen) > 0


def test_a_mosaic_is_laid_thinly_in_tiles_between_dark_joints() -> None:
    drawing = draw(SCENE, 64, 64)
    laid = STYLES["mosaic"](drawing)
    mortar = [
        round(value + LAID * (dark - value)) for value, dark in zip(drawing.getpixel((40, TILE)), MORTAR, strict=True)
    ]
    assert laid.getpixel((40, TILE)) == pytest.approx(mortar, abs=1)
    plain = Image.new("RGB", (64, 64), "red")
    tile = STYLES["mosaic"](plain).crop((JOINT, JOINT, TILE, TILE))
    assert tile.getcolors() == [(tile.width * tile.height, (255, 0, 0))]


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
    plan = CropPlan(steps=12, crops_a_step=2, crop=32)
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


def test_a_packed_model_has_what_the_logs_say_and_inside_it_the_facts_of_the_model_that_it_continues(
    tmp_path: Path,
) -> None:
    work, base, model = tmp_path / "work", tmp_path / "base", tmp_path / "model"
    for part in ("unet", "text_encoder"):
        shutil.copytree(MODEL / part, work / "averaged" / part)
    for part in ("tokenizer", "vae"):
        shutil.copytree(MODEL / part, base / part)
    (base / "training.json").write_text('{"edition": "before"}')
    shutil.copytree(MODEL / "loras", work / "loras")
    (work / "training-log.jsonl").write_text('{"step": 1}\n{"step": 2}\n')
    (work / "assessments.jsonl").write_text('{"size": "256x256"}\n')
    done = CliRunner().invoke(app, ["pack", "--work", str(work), "--from", str(base), "--model", str(model)])
    assert done.exit_code == 0, done.output
    facts = json.loads((model / "training.json").read_text())
    kept = ("checkpoints", "judged", "fidelity", "continues", "loras")
    assert {name: facts[name] for name in kept} == {
        "checkpoints": [{"step": 1}, {"step": 2}],
        "judged": [{"size": "256x256"}],
        "fidelity": [],
        "continues": {"edition": "before"},
        "loras": sorted(path.stem for path in (MODEL / "loras").iterdir()),
    }
    assert (model / "unet" / "diffusion_pytorch_model.safetensors").read_bytes() == (
        MODEL / "unet" / "diffusion_pytorch_model.safetensors"
    ).read_bytes()


def test_the_model_that_ships_is_whole_and_under_12_megabytes() -> None:
    files = [path for path in MODEL.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 12_000_000
    assert {path.stem for path in (MODEL / "loras").iterdir()} == {"ink", "mosaic", "neon"}
    assert json.loads((MODEL / "training.json").read_text())["native_size"] == 256
    card = (MODEL / "README.md").read_text()
    assert all(
        word in card for word in ("house", "robot", "purple", "sunset", "forest", "ink", "mosaic", "neon", "256 x 256")
    )


def test_the_card_shows_every_sheet_that_the_studio_draws_for_it() -> None:
    card = (MODEL / "README.md").read_text()
    assert [name for name in SHEETS if f"../../docs/images/{name}.webp" not in card] == []


def test_the_contact_sheet_goes_round_the_vocabulary() -> None:
    prompts = sheet_prompts(24)
    assert len(set(prompts)) == 24
    assert prompts[0] == "a red house, on grass, blue sky"


def test_a_long_label_of_a_sheet_is_broken_so_that_it_stays_above_its_own_picture() -> None:
    label = "a blue tree, on the grass, at night, under the moon, with mountains"
    assert lines_within(label, 250).splitlines() == [
        "a blue tree, on the grass, at night, under the moon,",
        "with mountains",
    ]
    pictures = [Image.new("RGB", (256, 8), "white") for _ in range(2)]
    sheet = arrange(pictures, [label, ""])
    assert sheet.size == (512, 2 * 14 + 2 + 8)
    assert sheet.crop((256, 0, 512, sheet.height)).getextrema() == ((255, 255),) * 3


def test_a_contact_sheet_of_some_subjects_shows_no_others_held_out_combinations_included() -> None:
    scenes = sheet_scenes(24, SUBJECTS[:8])
    assert {scene.subject for scene in scenes} <= set(SUBJECTS[:8])
    assert all(scene.combination in HELD_OUT for scene in scenes[3::4])
