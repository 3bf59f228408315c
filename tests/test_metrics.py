"""Pictures become numbers: known pictures, with values that were computed by hand."""

import io
import math
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from plans import axis, plan, variable

from runner import table
from runner.errors import ImageError, RunFolderError
from runner.ledger import Standing
from runner.measures import MEASURES
from runner.metrics import Baselines, Job, Shelf, jobs, measure, measured, shelf_path
from runner.metrics.apart import apart
from runner.metrics.looks import MOST_PIXELS, Pixels, colourfulness, looks, luma, pixels
from runner.nouns import Layout, Picture, State
from runner.plan import Plan
from runner.vault import Vault, image_path


def png(*rows: Sequence[tuple[int, int, int]], mode: str = "RGB") -> bytes:
    image = Image.new(mode, (len(rows[0]), len(rows)))
    image.putdata([colour for row in rows for colour in row])
    return saved(image)


def saved(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def flat(colour: tuple[int, int, int], size: tuple[int, int] = (8, 8)) -> Pixels:
    return np.full((size[1], size[0], 3), colour, np.uint8)


def greys(*rows: Sequence[int]) -> Pixels:
    return np.repeat(np.array(rows, np.uint8)[..., None], 3, axis=2)


# --- looks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        pytest.param((0, 0, 0), 0, id="black"),
        pytest.param((255, 255, 255), 255, id="white"),
        pytest.param((255, 0, 0), 76.245, id="red is 0.299 of 255"),
        pytest.param((0, 255, 0), 149.685, id="green is 0.587 of 255"),
        pytest.param((0, 0, 255), 29.07, id="blue is 0.114 of 255"),
    ],
)
def test_brightness_is_the_mean_of_luma(colour: tuple[int, int, int], expected: float) -> None:
    assert looks(flat(colour))["brightness"] == pytest.approx(expected, abs=1e-3)


def test_contrast_is_the_standard_deviation_of_luma() -> None:
    assert looks(flat((90, 90, 90)))["contrast"] == pytest.approx(0, abs=1e-4)
    assert looks(greys([0, 255], [255, 0]))["contrast"] == pytest.approx(127.5)
    assert looks(greys([0, 0, 0, 100]))["contrast"] == pytest.approx(math.sqrt((3 * 25**2 + 75**2) / 4), abs=1e-4)


def test_colourfulness_is_that_of_hasler_and_suesstrunk() -> None:
    assert colourfulness(greys([0, 90], [200, 255])) == 0
    # red alone: rg = 255, yb = 127.5 everywhere, so no spread and 0.3 × √(255² + 127.5²)
    assert colourfulness(flat((255, 0, 0))) == pytest.approx(0.3 * math.hypot(255, 127.5), abs=1e-3)
    # half red, half blue: rg is 255 and 0, yb is 127.5 and -255; means 127.5 and -63.75, deviations 127.5 and 191.25
    half = np.concatenate([flat((255, 0, 0)), flat((0, 0, 255))])
    expected = math.hypot(127.5, 191.25) + 0.3 * math.hypot(127.5, 63.75)
    assert colourfulness(half) == pytest.approx(expected, abs=1e-3)


def test_sharpness_is_the_variance_of_the_laplacian_inside_the_edge() -> None:
    assert looks(flat((80, 80, 80)))["sharpness"] == pytest.approx(0, abs=1e-6)
    assert looks(greys(*[range(0, 50, 10)] * 5))["sharpness"] == pytest.approx(0, abs=1e-6), "a ramp has no curvature"
    # one bright pixel amid 5×5: the Laplacian is -400 on it, 100 on its four neighbours, 0 on the four corners
    spot = greys(*([0] * 5,) * 2, [0, 0, 100, 0, 0], *([0] * 5,) * 2)
    assert looks(spot)["sharpness"] == pytest.approx((400**2 + 4 * 100**2) / 9, rel=1e-5)


def test_a_picture_too_small_to_have_an_inside_has_no_sharpness() -> None:
    assert sorted(looks(greys([0, 255], [255, 0]))) == ["brightness", "colourfulness", "contrast"]


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.integers(3, 9), st.integers(3, 9))
def test_a_flat_picture_has_no_contrast_and_no_sharpness(red: int, green: int, blue: int, wide: int, high: int) -> None:
    found = looks(flat((red, green, blue), (wide, high)))
    assert found["contrast"] == pytest.approx(0, abs=1e-3)
    assert found["sharpness"] == pytest.approx(0, abs=1e-3)
    assert found["brightness"] == pytest.approx(0.299 * red + 0.587 * green + 0.114 * blue, abs=1e-2)


# --- what is looked at -------------------------------------------------------------------------------------------------


def test_a_transparent_pixel_is_white_as_on_paper() -> None:
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert pixels(saved(clear)).tolist() == flat((255, 255, 255), (4, 4)).tolist()


def test_sixteen_bits_of_grey_are_not_clipped_to_white() -> None:
    deep = Image.fromarray(np.full((4, 4), 0x4000, np.uint16))
    assert luma(pixels(saved(deep))).mean() == pytest.approx(64, abs=0.01)


def test_a_picture_is_turned_as_its_exif_data_say() -> None:
    image = Image.new("RGB", (6, 4))
    exif = image.getexif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    assert pixels(buffer.getvalue()).shape == (6, 4, 3)


def test_a_large_picture_is_measured_in_whole_steps_smaller() -> None:
    large = pixels(saved(Image.new("L", (4096, 2048), 77)))
    assert large.shape == (1024, 2048, 3)
    assert large.shape[0] * large.shape[1] <= MOST_PIXELS
    assert looks(large)["brightness"] == pytest.approx(77, abs=1e-3)


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(ImageError, match="7 bytes of text are no image in PNG, JPEG, WEBP"):
        pixels(b"nothing")


# --- how far two are apart ---------------------------------------------------------------------------------------------


def test_difference_is_the_mean_absolute_difference_of_channels() -> None:
    assert apart(flat((0, 0, 0)), flat((30, 0, 0)))["difference"] == pytest.approx(10)
    assert apart(flat((250, 0, 0)), flat((0, 250, 0)))["difference"] == pytest.approx(500 / 3), "nothing wraps around"


def test_the_same_picture_is_not_apart_from_itself() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    assert apart(noise, noise) == {"difference": 0, "ssim": pytest.approx(1), "phash": 0}


def test_ssim_of_two_flat_pictures_is_that_of_their_means() -> None:
    # with no variance the structure term is 1: (2·a·b + C1) / (a² + b² + C1), C1 = (0.01 · 255)²
    found = apart(flat((100, 100, 100), (32, 32)), flat((200, 200, 200), (32, 32)))
    c1 = (0.01 * 255) ** 2
    assert found["ssim"] == pytest.approx((2 * 100 * 200 + c1) / (100**2 + 200**2 + c1), abs=1e-4)


def test_a_negative_has_half_the_hash_or_more_turned_over() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
    assert apart(noise, 255 - noise)["phash"] > 56


def test_pictures_of_two_sizes_have_a_distance_of_hashes_alone() -> None:
    assert list(apart(flat((9, 9, 9), (16, 16)), flat((9, 9, 9), (32, 32)))) == ["phash"]


def test_a_picture_smaller_than_the_window_has_no_ssim() -> None:
    assert "ssim" not in apart(flat((9, 9, 9), (10, 40)), flat((9, 9, 9), (10, 40)))


# --- baselines ---------------------------------------------------------------------------------------------------------

DDIM, LCM = "DDIMScheduler", "LCMScheduler"
AGAINST_DDIM = Layout(baseline={"scheduler": DDIM})


def painted(run: Path, shade: int, size: int = 16) -> Picture:
    return Vault(run).put(saved(Image.new("RGB", (size, size), (shade, shade, shade))))


def stands(found: Plan, pictures: Sequence[tuple[Picture, ...]]) -> Mapping[str, Standing]:
    return {
        cell.digest: Standing(state=State.MADE, attempts=1, pictures=own)
        for cell, own in zip(found.cells(), pictures, strict=True)
    }


def test_a_picture_is_held_against_the_one_at_the_baselines_points_that_agrees_in_all_else(tmp_path: Path) -> None:
    found = plan(axis("scheduler", DDIM, LCM), axis("guidance_scale", 2, 5), report=AGAINST_DDIM)
    first, second, third, fourth = (painted(tmp_path, shade) for shade in (0, 10, 20, 30))
    baselines = Baselines(found, stands(found, [(first,), (second,), (third,), (fourth,)]))
    held = [baselines.of(placement.coordinates, 0) for placement in found.placements()]
    assert held == [first, second, first, second]


def test_samples_are_held_against_the_sample_of_their_number(tmp_path: Path) -> None:
    found = plan(axis("scheduler", DDIM, LCM), report=AGAINST_DDIM)
    one, two, three = (painted(tmp_path, shade) for shade in (0, 10, 20))
    baselines = Baselines(found, stands(found, [(one, two), (three, three, three)]))
    assert [baselines.of({"scheduler": LCM}, position) for position in range(3)] == [one, two, None]


def test_axes_in_lockstep_move_to_the_baseline_together(tmp_path: Path) -> None:
    found = plan(
        axis("scheduler", DDIM, LCM),
        axis("guidance_scale", 2, 5),
        zips=(("scheduler", "guidance_scale"),),
        report=AGAINST_DDIM,
    )
    one, two = painted(tmp_path, 0), painted(tmp_path, 10)
    baselines = Baselines(found, stands(found, [(one,), (two,)]))
    assert [baselines.of(placement.coordinates, 0) for placement in found.placements()] == [one, one]


def test_without_a_baseline_nothing_is_held_against_anything(tmp_path: Path) -> None:
    found = plan(axis("scheduler", DDIM))
    assert Baselines(found, stands(found, [(painted(tmp_path, 0),)])).of({"scheduler": DDIM}, 0) is None


# --- measuring a run -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> tuple[Plan, Mapping[str, Standing]]:
    found = plan(axis("scheduler", DDIM, LCM), axis("guidance_scale", 2, 5), report=AGAINST_DDIM)
    return found, stands(found, [(painted(tmp_path, shade),) for shade in (0, 10, 20, 40)])


def todo(found: Plan, stood: Mapping[str, Standing], shelf: Shelf) -> list[Job]:
    return jobs(found, stood, Baselines(found, stood), shelf)


def test_the_table_has_what_was_measured(tmp_path: Path, small: tuple[Plan, Mapping[str, Standing]]) -> None:
    with Shelf.writing(tmp_path) as shelf:
        assert [bool(found.problem) for found in measure(tmp_path, todo(*small, shelf), shelf)] == [False] * 4
    with measured(tmp_path, Baselines(*small)) as numbers:
        rows = table.frame(*small, numbers=numbers)
    assert rows["brightness"].round(3).tolist() == [0, 10, 20, 40]
    assert rows["difference"].tolist() == [0, 0, 20, 30]
    assert rows["bytes"].tolist() == [picture.size for stood in small[1].values() for picture in stood.pictures]
    kinds = {measure.name: str(rows[measure.name].dtype) for measure in MEASURES}
    assert kinds == dict.fromkeys(kinds, "Float64") | {"bytes": "Int64", "phash": "Int64"}


def test_before_it_is_measured_a_number_is_missing(tmp_path: Path, small: tuple[Plan, Mapping[str, Standing]]) -> None:
    with measured(tmp_path, Baselines(*small)) as numbers:
        rows = table.frame(*small, numbers=numbers)
    assert rows[[measure.name for measure in MEASURES if measure.name != "bytes"]].isna().all(axis=None)
    assert not shelf_path(tmp_path).exists(), "reading writes nothing"


def test_nothing_is_measured_twice(tmp_path: Path, small: tuple[Plan, Mapping[str, Standing]]) -> None:
    with Shelf.writing(tmp_path) as shelf:
        assert len(list(measure(tmp_path, todo(*small, shelf), shelf))) == 4
        assert todo(*small, shelf) == []
        shelf.forget()
        assert len(todo(*small, shelf)) == 4


def test_stopped_measuring_goes_on_where_it_was(tmp_path: Path, small: tuple[Plan, Mapping[str, Standing]]) -> None:
    with Shelf.writing(tmp_path) as shelf:
        done = list(measure(tmp_path, todo(*small, shelf), shelf, ended=lambda: True, workers=1))
        assert len(done) == 2, "what was begun is finished"
    with Shelf.writing(tmp_path) as shelf:
        rest = {found.picture for found in measure(tmp_path, todo(*small, shelf), shelf)}
        assert rest.isdisjoint(found.picture for found in done)
        assert len(rest) == 2


def test_a_reader_who_goes_away_keeps_what_was_measured(
    tmp_path: Path, small: tuple[Plan, Mapping[str, Standing]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.metrics.measuring.AT_ONCE", 1)
    with Shelf.writing(tmp_path) as shelf:
        going = measure(tmp_path, todo(*small, shelf), shelf, workers=1)
        next(going)
        going.close()  # type: ignore[attr-defined]  # a generator
        assert len(todo(*small, shelf)) == 3


def test_a_damaged_and_a_missing_picture_are_said_and_looked_at_again(
    tmp_path: Path, small: tuple[Plan, Mapping[str, Standing]]
) -> None:
    first, second, *_ = (picture for stood in small[1].values() for picture in stood.pictures)
    (tmp_path / image_path(first.sha256)).write_bytes(b"nothing")
    (tmp_path / image_path(second.sha256)).unlink()
    with Shelf.writing(tmp_path) as shelf:
        problems = {found.problem for found in measure(tmp_path, todo(*small, shelf), shelf)}
        broken = f"{image_path(first.sha256)}: 7 bytes of text are no image in PNG, JPEG, WEBP; it is not measured"
        gone = f"{image_path(second.sha256)}: No such file or directory; it is not measured"
        assert problems == {broken, gone}, "once for themselves, once for what is held against them"
        assert len(todo(*small, shelf)) == 4


@pytest.mark.parametrize("content", [b"this is no database", b""], ids=["damaged", "empty"])
def test_a_damaged_shelf_is_begun_again(
    content: bytes, tmp_path: Path, small: tuple[Plan, Mapping[str, Standing]]
) -> None:
    shelf_path(tmp_path).write_bytes(content)
    with Shelf.reading(tmp_path) as shelf:
        assert shelf.looks("0" * 64) is None
    with Shelf.writing(tmp_path) as shelf:
        assert len(todo(*small, shelf)) == 4


def test_numbers_of_other_definitions_are_not_used(tmp_path: Path, small: tuple[Plan, Mapping[str, Standing]]) -> None:
    with Shelf.writing(tmp_path) as shelf:
        list(measure(tmp_path, todo(*small, shelf), shelf))
    with sqlite3.connect(shelf_path(tmp_path)) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with measured(tmp_path, Baselines(*small)) as numbers:
        assert table.frame(*small, numbers=numbers)["brightness"].isna().all()
    with Shelf.writing(tmp_path) as shelf:
        assert len(todo(*small, shelf)) == 4


def test_a_folder_that_cannot_be_written_to_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        RunFolderError, match=r"metrics\.sqlite: unable to open database file; what is measured is kept"
    ):
        Shelf.writing(tmp_path / "nowhere")


def test_what_was_measured_without_the_extra_is_measured_again_with_it(
    tmp_path: Path, small: tuple[Plan, Mapping[str, Standing]]
) -> None:
    with Shelf.writing(tmp_path) as shelf:
        found = list(measure(tmp_path, todo(*small, shelf), shelf))
        shelf.add(
            [],
            [(one.picture, other, distance) for one in found for other, distance in one.apart.items()],
            structural=False,
        )
        again = todo(*small, shelf)
        assert [job.looks for job in again] == [False] * 4
        assert [len(job.baselines) for job in again] == [1] * 4


def test_a_picture_at_several_places_is_measured_once(tmp_path: Path) -> None:
    found = plan(axis("scheduler", DDIM, LCM), variable("subject", "house", "boat"), report=AGAINST_DDIM)
    same = painted(tmp_path, 7)
    stood = stands(found, [(same,), (same,)])
    with Shelf.writing(tmp_path) as shelf:
        done = list(measure(tmp_path, todo(found, stood, shelf), shelf))
    assert [(one.picture, list(one.apart)) for one in done] == [(same.sha256, [same.sha256])]


def test_ssim_of_a_large_picture_is_that_of_its_means_over_squares() -> None:
    random = np.random.default_rng(6)
    small = [random.integers(0, 256, (256, 256, 3), np.uint8) for _ in range(2)]
    large = [np.repeat(np.repeat(one, 2, axis=0), 2, axis=1) for one in small]
    assert apart(*large)["ssim"] == pytest.approx(apart(*small)["ssim"], abs=1e-4)
