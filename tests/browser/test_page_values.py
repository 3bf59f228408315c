"""The menu of an axis: its values hidden, shown alone, put into another order, and the axis folded into each cell."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from books import axis, book, tile, tiles
from browser.looking import CELLS, COLUMNS, GROUPS, ROWS, TALL, Visit, address, alt, words
from playwright.sync_api import Page, expect

from runner.nouns import Layout, Picture
from runner.report import write

pytestmark = pytest.mark.browser

HOSTILE = ("<b>bold</b>", '"><img src=x onerror=alert(1)>', "__proto__", "\u202eturned", "a&hide.scheduler=A", "—", "")


def menu(page: Page, name: str) -> Page:
    """Open the menu of an axis from the controls."""
    if page.locator("#fold").is_visible():
        page.click("#fold")
    page.locator(f"#bar .values-button[title^='values of {name}:']").click()
    expect(page.locator("#values-title")).to_have_text(name)
    return page


def check(page: Page, label: str) -> Any:
    return page.get_by_role("checkbox", name=label, exact=True)


def listed(page: Page) -> list[str]:
    return words(page, "#values .value .label-text")


# --- hiding ------------------------------------------------------------------------------------------------------


def test_a_hidden_value_leaves_the_grid_and_comes_back(four: Path, visit: Visit) -> None:
    page = menu(visit(four, viewport=TALL), "scheduler")
    assert listed(page) == ["A", "B", "C"]
    check(page, "B").uncheck()
    assert words(page, COLUMNS) == ["A", "C"]
    expect(page.locator("#arrange .values-button.few")).to_have_text("2 of 3")
    expect(check(page, "B")).to_be_focused()
    assert alt(page, 0, 1) == "scheduler C, guidance 2, seed 1, ink 0"
    check(page, "B").check()
    assert words(page, COLUMNS) == ["A", "B", "C"]
    assert "hide.scheduler" not in address(page)


def test_one_value_stays_whatever_is_hidden(four: Path, visit: Visit) -> None:
    page = menu(visit(four), "scheduler")
    for label in "ABC":
        check(page, label).click()
    expect(page.locator("#announcement")).to_have_text("one value stays")
    expect(check(page, "C")).to_be_checked()
    assert words(page, COLUMNS) == ["C"]


def test_a_value_is_shown_alone_and_then_all_are(four: Path, visit: Visit) -> None:
    page = menu(visit(four), "scheduler")
    page.get_by_role("button", name="only B").click()
    assert words(page, COLUMNS) == ["B"]
    assert address(page)["pick.scheduler"] == ["B"]
    page.get_by_role("button", name="Show all").click()
    assert words(page, COLUMNS) == ["A", "B", "C"]


def test_hidden_values_are_in_no_mosaic_no_tab_and_no_lane_of_another_axis(four: Path, visit: Visit) -> None:
    page = visit(
        four, "#v=1&x=scheduler&y=guidance&columns=&rows=seed&all=ink&hide.ink=0&hide.guidance=2", viewport=TALL
    )
    assert words(page, "#held .tab") == ["1", "all"]
    assert words(page, ROWS) == ["5", "5"]
    images = page.locator(f"{CELLS} >> nth=0").locator("img").all()
    assert [image.get_attribute("alt") for image in images] == ["scheduler A, guidance 5, seed 1, ink 1"]


def test_an_axis_is_not_held_at_a_hidden_value(four: Path, visit: Visit) -> None:
    page = menu(visit(four), "ink")
    check(page, "0").uncheck()
    assert alt(page, 0, 0) == "scheduler A, guidance 2, seed 1, ink 1"
    assert (address(page)["at.ink"], address(page)["hide.ink"]) == (["1"], ["0"])
    expect(page.locator("#held .values-button")).to_have_text("ink 1 of 2")


def test_cells_to_which_an_axis_does_not_apply_can_be_hidden(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "AB"), axis("order", [1, 2])]
    shown = [
        tile(0, {"scheduler": "A"}, (pictures["wide"],)),
        *(tile(order, {"scheduler": "B", "order": str(order)}, (pictures["wide"],)) for order in (1, 2)),
    ]
    page = visit(write(book(axes, shown, layout=Layout(x="scheduler", y="order")), report()))
    menu(page, "order")
    assert listed(page) == ["1", "2", "does not apply"]
    check(page, "does not apply").uncheck()
    assert (words(page, ROWS), words(page, COLUMNS)) == (["1", "2"], ["B"])
    assert address(page)["within"] == ["order"]
    page.reload()
    expect(page.locator(ROWS)).to_have_text(["1", "2"])


def test_where_a_filter_finds_hidden_cells_alone_the_way_there_shows_them(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "AB")]
    shown = [tile(0, {"scheduler": "A"}, (pictures["wide"],)), tile(1, {"scheduler": "B"})]
    page = visit(write(book(axes, shown), report()), "#v=1&x=scheduler&hide.scheduler=B&show=pending")
    expect(page.locator("#nothing")).to_contain_text("No pending cell here.")
    page.get_by_role("button", name="Show the first one").click()
    assert words(page, COLUMNS) == ["B"]


# --- order -------------------------------------------------------------------------------------------------------


def test_keys_move_a_value_and_say_where_it_is(four: Path, visit: Visit) -> None:
    page = menu(visit(four), "scheduler")
    page.get_by_role("button", name="move C").focus()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="move C")).to_be_focused()
    expect(page.locator("#announcement")).to_have_text("C: 2 of 3")
    assert words(page, COLUMNS) == ["A", "C", "B"]
    page.keyboard.press("Home")
    assert (words(page, COLUMNS), listed(page)) == (["C", "A", "B"], ["C", "A", "B"])
    check(page, "A").focus()
    page.keyboard.press("Alt+ArrowDown")
    assert words(page, COLUMNS) == ["C", "B", "A"]
    page.keyboard.press("ArrowUp")
    expect(check(page, "B")).to_be_focused()
    assert address(page)["order.scheduler"] == ["C", "B", "A"]


def test_a_value_is_dragged_to_another_place(four: Path, visit: Visit) -> None:
    page = menu(visit(four), "scheduler")
    start = page.get_by_role("button", name="move A").bounding_box()
    end = page.locator("#values .value").last.bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 8, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(start["x"] + 8, end["y"] + end["height"] - 2, steps=4)
    assert listed(page) == ["B", "C", "A"]
    assert words(page, COLUMNS) == ["A", "B", "C"]
    page.mouse.up()
    assert words(page, COLUMNS) == ["B", "C", "A"]
    page.go_back()
    expect(page.locator(COLUMNS)).to_have_text(["A", "B", "C"])


def test_the_order_is_reversed_and_taken_from_the_file_again(four: Path, visit: Visit) -> None:
    page = menu(visit(four), "scheduler")
    page.get_by_role("button", name="Reverse").click()
    assert words(page, COLUMNS) == ["C", "B", "A"]
    check(page, "B").uncheck()
    page.get_by_role("button", name="As in the file").click()
    assert words(page, COLUMNS) == ["A", "B", "C"]


def test_tabs_sliders_and_groups_keep_the_reader_s_order(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "AB"), axis("step", range(40)), axis("seed", [1, 2])]
    path = write(
        book(axes, list(tiles(axes, [pictures["wide"]])), layout=Layout(x="scheduler", y="scheduler", rows="seed")),
        report(),
    )
    page = visit(path, "#v=1&x=scheduler&y=seed&rows=&at.step=7&pick.step=9&pick.step=7&pick.step=30&order.seed=2")
    assert words(page, ROWS) == ["2", "1"]
    assert words(page, "#held .tab") == ["9", "7", "30", "all"]
    page.goto(
        path.as_uri() + "#v=1&x=scheduler&y=step&rows=seed&order.seed=2&hide.step=0&order.step=5", wait_until="load"
    )
    page.reload()
    assert (words(page, GROUPS)[0], words(page, ROWS)[0]) == ("2", "5")
    page.select_option("#role-y", label="nothing")
    page.get_by_role("slider", name="step").focus()
    page.keyboard.press("Home")
    assert words(page, "#held output") == ["5"]
    page.keyboard.press("ArrowRight")
    assert words(page, "#held output") == ["1"]


def test_of_axes_in_lockstep_the_one_beside_the_grid_can_be_shown_whole_again(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("subject", ["house", "boat"]), axis("sky", ["red", "blue"]), axis("seed", [1, 2])]
    shown = [
        tile(number, {"subject": subject, "sky": sky, "seed": str(seed)}, (pictures["wide"],))
        for number, ((subject, sky), seed) in enumerate(product((("house", "red"), ("boat", "blue")), (1, 2)))
    ]
    path = write(book(axes, shown, layout=Layout(x="subject", y="seed")), report())
    page = visit(path, "#v=1&x=subject&y=seed&hide.sky=red")
    assert words(page, COLUMNS) == ["boatblue"]
    expect(page.locator("#held")).to_have_text("sky 1 of 2")
    page.locator("#held .values-button").click()
    page.get_by_role("button", name="Show all").click()
    assert words(page, COLUMNS) == ["housered", "boatblue"]


def test_moving_a_value_ends_the_sorting_by_a_number_and_hiding_one_does_not(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "ABC")]
    shown = [
        tile(number, {"scheduler": label}, (pictures["wide"],), attempts=attempts)
        for number, (label, attempts) in enumerate(zip("ABC", (3, 1, 2), strict=True))
    ]
    page = visit(write(book(axes, shown), report()), "#v=1&x=scheduler&sort=columns&sort-by=attempts")
    assert words(page, COLUMNS) == ["B", "C", "A"]
    menu(page, "scheduler")
    check(page, "C").uncheck()
    assert words(page, COLUMNS) == ["B", "A"]
    check(page, "C").check()
    page.get_by_role("button", name="move C").focus()
    page.keyboard.press("Home")
    assert words(page, COLUMNS) == ["C", "A", "B"]
    assert "sort" not in address(page)


# --- places ------------------------------------------------------------------------------------------------------


def test_an_axis_is_folded_into_each_cell_and_unfolded_again(four: Path, visit: Visit) -> None:
    page = menu(visit(four, viewport=TALL), "seed")
    where = page.locator("#values select")
    expect(where).to_have_value("rows")
    where.select_option("all together in each cell")
    assert words(page, ROWS) == ["2", "5"]
    images = page.locator(f"{CELLS} >> nth=0").locator("img").all()
    assert [image.get_attribute("alt") for image in images] == [
        "scheduler A, guidance 2, seed 1, ink 0",
        "scheduler A, guidance 2, seed 2, ink 0",
    ]
    assert address(page)["all"] == ["seed"]
    page.keyboard.press("Escape")
    expect(page.locator("#held .values-button").first).to_be_focused()
    page.keyboard.press("Enter")
    where.select_option("groups of columns")
    assert words(page, ".column-group .label-text") == ["1", "2"]
    where.select_option("one at a time")
    assert words(page, "#held legend") == ["seed", "ink"]
    for _ in range(3):
        page.go_back()
    expect(page.locator(ROWS)).to_have_text(["2", "5", "2", "5"])


def test_the_names_on_the_grid_open_their_axis_s_menu_and_escape_leads_back(four: Path, visit: Visit) -> None:
    page = visit(four)
    for place, name in ((".corner", "guidance"), (".axis-line", "scheduler"), (".band >> nth=0", "seed")):
        page.locator(place).locator(".axis-name").click()
        expect(page.locator("#values-title")).to_have_text(name)
        page.keyboard.press("Escape")
        expect(page.locator("#values")).to_be_hidden()
    button = page.locator("#held .values-button")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    expect(page.locator("#values")).to_be_visible()
    button.click()
    expect(page.locator("#values")).to_be_hidden()


# --- the address -------------------------------------------------------------------------------------------------


def test_on_a_phone_escape_leads_back_to_the_name_on_the_grid_after_a_value_was_hidden(
    four: Path, visit: Visit
) -> None:
    page = visit(four, viewport={"width": 390, "height": 844})
    page.locator(".corner .axis-name").first.click()
    expect(page.locator("#values-title")).to_have_text("guidance")
    page.locator("#values .value input").last.click()
    page.keyboard.press("Escape")
    expect(page.locator("#values")).to_be_hidden()
    expect(page.locator(".corner .axis-name").first).to_be_focused()


def test_back_undoes_what_the_menu_did_while_it_is_open(four: Path, visit: Visit) -> None:
    page = menu(visit(four), "scheduler")
    check(page, "A").uncheck()
    page.go_back()
    expect(page.locator(COLUMNS)).to_have_text(["A", "B", "C"])
    expect(check(page, "A")).to_be_checked()
    page.go_forward()
    expect(check(page, "A")).not_to_be_checked()


@pytest.mark.parametrize(
    ("said", "columns"),
    [
        ("hide.scheduler=gone&hide.gone=A", "ABC"),
        ("hide.scheduler=A&hide.scheduler=B&hide.scheduler=C", "ABC"),
        ("order.scheduler=C&order.scheduler=gone&order.scheduler=C", "CAB"),
        ("order.scheduler=B&hide.scheduler=A", "BC"),
        ("pick.scheduler=C&pick.scheduler=gone&pick.scheduler=A", "CA"),
        ("pick.scheduler=gone", "ABC"),
        ("within=scheduler&within=gone", "ABC"),
    ],
)
def test_an_address_names_values_and_what_is_gone_is_passed_over(
    said: str, columns: str, four: Path, visit: Visit
) -> None:
    page = visit(four, f"#v=1&x=scheduler&y=guidance&columns=&rows=seed&{said}")
    assert words(page, COLUMNS) == list(columns)


def test_hostile_values_are_words_in_the_menu_and_in_the_address(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("<i>x</i>", HOSTILE), axis("scheduler", "AB")]
    page = visit(
        write(book(axes, list(tiles(axes, [pictures["wide"]])), layout=Layout(x="<i>x</i>", y="scheduler")), report())
    )
    labels = [*HOSTILE[:-1], "(empty)"]
    page.locator(".axis-line .axis-name").click()
    assert (words(page, "#values-title"), listed(page)) == (["<i>x</i>"], labels)
    for row in (0, 2, 4, 6):
        page.locator("#values .value input").nth(row).uncheck()
    left = [labels[1], labels[3], labels[5]]
    assert words(page, COLUMNS) == left
    assert words(page, ROWS) == ["A", "B"]
    page.reload()
    expect(page.locator(COLUMNS)).to_have_text(left)


def test_of_many_values_some_are_listed_and_words_find_the_others(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("seed", range(1000, 2000))]
    page = menu(
        visit(write(book(axes, list(tiles(axes, [pictures["wide"]])), layout=Layout(y="seed")), report())), "seed"
    )
    assert len(listed(page)) == 60
    expect(page.locator("#values [role=status]")).to_have_text("60 of 1,000 listed: type to find others")
    page.get_by_label("find a value").fill("173")
    assert listed(page) == ["1173", *(str(seed) for seed in range(1730, 1740))]
    page.get_by_role("button", name="only 1735").click()
    assert words(page, ROWS) == ["1735"]
    assert address(page)["pick.seed"] == ["1735"]
    page.get_by_label("find a value").fill("none")
    expect(page.locator("#values [role=status]")).to_have_text("no value has these words in it")
    assert page.evaluate("document.querySelectorAll('*').length") < 3000


# --- words and windows -------------------------------------------------------------------------------------------

LONG = ("a photograph of a red house on the far shore of a very quiet lake in the evening light", "W" * 60, "boat")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("roles", ["x=words&y=seed&columns=more&rows=&zoom=48", "x=seed&y=words&columns=&rows=more"])
def test_no_letter_of_a_label_is_cut_through(
    width: int, roles: str, report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("words", LONG), axis("more", LONG), axis("seed", [1, 2])]
    path = write(book(axes, list(tiles(axes, [pictures["shade 1"]]))), report())
    page = visit(path, f"#v=1&{roles}", viewport={"width": width, "height": 900})
    assert sliced(page, ".label-text") == []
    assert sliced(page, ".column-label.upright") == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def sliced(page: Page, selector: str) -> Sequence[str]:
    """What an element shows a part of a line of: its box ends within a line's height, not between two."""
    found: list[str] = page.evaluate(
        """(selector) => [...document.querySelectorAll(`#board ${selector}`)].flatMap((element) => {
          let clip = element;
          while (clip && !/hidden|clip/.test(getComputedStyle(clip).overflow)) clip = clip.parentElement.closest('#board *');
          if (!clip) return [];
          const box = clip.getBoundingClientRect();
          const range = document.createRange();
          range.selectNodeContents(element);
          const cut = [...range.getClientRects()].filter((line) => line.width && line.height).some((line) => {
            const across = getComputedStyle(clip).writingMode === 'horizontal-tb' ? ['top', 'bottom'] : ['left', 'right'];
            const [near, far] = across;
            const middle = (line[near] + line[far]) / 2;
            const reach = Math.min(line[far] - line[near], 14) / 2 - 2.5;
            const shown = middle > box[near] && middle < box[far];
            const whole = middle - reach >= box[near] - 0.5 && middle + reach <= box[far] + 0.5;
            const none = middle + reach <= box[near] + 0.5 || middle - reach >= box[far] - 0.5;
            return !whole && !none && (shown || !none);
          });
          return cut ? [element.textContent] : [];
        })""",
        selector,
    )
    return found


@pytest.mark.parametrize("width", [390, 1280, 3840])
def test_the_menu_fits_the_window(width: int, four: Path, visit: Visit) -> None:
    page = menu(visit(four, viewport={"width": width, "height": 700}), "seed")
    box = page.locator("#values").bounding_box()
    assert box
    assert box["x"] >= 8
    assert box["x"] + box["width"] <= width - 8
    assert box["y"] + box["height"] <= 700 - 8


def test_labels_of_which_nothing_is_seen_are_told_apart(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("negative", ["", " ", "   ", "\u00a0", "\n\t", "\u200b" * 9]), axis("scheduler", "AB")]
    path = write(
        book(axes, list(tiles(axes, [pictures["wide"]])), layout=Layout(x="negative", y="scheduler")), report()
    )
    page = visit(path)
    labels = [
        "(empty)",
        "(space)",
        "(3 spaces)",
        "(U+00A0)",
        "(U+000A U+0009)",
        "(U+200B U+200B U+200B U+200B … 9 letters)",
    ]
    assert words(page, COLUMNS) == labels
    assert alt(page, 0, 1) == "negative (space), scheduler A"
    page.locator(".axis-line .axis-name").click()
    assert listed(page) == labels
    page.keyboard.press("Escape")
    page.select_option("#role-x", label="nothing")
    assert words(page, "#held .label-text:not(:has(*))")[0] == "(empty)"
