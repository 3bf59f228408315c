"""A grid planned by its factors is the grid looked at one by one: same cells, same digests, same order, same complaints."""

import contextlib
import itertools
import json
import tracemalloc
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plans import BASE, PROVIDER, axis, draws, experiment, lora, one_of, plan, variable

from runner.errors import InputError
from runner.nouns import Axis, Criterion, Experiment, Point, Provider, Rule, Template, Value
from runner.plan import Plan, distinct, factored, identify, make, rows
from runner.plan.digests import columns
from runner.plan.distinct import Seen
from runner.plan.expand import combinations
from runner.plan.resolve import UnresolvedError, resolve
from runner.plan.rows import Rows, Table
from runner.plan.strands import Entry, Strand
from runner.schema import BodyValidator, bundled, endpoint_schema

DDIM, DPM = "DDIMScheduler", "DPMSolverMultistepScheduler"
PROVIDERS = Provider(target="sketch", models={"studio-tiny": "ab" * 32, "other": "cd" * 32})

# --- experiments of every kind -------------------------------------------------------------------------------------

VALUES: Mapping[str, tuple[Value, ...]] = {
    "scheduler": (DDIM, DPM, "LCMScheduler"),
    "algorithm_type": ("none", "dpmsolver+++", None),
    "guidance_scale": (1, 5, 5.0, 7.5, None),
    "seed": (1, 2, 3, None),
    "samples": (1, 2, None),
    "width": (512, 768),
    "vae": ("soft", None),
    "model_id": ("studio-tiny", "other"),
    "negative_prompt": ("", "blurred"),
    "lora_model": ("ink", "ink,neon", None),
    "lora_strength": ("0.5", "0.5,1", None),
    "track_id": ("a", "b"),
    "clip_skip": (1, 2),
}
WRONG: Mapping[str, tuple[Value, ...]] = {
    "scheduler": ("NoScheduler",),
    "guidance_scale": (25, float("nan")),
    "samples": (9, True),
    "width": (500,),
    "model_id": (None,),
    "prompt": ("", "half a pair \ud800"),
    "cfg": (1,),
}
TEMPLATES = ("a {{ subject | default('house') }}", "{{ sky | default('blue') }} {{ subject | default('') }}!", "plain")
UNFILLED = ("{{ subject }}", "{{ sky }} {{ subject }}", "{{ number }}", "{{ (")
WORDS = ("house", "boat", "512")


def settings_of(names: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(names.flatmap(_setting), max_size=2).map(dict) | _rarely(
        st.sampled_from(sorted(WRONG)).flatmap(lambda name: st.fixed_dictionaries({name: st.sampled_from(WRONG[name])}))
    )


def _rarely(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.integers(0, 5).flatmap(lambda chance: strategy if chance == 5 else st.just({}))


def _setting(name: str) -> st.SearchStrategy[tuple[str, Any]]:
    plain = st.sampled_from(VALUES[name])
    filled = st.sampled_from([*TEMPLATES, *UNFILLED] if name in ("negative_prompt", "vae") else ["{{ number }}"])
    return st.tuples(
        st.just(name), st.integers(0, 9).flatmap(lambda chance: filled.map(Template) if chance == 9 else plain)
    )


parameter_names = st.sampled_from(sorted(VALUES))
common_names = st.sampled_from(["scheduler", "algorithm_type", "guidance_scale", "seed", "samples", "clip_skip"])
variable_names = st.sampled_from(["subject", "sky", "number"])


@st.composite
def axes(draw: st.DrawFn, name: str, earlier: tuple[str, ...]) -> Axis:
    names = common_names if draw(st.integers(0, 3)) else parameter_names
    size = draw(st.integers(1, 4))
    kind = draw(st.sampled_from(["one", "one", "several", "variable", "lora", "draws"]))
    points = [draw(_point(kind, name, names)) for _ in range(size)]
    labelled = tuple(replace(point, label=f"{point.label}{number}") for number, point in enumerate(points))
    when = draw(rules(earlier)) if earlier and draw(st.integers(0, 3)) == 0 else {}
    return Axis(name=name, points=labelled, when=when)


def _point(kind: str, name: str, names: st.SearchStrategy[str]) -> st.SearchStrategy[Point]:
    match kind:
        case "one" if name in VALUES:
            return st.sampled_from(VALUES[name]).map(lambda value: Point(label="p", set={name: value}))
        case "variable":
            texts = st.dictionaries(variable_names, st.sampled_from(WORDS), min_size=1, max_size=2)
            return texts.map(lambda said: Point(label="v", variables=said))
        case "lora":
            strengths = st.dictionaries(st.sampled_from(["ink", "neon"]), st.sampled_from([0, 0.5, 1.0]), min_size=1)
            return strengths.map(lambda said: Point(label="l", loras=said))
        case "draws":
            return st.just(Point(label="r", set={"seed": None}))
        case _:
            return settings_of(names).map(lambda said: Point(label="s", set=said))


def rules(names: tuple[str, ...]) -> st.SearchStrategy[Rule]:
    spoken = st.sampled_from([*names, "scheduler", "guidance_scale", "subject", "width"])
    values = st.sampled_from(["p0", "p1", "v0", "s1", "l0", DPM, DDIM, 5, 0.5, "house", None])
    criterion = st.one_of(
        st.lists(values, min_size=1, max_size=2).map(lambda found: Criterion(anyof=tuple(found))),
        st.lists(values, min_size=1, max_size=2).map(lambda found: Criterion(noneof=tuple(found))),
        st.sampled_from([Criterion(above=1), Criterion(at_most=0.5)]),
    )
    return st.dictionaries(spoken, criterion, min_size=1, max_size=2)


@st.composite
def entries(draw: st.DrawFn, names: tuple[str, ...]) -> dict[str, Value]:
    values = st.sampled_from(["p0", "p1", "v0", "s1", "l1", DPM, 5, 0.5, "house", 512, None])
    return draw(
        st.dictionaries(st.sampled_from([*names, "guidance_scale", "sky", "prompt", "seed"]), values, max_size=2)
    )


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    some = st.one_of(common_names, common_names, parameter_names, variable_names, st.just("look"))
    names = tuple(draw(st.lists(some, min_size=1, max_size=5, unique=True)))
    found = tuple(draw(axes(name, names[:place])) for place, name in enumerate(names))
    zips = (
        ((found[0].name, found[-1].name),) if len(found) > 1 and len(found[0].points) == len(found[-1].points) else ()
    )
    prompt = draw(st.sampled_from([*TEMPLATES * 3, *UNFILLED]))
    return Experiment(
        name="test",
        parameters={**BASE, "prompt": Template(prompt), **draw(settings_of(parameter_names))},
        axes=found,
        zips=zips,
        exclude=tuple(draw(st.lists(rules(names), max_size=2))),
        include=tuple(draw(st.lists(entries(names), max_size=2))),
        on_invalid=draw(st.sampled_from(["skip", "skip", "error"])),
    )


def planned(one: Experiment, *, width: int = 1024, tables: bool = True) -> Plan | str:
    """Return the plan of an experiment, or what is said against it.

    Args:
        one: the experiment.
        width: of the rows in which its grid is cut, at least.
        tables: whether it is planned from tables, or by a look at each combination.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "WIDTH", width)
        if not tables:
            patch.setattr(factored, "MANY", -1)
        try:
            found = make(one, PROVIDERS)
        except InputError as error:
            return str(error)
        assert (found._factored is not None) == tables
        return found


def agree(one: Experiment, width: int) -> None:
    fast, slow = planned(one, width=width), planned(one, tables=False)
    if isinstance(fast, str) or isinstance(slow, str):
        assert fast == slow
        return
    assert asdict(fast.survey) == asdict(slow.survey)
    assert list(fast.placements()) == list(slow.placements())
    assert list(fast.digests()) == list(slow.digests())
    assert list(fast.cells()) == list(slow.cells())
    assert [fast.at(number) for number, _ in fast.digests()] == list(slow.cells())


@given(experiments(), st.sampled_from([1, 2, 5, 1024]))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_tables_and_a_look_at_each_combination_plan_the_same(one: Experiment, width: int) -> None:
    agree(one, width)


@given(experiments())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_a_combination_is_planned_where_json_schema_accepts_its_request(one: Experiment) -> None:
    found = planned(replace(one, on_invalid="skip"))
    if isinstance(found, str):
        return
    validator, schema = BodyValidator(bundled(one.endpoint)), endpoint_schema(one.endpoint)
    accepted = []
    for combination in combinations(one):
        if combination is not None:
            with contextlib.suppress(UnresolvedError):
                request = resolve(one, combination, schema)
                accepted += [request] if validator.is_valid(dict(request.parameters)) else []
    assert [placement.request for placement in found.placements()] == accepted


def test_a_combination_with_two_faults_is_counted_once_with_the_first_that_a_look_at_it_finds() -> None:
    found = plan(axis("guidance_scale", 5, 25), axis("width", 512, 500), on_invalid="skip")
    assert found.survey.invalid == {
        "width: 500 is not divisible by 8 (text2img)": 2,
        "guidance_scale: 25 is above the maximum 20 (text2img)": 1,
    }


# --- what makes tables grow, and what they cannot hold -------------------------------------------------------------

DEEP = tuple(lora(f"ink{number}", *(strength / 10 for strength in range(1, 9))) for number in range(4))
"""LoRA axes stack, so that all of them decide one parameter: a table over them is the grid itself."""


def test_a_plan_whose_tables_would_grow_with_the_grid_is_looked_at_one_by_one() -> None:
    found = plan(*DEEP)
    assert found._factored is None
    assert (found.survey.cells, found.survey.combinations) == (8**4, 8**4)
    first, *_, last = found.digests()
    assert (first[0], last[0]) == (0, 8**4 - 1)
    assert found.at(last[0]).request.parameters["lora_strength"] == "0.8,0.8,0.8,0.8"


def test_a_request_in_which_nothing_is_always_there_is_looked_at_alone() -> None:
    tables = [Strand(frozenset({name}), Table(Rows([2]), [0], entry)) for name, entry in SPARSE.items()]
    assert columns("text2img", PROVIDER, tables) is None


SPARSE = {
    name: lambda place, name=name: Entry({name: 1} if place == (0,) else {}) for name in ("model_id", "seed", "vae")
}


# --- numbers -------------------------------------------------------------------------------------------------------

SKIPPING = experiment(
    axis("guidance_scale", 2, 25, 5),
    axis("scheduler", DDIM, DPM),
    axis("algorithm_type", "none", "dpmsolver+++", when={"scheduler": one_of(DPM)}),
    exclude=({"guidance_scale": one_of(5), "scheduler": one_of(DDIM)},),
    include=({"guidance_scale": 9}, {"guidance_scale": 2, "scheduler": DDIM}),
    on_invalid="skip",
)


@pytest.mark.parametrize("tables", [True, False])
def test_a_cells_number_counts_the_places_of_the_grid_that_are_left_out_too_and_then_the_entries(
    *, tables: bool
) -> None:
    found = planned(SKIPPING, tables=tables)
    assert isinstance(found, Plan)
    numbers = [number for number, _ in found.digests()]
    assert numbers == [0, 2, 3, 10, 11, 12]
    assert [found.at(number) for number in numbers] == list(found.cells())
    assert [found.at(number).digest for number in numbers] == [digest for _, digest in found.digests()]
    assert [found.at(number).coordinates for number in (0, 3, 12)] == [
        {"guidance_scale": "2", "scheduler": DDIM},
        {"guidance_scale": "2", "scheduler": DPM, "algorithm_type": "dpmsolver+++"},
        {"guidance_scale": "9"},
    ]


@pytest.mark.parametrize("tables", [True, False])
@pytest.mark.parametrize("number", [1, 4, 8, 13, -1, 10**9], ids=str)
def test_a_number_at_which_no_cell_stands_is_refused(number: int, *, tables: bool) -> None:
    found = planned(SKIPPING, tables=tables)
    assert isinstance(found, Plan)
    with pytest.raises(LookupError) as caught:
        found.at(number)
    assert str(caught.value) == (f"number {number}: no cell of the plan stands there; `Plan.digests` gives the numbers")


def test_only_the_first_of_two_places_that_mean_one_cell_has_its_number() -> None:
    found = plan(variable("unused", "a", "b"), axis("guidance_scale", 2, 5))
    assert [number for number, _ in found.digests()] == [0, 1]
    assert found.at(2).digest == found.at(0).digest


# --- what is the same ----------------------------------------------------------------------------------------------


def apart(one: Experiment) -> bool:
    grid = planned(one)._factored  # type: ignore[union-attr]  # these experiments are planned
    assert grid is not None
    return grid.apart()


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ((axis("guidance_scale", 2, 5), axis("seed", 1, 2)), True),
        ((axis("guidance_scale", 2, 5), variable("unused", "a")), True),
        ((axis("guidance_scale", 2, 5), variable("unused", "a", "b")), False),
        ((axis("track_id", "a", "b"),), False),
        ((lora("ink", 0, 0.5), lora("neon", 0, 0.5)), True),
        ((lora("ink", 0.5, 1), lora("ink", 0.5, 1, axis_name="again")), False),
        ((draws(3), axis("samples", 1, 2)), True),
        (
            (
                axis("scheduler", DDIM, DPM),
                axis("algorithm_type", "none", "dpmsolver+++", when={"scheduler": one_of(DPM)}),
            ),
            True,
        ),
        ((axis("vae", "soft", None), axis("clip_skip", 1, 2)), True),
        ((axis("guidance_scale", 7.5, None),), False),
    ],
)
def test_axes_that_say_different_things_of_a_request_are_known_to_tell_cells_apart(
    axes: tuple[Axis, ...], *, expected: bool
) -> None:
    one = experiment(*axes)
    assert apart(one) == expected
    found = make(one, PROVIDER)
    digests = [placement.digest for placement in found.placements()]
    assert (len(set(digests)) == len(digests)) == expected == (found.survey.duplicates == 0)


def test_texts_that_are_too_many_to_mark_are_told_apart_by_their_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    one = experiment(axis("guidance_scale", 7.5, None, 2), axis("seed", 1, 2, 3), include=({"guidance_scale": 3},))
    marked = make(one, PROVIDER)
    monkeypatch.setattr(distinct, "MARKED", 0)
    compared = make(one, PROVIDER)
    assert compared == marked
    assert list(compared.digests()) == list(marked.digests())
    assert (marked.survey.cells, marked.survey.duplicates) == (7, 3)


@pytest.mark.parametrize(
    ("entry", "cells", "duplicates"),
    [
        ({"scheduler": DDIM}, 2, 1),
        ({"scheduler": DDIM, "vae": "soft"}, 3, 0),
        ({"scheduler": DDIM, "guidance_scale": 7.5}, 2, 1),
        ({"scheduler": DDIM, "seed": 2}, 3, 0),
    ],
    ids=str,
)
def test_an_entry_that_stands_alone_is_compared_with_the_grid(
    entry: dict[str, Value], cells: int, duplicates: int
) -> None:
    silent = Axis(name="scheduler", points=(Point(label="as it comes"),))
    found = plan(
        silent,
        axis("clip_skip", 1, 2),
        parameters={**BASE, "scheduler": DDIM},
        include=(entry, {"scheduler": DPM}),
    )
    assert (found.survey.cells - 1, found.survey.duplicates) == (cells, duplicates)
    assert len(list(found.digests())) == len(list(found.cells())) == cells + 1


@given(st.lists(st.integers(0, 5_000), max_size=5_000))
@settings(max_examples=20)
def test_digests_that_were_seen_are_known_again_also_where_their_first_bytes_are_alike(numbers: list[int]) -> None:
    seen, known = Seen(), set[int]()
    for number in numbers:
        digest = f"{number % 7:016x}{number:048x}"
        assert seen.add(digest) == (number not in known)
        known.add(number)
    assert len(seen) == len(known)


# --- size ----------------------------------------------------------------------------------------------------------


def test_a_million_cells_are_planned_and_named_in_the_memory_of_a_few_thousand() -> None:
    one = experiment(
        axis("scheduler", DDIM, "LCMScheduler", "DDPMScheduler", "PNDMScheduler"),
        axis("guidance_scale", *(1 + number / 2 for number in range(25))),
        lora("ink", 0.1, 0.2, 0.4, 0.6, 0.8),
        variable("subject", *(f"subject {number}" for number in range(20))),
        axis("seed", *range(100)),
        parameters={**BASE, "prompt": Template("a {{ subject }}")},
    )
    tracemalloc.start()
    found = make(one, PROVIDER)
    names = list(itertools.islice(found.digests(), 99_000, 100_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.survey.cells == 1_000_000
    assert names[-1] == (99_999, found.at(99_999).digest)
    assert found.at(999_999).digest == identify(found.at(999_999).request, PROVIDER)
    assert peak < 8_000_000
    assert len(json.dumps(found.freeze())) < 50_000
