"""Labels of which nothing is seen, in what the page draws and ranks."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from alike import BLANKS, TOLD
from books import axis, book, tiles
from browser.looking import Visit, words
from browser.modules import opened
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

from runner.album.lettering import visible
from runner.nouns import Picture
from runner.ratings import Duel, Ratings
from runner.report import write

pytestmark = pytest.mark.browser

Call = Callable[[str, Any], Any]

SHOWN = "value.map((text) => [visible(text), drawable(text), sheetLabel({ axes: [{ labels: ['—', text] }] }, 0, 1)])"


@pytest.fixture(scope="module")
def call(chromium: Browser) -> Iterator[Call]:
    page = chromium.new_page()
    yield opened(page, "dom.js", "view.js", "label.js", "lettering.js", "sheet.js")
    page.close()


def test_a_label_of_which_nothing_is_seen_is_told_alike_on_the_page_and_on_its_sheet(call: Call) -> None:
    assert call(SHOWN, [label for label, _ in TOLD]) == [[told, told.strip(), told] for _, told in TOLD]


@settings(max_examples=50)
@given(st.lists(BLANKS, min_size=1, max_size=40))
def test_the_page_tells_blank_labels_as_sweep_sheet_does(call: Call, labels: list[str]) -> None:
    assert call("value.map(visible)", labels) == [visible(label) for label in labels]


def test_blind_comparisons_rank_blank_labels_by_what_they_are_told_as(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("negative", ["", " ", "\u200b"])]
    duels = tuple(
        Duel(at=at, rater="r1", left=f"{left:064x}", right=f"{right:064x}", better="left")
        for at, (left, right) in enumerate([(0, 1), (1, 2), (0, 2)])
    )
    shown = list(tiles(axes, [pictures["shade 1"], pictures["shade 2"], pictures["shade 3"]]))
    plan = "ab" * 32
    page = visit(
        write(book(axes, shown, plan=plan, ratings=Ratings(plan=plan, raters={"r1": ""}, duels=duels)), report())
    )
    page.get_by_role("button", name="Ranking").click()
    told = ["(empty)", "(space)", "(U+200B)"]
    assert words(page, "table.ranking >> nth=0 >> tbody th") == told
    assert words(page, "table.ranking >> nth=1 >> tbody th") == [f"negative {label}" for label in told]
