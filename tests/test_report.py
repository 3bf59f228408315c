"""A book becomes one page: the same bytes for the same book, nothing lost on the way, and no word of it is markup."""

import base64
import hashlib
import html
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import accumulate, chain, repeat
from pathlib import Path
from typing import Any

import pytest
from books import axis, book, painted, tile, tiles
from hypothesis import given
from hypothesis import strategies as st

from runner.nouns import Layout, Picture, State
from runner.report import render, write
from runner.report.columns import blob, records, series
from runner.report.page import SCRIPTS
from runner.report.words import Block, blocks
from runner.shipped import shipped

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><b>",
    "<!--",
    "-->",
    "{{7*7}}",
    "{% raw %}",
    "__proto__",
    "\u2028\u202e",
    "\ud800",
)

TEXTS = st.text(max_size=6)
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9).map(lambda value: round(value, 2)) | TEXTS


class Elements(HTMLParser):
    """The elements of a page as a browser would find them: each tag, and the text of each script and style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.inside: dict[str, str] = {}
        self._name = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._name = str(dict(attrs).get("id", tag))

    def handle_data(self, data: str) -> None:
        self.inside[self._name] = self.inside.get(self._name, "") + data


def numbers(packed: Any) -> list[int]:
    """Read a series as the page's script does."""
    if isinstance(packed, list):
        return packed
    steps = chain.from_iterable(repeat(step, count) for step, count in zip(*[iter(packed["runs"])] * 2, strict=True))
    return list(accumulate(steps))


def read_records(packed: Any, digits: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Read records as the page's script does."""
    fields = dict(packed["fields"])
    return [
        {name: read_field(fields[name], row, digits) for name in packed["shapes"][shape]}
        for row, shape in enumerate(numbers(packed["shape"]))
    ]


def read_field(field: Any, row: int, digits: Sequence[Sequence[int]]) -> Any:
    if "each" in field:
        return field["each"][row]
    if "axis" in field:
        return field["values"][field["by"][digits[field["axis"]][row]]]
    return field["values"][numbers(field["at"])[row] if "at" in field else 0]


def data_of(page: str) -> Any:
    return json.loads(Elements(page).inside["data"])


def kind(value: object) -> tuple[str, object]:
    """What two values share when a reader cannot tell them apart: True is not 1."""
    return (type(value).__name__, value)


# --- columns ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(-3, 9), max_size=30))
def test_a_series_reads_back(given_numbers: list[int]) -> None:
    assert numbers(json.loads(json.dumps(series(given_numbers)))) == given_numbers


@given(st.data())
def test_records_read_back_whatever_keys_and_values_they_have(data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=8))
    digits = [data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows))) for _ in range(2)]
    found = read_records(json.loads(json.dumps(records(rows, digits))), digits)
    assert [{name: kind(value) for name, value in row.items()} for row in found] == [
        {name: kind(value) for name, value in row.items()} for row in rows
    ]


def test_a_run_of_equal_steps_is_said_as_a_run() -> None:
    assert series([0, 1, 2, 3, 3, 3, 3, 3]) == {"runs": [0, 1, 1, 3, 0, 4]}


@pytest.mark.parametrize(
    ("column", "field"),
    [
        pytest.param(["x", "x", "x", "x"], {"values": ["x"]}, id="the same everywhere is said once"),
        pytest.param(
            ["x", "y", "x", "y"], {"values": ["x", "y"], "axis": 0, "by": [-1, 0, 1]}, id="by an axis's point"
        ),
        pytest.param([7, 8, 9, 7], {"each": [7, 8, 9, 7]}, id="one by one where most differ"),
        pytest.param(["x", "y", "y", "x"], {"values": ["x", "y"], "at": [0, 1, 1, 0]}, id="by a dictionary"),
    ],
)
def test_a_field_is_said_in_the_shortest_form(column: list[object], field: object) -> None:
    assert records([{"name": value} for value in column], [[1, 2, 1, 2]])["fields"] == [["name", field]]


def test_numbers_that_a_script_cannot_hold_become_text() -> None:
    row: Mapping[str, object] = {"id": 2**60, "loss": float("nan"), "list": [float("inf"), {"deep": -(2**53)}]}
    (found,) = read_records(json.loads(json.dumps(records([row], []), allow_nan=False)), [])
    assert found == {"id": "1152921504606846976", "loss": "nan", "list": ["inf", {"deep": "-9007199254740992"}]}


def test_a_digest_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="digest 'abcd' has fewer than 16 hex digits; give the whole digest"):
        blob(["abcd"], 8)


# --- the document -----------------------------------------------------------------------------------------------------


def test_every_tile_reads_back_from_the_page(tmp_path: Path) -> None:
    axes = [axis("scheduler", ["A", "B", "C"]), axis("seed", [1, 2])]
    shown = list(tiles(axes, [painted(tmp_path, shade) for shade in range(3)]))
    shown[1] = replace(shown[1], state=State.REFUSED, reason="no", pictures=(), seconds=None, meta={})
    shown[2] = replace(shown[2], coordinates={"scheduler": "B"}, reused_from="atlas", attempts=3)
    data = data_of(render(book(axes, shown)))
    digits = [numbers(each) for each in data["digits"]]
    assert digits == [[1, 1, 2, 2, 3, 3], [1, 2, 0, 2, 1, 2]]
    assert read_records(data["request"], digits) == [each.request.parameters for each in shown]
    assert read_records(data["answer"], digits) == [each.meta for each in shown]
    assert read_records(data["facts"], digits)[:3] == [
        facts(shown[0]),
        facts(shown[1]) | {"state": "refused", "reason": "no", "milliseconds": None},
        facts(shown[2]) | {"reused": "atlas", "attempts": 3},
    ]


@pytest.mark.parametrize(
    ("digests", "size"),
    [
        pytest.param(["ab" * 32, "cd" * 32], 8, id="sixteen digits where they tell cells apart"),
        pytest.param(["ab" * 31 + "00", "ab" * 31 + "11"], 32, id="all of them where they do not"),
    ],
)
def test_a_digest_is_carried_as_far_as_it_is_needed(digests: list[str], size: int) -> None:
    shown = [replace(tile(0, {}), digest=digest) for digest in [*digests, digests[0]]]
    found = data_of(render(book([], shown)))["digests"]
    assert found["bytes"] == size
    assert base64.b64decode(found["base64"]).hex() == "".join(each.digest[: 2 * size] for each in shown)


def facts(shown: Any) -> dict[str, object]:
    return {
        "state": "made",
        "reason": "",
        "attempts": 1,
        "reused": "",
        "milliseconds": 500,
        "seed": shown.seed,
        "endpoint": "text2img",
        "repeat": 0,
    }


def test_a_picture_in_many_places_is_said_once(tmp_path: Path) -> None:
    first, second = painted(tmp_path, 1), painted(tmp_path, 2, (48, 32))
    shown = [tile(0, {}, (first, second)), tile(1, {}, (second,)), tile(2, {})]
    data = data_of(render(book([], shown)))
    assert base64.b64decode(data["pictures"]["sha256"]).hex() == first.sha256 + second.sha256
    assert [numbers(data["pictures"][name]) for name in ("width", "height")] == [[32, 48], [32, 32]]
    assert numbers(data["frames"]["counts"]) == [2, 1, 0]
    assert numbers(data["frames"]["pictures"]) == [0, 1, 1]


def test_a_tile_at_a_point_that_its_axis_does_not_have_is_refused() -> None:
    expected = "report: a tile lies at seed='3'; the axis has '1', '2': pass the plan's own axes"
    with pytest.raises(ValueError, match=re.escape(expected)):
        render(book([axis("seed", [1, 2])], [tile(1, {"seed": "3"})]))


def test_a_tile_on_an_axis_that_the_book_does_not_have_is_refused() -> None:
    expected = "report: a tile names ink; the axes are seed: pass them all"
    with pytest.raises(ValueError, match=re.escape(expected)):
        render(book([axis("seed", [1])], [tile(1, {"seed": "1", "ink": "0"})]))


def test_ten_thousand_tiles_with_a_prompt_and_a_picture_each_take_less_than_nine_tenths_of_a_megabyte() -> None:
    axes = [axis(name, range(10)) for name in ("a", "b", "c", "d")]
    digests = (hashlib.sha256(str(number).encode()).hexdigest() for number in range(10_000))
    pictures = [Picture(sha256=digest, width=512, height=512, size=400_000) for digest in digests]
    shown = [
        replace(each, digest=picture.sha256) for each, picture in zip(tiles(axes, pictures), pictures, strict=True)
    ]
    page_alone = len(render(book(axes, [])))
    assert len(render(book(axes, shown))) - page_alone < 900_000


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path: Path) -> str:
    axes = [axis(name, HOSTILE) for name in ("subject", "<b>axis</b>")]
    shown = [replace(each, reason=each.coordinates["subject"]) for each in tiles(axes, [painted(tmp_path, 1)])]
    words = "\n\n".join(HOSTILE)
    return render(
        book(
            axes,
            shown,
            title=HOSTILE[0],
            description=words,
            notes=HOSTILE,
            facts=dict(zip(HOSTILE, HOSTILE, strict=True)),
        )
    )


def test_the_same_book_gives_the_same_page(tmp_path: Path) -> None:
    axes = [axis("seed", [1, 2])]
    shown = list(tiles(axes, [painted(tmp_path, 1)]))
    assert render(book(axes, shown)) == render(book(axes, iter(shown)))


def test_no_word_of_a_book_becomes_an_element(page: str, tmp_path: Path) -> None:
    plain = render(book([axis("seed", [1])], list(tiles([axis("seed", [1])], [painted(tmp_path, 1)]))))
    assert set(Elements(page).tags) - set(Elements(plain).tags) == {"details", "summary", "ul", "li", "dl", "dt", "dd"}
    assert Elements(page).tags.count("script") == 2
    assert not [name for name, _ in Elements(page).attributes if name.startswith("on") or name == "style"]


def test_hostile_labels_read_back_from_the_page(page: str) -> None:
    text = Elements(page).inside["data"]
    assert not set(text) & set("<>&")
    assert text.isascii()
    assert [point for (point,) in json.loads(text)["axes"][0]["points"]] == list(HOSTILE)


def test_hostile_words_in_the_head_are_escaped(page: str) -> None:
    assert f"<h1><bdi>{html.escape(HOSTILE[0])}</bdi></h1>" in page
    assert f'<p dir="auto">{html.escape(HOSTILE[1]).replace("&quot;", "&#34;")}</p>' in page


def test_the_policy_allows_this_style_and_this_script_by_their_digests_alone(page: str) -> None:
    (said,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    assert html.unescape(said).split("; ") == [
        "default-src 'none'",
        "img-src 'self' file: data:",
        f"style-src 'sha256-{digests[0]}'",
        f"script-src 'sha256-{digests[1]}'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]


def test_no_two_scripts_of_the_page_declare_the_same_name() -> None:
    texts = [(shipped("reports", "page") / name).read_text("utf-8") for name in SCRIPTS]
    declared = re.findall(r"^(?:async )?(?:function\*?|const|let|class) (\w+)", "\n".join(texts), flags=re.MULTILINE)
    assert [name for name, times in Counter(declared).items() if times > 1] == []
    assert len(declared) > 300


def test_the_page_is_written_whole_and_holds_everything_but_pictures(tmp_path: Path) -> None:
    path = write(book([], [tile(1, {}, (painted(tmp_path, 1),))], title="\ud800"), tmp_path / "report")
    assert path == tmp_path / "report" / "index.html"
    assert [each.name for each in path.parent.iterdir()] == ["index.html"]
    assert not re.findall(r'(?:src|href)="(?!#|data:image/svg)', path.read_text("utf-8"))


def test_a_cell_in_two_places_is_counted_once() -> None:
    axes = [axis("seed", [1, 2, 3])]
    shown = [tile(number, {"seed": str(number)}) for number in (1, 2, 3)]
    text = render(book(axes, [shown[0], shown[1], replace(shown[2], digest=shown[1].digest)]))
    assert "<strong>2</strong> cells" in text
    assert "<strong>2</strong> pending" in text


def test_a_note_that_a_run_is_partial_stands_out() -> None:
    text = render(book([], [], notes=["PARTIAL: stopped by a limit", "2 combinations left out"]))
    assert re.findall(r'<li class="(\w+)" dir="auto">([^<]*)', text) == [
        ("loud", "PARTIAL: stopped by a limit"),
        ("quiet", "2 combinations left out"),
    ]


def test_the_page_starts_with_the_layout_of_the_file() -> None:
    layout = Layout(x="ink", rows="seed", baseline={"ink": "0"})
    data = data_of(render(book([axis("ink", [0])], [], layout=layout)))
    assert (data["layout"], data["baseline"]) == ({"x": "ink", "y": "", "columns": "", "rows": "seed"}, [["ink", "0"]])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param(
            "one\ntwo\n\nthree", (Block("paragraph", ("one two",)), Block("paragraph", ("three",))), id="paragraphs"
        ),
        pytest.param("# Why\nso", (Block("heading", ("Why",)), Block("paragraph", ("so",))), id="heading"),
        pytest.param(
            "see:\n- a\n  more\n* b", (Block("paragraph", ("see:",)), Block("list", ("a more", "b"))), id="list"
        ),
        pytest.param("*so* -5 #3", (Block("paragraph", ("*so* -5 #3",)),), id="marks inside a line stay"),
    ],
)
def test_a_description_becomes_blocks_of_text(text: str, expected: tuple[Block, ...]) -> None:
    assert blocks(text) == expected


def test_only_a_tile_with_flags_carries_them(tmp_path: Path) -> None:
    picture = painted(tmp_path, 1)
    shown = [tile(0, {}, (picture,), flags=("32×32, asked 256×256",)), tile(1, {}, (picture,))]

    assert read_records(data_of(render(book([], shown)))["facts"], []) == [
        facts(shown[0]) | {"flags": ["32×32, asked 256×256"]},
        facts(shown[1]),
    ]
