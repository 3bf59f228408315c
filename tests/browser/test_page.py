"""The page in a real browser: layouts, scale, keyboard, address, and words that stay words."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from books import axis, book, painted, tile, tiles
from playwright.sync_api import Browser, Error, Page, expect

from runner.nouns import Layout, Picture, State
from runner.report import Share, write

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]

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

COLUMNS = ".column-head"
ROWS = ".row-head"
GROUPS = ".band .label-text"
CELLS = ".cell"
TALL = {"width": 1280, "height": 2600}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Picture]:
    """Pictures by name, in the run folder that the pages of this module lie in."""
    run = run_folder(tmp_path_factory)
    shades = {f"shade {shade}": painted(run, 30 * shade) for shade in range(8)}
    return shades | {"wide": painted(run, 5, (96, 64)), "large": painted(run, 9, (512, 512))}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A new folder for a page, beside the pictures."""
    run, numbers = run_folder(tmp_path_factory), iter(range(1000))
    return lambda: run / f"report {next(numbers)}"


def run_folder(factory: pytest.TempPathFactory) -> Path:
    folder = factory.getbasetemp() / "page-run"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def four(report: Callable[[], Path], pictures: Mapping[str, Picture]) -> Path:
    axes = [axis("scheduler", "ABC"), axis("guidance", [2, 5]), axis("seed", [1, 2]), axis("ink", [0, 1])]
    layout = Layout(x="scheduler", y="guidance", rows="seed")
    return write(book(axes, list(tiles(axes, list(pictures.values())[:8])), layout=layout), report())


def words(page: Page, selector: str) -> list[str]:
    return page.locator(selector).all_text_contents()


def coordinates(page: Page) -> dict[str, str]:
    """What the viewer says about where its cell lies."""
    names, points = words(page, "#panel .coordinates dt"), words(page, "#panel .coordinates dd")
    return dict(zip(names, points, strict=True))


def address(page: Page) -> dict[str, list[str]]:
    return parse_qs(page.url.partition("#")[2])


def alt(page: Page, row: int, column: int) -> str | None:
    return page.locator(f"{CELLS}[data-row='{row}'][data-column='{column}'] img").first.get_attribute("alt")


def scroll(page: Page, place: str) -> None:
    """Scroll and wait until the page has drawn what is there."""
    page.evaluate(f"document.getElementById('page').scrollTo({place})")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


# --- where axes go ----------------------------------------------------------------------------------------------------


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


# --- the address ------------------------------------------------------------------------------------------------------


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


# --- keyboard and viewer ----------------------------------------------------------------------------------------------


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
        tile(1, {"seed": "1"}, (pictures["large"],), meta=answer, attempts=3, reused=True, seconds=1.234, seed=77),
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
    assert words(page, "#panel .verdict") == ["made reused from an earlier run"]


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


# --- cells that were not made -----------------------------------------------------------------------------------------


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


# --- words ------------------------------------------------------------------------------------------------------------


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


# --- scale ------------------------------------------------------------------------------------------------------------


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


# --- the rest of the page ---------------------------------------------------------------------------------------------


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
    assert page.locator(".mark rect.fill-made").first.get_attribute("width") == "60.00%"
    page.check("#summary-axes input >> nth=1", force=True)
    assert words(page, ".shares tbody th") == ["1"]


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
