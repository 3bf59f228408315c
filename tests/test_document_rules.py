"""Rules, zips, includes and the report's layout: spelled as the axes spell, and every name and value checked."""

from pathlib import Path

import pytest

from runner.document import loads
from runner.errors import ExperimentError
from runner.nouns import Criterion, Experiment, Layout, Provider
from runner.plan import make

AXES = """\
parameters: {model_id: m, prompt: "a {{ mood }} {{ verb }}", height: 512}
axes:
  scheduler: [DDIMScheduler, LCMScheduler]
  guidance_scale: {from: 2, to: 10, step: 4}
  size: [{label: square, set: {width: 512}}, {label: wide, set: {width: 768}}]
  ink: {lora: ink, strength: [0, 0.6]}
  mood: [calm, wild]
  verb: [{value: runs, label: running}, sits]
"""


def read(text: str) -> Experiment:
    return loads(AXES + text, folder=Path())


def told(text: str) -> list[str]:
    with pytest.raises(ExperimentError) as caught:
        read(text)
    return [line.removeprefix("<text>:") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("rule", "criterion"),
    [
        ("{scheduler: DDIMScheduler}", Criterion(anyof=("DDIMScheduler",))),
        ("{guidance_scale: ['2', 6.0]}", Criterion(anyof=(2, 6))),
        ("{guidance_scale: {above: 2, to: 6}}", Criterion(above=2, at_most=6)),
        ("{guidance_scale: {below: 6.5, from: 2, not: 6}}", Criterion(below=6.5, at_least=2, noneof=(6,))),
        ("{guidance_scale: {not: [2, '6']}}", Criterion(noneof=(2, 6))),
        ("{size: wide}", Criterion(anyof=("wide",))),
        ("{ink: 0.60}", Criterion(anyof=(0.6,))),
        ("{ink: '0.6'}", Criterion(anyof=("0.6",))),
        ("{ink: {above: 0.5}}", Criterion(above=0.5)),
        ("{mood: calm}", Criterion(anyof=("calm",))),
        ("{verb: running}", Criterion(anyof=("running",))),
        ("{verb: runs}", Criterion(anyof=("runs",))),
        ("{width: '768'}", Criterion(anyof=(768,))),
        ("{height: 512}", Criterion(anyof=(512,))),
    ],
)
def test_a_rule_names_values_or_labels_in_the_spelling_of_the_axis(rule: str, criterion: Criterion) -> None:
    (found,) = read(f"exclude: [{rule}]").exclude
    assert list(found.values()) == [criterion]


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ("[{scheduler: LCMScheduler}]", 48),
        ("[{scheduler: LCMScheduler, guidance_scale: {above: 2}}]", 64),
        ("[{size: wide, ink: 0.6}, {verb: running}]", 36),
        ("[{width: 768}]", 48),
        ("[{mood: {not: calm}, ink: {from: 0.5}}]", 72),
    ],
)
def test_a_rule_leaves_out_the_combinations_that_it_says(rules: str, left: int) -> None:
    assert make(read(f"exclude: {rules}"), Provider(target="sketch")).survey.cells == left


def test_a_when_refers_to_other_axes_and_parameters() -> None:
    text = "  tomesd: {values: [yes, no], when: {scheduler: LCMScheduler, height: 512}}\n"
    assert read(text).axes[-1].when == {
        "scheduler": Criterion(anyof=("LCMScheduler",)),
        "height": Criterion(anyof=(512,)),
    }


def test_a_when_that_refers_to_its_own_axis_is_refused() -> None:
    assert told(
        "  tomesd: {values: [yes, no], when: {tomesd: yes}}\n  s: {values: [{set: {samples: 1}}], when: {samples: 1}}"
    ) == [
        "9:38: axes.tomesd.when.tomesd: an axis cannot depend on itself; name another axis or a parameter",
        "10:45: axes.s.when.samples: an axis cannot depend on itself; name another axis or a parameter",
    ]


def test_an_include_may_name_new_values() -> None:
    text = "include: [{scheduler: PNDMScheduler, guidance_scale: '7', ink: 0.9, mood: sad, samples: 2}, {size: wide}]"
    assert read(text).include == (
        {"scheduler": "PNDMScheduler", "guidance_scale": 7, "ink": 0.9, "mood": "sad", "samples": 2},
        {"size": "wide"},
    )


def test_zips_are_groups_of_axes() -> None:
    assert read("zip: [[scheduler, size], [mood, verb]]").zips == (("scheduler", "size"), ("mood", "verb"))


def test_a_layout_names_axes_and_its_baseline_names_points() -> None:
    text = "report: {x: scheduler, y: ink, rows: mood, baseline: {ink: 0, guidance_scale: 6.0, verb: runs, size: wide}}"
    assert read(text).report == Layout(
        x="scheduler",
        y="ink",
        rows="mood",
        baseline={"ink": "0", "guidance_scale": "6", "verb": "running", "size": "wide"},
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("exclude: [{sheduler: x}]", ("9:12: exclude.0.sheduler: 'sheduler' is neither an axis nor a parameter of text2img; "
                                     "did you mean 'scheduler'?")),
        ("exclude: [{foo: x}]", ("9:12: exclude.0.foo: 'foo' is neither an axis nor a parameter of text2img; "
                                "the axes are scheduler, guidance_scale, size, ink, mood, verb")),
        ("exclude: [{scheduler: DDIMSchedular}]", ("9:23: exclude.0.scheduler: no point of scheduler is DDIMSchedular; "
                                                  "did you mean 'DDIMScheduler'?")),
        ("exclude: [{guidance_scale: [2, 3]}]", ("9:32: exclude.0.guidance_scale.1: no point of guidance_scale is 3; "
                                                "it has 2, 6, 10")),
        ("exclude: [{guidance_scale: {not: 3}}]", ("9:34: exclude.0.guidance_scale.not: no point of guidance_scale is 3; "
                                                  "it has 2, 6, 10")),
        ("exclude: [{guidance_scale: {above: 10}}]", ("9:28: exclude.0.guidance_scale: no point of guidance_scale is within "
                                                     "these bounds; it has 2, 6, 10")),
        ("exclude: [{mood: {above: 1}}]", "9:18: exclude.0.mood: no point of mood is within these bounds; it has calm, wild"),
        ("exclude: [{width: 640}]", "9:19: exclude.0.width: no cell has width 640; it is 512, 768 here"),
        ("exclude: [{width: 5}]", "9:19: exclude.0.width: 5 is below the minimum 256 (text2img)"),
        ("exclude: [{tomesd: yes}]", ("9:20: exclude.0.tomesd: no cell has tomesd yes; nothing sets tomesd here, "
                                     "write it under parameters")),
        ("exclude: [{}]", "9:11: exclude.0: an empty rule would hold everywhere; name an axis or parameter"),
        ("exclude: [5]", "9:11: exclude.0: a rule is a mapping; write {axis: value}"),
        ("exclude: {ink: 0}", "9:10: exclude: exclude is a list of rules; write [{axis: value}]"),
        ("exclude: [{ink: []}]", "9:17: exclude.0.ink: an empty list holds nowhere; name a value"),
        ("exclude: [{ink: {}}]", "9:17: exclude.0.ink: this asks nothing; write above, below, from, to or not"),
        ("exclude: [{ink: {abov: 0.5}}]", "9:18: exclude.0.ink.abov: unknown key 'abov'; did you mean 'above'?"),
        ("exclude: [{ink: {above: x}}]", "9:25: exclude.0.ink.above: 'x' is not a number"),
        ("exclude: [{ink: [[0]]}]", "9:18: exclude.0.ink.0: one value is needed here: text, a number, yes or no"),
        ("include: [{size: tall}]", "9:18: include.0.size: no point of size is tall; it has square, wide"),
        ("include: [{ink: 0.05}]", "9:17: include.0.ink: no point of ink is 0.05; it has 0, 0.6"),
        ("include: [{guidance_scale: 70}]", "9:28: include.0.guidance_scale: 70 is above the maximum 20 (text2img)"),
        ("include: [{steps: 21}]", ("9:12: include.0.steps: 'steps' is neither an axis nor a parameter of text2img; "
                                   "did you mean 'num_inference_steps'?")),
        ("include: [{prompt: '{{ mood }}'}]", ("9:20: include.0.prompt: a value that is included is text and is not filled; "
                                              "write it out")),
        ("include: [{}]", "9:11: include.0: an empty combination adds nothing; name an axis or parameter"),
        ("include: [{seed: null}]", ("9:18: include.0.seed: null lets the server draw the seed, and that is asked for on "
                                    "purpose: write axes: {seed: {random: 4}} for seeds that the server draws")),
        ("zip: [mood, verb]", "9:6: zip: zip is a list of groups; write [[first axis, second axis]]"),
        ("zip: [[mood]]", "9:7: zip.0: a group has two axes or more; write [[first axis, second axis]]"),
        ("zip: [[mood, vreb]]", "9:14: zip.0.1: 'vreb' is no axis; did you mean 'verb'?"),
        ("zip: [[mood, guidance_scale]]", ("9:7: zip.0: zipped axes advance together and need as many points as each other; "
                                          "mood has 2, guidance_scale has 3")),
        ("zip: [[mood, verb], [verb, ink]]", "9:22: zip.1.0: verb is zipped already; an axis advances with one group"),
        ("report: {x: width}", ("9:13: report.x: 'width' is no axis; "
                               "the axes are scheduler, guidance_scale, size, ink, mood, verb")),
        ("report: {x: ink, rows: ink}", "9:24: report.rows: ink is in report.x already; an axis stands in one place"),
        ("report: {z: ink}", "9:10: report.z: unknown key 'z'; known are x, y, columns, rows, baseline"),
        ("report: {baseline: {ink: 1}}", "9:26: report.baseline.ink: no point of ink is 1; it has 0, 0.6"),
        ("report: {baseline: {inc: 1}}", ("9:21: report.baseline.inc: 'inc' is no axis; "
                                         "the axes are scheduler, guidance_scale, size, ink, mood, verb")),
    ],
)  # fmt: skip
def test_a_reference_that_makes_no_sense_is_one_complaint(text: str, complaint: str) -> None:
    assert told(text) == [complaint]


def test_a_broken_axis_does_not_accuse_what_refers_to_it() -> None:
    text = AXES.replace("to: 10, step: 4", "to: 10, step: 0").replace("[0, 0.6]", "[0, 0.6, 7]")
    with pytest.raises(ExperimentError) as caught:
        loads(
            text
            + "zip: [[guidance_scale, mood]]\nexclude: [{guidance_scale: 6, ink: 0.3}, {guidance_scale: {above: 6}}]\n"
            "report: {x: guidance_scale, baseline: {guidance_scale: 2}}",
            folder=Path(),
        )
    assert [complaint.path for complaint in caught.value.complaints] == [
        "axes.guidance_scale.step",
        "axes.ink.strength.2",
    ]
