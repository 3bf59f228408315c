"""Every complaint in one go: one line for each mistake, in the order of the file, none hiding another and none told twice."""

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.document import check, load, loads
from runner.errors import ExperimentError

TEN = """\
parameters:
  model_id: studio-tiny
  prompt: "a {{ subjekt }}"
  width: 100
  hieght: 256
axes:
  scheduler: [DDIMSchedular, LCMScheduler]
  guidance_scale: {from: 2, to: 14, step: -4}
  num_inference_steps: [21, 30]
  subject: [house]
  ink: {lora: ink, strength: [0, 1.5]}
zip: [[scheduler, colour]]
limits: {requests: -1, wal: 2h}
report: {x: schedular}
"""
TOLD = """\
ten.yaml:4:10: parameters.width: 100 is below the minimum 256 (text2img)
ten.yaml:5:3: parameters.hieght: 'hieght' is no parameter of text2img; did you mean 'height'?
ten.yaml:7:15: axes.scheduler.0: 'DDIMSchedular' is not one of the 18 allowed; did you mean 'DDIMScheduler'? (text2img)
ten.yaml:8:43: axes.guidance_scale.step: a step of -4 from 2 leads away from 14; write step: 4
ten.yaml:9:29: axes.num_inference_steps.1: 30 is not one of 21, 31, 41 (text2img)
ten.yaml:10:3: axes.subject: 'subject' is no parameter of text2img, and no template uses {{ subject }}; did you mean 'subjekt'?
ten.yaml:11:34: axes.ink.strength.1: 1.5 is no strength of a LoRA; write a number from 0.1 to 1, or 0 to leave the LoRA out
ten.yaml:12:19: zip.0.1: 'colour' is no axis; the axes are scheduler, guidance_scale, num_inference_steps, subject, ink
ten.yaml:13:20: limits.requests: -1 is below the minimum 1
ten.yaml:13:24: limits.wal: unknown key 'wal'; did you mean 'wall'?
ten.yaml:14:13: report.x: 'schedular' is no axis; did you mean 'scheduler'?
"""

FULL = """\
name: full
title: Everything
extends: []
target: {url: https://host/v1, key: "${env:KEY}"}
endpoint: text2img
parameters: {model_id: m, prompt: "a {{ subject }} under {{ sky }}", num_inference_steps: 31, tomesd: yes, vae: null}
axes:
  scheduler: [DDIMScheduler, LCMScheduler, DPMSolverMultistepScheduler]
  guidance_scale: {from: 2, to: 14, step: 4, title: Guidance}
  seed: {draw: 2, from: 20261123}
  subject: [house, {value: boat, label: ship, description: afloat}]
  ink: {lora: ink, strength: {from: 0.2, to: 1, count: 3}}
  size: [{label: square, set: {width: 512, height: 512}}, {lora: neon, strength: 0.5, set: {width: 768}}]
  algorithm_type: {values: [none, dpmsolver+++], when: {scheduler: DPMSolverMultistepScheduler}}
  sky: [red, blue]
zip: [[subject, sky]]
exclude: [{scheduler: DDIMScheduler, guidance_scale: {above: 10}}, {size: square, ink: [0.2, 1], seed: {not: 2707107626}}]
include: [{scheduler: PNDMScheduler, guidance_scale: 2}]
on_invalid: skip
limits: {requests: 500, images: 500, cost: 2.50, wall: 2h}
price: {per_image: 0.0047}
execution: {concurrency: 8, rate: 60/min, attempts: 4}
report: {x: scheduler, y: guidance_scale, rows: ink, columns: size, baseline: {scheduler: DDIMScheduler}}
"""


def told(text: str) -> list[str]:
    with pytest.raises(ExperimentError) as caught:
        loads(text, folder=Path("/nonexistent"))
    return [line.removeprefix("<text>:") for line in str(caught.value).splitlines()]


def test_a_file_with_eleven_mistakes_gets_eleven_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ten.yaml").write_text(TEN)
    assert "".join(f"{complaint}\n" for complaint in check(Path("ten.yaml"))) == TOLD
    with pytest.raises(ExperimentError) as caught:
        load(Path("ten.yaml"))
    assert f"{caught.value}\n" == TOLD


def test_a_file_without_mistakes_gets_none() -> None:
    assert loads(FULL, folder=Path()).name == "full"


def test_complaints_come_at_once_also_to_a_fresh_python(tmp_path: Path) -> None:
    (tmp_path / "ten.yaml").write_text(TEN)
    words = """
import sys
from pathlib import Path
from runner.document import check
print(len(check(Path(sys.argv[1]))), [name for name in ("pandas", "torch", "httpx", "starlette") if name in sys.modules])
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", words, str(tmp_path / "ten.yaml")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "11 []\n"
    assert time.monotonic() - started < 5


def test_what_is_required_is_asked_for_where_it_belongs() -> None:
    assert told("axes: {width: [256]}") == [
        "1:1: parameters: model_id is required by text2img; add it here, or an axis that sets it",
        "1:1: parameters: prompt is required by text2img; add it here, or an axis that sets it",
    ]
    assert told("title: x\nparameters:\n  prompt: p\n") == [
        "2:1: parameters: model_id is required by text2img; add it here, or an axis that sets it"
    ]


def test_what_an_axis_or_an_include_sets_is_not_asked_for() -> None:
    text = "parameters: {model_id: m}\naxes: {look: [{label: a, set: {prompt: a}}, {label: b, set: {prompt: b}}]}"
    assert loads(text, folder=Path()).axes[0].name == "look"
    assert loads("parameters: {model_id: m}\ninclude: [{prompt: p}]", folder=Path()).include == ({"prompt": "p"},)


def test_a_variable_may_come_from_an_include() -> None:
    text = 'parameters: {model_id: m, prompt: "{{ mood }}"}\ninclude: [{mood: calm}]'
    assert loads(text, folder=Path()).include == ({"mood": "calm"},)


def test_a_misspelt_endpoint_is_read_as_the_one_that_it_means() -> None:
    assert told("endpoint: inpant\nparameters: {model_id: m, prompt: p, init_image: 'https://h/x.png'}") == [
        "1:11: endpoint: 'inpant' is not one of text2img, img2img, inpaint; did you mean 'inpaint'?",
        "2:1: parameters: mask_image is required by inpaint; add it here, or an axis that sets it",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("paramters: {model_id: m, prompt: p}", "1:1: paramters: unknown key 'paramters'; did you mean 'parameters'?"),
        ("parameters: {model_id: m, promt: p}", ("1:27: parameters.promt: 'promt' is no parameter of text2img; "
                                                "did you mean 'prompt'?")),
        ("parameters: 5", "1:13: parameters: 5 is not a mapping"),
        ("parameters: {model_id: m, prompt: !!str p}", ("1:35: parameters.prompt: the tag !!str is not taken; "
                                                       "write plain values, text in quotes")),
        ("parameters: {model_id: m, prompt: p}\naxes: {x: {set: {}}}", None),
        ("endpont: img2img\nparameters: {model_id: m, prompt: p, init_image: 'https://h/x.png', strength: 0.5}",
         "1:1: endpont: unknown key 'endpont'; did you mean 'endpoint'?"),
        ("endpoint: imgtoimg\nparameters: {model_id: m, prompt: p, init_image: 'https://h/x.png', strength: 0.5}", None),
    ],
)  # fmt: skip
def test_one_mistake_is_one_complaint(text: str, complaint: str | None) -> None:
    found = told(text)
    assert len(found) == 1
    assert complaint is None or found == [complaint]


def test_a_misspelt_key_does_not_hide_what_it_holds() -> None:
    assert told("paramters: {model_id: m, prompt: p, width: 5}\nlimit: {requests: 0}") == [
        "1:1: paramters: unknown key 'paramters'; did you mean 'parameters'?",
        "1:44: paramters.width: 5 is below the minimum 256 (text2img)",
        "2:1: limit: unknown key 'limit'; did you mean 'limits'?",
        "2:19: limit.requests: 0 is below the minimum 1",
    ]


def test_a_mistake_that_an_alias_repeats_is_one_complaint() -> None:
    assert told("parameters: {model_id: m, prompt: p}\naxes:\n  width: &sizes [256, 5]\n  height: *sizes") == [
        "3:23: axes.width.1: 5 is below the minimum 256 (text2img)"
    ]


def paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(found for key, item in inner for found in paths(item, (*path, key)))]


DOCUMENT = yaml.safe_load(FULL)
PATHS = [path for path in paths(DOCUMENT) if path]
odd = st.sampled_from(
    [None, True, 0, -1, 3.7, 1e300, "", "x", "{{ subject }}", "{% if %}", "a\nb", [], {}, [[]], [None], {"a": 1}, [5, 5],
     {"from": 1}, {"set": {}}, {"value": None}, "scheduler", ["seed"], {"above": 3}, {"random": 2}, {"lora": "x"}]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PATHS), odd, st.booleans()), min_size=1, max_size=4))
def test_however_a_file_is_broken_the_answer_is_an_experiment_or_complaints(
    changes: list[tuple[tuple[Any, ...], Any, bool]],
) -> None:
    document = yaml.safe_load(FULL)
    for path, value, rename in changes:
        _change(document, path, value, rename=rename)
    try:
        loads(yaml.safe_dump(document, sort_keys=False), folder=Path("/nonexistent"))
    except ExperimentError as error:
        places = [(found.line, found.column) for found in error.complaints]
        assert places == sorted(places)  # either answer is right; that there is no other is the promise
        assert all(len(str(found)) < 700 for found in error.complaints)  # noqa: PT017  # as above


def _change(document: Any, path: tuple[Any, ...], value: Any, *, rename: bool) -> None:
    for step in path[:-1]:
        inside = isinstance(document, dict) and step in document
        if not inside and not (isinstance(document, list) and isinstance(step, int) and step < len(document)):
            return
        document = document[step]
    last = path[-1]
    if isinstance(document, dict) and last in document:
        if rename:
            letters = list(last)
            random.Random(0).shuffle(letters)
            document["".join(letters)] = document.pop(last)
        else:
            document[last] = value
    elif isinstance(document, list) and isinstance(last, int) and last < len(document):
        document[last] = value
