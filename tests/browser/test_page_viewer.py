"""One picture in full size, by mouse and by keyboard; and why a cell has none."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from books import axis, book, painted, tile, tiles
from browser.looking import CELLS, COLUMNS, Visit, address, coordinates, words
from playwright.sync_api import expect

from runner.nouns import Layout, Picture, State
from runner.report import write

pytestmark = pytest.mark.browser


def test_arrow_keys_move_on_the_grid_and_in_the_viewer(four: Path, visit: Visit) -> None:
    page = visit(four, viewport={"width": 1280, "height": 500})
    page.locator(f"{CELLS}[tabindex='0']").focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert coordinates(page) == {"scheduler": "B", "guidance": "5", "seed": "1", "ink": "0"}
    assert address(page)["cell"] == [f"{12:064x}"]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert coordinates(page) == {"scheduler": "C", "guidance": "5", "seed": "2", "ink": "0"}
    page.keyboard.press("ArrowRight")
    assert coordinates(page)["scheduler"] == "C"
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("cell="))
    focused = page.locator(f"{CELLS}:focus")
    expect(focused.locator("img")).to_have_attribute("alt", "scheduler C, guidance 5, seed 2, ink 0")
    assert page.locator(f"{CELLS}[tabindex='0']").count() == 1
    expect(focused).to_be_in_viewport()


def test_back_closes_the_viewer(four: Path, visit: Visit) -> None:
    page = visit(four)
    page.select_option("#role-x", label="ink")
    page.locator(CELLS).first.click()
    page.keyboard.press("ArrowRight")
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()
    assert words(page, COLUMNS) == ["0", "1"]


def test_the_viewer_shows_the_original_and_the_exact_request_and_answer(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    answer = {"seed": 77, "__proto__": "x", "nested": {"loss": [0.5]}}
    shown = [
        tile(
            1, {"seed": "1"}, (pictures["large"],), meta=answer, attempts=3, reused_from="atlas", seconds=1.234, seed=77
        ),
        tile(2, {"seed": "2"}, (pictures["wide"],)),
    ]
    page = visit(write(book([axis("seed", [1, 2])], shown), report()))
    page.locator(CELLS).first.click()
    image = page.locator("#stage img")
    expect(image).to_have_js_property("complete", value=True)
    assert image.get_attribute("src") == f"../images/{pictures['large'].sha256[:2]}/{pictures['large'].sha256}.png"
    assert image.evaluate("image => image.naturalWidth") == 512
    request, said = (json.loads(text) for text in words(page, "#panel pre"))
    assert request == shown[0].request.parameters
    assert said == answer
    assert words(page, "#panel mark") == ['  "prompt": "picture 1",\n', '  "seed": 1\n']
    assert words(page, "#panel .facts dd")[:3] == ["77", "1.23 s", "3"]
    assert words(page, "#panel .verdict") == ["made reused from atlas"]


@pytest.mark.parametrize(("height", "shown"), [(768, 768 - 2 * 28), (2160, 4 * 256)])
def test_a_small_picture_is_shown_as_large_as_the_window_allows_up_to_four_times_its_size(
    height: int, shown: int, run: Path, report: Callable[[], Path], visit: Visit
) -> None:
    page = visit(
        write(book([axis("seed", [1])], [tile(1, {"seed": "1"}, (painted(run, 50, (256, 256)),))]), report()),
        viewport={"width": 3840, "height": height},
    )
    page.locator(CELLS).first.click()
    assert page.locator("#stage img").evaluate("image => Math.min(image.clientWidth, image.clientHeight)") == shown


def test_copy_takes_the_exact_request(four: Path, visit: Visit) -> None:
    page = visit(four, permissions=["clipboard-read", "clipboard-write"])
    page.locator(CELLS).first.click()
    page.locator(".copy").first.click()
    expect(page.locator(".copy").first).to_have_text("Copied")
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == json.loads(words(page, "#panel pre")[0])


def test_a_cell_shows_all_its_pictures_and_the_viewer_steps_through_them(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    several = tuple(list(pictures.values())[:3])
    path = write(book([axis("seed", [1])], [tile(1, {"seed": "1"}, several)]), report())
    page = visit(path)
    assert page.locator(f"{CELLS} img").count() == 3
    page.locator(f"{CELLS} img").nth(1).click()
    for place in (1, 2, 0, 1):
        assert several[place].sha256 in str(page.locator("#stage img").get_attribute("src"))
        page.keyboard.press(".")


def test_holding_b_shows_the_baseline(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "AB")]
    shown = list(tiles(axes, [pictures["wide"], pictures["large"]]))
    page = visit(write(book(axes, shown, layout=Layout(x="scheduler", baseline={"scheduler": "A"})), report()))
    assert words(page, COLUMNS) == ["Abaseline", "B"]
    page.locator(CELLS).nth(1).click()
    source = page.locator("#stage img")
    assert pictures["large"].sha256 in str(source.get_attribute("src"))
    page.keyboard.down("b")
    assert pictures["wide"].sha256 in str(source.get_attribute("src"))
    page.keyboard.up("b")
    assert pictures["large"].sha256 in str(source.get_attribute("src"))


@pytest.mark.parametrize("state", [State.REFUSED, State.FAILED, State.UNKNOWN, State.PENDING])
def test_a_cell_that_was_not_made_says_why(
    state: State, report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "ABC")]
    shown = [
        tile(1, {"scheduler": "A"}, (pictures["wide"],)),
        tile(2, {"scheduler": "B"}, state=state, reason="the <b>reason</b>", seed=None),
    ]
    page = visit(write(book(axes, shown), report()))
    card = page.locator(".card")
    assert card.locator("span").all_text_contents() == [state.value, "the <b>reason</b>"]
    expect(card.locator("use")).to_have_attribute("href", f"#icon-{state.value}")
    expect(card.locator(".card-reason")).to_be_visible()
    page.locator(CELLS).nth(1).click()
    assert words(page, "#panel .reason") == ["the <b>reason</b>"]
    page.keyboard.press("Escape")
    page.click(f"button[data-state={state.value}]")
    assert words(page, COLUMNS) == ["B"]
    page.click(f"button[data-state={state.value}]")
    assert words(page, COLUMNS) == ["A", "B"]


def test_a_combination_outside_the_plan_is_an_empty_place(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "AB"), axis("seed", [1, 2])]
    page = visit(write(book(axes, list(tiles(axes, [pictures["wide"]]))[:3]), report()))
    vacant = page.locator(f"{CELLS}.vacant")
    assert vacant.get_attribute("aria-label") == "not in the plan"
    assert vacant.text_content() == ""
    vacant.click()
    assert page.locator("#viewer").is_hidden()


def test_a_filter_that_matches_elsewhere_leads_there(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "AB"), axis("seed", [1, 2, 3])]
    shown = list(tiles(axes, [pictures["wide"]]))
    shown[5] = replace(shown[5], state=State.REFUSED, reason="no", pictures=())
    page = visit(write(book(axes, shown, layout=Layout(x="scheduler")), report()))
    page.click("button[data-state=refused]")
    assert page.locator("#nothing").text_content() == "No refused cell here. Show the first one"
    assert words(page, "#held .tab.without") == ["1", "2"]
    page.click("#nothing button")
    assert words(page, COLUMNS) == ["B"]
    assert page.locator("#nothing").is_hidden()


def test_an_odd_picture_has_a_flag_on_its_cell_and_the_words_in_the_viewer(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    odd = ("96×64, asked 256×256", "<b>hidden</b>")
    shown = [
        tile(1, {"seed": "1"}, (pictures["wide"],), flags=odd),
        tile(2, {"seed": "2"}, (pictures["large"],)),
    ]
    page = visit(write(book([axis("seed", [1, 2])], shown), report()))
    mark = page.locator(f"{CELLS} .flag")
    expect(mark).to_have_count(1)
    expect(mark).to_have_attribute("title", "96×64, asked 256×256; <b>hidden</b>")
    page.locator(CELLS).first.click()
    assert words(page, "#panel .flagged") == list(odd)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel .flagged")).to_have_count(0)
