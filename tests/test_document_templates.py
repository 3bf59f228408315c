"""Templates in an experiment: what is one, what fills it, and what is said of one that cannot be filled."""

import pytest
from axes import SKY, read, told

from runner.nouns import Template


def test_text_with_places_is_a_template_and_other_text_is_not() -> None:
    found = read('parameters: {model_id: m, prompt: "{{ a }}", negative_prompt: "{a} 5%"}\naxes: {a: [1]}')
    assert found.parameters["prompt"] == Template("{{ a }}")
    assert found.parameters["negative_prompt"] == "{a} 5%"


def test_an_axis_can_have_templates_as_values() -> None:
    base = "parameters: {model_id: m}\n"
    found = read(base + 'axes: {prompt: ["a {{ c }}", {value: "b {{ c }}", label: b}, c], c: [1, 2]}')
    assert [(point.label, point.set["prompt"]) for point in found.axes[0].points] == [
        ("a {{ c }}", Template("a {{ c }}")),
        ("b", Template("b {{ c }}")),
        ("c", "c"),
    ]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "{{ a",
            ("the template cannot be read: unexpected end of template, expected 'end of print statement'; "
            'write "a {{ subject }} at dawn"'),
        ),
        ("{% if a %}x", None),
        ("{{ a | uper }}", "the template uses the filter 'uper', which does not exist; did you mean 'upper'?"),
        ("{{ a | random }}", ("the template uses the filter 'random', which does not exist; "
                             "Jinja2 lists the filters there are, `random` left out")),
        ("{% if a is odddd %}{% endif %}", None),
        ("{% include 'x' %}{{ a }}", "the template uses 'include', and there are no other templates; write the text out"),
        ("{{ " + "(" * 3000 + "a", None),
        ("{{ " + "9" * 5000 + " }}", ("the template cannot be read: it is too deep or too large; "
                                     'write "a {{ subject }} at dawn"')),
        ("{{ a }}" + "x" * 20_000, "the template has 20,007 characters, more than 20,000"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_filled_is_one_complaint(template: str, message: str | None) -> None:
    (line,) = told("axes: {a: [1]}", f'parameters: {{model_id: m, prompt: "{template}"}}\n')
    assert line.startswith("1:35: parameters.prompt: the template ")
    assert message is None or line == f"1:35: parameters.prompt: {message}"


def test_a_variable_that_nothing_sets_is_complained_of_where_it_is_used() -> None:
    assert told("axes: {subject: [a]}", SKY) == [
        "1:35: parameters.prompt: the template uses {{ sky }}, which no axis, point or column sets; add an axis sky: [...]"
    ]


def test_a_parameter_is_no_variable() -> None:
    assert told("axes: {width: [256]}", 'parameters: {model_id: m, prompt: "{{ width }}"}\n') == [
        "1:35: parameters.prompt: the template uses {{ width }}, a parameter; templates hold variables: name one otherwise"
    ]


def test_a_misspelt_variable_is_one_complaint_at_the_axis() -> None:
    assert told("axes: {subjct: [a], sky: [b]}", SKY) == [
        "2:8: axes.subjct: 'subjct' is no parameter of text2img, and no template uses {{ subjct }}; did you mean 'subject'?"
    ]


def test_a_broken_template_does_not_accuse_the_axes_of_being_unused() -> None:
    assert len(told("axes: {subject: [a], sky: [b]}", 'parameters: {model_id: m, prompt: "{{ subject"}\n')) == 1


def test_a_value_of_a_variable_is_text_and_is_never_filled() -> None:
    assert told("axes: {subject: ['{{ sky }}', null, {value: [a]}], sky: [b]}", SKY) == [
        "2:18: axes.subject.0: a value of {{ subject }} is text and is not filled itself; write it out",
        '2:31: axes.subject.1: null is no text for {{ subject }}; write "" for an empty one',
        "2:45: axes.subject.2.value: a list is no text for {{ subject }}; write one value",
    ]
