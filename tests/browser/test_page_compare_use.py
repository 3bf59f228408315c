"""Comparing with hands on: where the focus stays, what fingers do, words of any length, what a screen reader is told."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from books import axis, book, painted, tile, tiles
from browser.looking import CELLS, Visit, address, words
from playwright.sync_api import Page, expect

from runner.nouns import Layout, Picture, State
from runner.report import write

pytestmark = pytest.mark.browser

FIRST, SECOND, THIRD = (f"{number:064x}" for number in (0, 8, 16))
LONG = '<b>"markup"</b> \u202eturned 🐈 </script> ' * 250
ALONG = "#v=1&compare={}&along=scheduler&from=A&to=B"


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def pins(*digests: str) -> str:
    return "".join(f"&pin={digest}" for digest in digests)


# --- keys and focus ---------------------------------------------------------------------------------------------


def test_the_focus_stays_on_what_was_pressed_and_keys_go_on_working(four: Path, visit: Visit) -> None:
    page = visit(four, ALONG.format("side"))
    page.get_by_role("button", name="next pair").click()
    page.keyboard.press("Enter")
    assert (focused(page), words(page, "#compare output")) == ("compare-next", ["pair 3 of 8"])
    page.get_by_role("button", name="Difference").click()
    assert focused(page) == "compare-difference"
    page.keyboard.press("w")
    expect(page.locator("#compare-wipe")).to_have_attribute("aria-pressed", "true")
    page.locator("#compare-to").focus()
    page.select_option("#compare-to", label="C")
    assert focused(page) == "compare-to"
    page.keyboard.press("Escape")
    expect(page.locator("#compare")).to_be_hidden()
    expect(page.locator(f"{CELLS}:focus")).to_have_count(1)


def test_what_the_reader_has_set_stays_set_at_the_next_pair(four: Path, visit: Visit) -> None:
    page = visit(four, ALONG.format("difference"))
    page.locator("#compare-gain").fill("9")
    page.keyboard.press("]")
    expect(page.locator("#compare-gain")).to_have_value("9")
    expect(page.locator(".stage-controls output")).to_have_text("9 times")
    page.keyboard.press("f")
    page.locator("#compare-pace").fill("1500")
    page.keyboard.press(" ")
    page.keyboard.press("]")
    expect(page.locator(".stage-controls output")).to_have_text("1500 ms")
    expect(page.locator("#compare-play")).to_have_attribute("aria-pressed", "false")


def test_arrow_keys_move_the_slider_while_all_of_the_picture_shows(four: Path, visit: Visit) -> None:
    page = visit(four, ALONG.format("wipe"))
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#compare-split")).to_have_value("56")
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#compare-split")).to_have_value("56")


def test_a_question_mark_shows_every_key_and_escape_closes_that_alone(four: Path, visit: Visit) -> None:
    page = visit(four, ALONG.format("side"))
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    assert words(page, "#keys h3") == ["On the page", "On the grid", "In the viewer", "Comparing", "Comparing blind"]
    assert "V" not in words(page, "#keys section >> nth=0 >> kbd")  # this run has no baseline
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    expect(page.locator("#compare")).to_be_visible()


def test_the_viewer_pins_by_a_button_and_hands_over_to_comparing(four: Path, visit: Visit) -> None:
    page = visit(four, f"#v=1{pins(SECOND)}")
    page.locator(CELLS).first.click()
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator("#viewer-pin")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".key-help")).to_contain_text("hold B pinned")
    page.keyboard.press("c")
    expect(page.locator("#viewer")).to_be_hidden()
    assert words(page, "#compare figcaption") == ["A scheduler B", "B scheduler A"]
    assert (address(page)["compare"], "cell" in address(page)) == (["side"], False)
    page.keyboard.press("f")
    expect(page.locator(".pane-letter")).to_be_visible()


def test_the_viewer_says_what_holding_b_shows_before_and_after_a_picture_is_pinned(four: Path, visit: Visit) -> None:
    page = visit(four, f"#v=1{pins('f' * 64)}")  # of another run: nothing that B could show
    page.locator(CELLS).first.click()
    for held in ("P pin, then hold B to compare", "hold B pinned · P pin", "P pin, then hold B to compare"):
        expect(page.locator(".key-help")).to_contain_text(held)
        page.keyboard.press("p")


def test_an_address_that_names_a_cell_and_a_comparison_shows_the_comparison(four: Path, visit: Visit) -> None:
    page = visit(four, f"#v=1{pins(FIRST, FIRST, SECOND)}&compare=side&cell={FIRST}")
    expect(page.locator("#viewer")).to_be_hidden()
    assert words(page, "#compare figcaption") == ["A scheduler A", "B scheduler B"]


def test_steps_bring_every_pin_to_the_front_where_two_have_room(four: Path, visit: Visit) -> None:
    page = visit(four, f"#v=1{pins(FIRST, SECOND, THIRD)}&compare=difference")
    shown = [words(page, "#compare figcaption")]
    expect(page.locator(".sources output")).to_have_text("two of 3 pinned")
    for _ in range(2):
        page.keyboard.press("]")
        shown.append(words(page, "#compare figcaption"))
    assert shown == [
        ["A scheduler A", "B scheduler B"],
        ["A scheduler B", "B scheduler C"],
        ["A scheduler C", "B scheduler A"],
    ]


def test_a_reader_who_listens_hears_what_is_compared(four: Path, visit: Visit) -> None:
    page = visit(four, ALONG.format("side"))
    expect(page.locator("#compare [role=status]#compare-said")).to_have_text(
        "pair 1 of 8 scheduler A against scheduler B"
    )


# --- fingers ----------------------------------------------------------------------------------------------------


def test_two_fingers_zoom_every_picture_and_one_scrolls_a_phone(four: Path, visit: Visit) -> None:
    page = visit(
        four,
        f"#v=1{pins(FIRST, SECOND, THIRD)}&compare=side",
        viewport={"width": 390, "height": 844},
        has_touch=True,
    )
    pane = page.locator(".pane").first
    assert pane.evaluate("pane => getComputedStyle(pane).touchAction") == "pan-y"
    box = pane.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *apart: float) -> None:
        points = [{"x": x + side * half, "y": y, "id": place} for half in apart for place, side in enumerate((-1, 1))]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 20)
    for half in (40, 60):
        fingers("touchMove", half)
    fingers("touchEnd")
    scale = "image => Number(getComputedStyle(image).transform.split(/[(,]/)[1])"
    found = [page.locator(".pane-picture").nth(place).evaluate(scale) for place in range(3)]
    assert found == [pytest.approx(3, abs=0.2)] * 3
    assert pane.evaluate("pane => getComputedStyle(pane).touchAction") == "none"


# --- words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [390, 1280, 3840])
def test_words_of_ten_kilobytes_leave_the_pictures_their_room(
    width: int, report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", [f"A{LONG}", "B"]), axis("prompt", [LONG, "short"]), axis("seed", [1, 2])]
    path = write(book(axes, list(tiles(axes, list(pictures.values())[:8])), layout=Layout(x="seed")), report())
    page = visit(path, f"#v=1{pins(f'{0:064x}', f'{2:064x}')}&compare=side", viewport={"width": width, "height": 844})
    assert words(page, "#compare figcaption .label-text") == [f"prompt {LONG}", "prompt short"]
    for place in range(2):
        box = page.locator(".pane").nth(place).bounding_box()
        assert box
        assert box["height"] > 200
    page.select_option("#compare-source", value="0")
    expect(page.locator(".shared")).to_have_attribute("title", f"prompt {LONG}, seed 1")
    box = page.locator(".pane").first.bounding_box()
    assert box
    assert box["height"] > 200
    page.keyboard.press("Escape")
    expect(page.locator(".tray-item")).to_have_count(2)
    tray = page.locator("#tray").bounding_box()
    assert tray
    assert tray["height"] < 130
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_two_pictures_of_one_cell_are_told_apart(run: Path, report: Callable[[], Path], visit: Visit) -> None:
    shown = [tile(1, {"seed": "1"}, (painted(run, 1), painted(run, 2))), tile(2, {"seed": "2"}, (painted(run, 3),))]
    page = visit(
        write(book([axis("seed", [1, 2])], shown), report()), f"#v=1{pins(f'{1:064x}', f'{1:064x}.1')}&compare=side"
    )
    assert words(page, "#compare figcaption") == ["A seed 1, picture 1", "B seed 1, picture 2"]


def test_a_pin_of_a_cell_that_has_no_picture_any_more_is_left_out(
    run: Path, report: Callable[[], Path], visit: Visit
) -> None:
    shown = [tile(1, {"seed": "1"}, (painted(run, 1),)), tile(2, {"seed": "2"}, state=State.REFUSED, reason="no")]
    page = visit(write(book([axis("seed", [1, 2])], shown), report()), f"#v=1{pins(f'{1:064x}', f'{2:064x}')}")
    assert words(page, ".tray-item .label-text") == ["seed 1"]
    expect(page.locator("#tray-compare")).to_be_disabled()


# --- differences ------------------------------------------------------------------------------------------------


def test_a_picture_of_another_size_is_scaled_and_that_is_said(
    run: Path, report: Callable[[], Path], visit: Visit
) -> None:
    shown = [tile(1, {"seed": "1"}, (painted(run, 50),)), tile(2, {"seed": "2"}, (painted(run, 50, (64, 48)),))]
    page = visit(
        write(book([axis("seed", [1, 2])], shown), report()), f"#v=1{pins(f'{1:064x}', f'{2:064x}')}&compare=difference"
    )
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Let this page read its folder").click()
    chooser.value.set_files(str(run))
    expect(page.locator(".difference-number")).to_have_text("every pixel is the same, B scaled to A")


def test_the_viewer_too_holds_a_picture_against_its_baseline(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "AB"), axis("seed", [1, 2])]
    layout = Layout(x="scheduler", y="seed", baseline={"scheduler": "A"})
    page = visit(write(book(axes, list(tiles(axes, list(pictures.values()))), layout=layout), report()))
    page.locator(f"{CELLS}[data-row='0'][data-column='1']").focus()
    page.keyboard.press("v")
    expect(page.locator(".versus")).to_have_count(4)
    page.keyboard.press("Enter")
    expect(page.locator(".stage-note")).to_have_text("against baseline: scheduler A, seed 1")
    layers = page.locator("#stage .versus-full img")
    assert layers.nth(1).evaluate("image => getComputedStyle(image).mixBlendMode") == "difference"
    boxes = [layers.nth(place).bounding_box() for place in (0, 1)]
    assert boxes[0] == boxes[1]
    page.keyboard.press("v")
    expect(page.locator("#stage .versus-full")).to_have_count(0)
    expect(page.locator(".stage-note")).to_have_count(0)


# --- playing an axis --------------------------------------------------------------------------------------------


def test_a_plays_the_held_axis_at_the_pace_that_the_reader_sets(four: Path, visit: Visit) -> None:
    page = visit(four)
    page.locator(CELLS).first.focus()
    page.keyboard.press("a")
    play, pace = page.locator("[data-cycle]"), page.locator(".pace")
    expect(play).to_have_attribute("aria-pressed", "true")
    pace.fill("3000")
    expect(page.locator(f"{CELLS}[data-row='0'][data-column='0'] img")).to_have_attribute(
        "alt", "scheduler A, guidance 2, seed 1, ink 1"
    )
    page.locator(CELLS).first.focus()
    page.keyboard.press("a")
    expect(play).to_have_attribute("aria-pressed", "false")
    expect(pace).to_be_hidden()


def test_playing_stops_where_a_picture_is_opened(four: Path, visit: Visit) -> None:
    page = visit(four)
    page.locator("[data-cycle]").click()
    page.locator(CELLS).first.click()
    expect(page.locator("[data-cycle]")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#viewer")).to_be_visible()


# --- keys of the whole page ---------------------------------------------------------------------------------------


@pytest.fixture
def based(report: Callable[[], Path], pictures: Mapping[str, Picture]) -> Path:
    axes = [axis("scheduler", "AB"), axis("seed", [1, 2])]
    layout = Layout(x="scheduler", baseline={"scheduler": "A"})
    return write(book(axes, list(tiles(axes, list(pictures.values()))), layout=layout), report())


def test_keys_that_need_no_cell_are_heard_where_nothing_has_the_focus(based: Path, visit: Visit) -> None:
    page = visit(based)
    assert page.evaluate("document.activeElement === document.body")
    page.keyboard.press("v")
    expect(page.locator(".versus")).to_have_count(2)
    page.keyboard.press("a")
    expect(page.locator("[data-cycle]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("a")
    page.keyboard.press("c")
    expect(page.locator("#compare")).to_be_visible()


def test_keys_of_the_page_are_letters_where_something_is_written_or_chosen(based: Path, visit: Visit) -> None:
    page = visit(based)
    page.locator("#figures-only").press_sequentially("va")
    expect(page.locator("#figures-only")).to_have_value("va")
    page.locator("#role-x").press("v")
    page.locator(".values-button").first.click()
    page.locator("#values .value").first.press("v")
    page.keyboard.press("a")
    expect(page.locator(".versus")).to_have_count(0)
    expect(page.locator("[data-cycle]")).to_have_attribute("aria-pressed", "false")


# --- what a card says first --------------------------------------------------------------------------------------


@pytest.mark.parametrize("zoom", [80, 96, 128, 320])
def test_the_card_of_an_unknown_cell_says_that_it_may_have_been_made_and_cuts_no_word_of_that(
    zoom: int, report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    reason = "no whole answer from https://host/api/v6: the connection was closed; it may have been made"
    shown = [
        tile(1, {"seed": "1"}, (pictures["large"],)),
        tile(2, {"seed": "2"}, state=State.UNKNOWN, reason=reason, seed=None),
    ]
    page = visit(write(book([axis("seed", [1, 2])], shown, layout=Layout(x="seed")), report()), f"#v=1&zoom={zoom}")
    card, meaning = page.locator(".card"), page.locator(".card-meaning")
    expect(meaning).to_have_text("may have been made")
    assert card.get_attribute("title") == f"unknown: {reason}"
    outer, inner = card.bounding_box(), meaning.bounding_box()
    assert outer
    assert inner
    assert outer["y"] <= inner["y"]
    assert inner["y"] + inner["height"] <= outer["y"] + outer["height"]
    assert outer["x"] <= inner["x"]
    assert inner["x"] + inner["width"] <= outer["x"] + outer["width"]
