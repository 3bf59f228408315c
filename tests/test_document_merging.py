"""`extends` and `--set`: mappings are merged, everything else is replaced, and complaints point to where a thing is written."""

from pathlib import Path

import pytest

from runner.document import check, load, loads
from runner.errors import ExperimentError
from runner.nouns import Address, Experiment, Limits

BASE = """\
name: base
title: The base
parameters: {model_id: m, prompt: p, width: 512}
axes:
  scheduler: [DDIMScheduler, LCMScheduler]
  guidance_scale: {from: 2, to: 14, step: 4}
  size:
    - {label: small, set: {height: 256}}
    - {label: large, set: {height: 512}}
limits: {requests: 10, wall: 1h}
"""


def labels(experiment: Experiment) -> dict[str, list[str]]:
    return {axis.name: [point.label for point in axis.points] for axis in experiment.axes}


def extended(folder: Path, text: str) -> Experiment:
    (folder / "base.yaml").write_text(BASE)
    (folder / "child.yaml").write_text("extends: base.yaml\n" + text)
    return load(folder / "child.yaml")


def overridden(*overrides: str) -> Experiment:
    return loads(BASE, folder=Path(), overrides=overrides)


def told(*overrides: str) -> list[str]:
    with pytest.raises(ExperimentError) as caught:
        overridden(*overrides)
    return str(caught.value).splitlines()


def test_mappings_are_merged_and_lists_are_replaced(tmp_path: Path) -> None:
    child = extended(
        tmp_path, "parameters: {width: 256, seed: 7}\naxes: {scheduler: [PNDMScheduler]}\nlimits: {requests: 5}"
    )
    assert child.parameters == {"model_id": "m", "prompt": "p", "width": 256, "seed": 7}
    assert labels(child) == {
        "scheduler": ["PNDMScheduler"],
        "guidance_scale": ["2", "6", "10", "14"],
        "size": ["small", "large"],
    }
    assert child.limits == Limits(requests=5, wall=3600)
    assert child.title == "The base"


def test_a_name_is_not_inherited(tmp_path: Path) -> None:
    assert extended(tmp_path, "").name == "child"


def test_the_source_is_the_text_of_the_file_itself(tmp_path: Path) -> None:
    assert extended(tmp_path, "title: x\n").source == "extends: base.yaml\ntitle: x\n"


def test_null_takes_an_inherited_mapping_or_list_away(tmp_path: Path) -> None:
    child = extended(tmp_path, "axes: {size: null, guidance_scale: ~}\nlimits:\n")
    assert labels(child) == {"scheduler": ["DDIMScheduler", "LCMScheduler"]}
    assert child.limits == Limits()


def test_an_axis_of_another_form_replaces_and_one_of_the_same_form_is_merged(tmp_path: Path) -> None:
    child = extended(tmp_path, "axes: {guidance_scale: {to: 6}, scheduler: {values: [PNDMScheduler]}}")
    assert labels(child)["guidance_scale"] == ["2", "6"]
    assert labels(child)["scheduler"] == ["PNDMScheduler"]
    assert labels(extended(tmp_path, "axes: {guidance_scale: {count: 3}}"))["guidance_scale"] == ["2", "8", "14"]


def test_an_axis_of_another_mapping_form_is_not_mixed_with_the_inherited_one(tmp_path: Path) -> None:
    child = extended(tmp_path, "axes: {guidance_scale: {values: [3, 4]}}")
    assert labels(child)["guidance_scale"] == ["3", "4"]


def test_of_several_files_later_ones_win_and_the_file_itself_over_all(tmp_path: Path) -> None:
    for name, width, height, samples in (("a", 256, 256, 1), ("b", 264, 264, None)):
        extra = f", samples: {samples}" if samples else ""
        (tmp_path / f"{name}.yaml").write_text(f"parameters: {{width: {width}, height: {height}{extra}}}")
    (tmp_path / "c.yaml").write_text("extends: [a.yaml, b.yaml]\nparameters: {model_id: m, prompt: p, width: 272}")
    assert load(tmp_path / "c.yaml").parameters == {
        "model_id": "m",
        "prompt": "p",
        "width": 272,
        "height": 264,
        "samples": 1,
    }


def test_a_mistake_in_an_extended_file_is_shown_there(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("parameters:\n  model_id: m\n  prompt: p\n  width: 5\n")
    (tmp_path / "child.yaml").write_text("extends: base.yaml\nparameters: {height: 6}\n")
    assert [str(complaint) for complaint in check(tmp_path / "child.yaml")] == [
        f"{tmp_path}/base.yaml:4:10: parameters.width: 5 is below the minimum 256 (text2img)",
        f"{tmp_path}/child.yaml:2:22: parameters.height: 6 is below the minimum 256 (text2img)",
    ]


def test_paths_start_from_the_folder_of_the_file_that_says_them(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "moods.txt").write_text("calm\nwild\n")
    (tmp_path / "deep" / "base.yaml").write_text("axes: {mood: {file: moods.txt}}")
    (tmp_path / "child.yaml").write_text('extends: deep/base.yaml\nparameters: {model_id: m, prompt: "{{ mood }}"}')
    assert labels(load(tmp_path / "child.yaml")) == {"mood": ["calm", "wild"]}


def test_extending_in_a_circle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\nparameters: {model_id: m, prompt: p}")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    assert [str(complaint) for complaint in check(tmp_path / "a.yaml")] == [
        f"{tmp_path}/b.yaml:1:10: extends: {tmp_path}/a.yaml extends this file in turn; take one of the two extends away"
    ]


def test_files_that_extend_each_other_twice_over_stop_at_a_limit(tmp_path: Path) -> None:
    (tmp_path / "0.yaml").write_text("parameters: {model_id: m, prompt: p}")
    for number in range(1, 12):
        (tmp_path / f"{number}.yaml").write_text(f"extends: [{number - 1}.yaml, {number - 1}.yaml]")
    messages = {complaint.message for complaint in check(tmp_path / "11.yaml")}
    assert messages == {"more than 32 files are extended; merge some of them"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("extends: nothing.yaml", "1:10: extends: there is no file {}/nothing.yaml; check the name and the folder"),
        ("extends: [3]", "1:11: extends.0: extends names a file; write extends: base.yaml, or a list of such names"),
        ("extends: {a: b}", "1:10: extends: extends names a file; write extends: base.yaml, or a list of such names"),
    ],
)
def test_an_extends_that_names_no_file_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"{text}\nparameters: {{model_id: m, prompt: p}}")
    assert [str(found) for found in check(path)] == [f"{path}:{complaint.format(tmp_path)}"]


def test_an_override_is_one_more_file_on_top() -> None:
    found = overridden("axes.seed=[1,2]", "parameters.width=256", "limits.requests=5", "axes.guidance_scale.step=6")
    assert labels(found) == {
        "scheduler": ["DDIMScheduler", "LCMScheduler"],
        "guidance_scale": ["2", "8", "14"],
        "size": ["small", "large"],
        "seed": ["1", "2"],
    }
    assert found.parameters["width"] == 256
    assert found.limits == Limits(requests=5, wall=3600)


def test_later_overrides_win() -> None:
    assert overridden("parameters.width=256", "parameters.width=264").parameters["width"] == 264


def test_an_override_leads_into_lists_by_number() -> None:
    assert labels(overridden("axes.size.1.label=big"))["size"] == ["small", "big"]
    assert labels(overridden("axes.size.0=null"))["size"] == ["large"]
    assert overridden("axes.size.1.set.height=264").axes[2].points[1].set == {"height": 264}


def test_an_override_takes_an_axis_away() -> None:
    assert list(labels(overridden("axes.size=null"))) == ["scheduler", "guidance_scale"]


def test_an_override_replaces_a_target_of_another_form() -> None:
    assert overridden("target.url=https://host/v1").target == Address(name="https://host/v1")
    assert overridden("target=sketch").target == Address(name="sketch")


def test_an_override_may_hold_an_equals_sign_and_a_template() -> None:
    assert overridden("parameters.prompt=a=b").parameters["prompt"] == "a=b"
    assert overridden("parameters.prompt='{{ mood }}'", "axes.mood=[calm]").axes[3].name == "mood"


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("limits", "--set: 'limits' is no override; write path=value, such as limits.requests=5"),
        ("=3", "--set: '' is no override; write path=value, such as limits.requests=5"),
        ("a..b=3", "--set: 'a..b' is no override; write path=value, such as limits.requests=5"),
        ("axes.size.2.label=x", "--set: axes.size.2: '2' is no place in this list; count from 0 to 1"),
        ("axes.size.x.label=x", "--set: axes.size.x: 'x' is no place in this list; count from 0 to 1"),
        ("parameters.width=5", "--set: parameters.width: 5 is below the minimum 256 (text2img)"),
        ("axes.seed=[1, -1, 1.5]", None),
        ("limts.requests=3", "--set: limts: unknown key 'limts'; did you mean 'limits'?"),
        (
            "parameters.prompt=[",
            (
                "--set: parameters.prompt: not valid YAML: expected the node content, but found '<stream end>'; "
                "look at the indentation, brackets and quotes here and just before"
            ),
        ),
        ("target.key=sk-secret", None),
    ],
)
def test_a_complaint_about_an_override_says_set_and_the_path(override: str, complaint: str | None) -> None:
    found = told(override)
    assert all(line.startswith("--set: ") for line in found)
    assert "sk-secret" not in "".join(found)
    if complaint is not None:
        assert len(found) == 1
        assert found[0].startswith(complaint)


def test_a_value_that_a_rule_names_may_be_gone_after_an_override() -> None:
    text = (
        BASE
        + "exclude: [{scheduler: LCMScheduler, guidance_scale: {above: 6}}]\nreport: {baseline: {scheduler: LCMScheduler}}\n"
    )
    found = loads(text, folder=Path(), overrides=["axes.scheduler=[DDIMScheduler]", "axes.guidance_scale.to=6"])
    assert found.exclude[0]["scheduler"].anyof == ("LCMScheduler",)
    assert found.report.baseline == {}
