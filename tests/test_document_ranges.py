"""Ranges are exact: what decimal arithmetic says, nothing else, and never a value beyond the end."""

import itertools
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runner.document import loads
from runner.document.ranges import MOST_POINTS, spread, stepped
from runner.document.seeds import drawn_seeds
from runner.errors import ExperimentError

decimals = st.decimals(min_value=-1000, max_value=1000, places=3)
steps = decimals.filter(lambda step: step != 0)


def written(text: str) -> list[object]:
    experiment = loads(f"parameters: {{model_id: m, prompt: p}}\naxes: {text}", folder=Path())
    (axis,) = experiment.axes
    return [point.set.get(axis.name, point.loras.get("ink")) for point in axis.points]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{guidance_scale: {from: 2, to: 14, step: 4}}", [2, 6, 10, 14]),
        ("{guidance_scale: {from: 2, to: 15, step: 4}}", [2, 6, 10, 14]),
        ("{guidance_scale: {from: 14, to: 2, step: -4}}", [14, 10, 6, 2]),
        ("{guidance_scale: {from: 7, to: 7, step: 1}}", [7]),
        ("{guidance_scale: {from: 7, to: 7.5, step: 0.1}}", [7, 7.1, 7.2, 7.3, 7.4, 7.5]),
        ("{guidance_scale: {from: 1e0, to: 1.2e0, step: 1e-1}}", [1, 1.1, 1.2]),
        ("{ink: {lora: ink, strength: {from: 0.1, to: 0.5, step: 0.1}}}", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("{ink: {lora: ink, strength: {from: 0.6, to: 1.0, step: 0.1}}}", [0.6, 0.7, 0.8, 0.9, 1]),
        ("{guidance_scale: {from: 1, to: 2, count: 5}}", [1, 1.25, 1.5, 1.75, 2]),
        ("{guidance_scale: {from: 2, to: 1, count: 4}}", [2, 1.66667, 1.33333, 1]),
        ("{guidance_scale: {from: 3, to: 9, count: 1}}", [3]),
        ("{seed: {from: 0, to: 4294967295, count: 4}}", [0, 1431655765, 2863311530, 4294967295]),
        ("{guidance_scale: {from: 1, to: 16, count: 5, scale: log}}", [1, 2, 4, 8, 16]),
        ("{ink: {lora: ink, strength: {from: 0.1, to: 1, count: 3, scale: log}}}", [0.1, 0.316228, 1]),
    ],
)
def test_a_range_has_exactly_these_values(text: str, values: list[object]) -> None:
    found = written(text)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@given(start=decimals, end=decimals, step=steps)
def test_steps_are_what_fractions_say(start: Decimal, end: Decimal, step: Decimal) -> None:
    assume((end - start) * step >= 0)
    assume(abs((end - start) / step) < 2000)
    found = list(stepped(start, end, step))
    exact = [Fraction(start) + Fraction(step) * place for place in range(len(found))]
    assert found == [int(value) if value.denominator == 1 else float(value) for value in exact]
    assert abs(exact[-1] - Fraction(start)) <= abs(Fraction(end) - Fraction(start))
    assert abs(exact[-1] + Fraction(step) - Fraction(start)) > abs(Fraction(end) - Fraction(start))


@given(start=decimals, end=decimals, step=steps)
def test_a_step_that_leads_away_is_refused(start: Decimal, end: Decimal, step: Decimal) -> None:
    assume((end - start) * step < 0)
    with pytest.raises(ValueError, match=f"leads away from {end}; write step: "):
        stepped(start, end, step)


@given(start=decimals, end=decimals, count=st.integers(2, 200))
def test_a_count_gives_so_many_values_evenly_with_both_ends(start: Decimal, end: Decimal, count: int) -> None:
    assume(start != end)
    found = list(spread(start, end, count, "linear"))
    assert len(found) == count
    assert (found[0], found[-1]) == (float(start), float(end))
    for place, value in enumerate(found):
        exact = Fraction(start) + (Fraction(end) - Fraction(start)) * Fraction(place, count - 1)
        assert float(value) == pytest.approx(float(exact), rel=1e-5, abs=1e-9)
        if (exact * 10**9).denominator == 1:
            assert value == float(exact)


@given(start=st.decimals("0.001", 1000, places=3), end=st.decimals("0.001", 1000, places=3), count=st.integers(3, 50))
def test_on_a_log_scale_neighbours_have_one_ratio(start: Decimal, end: Decimal, count: int) -> None:
    assume(start != end)
    found = [float(value) for value in spread(start, end, count, "log")]
    assert (found[0], found[-1]) == (float(start), float(end))
    ratio = (float(end) / float(start)) ** (1 / (count - 1))
    for before, after in itertools.pairwise(found):
        assert after / before == pytest.approx(ratio, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{from: 1, to: 2, step: 0}", "2:47: axes.guidance_scale.step: a step of 0 never arrives; write another step"),
        (
            "{from: 9, to: 2, step: 4}",
            "2:47: axes.guidance_scale.step: a step of 4 from 9 leads away from 2; write step: -4",
        ),
        (
            "{from: 1, to: 2, step: 0.000001}",
            (
                f"2:47: axes.guidance_scale.step: this makes more than {MOST_POINTS:,} values, "
                "the most that an axis may have; make fewer"
            ),
        ),
        (
            "{from: 1, to: 2, count: 100001}",
            (
                f"2:24: axes.guidance_scale: this makes more than {MOST_POINTS:,} values, "
                "the most that an axis may have; make fewer"
            ),
        ),
        (
            "{from: 2, to: 2, count: 3}",
            "2:24: axes.guidance_scale: from and to are both 2, so that 3 values would be equal; write count: 1",
        ),
        (
            "{from: 0, to: 2, count: 3, scale: log}",
            "2:24: axes.guidance_scale: a log scale needs bounds above 0, and 0 is not; write scale: linear",
        ),
        ("{from: 1, to: 2}", "2:24: axes.guidance_scale: a range has either step or count; write one of them"),
        ("{to: 2, step: 1}", "2:24: axes.guidance_scale: from is missing; add it"),
        ("{step: 1}", "2:24: axes.guidance_scale: from and to are missing; add them"),
        (
            "{from: 1, to: 2, step: 1, scale: log}",
            "2:24: axes.guidance_scale: scale: log goes with count, not with step; write count",
        ),
        ("{from: 1, to: 2, count: 0}", "2:48: axes.guidance_scale.count: 0 is below the minimum 1"),
        ("{from: x, to: 2, count: 2}", "2:31: axes.guidance_scale.from: 'x' is not a number"),
        ("{from: .nan, to: 2, count: 2}", "2:31: axes.guidance_scale.from: .nan is not allowed; write a finite number"),
        ("{form: 1, to: 2, count: 2}", "2:25: axes.guidance_scale.form: unknown key 'form'; did you mean 'from'?"),
        ("{from: 1, to: 21, step: 1}", "2:38: axes.guidance_scale.to: 21 is above the maximum 20 (text2img)"),
        ("{from: 0, to: 10, step: 1}", "2:31: axes.guidance_scale.from: 0 is below the minimum 1 (text2img)"),
    ],
)
def test_a_range_that_makes_no_sense_is_one_complaint_at_its_place(text: str, complaint: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        written(f"{{guidance_scale: {text}}}")
    assert str(caught.value) == f"<text>:{complaint}"


def test_a_range_is_blamed_once_for_values_between_its_ends() -> None:
    with pytest.raises(ExperimentError) as caught:
        written("{width: {from: 256, to: 1024, step: 12}}")
    assert str(caught.value) == (
        "<text>:2:15: axes.width: the range meets a value that does not fit: 268 is not divisible by 8 (text2img)"
    )


def test_drawn_seeds_are_the_digests_that_the_page_describes() -> None:
    expected = tuple(int(sha256(f"20261123:{place}".encode()).hexdigest()[:8], 16) for place in range(4))
    assert drawn_seeds(20261123, 4) == expected == (2707107626, 2196316842, 1045511832, 2911961136)


def test_drawn_seeds_never_repeat() -> None:
    assert len(set(drawn_seeds(3, 100_000))) == 100_000
