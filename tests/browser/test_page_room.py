"""The room that a window has is used: by folded repeats, by a list, by the controls."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from books import axis, book, painted, tiles
from browser.looking import CELLS, Visit
from playwright.sync_api import Page

from runner.measures import MEASURES, Findings
from runner.nouns import Layout
from runner.report import write

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
LAPTOP = {"width": 1366, "height": 768}
LIST = "#v=1&x=&y=&columns=&rows=&all=scheduler&all=guidance_scale&all=seed&sort=list&sort-by=sharpness"


@pytest.fixture(scope="module")
def repeated(run: Path, report: Callable[[], Path]) -> Path:
    """Square pictures with a number, five seeds to fold; the first cell was reused."""
    axes = [
        axis("scheduler", ["DDIMScheduler", "PNDM", "UniPC"]),
        axis("guidance_scale", [2, 6]),
        axis("seed", range(5)),
    ]
    sharpness = next(measure for measure in MEASURES if measure.name == "sharpness")
    shades = [painted(run, 20 * shade, (64, 64)) for shade in range(11)]
    shown = [replace(each, numbers=({"sharpness": 100.0 + number},)) for number, each in enumerate(tiles(axes, shades))]
    shown[0] = replace(shown[0], reused_from="atlas")
    layout = Layout(x="scheduler", y="guidance_scale", baseline={"scheduler": "DDIMScheduler"})
    return write(book(axes, shown, layout=layout, findings=Findings(columns=(sharpness,))), report())


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    measure = "found => found.map(each => each.getBoundingClientRect().toJSON())"
    found: list[dict[str, float]] = page.locator(selector).evaluate_all(measure)
    return found


# --- folded repeats ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seeds", "zoom", "shape"),
    [
        ("hide.seed=2&hide.seed=3&hide.seed=4", 96, (2, 1)),
        ("hide.seed=3&hide.seed=4", 96, (2, 2)),
        ("hide.seed=2&hide.seed=3&hide.seed=4", 240, (2, 1)),
        ("hide.seed=4", 240, (2, 2)),
        ("", 240, (3, 2)),
    ],
)
def test_repeats_folded_into_a_cell_leave_no_part_of_it_empty(
    seeds: str, zoom: int, shape: tuple[int, int], repeated: Path, visit: Visit
) -> None:
    page = visit(repeated, f"#v=1&all=seed&{seeds}&zoom={zoom}")
    across, down = shape
    cell, pictures = boxes(page, CELLS)[0], boxes(page, f"{CELLS} >> nth=0 >> .picture")
    assert cell["width"] == zoom
    assert cell["height"] == round(zoom * down / across)
    assert {round(picture["left"]) for picture in pictures} == {
        round(cell["left"] + place * (zoom + 2) / across) for place in range(across)
    }
    assert abs(max(picture["bottom"] for picture in pictures) - cell["bottom"]) < 1
    assert abs(min(picture["top"] for picture in pictures) - cell["top"]) < 1


def test_a_row_is_as_high_as_its_highest_cell(run: Path, report: Callable[[], Path], visit: Visit) -> None:
    axes = [axis("scheduler", "AB"), axis("guidance_scale", [2, 6]), axis("seed", [1, 2])]
    alone = {("A", "2", "2")}
    shown = [
        each for each in tiles(axes, [painted(run, 40, (64, 64))]) if tuple(each.coordinates.values()) not in alone
    ]
    page = visit(
        write(book(axes, shown, layout=Layout(x="scheduler", y="guidance_scale")), report()), "#v=1&all=seed&zoom=120"
    )
    assert [box["height"] for box in boxes(page, ".row")] == [120, 60]


# --- a list ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [360, 390, 600, 1366, 2560])
def test_a_list_fills_the_window_s_width(width: int, repeated: Path, visit: Visit) -> None:
    page = visit(repeated, LIST, viewport={"width": width, "height": 844})
    row = [cell for cell in boxes(page, CELLS) if cell["top"] == boxes(page, CELLS)[0]["top"]]
    assert len(row) > 1
    assert width - row[-1]["right"] - row[0]["left"] < len(row)
    assert 0.75 * 168 < row[0]["width"] < 1.5 * 168


def test_a_list_at_a_size_that_the_reader_chose_has_as_many_cells_as_fit(repeated: Path, visit: Visit) -> None:
    page = visit(repeated, f"{LIST}&zoom=112", viewport=PHONE)
    cells = boxes(page, CELLS)
    row = [cell for cell in cells if cell["top"] == cells[0]["top"]]
    assert [cell["width"] for cell in row] == [112, 112, 112]


# --- the controls ------------------------------------------------------------------------------------------------------


def test_on_a_laptop_the_tools_share_a_line_with_the_axes_and_all_else_is_below(repeated: Path, visit: Visit) -> None:
    page = visit(repeated, viewport=LAPTOP)
    (axes,), (tools,), (numbers,), (held,) = (
        boxes(page, f"#{name}") for name in ("arrange", "tools", "figures", "held")
    )
    assert axes["top"] == tools["top"]
    assert numbers["top"] == held["top"]
    assert numbers["top"] >= axes["bottom"]
    assert LAPTOP["width"] - tools["right"] == axes["left"] == numbers["left"]


@pytest.mark.parametrize("width", [360, 390])
def test_on_a_phone_the_slider_of_a_held_axis_and_its_button_to_play_it_fit_the_window(
    width: int, run: Path, report: Callable[[], Path], visit: Visit
) -> None:
    axes = [
        axis("scheduler", "ABC"),
        axis("guidance_scale", range(60)),
        axis("seed", [4127154647 + n for n in range(40)]),
    ]
    layout = Layout(x="scheduler", y="guidance_scale")
    page = visit(
        write(book(axes, tiles(axes, [painted(run, 40, (64, 64))]), layout=layout), report()),
        viewport={"width": width, "height": 844},
    )
    (slider,), (play,) = boxes(page, ".slider"), boxes(page, "[data-cycle]")
    assert slider["left"] >= 0
    assert play["right"] <= width
    assert boxes(page, ".slider input")[0]["width"] >= 40


def test_on_a_wide_window_all_controls_share_a_line(repeated: Path, visit: Visit) -> None:
    page = visit(repeated, viewport={"width": 2560, "height": 1440})
    found = [boxes(page, f"#{name}")[0] for name in ("arrange", "figures", "held", "tools")]
    assert len({box["top"] for box in found}) == 1
    assert [box["left"] for box in found] == sorted(box["left"] for box in found)


# --- the size that fits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "size"), [(1080, 324), (1440, 432), (2160, 512)])
def test_pictures_that_fit_are_as_large_as_a_third_of_the_window(
    height: int, size: int, repeated: Path, visit: Visit
) -> None:
    page = visit(repeated, viewport={"width": 3840, "height": height}, device_scale_factor=0.25)
    assert {box["width"] for box in boxes(page, CELLS)} == {size}
