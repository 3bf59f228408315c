"""`sample` and `execution.order` as users meet them: what `sweep plan` says, what a stopped run leaves, how it goes on."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from commands import sweep

from runner.book import book
from runner.folder import RunFolder
from runner.verbs import load

FILE = """
name: cats
target: sketch
parameters: {model_id: any, prompt: a cat, width: 256, height: 256}
axes:
  guidance_scale: {from: 1, to: 20, step: 1}
  clip_skip: [1, 2, 3, 4]
  seed: {draw: 1000, from: 1}
sample: {count: 12, method: latin, seed: 7}
execution: {concurrency: 1}
"""
SMALL = FILE.replace("draw: 1000", "draw: 2").replace("sample: {count: 12, method: latin, seed: 7}\n", "")
RUN = Path("runs/cats")


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cats.yaml").write_text(FILE)


def drawn_otherwise() -> list[str]:
    """Let the run folder hold a sample as another version of the library would have drawn it; return its places."""
    folder = RunFolder(RUN)
    places = [(number, number % 4, number * 80) for number in range(12)]
    folder.write("plan.json", json.dumps(replace(folder.plan(), chosen=tuple(places)).freeze()).encode())
    return [".".join(map(str, place)) for place in places]


def test_plan_says_what_a_sample_takes_and_does_not_count_what_it_leaves() -> None:
    done = sweep("plan", "cats.yaml")
    assert done.out.splitlines()[1] == "12 of 80,000 combinations (latin, seed 7)"
    assert not {"excluded", "invalid"} & {line.split()[0] for line in done.out.splitlines() if line.strip()}
    facts = sweep("plan", "cats.yaml", "--json").facts
    assert (facts["cells"], facts["excluded"], facts["invalid"]) == (12, None, None)


def test_plan_says_the_order_and_why() -> None:
    assert sweep("plan", "cats.yaml").out.splitlines()[-1] == (
        "order: balanced, because the target sketch loads no models in this process"
    )
    said = sweep("plan", "cats.yaml", "--set", "execution.order=plan")
    assert said.out.splitlines()[-1] == "order: plan, because the file says so"


def test_plan_lists_no_more_values_of_an_axis_than_can_be_read() -> None:
    assert len(sweep("plan", "cats.yaml").out.splitlines()) < 30


def test_a_sampled_run_is_whole_and_its_page_says_that_it_is_a_sample() -> None:
    assert sweep("run", "cats.yaml", "--json").facts["made"] == 12
    assert sweep("run", "cats.yaml", "--json").facts["sent"] == 0
    assert (
        "The cells are a sample: 12 of 80,000 combinations (latin, seed 7)." in (RUN / "report/index.html").read_text()
    )
    assert Counter(load(RUN)["clip_skip"]) == {1: 3, 2: 3, 3: 3, 4: 3}


def test_a_page_of_a_sample_lists_the_values_alone_that_it_took() -> None:
    sweep("run", "cats.yaml")
    plan = RunFolder(RUN).plan()
    shown = {axis.name: [point.label for point in axis.points] for axis in book(plan, {}, {}).axes}
    taken = load(RUN)
    assert shown["clip_skip"] == ["1", "2", "3", "4"]
    assert sorted(map(int, shown["seed"])) == sorted(set(taken["seed"]))
    assert len(shown["seed"]) == len(shown["guidance_scale"]) == 12


def test_a_stopped_run_goes_on_with_the_sample_that_it_froze_whatever_the_library_draws_now() -> None:
    sweep("run", "cats.yaml", "--limit", "1")
    places = drawn_otherwise()
    assert sweep("plan", "cats.yaml", "--json").facts["requests"] == 12
    done = sweep("run", "cats.yaml", "--json")
    assert (done.facts["planned"], done.facts["made"], done.facts["sent"]) == (12, 12, 12)
    assert json.loads((RUN / "plan.json").read_text())["chosen"] == places
    assert sweep("run", "cats.yaml", "--set", "title=Which?", "--json").facts["sent"] == 0


def test_another_seed_draws_another_sample_into_the_same_folder() -> None:
    sweep("run", "cats.yaml")
    done = sweep("run", "cats.yaml", "--set", "sample.seed=8", "--json")
    assert (done.facts["planned"], done.facts["made"]) == (12, 12)
    assert done.facts["sent"] > 6


def test_plan_diff_says_that_the_sample_is_another() -> None:
    sweep("run", "cats.yaml")
    facts = sweep("plan", "cats.yaml", "--set", "sample.seed=8", "--diff", RUN, "--json").facts
    assert facts["diff"]["settings"] == {
        "sample": [f"12 of 80,000 combinations (latin, seed {seed})" for seed in (7, 8)]
    }
    assert sweep("plan", "cats.yaml", "--diff", RUN, "--json").facts["diff"]["settings"] == {}


def test_a_plan_that_cannot_be_read_is_replaced() -> None:
    sweep("run", "cats.yaml")
    (RUN / "plan.json").write_text("{")
    assert sweep("run", "cats.yaml", "--json").facts["sent"] == 0


def test_a_sample_of_more_than_is_left_is_one_line_and_exit_2() -> None:
    Path("cats.yaml").write_text(SMALL)
    done = sweep("validate", "cats.yaml", "--set", "sample.count=100", "--set", "exclude=[{clip_skip: [1, 2]}]")
    assert done.code == 2
    assert done.err == (
        "cats.yaml: sample.count: 100 is more than the 80 cells that are left of 160 combinations; lower it, or "
        "relax `exclude` or the axes\n"
    )


@pytest.mark.parametrize("limit", [20, 40, 60])
def test_a_run_that_is_stopped_early_leaves_an_even_grid(limit: int) -> None:
    Path("cats.yaml").write_text(SMALL)
    assert sweep("run", "cats.yaml", "--limit", limit).code == 3
    found = load(RUN)
    made = found[found["outcome"] == "made"]
    assert [set(Counter(made[name]).values()) for name in ("guidance_scale", "clip_skip", "seed")] == [
        {limit // 20},
        {limit // 4},
        {limit // 2},
    ]


def test_a_run_goes_on_in_another_order_and_sends_nothing_twice() -> None:
    Path("cats.yaml").write_text(SMALL)
    sweep("run", "cats.yaml", "--limit", "40")
    done = sweep("run", "cats.yaml", "--set", "execution.order=plan", "--limit", "40", "--json")
    assert (done.facts["made"], done.facts["sent"]) == (80, 40)
    done = sweep("run", "cats.yaml", "--set", "execution.order=slow-first", "--json")
    assert (done.facts["made"], done.facts["sent"]) == (160, 80)


def test_the_order_of_the_file_fills_the_grid_row_by_row() -> None:
    Path("cats.yaml").write_text(SMALL)
    sweep("run", "cats.yaml", "--set", "execution.order=plan", "--limit", "16")
    found = load(RUN)
    assert Counter(found[found["outcome"] == "made"]["guidance_scale"]) == {1.0: 8, 2.0: 8}
