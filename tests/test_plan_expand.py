"""Axes become combinations: order, lockstep, conditions, what is left out and what is added."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import BASE, asked, axis, draws, experiment, grid, lora, one_of, plan, variable

from runner.errors import InputError
from runner.nouns import Axis, Criterion, Experiment, Point, Template, Value
from runner.plan.expand import Combination, Grid, _agrees, combinations, shown_axes
from runner.plan.rules import find, holds, meets

DPM = "DPMSolverMultistepScheduler"
DDIM = "DDIMScheduler"
LCM = "LCMScheduler"

SIZE = Axis(
    name="size",
    points=(
        Point(label="square", set={"width": 512, "height": 512}),
        Point(label="wide", set={"width": 768, "height": 512}),
    ),
)


def labels(found: Experiment) -> list[str | None]:
    return [None if one is None else " ".join(one.coordinates.values()) for one in combinations(found)]


# --- product and lockstep ------------------------------------------------------------------------------------------


def test_the_last_axis_varies_fastest() -> None:
    found = plan(axis("guidance_scale", 2, 5), axis("scheduler", DDIM, LCM), axis("samples", 1, 2))
    assert grid(found) == [
        f"{guidance} {scheduler} {samples}" for guidance in (2, 5) for scheduler in (DDIM, LCM) for samples in (1, 2)
    ]


def test_without_axes_there_is_one_cell() -> None:
    found = plan()
    assert [(cell.coordinates, cell.request.parameters["prompt"]) for cell in found.cells()] == [({}, "a house")]


def test_zipped_axes_advance_in_lockstep_at_the_place_of_the_first() -> None:
    found = plan(
        axis("guidance_scale", 2, 5, 9),
        axis("samples", 1, 2),
        axis("clip_skip", 1, 2, 3),
        zips=(("guidance_scale", "clip_skip"),),
    )
    assert grid(found) == ["2 1 1", "2 2 1", "5 1 2", "5 2 2", "9 1 3", "9 2 3"]
    assert asked(found, "guidance_scale", "samples", "clip_skip")[2] == (5, 1, 2)


def test_the_order_inside_a_zip_means_nothing() -> None:
    axes = (axis("guidance_scale", 2, 5), axis("clip_skip", 1, 2))
    assert grid(plan(*axes, zips=(("clip_skip", "guidance_scale"),))) == grid(
        plan(*axes, zips=(("guidance_scale", "clip_skip"),))
    )


@pytest.mark.parametrize(
    ("axes", "zips", "message"),
    [
        ([axis("samples", 1), axis("samples", 2)], (), "axes: two axes have the name 'samples'; rename one"),
        ([axis("samples")], (), "axes.samples: an axis without points makes no cells; add one, or leave the axis out"),
        ([axis("samples", 1, "1")], (), "axes.samples: two points have the same label; labels tell points apart"),
        (
            [axis("samples", 1, 2), axis("clip_skip", 1)],
            (("samples", "clip_skip"),),
            "zip: axes in lockstep need equally many points; samples has 2, clip_skip has 1",
        ),
        (
            [axis("samples", 1, 2)],
            (("samples", "clip"),),
            "zip: 'clip': no axis has that name; a group names axes, and an axis is in one group",
        ),
        (
            [axis("samples", 1, 2), axis("clip_skip", 1, 2)],
            (("samples", "clip_skip"), ("clip_skip",)),
            "zip: 'clip_skip': the axis is in a group already; a group names axes, and an axis is in one group",
        ),
    ],
)
def test_axes_that_contradict_each_other_are_refused(axes: list[Axis], zips: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        plan(*axes, zips=zips)
    assert str(caught.value) == message


# --- when ----------------------------------------------------------------------------------------------------------


def algorithm(**when: Criterion) -> Axis:
    return axis("algorithm_type", "none", "dpmsolver+++", when=when)


def test_an_axis_collapses_where_its_when_does_not_hold() -> None:
    found = plan(axis("scheduler", DDIM, DPM, LCM), algorithm(scheduler=one_of(DPM)))
    assert grid(found) == [DDIM, f"{DPM} none", f"{DPM} dpmsolver+++", LCM]
    assert [placement.coordinates.get("algorithm_type", "absent") for placement in found.placements()] == [
        "absent",
        "none",
        "dpmsolver+++",
        "absent",
    ]


def test_a_when_may_speak_of_a_later_axis() -> None:
    assert grid(plan(algorithm(scheduler=one_of(DPM)), axis("scheduler", DDIM, DPM))) == [
        DDIM,
        f"none {DPM}",
        f"dpmsolver+++ {DPM}",
    ]


def test_an_axis_that_does_not_apply_says_nothing_to_the_next() -> None:
    found = plan(
        axis("scheduler", DDIM, DPM),
        algorithm(scheduler=one_of(DPM)),
        axis("clip_skip", 1, 2, when={"algorithm_type": one_of("none")}),
        axis("samples", 1, 2, when={"clip_skip": one_of(2)}),
    )
    assert grid(found) == [
        f"{DDIM} 1",
        f"{DDIM} 2 1",
        f"{DDIM} 2 2",
        f"{DPM} none 1",
        f"{DPM} none 2 1",
        f"{DPM} none 2 2",
        f"{DPM} dpmsolver+++",
    ], "without its axis algorithm_type has the endpoint's default, none"


def test_a_collapsed_axis_of_no_parameter_is_named_by_no_value() -> None:
    found = plan(
        axis("samples", 1, 2),
        Axis(name="style", points=(Point(label="ink", variables={"style": "ink"}),), when={"samples": one_of(2)}),
        axis("clip_skip", 1, 2, when={"style": Criterion(noneof=("ink",))}),
    )
    assert grid(found) == ["1 1", "1 2", "2 ink"]


def test_zipped_axes_collapse_together_or_alone() -> None:
    axes = (
        axis("scheduler", DDIM, DPM),
        axis("guidance_scale", 2, 5, when={"scheduler": one_of(DPM)}),
        axis("clip_skip", 1, 2, when={"scheduler": one_of(DPM)}),
    )
    zips = (("guidance_scale", "clip_skip"),)
    assert grid(plan(*axes, zips=zips)) == [DDIM, f"{DPM} 2 1", f"{DPM} 5 2"]
    alone = (axes[0], axes[1], axis("clip_skip", 1, 2))
    assert grid(plan(*alone, zips=zips)) == [f"{DDIM} 1", f"{DDIM} 2", f"{DPM} 2 1", f"{DPM} 5 2"]


def test_a_when_may_speak_of_a_parameter_that_another_axis_sets() -> None:
    assert grid(plan(SIZE, axis("samples", 1, 2, when={"width": Criterion(above=512)}))) == [
        "square",
        "wide 1",
        "wide 2",
    ]


def test_a_when_may_speak_of_a_parameter_of_the_file_or_of_the_endpoints_default() -> None:
    for name, value in (("seed", 1), ("guidance_scale", 7.5)):
        assert grid(plan(axis("samples", 1, 2, when={name: one_of(value)}))) == ["1", "2"]
        assert grid(plan(axis("samples", 1, 2, when={name: one_of(3)}))) == [""]


@pytest.mark.parametrize(
    "axes",
    [
        [axis("samples", 1, when={"samples": one_of(1)})],
        [axis("samples", 1, when={"clip_skip": one_of(1)}), axis("clip_skip", 1, when={"samples": one_of(1)})],
        [replace(SIZE, when={"width": one_of(512)})],
    ],
)
def test_an_axis_whose_condition_depends_on_itself_is_refused(axes: list[Axis]) -> None:
    with pytest.raises(
        InputError, match=r"whether an axis applies cannot depend on itself, and .* needs .*; change one"
    ):
        plan(*axes)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.data())
@settings(max_examples=60)
def test_combinations_are_distinct_and_each_point_of_the_product_has_its_like(
    sizes: list[int], data: st.DataObject
) -> None:
    names = [f"axis{number}" for number in range(len(sizes))]
    axes = []
    for number, (name, size) in enumerate(zip(names, sizes, strict=True)):
        before = data.draw(st.sampled_from([None, *names[:number]]))
        when = {} if before is None else {before: one_of("0", "2")}
        axes.append(Axis(name=name, points=variable(name, *map(str, range(size))).points, when=when))
    found = [one.coordinates for one in combinations(experiment(*axes)) if one is not None]
    assert len({tuple(one.items()) for one in found}) == len(found)
    full = [one.coordinates for one in combinations(experiment(*(replace(one, when={}) for one in axes))) if one]
    assert all(any(one.items() <= every.items() for one in found) for every in full)
    for one in found:
        for under in axes:
            applies = all(one.get(name) in criterion.anyof for name, criterion in under.when.items())
            assert (under.name in one) == applies


# --- exclude -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ({"scheduler": one_of(DDIM)}, ["L2", "L5", "L9"]),
        ({"scheduler": one_of(DDIM), "guidance_scale": Criterion(above=5)}, ["D2", "D5", "L2", "L5", "L9"]),
        ({"guidance_scale": Criterion(at_least=5, below=9)}, ["D2", "D9", "L2", "L9"]),
        ({"guidance_scale": Criterion(at_most=5)}, ["D9", "L9"]),
        ({"guidance_scale": Criterion(noneof=(2, 5))}, ["D2", "D5", "L2", "L5"]),
        ({"scheduler": Criterion(noneof=(DDIM,)), "guidance_scale": one_of(2)}, ["D2", "D5", "D9", "L5", "L9"]),
        ({"guidance_scale": one_of(2.0, 9)}, ["D5", "L5"]),
        ({"guidance_scale": one_of("5")}, ["D2", "D9", "L2", "L9"]),
        ({"seed": one_of(1)}, []),
        ({"width": one_of(512), "guidance_scale": one_of(2)}, ["D5", "D9", "L5", "L9"]),
        ({"lora_model": one_of("ink")}, ["D2", "D5", "D9", "L2", "L5", "L9"]),
    ],
)
def test_a_cell_is_left_out_when_every_part_of_a_rule_holds(rule: dict[str, Criterion], left: list[str]) -> None:
    found = labels(experiment(axis("scheduler", DDIM, LCM), axis("guidance_scale", 2, 5, 9), exclude=(rule,)))
    assert len(found) == 6
    assert [f"{one[0]}{one[-1]}" for one in found if one is not None] == left


def test_rules_name_points_by_label_and_parameters_that_points_set() -> None:
    assert labels(experiment(SIZE, exclude=({"size": one_of("wide")},))) == ["square", None]
    assert labels(experiment(SIZE, exclude=({"width": one_of(768)},))) == ["square", None]


def test_rules_name_strengths_and_variables() -> None:
    assert labels(experiment(lora("ink", 0, 0.5, 1.0), exclude=({"ink": Criterion(at_least=0.5)},))) == [
        "0",
        None,
        None,
    ]
    points = (Point(label="a", variables={"sky": "red"}), Point(label="b", variables={"sky": "blue"}))
    paired = Axis(name="scene", points=points)
    assert labels(experiment(paired, exclude=({"sky": one_of("blue")},))) == ["a", None]


def test_a_rule_names_a_template_by_its_text() -> None:
    points = (Point(label="long", set={"prompt": Template("a {{ x }}")}), Point(label="b", set={"prompt": "b"}))
    found = Axis(name="prompt", points=points)
    assert labels(experiment(found, exclude=({"prompt": one_of("a {{ x }}")},))) == [None, "b"]


def test_a_criterion_asks_for_values_and_bounds_together() -> None:
    criterion = Criterion(anyof=(1, 5, 9), noneof=(9,), above=2)
    assert [meets(criterion, (value,)) for value in (1, 5, 9, 7)] == [False, True, False, False]


@pytest.mark.parametrize("value", [True, "5", None, "a"])
def test_bounds_compare_numbers_alone(value: object) -> None:
    assert not meets(Criterion(above=0), (value,))


def test_true_is_not_one() -> None:
    assert not meets(one_of(1), (True,))
    assert meets(Criterion(noneof=(1,)), (True,))


def test_a_name_that_nothing_sets_is_no_value_and_so_not_excluded_by_noneof() -> None:
    assert not holds({"style": one_of("ink")}, {}, {})
    assert holds({"style": Criterion(noneof=("ink",))}, {}, {})


def test_a_point_is_found_by_value_or_label() -> None:
    assert [find(SIZE, value) for value in ("wide", 768)] == [SIZE.points[1], None]
    assert find(axis("samples", 1, 2), 2.0) == Point(label="2", set={"samples": 2})
    assert find(axis("samples", 1, 2), "2") == Point(label="2", set={"samples": 2})


# --- include -------------------------------------------------------------------------------------------------------


def test_include_means_what_github_documents_for_its_matrix() -> None:
    """The example of "Running variations of jobs in a workflow": fruit and animal, five entries, six jobs."""
    include: tuple[dict[str, Value], ...] = (
        {"color": "green"},
        {"color": "pink", "animal": "cat"},
        {"fruit": "apple", "shape": "circle"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    )
    found = experiment(variable("fruit", "apple", "pear"), variable("animal", "cat", "dog"), include=include)
    assert [one and {**one.coordinates, **one.extras} for one in combinations(found)] == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_include_adds_back_what_exclude_left_out() -> None:
    found = plan(
        axis("scheduler", DDIM, LCM),
        axis("samples", 1, 2),
        exclude=({"scheduler": one_of(LCM)},),
        include=({"scheduler": LCM, "samples": 2, "guidance_scale": 2},),
    )
    assert grid(found) == [f"{DDIM} 1", f"{DDIM} 2", f"{LCM} 2"]
    assert asked(found, "guidance_scale") == [(7.5,), (7.5,), (2,)]


def test_an_entry_may_change_a_parameter_of_the_file_and_not_what_an_axis_says() -> None:
    steps = BASE | {"num_inference_steps": 31}
    found = plan(SIZE, parameters=steps, include=({"num_inference_steps": 41}, {"width": 1024, "height": 1024}))
    assert grid(found) == ["square", "wide", ""]
    assert asked(found, "width", "height", "num_inference_steps") == [(512, 512, 41), (768, 512, 41), (1024, 1024, 31)]


def test_an_entry_that_agrees_with_what_a_point_sets_extends_that_point() -> None:
    found = plan(SIZE, include=({"width": 768, "samples": 4},))
    assert (grid(found), asked(found, "samples")) == (["square", "wide"], [(1,), (4,)])


def test_an_entry_that_names_a_collapsed_axis_is_a_cell_of_its_own() -> None:
    found = plan(
        axis("scheduler", DDIM, DPM),
        algorithm(scheduler=one_of(DPM)),
        include=({"scheduler": DDIM, "algorithm_type": "none", "samples": 2},),
    )
    assert grid(found) == [DDIM, f"{DPM} none", f"{DPM} dpmsolver+++", f"{DDIM} none"]


def test_values_that_only_include_names_are_appended_to_the_shown_axes() -> None:
    found = experiment(
        axis("guidance_scale", 2, 5),
        lora("ink", 0, 0.5),
        variable("subject", "house"),
        SIZE,
        include=(
            {"guidance_scale": 9, "ink": 0.8, "subject": "boat", "size": "wide"},
            {"guidance_scale": 9, "ink": 0.9},
            {"guidance_scale": 5, "samples": 2},
        ),
    )
    shown = {one.name: one.points for one in shown_axes(found)}
    assert shown == {
        "guidance_scale": axis("guidance_scale", 2, 5, 9).points,
        "ink": lora("ink", 0, 0.5, 0.8, 0.9).points,
        "subject": variable("subject", "house", "boat").points,
        "size": SIZE.points,
    }


def test_a_new_strength_on_an_axis_of_two_loras_is_refused_rather_than_guessed() -> None:
    style = Axis(name="style", points=(Point(label="a", loras={"ink": 0.5}), Point(label="b", loras={"neon": 0.5})))
    with pytest.raises(InputError, match="'style' is no parameter of text2img"):
        plan(style, include=({"style": 0.7},))


def test_a_null_in_include_is_labelled_null() -> None:
    found = plan(axis("vae", "soft"), include=({"vae": None},))
    assert (grid(found), asked(found, "vae")) == (["soft", "null"], [("soft",), (None,)])


# --- repetitions ---------------------------------------------------------------------------------------------------


def test_points_that_leave_the_seed_to_the_server_are_repetitions() -> None:
    found = list(combinations(experiment(axis("samples", 1, 2), draws(3))))
    assert [one and one.repeat for one in found] == [0, 1, 2, 0, 1, 2]


def test_given_seeds_are_no_repetitions() -> None:
    mixed = Axis(name="seed", points=(*axis("seed", 5).points, *draws(2).points))
    assert [one and one.repeat for one in combinations(experiment(mixed))] == [0, 0, 1]


def test_an_entry_of_its_own_keeps_the_repetition_that_it_names() -> None:
    found = list(combinations(experiment(axis("samples", 1), draws(2), include=({"samples": 2, "seed": "random 1"},))))
    assert found[-1] == Combination(
        {"samples": Point(label="2", set={"samples": 2}), "seed": draws(2).points[1]}, {}, 1
    )


@settings(max_examples=80)
@given(
    include=st.lists(
        st.dictionaries(
            st.sampled_from(["scheduler", "algorithm_type", "size", "width", "clip_skip", "guidance_scale"]),
            st.sampled_from([DDIM, DPM, "none", "wide", 512, 768, 1, 2, 9]),
            min_size=1,
            max_size=3,
        ),
        max_size=3,
    ),
    exclude=st.lists(
        st.dictionaries(
            st.sampled_from(["scheduler", "algorithm_type", "width", "clip_skip"]),
            st.sampled_from([DDIM, DPM, "none", 512, 1]).map(one_of),
            min_size=1,
            max_size=2,
        ),
        max_size=2,
    ),
)
def test_an_entry_stands_alone_exactly_if_it_fits_no_combination_that_is_left(
    include: list[dict[str, Value]], exclude: list[dict[str, Criterion]]
) -> None:
    found = experiment(
        axis("scheduler", DDIM, DPM),
        axis("algorithm_type", "none", "dpmsolver+++", when={"scheduler": one_of(DPM)}),
        SIZE,
        axis("clip_skip", 1, 2),
        include=tuple(include),
        exclude=tuple(exclude),
    )
    left = [one for one in combinations(replace(found, include=())) if one is not None]
    grid = Grid(found)
    alone = [
        number for number, entry in enumerate(include) if not any(_agrees(entry, one.points, grid.axes) for one in left)
    ]
    assert [one.place for one in grid.alone()] == alone
