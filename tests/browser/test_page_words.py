"""The language of the page's filter is that of `sweep run --only`, and the page writes what both read."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from books import axis, book, tiles
from browser.looking import CELLS, ROWS, TALL, Visit, address, words
from browser.modules import opened
from expressions import EXPRESSIONS, READ, SPELLED, VALUES
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from runner.cli.expression import spelled, terms
from runner.errors import InputError
from runner.nouns import Layout, Picture
from runner.report import write

pytestmark = pytest.mark.browser

Call = Callable[[str, Any], Any]

ALL = "value.map((text) => termsOf(text).map(({ name, sign, words }) => [name, sign, words?.map(({ text }) => text)]))"
LABELS = ["red", "a, red, round house", "a|b", '"so", he said', '"plain"', "plain", "one, two", " "]


@pytest.fixture(scope="module")
def call(chromium: Browser) -> Iterator[Call]:
    page = chromium.new_page()
    yield opened(page, "expression.js")
    page.close()


def read_here(text: str) -> list[list[object]] | None:
    try:
        return [[term.name, term.sign, [word.text for word in term.words]] for term in terms(text)]
    except InputError:
        return None


def test_an_expression_is_read_as_the_command_line_reads_it(call: Call) -> None:
    assert call(ALL, [text for text, _ in READ]) == [[list(term) for term in meant] for _, meant in READ]


def test_a_value_stands_in_quotes_where_it_needs_them(call: Call) -> None:
    assert call("value.map(spelledValue)", [value for value, _ in SPELLED]) == [written for _, written in SPELLED]


@settings(max_examples=50)
@given(st.lists(VALUES, min_size=1, max_size=40))
def test_any_values_are_read_as_they_were_written_by_either_side(call: Call, values: list[str]) -> None:
    (here,) = call(ALL, ["seed=1, prompt=" + "|".join(map(spelled, values))])
    assert here == [["seed", "=", ["1"]], ["prompt", "=", values]]
    there = call("`seed=1, prompt=${value.map(spelledValue).join('|')}`", values)
    assert read_here(there) == here


@settings(max_examples=50)
@given(st.lists(EXPRESSIONS, min_size=20, max_size=60))
def test_any_text_means_the_same_here_and_there(call: Call, texts: list[str]) -> None:
    for found, text in zip(call(ALL, texts), texts, strict=True):
        wrong = any(name is None for name, *_ in found)
        assert read_here(text) == (None if wrong else found)


@pytest.fixture(scope="module")
def houses(report: Callable[[], Path], pictures: Mapping[str, Picture]) -> Path:
    axes = [axis("seed", [1, 2]), axis("subject", LABELS)]
    return write(book(axes, list(tiles(axes, [pictures["shade 1"]])), layout=Layout(x="seed", y="subject")), report())


def filtered(page: Page, expression: str) -> str:
    field = page.get_by_label("Only")
    field.fill(expression)
    field.press("Enter")
    return str(page.locator("#figures-problem").text_content())


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        pytest.param('subject="a, red, round house"', ["a, red, round house"], id="a value with commas"),
        pytest.param('seed=1, subject="a|b"|red', ["red", "a|b"], id="a value with a bar, and another"),
        pytest.param('subject!="a, red, round house"|"a|b", seed=2', [*LABELS[:1], *LABELS[3:]], id="all but some"),
        pytest.param('subject="""so"", he said"', ['"so", he said'], id="a value with quotes and a comma"),
        pytest.param('subject="plain"', ['"plain"'], id="quotes of a value, as they were always read"),
        pytest.param('subject="red"', ["red"], id="quotes that nothing needs"),
        pytest.param('subject=" "', [" "], id="a space"),
    ],
)
def test_cells_are_filtered_by_values_that_hold_signs_of_the_language(
    expression: str, shown: list[str], houses: Path, visit: Visit
) -> None:
    page = visit(houses, viewport=TALL)
    filtered(page, expression)
    expect(page.get_by_label("Only")).to_have_attribute("aria-invalid", "false")
    assert words(page, f"{ROWS} .label-text") == ["(space)" if label == " " else label for label in shown]
    assert address(page)["only"] == [expression]
    again = visit(houses, f"#{page.url.partition('#')[2]}", viewport=TALL)
    assert words(again, f"{ROWS} .label-text") == words(page, f"{ROWS} .label-text")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        (
            "seed=1, subject=one, two",
            'At 9: no cell has subject=one; quotes hold a value together: subject="one, two"',
        ),
        ("subject=red, r", "At 14: “r” is no term; write name=value or name>number, joined by commas"),
        (
            'subject="a, red, square house"',
            "At 1: no cell has subject=a, red, square house; did you mean “a, red, round house”?",
        ),
        ('seed>"1"', 'At 1: “"1"” is no number; > compares numbers'),
    ],
)
def test_a_value_that_is_torn_or_wrong_is_said(expression: str, said: str, houses: Path, visit: Visit) -> None:
    assert filtered(visit(houses), expression) == said


def test_the_commands_name_every_value(houses: Path, visit: Visit) -> None:
    page = visit(houses, "#v=1&y=&columns=&rows=&x=seed&at.subject=a%2C%20red%2C%20round%20house")
    expect(page.locator(CELLS)).to_have_count(2)
    page.keyboard.press("s")
    lines = [shlex.split(line) for line in words(page, "#save code")]
    found = [line[line.index("--only") + 1] for line in lines if "--only" in line]
    assert found == ['subject="a, red, round house"']
