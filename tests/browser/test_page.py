"""The page in a real browser: layouts, scale, keyboard, address, and words that stay words."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from books import axis, book, painted, tile, tiles
from playwright.sync_api import Page, expect

from runner.nouns import Layout, State
from runner.report import write

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "__proto__",
    "constructor",
    "猫",
    "</script>",
]


@pytest.fixture
def four(tmp_path: Path) -> Path:
    axes = [axis("scheduler", "ABC"), axis("guidance", [2, 5]), axis("seed", [1, 2]), axis("ink", [0, 1])]
    pictures = [painted(tmp_path, shade) for shade in range(8)]
    layout = Layout(x="scheduler", y="guidance", rows="seed")
    return write(book(axes, list(tiles(axes, pictures)), layout=layout), tmp_path / "report")


def test_axes_stand_where_the_file_says_and_the_rest_are_tabs(four: Path, visit: Visit) -> None:
    page = visit(four, viewport={"width": 1280, "height": 3000})
    assert page.locator(".head-lane").all_text_contents() == ["A", "B", "C"]
    assert page.locator(".row-group").all_text_contents() == ["seed 1", "seed 2"]
    assert page.locator(".cell").count() == 12
    assert page.locator("[role=radiogroup] button").all_text_contents() == ["0", "1", "all"]


def test_any_axis_can_be_put_in_any_place_and_back_undoes_it(four: Path, visit: Visit) -> None:
    page = visit(four)
    page.select_option("#role-x", label="ink")
    assert page.locator(".head-lane").all_text_contents() == ["0", "1"]
    assert "x=ink" in page.url
    page.go_back()
    expect(page.locator(".head-lane")).to_have_text(["A", "B", "C"])


def test_an_address_restores_the_view_and_names_that_are_gone_are_passed_over(four: Path, visit: Visit) -> None:
    page = visit(four, "#v=1&x=seed&y=gone&columns=&rows=&at.ink=1&at.scheduler=gone")
    assert page.locator(".head-lane").all_text_contents() == ["1", "2"]
    assert page.locator('[aria-label="ink"] [aria-checked=true]').text_content() == "1"


def test_arrow_keys_move_on_the_grid_and_in_the_viewer(four: Path, visit: Visit) -> None:
    page = visit(four)
    page.locator(".cell").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".viewer .coordinates dd").first).to_have_text("B")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.locator(".viewer .coordinates dd").all_text_contents()[:2] == ["C", "5"]
    assert "cell=" in page.url
    page.keyboard.press("Escape")
    page.wait_for_function("!location.hash.includes('cell=')")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("scheduler C, guidance 5")


def test_the_viewer_shows_the_exact_request_and_the_original(four: Path, visit: Visit) -> None:
    page = visit(four)
    page.locator(".cell").first.click()
    assert "picture 0" in page.locator(".viewer .request").first.text_content()
    original = page.locator(".viewer figure img")
    assert original.get_attribute("src").startswith("../images/")
    expect(original).to_have_js_property("complete", value=True)
    assert original.evaluate("image => image.naturalWidth") == 32


@pytest.mark.parametrize("state", [State.REFUSED, State.FAILED, State.UNKNOWN])
def test_a_cell_that_was_not_made_says_why(state: State, tmp_path: Path, visit: Visit) -> None:
    axes = [axis("scheduler", "AB")]
    shown = [
        tile(1, {"scheduler": "A"}, (painted(tmp_path, 1),)),
        tile(2, {"scheduler": "B"}, state=state, reason="the <b>reason</b>"),
    ]
    page = visit(write(book(axes, shown), tmp_path / "report"))
    assert page.locator(f".tile.{state.value}").text_content() == f"{state.value}the <b>reason</b>"
    page.click(f"button[data-state={state.value}]")
    expect(page.locator(".cell")).to_have_count(1)


def test_hostile_words_are_shown_as_words(tmp_path: Path, visit: Visit) -> None:
    axes = [axis(name, HOSTILE) for name in ("subject", "<b>axis</b>")]
    shown = list(tiles(axes, [painted(tmp_path, 1)]))
    page = visit(write(book(axes, shown, title=HOSTILE[1], description=HOSTILE[0], notes=HOSTILE), tmp_path / "report"))
    assert page.locator("h1").text_content() == HOSTILE[1]
    assert page.locator(".head-lane").all_text_contents() == HOSTILE
    page.locator(".cell").nth(3).click()
    assert page.locator(".viewer .coordinates dd").all_text_contents()[0] in HOSTILE
    page.keyboard.press("Escape")
    page.select_option("#role-x", index=0)
    page.click("[role=radiogroup] button:has-text('__proto__')")
    assert "__proto__" in unquote_plus(page.url)


def test_ten_thousand_tiles_keep_the_document_small(tmp_path: Path, visit: Visit) -> None:
    axes = [axis(name, range(10)) for name in ("a", "b", "c", "d")]
    pictures = [painted(tmp_path, shade) for shade in range(4)]
    layout = Layout(x="a", y="b", columns="c", rows="d")
    page = visit(write(book(axes, list(tiles(axes, pictures)), layout=layout), tmp_path / "report"))
    assert page.evaluate("document.querySelectorAll('.summary *').length") > 0
    nodes = "document.querySelectorAll('main *').length"
    assert page.evaluate(nodes) < 1200
    page.evaluate("window.scrollTo(0, 20000)")
    page.wait_for_function("document.querySelector('.cell')?.dataset.row > 20")
    assert page.evaluate(nodes) < 1200


def test_dark_and_light_follow_the_system_and_the_button(four: Path, visit: Visit) -> None:
    page = visit(four, color_scheme="dark")
    shade = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(shade) == "rgb(22, 23, 25)"
    page.click("#theme")
    assert page.evaluate(shade) == "rgb(251, 250, 248)"
