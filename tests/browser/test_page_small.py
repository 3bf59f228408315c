"""Small windows and small cells: what has no room is folded away or said in words, and nothing is cut off."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from books import axis, book, painted, tile, tiles
from browser.looking import CELLS, Visit, address, words
from playwright.sync_api import Browser, Page, expect

from runner.measures import MEASURES, Findings
from runner.nouns import Layout, Picture, State
from runner.report import write

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
HUGE = {"width": 3840, "height": 2160}
FEW_PIXELS = 0.25  # the layout is that of the whole window, and drawing it is quick


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found
    return {"top": found["y"], "bottom": found["y"] + found["height"], **found}


def cell(row: int, column: int) -> str:
    return f"{CELLS}[data-row='{row}'][data-column='{column}']"


@pytest.fixture(scope="module")
def dense(run: Path, report: Callable[[], Path]) -> Path:
    """So many cells that a 4K screen shows each as one element: 60 by 40, two seeds each, some not made."""
    axes = [axis("x", range(60)), axis("y", range(40)), axis("seed", [1, 2])]
    shades = [painted(run, 20 * shade, (64, 64)) for shade in range(11)]
    sharpness = next(measure for measure in MEASURES if measure.name == "sharpness")
    shown = [
        replace(each, numbers=({"sharpness": 100.0 + number % 7},)) for number, each in enumerate(tiles(axes, shades))
    ]
    shown[2] = replace(shown[2], flags=("another size than was asked",), reused_from="atlas")
    for number in (80, 81):
        shown[number] = tile(number, shown[number].coordinates, state=State.REFUSED, reason="not allowed here")
    layout = Layout(x="x", y="y", baseline={"x": "3"})
    return write(book(axes, shown, layout=layout, findings=Findings(columns=(sharpness,))), report())


def huge(visit: Visit, path: Path, fragment: str = "") -> Page:
    return visit(path, fragment, viewport=HUGE, device_scale_factor=FEW_PIXELS)


# --- small cells -------------------------------------------------------------------------------------------------------


def test_a_small_cell_is_one_element_and_says_in_words_what_it_shows(dense: Path, visit: Visit) -> None:
    page = huge(visit, dense, "#v=1&colour=sharpness")
    assert page.locator(f"{CELLS} *").count() == 0
    told = [page.locator(cell(*place)).get_attribute("aria-label") for place in ((0, 0), (1, 0), (0, 1))]
    assert told == [
        "x 0, y 0, seed 1, sharpness 100",
        "x 0, y 1, seed 1, sharpness 102, another size than was asked, reused from atlas",
        "x 1, y 0, seed 1, refused: not allowed here",
    ]
    number = "cell => getComputedStyle(cell, '::before').content"
    assert page.locator(cell(1, 0)).evaluate(number) == '"102"'
    assert page.locator(cell(0, 1)).text_content() == "/"
    assert page.locator(cell(1, 0)).get_attribute("title") == "another size than was asked\nreused from atlas"


def test_a_small_cell_shows_its_picture_and_its_difference_to_the_baselines(dense: Path, visit: Visit) -> None:
    page = huge(visit, dense)
    layers = "cell => [getComputedStyle(cell).backgroundImage.match(/[0-9a-f]{64}/g), cell.style.backgroundBlendMode]"
    (own,), blend = page.locator(cell(0, 0)).evaluate(layers)
    (other,), _ = page.locator(cell(0, 3)).evaluate(layers)
    assert own != other
    assert blend == "normal"
    page.locator(cell(0, 0)).focus()
    page.keyboard.press("v")
    assert page.locator(cell(0, 0)).evaluate(layers) == [[own, other], "color-dodge, difference, normal"]
    assert page.locator(cell(0, 3)).evaluate(layers) == [[other, other], "color-dodge, difference, normal"]


def test_the_picture_under_the_pointer_opens_where_a_small_cell_has_several(dense: Path, visit: Visit) -> None:
    page = huge(visit, dense, "#v=1&all=seed")
    first = page.locator(cell(0, 0))
    assert first.get_attribute("aria-label") == "x 0, y 0, seed 1, 2 pictures"
    place = box(page, cell(0, 0))
    first.click(position={"x": 0.75 * place["width"], "y": 0.5 * place["height"]})
    assert words(page, "#panel .coordinates dd") == ["0", "0", "2"]


def test_a_small_cell_whose_file_is_missing_says_so(
    report: Callable[[], Path], pictures: Mapping[str, Picture], chromium: Browser
) -> None:
    axes = [axis("x", range(60)), axis("y", range(40))]
    shown = list(tiles(axes, [pictures["wide"]]))
    shown[0] = replace(shown[0], pictures=(replace(pictures["wide"], sha256="ab" * 32),))
    page = chromium.new_page(viewport=HUGE, device_scale_factor=FEW_PIXELS)  # whose console tells of the missing file
    page.goto(write(book(axes, shown, layout=Layout(x="x", y="y")), report()).as_uri())
    expect(page.locator(cell(0, 0))).to_have_attribute("title", "picture file not found")
    expect(page.locator(cell(0, 0))).to_have_text("?")
    page.close()


def test_the_smallest_size_grows_with_the_window(dense: Path, visit: Visit) -> None:
    sizes = {}
    for width, height in ((1280, 800), (3840, 2160)):
        page = visit(dense, "#v=1&zoom=48", viewport={"width": width, "height": height}, device_scale_factor=FEW_PIXELS)
        sizes[width] = [int(page.locator("#zoom").get_attribute(name) or 0) for name in ("min",)] + [
            int(box(page, cell(0, 0))["width"])
        ]
        assert address(page)["zoom"] == ["48"]
    assert sizes[1280] == [48, 48]
    assert sizes[3840][0] == sizes[3840][1]
    assert 56 <= sizes[3840][0] <= 80


def test_a_list_of_cells_that_come_out_larger_than_asked_fits_the_window(dense: Path, visit: Visit) -> None:
    page = huge(visit, dense, "#v=1&x=&y=&all=x&all=y&all=seed&sort=list&sort-by=sharpness&zoom=48")
    assert int(page.locator("#zoom").get_attribute("min") or 0) > 48
    assert page.evaluate("document.getElementById('page').scrollWidth <= innerWidth")


# --- the frame of the first row ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", ["", "seed"])
def test_the_coloured_frame_of_the_first_row_is_seen_whole(rows: str, dense: Path, visit: Visit) -> None:
    page = visit(dense, f"#v=1&rows={rows}&colour=sharpness")
    above = box(page, ".band" if rows else "#heads")["bottom"]
    assert box(page, cell(0, 0))["top"] - 3 >= above


# --- a phone -----------------------------------------------------------------------------------------------------------


def test_on_a_phone_one_row_stands_for_the_controls_and_opens_them(dense: Path, visit: Visit) -> None:
    page = visit(dense, "#v=1&at.seed=1&only=x=1|2&versus=baseline", viewport=PHONE)
    fold = page.locator("#fold")
    assert words(page, "#fold-words > *") == ["→\u00a0x", "↓\u00a0y", "against baseline", "filtered"]
    assert box(page, "#heads")["top"] - box(page, ".tally")["bottom"] < 110
    for name in ("#role-x", "#zoom", "#figures-only"):
        expect(page.locator(name)).to_be_hidden()
    expect(fold).to_have_attribute("aria-expanded", "false")
    fold.focus()
    page.keyboard.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "true")
    page.select_option("#role-x", label="seed")
    assert words(page, "#fold-words > *") == ["→\u00a0seed", "↓\u00a0y", "against baseline", "filtered"]
    page.keyboard.press("Tab")
    fold.click()
    expect(page.locator("#zoom")).to_be_hidden()


def test_on_a_phone_the_legend_stays_while_the_controls_are_folded(dense: Path, visit: Visit) -> None:
    page = visit(dense, "#v=1&colour=sharpness", viewport=PHONE)
    expect(page.locator(".legend")).to_be_visible()
    expect(page.locator("#figures-colour")).to_be_hidden()


def test_on_a_larger_window_the_controls_are_there_at_once(dense: Path, visit: Visit) -> None:
    page = visit(dense)
    expect(page.locator("#fold")).to_be_hidden()
    expect(page.locator("#role-x")).to_be_visible()
