"""What an axis does to a number, over all else that agrees."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from runner.table.effects import changes, effects, interaction, means, pivot, twins
from runner.table.pairing import LEAST, MOST_RESAMPLED, RESAMPLES, Estimate, estimate

AXES = ("scheduler", "guidance", "seed")
finite = st.floats(-1e6, 1e6, allow_nan=False)


def grid(values: dict[str, Sequence[str]], number: Any, **columns: Any) -> pd.DataFrame:
    """Return one row a combination, whose `sharpness` is what `number` says of its labels."""
    rows = [dict(zip(values, labels, strict=True)) for labels in product(*values.values())]
    table = pd.DataFrame(rows)
    table["sharpness"] = pd.array([number(**row) for row in rows], dtype="Float64")
    table["sample"] = pd.array([0] * len(rows), dtype="Int64")
    table["cell"] = [f"cell {place}" for place in range(len(rows))]
    table["sha256"] = [f"picture {place}" for place in range(len(rows))]
    return table.assign(**columns)


def rows_of(found: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [tuple(None if pd.isna(value) else value for value in row) for row in found.itertuples(index=False)]


SEEDS = [str(seed) for seed in range(5)]
SIMPLE = {"scheduler": ["A", "B"], "guidance": ["2", "5"], "seed": SEEDS}


# --- estimates ---------------------------------------------------------------------------------------------------------


def test_an_estimate_of_nothing_is_missing() -> None:
    assert np.isnan(list(estimate(np.array([np.nan]))[1:])).all()
    assert estimate(np.array([])).n == 0


def test_fewer_than_four_values_have_a_mean_and_no_interval() -> None:
    found = estimate(np.array([1.0, np.nan, 2.0, 6.0]))
    assert (found.n, found.mean) == (LEAST - 1, 3.0)
    assert np.isnan([found.low, found.high]).all()
    assert not found.moved


def test_an_interval_is_the_percentile_bootstrap_of_the_mean() -> None:
    """With values 0 and 1 alone, means of resamples are a binomial's share: its quantiles are known."""
    from scipy.stats import binom

    values = np.array([0.0] * 6 + [1.0] * 14)
    found = estimate(values)
    low, high = binom.ppf([0.025, 0.975], 20, 0.7) / 20
    assert (found.n, found.mean) == (20, 0.7)
    assert abs(found.low - low) <= 0.05
    assert abs(found.high - high) <= 0.05


def test_the_same_values_give_the_same_interval() -> None:
    values = np.random.default_rng(3).normal(size=50)
    assert estimate(values) == estimate(values.copy())


def test_of_many_values_the_interval_is_the_normal_one_and_close_to_the_bootstrap() -> None:
    values = np.random.default_rng(4).exponential(size=MOST_RESAMPLED)
    bootstrap, normal = estimate(values), estimate(np.append(values, values.mean()))
    half = 1.959964 * np.append(values, values.mean()).std(ddof=1) / (MOST_RESAMPLED + 1) ** 0.5
    assert normal.low == pytest.approx(values.mean() - half)
    assert normal.high == pytest.approx(values.mean() + half)
    assert (bootstrap.low, bootstrap.high) == pytest.approx((normal.low, normal.high), abs=0.15 * half)


@given(arrays(np.float64, st.integers(LEAST, 40), elements=finite))
@settings(max_examples=50, deadline=None)
def test_an_interval_lies_within_the_values_and_around_their_mean(values: np.ndarray[Any, Any]) -> None:
    found = estimate(values)
    room = 1e-6 * (1 + np.abs(values).max())
    assert values.min() - room <= found.low <= found.mean + room
    assert found.mean - room <= found.high <= values.max() + room


@given(arrays(np.float64, st.integers(LEAST, 30), elements=finite), st.floats(-1e3, 1e3), st.floats(0.1, 10))
@settings(max_examples=50, deadline=None)
def test_an_interval_moves_and_grows_with_its_values(values: np.ndarray[Any, Any], by: float, times: float) -> None:
    found, moved = estimate(values), estimate(values * times + by)
    expected = tuple(value * times + by for value in found[1:])
    assert moved[1:] == pytest.approx(expected, rel=1e-6, abs=1e-3)


def test_a_constant_has_an_interval_of_no_width() -> None:
    assert estimate(np.full(6, 2.5)) == Estimate(6, 2.5, 2.5, 2.5)
    assert estimate(np.full(6, 2.5)).moved
    assert not estimate(np.zeros(6)).moved


# --- effects -----------------------------------------------------------------------------------------------------------


def test_an_effect_is_the_mean_difference_of_pairs_that_agree_in_all_else() -> None:
    """The seed adds far more than the scheduler: unpaired, the effect would drown."""
    table = grid(SIMPLE, lambda scheduler, seed, **_: 1000 * int(seed) + (3 if scheduler == "B" else 0))
    found = effects(table, AXES, ["sharpness"])
    assert rows_of(found)[0] == ("scheduler", "B", "A", "sharpness", 10, 3.0, 3.0, 3.0)
    assert [row[:6] for row in rows_of(found)[1:]] == [
        ("guidance", "5", "2", "sharpness", 10, 0.0),
        *(("seed", seed, "0", "sharpness", 4, 1000.0 * int(seed)) for seed in SEEDS[1:]),
    ]


def test_the_baseline_is_what_other_points_are_held_against() -> None:
    table = grid(SIMPLE, lambda scheduler, **_: 3.0 if scheduler == "B" else 0.0)
    found = effects(table, AXES, ["sharpness"], {"scheduler": "B"})
    assert rows_of(found)[0] == ("scheduler", "A", "B", "sharpness", 10, -3.0, -3.0, -3.0)


def test_a_pair_that_lacks_one_side_or_a_number_is_no_pair() -> None:
    table = grid(SIMPLE, lambda scheduler, **_: 1.0 if scheduler == "B" else 0.0)
    table.loc[(table["scheduler"] == "B") & (table["seed"] == "1"), "sharpness"] = pd.NA
    lacking = table[~((table["scheduler"] == "A") & (table["seed"] == "0"))]
    assert rows_of(effects(lacking, AXES, ["sharpness"]))[0][4:6] == (6, 1.0)


def test_samples_pair_with_the_sample_of_their_number() -> None:
    one = grid({"scheduler": ["A", "B"]}, lambda scheduler: 1.0 if scheduler == "B" else 0.0)
    two = one.assign(sample=pd.array([1, 1], dtype="Int64"), sharpness=one["sharpness"] * 5)
    assert rows_of(effects(pd.concat([one, two]), ["scheduler"], ["sharpness"]))[0][4:6] == (2, 3.0)


def test_axes_in_lockstep_change_together_and_an_axis_that_does_not_apply_is_a_point() -> None:
    table = grid({"seed": SEEDS, "size": ["small", "large"]}, lambda size, **_: 9.0 if size == "large" else 0.0)
    table["words"] = table["size"].map({"small": "s", "large": "l"})
    found = effects(table, ("seed", "size", "words"), ["sharpness"])
    assert [row[:6] for row in rows_of(found)[-2:]] == [
        ("size", "large", "small", "sharpness", 5, 9.0),
        ("words", "l", "s", "sharpness", 5, 9.0),
    ]
    table["style"] = table["size"].map({"small": None, "large": "ink"})
    assert rows_of(effects(table[table["size"] == "large"], ("seed", "style"), ["sharpness"]))[-1][0] == "seed"


def test_points_come_in_the_order_of_their_categories() -> None:
    table = grid({"guidance": ["10", "2"], "seed": SEEDS}, lambda guidance, **_: float(guidance))
    table["guidance"] = pd.Categorical(table["guidance"], categories=["2", "5", "10"])
    found = effects(table, ("guidance", "seed"), ["sharpness"])
    assert [row[:6] for row in rows_of(found)[:2]] == [
        ("guidance", "5", "2", "sharpness", 0, None),
        ("guidance", "10", "2", "sharpness", 5, 8.0),
    ]


def test_a_table_without_rows_has_no_effects() -> None:
    table = grid(SIMPLE, lambda **_: 0.0)[:0]
    assert effects(table, AXES, ["sharpness"]).empty
    assert changes(table, AXES, effects(table, AXES, ["sharpness"]))["verdict"].tolist() == ["few"] * 3
    assert twins(table).empty


@given(arrays(np.float64, 20, elements=finite), st.permutations(range(20)))
@settings(max_examples=30, deadline=None)
def test_effects_do_not_hang_on_the_order_of_rows_and_turn_round_with_the_baseline(
    values: np.ndarray[Any, Any], order: list[int]
) -> None:
    table = grid(SIMPLE, lambda **_: 0.0)
    for name in AXES:
        table[name] = pd.Categorical(table[name], categories=SIMPLE[name])
    table["sharpness"] = values
    found = effects(table, AXES, ["sharpness"])
    shuffled = effects(table.iloc[order], AXES, ["sharpness"])
    assert shuffled["difference"].tolist() == pytest.approx(found["difference"].tolist(), abs=1e-6)
    turned = effects(table, ["scheduler", "guidance", "seed"], ["sharpness"], {"scheduler": "B"})
    assert turned["difference"][0] == pytest.approx(-found["difference"][0], abs=1e-6)


def test_an_unknown_column_is_answered_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="'sharpnes' is no column of this table; did you mean 'sharpness'"):
        effects(grid(SIMPLE, lambda **_: 0.0), AXES, ["sharpnes"])


# --- interactions, means, pivots ---------------------------------------------------------------------------------------


def test_an_interaction_is_the_difference_between_paired_differences() -> None:
    def number(scheduler: str, guidance: str, seed: str) -> float:
        return (
            100 * int(seed)
            + 5 * (scheduler == "B")
            + 7 * (guidance == "5")
            + 4 * (scheduler == "B" and guidance == "5")
        )

    found = interaction(grid(SIMPLE, number), AXES, ("scheduler", "guidance"), "sharpness")
    assert rows_of(found) == [("B", "5", 5, 4.0, 4.0, 4.0)]


@given(arrays(np.float64, (2, 3, 5), elements=finite))
@settings(max_examples=30, deadline=None)
def test_what_merely_adds_up_does_not_interact(parts: np.ndarray[Any, Any]) -> None:
    axes = {"one": ["a", "b"], "two": ["c", "d", "e"], "seed": SEEDS}
    sums = {label: part for labels, part in zip(axes.values(), parts[:, 0, 0], strict=False) for label in labels[:1]}
    table = grid(axes, lambda one, two, seed: sums.get(one, 0.0) + sums.get(two, 0.0) + int(seed))
    found = interaction(table, list(axes), ("one", "two"), "sharpness")
    assert found["difference"].tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_a_mean_has_its_number_of_pictures() -> None:
    table = grid(SIMPLE, lambda guidance, **_: float(guidance))
    assert rows_of(means(table, ["scheduler", "guidance"], "sharpness")) == [
        ("A", "2", 5, 2.0, 2.0, 2.0),
        ("A", "5", 5, 5.0, 5.0, 5.0),
        ("B", "2", 5, 2.0, 2.0, 2.0),
        ("B", "5", 5, 5.0, 5.0, 5.0),
    ]


def test_a_pivot_has_a_row_and_a_column_for_each_point_in_order() -> None:
    table = grid({"guidance": ["10", "2"], "seed": ["7", "3"]}, lambda guidance, seed: float(guidance) + int(seed))
    table["guidance"] = pd.Categorical(table["guidance"], categories=["2", "10"])
    found = pivot(table[(table["guidance"] != "2") | (table["seed"] != "3")], "guidance", "seed", "sharpness")
    assert (list(found.index), list(found.columns)) == (["2", "10"], ["7", "3"])
    assert [[None if pd.isna(value) else value for value in row] for row in found.to_numpy()] == [
        [9.0, None],
        [17.0, 13.0],
    ]


# --- what changes nothing ----------------------------------------------------------------------------------------------


def verdict(table: pd.DataFrame, axis: str = "scheduler") -> tuple[Any, ...]:
    found = changes(table, AXES, effects(table, AXES, ["sharpness"]))
    return next(tuple(row[1:]) for row in rows_with_lists(found) if row[0] == axis)


def rows_with_lists(found: pd.DataFrame) -> list[list[Any]]:
    return found.to_numpy().tolist()


def test_an_axis_whose_pairs_are_all_identical_changes_nothing() -> None:
    table = grid(SIMPLE, lambda **_: 0.0)
    same = table.assign(sha256=table["guidance"] + table["seed"])
    assert verdict(same) == (10, 10, [], "nothing")
    assert verdict(same.assign(sha256=[*same["sha256"][:-1], "other"])) == (10, 9, [], "not measurable")


def test_an_axis_whose_intervals_all_hold_zero_changes_nothing_measurable() -> None:
    table = grid(
        SIMPLE, lambda scheduler, seed, **_: float(int(seed) % 2 and scheduler == "B") - 0.5 * (scheduler == "B")
    )
    assert verdict(table) == (10, 0, [], "not measurable")


def test_an_axis_that_moves_a_number_changes_something() -> None:
    table = grid(SIMPLE, lambda scheduler, seed, **_: 5.0 * (scheduler == "B") + int(seed))
    assert verdict(table) == (10, 0, ["sharpness"], "something")


def test_too_few_pairs_are_no_verdict() -> None:
    table = grid(
        {"scheduler": ["A", "B"], "guidance": ["2"], "seed": ["0"]}, lambda scheduler, **_: float(scheduler == "B")
    )
    assert verdict(table) == (1, 0, [], "few")


def test_cells_that_share_a_picture_are_twins_and_a_cell_at_two_places_is_not() -> None:
    table = grid({"scheduler": ["A", "B", "C", "D"]}, lambda **_: 0.0)
    table["sha256"] = ["x", "y", "x", "z"]
    twice = pd.concat([table, table.assign(scheduler="E")[3:]])
    assert rows_with_lists(twins(twice)) == [["x", ["cell 0", "cell 2"]]]


# --- how sure an interval is -------------------------------------------------------------------------------------------


def test_intervals_of_few_pairs_hold_the_truth_as_often_as_the_documents_say() -> None:
    """Of normal differences: docs/table.md says 80, 88, 92 and 94 of a hundred."""
    random = np.random.default_rng(5)
    shares = {}
    for n in (4, 8, 16, 64):
        found = [estimate(random.normal(size=n)) for _ in range(600)]
        shares[n] = sum(not one.moved for one in found) / len(found)
    assert shares == {
        4: pytest.approx(0.80, abs=0.06),
        8: pytest.approx(0.88, abs=0.05),
        16: pytest.approx(0.92, abs=0.04),
        64: pytest.approx(0.94, abs=0.04),
    }
    assert RESAMPLES == 2_000
