"""However the page is used, on a phone as on a 4K screen, its document stays within 3,000 elements."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from books import axis, book, tiles
from browser.looking import CELLS, Visit, scroll, words
from playwright.sync_api import Page, expect

from runner.measures import MEASURES, Crossing, Findings, Spread
from runner.nouns import Axis, Layout, Picture, State
from runner.report import Tile, write

pytestmark = pytest.mark.browser

MOST = 3000
FEW_PIXELS = 0.25  # the layout is that of the whole window, and drawing it is quick
COUNT = "document.querySelectorAll('*').length"
SCHEDULERS = (
    "DDIM",
    "EulerAncestralDiscrete",
    "UniPCMultistep",
    "LCM",
    "KDPM2AncestralDiscrete",
    "HeunDiscrete",
    "PNDM",
)
LIST = "x=&y=&all=scheduler&all=guidance_scale&all=ink&all=seed&sort=list&sort-by=sharpness&falling=yes"
PILES = "x=ink&y=seed&columns=guidance_scale&all=scheduler"
MODES = {
    "as it opens": "",
    "smallest": "zoom=48",
    "against the baseline": "versus=baseline",
    "smallest against the baseline": "zoom=48&versus=baseline",
    "coloured": "colour=sharpness",
    "smallest, coloured, against the baseline": "zoom=48&colour=sharpness&versus=baseline",
    "filtered": "zoom=48&colour=sharpness&only=sharpness>300",
    "several pictures in a cell": PILES,
    "several pictures, small": f"{PILES}&zoom=48&colour=sharpness",
    "several pictures, large, against the baseline": f"{PILES}&zoom=160&versus=baseline&colour=sharpness",
    "all but two axes piled up": "x=scheduler&y=guidance_scale&all=seed&all=ink&versus=baseline",
    "one row": "x=seed&y=&columns=ink&rows=",
    "one column": "x=&y=scheduler&rows=ink&zoom=48",
    "as a list": LIST,
    "as a list, smallest, against the baseline": f"{LIST}&zoom=48&colour=sharpness&versus=baseline",
}
WINDOWS = {"phone": (390, 844), "laptop": (1366, 768), "4K": (3840, 2160)}


def marked(number: int, tile: Tile) -> Tile:
    """A tile with everything that a cell can bear: flags, an earlier run's name, a number; some are refused."""
    if number % 50 == 7:
        return replace(tile, pictures=(), state=State.REFUSED, reason="what was asked is not allowed here")
    flags = ("another size than was asked",)
    return replace(tile, flags=flags, reused_from="atlas", numbers=({"sharpness": float(number * 7919 % 977)},))


def findings(axes: list[Axis]) -> Findings:
    """A spread for each point of each axis, and a crossing of each two axes."""
    sharpness = next(measure for measure in MEASURES if measure.name == "sharpness")
    shape = {"column": "sharpness", "n": 9}
    effect = {"pairs": 9, "difference": 0.5, "low": 0.25, "high": 1.0, "quantiles": (1.0, 2.0, 3.0, 4.0, 5.0)}
    return Findings(
        columns=(sharpness,),
        spreads=tuple(
            Spread(axis=one.name, label=point.label, **shape, **effect)  # type: ignore[arg-type]  # as the two dicts say
            for one in axes
            for point in one.points
        ),
        crossings=tuple(
            Crossing(axes=("scheduler", "ink"), labels=(a.label, b.label), mean=1.0, low=0.5, high=1.5, **shape)  # type: ignore[arg-type]
            for a, b in product(axes[0].points, axes[2].points[:8])
        ),
    )


@pytest.fixture(scope="module")
def crowd(report: Callable[[], Path], pictures: Mapping[str, Picture]) -> Path:
    axes = [
        axis("scheduler", [f"{name}Scheduler" for name in SCHEDULERS]),
        axis("guidance_scale", range(6)),
        axis("ink", range(9)),
        axis("seed", range(7)),
    ]
    shown = [marked(number, tile) for number, tile in enumerate(tiles(axes, list(pictures.values())[:8]))]
    layout = Layout(
        x="scheduler", y="guidance_scale", columns="ink", rows="seed", baseline={"scheduler": "DDIMScheduler"}
    )
    return write(book(axes, shown, layout=layout, findings=findings(axes)), report())


def elements(page: Page, mode: str) -> Iterator[int]:
    """How many elements there are at the upper left, in the middle, at the far corner and at the sections below the grid."""
    page.evaluate(f"location.hash = '#v=1&{mode}'")
    scroll(page, "0, 0")
    yield page.evaluate(COUNT)
    board = page.locator("#board").bounding_box()
    assert board
    for place in (f"{board['width'] / 3}, {board['height'] / 3}", f"1e6, {board['height']}", "1e6, 1e6"):
        scroll(page, place)
        yield page.evaluate(COUNT)


@pytest.mark.parametrize("window", WINDOWS)
def test_the_document_stays_small_in_every_mode(window: str, crowd: Path, visit: Visit) -> None:
    width, height = WINDOWS[window]
    page = visit(crowd, viewport={"width": width, "height": height}, device_scale_factor=FEW_PIXELS)
    found = {mode: max(elements(page, spelled)) for mode, spelled in MODES.items()}
    assert {mode: count for mode, count in found.items() if count > MOST} == {}


LONG = 400


@pytest.fixture(scope="module")
def lengthy(report: Callable[[], Path], pictures: Mapping[str, Picture]) -> Path:
    """An axis of 400 points, of which each has a line in the tables below the grid."""
    axes = [axis("scheduler", SCHEDULERS), axis("guidance_scale", range(2)), axis("ink", range(LONG))]
    shown = [marked(number, tile) for number, tile in enumerate(tiles(axes, list(pictures.values())[:8]))]
    layout = Layout(x="scheduler", y="guidance_scale")
    return write(book(axes, shown, layout=layout, findings=findings(axes)), report())


def test_tables_of_many_points_are_read_a_page_at_a_time(lengthy: Path, visit: Visit) -> None:
    page = visit(lengthy, "#v=1&plot.by=ink", viewport={"width": 1366, "height": 768})
    page.locator("#summary").scroll_into_view_if_needed()
    page.locator("#summary-axes label", has_text="ink").click()
    values = "#summary-table tbody .value"
    assert words(page, values) == [str(point) for point in range(16)]
    page.locator("#summary-table").get_by_role("button", name="later rows").click()
    assert words(page, values) == [str(point) for point in range(16, 32)]
    assert words(page, "#summary-table .pages [role=status]") == ["17 to 32 of 400"]
    scroll(page, "0, 1e6")
    expect(page.locator(".spreads tbody tr")).to_have_count(16)
    assert page.evaluate(COUNT) <= MOST


def test_the_plots_are_taken_down_when_the_reader_has_left_them(lengthy: Path, visit: Visit) -> None:
    page = visit(lengthy, "#v=1&x=scheduler&y=ink", viewport={"width": 1366, "height": 768})
    scroll(page, "0, 1e6")
    expect(page.locator(".spreads")).to_have_count(1)
    below = page.evaluate("document.getElementById('page').scrollHeight")
    scroll(page, "0, 0")
    expect(page.locator(".spreads")).to_have_count(0)
    assert page.evaluate("document.getElementById('page').scrollHeight") == below
    scroll(page, "0, 1e6")
    expect(page.locator(".spreads")).to_have_count(1)


def test_a_point_among_very_many_is_chosen_with_a_slider(lengthy: Path, visit: Visit) -> None:
    page = visit(lengthy, "#v=1&compare=side&along=ink&from=0&to=399")
    slider = page.locator("#compare-to")
    expect(slider).to_have_attribute("aria-valuetext", "399")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "398")
    expect(page).to_have_url(re.compile("to=398"))
    expect(slider).to_be_focused()
    assert page.evaluate(COUNT) <= MOST


def test_the_viewer_shows_some_of_very_many_pictures(lengthy: Path, visit: Visit) -> None:
    page = visit(lengthy, "#v=1&all=ink")
    page.locator(CELLS).first.click()
    expect(page.locator(".strip-item")).to_have_count(24)
    for _ in range(30):
        page.keyboard.press(".")
    expect(page.locator(".strip-item[aria-pressed=true]")).to_have_count(1)
    assert page.evaluate(COUNT) <= MOST
