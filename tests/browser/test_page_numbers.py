"""Numbers in the page: cells in their colour, axes and lists in their order, filters, and plots of what was found."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from books import axis as points
from books import book as made_up
from books import painted, tiles
from browser.looking import CELLS, COLUMNS, ROWS, Visit, address, alt, words
from plans import BASE, axis, plan
from playwright.sync_api import Page, expect

from runner.book import book
from runner.ledger import Standing
from runner.measures import MEASURES, Findings, Measured
from runner.nouns import Layout, Picture, State
from runner.plan import Placement, Plan
from runner.report import write

pytestmark = pytest.mark.browser

DDIM, EULER, LCM = "DDIMScheduler", "EulerDiscreteScheduler", "LCMScheduler"
SHARP = {DDIM: 100.0, EULER: 300.0, LCM: 200.0}


def measured(placement: Placement, _position: int, picture: Picture) -> Measured:
    """Sharpness by scheduler and seed, brightness by guidance alone, no number for the last seed."""
    parameters = placement.request.parameters
    scheduler, guidance, seed = (parameters[name] for name in ("scheduler", "guidance_scale", "seed"))
    if seed == 5:
        return {"bytes": picture.size}
    swapped = 40.0 if (scheduler, guidance) == (LCM, 5) else 0.0
    return {
        "bytes": picture.size,
        "brightness": 10.0 * float(guidance),
        "sharpness": SHARP[str(scheduler)] + int(seed) + swapped,
    }


@pytest.fixture(scope="module")
def grid() -> Plan:
    return plan(
        axis("scheduler", DDIM, EULER, LCM),
        axis("guidance_scale", 2, 5),
        axis("seed", 1, 2, 3, 4, 5),
        parameters=BASE,
        report=Layout(x="scheduler", y="guidance_scale", baseline={"scheduler": DDIM}),
    )


@pytest.fixture(scope="module")
def page_of(grid: Plan, run: Path, report: Callable[[], Path]) -> Path:
    """Thirty cells; those of seed 3 have the same picture at both guidance scales."""
    shades = {
        cell.digest: painted(run, 40 + (number if cell.request.parameters["seed"] != 3 else 0))
        for number, cell in enumerate(grid.cells())
    }
    stands = {
        digest: Standing(state=State.MADE, attempts=1 + (number == 0), seconds=0.5 + number / 10, pictures=(picture,))
        for number, (digest, picture) in enumerate(shades.items())
    }
    return write(book(grid, stands, {}, None, measured), report())


def figures(page: Page) -> list[str]:
    return words(page, f"{CELLS} .figure")


FIELDS = {"Colour": "#figures-colour", "Sort": "#figures-sorted", "by": "#figures-sort", "Number": "#plot-column"}


def choose(page: Page, label: str, option: str) -> None:
    page.locator(FIELDS[label]).select_option(label=option)


def filtered(page: Page, expression: str) -> str:
    field = page.get_by_label("Only")
    field.fill(expression)
    field.press("Enter")
    return str(page.locator("#figures-problem").text_content())


# --- colour ------------------------------------------------------------------------------------------------------------


def test_cells_take_the_colour_of_a_number_and_say_it(page_of: Path, visit: Visit) -> None:
    page = visit(page_of)
    assert figures(page) == []
    choose(page, "Colour", "sharpness")
    assert figures(page) == ["101", "301", "201", "101", "301", "241"]
    assert page.locator(".legend").text_content() == "101304n = 24"
    assert address(page)["colour"] == ["sharpness"]
    expect(page.locator(f"{CELLS} .figure").first).to_have_attribute("aria-label", "sharpness 101")
    page.go_back()
    assert figures(page) == []


def test_the_least_and_the_most_have_the_ends_of_the_scale_in_both_themes(page_of: Path, visit: Visit) -> None:
    ends = {"light": ("rgb(254, 232, 56)", "rgb(0, 34, 78)"), "dark": ("rgb(0, 34, 78)", "rgb(254, 232, 56)")}
    for theme, expected in ends.items():
        page = visit(page_of, "#v=1&colour=brightness", color_scheme=theme)
        found = [
            page.locator(f"{CELLS}[data-row='{row}'] .figure").first.evaluate(
                "one => getComputedStyle(one).backgroundColor"
            )
            for row in (0, 1)
        ]
        assert tuple(found) == expected


def test_a_number_that_is_not_known_is_not_painted(page_of: Path, visit: Visit) -> None:
    page = visit(page_of, "#v=1&colour=sharpness&at.seed=5")
    expect(page.locator(CELLS).first).to_be_visible()
    assert figures(page) == []


def test_a_pile_shows_the_mean_of_what_the_filter_lets_through(page_of: Path, visit: Visit) -> None:
    page = visit(page_of, "#v=1&colour=sharpness&all=seed&only=seed=1|4|5")
    assert figures(page)[0] == "102.5"


def test_parameters_times_and_attempts_are_numbers_too(page_of: Path, visit: Visit) -> None:
    page = visit(page_of)
    offered = words(page, "#figures-colour option")
    assert offered == [
        "none",
        "time of the request",
        "file size",
        "brightness",
        "sharpness",
        "attempts",
        "guidance_scale",
    ]
    choose(page, "Colour", "guidance_scale")
    assert figures(page) == ["2", "2", "2", "5", "5", "5"]


def test_a_book_without_numbers_has_no_choice_of_colours(run: Path, report: Callable[[], Path], visit: Visit) -> None:
    axes = [points("ink", "AB")]
    page = visit(write(made_up(axes, list(tiles(axes, [painted(run, 3)]))), report()))
    expect(page.get_by_label("Only")).to_be_visible()
    expect(page.locator("#figures-colour")).to_have_count(0)
    expect(page.locator("#numbers")).to_be_hidden()


def test_numbers_reach_the_page_as_they_are_shown(run: Path, report: Callable[[], Path], visit: Visit) -> None:
    """Sixteen bits between the least and the most."""
    axes = [points("ink", range(40))]
    values = [0.001 * 1.3**place for place in range(40)]
    shown = [
        tile_with(tile, {"sharpness": value})
        for tile, value in zip(tiles(axes, [painted(run, 3)]), values, strict=True)
    ]
    column = next(measure for measure in MEASURES if measure.name == "sharpness")
    page = visit(
        write(made_up(axes, shown, findings=Findings(columns=(column,))), report()), "#v=1&colour=sharpness&x=ink&y="
    )
    page.set_viewport_size({"width": 6000, "height": 700})
    expect(page.locator(".figure")).to_have_count(40)
    said = [float(text.replace(",", "")) for text in figures(page)]
    assert said == pytest.approx(values, abs=0.05 + max(values) / 65534)


def tile_with(tile: object, numbers: Mapping[str, float]) -> object:
    from dataclasses import replace

    return replace(tile, numbers=(numbers,))  # type: ignore[type-var]  # a Tile


# --- order -------------------------------------------------------------------------------------------------------------


def test_points_of_an_axis_are_sorted_by_a_number(page_of: Path, visit: Visit) -> None:
    page = visit(page_of)
    choose(page, "by", "sharpness")
    assert words(page, f"{COLUMNS} .label-text") == [EULER, LCM, DDIM]
    assert (address(page)["sort"], address(page)["sort-by"], address(page)["falling"]) == (
        ["columns"],
        ["sharpness"],
        ["yes"],
    )
    page.get_by_role("button", name="most first").click()
    assert words(page, f"{COLUMNS} .label-text") == [DDIM, LCM, EULER]
    choose(page, "Sort", "rows")
    choose(page, "by", "brightness")
    page.get_by_role("button", name="least first").click()
    assert words(page, f"{ROWS} .label-text") == ["5", "2"]
    choose(page, "by", "as in the file")
    assert words(page, f"{ROWS} .label-text") == ["2", "5"]


def test_all_cells_stand_in_one_list_and_come_back(page_of: Path, visit: Visit) -> None:
    page = visit(page_of, "#v=1&colour=sharpness")
    choose(page, "by", "sharpness")
    choose(page, "Sort", "all in a list")
    assert figures(page) == sorted(figures(page), key=float, reverse=True)
    assert figures(page)[:3] == ["304", "304", "303"]
    assert alt(page, 0, 0) == f"scheduler {EULER}, guidance_scale 2, seed 4"
    assert words(page, f"{CELLS} .caption")[0] == f"{EULER} · 2 · 4"
    page.locator(CELLS).first.click()
    expect(page.locator("#viewer")).to_be_visible()
    page.keyboard.press("Escape")
    choose(page, "by", "as in the file")
    expect(page.locator(f"{COLUMNS} .label-text")).to_have_text([DDIM, EULER, LCM])


def test_what_has_no_number_comes_last_in_either_direction(page_of: Path, visit: Visit) -> None:
    for way in ("&falling=yes", ""):
        page = visit(
            page_of, f"#v=1&sort=list&sort-by=sharpness{way}&x=&y=&all=scheduler&all=guidance_scale&all=seed&zoom=48"
        )
        shown = page.locator(CELLS).filter(has=page.locator("img"))
        expect(shown).to_have_count(30)
        places = "cells => cells.map((cell) => [+cell.dataset.row, +cell.dataset.column, cell.textContent])"
        listed = sorted(shown.evaluate_all(places))
        assert [text.split(" · ")[2] for _, _, text in listed[-6:]] == ["5"] * 6


# --- filters -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "columns", "rows", "said"),
    [
        pytest.param(f"scheduler={DDIM}|{LCM}", [DDIM, LCM], ["2", "5"], "20 of 30", id="one of several"),
        pytest.param(f"scheduler!={DDIM}", [EULER, LCM], ["2", "5"], "20 of 30", id="none of"),
        pytest.param("guidance_scale>2", [DDIM, EULER, LCM], ["5"], "15 of 30", id="a bound"),
        pytest.param("guidance_scale>=2, guidance_scale<5", [DDIM, EULER, LCM], ["2"], "15 of 30", id="two bounds"),
        pytest.param("guidance_scale=5.0", [DDIM, EULER, LCM], ["5"], "15 of 30", id="a number however it is written"),
        pytest.param("sharpness > 210", [EULER, LCM], ["2", "5"], "12 of 30", id="a number that was measured"),
        pytest.param("attempts=2", [DDIM], ["2"], "1 of 30", id="attempts"),
    ],
)
def test_cells_are_filtered_by_an_expression(
    expression: str, columns: list[str], rows: list[str], said: str, page_of: Path, visit: Visit
) -> None:
    page = visit(page_of, "#v=1&all=seed")
    assert filtered(page, expression) == said
    assert words(page, f"{COLUMNS} .label-text") == columns
    assert words(page, f"{ROWS} .label-text") == rows
    assert address(page)["only"] == [expression]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("seed=1, shceduler=x", "At 9: “shceduler” is no axis, no parameter and no number; did you mean “scheduler”?"),
        ("seed>x", "At 1: “x” is no number; > compares numbers"),
        ("seed", "At 1: “seed” is no term; write name=value or name>number, joined by commas"),
        ("seed=1, seed=2", "At 9: “seed=” stands there twice; write all values in one: seed=1|2"),
        ("scheduler=LCMSchedule", "At 1: no cell has scheduler=LCMSchedule; did you mean “LCMScheduler”?"),
        ("<img src=x>=1", "At 1: “<img src=x>=1” is no term; write name=value or name>number, joined by commas"),
    ],
)
def test_a_mistake_is_said_with_its_place_and_hides_nothing(
    expression: str, said: str, page_of: Path, visit: Visit
) -> None:
    page = visit(page_of)
    assert filtered(page, expression) == said
    expect(page.get_by_label("Only")).to_have_attribute("aria-invalid", "true")
    expect(page.locator(CELLS)).to_have_count(6)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#figures-problem")).to_be_hidden()
    assert "only" not in address(page)


def test_a_filter_that_nothing_meets_says_so(page_of: Path, visit: Visit) -> None:
    page = visit(page_of)
    assert filtered(page, "sharpness>300, guidance_scale<0") == "0 of 30"
    assert words(page, "#nothing") == ["No cell is of this filter."]


def test_an_address_with_names_that_are_gone_shows_the_rest(page_of: Path, visit: Visit) -> None:
    page = visit(page_of, "#v=1&colour=beauty&sort=columns&sort-by=beauty&only=beauty>1&plot.by=nothing&at.seed=2")
    assert figures(page) == []
    assert words(page, f"{COLUMNS} .label-text") == [DDIM, EULER, LCM]
    assert alt(page, 0, 0) == f"scheduler {DDIM}, guidance_scale 2, seed 2"


# --- plots -------------------------------------------------------------------------------------------------------------


def numbers(page: Page) -> None:
    page.locator("#numbers").scroll_into_view_if_needed()
    expect(page.locator("#numbers-plots table")).to_be_visible()


def test_what_each_axis_changes_is_said_in_words(page_of: Path, visit: Visit) -> None:
    page = visit(page_of)
    numbers(page)
    assert words(page, ".verdicts li") == [
        f"scheduler changes sharpness (20 pairs), against {DDIM}",
        "guidance_scale changes brightness, sharpness (15 pairs), against 2",
        "seed changes sharpness (24 pairs), against 1",
    ]
    assert "cells are identical to another, byte for byte" in words(page, ".twins summary")[0]


def test_a_plot_says_its_numbers_and_how_many_there_are(page_of: Path, visit: Visit) -> None:
    page = visit(page_of, "#v=1&plot.plot=sharpness&plot.by=scheduler&plot.across=guidance_scale")
    numbers(page)
    titles = words(page, ".spreads tbody .mark title")
    assert titles == [
        "n = 8: 101 to 104, half within 101.8 to 103.3, median 102.5",
        "what the others are held against",
        "n = 8: 301 to 304, half within 301.8 to 303.3, median 302.5",
        "+200, interval +200 to +200, n = 8 pairs",
        "n = 8: 201 to 244, half within 202.8 to 242.3, median 222.5",
        "+120, interval +105 to +135, n = 8 pairs",
    ]
    assert words(page, ".crossing h3") == ["sharpness by scheduler and guidance_scale"]
    assert words(page, ".crossing-legend .label-text") == ["2", "5"]
    assert words(page, ".crossing-svg g g title")[-1] == "LCMScheduler, 5: 242.5, interval 241.5 to 243.5, n = 4"
    assert len(words(page, ".crossing-svg .crossing-line")) == 4


def test_another_number_and_axis_are_chosen_and_kept_in_the_address(page_of: Path, visit: Visit) -> None:
    page = visit(page_of)
    numbers(page)
    choose(page, "Number", "brightness")
    page.locator("#plot-axis").select_option(label="guidance_scale")
    assert words(page, ".spreads tbody .value") == ["2", "5"]
    expect(page).to_have_url(re.compile("plot.plot=brightness&plot.by=guidance_scale"))


def test_a_phone_shows_both_plots_without_scrolling_sideways(page_of: Path, visit: Visit) -> None:
    page = visit(page_of, viewport={"width": 390, "height": 844})
    numbers(page)
    for place in range(2):
        box = page.locator(".spreads tbody tr").first.locator(".mark").nth(place).bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["width"] > 120
    assert page.evaluate("document.documentElement.scrollWidth") == 390


# --- size --------------------------------------------------------------------------------------------------------------


def test_ten_thousand_cells_are_painted_and_sorted_with_few_elements(
    run: Path, report: Callable[[], Path], visit: Visit
) -> None:
    axes = [points("guidance", range(100)), points("seed", range(100))]
    column = next(measure for measure in MEASURES if measure.name == "sharpness")
    pictures = [painted(run, shade) for shade in range(8)]
    shown = [tile_with(tile, {"sharpness": float(number % 977)}) for number, tile in enumerate(tiles(axes, pictures))]
    path = write(made_up(axes, shown, findings=Findings(columns=(column,))), report())
    page = visit(path, "#v=1&colour=sharpness&sort=list&sort-by=sharpness&falling=yes&x=&y=&all=guidance&all=seed")
    expect(page.locator(".figure").first).to_have_text("976")
    assert page.evaluate("document.querySelectorAll('*').length") <= 3000
