"""What a file says about the whole run."""

from pathlib import Path

import pytest

from runner.document import load, loads
from runner.errors import ExperimentError
from runner.nouns import Address, Execution, Experiment, Limits, Sample

BASE = "parameters: {model_id: m, prompt: p}\n"


def read(text: str, folder: Path = Path()) -> Experiment:
    return loads(BASE + text, folder=folder)


def told(text: str, folder: Path = Path()) -> list[str]:
    with pytest.raises(ExperimentError) as caught:
        read(text, folder)
    return [line.removeprefix("<text>:") for line in str(caught.value).splitlines()]


def test_what_is_not_said_is_the_usual() -> None:
    assert read("") == Experiment(name="text", parameters={"model_id": "m", "prompt": "p"})


def test_null_is_not_said() -> None:
    keys = "title description extends target endpoint axes zip exclude include on_invalid sample limits price execution report"
    text = "".join(f"{key}:\n" for key in keys.split())
    assert read(text + "name:\n") == read("")
    inner = "limits: {requests: , wall: }\nexecution: {rate: ~, attempts: , order: }\nprice: {per_image: }\n"
    inner += "report: {x: , baseline: }"
    assert read(inner) == read("")


def test_a_sample_is_drawn_by_sobol_with_seed_0_unless_it_says_otherwise() -> None:
    assert read("sample: {count: 5}").sample == Sample(count=5, method="sobol", seed=0)


def test_a_sample_can_be_taken_over_in_part_or_taken_away(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE + "sample: {count: 5, method: latin}")
    for text, sample in (("sample: {count: 6}", Sample(count=6, method="latin")), ("sample: null", None)):
        assert loads(f"extends: base.yaml\n{text}", folder=tmp_path).sample == sample


def test_everything_that_can_be_said() -> None:
    text = """\
name: my run 2
title: Which?
description: |
  Two
  lines
endpoint: text2img
on_invalid: skip
sample: {count: 200, method: latin, seed: 7}
limits: {requests: 500, images: 1e3, cost: 2.50, wall: 2h}
price: {per_image: 0.0047}
execution: {concurrency: 8, rate: 60/min, attempts: 2, order: slow-first}
"""
    assert read(text) == Experiment(
        name="my run 2",
        title="Which?",
        description="Two\nlines\n",
        parameters={"model_id": "m", "prompt": "p"},
        on_invalid="skip",
        sample=Sample(count=200, method="latin", seed=7),
        limits=Limits(requests=500, images=1000, cost=2.5, wall=7200),
        price=0.0047,
        execution=Execution(concurrency=8, rate=1, attempts=2, order="slow-first"),
    )


def test_a_file_without_a_name_is_named_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "my.sweep.yaml"
    path.write_text(BASE)
    assert load(path).name == "my.sweep"


def test_a_file_whose_name_cannot_be_a_folder_asks_for_one(tmp_path: Path) -> None:
    path = tmp_path / "-x.yaml"
    path.write_text(BASE)
    with pytest.raises(ExperimentError) as caught:
        load(path)
    assert str(caught.value) == f"{path}:1:1: name: '-x' cannot name a run's folder; add name: with a plain name"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("90", 90),
        ("15 min", 900),
        ("1h30m", 5400),
        ("2 hours 5 minutes", 7500),
        ("1.5h", 5400),
        ("1d", 86400),
        ("3 days", 259200),
        ("10sec", 10),
    ],
)
def test_a_time_is_written_as_people_write_it(text: str, seconds: float) -> None:
    assert read(f"limits: {{wall: {text}}}").limits.wall == seconds


@pytest.mark.parametrize(
    ("text", "each_second"), [("60/min", 1), ("2/s", 2), ("0.5", 0.5), ("900/hour", 0.25), ("3 / sec", 3)]
)
def test_a_rate_is_requests_in_a_time(text: str, each_second: float) -> None:
    assert read(f"execution: {{rate: {text}}}").execution.rate == each_second


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("embedded", Address()),
        ("sketch", Address(name="sketch")),
        ("https://host/api/v1/enterprise/", Address(name="https://host/api/v1/enterprise")),
        ("{url: 'http://127.0.0.1:8000'}", Address(name="http://127.0.0.1:8000")),
        ('{url: https://host/v1, key: "${env:MY_KEY}"}', Address(name="https://host/v1", key="${env:MY_KEY}")),
        ("{embedded: }", Address()),
        ("{embedded: {}}", Address()),
    ],
)
def test_a_target_is_a_word_a_link_or_a_mapping(text: str, address: Address) -> None:
    assert read(f"target: {text}").target == address


def test_a_folder_of_models_starts_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    found = read("target: {embedded: {model_dir: models}}", tmp_path).target
    assert found == Address(model_dir=str(tmp_path / "models"))


KEY = "write ${env:NAME} with the name of an environment variable; a key itself never stands in a file"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("target: embeded", "2:9: target: 'embeded' is no target; did you mean 'embedded'?"),
        ("target: local", ("2:9: target: 'local' is no target; write embedded, sketch, "
                          "or a URL such as https://host/api/v1/enterprise")),
        ("target: [a]", ('2:9: target: this is no target; write embedded, sketch, a URL, '
                        'or {url: https://…, key: "${env:NAME}"}')),
        ("target: ftp://host", "2:9: target: this is no URL of an API; write one such as https://host/api/v1/enterprise"),
        ("target: 'http://[::1'", "2:9: target: this is no URL of an API; write one such as https://host/api/v1/enterprise"),
        ("target: 'http://host:99999'", ("2:9: target: this is no URL of an API; "
                                        "write one such as https://host/api/v1/enterprise")),
        ("target: {url: https://h, embedded: }", "2:9: target: a target has either url or embedded; write one of them"),
        ('target: {key: "${env:A}"}', "2:9: target: a target has either url or embedded; write one of them"),
        ('target: {embedded: , key: "${env:A}"}', ("2:22: target.key: the embedded server asks for no key; take it away, "
                                                   "or write url")),
        ("target: {url: https://h, kee: a}", "2:26: target.kee: unknown key 'kee'; known are url, key, embedded"),
        ("name: a/b", ("2:7: name: 'a/b' does not fit; write up to 100 characters without / \\ < > : \" | ? *, "
                      "not beginning with a dot, a dash or a blank")),
        ("name: 12", "2:7: name: 12 is not text"),
        ("title: 5", "2:8: title: 5 is not text"),
        ("endpoint: txt2img", "2:11: endpoint: 'txt2img' is not one of text2img, img2img, inpaint; did you mean 'text2img'?"),
        ("on_invalid: skp", "2:13: on_invalid: 'skp' is not one of error, skip; did you mean 'skip'?"),
        ("limits: {requests: 0}", "2:20: limits.requests: 0 is below the minimum 1"),
        ("limits: {requests: 1.5}", "2:20: limits.requests: 1.5 is not a whole number"),
        ("limits: {requests: true}", "2:20: limits.requests: true is not a whole number"),
        ("limits: {cost: 3}", "2:16: limits.cost: a limit on cost needs a price; write price: {per_image: 0.0047}"),
        ("limits: {cost: 0}\nprice: {per_image: 1}", "2:16: limits.cost: 0 is not above 0"),
        ("limits: {wall: 0s}", "2:16: limits.wall: '0s' does not fit; write a time such as 90s, 15 min, 1h30m or 2h"),
        ("limits: {wall: 1:30}", "2:16: limits.wall: '1:30' does not fit; write a time such as 90s, 15 min, 1h30m or 2h"),
        ("limits: {wall: -5}", "2:16: limits.wall: -5 is not above 0"),
        ("limits: {request: 5}", "2:10: limits.request: unknown key 'request'; did you mean 'requests'?"),
        ("price: 0.1", "2:8: price: 0.1 is not a mapping"),
        ("price: {per_image: -1}", "2:20: price.per_image: -1 is below the minimum 0"),
        ("execution: {concurrency: 0}", "2:26: execution.concurrency: 0 is below the minimum 1"),
        ("execution: {concurrency: 999}", "2:26: execution.concurrency: 999 is above the maximum 256"),
        ("execution: {rate: 60/week}", ("2:19: execution.rate: '60/week' does not fit; write a rate such as 60/min, 2/s "
                                       "or 500/h, or a number for each second")),
        ("execution: {order: balancd}", ("2:20: execution.order: 'balancd' is not one of balanced, plan, slow-first; "
                                         "did you mean 'balanced'?")),
        ("sample: 5", "2:9: sample: 5 is not a mapping"),
        ("sample: {method: latin}", "2:9: sample: a sample has a count; write {count: 200}"),
        ("sample: {count: }", "2:16: sample.count: null is not a whole number"),
        ("sample: {count: 0}", "2:17: sample.count: 0 is below the minimum 1"),
        ("sample: {count: 2000000}", "2:17: sample.count: 2000000 is above the maximum 1000000"),
        ("sample: {count: 5, method: sobel}", ("2:28: sample.method: 'sobel' is not one of sobol, latin, random; "
                                                "did you mean 'sobol'?")),
        ("sample: {count: 5, seed: -1}", "2:26: sample.seed: -1 is below the minimum 0"),
        ("sample: {coutn: 5}", "2:10: sample.coutn: unknown key 'coutn'; did you mean 'count'?"),
        ("titel: x", "2:1: titel: unknown key 'titel'; did you mean 'title'?"),
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_one_complaint(text: str, complaint: str) -> None:
    assert told(text) == [complaint]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("target: {url: https://h, key: sk-secret}", f"2:31: target.key: {KEY}"),
        ("target: {url: https://h, key: 40417}", f"2:31: target.key: {KEY}"),
        ("target: {url: https://h, key: [sk-secret]}", f"2:31: target.key: {KEY}"),
        ("target: {url: https://h, key: $MY_KEY}", f"2:31: target.key: {KEY}"),
        ("target: {url: 'https://u:sk-secret@h/x'}", None),
        ("target: 'https://h/x?key=sk-secret'", None),
    ],
)
def test_a_key_never_stands_in_a_file_and_a_complaint_never_repeats_it(text: str, complaint: str | None) -> None:
    (found,) = told(text)
    assert "secret" not in found
    assert "40417" not in found
    assert complaint is None or found == complaint


def test_a_key_among_the_parameters_is_not_repeated_either() -> None:
    with pytest.raises(ExperimentError) as caught:
        loads("parameters: {model_id: m, prompt: p, key: sk-secret}", folder=Path())
    assert str(caught.value) == (
        '<text>:1:38: parameters.key: the key is no parameter; write target: {url: https://…, key: "${env:NAME}"}'
    )
