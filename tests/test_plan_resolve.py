"""A combination becomes a request: merged, filled, stacked, defaults written out."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import BASE, PROVIDER, asked, axis, draws, experiment, lora, one_of, plan, variable

from runner.errors import InputError
from runner.nouns import Axis, Experiment, Point, Request, Template, Value
from runner.plan import make
from runner.plan.templates import DEEPEST, FILTERS, LONGEST_SOURCE, TemplateRefusedError, fill, variables_of


def only(found: Experiment) -> Request:
    (cell,) = make(found, PROVIDER).cells()
    return cell.request


def prompts(template: str, *axes: Axis) -> list[Value]:
    return [prompt for (prompt,) in asked(plan(*axes, parameters=BASE | {"prompt": Template(template)}), "prompt")]


# --- what is written out -------------------------------------------------------------------------------------------


def test_a_request_says_everything_that_the_endpoint_would_have_assumed() -> None:
    assert only(experiment(parameters={"model_id": "studio-tiny", "prompt": "a house"})) == Request(
        endpoint="text2img",
        parameters={
            "model_id": "studio-tiny",
            "prompt": "a house",
            "width": 512,
            "height": 512,
            "samples": 1,
            "num_inference_steps": 21,
            "safety_checker": "yes",
            "safety_checker_type": "sensitive_content_text",
            "enhance_prompt": "yes",
            "guidance_scale": 7.5,
            "tomesd": "yes",
            "use_karras_sigmas": "yes",
            "algorithm_type": "none",
            "clip_skip": 1,
            "base64": "no",
            "temp": "no",
            "panorama": "no",
            "self_attention": "no",
            "upscale": "no",
            "highres_fix": "no",
            "seed": 1,
        },
    )


def test_a_null_is_the_endpoints_default_again() -> None:
    said = only(experiment(parameters=BASE | {"vae": None, "guidance_scale": None, "track_id": None}))
    assert said == only(experiment())


def test_later_wins_defaults_file_axes_in_order_include() -> None:
    both = Axis(name="look", points=(Point(label="a", set={"samples": 3, "clip_skip": 3}),))
    found = plan(
        axis("samples", 2),
        both,
        parameters=BASE | {"samples": 4, "clip_skip": 4, "guidance_scale": 4},
        include=({"guidance_scale": 5, "num_inference_steps": 41},),
    )
    names = ("samples", "clip_skip", "guidance_scale", "num_inference_steps", "width")
    assert asked(found, *names) == [(3, 3, 5, 41, 512)]


# --- seeds ---------------------------------------------------------------------------------------------------------


def test_seeds_that_the_server_draws_are_cells_of_their_own() -> None:
    cells = list(plan(draws(3)).cells())
    assert [(cell.request.parameters["seed"], cell.request.repeat) for cell in cells] == [
        (None, 0),
        (None, 1),
        (None, 2),
    ]


def test_a_repetition_counts_only_where_the_server_draws_the_seed() -> None:
    found = plan(draws(2), axis("samples", 1, 2), include=({"samples": 2, "seed": 9},))
    requests = [placement.request for placement in found.placements()]
    assert [(one.parameters["seed"], one.repeat) for one in requests] == [
        (None, 0),
        (None, 0),
        (None, 1),
        (None, 1),
        (9, 0),
    ]
    later = Axis(name="look", points=(Point(label="a", set={"seed": 7}),))
    assert [(cell.request.parameters["seed"], cell.request.repeat) for cell in plan(draws(2), later).cells()] == [
        (7, 0)
    ]


# --- LoRAs ---------------------------------------------------------------------------------------------------------

LORAS = ("lora_model", "lora_strength")
WITH_BASE = BASE | {"lora_model": "ink,old", "lora_strength": "0.3,1"}


def test_lora_axes_stack_on_each_other() -> None:
    assert asked(plan(lora("ink", 0, 0.5), lora("neon", 0, 1.0)), *LORAS) == [
        (None, None),
        ("neon", "1"),
        ("ink", "0.5"),
        ("ink,neon", "0.5,1"),
    ]


def test_lora_axes_stack_on_the_base_and_change_it_in_place() -> None:
    assert asked(plan(lora("ink", 0, 0.8), lora("neon", 0.25), parameters=WITH_BASE), *LORAS) == [
        ("old,neon", "1,0.25"),
        ("ink,old,neon", "0.8,1,0.25"),
    ]


def test_strength_zero_of_every_lora_is_the_plain_model() -> None:
    found = plan(lora("ink", 0), lora("neon", 0.0))
    assert asked(found, *LORAS) == [(None, None)]
    assert next(found.cells()).digest == next(plan().cells()).digest


def test_two_axes_over_one_lora_the_later_wins() -> None:
    found = plan(lora("ink", 0.5), lora("ink", 0, 0.9, axis_name="again"))
    assert asked(found, *LORAS) == [(None, None), ("ink", "0.9")]


def test_a_lora_named_by_a_template_or_by_include_is_stacked_upon() -> None:
    templated = BASE | {"lora_model": Template("{{ style }}, old"), "lora_strength": Template("0.30, {{ much }}")}
    found = plan(variable("style", "neon"), variable("much", "1.0"), lora("ink", 0.5), parameters=templated)
    assert asked(found, *LORAS) == [("neon,old,ink", "0.3,1,0.5")]
    found = plan(lora("ink", 0.5), include=({"lora_model": "old", "lora_strength": "1"},))
    assert asked(found, *LORAS) == [("old,ink", "1,0.5")]


def test_a_base_whose_strengths_do_not_match_is_refused_rather_than_cut() -> None:
    with pytest.raises(
        InputError, match=r"ink=0\.5: lora_model names 2 and lora_strength has 1 for the axes to add to; "
    ):
        plan(lora("ink", 0.5), parameters=BASE | {"lora_model": "a,b", "lora_strength": "0.5"})


@pytest.mark.parametrize("strength", [-0.5, 0.05, 1.5, float("nan"), 1e-7])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(
        InputError, match=r"lora_strength: .* does not fit; write numbers from 0\.1 to 1, comma-separated"
    ):
        plan(lora("ink", strength))


# --- templates -----------------------------------------------------------------------------------------------------


def test_places_are_filled_with_what_the_axes_say() -> None:
    found = prompts("a {{ subject }} under {{ sky }} sky", variable("subject", "house", "boat"), variable("sky", "red"))
    assert found == ["a house under red sky", "a boat under red sky"]


def test_a_filled_text_means_the_same_however_it_is_spelled() -> None:
    said = BASE | {"guidance_scale": Template("{{ strong }}"), "tomesd": Template("{{ merge }}")}
    found = plan(variable("strong", "7.50", "7.5"), variable("merge", "No"), parameters=said)
    assert asked(found, "guidance_scale", "tomesd") == [(7.5, "no"), (7.5, "no")]
    assert found.survey.cells == 1


def test_a_point_and_an_include_may_bring_variables() -> None:
    pair = Axis(name="scene", points=(Point(label="dusk", variables={"sky": "red"}, set={"samples": 2}),))
    found = plan(pair, parameters=BASE | {"prompt": Template("{{ sky }} {{ mood }}")}, include=({"mood": 5},))
    assert asked(found, "prompt", "samples") == [("red 5", 2)]


def test_a_missing_variable_is_an_invalid_combination_with_its_reason() -> None:
    axes = (variable("subject", "house"), axis("samples", 1))
    said = BASE | {"prompt": Template("a {{ subject }}{{ mood }}")}
    with pytest.raises(InputError) as caught:
        plan(*axes, parameters=said)
    assert str(caught.value).splitlines()[1] == (
        "subject=house, samples=1: prompt: 'mood' is undefined; variables set for this combination are subject"
    )


def test_a_variable_of_a_collapsed_axis_is_undefined_and_may_have_a_default() -> None:
    mood = Axis(name="mood", points=variable("mood", "calm").points, when={"samples": one_of(2)})
    assert prompts("sea{{ mood | default('') }}", axis("samples", 1, 2), mood) == ["sea", "seacalm"]
    assert prompts("sea{% if mood is defined %}, {{ mood }}{% endif %}", axis("samples", 1, 2), mood) == [
        "sea",
        "sea, calm",
    ]


@pytest.mark.parametrize(
    "text", ["{{ secret }}", "{% if %}", "{{ subject }}", "<script>", "{# gone #}", "{{", "\\n\n", "'\"&"]
)
def test_what_is_filled_in_is_text_and_never_a_template_or_markup(text: str) -> None:
    assert prompts("a {{ subject }}!", variable("subject", text)) == [f"a {text}!"]


@given(st.text(max_size=30), st.text(max_size=30))
@settings(max_examples=60)
def test_any_text_is_filled_in_as_it_is(one: str, other: str) -> None:
    assert fill("{{ one }}-{{ other }}\n", {"one": one, "other": other}) == f"{one}-{other}\n"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ subject | upper }} {{ subject | title }} {{ subject | capitalize }}", "RED HOUSE Red House Red house"),
        ("{{ ' x ' | trim }}{{ 'X' | lower }}", "xx"),
        ("{{ subject | replace(' ', '_') }}", "red_house"),
        ("{% if subject == 'red house' %}A{% elif 'red' in subject %}B{% else %}C{% endif %}", "A"),
        ("{{ 'A' if 'blue' not in subject and subject != 'x' else 'B' }}", "A"),
        ("{{ subject ~ '!' ~ 2 }}", "red house!2"),
        ("{% raw %}{{ subject }}{% endraw %}{# nothing #}", "{{ subject }}"),
        ("no places", "no places"),
    ],
)
def test_a_template_may_choose_and_change_texts(template: str, text: str) -> None:
    assert fill(template, {"subject": "red house"}) == text


def test_the_names_of_a_template_are_those_that_it_fills_in() -> None:
    assert variables_of("{{ a }} {% if b is defined %}{{ c | default(d) }}{% endif %} {{ 'e' }}") == {
        "a",
        "b",
        "c",
        "d",
    }


HOSTILE = {
    "{{ ''.__class__ }}": "uses 'getattr'",
    "{{ subject['__class__'] }}": "uses 'getitem'",
    "{{ range(10**9)|list }}": "uses the filter 'list'",
    "{{ range(10**9) }}": "uses 'call'",
    "{{ 'x' * 10**9 }}": "uses 'mul'",
    "{{ 9**9**9 }}": "uses 'pow'",
    "{{ '%999999999d' % 1 }}": "uses 'mod'",
    "{% for a in subject %}{% for b in subject %}x{% endfor %}{% endfor %}": "uses 'for'",
    "{% set big = subject ~ subject %}": "uses 'assign'",
    "{% macro m() %}{{ m() }}{% endmacro %}": "uses 'macro'",
    "{% include '/etc/passwd' %}": "uses 'include'",
    "{% import 'x' as y %}": "uses 'import'",
    "{% extends 'x' %}": "uses 'extends'",
    "{{ lipsum(n=10**9) }}": "uses 'call'",
    "{{ self }}": "uses 'self', which is Jinja2's own",
    "{{ [1] }}": "uses 'list'",
    "{{ subject | center(10**9) }}": "uses the filter 'center'; filters are " + ", ".join(FILTERS),
    "{{ subject | random }}": "uses the filter 'random'",
    "{{ subject is sameas subject }}": "uses the test 'sameas'; tests are defined, undefined",
    "{{ subject < 'x' }}": "compares by size",
    "{{ subject" + " | replace('', 'aaaaaaaaaa')" * 30 + " }}": "replace would make more than 100,000",
    "{{ subject" + " | upper" * 1000 + " }}": f"nests deeper than {DEEPEST} levels",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}": "it is too deep or holds a huge number",
    "{{ " + "9" * 5000 + " }}": "it is too deep or holds a huge number",
    "{% if subject %}" * 400 + "{% endif %}" * 400: "it is too deep",
    "{{ subject": "cannot be read: unexpected end of template",
    "{{ subject | nonsense }}": "uses the filter 'nonsense'",
    "{{ subject | replace('a') }}": "missing 1 required positional argument",
    "x" * (LONGEST_SOURCE + 1): "is longer than 20,000",
}  # fmt: skip


@pytest.mark.parametrize(("template", "reason"), HOSTILE.items(), ids=lambda text: text[:30])
def test_a_template_that_reaches_out_or_might_not_end_is_refused(template: str, reason: str) -> None:
    with pytest.raises(TemplateRefusedError) as caught:
        fill(template, {"subject": "red house"})
    assert reason in str(caught.value)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
from runner.plan.templates import TemplateRefusedError, fill
for template in eval(sys.stdin.read()):
    try:
        fill(template, {"subject": "red house"})
    except TemplateRefusedError:
        print("refused")
"""


def test_hostile_templates_take_neither_time_nor_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], input=repr(list(HOSTILE)), capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("refused\n" * len(HOSTILE), "")


def test_a_refused_template_is_an_invalid_combination() -> None:
    with pytest.raises(InputError, match="the only cell: prompt: the template uses 'mul'; it may have"):
        plan(parameters=BASE | {"prompt": Template("{{ 'x' * 9 }}")})
