"""Long labels that begin or end alike: the grid shows what differs, and nothing of the words is lost."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from books import axis, book, tiles
from browser.looking import COLUMNS, ROWS, Visit, words
from browser.modules import opened
from browser.test_page_values import sliced
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from runner.nouns import Layout, Picture
from runner.report import write

pytestmark = pytest.mark.browser

Call = Callable[[str, Any], Any]

SHARED = "a photograph of a red house on the far shore of a very quiet lake, seen from above, with two small clouds"
DETAILS = ", highly detailed, trending, 35 mm film"
PROMPTS = [
    f"{SHARED}, {when}{DETAILS}" for when in ("at dawn", "at dusk", "in heavy snow with a lantern in each window")
]
BLURS = [
    f"{what}, deformed hands, extra fingers, low quality, watermark, jpeg artifacts" for what in ("blurry", "grain")
]


@pytest.fixture(scope="module")
def call(chromium: Browser) -> Iterator[Call]:
    page = chromium.new_page()
    yield opened(page, "dom.js", "differing.js")
    page.close()


TOLD = """value.map((labels) => {
  const { head, tail } = findEnds(labels);
  return labels.map((label) => `${head ? '…' : ''}${label.slice(head, label.length - tail)}${tail ? '…' : ''}`);
})"""


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        pytest.param(
            PROMPTS,
            ["…clouds, at dawn…", "…clouds, at dusk…", "…clouds, in heavy snow with a lantern in each window…"],
            id="a beginning and an end",
        ),
        pytest.param(BLURS, ["blurry…", "grain…"], id="an end"),
        pytest.param(
            [SHARED, f"{SHARED}, at night"],
            ["…two small clouds", "…two small clouds, at night"],
            id="one that another begins with",
        ),
        pytest.param(["EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler"], None, id="short ones"),
        pytest.param([*PROMPTS, "boat"], None, id="one that has nothing of it"),
        pytest.param([f"{'猫' * 80}犬", f"{'猫' * 80}鳥"], None, id="nowhere between words"),
        pytest.param([SHARED], None, id="one alone"),
        pytest.param([f"a cat, {'w' * 80}", f"a cat, {'v' * 80}"], None, id="less than an ellipsis is worth"),
    ],
)
def test_labels_are_told_by_what_differs(labels: list[str], told: list[str] | None, call: Call) -> None:
    assert call(TOLD, [labels]) == [told or labels]


PIECES = st.lists(st.sampled_from([*SHARED.split(" "), "\U0001f408", "e\u0301,", " ", "\u00a0"]), max_size=30).map(
    " ".join
)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(PIECES, PIECES, st.lists(PIECES, min_size=2, max_size=4, unique=True)), min_size=1, max_size=8)
)
def test_labels_that_differ_are_never_told_alike(call: Call, axes: list[tuple[str, str, list[str]]]) -> None:
    every = [[f"{head}{middle}{tail}" for middle in middles] for head, tail, middles in axes]
    for labels, told in zip(every, call(TOLD, every), strict=True):
        assert len(set(told)) == len(set(labels))
        for label, short in zip(labels, told, strict=True):
            assert label == short or short.strip("…").strip()
            assert short.strip("…") in label


@pytest.fixture(scope="module")
def prompts(report: Callable[[], Path], pictures: Mapping[str, Picture]) -> Path:
    axes = [axis("prompt", PROMPTS), axis("negative", BLURS), axis("seed", [1, 2])]
    return write(
        book(axes, list(tiles(axes, [pictures["shade 2"]])), layout=Layout(x="prompt", y="negative", rows="seed")),
        report(),
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_long_columns_and_rows_show_what_differs_in_few_lines(width: int, prompts: Path, visit: Visit) -> None:
    page = visit(prompts, viewport={"width": width, "height": 800})
    heights = [label.bounding_box() for label in page.locator(f"{COLUMNS} .label-text").all()[:2]]
    assert all(box and box["height"] < (70 if width == 390 else 40) for box in heights)
    seen = page.locator(f"{COLUMNS} .omitted").evaluate_all(
        "parts => parts.map((part) => part.getBoundingClientRect().width)"
    )
    assert seen == [0] * 6
    assert words(page, f"{ROWS} .omitted")[:2] == [BLURS[0].removeprefix("blurry"), BLURS[1].removeprefix("grain")]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    "roles",
    [
        "x=prompt&y=seed&columns=&rows=",
        "x=prompt&y=seed&columns=&rows=&zoom=48",
        "x=seed&y=prompt&columns=&rows=",
        "x=seed&y=&columns=&rows=prompt",
        "x=seed&y=&columns=prompt&rows=",
    ],
)
def test_where_what_differs_is_long_too_it_ends_with_a_whole_line(
    roles: str, report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    labels = [f"{SHARED}, {40 * f'{word} '}{DETAILS}" for word in ("house", "boat")]
    axes = [axis("prompt", labels), axis("seed", [1, 2])]
    path = write(book(axes, list(tiles(axes, [pictures["shade 2"]]))), report())
    for width in (390, 1280):
        page = visit(path, f"#v=1&{roles}", viewport={"width": width, "height": 900})
        assert page.locator("#board .omitted").count() >= 2
        assert sliced(page, ".label-text") == []
        assert sliced(page, ".column-label.upright") == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_omitted_is_copied_read_aloud_and_in_the_tooltip(prompts: Path, visit: Visit) -> None:
    page = visit(prompts)
    assert words(page, f"{COLUMNS} .label-text") == PROMPTS
    copied = [
        label.evaluate("label => { getSelection().selectAllChildren(label); return getSelection().toString(); }")
        for label in page.locator(".column-label").all()
    ]
    assert copied == PROMPTS
    assert [label.get_attribute("title") for label in page.locator(".column-label").all()] == [
        f"prompt: {label}" for label in PROMPTS
    ]
    assert [name for role, name in read_aloud(page) if role == "columnheader" and name in PROMPTS] == PROMPTS


def read_aloud(page: Page) -> list[tuple[str, str]]:
    """Roles and names of what the page has, as the browser gives them to a screen reader."""
    found = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in found if "role" in node]
