"""The judge learns from drawings, and says of a picture what it shows; what a model gets right is counted exactly."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from runner.studio.__main__ import app
from runner.studio.judge import (
    SIGHT,
    TRAITS,
    Judge,
    JudgePlan,
    asked_scenes,
    load_judge,
    right,
    save_judge,
    seen,
    train_judge,
)
from runner.studio.latents import draw_scenes
from runner.studio.scenes import HELD_OUT, LIGHTS, SUBJECTS, draw, random_scene

pytestmark = pytest.mark.local

PLAN = JudgePlan(steps=45, pictures_a_step=12)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return train_judge(draw_scenes(60, 1, random_scene), PLAN, lambda *_: None)


def test_a_judge_learns_the_sky_and_the_ground_within_a_few_steps(judge: Judge) -> None:
    scenes = draw_scenes(24, 99, random_scene)
    shares = right(judge, ((draw(scene, 128, 128), scene) for scene in scenes))
    assert list(shares) == list(TRAITS) == ["subject", "colour", "sky", "ground", "light", "backdrop"]
    assert min(shares["sky"], shares["ground"]) > 0.6


def test_the_same_plan_trains_the_same_judge(judge: Judge, tmp_path: Path) -> None:
    again = train_judge(draw_scenes(60, 1, random_scene), PLAN, lambda *_: None)
    save_judge(tmp_path / "judge.safetensors", again)
    kept = load_judge(tmp_path / "judge.safetensors").state_dict()
    assert all(torch.equal(kept[name], value) for name, value in judge.state_dict().items())


def test_a_verdict_has_a_value_for_every_trait_whatever_the_pictures_shape(judge: Judge) -> None:
    scene = draw_scenes(1, 5, random_scene)[0]
    for size in ((256, 256), (384, 256), (256, 384), (64, 100)):
        verdict = judge.verdict(draw(scene, *size))
        assert all(verdict[trait] in values for trait, values in TRAITS.items())
    assert seen(draw(scene, 384, 256)).size == (SIGHT * 3 // 2, SIGHT)


def test_the_shares_are_those_of_the_pictures_that_show_what_their_scene_says(judge: Judge) -> None:
    images = [draw(scene, 64, 64) for scene in draw_scenes(4, 7, random_scene)]
    verdicts = [judge.verdict(image) for image in images]
    wrong = [(image, draw_scenes(1, 0, random_scene)[0]) for image in images]
    expected = {
        trait: sum(verdict[trait] == getattr(scene, trait) for verdict, (_, scene) in zip(verdicts, wrong, strict=True))
        / 4
        for trait in TRAITS
    }
    assert right(judge, wrong) == expected


def test_the_scenes_that_a_model_is_asked_for_go_round_the_subjects_and_have_no_sun_by_night() -> None:
    scenes = asked_scenes(240, 1, plain=False)
    assert [scene.subject for scene in scenes[:12]] == list(SUBJECTS)
    assert all(scene.light in LIGHTS[scene.sky] for scene in scenes)
    assert {scene.light for scene in scenes} == {"none", "sun", "moon"}
    assert {scene.combination for scene in scenes} & HELD_OUT


def test_a_plain_scene_is_in_the_first_editions_words() -> None:
    scenes = asked_scenes(40, 1, plain=True)
    assert {scene.subject for scene in scenes} == set(SUBJECTS[:8])
    assert {(scene.light, scene.backdrop) for scene in scenes} == {("none", "none")}


def test_an_assessment_is_printed_and_kept_as_a_line(judge: Judge, tmp_path: Path) -> None:
    save_judge(tmp_path / "judge.safetensors", judge)
    done = CliRunner().invoke(app, ["assess", "--work", str(tmp_path), "--size", "64x64", "--count", "1", "--plain"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("models/studio-tiny at 64x64, 1 prompts: subject ")
    line = json.loads((tmp_path / "assessments.jsonl").read_text())
    assert (line["model"], line["size"], line["prompts"], line["plain"]) == ("studio-tiny", "64x64", 1, True)
    assert list(line["right"]) == list(TRAITS)
