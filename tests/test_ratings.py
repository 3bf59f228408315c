"""What people think of pictures: merged in any order, ranked with how sure that is, brought into table and page."""

import json
import math
import subprocess
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from commands import sweep
from hypothesis import given
from hypothesis import strategies as st

import runner
from runner.folder import RunFolder
from runner.ranking import rank
from runner.ratings import Duel, Mark, Ratings, by_point, merged, scores

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def chance(apart: float) -> float:
    return 1 / (1 + math.exp(-apart))


# --- ranking ------------------------------------------------------------------------------------------------------


def test_one_win_moves_both_by_the_same_and_says_how_unsure_that_is() -> None:
    winner, loser = rank(2, [(0, 1, 1.0)])
    # where the likelihood has no slope: 1 - chance(2s) of the win itself, against chance(s) - 1/2 of the prior's draw
    assert chance(2 * winner.strength) + chance(winner.strength) == pytest.approx(1.5)
    assert loser.strength == pytest.approx(-winner.strength)
    assert winner.low < 0 < winner.high
    assert (winner.duels, loser.duels) == (1, 1)


def test_a_draw_says_that_both_are_alike_and_many_draws_say_it_with_more_certainty() -> None:
    one, many = rank(2, [(0, 1, 0.5)])[0], rank(2, [(0, 1, 0.5)] * 50)[0]
    assert one.strength == pytest.approx(0)
    assert many.strength == pytest.approx(0)
    assert many.high - many.low < one.high - one.low


def test_who_won_everything_is_best_and_finite() -> None:
    best, middle, worst = rank(3, [(0, 1, 1.0)] * 40 + [(1, 2, 1.0)] * 40)
    assert best.strength > middle.strength > worst.strength
    assert math.isfinite(best.high)
    assert best.low > middle.strength > worst.high


def test_an_interval_says_how_sure_a_difference_is_and_not_where_all_of_them_lie() -> None:
    better, _ = rank(2, [(0, 1, 1.0)] * 60 + [(0, 1, 0.0)] * 30)
    assert better.strength == pytest.approx(math.log(2) / 2, abs=0.01)
    # 90 comparisons at 2 to 1 have the information 90 * 2/9 about the difference, which is twice the strength
    assert better.high - better.strength == pytest.approx(1.959964 / math.sqrt(90 * 2 / 9) / 2, rel=0.02)


def test_nobody_and_those_who_were_never_compared_are_no_trouble() -> None:
    assert rank(0, []) == []
    (alone,) = rank(1, [])
    assert (alone.strength, alone.low, alone.high, alone.duels) == (0.0, 0.0, 0.0, 0)
    two = rank(2, [])
    assert two[0].high == pytest.approx(
        1.959964 * math.sqrt(2)
    )  # of two, each with one draw whose information is a quarter


DUELS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0])).filter(
        lambda duel: duel[0] != duel[1]
    ),
    max_size=60,
)


@given(DUELS)
def test_who_is_on_which_side_does_not_matter(duels: list[tuple[int, int, float]]) -> None:
    straight = rank(6, duels)
    turned = rank(6, [(other, one, 1 - share) for one, other, share in duels])
    assert [item.strength for item in straight] == pytest.approx([item.strength for item in turned], abs=1e-8)
    assert all(item.low < item.strength < item.high for item in straight)


@given(DUELS, st.permutations(range(6)))
def test_names_do_not_matter(duels: list[tuple[int, int, float]], order: list[int]) -> None:
    straight = rank(6, duels)
    renamed = rank(6, [(order[one], order[other], share) for one, other, share in duels])
    assert [renamed[order[place]].strength for place in range(6)] == pytest.approx(
        [item.strength for item in straight], abs=1e-8
    )


@given(DUELS, st.sampled_from([1, 40, 2000]))
def test_strengths_are_finite_and_their_mean_is_0_whatever_was_said(
    duels: list[tuple[int, int, float]], often: int
) -> None:
    ranked = rank(6, duels * often)
    assert all(math.isfinite(value) for item in ranked for value in (item.strength, item.low, item.high))
    assert sum(item.strength for item in ranked) == pytest.approx(0, abs=1e-6)


@given(st.permutations(range(6)), st.integers(2, 30))
def test_an_order_in_which_the_better_one_wins_more_often_is_found_again(order: list[int], often: int) -> None:
    duels = [
        (better, worse, share)
        for place, better in enumerate(order)
        for worse in order[place + 1 :]
        for share in [1.0] * (2 * often) + [0.0] * often
    ]
    ranked = rank(6, duels)
    assert sorted(range(6), key=lambda item: -ranked[item].strength) == order


# --- merging ------------------------------------------------------------------------------------------------------

MARKS = st.builds(
    Mark,
    at=st.integers(0, 3),
    rater=st.sampled_from(["ann", "bob"]),
    cell=st.sampled_from([A, B]),
    stars=st.integers(0, 5),
    rejected=st.booleans(),
    note=st.sampled_from(["", "soft"]),
)
FIGHTS = st.builds(
    Duel,
    at=st.integers(0, 3),
    rater=st.sampled_from(["ann", "bob"]),
    left=st.just(A),
    right=st.just(B),
    better=st.sampled_from(["left", "right", "equal"]),
)
FILES = st.builds(
    lambda marks, duels, name: merged(
        "p", [Ratings(plan="p", raters={"ann": name}, marks=tuple(marks), duels=tuple(duels))]
    ),
    st.lists(MARKS, max_size=5),
    st.lists(FIGHTS, max_size=4),
    st.sampled_from(["", "Ann", "Anna"]),
)


@given(FILES, FILES, FILES)
def test_files_merge_in_any_order_and_as_often_as_you_like(one: Ratings, two: Ratings, three: Ratings) -> None:
    together = merged("p", [one, two, three])
    for order in permutations([one, two, three]):
        assert merged("p", order) == together
    assert merged("p", [merged("p", [one, two]), three]) == together
    assert merged("p", [together, one]) == together
    assert merged("p", [together]) == together


def test_of_one_persons_marks_the_latest_counts_and_people_stay_apart() -> None:
    early, late = Mark(at=1, rater="ann", cell=A, stars=5), Mark(at=2, rater="ann", cell=A, stars=2, note="soft")
    other = Mark(at=1, rater="bob", cell=A, stars=5, rejected=True)
    found = scores(merged("p", [Ratings(plan="p", marks=(early,)), Ratings(plan="p", marks=(late, other))]))
    assert (found[A].stars, found[A].rejected, found[A].notes) == (3.5, 1, ("soft",))


def test_points_of_an_axis_are_ranked_by_the_comparisons_that_cross_it() -> None:
    duels = tuple(Duel(at=at, rater="ann", left=A, right=B, better="left") for at in range(8))
    within = Duel(at=99, rater="ann", left=A, right=C, better="right")
    found = by_point(Ratings(plan="p", duels=(*duels, within)), {A: "DDIM", B: "Euler", C: "DDIM"})
    assert found["DDIM"].strength > 0 > found["Euler"].strength
    assert found["DDIM"].duels == 8


# --- files and the command ----------------------------------------------------------------------------------------

FILE = """
name: cats
target: sketch
parameters: {model_id: any, prompt: a cat}
axes: {seed: [1, 2, 3]}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("cats.yaml").write_text(FILE)
    assert sweep("run", "cats.yaml").code == 0
    return Path("runs/cats")


def written(run: Path, name: str, **said: Any) -> str:
    facts = {"format": 1, "plan": RunFolder(run).plan().digest, "raters": {"r1": "Ann"}, **said}
    Path(name).write_text(json.dumps(facts, indent=1))
    return name


def cells(run: Path) -> list[str]:
    return [cell.digest for cell in RunFolder(run).plan().cells()]


def test_ratings_come_into_the_table_and_stay_there(run: Path) -> None:
    first, second, _ = cells(run)
    marks = [{"rater": "r1", "cell": first[:16], "stars": 4, "note": "=soft <b>", "at": 5}]
    duels = [{"rater": "r1", "left": first[:16], "right": second[:16], "better": "left", "at": 6}]
    ann = written(run, "ann.json", marks=marks, duels=duels)
    bob = written(
        run,
        "bob.json",
        raters={"r2": "Bob"},
        marks=[{"rater": "r2", "cell": first, "stars": 2, "rejected": True, "at": 1}],
    )

    done = sweep("import-ratings", str(run), ann, bob)

    assert (done.code, done.out) == (0, "runs/cats: 2 people, 2 marks, 1 comparison\n")
    table = runner.load(run)
    assert table["stars"].tolist()[0] == 3.0
    assert table["rejected"].tolist()[0] == 1
    assert table["notes"].tolist()[0] == "=soft <b>"
    assert table["stars"].isna().tolist() == [False, True, True]
    won = table["preference"].tolist()[0]
    assert chance(2 * won) + chance(won) == pytest.approx(1.5)
    assert table["preference"].isna().tolist() == [False, False, True]
    assert "'=soft <b>" in (run / "results.csv").read_text()
    page = (run / "report/index.html").read_text()
    assert "=soft \\u003cb\\u003e" in page
    assert "=soft <b>" not in page
    before = (run / "ratings.json").read_bytes()
    assert sweep("import-ratings", str(run), ann, "--json").facts == {
        "run": str(run),
        "people": 2,
        "marks": 2,
        "duels": 1,
    }
    assert (run / "ratings.json").read_bytes() == before


def test_another_plans_ratings_are_refused_and_nothing_changes(run: Path) -> None:
    written(run, "other.json", plan="ab" * 32)
    done = sweep("import-ratings", str(run), "other.json")
    plan = RunFolder(run).plan().digest[:16]
    assert (done.code, done.err) == (
        2,
        (
            f"other.json: it judges the cells of plan {'ab' * 8}, and this run's plan is {plan}; "
            "import it into the run whose page exported it\n"
        ),
    )
    assert not (run / "ratings.json").exists()


def test_every_complaint_about_a_file_comes_with_its_line(run: Path) -> None:
    first = cells(run)[0]
    written(
        run,
        "bad.json",
        marks=[{"rater": "r1", "cell": first, "stars": 6, "at": 1}, {"rater": "r1", "cell": "xyz", "at": 1}],
    )
    done = sweep("import-ratings", str(run), "bad.json")
    lines = done.err.splitlines()
    assert done.code == 2
    assert len(lines) == 2
    assert all(line.startswith("bad.json:") for line in lines)
    assert "marks.0.stars: 6 is above the maximum 5" in lines[0]


def test_what_judges_a_cell_that_the_run_has_not_is_left_out(run: Path) -> None:
    written(run, "ann.json", marks=[{"rater": "r1", "cell": "ab" * 32, "stars": 4, "at": 5}])
    assert sweep("import-ratings", str(run), "ann.json").out == "runs/cats: 1 person, 0 marks, 0 comparisons\n"


def test_an_edited_experiment_keeps_what_was_said_of_the_cells_that_it_keeps(run: Path) -> None:
    first = cells(run)[0]
    sweep(
        "import-ratings",
        str(run),
        written(run, "ann.json", marks=[{"rater": "r1", "cell": first, "stars": 4, "at": 5}]),
    )
    Path("cats.yaml").write_text(FILE.replace("[1, 2, 3]", "[1, 7]"))
    assert sweep("run", "cats.yaml").code == 0
    assert runner.load(run)["stars"].tolist()[0] == 4.0


def test_help_imports_neither_pandas_nor_what_ranks() -> None:
    heavy = ("pandas", "numpy", "scipy")
    code = (
        "import sys; from runner.cli import main; sys.argv = ['sweep', 'import-ratings', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Bring stars" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
