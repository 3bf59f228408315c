"""Any axis goes anywhere, and the address says where."""

import re
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import pytest
from books import axis, book, tile, tiles
from browser.looking import CELLS, COLUMNS, GROUPS, ROWS, TALL, Visit, address, alt, coordinates, words
from playwright.sync_api import expect

from runner.nouns import Layout, Picture
from runner.report import write

pytestmark = pytest.mark.browser


def test_axes_stand_where_the_file_says_and_the_rest_are_tabs(four: Path, visit: Visit) -> None:
    page = visit(four, viewport=TALL)
    assert words(page, COLUMNS) == ["A", "B", "C"]
    assert words(page, ROWS) == ["2", "5", "2", "5"]
    assert words(page, GROUPS) == ["1", "2"]
    assert words(page, "#held legend") == ["ink"]
    assert words(page, "#held .tab") == ["0", "1", "all"]
    assert page.locator(CELLS).count() == 12
    assert alt(page, 3, 1) == "scheduler B, guidance 5, seed 2, ink 0"
    assert "#" not in page.url


def test_a_book_without_a_layout_gets_its_longest_axes_on_the_grid(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("seed", [1, 2]), axis("scheduler", "ABCDE"), axis("guidance", [1, 2, 3])]
    page = visit(write(book(axes, list(tiles(axes, [pictures["wide"]]))), report()), viewport=TALL)
    assert words(page, ROWS) == ["A", "B", "C", "D", "E"]
    assert words(page, COLUMNS) == ["1", "2", "3"] * 2
    assert words(page, ".column-group .label-text") == ["1", "2"]


def test_any_axis_goes_anywhere_and_the_one_before_it_takes_its_place(four: Path, visit: Visit) -> None:
    page = visit(four, viewport=TALL)
    page.select_option("#role-x", label="guidance")
    assert words(page, COLUMNS) == ["2", "5"]
    assert words(page, ROWS) == ["A", "B", "C"] * 2
    page.select_option("#role-columns", label="ink")
    assert words(page, ".column-group .label-text") == ["0", "1"]
    assert page.locator("#held").is_hidden()
    assert alt(page, 5, 3) == "scheduler C, guidance 5, seed 2, ink 1"
    page.select_option("#role-rows", label="nothing")
    assert words(page, ROWS) == ["A", "B", "C"]
    assert words(page, "#held legend") == ["seed"]


def test_swap_turns_the_grid(four: Path, visit: Visit) -> None:
    page = visit(four)
    page.click("#swap")
    assert words(page, ROWS) == ["A", "B", "C"]
    assert words(page, COLUMNS) == ["2", "5", "2", "5"]


def test_a_tab_shows_another_point_and_all_shows_every_point_in_each_cell(four: Path, visit: Visit) -> None:
    page = visit(four, viewport=TALL)
    page.check("#held input >> nth=1", force=True)
    assert alt(page, 0, 0) == "scheduler A, guidance 2, seed 1, ink 1"
    page.check("#held input >> nth=2", force=True)
    assert [image.get_attribute("alt") for image in page.locator(f"{CELLS} >> nth=0").locator("img").all()] == [
        "scheduler A, guidance 2, seed 1, ink 0",
        "scheduler A, guidance 2, seed 1, ink 1",
    ]


def test_an_axis_with_many_points_is_held_by_a_slider(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "AB"), axis("step", range(40))]
    path = write(book(axes, list(tiles(axes, [pictures["wide"]])), layout=Layout(x="scheduler")), report())
    page = visit(path)
    slider = page.locator("#held input[type=range]")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.locator("#held output").text_content() == "3"
    assert alt(page, 0, 1) == "scheduler B, step 3"
    page.wait_for_url("**&at.step=3")
    page.click("#held button:has-text('›')")
    assert alt(page, 0, 1) == "scheduler B, step 4"


def test_an_axis_that_applies_to_some_cells_hides_none_of_the_others(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "AB"), axis("order", [1, 2])]
    shown = [
        tile(0, {"scheduler": "A"}, (pictures["wide"],)),
        *(tile(order, {"scheduler": "B", "order": str(order)}, (pictures["wide"],)) for order in (1, 2)),
    ]
    page = visit(write(book(axes, shown, layout=Layout(x="scheduler")), report()))
    assert words(page, COLUMNS) == ["A", "B"]
    assert [page.locator(f"{CELLS} >> nth={column}").locator("img").count() for column in (0, 1)] == [1, 2]
    page.check("#held input >> nth=1", force=True)
    assert [alt(page, 0, 0), alt(page, 0, 1)] == ["scheduler A", "scheduler B, order 2"]
    page.select_option("#role-y", label="order")
    assert words(page, ROWS) == ["1", "2", "—"]


def test_axes_in_lockstep_share_their_labels(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("subject", ["house", "boat"]), axis("sky", ["red", "blue"]), axis("seed", [1, 2])]
    shown = [
        tile(number, {"subject": subject, "sky": sky, "seed": str(seed)}, (pictures["wide"],))
        for number, ((subject, sky), seed) in enumerate(product((("house", "red"), ("boat", "blue")), (1, 2)))
    ]
    page = visit(write(book(axes, shown, layout=Layout(x="subject", y="seed")), report()))
    assert words(page, COLUMNS) == ["housered", "boatblue"]
    assert page.locator(f"{CELLS} img").count() == 4
    assert page.locator("#held").is_hidden()


def test_back_and_forward_walk_through_the_views(four: Path, visit: Visit) -> None:
    page = visit(four)
    page.select_option("#role-x", label="ink")
    page.select_option("#role-rows", label="nothing")
    assert (address(page)["x"], address(page)["v"]) == (["ink"], ["1"])
    page.go_back()
    expect(page.locator(COLUMNS)).to_have_text(["0", "1"])
    expect(page.locator("#role-rows")).to_have_value("2")
    page.go_back()
    expect(page.locator(COLUMNS)).to_have_text(["A", "B", "C"])
    page.go_forward()
    expect(page.locator(COLUMNS)).to_have_text(["0", "1"])


def test_an_address_restores_the_view_by_name(four: Path, visit: Visit) -> None:
    page = visit(four, "#v=1&x=seed&y=ink&columns=&rows=&at.scheduler=C&all=guidance&zoom=96&show=made")
    assert (words(page, COLUMNS), words(page, ROWS)) == (["1", "2"], ["0", "1"])
    assert page.locator(f"{CELLS} >> nth=0").locator("img").count() == 2
    assert alt(page, 1, 1) == "scheduler C, guidance 2, seed 2, ink 1"
    assert page.locator("#zoom").input_value() == "96"
    assert page.locator("[data-state=made]").get_attribute("aria-pressed") == "true"


def test_names_in_an_address_that_are_gone_are_passed_over(four: Path, visit: Visit) -> None:
    page = visit(four, "#v=1&x=seed&y=gone&rows=&at.ink=7&at.gone=1&show=gone&zoom=9&cell=abcd")
    assert (words(page, COLUMNS), words(page, ROWS)) == (["1", "2"], ["2", "5"])
    assert alt(page, 0, 0) == "scheduler A, guidance 2, seed 1, ink 0"
    assert page.locator("#viewer").is_hidden()


def test_an_address_of_another_version_shows_the_initial_view(four: Path, visit: Visit) -> None:
    page = visit(four, "#v=99&x=seed")
    assert words(page, COLUMNS) == ["A", "B", "C"]


def test_an_address_opens_the_cell_that_it_names(four: Path, visit: Visit) -> None:
    page = visit(four, "#v=1&x=scheduler&y=guidance&columns=&rows=seed&at.ink=1&cell=" + f"{11:064x}")
    assert coordinates(page) == {"scheduler": "B", "guidance": "2", "seed": "2", "ink": "1"}
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("cell="))
