"""YAML as this language reads it: values like JSON, places kept, and what YAML offers beyond plain data refused by name."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.document import check, loads
from runner.document.complaints import Complaints
from runner.document.reading import MOST_NODES, read
from runner.document.scalars import meaning
from runner.document.tree import Fields, Scalar, Source, plain
from runner.errors import ExperimentError

HERE = Source("x.yaml", Path())


def value(text: str) -> object:
    complaints = Complaints()
    tree = read(text, HERE, complaints)
    assert complaints.found() == ()
    assert tree is not None
    return plain(tree)


def told(text: str) -> list[str]:
    complaints = Complaints()
    read(text, HERE, complaints)
    return [str(complaint) for complaint in complaints.found()]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("+12", 12),
        ("-0", 0),
        ("012", "012"),
        ("007.5", "007.5"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("190:20:30", "190:20:30"),
        ("1e-4", 0.0001),
        ("1E5", 100000.0),
        (".5", 0.5),
        ("7.", 7.0),
        ("1.5", 1.5),
        ("2026-11-23", "2026-11-23"),
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"),
        ("nan", "nan"),
        ("Infinity", "Infinity"),
        ("=", "="),
    ],
)
def test_a_plain_scalar_means_what_json_would_read(text: str, means: object) -> None:
    found = meaning(text)
    assert (found, type(found)) == (means, type(means))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".nan", ".nan is not allowed; write a finite number"),
        ("-.inf", "-.inf is not allowed; write a finite number"),
        ("1e999", "1e999 is too large for a number; write one that can be kept"),
        ("-1e-999", "-1e-999 is too small for a number; write one that can be kept"),
        (
            "1" * 65,
            "a number of 65 characters is longer than the 64 allowed; round it, or put it in quotes to make it text",
        ),
    ],
)
def test_a_number_that_cannot_be_kept_is_refused(text: str, message: str) -> None:
    assert told(f"a: {text}") == [f"x.yaml:1:4: a: {message}"]


def test_quotes_make_text() -> None:
    assert value("""[".nan", '12', "true", "null", "2e3"]""") == [".nan", "12", "true", "null", "2e3"]


def test_a_node_keeps_its_place_and_the_text_as_written() -> None:
    tree = read("a:\n  b: [1, 7.50]\n", HERE, Complaints())
    assert isinstance(tree, Fields)
    inner = tree.fields["a"]
    assert isinstance(inner, Fields)
    item = inner.fields["b"].items[1]
    assert isinstance(item, Scalar)
    assert (item.value, item.text) == (7.5, "7.50")
    assert (item.spot.line, item.spot.column, item.spot.path) == (2, 10, ("a", "b", "1"))
    assert (inner.keys["b"].line, inner.keys["b"].column, inner.keys["b"].path) == (2, 3, ("a", "b"))


def test_anchors_aliases_and_merge_keys_are_written_out() -> None:
    text = "base: &base {a: 1, b: 2}\nother: &other {b: 3, c: 4}\nsame: *base\nboth: {<<: [*base, *other], a: 9}\n"
    assert value(text) == {
        "base": {"a": 1, "b": 2},
        "other": {"b": 3, "c": 4},
        "same": {"a": 1, "b": 2},
        "both": {"a": 9, "b": 2, "c": 4},
    }


def test_a_quoted_merge_sign_is_a_key_like_any_other() -> None:
    assert value('{"<<": 1}') == {"<<": 1}


TEXTS = [
    pytest.param(
        "a: 1\nb: 2\na: 3",
        ["x.yaml:3:1: a: the key 'a' is here a second time (first on line 1); keep one of them"],
        id="duplicate key",
    ),
    pytest.param(
        "a:\n\t- b",
        ["x.yaml:2:1: a tab stands where YAML allows spaces alone; indent and separate with spaces"],
        id="tab",
    ),
    pytest.param(
        "a: !!python/object:os.system x",
        ["x.yaml:1:4: a: the tag !!python/object:os.system is not taken; write plain values, text in quotes"],
        id="tag",
    ),
    pytest.param("!k a: 1", ["x.yaml:1:1: the tag !k is not taken; write plain keys"], id="tag on a key"),
    pytest.param(
        "a: &x [1, *x]",
        ["x.yaml:1:4: a.1: this holds an alias to itself and would expand without end; write the value out"],
        id="recursive alias",
    ),
    pytest.param(
        "---\na: 1\n---\nb: 2",
        ["x.yaml:3:1: a second document begins here; a file holds one experiment: take the --- away"],
        id="two documents",
    ),
    pytest.param(
        "p: {{ x }}",
        [
            (
                "x.yaml:1:5: p: a list or mapping cannot be a key; "
                'if braces were meant: a text that begins with {{ needs quotes: "{{ subject }} at dawn"'
            )
        ],
        id="braces without quotes",
    ),
    pytest.param(
        "p: {{ x }} sky",
        [
            (
                "x.yaml:1:12: not valid YAML: expected <block end>, but found '<scalar>'; "
                'a text that begins with {{ needs quotes: "{{ subject }} at dawn"'
            )
        ],
        id="braces without quotes, and text",
    ),
    pytest.param(
        "a: b: c",
        ["x.yaml:1:5: not valid YAML: a colon followed by a blank stands inside a text; put the text in quotes"],
        id="colon in text",
    ),
    pytest.param(
        "a: [1, 2",
        [
            (
                "x.yaml:1:9: not valid YAML: expected ',' or ']', but got '<stream end>'; "
                "look at the indentation, brackets and quotes here and just before"
            )
        ],
        id="open bracket",
    ),
    pytest.param(
        "a: {<<: 5}",
        ["x.yaml:1:5: a.<<: << takes a mapping, or a list of mappings; write <<: *anchor"],
        id="merge of a number",
    ),
    pytest.param(
        'a: "\\0"', ["x.yaml:1:4: a: the text holds the control character U+0000; take it out"], id="escaped control"
    ),
    pytest.param(
        'a: "\\ud800"', ["x.yaml:1:4: a: the text holds the control character U+D800; take it out"], id="half a pair"
    ),
    pytest.param(
        "a: 1\nb: \x01", ["x.yaml:2:4: the control character U+0001 is not allowed in YAML; take it out"], id="control"
    ),
    pytest.param(
        'a: "\\UFFFFFFFF"',
        [
            (
                "x.yaml:1:1: not valid YAML: an escape or a number is out of range "
                "(Python int too large to convert to C int)"
            )
        ],
        id="escape out of range",
    ),
    pytest.param(
        "[" * 50,
        [
            (
                "x.yaml:1:41: not valid YAML: more than 40 levels of nesting; "
                "look at the indentation, brackets and quotes here and just before"
            )
        ],
        id="too deep",
    ),
]


@pytest.mark.parametrize(("text", "complaints"), TEXTS)
def test_what_is_not_plain_data_is_refused_by_name(text: str, complaints: list[str]) -> None:
    assert told(text) == complaints


def test_one_bad_value_does_not_hide_the_next() -> None:
    assert told("a: .nan\nb: !!int 3\nc: 1\nc: 2") == [
        "x.yaml:1:4: a: .nan is not allowed; write a finite number",
        "x.yaml:2:4: b: the tag !!int is not taken; write plain values, text in quotes",
        "x.yaml:4:1: c: the key 'c' is here a second time (first on line 3); keep one of them",
    ]


def test_aliases_that_would_expand_without_end_are_refused_at_the_limit() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    (complaint,) = told("\n".join(lines))
    assert complaint.endswith(
        f": more than {MOST_NODES:,} values, aliases written out; put long lists into a file: {{file: values.txt}}"
    )


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text)
    assert [complaint.message for complaint in check(tmp_path / "x.yaml")] == [
        "this is empty; an experiment has parameters and axes: `sweep init` writes one to start from"
        if text != "---\n"
        else "an experiment is a mapping, lines of `key: value`; `sweep init` writes one to start from"
    ]


def test_a_file_that_is_not_there_or_not_text_is_one_complaint(tmp_path: Path) -> None:
    bad, big = tmp_path / "bad.yaml", tmp_path / "big.yaml"
    bad.write_bytes(b"a: 1\nb: \xff\n")
    big.write_bytes(b"#" * (1024 * 1024 + 1))
    found = [[str(complaint) for complaint in check(path)] for path in (tmp_path / "no.yaml", tmp_path, bad, big)]
    assert found == [
        [f"{tmp_path / 'no.yaml'}: there is no file {tmp_path / 'no.yaml'}; check the name and the folder"],
        [f"{tmp_path}: {tmp_path} is not a file; give the path of a file"],
        [f"{bad}:2:4: byte 0xff is not UTF-8; save the file as UTF-8"],
        [f"{big}: {big} has 1,048,577 bytes, more than the 1,048,576 allowed; make it smaller"],
    ]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfparameters:\r\n  model_id: m\r\n  prompt: p\r\n  width: 5\r\n")
    assert [str(complaint) for complaint in check(path)] == [
        f"{path}:4:10: parameters.width: 5 is below the minimum 256 (text2img)"
    ]


finite = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number == 0 or abs(number) > 1e-300)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20)
leaves = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | finite | texts
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20
)


@settings(max_examples=200, deadline=None)
@given(documents)
def test_what_json_says_is_read_as_json_reads_it(document: object) -> None:
    assert repr(value(json.dumps(document, ensure_ascii=False))) == repr(document)


words = st.sampled_from(
    "parameters axes zip exclude include when from to step count draw random lora strength file values set value label "
    "prompt seed width target url key report x limits extends {{ }} [ ] { } : , - & * ! | > ' \" # % <<: 1 -3 0.5 1e9 null"
    " true yes .nan a.csv".split()
)
glue = st.sampled_from([" ", "\n", "\n  ", ": ", "\n- ", ", "])


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.lists(words | glue, max_size=30).map("".join))
def test_no_text_is_answered_with_anything_but_an_experiment_or_complaints(text: str) -> None:
    try:
        loads(text, folder=Path("/nonexistent"))
    except ExperimentError as error:
        assert error.complaints  # noqa: PT017  # either answer is right; that there is no other is the promise


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["parameters", "axes", "exclude", "zip", "include", "report", "limits"]),
                       st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                           st.sampled_from(["prompt", "seed", "width", "a", "x", "from", "to", "step", "count", "set",
                                            "lora", "strength", "file", "value", "draw", "above", "not", "scheduler"]),
                           inner, max_size=4), max_leaves=20)))  # fmt: skip
def test_no_structure_is_answered_with_anything_but_an_experiment_or_complaints(document: object) -> None:
    try:
        loads(yaml.safe_dump(document), folder=Path("/nonexistent"))
    except ExperimentError as error:
        assert error.complaints  # noqa: PT017  # either answer is right; that there is no other is the promise
