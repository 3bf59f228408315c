"""What a model is marked by falls where shapes break, and each mark is counted exactly."""

from dataclasses import replace

import pytest
import torch
from PIL import Image, ImageChops

from runner.studio.judge import CELL, SIGHT, TRAITS, Judge, JudgePlan, asked_scenes, outline_of, train_judge
from runner.studio.latents import draw_scenes
from runner.studio.marks import Marks, best_overlap, jittered, kernel_distance, mark, pieces
from runner.studio.scenes import SUBJECTS, Scene, draw, random_scene, silhouette

pytestmark = pytest.mark.local

SCENE = Scene(subject="house", colour="red", sky="day", ground="grass")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return train_judge(draw_scenes(60, 1, random_scene), JudgePlan(steps=45, pictures_a_step=12), lambda *_: None)


def cells(scene: Scene, width: int = SIGHT, height: int = SIGHT) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(outline_of(scene, (width, height)), CELL)[0] > 0.5


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_silhouette_is_where_the_subject_changes_the_picture(subject: str) -> None:
    scene = replace(SCENE, subject=subject, colour="pink", horizon=1.0)
    changed = ImageChops.difference(draw(scene, 96, 96), draw(replace(scene, scale=0.0), 96, 96)).convert("L")
    beyond = ImageChops.subtract(changed, silhouette(scene, 96, 96).point(lambda value: 255 if value else 0))
    assert beyond.crop((0, 0, 96, 80)).getbbox() is None
    assert silhouette(scene, 96, 96).getextrema() == (0, 255)


def test_an_outline_fits_its_own_subject_best_wherever_it_stands_mirrored_too_and_in_any_shape() -> None:
    for size in ((256, 256), (384, 256)):
        shape = (size[0] // 4, size[1] // 4)
        for place, scene in enumerate(asked_scenes(12, 3, plain=False)):
            found = cells(jittered(scene), *shape)
            found = found.flip(1) if place % 2 else found
            fits = {subject: best_overlap(found, replace(scene, subject=subject), size) for subject in SUBJECTS}
            assert max(fits, key=lambda subject: fits[subject]) == scene.subject
            assert fits[scene.subject] > 0.85


def test_an_outline_that_is_broken_overlaps_less() -> None:
    found = cells(SCENE)
    assert best_overlap(found, SCENE, (512, 512)) > 0.95
    assert best_overlap(found | found.roll(9, 1), SCENE, (512, 512)) < 0.7
    assert best_overlap(torch.zeros_like(found), SCENE, (512, 512)) == 0


def test_pieces_touch_at_corners_and_crumbs_do_not_count() -> None:
    found = torch.zeros(12, 12, dtype=torch.bool)
    assert pieces(found) == 0
    found[1:6, 1:6] = True
    found[6, 6] = True
    assert pieces(found) == 1
    found[9, 9] = True  # 1 of 26
    assert pieces(found) == 1
    found[9, 10] = True
    assert pieces(found) == 2


def test_the_kernel_distance_is_that_of_its_source() -> None:
    ones, zeros = torch.ones(2, 3), torch.zeros(2, 3)
    assert kernel_distance(ones, zeros) == 8 + 1 - 2
    generator = torch.Generator().manual_seed(1)
    one, other = (torch.randn(400, 4, generator=generator) for _ in range(2))
    assert abs(kernel_distance(one, other)) < 0.05
    assert kernel_distance(one, other + 1) > 1


def test_drawings_are_closer_to_drawings_than_broken_ones_are(judge: Judge) -> None:
    scenes = asked_scenes(24, 5, plain=False)
    whole = [draw(jittered(scene), 128, 128) for scene in scenes]
    broken = [ImageChops.offset(image, 64, 0) for image in whole]
    well, badly = (mark(judge, zip(images, scenes, strict=True)) for images in (whole, broken))
    assert badly.distance is not None
    assert well.distance is not None
    assert badly.distance > well.distance + 1
    assert badly.intact < well.intact


def test_marks_count_the_pictures_in_which_every_trait_is_right(judge: Judge) -> None:
    images = [draw(scene, 64, 64) for scene in draw_scenes(6, 7, random_scene)]
    said = [Scene(**{**judge.verdict(image), "detail_seed": place}) for place, image in enumerate(images)]
    said[0] = replace(said[0], ground="snow" if said[0].ground != "snow" else "desert")
    said[1] = replace(said[1], backdrop="forest" if said[1].backdrop != "forest" else "none")
    marks = mark(judge, zip(images, said, strict=True))
    assert dict(marks.right) == dict.fromkeys(TRAITS, 1.0) | {"ground": 5 / 6, "backdrop": 5 / 6}
    assert marks.whole == 4 / 6


def test_one_picture_has_no_distance(judge: Judge) -> None:
    assert mark(judge, [(Image.new("RGB", (64, 64)), SCENE)]).distance is None


def test_marks_are_said_in_one_line() -> None:
    marks = Marks(right={"subject": 1.0, "sky": 0.5}, whole=0.5, intact=0.8126, alone=0.975, distance=3.456)
    assert str(marks) == "subject 100.0%, sky 50.0%, all at once 50.0%, intact 0.813, alone 97.5%, distance 3.46"
    assert str(replace(marks, distance=None)).endswith("alone 97.5%")
