"""A file of faults: what it may say, and which request each fault strikes."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from lies import told

from runner.errors import ExperimentError
from runner.schema import bundled
from runner.server.faults import load
from runner.server.faults.deciding import Decider
from runner.server.faults.kinds import KINDS, Delay, Fault

ROOT = Path(__file__).parent.parent
BAD_DAY = ROOT / "experiments" / "faults" / "bad-day.yaml"


# --- which request is struck ---------------------------------------------------------------------------------------


def struck(listed: str, tmp_path: Path, *, requests: int = 12, seed: int = 7, route: str = "text2img") -> list[int]:
    decider = Decider(told(f"seed: {seed}\nfaults:\n  - {listed}\n", tmp_path))
    found = [decider.strike(route) for _ in range(requests)]
    return [number for number, one in enumerate(found, 1) if one.main or one.beside]


@pytest.mark.parametrize(
    ("listed", "numbers"),
    [
        ("{kind: drop}", list(range(1, 13))),
        ("{kind: drop, first: 3}", [1, 2, 3]),
        ("{kind: drop, after: 10}", [11, 12]),
        ("{kind: drop, every: 4}", [4, 8, 12]),
        ("{kind: drop, after: 3, every: 4, first: 2}", [7, 11]),
        ("{kind: drop, route: fetch}", []),
        ("{kind: drop, route: inpaint}", []),
        ("{kind: drop, route: fetch_by_track_id}", []),
        ("{kind: drop, route: any, every: 6}", [6, 12]),
    ],
)
def test_counts_say_which_request_is_struck(tmp_path: Path, listed: str, numbers: list[int]) -> None:
    assert struck(listed, tmp_path) == numbers


def test_chance_strikes_the_same_requests_with_the_same_seed_and_others_with_another(tmp_path: Path) -> None:
    listed = "{kind: drop, chance: 0.1}"
    first, again, other = (struck(listed, tmp_path, requests=2000, seed=seed) for seed in (7, 7, 8))

    assert first == again != other
    assert 150 < len(first) < 250


def test_what_one_fault_draws_depends_on_no_other(tmp_path: Path) -> None:
    alone = struck("{kind: drop, chance: 0.2}", tmp_path, requests=200)
    decider = Decider(told("seed: 7\nfaults: [{kind: drop, chance: 0.2}, {kind: html, chance: 0.5}]", tmp_path))
    found = [decider.strike("text2img").main for _ in range(200)]

    assert [number for number, one in enumerate(found, 1) if one and one.place == 0] == alone


def test_of_faults_that_strike_the_same_request_the_first_in_the_file_does_and_delays_go_along(tmp_path: Path) -> None:
    listed = "{kind: delay, seconds: 1}\n  - {kind: refuse, every: 2}\n  - {kind: drop}\n  - {kind: delay, seconds: 2}"
    decider = Decider(told(f"faults:\n  - {listed}", tmp_path))
    first, second = decider.strike("text2img"), decider.strike("text2img")

    assert [one.main and one.main.place for one in (first, second)] == [2, 1]
    assert [[strike.place for strike in one.beside] for one in (first, second)] == [[0, 3], [0, 3]]
    assert second.seconds(Delay, "before_accept") == 3.0


# --- the file ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("", ["f.yaml:1:1: a file of faults is a mapping; write `faults:` and a list below it"]),
        ("seed: 7", ["f.yaml:1:1: faults is missing; add it"]),
        ("faults: []", ["f.yaml:1:9: faults: an empty list of faults does nothing; write one, or leave --faults out"]),
        (
            "faults:\n  - {kind: refuse, chance: 2}\n  - {knd: drop}\n  - {kind: dorp, every: 0}",
            [
                "f.yaml:2:28: faults.0.chance: 2 is above the maximum 1",
                "f.yaml:3:5: faults.1: kind is missing; add it",
                "f.yaml:4:12: faults.2.kind: 'dorp' is not one of the 12 allowed; did you mean 'drop'?",
            ],
        ),
        (
            "faults:\n  - {kind: drop, status: 429}\n  - {kind: delay}\n  - {kind: refuse, sttus: 429}",
            [
                "f.yaml:2:18: faults.0.status: unknown key 'status'; known are kind, when, route, chance, after, every, first",
                "f.yaml:3:5: faults.1: seconds is missing; add it",
                "f.yaml:4:20: faults.2.sttus: unknown key 'sttus'; did you mean 'status'?",
            ],
        ),
        (
            "faults: [{kind: delay, seconds: [2, null]}, {kind: delay, seconds: [[2], 1]}, 3]",
            [
                "f.yaml:1:37: faults.0.seconds.1: null is not a number from 0 to 86400",
                "f.yaml:1:69: faults.1.seconds.0: [2] is not a number from 0 to 86400",
                "f.yaml:1:79: faults.2: 3 is not a mapping",
            ],
        ),
        (
            "faults:\n  - {kind: delay, seconds: [2, 1]}\n  - {kind: delay, seconds: [1]}\n  - {kind: refuse, status: 418}",
            [
                "f.yaml:2:28: faults.0.seconds: the range runs backwards; write [1, 2]",
                "f.yaml:3:28: faults.1.seconds: a range is two numbers; write [0.5, 2] or one number",
                "f.yaml:4:28: faults.2.status: 418 is not one of 400, 401, 402, 403, 408, 429, 500, 503",
            ],
        ),
    ],
)
def test_everything_wrong_with_a_file_is_said_at_once_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, complaints: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("f.yaml").write_text(text)
    with pytest.raises(ExperimentError) as caught:
        load(Path("f.yaml"))
    assert str(caught.value).splitlines() == complaints


def declared() -> Iterator[tuple[str, dict[str, Any]]]:
    schema = bundled("faults")
    for kind in schema["properties"]["faults"]["items"]["properties"]["kind"]["enum"]:
        yield kind, schema["$defs"][kind]["properties"]


def test_the_schema_has_the_kinds_and_the_fields_and_the_defaults_of_the_code() -> None:
    counts = {field.name: field.default for field in fields(Fault) if field.name not in ("act", "routes")}
    assert [kind for kind, _ in declared()] == list(KINDS)
    for kind, properties in declared():
        own = {field.name: field.default for field in fields(KINDS[kind])}
        assert set(properties) - {"kind", "route"} == {*own, *counts}
        for name, default in (own | counts).items():
            said = properties[name].get("default")
            assert said == default or ((said is None and default in (None, "")) or name == "seconds"), (kind, name)


def test_the_page_explains_every_kind_and_every_field() -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    for kind, properties in declared():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{kind}` |"))
        shared = ("kind", "chance", "after", "every", "first", "route")
        assert [name for name in properties if name not in shared and f"`{name}" not in row] == []
        assert properties.get("route", {}).get("default", "") in row


def test_the_pages_example_and_the_file_that_ships_are_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    told(page.partition("```yaml\n")[2].partition("```")[0], tmp_path)
    assert len(load(BAD_DAY).faults) == 14
