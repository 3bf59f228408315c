"""One value has one spelling and one digest."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.canon import digest, digest_bytes, number, spell

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        pytest.param({"b": 1, "a": 2, "B": 3}, '{"B":3,"a":2,"b":1}', id="keys in the order of code points"),
        pytest.param({"é": 1, "z": 2}, '{"z":2,"é":1}', id="keys beyond ASCII last"),
        pytest.param(7.0, "7", id="a whole float is an integer"),
        pytest.param(-0.0, "0", id="minus zero is zero"),
        pytest.param(1e300, str(int(1e300)), id="a huge float is the integer that it equals"),
        pytest.param(2**64, "18446744073709551616", id="integers beyond 64 bits"),
        pytest.param(0.1, "0.1", id="the shortest decimal"),
        pytest.param(1e-7, "1e-07", id="an exponent"),
        pytest.param([True, False, None], "[true,false,null]", id="booleans are no numbers"),
        pytest.param(((1, (2.0,)), ()), "[[1,[2]],[]]", id="tuples are lists"),
        pytest.param('say "ü"\n\x00\\', '"say \\"ü\\"\\n\\u0000\\\\"', id="text is UTF-8, control characters escaped"),
        pytest.param("</script>", '"</script>"', id="markup is text"),
    ],
)
def test_a_value_has_its_golden_spelling(value: Any, spelled: str) -> None:
    assert spell(value) == spelled


def test_a_digest_is_pinned_so_that_old_ledgers_keep_their_meaning() -> None:
    value = {"prompt": "ein Häuschen", "seed": None, "guidance_scale": 7.5, "width": 512.0, "list": [True, "1", 1]}
    assert spell(value) == '{"guidance_scale":7.5,"list":[true,"1",1],"prompt":"ein Häuschen","seed":null,"width":512}'
    assert digest(value) == digest_bytes(spell(value).encode()) == GOLDEN


GOLDEN = "e3e030a8c302777767b824d9c196d158a4d0c22be51ed21c7db22233c0aa26a9"


def test_one_true_and_the_text_one_are_three_values() -> None:
    assert len({digest(1), digest(True), digest("1")}) == 3


def test_equal_numbers_have_one_digest() -> None:
    assert digest(1) == digest(1.0)
    assert digest(0) == digest(-0.0)


def test_composed_and_decomposed_letters_stay_different() -> None:
    composed, decomposed = "\u00fc", "u\u0308"
    assert spell(composed) == f'"{composed}"'
    assert spell(decomposed) == f'"{decomposed}"'
    assert digest(composed) != digest(decomposed)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        spell({"guidance_scale": [value]})


@pytest.mark.parametrize(
    ("value", "kind"), [(b"ab", "bytes"), (bytearray(b"ab"), "bytearray"), ({1, 2}, "set"), (1j, "complex")]
)
def test_what_json_cannot_say_is_refused(value: object, kind: str) -> None:
    with pytest.raises(TypeError, match=f"^{kind} has no canonical spelling; use JSON's types$"):
        spell([value])


@pytest.mark.parametrize("key", [1, None, True, ("a",)])
def test_a_key_that_is_no_text_is_refused_rather_than_turned_into_text(key: object) -> None:
    with pytest.raises(TypeError, match="canonical JSON allows strings alone"):
        spell({key: 1})


def test_half_of_a_surrogate_pair_has_no_digest() -> None:
    with pytest.raises(UnicodeEncodeError):
        digest("\ud800")


@pytest.mark.parametrize(
    ("given_", "expected"), [(7.0, 7), (7.5, 7.5), (-0.0, 0), (3, 3), (2.0**80, 2**80), (math.inf, math.inf)]
)
def test_a_whole_float_becomes_an_integer(given_: float, expected: float) -> None:
    assert (number(given_), type(number(given_))) == (expected, type(expected))


def _equal(one: Any, other: Any) -> bool:
    """Equality as this package means it: True is not 1, a list is a tuple."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


@given(JSON, JSON)
def test_values_have_one_spelling_exactly_when_they_are_equal(one: Any, other: Any) -> None:
    assert (spell(one) == spell(other)) == _equal(one, other)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_keys_means_nothing(value: dict[str, Any], chance: Any) -> None:
    keys = list(value)
    chance.shuffle(keys)
    assert digest({key: value[key] for key in keys}) == digest(value)
