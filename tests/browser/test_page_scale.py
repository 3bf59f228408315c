"""Words stay words, ten thousand tiles stay quick, and the rest of the page."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from books import axis, book, tiles
from browser.looking import CELLS, COLUMNS, ROWS, TALL, Visit, address, coordinates, scroll, words
from playwright.sync_api import Browser, Error, expect

from runner.nouns import Layout, Picture
from runner.report import Share, write

pytestmark = pytest.mark.browser


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script>",
    "{{7*7}}",
    "__proto__",
    "constructor",
    "\u202eturned",
    "W" * 300,
    "猫",
    "",
)


def test_hostile_words_are_shown_as_words(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis(name, HOSTILE) for name in ("subject", "<b>axis</b>", "constructor")]
    shown = [
        replace(each, reason=each.coordinates["subject"], meta={"__proto__": each.coordinates["subject"]})
        for each in tiles(axes, [pictures["wide"]])
    ]
    layout = Layout(x="subject", y="<b>axis</b>")
    said = book(axes, shown, layout=layout, title=HOSTILE[1], description=HOSTILE[0], notes=HOSTILE)
    page = visit(write(said, report()), viewport=TALL)
    labels = [*HOSTILE[:-1], "(empty)"]
    assert page.locator("h1").text_content() == HOSTILE[1]
    assert words(page, COLUMNS) == labels
    assert words(page, ROWS) == labels
    page.locator(CELLS).nth(4).click()
    assert coordinates(page)["subject"] == "__proto__"
    assert json.loads(words(page, "#panel pre")[1]) == {"__proto__": "__proto__"}
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    page.select_option("#role-y", label="constructor")
    page.click("#held button:has-text('›')")
    assert words(page, ROWS) == labels
    assert HOSTILE[1] in address(page)["at.<b>axis</b>"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_policy_lets_no_script_make_elements_from_text(four: Path, chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(four.as_uri())
    with pytest.raises(Error, match="TrustedHTML"):
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b>x</b>')")
    page.close()


@pytest.fixture(scope="module")
def crowd(report: Callable[[], Path], pictures: Mapping[str, Picture]) -> Path:
    axes = [axis(name, range(10)) for name in ("a", "b", "c", "d")]
    layout = Layout(x="a", y="b", columns="c", rows="d")
    return write(book(axes, list(tiles(axes, list(pictures.values())[:8])), layout=layout), report())


def test_ten_thousand_tiles_keep_the_document_small_wherever_one_looks(crowd: Path, visit: Visit) -> None:
    page = visit(crowd)
    nodes = "document.querySelectorAll('*').length"
    for place in ("0, 0", "5000, 5000", "0, 0", "1e6, 1e6"):
        scroll(page, place)
        assert page.evaluate(nodes) < 800
        assert page.locator(".row >> nth=1").locator(CELLS).count() > 8
    last = page.locator(f"{CELLS}[data-row='99'][data-column='99'] img")
    assert last.get_attribute("alt") == "a 9, b 9, c 9, d 9"


def test_the_place_of_the_reader_stays_when_the_size_changes(crowd: Path, visit: Visit) -> None:
    page = visit(crowd)
    scroll(page, "3000, 4000")
    first = "document.elementFromPoint(400, 400).closest('.cell').dataset.row"
    before = int(page.evaluate(first))
    assert before > 30
    page.locator("#zoom").fill("160")
    assert abs(int(page.evaluate(first)) - before) <= 3


def test_the_cell_with_the_focus_stays_however_far_one_scrolls(crowd: Path, visit: Visit) -> None:
    page = visit(crowd)
    page.locator(f"{CELLS} >> nth=0").focus()
    page.keyboard.press("ArrowDown")
    scroll(page, "5000, 5000")
    assert page.evaluate("document.activeElement.dataset.row") == "1"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.row") == "2"
    expect(page.locator(f"{CELLS}:focus")).to_be_in_viewport()


def test_labels_stay_in_sight_while_the_grid_moves_under_them(crowd: Path, visit: Visit) -> None:
    page = visit(crowd)
    scroll(page, "3000, 4000")
    places = {
        "#bar": (300, 10),
        ".corner": (40, 60),
        ".band": (40, 130),
        ".row-head": (40, 500),
        ".column-head": (500, 100),
    }
    for selector, (x, y) in places.items():
        assert page.evaluate(f"document.elementFromPoint({x}, {y}).closest('{selector}') !== null"), selector


def test_thumbnails_are_lazy_and_sized_and_originals_come_when_they_are_larger(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("seed", [1, 2])]
    page = visit(write(book(axes, list(tiles(axes, [pictures["wide"], pictures["large"]]))), report()))
    page.locator("#zoom").fill("120")
    image = page.locator(f"{CELLS} img").first
    names = ("loading", "decoding", "width", "height")
    assert [image.get_attribute(name) for name in names] == ["lazy", "async", "120", "80"]
    assert image.get_attribute("src") == f"../thumbnails/{pictures['wide'].sha256[:2]}/{pictures['wide'].sha256}.webp"
    expect(image).to_have_js_property("naturalWidth", 96)
    page.locator("#zoom").fill("512")
    large = page.locator(f"{CELLS} img").last
    assert str(large.get_attribute("src")).startswith("../images/")


def test_the_summary_says_how_cells_ended_and_how_long_they_took(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "AB"), axis("seed", [1, 2])]
    shares = [
        Share(axis="scheduler", label="A", count=12, made=9, refused=2, failed=1, p50=0.5, p95=1.5),
        Share(axis="scheduler", label="B", count=4, made=0, pending=4),
        Share(axis="seed", label="1", count=16, made=9, refused=2, failed=1, pending=4, p50=0.5, p95=1.5),
    ]
    page = visit(write(book(axes, list(tiles(axes, [pictures["wide"]])), shares=shares), report()))
    page.locator("#summary").scroll_into_view_if_needed()
    expect(page.locator(".shares tbody tr")).to_have_count(2)
    assert [row.locator("td.number").all_text_contents() for row in page.locator(".shares tbody tr").all()] == [
        ["12", "9", "2", "1", "0", "0.50 s", "1.50 s"],
        ["4", "0", "0", "0", "4", "", ""],
    ]
    assert words(page, ".plot-title") == ["Outcomes, in cells", "Time of a request in seconds, p50 to p95"]
    assert words(page, ".scale >> nth=1 >> text") == ["0", "0.5", "1", "1.5"]
    assert words(page, ".mark title")[:2] == ["n = 12: 9 made, 2 refused, 1 failed", "p50 0.50 s, p95 1.50 s, n = 9"]
    bars = [
        (bar.get_attribute("x"), bar.get_attribute("width")) for bar in page.locator(".mark >> nth=0 >> rect").all()
    ]
    assert bars == [("0.00%", "75.00%"), ("75.00%", "16.67%"), ("91.67%", "8.33%")]
    page.check("#summary-axes input >> nth=1", force=True)
    assert words(page, ".shares tbody th") == ["1"]


@pytest.mark.parametrize("width", [360, 390, 600])
def test_a_phone_shows_every_number_of_the_summary_beside_its_name_and_both_plots(
    width: int, report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", ["EulerAncestralDiscreteScheduler", "a red house, " * 12])]
    counts = {"count": 12000, "made": 9000, "refused": 1500, "failed": 1000, "unknown": 300, "pending": 200}
    shares = [
        Share(axis="scheduler", label=point.label, **counts, p50=0.5, p95=125.0)  # type: ignore[arg-type]
        for point in axes[0].points
    ]
    page = visit(
        write(book(axes, list(tiles(axes, [pictures["wide"]])), shares=shares), report()),
        viewport={"width": width, "height": 844},
    )
    page.locator("#summary").scroll_into_view_if_needed()
    assert page.locator("#summary .table-frame").evaluate("frame => frame.scrollWidth <= frame.clientWidth")
    row = page.locator(".shares tbody tr").first
    said = row.locator("td.number").evaluate_all(
        "cells => cells.map((cell) => getComputedStyle(cell, '::before').content.slice(1, -1) + cell.textContent)"
    )
    assert said == [
        "cells 12,000",
        "made 9,000",
        "refused 1,500",
        "failed 1,000",
        "unknown 300",
        "pending 200",
        "p50 0.50 s",
        "p95 2 min 5 s",
    ]
    for row in page.locator(".shares tbody tr").all():
        for part in row.locator(":is(th, td)").all():
            box = part.bounding_box()
            assert box
            assert 0 <= box["x"] < box["x"] + box["width"] <= width
        plots = [box for mark in row.locator(".mark").all() if (box := mark.bounding_box())]
        assert plots[0]["y"] == plots[1]["y"]
        assert min(box["width"] for box in plots) > 140


def test_dark_and_light_follow_the_system_and_the_button(four: Path, visit: Visit) -> None:
    page = visit(four, color_scheme="dark")
    shade = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(shade) == "rgb(20, 20, 21)"
    page.click("#theme")
    assert page.evaluate(shade) == "rgb(252, 252, 251)"
    page.reload()
    assert page.evaluate(shade) == "rgb(252, 252, 251)"
    assert visit(four, color_scheme="light").evaluate(shade) == "rgb(252, 252, 251)"


@pytest.mark.parametrize(("width", "height"), [(360, 640), (1366, 768), (3840, 2160)])
def test_nothing_sticks_out_of_the_window_sideways(width: int, height: int, crowd: Path, visit: Visit) -> None:
    page = visit(crowd, viewport={"width": width, "height": height})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for selector in ("h1", "#arrange", "#tools", "[data-state=made]"):
        box = page.locator(selector).bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_a_run_without_cells_says_so(report: Callable[[], Path], visit: Visit) -> None:
    page = visit(write(book([], [], notes=["PARTIAL: stopped"]), report()))
    assert page.locator("#nothing").text_content() == "This run has no cells."
    assert words(page, ".loud") == ["PARTIAL: stopped"]
