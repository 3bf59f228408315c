"""Axes: what their points set, what they are called, and what is said of values that do not fit."""

import pytest
from axes import PLAIN, SKY, points, read, told

from runner.nouns import Point

# --- what points set -----------------------------------------------------------------------------------------------


def test_an_axis_with_the_name_of_a_parameter_sets_it_in_one_spelling() -> None:
    assert points("axes: {tomesd: [true, 'No']}") == (
        Point(label="yes", set={"tomesd": "yes"}),
        Point(label="no", set={"tomesd": "no"}),
    )
    assert points("axes: {width: ['512', 768.0]}") == (
        Point(label="512", set={"width": 512}),
        Point(label="768", set={"width": 768}),
    )


def test_a_number_stays_as_written_where_the_endpoint_wants_text() -> None:
    assert [point.set["model_id"] for point in points("axes: {model_id: [1.10, 1.1, 007, 2026-11-23]}")] == [
        "1.10",
        "1.1",
        "007",
        "2026-11-23",
    ]


def test_any_other_name_that_a_template_uses_is_a_variable_whose_values_are_text_as_written() -> None:
    found = read(SKY + "axes: {subject: [house, 2.50, true], sky: {from: 1, to: 2, step: 0.5}}").axes
    assert found[0].points == (
        Point(label="house", variables={"subject": "house"}),
        Point(label="2.50", variables={"subject": "2.50"}),
        Point(label="true", variables={"subject": "true"}),
    )
    assert [point.variables["sky"] for point in found[1].points] == ["1", "1.5", "2"]


def test_a_point_can_set_several_things_with_words_for_the_page() -> None:
    text = """axes:
  subject: [house]
  look:
    - {label: wide, description: for the shop, set: {width: 512, height: 256, sky: red}}
    - {set: {width: 768, sky: blue}}
    - {lora: ink, strength: 0.60, set: {sky: grey}}
    - {lora: neon, strength: 1.0}
"""
    assert points(text, SKY) == (
        Point(label="wide", description="for the shop", set={"width": 512, "height": 256}, variables={"sky": "red"}),
        Point(label="width=768, sky=blue", set={"width": 768}, variables={"sky": "blue"}),
        Point(label="ink 0.6, sky=grey", loras={"ink": 0.6}, variables={"sky": "grey"}),
        Point(label="neon 1", loras={"neon": 1}),
    )


def test_a_lora_axis_takes_a_list_or_a_range_and_zero_leaves_the_lora_out() -> None:
    assert points("axes: {ink: {lora: ink-2, strength: [0, 0.3, 1.0]}}") == (
        Point(label="0", loras={"ink-2": 0}),
        Point(label="0.3", loras={"ink-2": 0.3}),
        Point(label="1", loras={"ink-2": 1}),
    )
    assert [point.label for point in points("axes: {ink: {lora: ink, strength: {from: 1, to: 0.5, step: -0.25}}}")] == [
        "1",
        "0.75",
        "0.5",
    ]


def test_random_seeds_are_points_of_their_own() -> None:
    assert points("axes: {seed: {random: 2}}") == (
        Point(label="random 1", set={"seed": None}),
        Point(label="random 2", set={"seed": None}),
    )


def test_an_axis_has_a_title_and_a_description_in_every_form() -> None:
    axis = read(PLAIN + "axes: {seed: {draw: 1, from: 2, title: Luck, description: of the draw}}").axes[0]
    assert (axis.title, axis.description) == ("Luck", "of the draw")
    axis = read(PLAIN + "axes: {width: {values: [256, {value: 512, label: big}], title: Width}}").axes[0]
    assert (axis.title, [point.label for point in axis.points]) == ("Width", ["256", "big"])


def test_a_list_of_loras_is_one_value_of_lora_model() -> None:
    base = "parameters: {model_id: m, prompt: p, lora_strength: [0.50, '1.0']}\n"
    found = read(base + "axes: {lora_model: [[a, b], 'c, d']}")
    assert found.parameters["lora_strength"] == "0.5,1"
    assert [point.set["lora_model"] for point in found.axes[0].points] == ["a,b", "c,d"]


def test_null_is_a_value_where_the_endpoint_takes_it() -> None:
    assert points("axes: {vae: [null, fine]}")[0] == Point(label="null", set={"vae": None})


# --- labels --------------------------------------------------------------------------------------------------------


def test_a_long_value_gets_a_short_label_unless_two_would_be_alike() -> None:
    first, second, third = "x" * 80, "y" * 70 + "1", "y" * 70 + "2"
    found = points(f"axes: {{prompt: [{first}, {second}, {third}]}}", "parameters: {model_id: m}\n")
    assert [point.label for point in found] == ["x" * 59 + "…", second, third]


def test_a_label_is_one_line_and_says_when_a_value_is_empty() -> None:
    assert [point.label for point in points('axes: {negative_prompt: ["", "a\\n  b", 5]}')] == ["(empty)", "a b", "5"]


def test_two_points_that_mean_or_are_called_the_same_are_refused() -> None:
    text = """axes:
  tomesd: [yes, true]
  size:
    - {label: a, set: {width: 256}}
    - {label: a, set: {width: 512}}
    - {label: c, set: {width: 256}}
"""
    assert told(text) == [
        "3:17: axes.tomesd.1: this is the same as axes.tomesd.0 (yes); keep one of them",
        "6:15: axes.size.1.label: the label 'a' belongs to axes.size.0 (a); write another label",
        "7:7: axes.size.2: this is the same as axes.size.0 (a); keep one of them",
    ]


# --- values that do not fit ----------------------------------------------------------------------------------------


def test_each_value_is_complained_of_at_its_own_place() -> None:
    assert told(
        "axes:\n  guidance_scale: [0, 7, 25]\n  seed: [1.5, {value: -1}, null]\n  vae: [[a], {value: {b: 1}}]"
    ) == [
        "3:20: axes.guidance_scale.0: 0 is below the minimum 1 (text2img)",
        "3:26: axes.guidance_scale.2: 25 is above the maximum 20 (text2img)",
        "4:10: axes.seed.0: 1.5 is not a whole number or null from 0 to 4294967295 (text2img)",
        (
            "4:23: axes.seed.1.value: -1 is below the minimum 0 (text2img); "
            "write axes: {seed: {random: 4}} for seeds that the server draws"
        ),
        (
            "4:28: axes.seed.2: null lets the server draw the seed, and that is asked for on purpose: "
            "write axes: {seed: {random: 4}} for seeds that the server draws"
        ),
        "5:9: axes.vae.0: a list is not a value of vae; write one value, or an axis vae",
        "5:22: axes.vae.1.value: a mapping is not a value of vae; write one value, or an axis vae",
    ]


def test_yaml_words_are_shown_as_yaml_spells_them() -> None:
    assert told("axes: {negative_prompt: [true, ~]}") == [
        "2:26: axes.negative_prompt.0: true is not text (text2img)",
        "2:32: axes.negative_prompt.1: null is not text (text2img)",
    ]


def test_a_name_that_means_nothing_is_complained_of_once_with_what_it_may_mean() -> None:
    assert told("axes: {guidence_scale: [2, 25], mood: [a, b, c], strength: [1]}") == [
        (
            "2:8: axes.guidence_scale: 'guidence_scale' is no parameter of text2img, "
            "and no template uses {{ guidence_scale }}; did you mean 'guidance_scale'?"
        ),
        "2:28: axes.guidence_scale.1: 25 is above the maximum 20 (text2img)",
        (
            "2:33: axes.mood: 'mood' is no parameter of text2img, and no template uses {{ mood }}; "
            "use it in the prompt, or name a parameter"
        ),
        (
            "2:50: axes.strength: 'strength' is a parameter of img2img and inpaint, not of text2img; "
            "change endpoint or take it away"
        ),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{cell: [{set: {width: 256}}]}", "2:8: axes.cell: 'cell' is a column of every table; give the axis another name"),
        (
            "{a b: [{set: {width: 256}}]}",
            "2:8: axes.a b: 'a b' cannot be an axis's name; write letters, digits, _ and -, a letter first",
        ),
        ("{5: [{set: {width: 256}}]}", ("2:8: axes.5: '5' cannot be an axis's name; write letters, digits, _ and -, "
                                       "a letter first")),
        (
            "{width: [512], size: [{set: {width: 256}}]}",
            "2:22: axes.size: width is set by axes.width too; let one axis set it, or give them `when` rules",
        ),
        (
            "{a: {lora: ink, strength: [1]}, b: {lora: ink, strength: [1]}}",
            "2:39: axes.b: the strength of the LoRA ink is set by axes.a too; let one axis set it, or give them `when` rules",
        ),
        (
            "{width: [{set: {height: 256}}]}",
            "2:8: axes.width: the axis has the name of a parameter that 'height=256' does not set; rename the axis",
        ),
        ("{seed: {draw: 4}}", ("2:14: axes.seed: drawn seeds need both draw and from; write {draw: 4, from: 20261123} "
                              "with any whole number as from")),
        ("{seed: {draw: 100001, from: 1}}", ("2:21: axes.seed.draw: 100,001 is more than the 100,000 points that an axis "
                                            "may have; write a smaller number")),
        ("{width: {random: 4}}", ("2:16: axes.width.random: random makes seeds, and belongs to an axis named seed; "
                                 "write a list, or from, to and step")),
        ("{width: []}", "2:15: axes.width: an axis without values makes no cells; add a value or take the axis away"),
        ("{width: {values: []}}", ("2:24: axes.width.values: an axis without values makes no cells; "
                                  "add a value or take the axis away")),
        ("{width: 256}", ("2:15: axes.width: this is no axis; write a list of values, or a mapping such as "
                         "{from: 2, to: 14, step: 4}")),
        ("{width: {title: a}}", ("2:15: axes.width: this mapping is no axis; write a list of values, or a mapping with "
                            "from and to, values, file, lora and strength, draw or random")),
        ("{width: {a: 1}}", ("2:16: axes.width.a: unknown key 'a'; known are values, from, to, step, count, scale, file, lora, "
                            "strength, draw, random, title, description, when")),
        ("{width: {values: [256], titel: x}}", "2:31: axes.width.titel: unknown key 'titel'; did you mean 'title'?"),
        ("{x: [{label: a}]}", "2:12: axes.x.0: a point has value, or set, or lora and strength; write one of them"),
        ("{x: [{a: 1}]}", "2:13: axes.x.0.a: unknown key 'a'; known are value, set, lora, strength, label, description"),
        ("{x: [{lora: ink}]}", "2:12: axes.x.0: a LoRA needs both lora and strength; write {lora: name, strength: 0.6}"),
        ("{x: [{set: {}}]}", "2:18: axes.x.0.set: set names nothing; write set: {parameter: value}"),
        ("{x: [{set: {widht: 256}}]}", ("2:19: axes.x.0.set.widht: 'widht' is no parameter of text2img, and no template "
                                       "uses {{ widht }}; did you mean 'width'?")),
        ("{x: [{set: {width: 256}, label: ' '}]}", ("2:39: axes.x.0.label: a label of blanks names nothing; write a word, "
                                                   "or leave label out")),
        ("{x: [{lora: 'a,b', strength: 1}]}", ("2:19: axes.x.0.lora: 'a,b' is no name of one LoRA; write its name alone, "
                                              "without commas")),
        ("{x: {lora: ink, strength: [0.05]}}", ("2:34: axes.x.strength.0: 0.05 is no strength of a LoRA; "
                                               "write a number from 0.1 to 1, or 0 to leave the LoRA out")),
        ("{x: {lora: ink, strength: 1}}", ("2:33: axes.x.strength: write a list of strengths such as [0, 0.5, 1], "
                                          "or a range such as {from: 0.2, to: 1, step: 0.2}")),
        ("{x: {lora: ink}}", ("2:11: axes.x: a LoRA axis needs both lora and strength; "
                             "write {lora: name, strength: [0, 0.5, 1]}")),
        ("5", "2:7: axes: 5 is not a mapping"),
    ],
)  # fmt: skip
def test_an_axis_that_makes_no_sense_is_one_complaint(text: str, complaint: str) -> None:
    assert told(f"axes: {text}") == [complaint]


def test_axes_that_a_when_keeps_apart_may_set_the_same_thing() -> None:
    text = """axes:
  scheduler: [DDIMScheduler, LCMScheduler]
  few: {values: [{set: {guidance_scale: 2}}], when: {scheduler: LCMScheduler}}
  many: {values: [{set: {guidance_scale: 9}}], when: {scheduler: DDIMScheduler}}
"""
    assert [axis.name for axis in read(PLAIN + text).axes] == ["scheduler", "few", "many"]


def test_names_may_be_written_in_any_alphabet() -> None:
    base = 'parameters: {model_id: m, prompt: "{{ größe }} {{ 色 }}"}\n'
    assert [axis.name for axis in read(base + "axes: {größe: [a], 色: [b], my-look: [{set: {width: 256}}]}").axes] == [
        "größe",
        "色",
        "my-look",
    ]
