"""Long words: names, values and prompts that have more letters than the page has room for."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from books import axis, book, tiles
from browser.looking import Visit, words
from browser.test_page_small import PHONE, box
from playwright.sync_api import expect

from runner.nouns import Layout, Picture
from runner.report import write

pytestmark = pytest.mark.browser

PROMPT = "a red house, on the grass, under a blue sky with two small clouds, "


@pytest.fixture(scope="module")
def prompts(report: Callable[[], Path], pictures: Mapping[str, Picture]) -> Path:
    """Three prompts of 10 kB that begin alike, and an axis whose name is a sentence."""
    name = "how_many_steps_it_takes_before_the_picture_stands_still_and_nothing_in_it_moves"
    axes = [axis("prompt", [f"{number}: {150 * PROMPT}" for number in range(3)]), axis(name, [1, 2])]
    return write(book(axes, list(tiles(axes, [pictures["wide"]])), layout=Layout(x="prompt", y=name)), report())


def test_on_a_phone_the_name_of_an_axis_ends_within_the_heads(prompts: Path, visit: Visit) -> None:
    page = visit(prompts, "#v=1&x=", viewport=PHONE)
    name, heads = box(page, ".corner .axis-name"), box(page, "#heads")
    assert name["top"] >= heads["top"]
    assert name["bottom"] <= heads["bottom"]


def test_on_a_phone_a_value_stands_beside_its_tick_and_before_the_button_that_shows_it_alone(
    four: Path, visit: Visit
) -> None:
    page = visit(four, viewport=PHONE)
    page.locator(".axis-name", has_text="guidance").click()
    tick, value = box(page, "#values .value input"), box(page, "#values .value .label-text")
    only, row = box(page, "#values .only"), box(page, "#values .value")
    assert tick["x"] + tick["width"] <= value["x"]
    assert value["x"] + value["width"] <= only["x"]
    assert row["x"] + row["width"] - only["x"] - only["width"] < 12


def test_on_a_phone_three_columns_fit_the_window_beside_long_names(prompts: Path, visit: Visit) -> None:
    page = visit(prompts, viewport=PHONE)
    assert page.evaluate("document.getElementById('page').scrollWidth <= innerWidth")


def test_on_a_phone_the_viewers_buttons_stand_above_what_it_says(prompts: Path, visit: Visit) -> None:
    page = visit(prompts, viewport=PHONE)
    page.locator(".cell").first.click()
    assert box(page, "#viewer-close")["bottom"] <= box(page, "#panel .coordinates")["top"]


def test_a_long_prompt_leaves_room_for_the_rest_of_what_the_viewer_says(prompts: Path, visit: Visit) -> None:
    page = visit(prompts)
    page.locator(".cell").first.click()
    assert box(page, "#panel .coordinates")["height"] < 300
    prompt = page.locator("#panel .coordinates dd .label-text").first
    assert prompt.evaluate("prompt => prompt.scrollHeight > prompt.clientHeight")


def test_a_filter_that_finds_no_such_prompt_names_the_known_ones_by_their_beginning(
    prompts: Path, visit: Visit
) -> None:
    page = visit(prompts)
    page.locator("#figures-only").fill("prompt=none of these")
    page.locator("#figures-only").press("Enter")
    known = ", ".join(f"{number}: a red house, on the grass, u…" for number in range(3))
    expect(page.locator("#figures-problem")).to_have_text(f"At 1: no cell has prompt=none of these; known are {known}")


def test_the_example_of_a_filter_is_one_that_can_be_written(prompts: Path, four: Path, visit: Visit) -> None:
    examples = [visit(path).locator("#figures-only").get_attribute("placeholder") for path in (prompts, four)]
    assert examples == ["name=value", "scheduler=A"]
    assert words(visit(four, "#v=1&only=scheduler%3DA"), "#figures-problem") == ["8 of 24"]
