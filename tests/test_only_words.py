"""The language of `--only`: how it is read, and how a value is written in it."""

import pytest
from expressions import EXPRESSIONS, READ, SPELLED, VALUES
from hypothesis import given
from hypothesis import strategies as st

from runner.cli.expression import spelled, terms
from runner.errors import InputError


def read(text: str) -> list[tuple[str, str, list[str]]]:
    return [(term.name, term.sign, [word.text for word in term.words]) for term in terms(text)]


@pytest.mark.parametrize(("text", "meant"), READ)
def test_an_expression_is_read_as_the_page_reads_it(text: str, meant: list[tuple[str, str, list[str]]]) -> None:
    assert read(text) == meant


@pytest.mark.parametrize(("value", "written"), SPELLED)
def test_a_value_stands_in_quotes_where_it_needs_them(value: str, written: str) -> None:
    assert spelled(value) == written


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_any_values_are_read_as_they_were_written(values: list[str]) -> None:
    written = "|".join(map(spelled, values))
    assert read(f"seed=1, prompt={written}, x>2") == [("seed", "=", ["1"]), ("prompt", "=", values), ("x", ">", ["2"])]


@given(EXPRESSIONS.filter(lambda text: '"' not in text))
def test_an_expression_without_quotes_is_torn_at_each_comma_and_bar(text: str) -> None:
    pieces = [piece.strip() for piece in text.split(",") if piece.strip()]
    try:
        found = list(terms(text))
    except InputError:
        return
    assert [term.written for term in found] == pieces
    assert [[word.text for word in term.words] for term in found] == [
        [word.strip() for word in term.value.split("|")] for term in found
    ]
