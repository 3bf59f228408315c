"""A ledger becomes one tidy table, and summaries of it."""

import csv
import io
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest
from plans import BASE, axis, draws, lora, one_of, plan, variable

from runner import table
from runner.ledger import Standing
from runner.nouns import Axis, Concern, Picture, Point, State, Value
from runner.plan import Plan
from runner.schema import endpoint_schema

DDIM, LCM = "DDIMScheduler", "LCMScheduler"
PARAMETERS = list(endpoint_schema("text2img").properties)
UNKNOWN = Standing(state=State.UNKNOWN, attempts=1, reason="no answer")
BUSY = Standing(state=State.FAILED, attempts=4, reason="queue full", concern=Concern.LATER)


def made(name: str, seconds: float | None = 1.0, count: int = 1, **rest: Any) -> Standing:
    pictures = tuple(
        Picture(sha256=name * 62 + f"{number:02}", width=8, height=8, size=9, format="png") for number in range(count)
    )
    return Standing(state=State.MADE, attempts=1, seconds=seconds, pictures=pictures, **rest)


def standings(found: Plan, *stands: Standing | None) -> dict[str, Standing]:
    """Return how the plan's cells stand, in its order; None is never tried."""
    return {cell.digest: one for cell, one in zip(found.cells(), stands, strict=True) if one is not None}


def rows(found: pd.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    """Return rows as Python values, missing as None."""
    return [
        tuple(None if pd.isna(value) else value for value in row) for row in found[[*columns]].itertuples(index=False)
    ]


# --- the table -----------------------------------------------------------------------------------------------------

GRID = plan(axis("scheduler", DDIM, LCM), variable("subject", "house", "boat"), lora("ink", 0, 0.5))
"""Eight places; the variable is in no template, so that each cell stands in two of them."""

STANDS = standings(GRID, made("a", 2.0, count=2), None, BUSY, UNKNOWN)


def test_a_row_is_an_image_at_one_place_and_a_cell_that_was_not_made_has_one_row() -> None:
    found = table.frame(GRID, STANDS)
    digests = [cell.digest for cell in GRID.cells()]
    columns = ("subject", "ink", "scheduler", "cell", "outcome", "reason", "attempts", "sample", "sha256", "seconds")
    first, second = "a" * 62 + "00", "a" * 62 + "01"
    assert rows(found, *columns) == [
        ("house", "0", DDIM, digests[0], "made", None, 1, 0, first, 2.0),
        ("house", "0", DDIM, digests[0], "made", None, 1, 1, second, 2.0),
        ("house", "0.5", DDIM, digests[1], "pending", None, 0, None, None, None),
        ("boat", "0", DDIM, digests[0], "made", None, 1, 0, first, 2.0),
        ("boat", "0", DDIM, digests[0], "made", None, 1, 1, second, 2.0),
        ("boat", "0.5", DDIM, digests[1], "pending", None, 0, None, None, None),
        ("house", "0", LCM, digests[2], "failed", "queue full", 4, None, None, None),
        ("house", "0.5", LCM, digests[3], "unknown", "no answer", 1, None, None, None),
        ("boat", "0", LCM, digests[2], "failed", "queue full", 4, None, None, None),
        ("boat", "0.5", LCM, digests[3], "unknown", "no answer", 1, None, None, None),
    ]
    assert found.loc[0, "image"] == f"images/aa/{first}.png"
    assert found.loc[0, "thumbnail"] == f"thumbnails/aa/{first}.webp"


def test_columns_are_axes_then_the_record_then_every_parameter() -> None:
    assert list(table.frame(GRID, {}).columns) == ["subject", "ink", *table.RECORD, *PARAMETERS]


def test_a_parameters_column_holds_what_was_asked_defaults_and_all() -> None:
    found = table.frame(GRID, {})
    assert rows(found, "scheduler", "lora_model", "lora_strength", "num_inference_steps", "guidance_scale", "vae")[
        :3
    ] == [
        (DDIM, None, None, 21, 7.5, None),
        (DDIM, "ink", "0.5", 21, 7.5, None),
        (DDIM, None, None, 21, 7.5, None),
    ]


@pytest.mark.parametrize(
    "stands",
    [(None, None, None, None), (made("a", 2), None, BUSY, UNKNOWN), (made("a", None, seed=3),) * 4],
    ids=["nothing tried", "mixed", "all made"],
)
def test_types_are_the_same_whatever_happened(stands: tuple[Standing | None, ...]) -> None:
    found = table.frame(GRID, standings(GRID, *stands))
    numbers = {"attempts": "Int64", "sample": "Int64", "seconds": "Float64", "guidance_scale": "Float64"}
    numbers |= {"rejected": "Int64"} | dict.fromkeys(
        ("stars", "preference", "preference_low", "preference_high"), "Float64"
    )
    numbers |= dict.fromkeys(("width", "height", "samples", "num_inference_steps", "seed", "clip_skip"), "Int64")
    assert {name: str(kind) for name, kind in found.dtypes.items()} == {
        name: numbers.get(str(name), "string") for name in found.columns
    }


def test_missing_is_missing_and_never_zero_or_empty() -> None:
    found = table.frame(plan(), {})
    empty = ["reason", "reused_from", "sample", "image", "thumbnail", "sha256", "seconds", "lora_model", "vae"]
    assert found[empty].isna().all(axis=None)
    assert not (found == "").fillna(value=False).any(axis=None)


def test_the_seed_is_the_one_given_or_else_the_one_that_the_server_drew() -> None:
    drawn = plan(draws(3))
    assert rows(table.frame(drawn, standings(drawn, made("a", seed=77), None, UNKNOWN)), "seed") == [
        (77,),
        (None,),
        (None,),
    ]
    given = plan(axis("seed", 5))
    assert rows(table.frame(given, standings(given, made("a", seed=77))), "seed") == [(5,)]


def test_an_axis_that_does_not_apply_is_missing() -> None:
    style = Axis(name="style", points=variable("style", "ink").points, when={"samples": one_of(2)})
    assert rows(table.frame(plan(axis("samples", 1, 2), style), {}), "style", "samples") == [(None, 1), ("ink", 2)]


def test_reused_pictures_name_the_run_that_they_come_from() -> None:
    found = plan()
    again = made("a", reused_from="runs/earlier")
    assert rows(table.frame(found, standings(found, again)), "outcome", "reused_from") == [("made", "runs/earlier")]


def test_an_axis_with_the_name_of_a_records_column_has_a_column_of_its_own() -> None:
    found = table.frame(plan(variable("image", "first", "second")), {})
    assert list(found.columns)[:2] == ["axis.image", "cell"]
    assert rows(found, "axis.image", "image") == [("first", None), ("second", None)]


def test_a_seed_of_64_bits_fits() -> None:
    found = plan(draws(1))
    assert rows(table.frame(found, standings(found, made("a", seed=2**63 - 1))), "seed") == [(2**63 - 1,)]


# --- summaries -----------------------------------------------------------------------------------------------------


def summarised(found: pd.DataFrame, *by: str) -> dict[object, tuple[object, ...]]:
    counted = table.summary(found, by)
    assert list(counted.columns) == ["cells", "made", "refused", "failed", "unknown", "pending", "p50", "p95"]
    keys = counted.index.to_flat_index() if len(by) > 1 else counted.index
    return {None if key is pd.NA else key: row for key, row in zip(keys, rows(counted, *counted.columns), strict=True)}


def test_a_summary_counts_each_cell_once_for_each_value() -> None:
    found = table.frame(GRID, STANDS)
    assert summarised(found, "scheduler") == {
        DDIM: (2, 1, 0, 0, 0, 1, 2.0, 2.0),
        LCM: (2, 0, 0, 1, 1, 0, None, None),
    }
    assert summarised(found, "subject") == {
        "house": (4, 1, 0, 1, 1, 1, 2.0, 2.0),
        "boat": (4, 1, 0, 1, 1, 1, 2.0, 2.0),
    }
    assert list(summarised(found, "ink", "scheduler")) == [("0", DDIM), ("0.5", DDIM), ("0", LCM), ("0.5", LCM)]


def test_seconds_are_those_of_made_requests_one_for_each_request() -> None:
    found = plan(axis("seed", 1, 2, 3, 4, 5), parameters=BASE | {"samples": 4})
    slow = Standing(state=State.FAILED, attempts=1, seconds=99.0, reason="broken")
    stands = standings(found, made("a", 1.0, 4), made("b", 2.0), made("c", 4.0), made("d", None), slow)
    assert summarised(table.frame(found, stands), "samples") == {4: (5, 4, 0, 1, 0, 0, 2.0, pytest.approx(3.8))}


def test_a_value_that_is_missing_is_a_group_of_its_own() -> None:
    style = Axis(name="style", points=variable("style", "ink").points, when={"samples": one_of(2)})
    found = table.frame(plan(axis("samples", 1, 2), style), {})
    nothing = (1, 0, 0, 0, 0, 1, None, None)
    assert summarised(found, "style") == {None: nothing, "ink": nothing}


def test_a_column_named_twice_counts_once() -> None:
    found = table.frame(GRID, STANDS)
    assert table.summary(found, ["ink", "ink"]).equals(table.summary(found, ["ink"]))


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (["shceduler"], "'shceduler' is no column of this table; did you mean 'scheduler'?"),
        ([], f"'' is no column of this table; known are subject, ink, {', '.join([*table.RECORD, *PARAMETERS])}"),
    ],
)
def test_an_unknown_column_is_answered_with_those_there_are(by: list[str], message: str) -> None:
    with pytest.raises(KeyError) as caught:
        table.summary(table.frame(GRID, {}), by)
    assert caught.value.args == (message,)


def shared(found: Plan, stands: Mapping[str, Standing]) -> list[tuple[object, ...]]:
    counted = table.shares(found, stands)
    assert list(counted.columns) == [
        "axis",
        "label",
        "count",
        "made",
        "refused",
        "failed",
        "unknown",
        "pending",
        "p50",
        "p95",
    ]
    return rows(counted, *counted.columns)


def test_shares_count_places_for_each_point_of_each_axis_in_order() -> None:
    assert shared(GRID, STANDS) == [
        ("scheduler", DDIM, 4, 2, 0, 0, 0, 2, 2.0, 2.0),
        ("scheduler", LCM, 4, 0, 0, 2, 2, 0, None, None),
        ("subject", "house", 4, 1, 0, 1, 1, 1, 2.0, 2.0),
        ("subject", "boat", 4, 1, 0, 1, 1, 1, 2.0, 2.0),
        ("ink", "0", 4, 2, 0, 2, 0, 0, 2.0, 2.0),
        ("ink", "0.5", 4, 0, 0, 0, 2, 2, None, None),
    ]


def test_shares_have_no_row_for_a_point_without_a_place_and_one_for_what_include_adds() -> None:
    found = plan(axis("samples", 1, 2), exclude=({"samples": one_of(1)},), include=({"samples": 4},))
    assert [row[:3] for row in shared(found, {})] == [("samples", "2", 1), ("samples", "4", 1)]


def test_shares_of_a_plan_without_axes_are_empty_with_the_same_columns() -> None:
    assert shared(plan(), {}) == []


# --- spreadsheets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\n=1", "＝1+1", "＠x"])
def test_no_text_is_a_formula_to_a_spreadsheet(text: str) -> None:
    found = table.frame(plan(variable("subject", text, "house")), {})
    safe = table.spreadsheet_safe(found)
    assert rows(safe, "subject") == [(f"'{text}",), ("house",)]
    assert rows(found, "subject") == [(text,), ("house",)], "the table itself stays as it is"
    read = list(csv.reader(io.StringIO(safe.to_csv(index=False), newline="")))
    assert [row[0] for row in read] == ["subject", f"'{text}", "house"]


@pytest.mark.parametrize("text", ["a\r=1+1", "a\r\n=1+1", "a\n=1+1", 'a"\n,=1+1', "\r=1+1"])
def test_no_text_begins_a_row_of_its_own(text: str) -> None:
    safe = table.spreadsheet_safe(table.frame(plan(variable("subject", text)), {})).to_csv(index=False)
    read = list(csv.reader(io.StringIO(safe, newline="")))
    assert [len(row) for row in read] == [len(read[0])] * 2
    assert read[1][0].removeprefix("'") == text.replace("\r\n", "\n").replace("\r", "\n")


def test_numbers_and_what_is_missing_are_left_alone() -> None:
    found = table.frame(GRID, STANDS)
    safe = table.spreadsheet_safe(found)
    assert safe.equals(found)
    assert safe.dtypes.equals(found.dtypes)


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_a_table_that_is_written_in_pieces_is_the_same_table(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = plan(axis("seed", 1, 2, 3), axis("guidance_scale", 2, 7.5))
    stands = standings(found, made("a"), None, made("b", None), UNKNOWN, BUSY, made("c", reused_from="=run"))
    monkeypatch.setattr(table, "ROWS_AT_ONCE", at_once)

    pieces = list(table.spreadsheet(found, stands))

    assert b"".join(pieces).decode() == table.spreadsheet_safe(table.frame(found, stands)).to_csv(index=False)
    assert len(pieces) == math.ceil(6 / at_once)


def test_a_columns_name_is_text_too() -> None:
    assert list(table.spreadsheet_safe(pd.DataFrame({"=cmd": ["x"], "ok": [-1]})).columns) == ["'=cmd", "ok"]


# --- size ----------------------------------------------------------------------------------------------------------


def test_ten_thousand_cells_are_one_table() -> None:
    guidance: list[Value] = [1 + number / 8 for number in range(100)]
    found = plan(axis("guidance_scale", *guidance), axis("seed", *range(100)))
    stands = {cell.digest: made("a", float(number % 7)) for number, cell in enumerate(found.cells())}
    counted = table.frame(found, stands)
    assert len(counted) == 10_000
    assert math.isclose(table.shares(found, stands)["p50"].median(), 3.0)


def test_a_point_that_sets_several_parameters_is_shown_by_its_label() -> None:
    size = Axis(name="size", points=(Point(label="wide", set={"width": 768, "height": 512}),))
    assert rows(table.frame(plan(size), {}), "size", "width", "height") == [("wide", 768, 512)]


def test_an_odd_image_is_flagged_in_words_and_no_other_is() -> None:
    found = plan(axis("seed", 1, 2, 3), parameters=BASE | {"width": 256, "height": 256})
    right = Picture(sha256="c" * 64, width=256, height=256, size=9)
    hidden = Standing(state=State.MADE, pictures=(right,), answer={"nsfw_content_detected": True})
    stands = standings(found, made("a"), Standing(state=State.MADE, pictures=(right,)), hidden)

    assert rows(table.frame(found, stands), "seed", "flags") == [
        (1, "8×8, asked 256×256"),
        (2, None),
        (3, "hidden by the safety checker"),
    ]
