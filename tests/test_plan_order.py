"""In which order cells are sent: always the same cells, spread evenly, or with as few switches as can be."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from math import prod
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import BASE, axis, lora, one_of, plan, variable

from runner.nouns import METHODS, ORDERS, Address, Axis, Cell, Execution, Method, Order, Point, Sample, Template
from runner.plan import Plan
from runner.plan.expand import Place
from runner.plan.order import balanced, coarse_to_fine, reflected, reflected_rank, slow_first
from runner.plan.switching import order_of, reason_of

DDIM, DPM, LCM = "DDIMScheduler", "DPMSolverMultistepScheduler", "LCMScheduler"
every_order = pytest.mark.parametrize("order", ORDERS)
grids = st.lists(st.integers(1, 7), max_size=5)


def sent(order: Order, *axes: Axis, **rest: object) -> list[Cell]:
    return list(plan(*axes, execution=Execution(order=order), **rest).ordered())


def labels(cells: Iterable[Cell]) -> list[str]:
    return [" ".join(cell.coordinates.values()) for cell in cells]


def switches(cells: Iterable[Cell], *names: str) -> int:
    return sum(
        any(one.request.parameters.get(name) != other.request.parameters.get(name) for name in names)
        for one, other in pairwise(cells)
    )


def unevenness(places: Sequence[Place], sizes: Sequence[int]) -> float:
    """Return how far the pairs of values of two axes are from equally many, over the beginnings of an order."""
    found = 0.0
    for part in range(1, 8):
        begun = places[: len(places) * part // 8]
        for one, other in combinations(range(len(sizes)), 2):
            wanted = len(begun) / (sizes[one] * sizes[other])
            often = Counter((place[one], place[other]) for place in begun)
            pairs = ((a, b) for a in range(sizes[one]) for b in range(sizes[other]))
            found += max(abs(often[pair] - wanted) for pair in pairs) / max(wanted, 1)
    return found


# --- balanced ------------------------------------------------------------------------------------------------------


@given(grids)
def test_balanced_is_a_permutation_of_the_grid(sizes: list[int]) -> None:
    found = list(balanced(sizes))
    assert len(set(found)) == len(found) == prod(sizes)
    assert all(index in range(size) for place in found for index, size in zip(place, sizes, strict=True))


@given(grids)
def test_wherever_a_balanced_order_is_cut_each_value_of_an_axis_came_equally_often_within_one(sizes: list[int]) -> None:
    often = [[0] * size for size in sizes]
    for place in balanced(sizes):
        for column, index in enumerate(place):
            often[column][index] += 1
        assert all(max(each) - min(each) <= 1 for each in often)


@pytest.mark.parametrize(
    "sizes", [(3, 4, 4, 2, 4), (5, 5, 5), (4, 4, 4, 4), (2,) * 6, (6, 4, 10, 3), (18, 7, 4), (10,) * 4, (8, 8, 8)]
)
def test_a_balanced_order_fills_pairs_of_axes_more_evenly_than_chance(sizes: tuple[int, ...]) -> None:
    found = list(balanced(sizes))
    shuffled = [Random(seed).sample(found, len(found)) for seed in range(3)]
    assert unevenness(found, sizes) < min(unevenness(other, sizes) for other in shuffled)


def test_along_an_axis_its_ends_come_first_then_its_middle_and_so_on() -> None:
    assert [coarse_to_fine(count) for count in (1, 2, 3, 4, 5)] == [
        (0,),
        (0, 1),
        (0, 2, 1),
        (0, 3, 1, 2),
        (0, 4, 2, 1, 3),
    ]
    assert coarse_to_fine(9) == (0, 8, 4, 2, 6, 1, 3, 5, 7)
    assert list(balanced((9, 5)))[:3] == [(0, 0), (8, 4), (4, 2)]


@given(st.integers(1, 300))
def test_coarse_to_fine_names_every_index_once(count: int) -> None:
    assert sorted(coarse_to_fine(count)) == list(range(count))


# --- slow first ----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 5), max_size=4))
def test_reflected_changes_one_axis_by_one_step_at_a_time(sizes: list[int]) -> None:
    found = reflected(sizes)
    assert sorted(found) == sorted(set(found))
    assert len(found) == prod(sizes)
    assert all(sum(abs(a - b) for a, b in zip(one, other, strict=True)) == 1 for one, other in pairwise(found))
    assert [reflected_rank(sizes, place) for place in found] == list(range(len(found)))


@given(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), max_size=3), st.randoms(use_true_random=False))
def test_slow_first_is_a_permutation_with_as_few_switches_as_there_are_combinations_to_load(
    parts: list[list[int]], chance: Random
) -> None:
    classes = []
    for lengths in parts:
        indices = list(range(sum(lengths)))
        chance.shuffle(indices)
        classes.append([[indices.pop() for _ in range(length)] for length in lengths])
    several = [group for group, parted in enumerate(classes) if len(parted) > 1]
    chance.shuffle(several)
    found = list(slow_first(classes, several))
    assert len(set(found)) == len(found) == prod(sum(map(len, parted)) for parted in classes)

    def loaded(place: Place) -> list[int]:
        return [next(n for n, part in enumerate(classes[group]) if place[group] in part) for group in several]

    changes = [[a != b for a, b in zip(loaded(one), loaded(other), strict=True)] for one, other in pairwise(found)]
    assert sum(map(any, changes)) == prod(len(classes[group]) for group in several) - 1
    assert all(sum(changed) <= 1 for changed in changes)
    if several:
        assert sum(changed[0] for changed in changes) == len(classes[several[0]]) - 1


MODEL = axis("model_id", "m", "n", "o")
VAE = axis("vae", "soft", "hard")
INK = lora("ink", 0, 0.3, 1)
SEED = axis("seed", 1, 2, 3, 4)


def test_a_model_is_switched_least_often_then_a_vae_then_loras() -> None:
    cells = sent("slow-first", SEED, INK, VAE, MODEL)
    assert len(cells) == 72
    assert switches(cells, "model_id") == 2
    assert switches(cells, "vae") == 3
    assert switches(cells, "lora_model") == 6
    assert switches(cells, "model_id", "vae", "lora_model") == 11


def test_strengths_of_one_lora_are_no_switch_and_are_balanced_with_the_rest() -> None:
    cells = sent("slow-first", INK, SEED)
    assert [cell.coordinates["ink"] for cell in cells[:4]] == ["0"] * 4
    assert Counter(cell.coordinates["ink"] for cell in cells[4:8]) == {"0.3": 2, "1": 2}


def test_points_that_load_one_model_stand_together_whatever_else_they_load() -> None:
    points = [("m", "soft"), ("n", "soft"), ("m", "hard"), ("n", "hard")]
    both = Axis(
        name="both",
        points=tuple(Point(label=f"{model} {vae}", set={"model_id": model, "vae": vae}) for model, vae in points),
    )
    assert switches(sent("slow-first", SEED, both), "model_id") == 1


def test_without_anything_to_load_slow_first_is_balanced() -> None:
    axes = (SEED, axis("scheduler", DDIM, DPM, LCM), axis("guidance_scale", 2, 5, 9))
    assert labels(sent("slow-first", *axes)) == labels(sent("balanced", *axes))


# --- in a plan -----------------------------------------------------------------------------------------------------

RICH = (
    MODEL,
    axis("scheduler", DDIM, DPM, LCM),
    axis("algorithm_type", "none", "dpmsolver+++", when={"scheduler": one_of(DPM)}),
    variable("subject", "house", "boat"),
    variable("sky", "blue", "night"),
    axis("samples", 1, 2),
    INK,
)
PROMPT = {**BASE, "prompt": Template("a {{ subject }}{% if sky is defined %}, {{ sky }}{% endif %}")}
REST = {
    "parameters": PROMPT,
    "zips": (("subject", "sky"),),
    "exclude": ({"scheduler": one_of(LCM), "ink": one_of(1)},),
    "include": ({"samples": 1, "clip_skip": 2}, {"model_id": "p", "subject": "tree"}),
}


@every_order
@pytest.mark.parametrize("sample", [None, *(Sample(count=30, method=method, seed=7) for method in METHODS)], ids=str)
def test_every_order_sends_the_same_cells_one_by_one(order: Order, sample: Sample | None) -> None:
    found = plan(*RICH, **REST, sample=sample, execution=Execution(order=order))
    in_file, ordered = list(found.cells()), list(found.ordered())
    assert len(in_file) == (31 if sample else 133)
    assert sorted(in_file, key=digest_of) == sorted(ordered, key=digest_of)
    assert (in_file == ordered) == (order == "plan")
    assert ordered[-1].coordinates == {"model_id": "p", "subject": "tree"}


def digest_of(cell: Cell) -> str:
    return cell.digest


@every_order
def test_a_cell_at_several_places_is_sent_once_and_named_for_its_first(order: Order) -> None:
    found = plan(
        axis("samples", 1, 2),
        axis("clip_skip", 3, 1, 2),
        variable("unused", "a", "b", "c"),
        include=({"samples": 2, "clip_skip": 2, "unused": "d"},),
        execution=Execution(order=order),
    )
    assert found.survey.duplicates == 13
    assert sorted(labels(found.ordered())) == sorted(labels(found.cells()))
    assert len(list(found.ordered())) == 6


@pytest.mark.parametrize("method", METHODS)
def test_a_sample_is_sent_in_the_order_of_drawing_or_with_few_switches(method: Method) -> None:
    axes, sample = (axis("seed", *range(100)), MODEL, VAE), Sample(count=60, method=method, seed=7)
    found = plan(*axes, sample=sample, execution=Execution(order="balanced"))
    drawn = [f"{seed} {'mno'[model]} {('soft', 'hard')[vae]}" for seed, model, vae in found.chosen or ()]
    assert labels(found.ordered()) == drawn
    cells = sent("slow-first", *axes, sample=sample)
    assert (switches(cells, "model_id"), switches(cells, "model_id", "vae")) == (2, 5)


@pytest.mark.parametrize(
    ("target", "order", "because"),
    [
        ("embedded", "slow-first", "the target embedded loads models in this process"),
        ("sketch", "balanced", "the target sketch loads no models in this process"),
        ("https://host/v1", "balanced", "the target https://host/v1 loads no models in this process"),
    ],
)
def test_without_a_word_in_the_file_the_target_decides_the_order(target: str, order: Order, because: str) -> None:
    found = plan(SEED, target=Address(name=target)).experiment
    assert (order_of(found), reason_of(found)) == (order, because)
    said = replace(found, execution=Execution(order="plan"))
    assert (order_of(said), reason_of(said)) == ("plan", "the file says so")


def test_another_order_changes_no_cell_and_is_part_of_what_the_plan_says() -> None:
    plans: list[Plan] = [plan(SEED, MODEL, execution=Execution(order=order)) for order in ORDERS]
    assert len({frozenset(map(digest_of, found.cells())) for found in plans}) == 1
    assert len({found.digest for found in plans}) == 3


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_a_plan_that_is_cut_anywhere_is_even(sizes: list[int]) -> None:
    axes = [
        axis(name, *range(1, size + 1)) for name, size in zip(("samples", "clip_skip", "seed"), sizes, strict=False)
    ]
    often = [Counter(dict.fromkeys(map(str, range(1, size + 1)), 0)) for size in sizes]
    for cell in sent("balanced", *axes):
        for each, label in zip(often, cell.coordinates.values(), strict=True):
            each[label] += 1
        assert all(max(each.values()) - min(each.values()) <= 1 for each in often)


@every_order
def test_the_cells_that_are_wanted_come_in_the_same_order_as_all(order: Order) -> None:
    for axes, rest in ((RICH, REST), ((axis("samples", 1, 2), variable("unused", "a", "b")), {})):
        found = plan(*axes, **rest, execution=Execution(order=order))
        every = list(found.ordered())
        wanted = {cell.digest for cell in every[::3]} | {every[-1].digest}
        assert list(found.ordered(wanted.__contains__)) == [cell for cell in every if cell.digest in wanted]
