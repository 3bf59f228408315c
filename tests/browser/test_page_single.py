"""The page as one file, away from its run: pictures show, are compared pixel by pixel, and come out as they were made."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from books import axis, book, painted, tile
from browser.looking import CELLS, Visit, words
from PIL import Image
from playwright.sync_api import expect

from runner.nouns import Layout, Picture
from runner.report import render_single

pytestmark = pytest.mark.browser

PAIR = f"#v=1&pin={1:064x}&pin={2:064x}&compare=difference"


@pytest.fixture
def alone(run: Path, tmp_path: Path) -> Callable[[], Path]:
    """A page of two pictures and a cell without one, in a folder that has nothing else."""

    def made() -> Path:
        shown = [tile(number, {"seed": str(number)}, pictures) for number, pictures in enumerate(two(run), 1)]
        path = tmp_path / "sent.html"
        path.write_text(render_single(book([axis("seed", [1, 2, 3])], shown, layout=Layout(x="seed")), run))
        return path

    return made


def two(run: Path) -> Sequence[tuple[Picture, ...]]:
    return (painted(run, 100, (512, 320)),), (painted(run, 106, (512, 320)),), ()


def test_pictures_show_on_the_grid_and_in_the_viewer(alone: Callable[[], Path], visit: Visit) -> None:
    page = visit(alone())
    expect(page.locator(f"{CELLS} img")).to_have_count(2)
    page.locator(f"{CELLS} img").first.click()
    expect(page.locator("#stage img")).to_have_js_property("naturalWidth", 512)
    assert page.evaluate("[...document.images].every((image) => image.src.startsWith('data:'))")


def test_a_difference_has_a_number_without_asking_for_a_folder(alone: Callable[[], Path], visit: Visit) -> None:
    page = visit(alone(), PAIR)
    said = "mean difference 2.00 of 255, 100.0% of the pixels differ"
    expect(page.locator(".difference-number")).to_have_text(said)


def test_pictures_come_out_as_they_were_made_and_the_sheet_is_drawn(
    alone: Callable[[], Path], visit: Visit, run: Path
) -> None:
    page = visit(alone())
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Let this page read its folder")).to_have_count(0)
    assert words(page, "#save code")[1] == "sweep export runs/test --format zip --out test-pictures.zip"
    with page.expect_download() as download:
        page.get_by_role("button", name="Save ZIP").click()
    with zipfile.ZipFile(download.value.path()) as opened:
        for number, (picture,) in enumerate(two(run)[:2], 1):
            name = f"pictures/seed={number}-0000000000"
            original = run / "images" / picture.sha256[:2] / f"{picture.sha256}.png"
            assert opened.read(f"{name}.png") == original.read_bytes()
            assert json.loads(opened.read(f"{name}.json"))["coordinates"] == {"seed": str(number)}
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    image = Image.open(io.BytesIO(download.value.path().read_bytes())).convert("RGB")
    colours = [colour for _, colour in image.getcolors(1 << 20) or ()]
    for wanted in ((100, 80, 160), (106, 80, 160), (0xF1, 0xF1, 0xEF)):  # small copies are near, not exact
        assert any(max(abs(one - other) for one, other in zip(wanted, colour, strict=True)) < 3 for colour in colours)


def test_where_small_copies_are_all_it_has_the_page_says_so_wherever_it_matters(
    alone: Callable[[], Path], visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.report.single.MOST_BYTES", 2_000)
    page = visit(alone(), PAIR)
    expect(page.locator(".difference-number")).to_contain_text("of the pixels differ, of the small copies")
    page.keyboard.press("Escape")
    expect(page.locator("#compare")).to_be_hidden()
    assert words(page, ".notes li") == [
        "This file holds small copies of the pictures, 256 pixels on the longer side; the run folder has the pictures."
    ]
    page.keyboard.press("s")
    expect(page.locator("#save section").nth(1)).to_contain_text("This page holds small copies alone")
    page.select_option("#save-which", label="all in view: 2")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save ZIP").click()
    with zipfile.ZipFile(download.value.path()) as opened:
        images = [name for name in opened.namelist() if name.endswith(".webp")]
        assert [Image.open(io.BytesIO(opened.read(name))).size for name in images] == [(256, 160)] * 2
        told = json.loads(opened.read("pictures/seed=1-0000000000.json"))
    assert told["pictures"][0]["written_anew"] is True
