"""A sample takes so many cells of a grid, spread over it, and looks at no others."""

import json
from collections import Counter
from collections.abc import Hashable
from dataclasses import replace
from itertools import combinations, product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import BASE, axis, grid, one_of, plan, variable

from runner.errors import InputError
from runner.nouns import METHODS, Axis, Criterion, Method, Point, Sample, Template
from runner.plan import Plan, continued
from runner.plan.expand import Place
from runner.plan.sampling import Settled, choose

DDIM, DPM, LCM = "DDIMScheduler", "DPMSolverMultistepScheduler", "LCMScheduler"
every_method = pytest.mark.parametrize("method", METHODS)


def anywhere(place: Place) -> Settled:
    return place, place


def counts(places: tuple[Place, ...], column: int) -> list[int]:
    return list(Counter(place[column] for place in places).values())


def discrepancy(places: tuple[Place, ...], size: int) -> float:
    """Return the worst share by which a corner [0, a) x [0, b) of a pair of axes is filled too much or too little."""
    worst = 0.0
    for one, other in combinations(range(len(places[0])), 2):
        for a, b in product(range(1, size + 1), repeat=2):
            inside = sum(place[one] < a and place[other] < b for place in places)
            worst = max(worst, abs(inside / len(places) - a * b / size**2))
    return worst


# --- how many ------------------------------------------------------------------------------------------------------


@every_method
@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=5), data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_sample_has_as_many_different_places_as_it_says_and_none_that_is_left_out(
    method: Method, sizes: list[int], data: st.DataObject
) -> None:
    every = list(product(*map(range, sizes)))
    left = [place for place in every if hash(place) % 3]
    if not left or len(every) == 1:
        return
    count = data.draw(st.integers(1, min(len(left), len(every) - 1)))
    found = choose(Sample(count=count, method=method), sizes, lambda place: (place, place) if hash(place) % 3 else None)
    assert len(set(found)) == len(found) == count
    assert set(found) <= set(left)


@every_method
def test_the_same_seed_draws_the_same_and_another_draws_others(method: Method) -> None:
    drawn = [choose(Sample(count=20, method=method, seed=seed), (9, 9, 9), anywhere) for seed in (7, 7, 8)]
    assert drawn[0] == drawn[1] != drawn[2]


@every_method
def test_what_a_sample_leaves_out_is_never_looked_at(method: Method) -> None:
    asked: list[Place] = []

    def settle(place: Place) -> Settled:
        asked.append(place)
        return place, place

    choose(Sample(count=200, method=method, seed=7), (1000, 1000, 1000, 1000), settle)
    assert len(asked) < 300


@every_method
def test_a_sample_of_more_cells_than_are_left_is_refused_with_their_number(method: Method) -> None:
    with pytest.raises(InputError) as caught:
        choose(Sample(count=7, method=method), (4, 4), lambda place: (place, place) if place[0] == place[1] else None)
    assert str(caught.value) == (
        "sample.count: 7 is more than the 4 cells that are left of 16 combinations; lower it, or relax `exclude` or the axes"
    )


def test_a_sample_of_a_huge_grid_of_which_almost_all_is_left_out_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        choose(
            Sample(count=2, method="random"), (10**6, 10**6), lambda place: (place, place) if sum(place) == 0 else None
        )
    assert str(caught.value) == (
        "sample.count: only 0 of 2 cells were found among 1,000,000,000,000 combinations, of which almost all are left "
        "out; lower the count, or take what is left out off the axes"
    )


# --- how even ------------------------------------------------------------------------------------------------------


@given(sizes=st.lists(st.integers(2, 6), min_size=2, max_size=4), times=st.integers(1, 3), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_latin_sample_has_every_value_of_an_axis_equally_often_within_one(
    sizes: list[int], times: int, seed: int
) -> None:
    total = len(list(product(*map(range, sizes))))
    found = choose(Sample(count=min(sizes[0] * times, total // 2), method="latin", seed=seed), sizes, anywhere)
    for column in range(len(sizes)):
        each = [*counts(found, column), *[0] * (sizes[column] - len(counts(found, column)))]
        assert max(each) - min(each) <= 1


@pytest.mark.parametrize("count", [6, 12, 24])
def test_a_latin_sample_of_a_multiple_of_every_size_has_each_value_exactly_as_often(count: int) -> None:
    found = choose(Sample(count=count, method="latin", seed=7), (6, 3, 2, 6), anywhere)
    assert [counts(found, column) for column in range(4)] == [[count // size] * size for size in (6, 3, 2, 6)]


def test_a_latin_sample_stays_even_where_combinations_are_left_out() -> None:
    off_diagonal = choose(
        Sample(count=24, method="latin", seed=7), (8, 8), lambda place: (place, place) if place[0] != place[1] else None
    )
    assert counts(off_diagonal, 0) == counts(off_diagonal, 1) == [3] * 8


@pytest.mark.parametrize("seed", range(5))
def test_a_sobol_sample_covers_pairs_of_axes_far_better_than_chance(seed: int) -> None:
    sobol, random = (
        discrepancy(choose(Sample(count=64, method=method, seed=seed), (16,) * 4, anywhere), 16)
        for method in ("sobol", "random")
    )
    assert sobol < random / 2


@pytest.mark.parametrize("seed", range(5))
def test_a_sobol_sample_has_every_value_about_equally_often(seed: int) -> None:
    sizes = (10, 16, 7, 4)
    found = choose(Sample(count=64, method="sobol", seed=seed), sizes, anywhere)
    assert (counts(found, 1), counts(found, 3)) == ([4] * 16, [16] * 4)
    assert all(abs(often - 64 / size) < 2 for column, size in enumerate(sizes) for often in counts(found, column))


def test_a_random_sample_takes_every_combination_equally_likely() -> None:
    drawn = Counter(
        place for seed in range(800) for place in choose(Sample(count=3, method="random", seed=seed), (3, 4), anywhere)
    )
    assert len(drawn) == 12
    assert all(150 < often < 250 for often in drawn.values())  # 200 are expected, with a deviation of 12


@every_method
def test_cells_that_two_places_mean_are_taken_once(method: Method) -> None:
    def same_in_a_row(place: Place) -> tuple[Place, Hashable]:
        return place, place[0]

    found = choose(Sample(count=5, method=method), (6, 4), same_in_a_row)
    assert len({place[0] for place in found}) == 5


# --- in a plan -----------------------------------------------------------------------------------------------------


GUIDANCE = axis("guidance_scale", *range(1, 11))
STEPS = axis("num_inference_steps", 21, 31, 41)
SEED = axis("seed", *range(1000))
SAMPLE = Sample(count=20, method="sobol", seed=7)


def test_a_plan_of_a_sample_counts_what_it_took_and_not_what_it_left() -> None:
    found = plan(GUIDANCE, STEPS, SEED, sample=SAMPLE, exclude=({"seed": one_of(5)},))
    survey = found.survey
    assert (survey.combinations, survey.cells, survey.images, survey.excluded) == (30_000, 20, 20, None)
    assert found.drawn == "20 of 30,000 combinations (sobol, seed 7)"
    assert len(grid(found)) == 20


def test_a_million_million_combinations_are_sampled_without_being_expanded() -> None:
    words = [variable(name, *(f"{name}{number}" for number in range(1000))) for name in ("a", "b", "c", "d")]
    base = {**BASE, "prompt": Template("{{ a }} {{ b }} {{ c }} {{ d }}")}
    found = plan(*words, parameters=base, sample=Sample(count=200, method="sobol", seed=7))
    assert found.drawn == "200 of 1,000,000,000,000 combinations (sobol, seed 7)"
    assert len({cell.digest for cell in found.cells()}) == 200


def test_a_sample_stands_in_the_order_of_the_file() -> None:
    found = grid(plan(GUIDANCE, STEPS, axis("clip_skip", 1, 2, 3, 4), sample=SAMPLE))
    everywhere = grid(plan(GUIDANCE, STEPS, axis("clip_skip", 1, 2, 3, 4)))
    assert found == [labels for labels in everywhere if labels in found]


@pytest.mark.parametrize("count", [6, 200])
def test_a_sample_of_as_many_as_there_are_is_all_of_them(count: int) -> None:
    whole = plan(STEPS, axis("clip_skip", 1, 2), exclude=({"clip_skip": one_of(2)},))
    found = plan(
        STEPS, axis("clip_skip", 1, 2), exclude=({"clip_skip": one_of(2)},), sample=replace(SAMPLE, count=count)
    )
    assert (found.chosen, found.drawn, found.survey) == (None, "", whole.survey)


def test_zipped_axes_are_sampled_in_lockstep() -> None:
    prompts = axis("prompt", *(f"p{number}" for number in range(10)))
    found = plan(GUIDANCE, prompts, STEPS, zips=(("guidance_scale", "prompt"),), sample=SAMPLE)
    assert found.survey.combinations == 30
    assert {(labels.split()[0], labels.split()[1]) for labels in grid(found)} <= {
        (str(number + 1), f"p{number}") for number in range(10)
    }


@every_method
def test_an_axis_that_does_not_apply_makes_no_cells_of_its_own(method: Method) -> None:
    found = plan(
        axis("scheduler", DDIM, DPM, LCM),
        axis("algorithm_type", "none", "dpmsolver+++", when={"scheduler": one_of(DPM)}),
        STEPS,
        sample=Sample(count=12, method=method),
    )
    assert (found.survey.cells, found.survey.duplicates, len(set(grid(found)))) == (12, 0, 12)
    assert found.drawn.startswith("12 of up to 18 combinations (")


@every_method
def test_what_is_excluded_or_would_be_refused_is_replaced(method: Method) -> None:
    sizes = Axis(
        name="size",
        points=(
            Point(label="good", set={"width": 512, "height": 512}),
            Point(label="odd", set={"width": 513, "height": 512}),
        ),
    )
    found = plan(
        GUIDANCE,
        sizes,
        exclude=({"guidance_scale": Criterion(above=6)},),
        on_invalid="skip",
        sample=Sample(count=6, method=method),
    )
    assert sorted(grid(found)) == [f"{number} good" for number in range(1, 7)]
    assert found.survey.invalid == {}


def test_a_sampled_combination_that_the_endpoint_would_refuse_is_an_error() -> None:
    with pytest.raises(InputError, match=r"^test: text2img would refuse 5 combinations:\n"):
        plan(axis("guidance_scale", *range(31, 41)), sample=Sample(count=5))


def test_an_entry_that_stands_alone_is_added_beside_the_sample() -> None:
    found = plan(GUIDANCE, STEPS, SEED, sample=SAMPLE, include=({"guidance_scale": 15, "seed": 1},))
    assert (found.survey.cells, grid(found)[-1]) == (21, "15 1")


def test_an_entry_that_fits_a_combination_extends_it_where_the_sample_took_it() -> None:
    found = plan(GUIDANCE, STEPS, SEED, sample=SAMPLE, include=({"guidance_scale": 5, "clip_skip": 2},))
    assert found.survey.cells == 20
    assert {
        (cell.coordinates["guidance_scale"], cell.request.parameters.get("clip_skip")) for cell in found.cells()
    } >= {
        ("5", 2),
        ("6", 1),
    }


def test_an_entry_with_a_value_that_no_point_has_is_known_to_stand_alone_without_a_search() -> None:
    size = Axis(name="size", points=tuple(Point(label=str(width), set={"width": width}) for width in (256, 512)))
    found = plan(
        axis("seed", *range(1000)),
        axis("guidance_scale", *(number / 100 for number in range(100, 1100))),
        size,
        sample=Sample(count=2),
        exclude=({"seed": Criterion(above=5), "guidance_scale": one_of(1)},),
        include=({"width": 384, "seed": 1},),
    )
    assert grid(found)[2:] == ["1"]


def test_an_entry_whose_fit_would_take_too_long_to_find_is_refused() -> None:
    axes = [axis("seed", *range(1000)), axis("guidance_scale", *(number / 100 for number in range(100, 1100)))]
    with pytest.raises(InputError) as caught:
        plan(
            *axes,
            axis("clip_skip", 1, 2),
            sample=Sample(count=2),
            exclude=({"clip_skip": one_of(1), "seed": Criterion(at_least=0), "guidance_scale": Criterion(at_least=0)},),
            include=({"clip_skip": 1, "samples": 2},),
        )
    assert str(caught.value) == (
        "include.0: it fits none of the first 300,000 combinations, and whether it fits another would take too long to say; "
        "name in it a value of each axis that `exclude` or `when` names"
    )


# --- frozen --------------------------------------------------------------------------------------------------------


def drawn_otherwise(found: Plan) -> Plan:
    """Return a plan as another version of the library would have drawn it."""
    assert found.chosen is not None
    every = Random(1).sample([*product(range(10), range(3))], len(found.chosen))
    return replace(found, chosen=tuple(every))


def test_a_frozen_sample_names_its_places_and_thaws_without_being_drawn_again() -> None:
    frozen = drawn_otherwise(plan(GUIDANCE, STEPS, sample=Sample(count=4)))
    document = json.loads(json.dumps(frozen.freeze()))
    assert document["chosen"] == [".".join(map(str, place)) for place in frozen.chosen or ()]
    assert Plan.thaw(document) == frozen
    with pytest.raises(ValueError, match="the plan was changed since it was frozen"):
        Plan.thaw(document | {"chosen": ["0.0", "1.1", "2.2", "3.1"]})


def test_a_run_goes_on_with_the_sample_that_it_began() -> None:
    found = plan(GUIDANCE, STEPS, sample=Sample(count=4))
    began = Plan.thaw(json.loads(json.dumps(drawn_otherwise(found).freeze())))
    relabelled = replace(found, experiment=replace(found.experiment, title="Which?"))
    assert continued(relabelled, began).chosen == began.chosen
    assert {cell.digest for cell in continued(found, began).cells()} == {cell.digest for cell in began.cells()}


@pytest.mark.parametrize(
    "change", [{"sample": Sample(count=5)}, {"sample": Sample(count=4, seed=1)}, {"axes": (GUIDANCE, SEED)}]
)
def test_a_sample_that_asks_for_something_else_is_drawn_anew(change: dict[str, object]) -> None:
    began = drawn_otherwise(plan(GUIDANCE, STEPS, sample=Sample(count=4)))
    edited = plan(*change.get("axes", (GUIDANCE, STEPS)), sample=change.get("sample", Sample(count=4)))  # type: ignore[misc]
    assert continued(edited, began) is edited


def test_a_plan_without_a_sample_imports_no_scipy() -> None:
    import subprocess
    import sys

    program = (
        "import sys; from runner.nouns import *; from runner.plan import make; "
        "make(Experiment(name='x', parameters={'model_id': 'm', 'prompt': 'p'}), Provider(target='sketch')); "
        "assert 'scipy' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, capture_output=True).returncode == 0
