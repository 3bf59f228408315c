"""An experiment becomes a plan: checked, counted, identified, frozen."""

import itertools
import json
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import BASE, PROVIDER, asked, axis, draws, experiment, grid, lora, one_of, plan, variable

from runner.canon import digest
from runner.errors import InputError
from runner.nouns import (
    ENDPOINTS,
    METHODS,
    ORDERS,
    Address,
    Axis,
    Criterion,
    Execution,
    Experiment,
    Layout,
    Limits,
    Point,
    Provider,
    Request,
    Sample,
    Template,
    Value,
)
from runner.plan import Plan, Survey, identify, make
from runner.plan.frozen import essence
from runner.plan.identity import IDENTITY_VERSION, LEFT_OUT, TAKES_PART
from runner.schema import endpoint_schema

DDIM, LCM = "DDIMScheduler", "LCMScheduler"

# --- identity ------------------------------------------------------------------------------------------------------


def test_every_parameter_either_takes_part_in_identity_or_is_left_out() -> None:
    parameters = {name for endpoint in ENDPOINTS for name in endpoint_schema(endpoint).properties}
    assert parameters == TAKES_PART | LEFT_OUT
    assert not TAKES_PART & LEFT_OUT


EVERY = Request(
    endpoint="inpaint",
    parameters={
        "model_id": "studio-tiny",
        "prompt": 'ein "Häuschen" am See',
        "negative_prompt": "",
        "init_image": "sha256:" + "1" * 64,
        "mask_image": "https://host/mask.png",
        "width": 512,
        "height": 768,
        "samples": 2,
        "num_inference_steps": 31,
        "safety_checker": "no",
        "safety_checker_type": "blur",
        "enhance_prompt": "no",
        "guidance_scale": 7.5,
        "strength": 0.7,
        "tomesd": "yes",
        "use_karras_sigmas": "yes",
        "algorithm_type": "none",
        "vae": "soft",
        "lora_model": "ink,neon",
        "lora_strength": "0.5,1",
        "scheduler": DDIM,
        "seed": 4294967295,
        "clip_skip": 2,
        "panorama": "no",
        "self_attention": "no",
        "upscale": "no",
        "highres_fix": "no",
        "webhook": "https://host/hook",
        "track_id": "t1",
        "base64": "no",
        "temp": "no",
    },
)


def test_the_identity_of_a_request_is_pinned_so_that_old_runs_are_found_again() -> None:
    assert identify(EVERY, PROVIDER) == "d2e93df20137be0be14b78dccfb9db1764af2e52e32a872aa355a7f893ff9c7d"
    assert (
        identify(Request(endpoint="text2img", parameters={"prompt": "a", "seed": None}, repeat=3), PROVIDER)
        == "6dd1d4bd7c48afb0b736c4ad6cc609e2bbd8bdf5d1399451fdf3ddc231345e48"
    )


@pytest.mark.parametrize(
    "request_", [EVERY, Request(endpoint="text2img", parameters={"samples": True, "clip_skip": 1})]
)
def test_identity_is_the_canonical_digest_of_what_takes_part(request_: Request) -> None:
    assert identify(request_, PROVIDER) == digest(
        {
            "version": IDENTITY_VERSION,
            "target": "sketch",
            "model": "ab" * 32 if "model_id" in request_.parameters else "",
            "endpoint": request_.endpoint,
            "parameters": {name: value for name, value in request_.parameters.items() if name not in LEFT_OUT},
            "repeat": 0,
        }
    )


@given(
    st.dictionaries(
        st.sampled_from(sorted(TAKES_PART)),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(codec="utf-8")),
    )
)
@settings(max_examples=60)
def test_identity_is_put_together_as_canonical_json_whatever_the_values_are(parameters: dict[str, Any]) -> None:
    said = {name: value for name, value in parameters.items() if value is not None}
    whole = {"target": "t", "model": "", "endpoint": "text2img", "parameters": said, "repeat": 0, "version": 1}
    assert identify(Request(endpoint="text2img", parameters=parameters), Provider(target="t")) == digest(whole)


def changed(**parameters: Value) -> Request:
    return replace(EVERY, parameters={**EVERY.parameters, **parameters})


@pytest.mark.parametrize("name", sorted(TAKES_PART))
def test_each_parameter_that_can_change_a_pixel_changes_the_identity(name: str) -> None:
    assert identify(changed(**{name: "other"}), PROVIDER) != identify(EVERY, PROVIDER)
    assert identify(changed(**{name: None}), PROVIDER) != identify(EVERY, PROVIDER)


@pytest.mark.parametrize("name", sorted(LEFT_OUT))
def test_how_a_picture_travels_does_not_change_its_identity(name: str) -> None:
    assert identify(changed(**{name: "other"}), PROVIDER) == identify(EVERY, PROVIDER)
    without = {key: value for key, value in EVERY.parameters.items() if key != name}
    assert identify(replace(EVERY, parameters=without), PROVIDER) == identify(EVERY, PROVIDER)


def test_who_makes_the_pictures_changes_the_identity() -> None:
    others = (
        Provider(target="embedded", models=PROVIDER.models),
        Provider(target="sketch", models={"studio-tiny": "cd" * 32}),
        Provider(target="sketch"),
    )
    assert len({identify(EVERY, provider) for provider in (PROVIDER, *others)}) == 4
    unused = Provider(target="sketch", models={**PROVIDER.models, "other-model": "ef" * 32})
    assert identify(EVERY, unused) == identify(EVERY, PROVIDER)


def test_route_and_repetition_change_the_identity() -> None:
    requests = (EVERY, replace(EVERY, endpoint="img2img"), replace(EVERY, repeat=1))
    assert len({identify(request, PROVIDER) for request in requests}) == 3


def test_a_null_is_the_same_as_nothing_and_two_spellings_are_one_identity() -> None:
    without = {name: value for name, value in EVERY.parameters.items() if name != "vae"}
    assert identify(changed(vae=None), PROVIDER) == identify(replace(EVERY, parameters=without), PROVIDER)
    assert identify(changed(guidance_scale=7.0), PROVIDER) == identify(changed(guidance_scale=7), PROVIDER)
    assert identify(changed(samples=True), PROVIDER) != identify(changed(samples=1), PROVIDER)


# --- what is counted -----------------------------------------------------------------------------------------------


def test_a_survey_counts_what_one_look_at_every_combination_found() -> None:
    found = plan(
        axis("scheduler", DDIM, LCM),
        axis("guidance_scale", 5, 25),
        lora("ink", 0, 0.5),
        Axis(name="again", points=(Point(label="a", set={"samples": 3}), Point(label="b", set={"samples": 3}))),
        exclude=({"scheduler": one_of(LCM), "ink": Criterion(above=0)},),
        on_invalid="skip",
    )
    assert found.survey == Survey(
        combinations=16,
        cells=3,
        duplicates=3,
        images=9,
        excluded=4,
        invalid={"guidance_scale: 25 is above the maximum 20 (text2img)": 6},
        values={
            "scheduler": {DDIM: 4, LCM: 2},
            "guidance_scale": {"5": 6},
            "ink": {"0": 4, "0.5": 2},
            "again": {"a": 3, "b": 3},
        },
    )
    assert len(list(found.cells())) == 3
    assert len(list(found.placements())) == 6


def test_two_combinations_that_mean_one_request_are_one_cell_with_two_placements() -> None:
    found = plan(axis("guidance_scale", 2, 5), variable("unused", "a", "b"))
    assert grid(found) == ["2 a", "2 b", "5 a", "5 b"]
    assert [cell.coordinates for cell in found.cells()] == [
        {"guidance_scale": "2", "unused": "a"},
        {"guidance_scale": "5", "unused": "a"},
    ]
    digests = [placement.digest for placement in found.placements()]
    assert digests == [found_ for cell in found.cells() for found_ in (cell.digest, cell.digest)]
    assert (found.survey.cells, found.survey.duplicates) == (2, 2)


def test_parts_can_be_read_again_and_again() -> None:
    found = plan(axis("samples", 1, 2))
    assert list(found.cells()) == list(found.cells())
    assert list(found.placements()) == list(found.placements())


# --- what is refused -----------------------------------------------------------------------------------------------


def test_invalid_combinations_are_named_with_their_reasons() -> None:
    with pytest.raises(InputError) as caught:
        plan(axis("guidance_scale", 5, 25), axis("width", 512, 500))
    assert str(caught.value) == (
        "test: text2img would refuse 3 combinations:\n"
        "guidance_scale=5, width=500: width: 500 is not divisible by 8 (text2img)\n"
        "guidance_scale=25, width=512: guidance_scale: 25 is above the maximum 20 (text2img)\n"
        "guidance_scale=25, width=500: width: 500 is not divisible by 8 (text2img)\n"
        "Exclude them with `exclude` or `when`, or write `on_invalid: skip` to leave them out."
    )


def test_one_invalid_combination_is_one_combination() -> None:
    with pytest.raises(
        InputError, match=r"^test: text2img would refuse 1 combination:\nthe only cell: prompt is required"
    ):
        plan(parameters={"model_id": "studio-tiny"})


def test_after_ten_invalid_combinations_the_rest_is_counted() -> None:
    with pytest.raises(InputError) as caught:
        plan(axis("guidance_scale", *range(21, 34)))
    lines = str(caught.value).splitlines()
    assert (lines[0], len(lines), lines[10]) == (
        "test: text2img would refuse 13 combinations:",
        13,
        "guidance_scale=30: guidance_scale: 30 is above the maximum 20 (text2img)",
    )
    assert lines[11] == "... and 3 more"


def test_a_plan_without_cells_is_refused() -> None:
    rest: dict[str, Any] = {"exclude": ({"guidance_scale": one_of(5)},), "on_invalid": "skip"}
    with pytest.raises(InputError) as caught:
        plan(axis("guidance_scale", 5, 25, 30), **rest)
    assert str(caught.value) == (
        "test: none of the 3 combinations is left to send (1 excluded, 2 that text2img would refuse); "
        "relax `exclude` or the axes"
    )


def test_an_invalid_cell_that_a_rule_excludes_is_no_mistake() -> None:
    found = plan(axis("guidance_scale", 5, 25), exclude=({"guidance_scale": Criterion(above=20)},))
    assert (grid(found), found.survey.invalid) == (["5"], {})


# --- frozen --------------------------------------------------------------------------------------------------------

RICH = experiment(
    axis("scheduler", DDIM, "DPMSolverMultistepScheduler"),
    axis("algorithm_type", "none", "dpmsolver+++", when={"scheduler": one_of("DPMSolverMultistepScheduler")}),
    lora("ink", 0, 0.5, 1.0),
    variable("subject", "house", "{{ boat }}"),
    draws(2),
    Axis(
        name="size",
        title="Size",
        description="of it",
        points=(Point(label="wide", set={"width": 768, "prompt": Template("big {{ subject }}")}, description="d"),),
    ),
    parameters=BASE | {"prompt": Template("a {{ subject }}"), "guidance_scale": 7.5},
    title="What?",
    zips=(("subject", "seed"),),
    exclude=({"ink": Criterion(above=0.9), "scheduler": one_of(DDIM)},),
    include=({"scheduler": LCM, "seed": 9, "subject": "tree", "size": "wide"},),
    target=Address(name="https://host/api", key="${env:KEY}"),
    limits=Limits(cost=2.5, wall=60.0),
    price=0.1,
    execution=Execution(rate=0.5),
    report=Layout(x="scheduler", baseline={"ink": "0"}),
)


def refrozen(found: Plan) -> Plan:
    return Plan.thaw(json.loads(json.dumps(found.freeze())))


def test_a_frozen_plan_thaws_to_the_same_plan() -> None:
    found = make(RICH, PROVIDER)
    again = refrozen(found)
    assert again == found
    assert again.digest == found.digest
    assert list(again.placements()) == list(found.placements())
    assert again.axes == found.axes


def test_a_frozen_plan_is_json_without_its_cells() -> None:
    frozen = plan(axis("guidance_scale", *range(1, 21)), axis("clip_skip", *range(1, 9))).freeze()
    assert sorted(frozen) == ["digest", "experiment", "provider", "survey", "version"]
    assert len(json.dumps(frozen, allow_nan=False)) < 6_000


short = st.text(max_size=3)
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | numbers | short
templates = st.builds(Template, short)
settings_ = st.dictionaries(st.sampled_from(["prompt", "width", "x"]), values | templates, max_size=3)
points = st.builds(
    Point,
    label=short,
    set=settings_,
    loras=st.dictionaries(short, numbers, max_size=2),
    variables=st.dictionaries(short, short, max_size=2),
    description=short,
)


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=2).map(tuple)


criteria = st.builds(
    Criterion, anyof=some(values), noneof=some(values), above=st.none() | numbers, at_most=st.none() | numbers
)
rules = st.dictionaries(short, criteria, max_size=2)
experiments = st.builds(
    Experiment,
    name=short,
    parameters=settings_,
    axes=some(st.builds(Axis, name=short, points=some(points), when=rules)),
    zips=some(some(short)),
    exclude=some(rules),
    include=some(st.dictionaries(short, values, max_size=2)),
    sample=st.none() | st.builds(Sample, count=st.integers(1, 9), method=st.sampled_from(METHODS)),
    limits=st.builds(Limits, cost=st.none() | numbers),
    execution=st.builds(Execution, order=st.none() | st.sampled_from(ORDERS)),
    price=st.none() | numbers,
    inputs=st.dictionaries(short, st.sampled_from(["a.png", "b.png"]), max_size=2),
)
SURVEY = Survey(combinations=0, cells=0, duplicates=0, images=0, excluded=0, invalid={}, values={})


@given(experiments)
@settings(max_examples=100)
def test_any_experiment_thaws_as_it_was_frozen(one: Experiment) -> None:
    found = Plan(experiment=one, provider=PROVIDER, survey=SURVEY)
    assert refrozen(found) == found


def test_the_digest_says_what_is_planned_and_not_where_its_files_lay() -> None:
    here = experiment(
        target=Address(model_dir="/home/me/models"), inputs={"1" * 64: "/home/me/house.png"}, source="name: test"
    )
    there = experiment(target=Address(model_dir="D:/models"), inputs={"1" * 64: "pictures/house.png"}, source="# other")
    assert make(here, PROVIDER).digest == make(there, PROVIDER).digest
    assert "/home/me/house.png" not in json.dumps(make(here, PROVIDER).freeze())


@pytest.mark.parametrize(
    "change",
    [
        {"title": "other"},
        {"limits": Limits(requests=3)},
        {"report": Layout(x="samples")},
        {"inputs": {"2" * 64: "house.png"}},
        {"axes": (axis("samples", 1, 2, 3),)},
        {"target": Address(name="sketch")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_changes_with_whatever_the_plan_says(change: dict[str, Any]) -> None:
    one = experiment(axis("samples", 1, 2))
    assert make(replace(one, **change), PROVIDER).digest != make(one, PROVIDER).digest
    assert make(one, Provider(target="embedded")).digest != make(one, PROVIDER).digest


def test_a_plan_of_a_later_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^plan version 3 is none of those that this sweep reads, 1 and 2$"):
        Plan.thaw(plan().freeze() | {"version": 3})


def test_a_plan_of_the_first_version_is_read_with_the_same_cells() -> None:
    now = plan(axis("samples", 1, 2))
    first = now.freeze() | {"version": 1}
    for part, names in (("execution", ("start", "order")), ("limits", ("failures",))):
        for name in names:
            del first["experiment"][part][name]
    del first["experiment"]["sample"]
    first["digest"] = digest(essence(first))
    assert list(Plan.thaw(first).cells()) == list(now.cells())


def test_a_plan_that_was_changed_by_hand_is_refused() -> None:
    frozen = plan(axis("samples", 1, 2)).freeze()
    frozen["experiment"]["axes"][0]["points"][0]["set"]["samples"] = 4
    with pytest.raises(
        ValueError, match=r"^the plan was changed since it was frozen: its digest is not [0-9a-f]{12}…$"
    ):
        Plan.thaw(frozen)


# --- size ----------------------------------------------------------------------------------------------------------


def million() -> Plan:
    """Return a plan of a million cells, as `Plan.thaw` would: without looking at every one."""
    axes = (
        axis("scheduler", DDIM, LCM, "DDPMScheduler", "PNDMScheduler"),
        axis("guidance_scale", *(1 + number / 2 for number in range(25))),
        lora("ink", 0, 0.2, 0.4, 0.6, 0.8),
        variable("subject", *(f"subject {number}" for number in range(20))),
        axis("seed", *range(100)),
    )
    said = experiment(*axes, parameters=BASE | {"prompt": Template("a {{ subject }}")})
    return Plan(experiment=said, provider=PROVIDER, survey=SURVEY)


def test_a_million_cells_are_yielded_one_by_one() -> None:
    cells = million().cells()
    first = list(itertools.islice(cells, 100))
    tracemalloc.start()
    later = list(itertools.islice(cells, 2_000, 2_003))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000, "what is remembered of a cell is its digest"
    assert [cell.coordinates["seed"] for cell in first] == [str(seed) for seed in range(100)]
    assert list(later[0].coordinates.values()) == [DDIM, "1.0", "0.2", "subject 1", "0"]


def test_a_plan_of_ten_thousand_cells_is_made_while_one_looks() -> None:
    axes = (axis("guidance_scale", *(1 + number / 8 for number in range(100))), axis("seed", *range(100)))
    found = plan(*axes)
    assert (found.survey.combinations, found.survey.cells) == (10_000, 10_000)
    assert asked(found, "guidance_scale", "seed")[-1] == (13.375, 99)
