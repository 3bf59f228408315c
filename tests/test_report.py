"""A book becomes one page: the same bytes for the same book, and nothing in it is markup but our own."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from books import axis, book, painted, tile, tiles

from runner.nouns import Layout
from runner.report import render, write


@pytest.fixture
def page(tmp_path: Path) -> str:
    axes = [axis("scheduler", ["A", "</script><b>"]), axis("seed", [1, 2])]
    shown = list(tiles(axes, [painted(tmp_path, 1), painted(tmp_path, 2)]))
    return render(book(axes, shown, layout=Layout(x="scheduler"), description="# Why\n\n<i>so</i>\n\n- one\n- two"))


def test_the_same_book_gives_the_same_page(tmp_path: Path) -> None:
    axes = [axis("seed", [1, 2])]
    shown = list(tiles(axes, [painted(tmp_path, 1)]))
    assert render(book(axes, shown)) == render(book(axes, shown))


def test_the_policy_allows_this_style_and_this_script_by_their_digests_alone(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    said = policy[1].replace("&#39;", "'")
    assert said.startswith("default-src 'none'; img-src 'self' file: data:; ")
    for element in ("style", "script"):
        text = re.search(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        assert text
        digest = base64.b64encode(hashlib.sha256(text[1].encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in said


def test_data_lies_in_the_page_as_json_without_a_bracket(page: str) -> None:
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert data
    assert "<" not in data[1]
    document = json.loads(data[1])
    assert [each["name"] for each in document["axes"]] == ["scheduler", "seed"]
    assert document["axes"][0]["points"] == [["A"], ["</script><b>"]]
    assert (document["count"], document["layout"]["x"]) == (4, "scheduler")


def test_a_description_becomes_paragraphs_and_lists_and_never_markup(page: str) -> None:
    words = re.search(r'<div class="words">(.*?)</div>', page, re.DOTALL)
    assert words
    assert words[1].split() == "<h2>Why</h2> <p>&lt;i&gt;so&lt;/i&gt;</p> <ul><li>one</li><li>two</li></ul>".split()


def test_a_tile_at_a_point_that_its_axis_does_not_have_is_refused() -> None:
    with pytest.raises(
        ValueError, match="report: a tile lies at seed='3'; the axis has '1', '2': pass the plan's own axes"
    ):
        render(book([axis("seed", [1, 2])], [tile(1, {"seed": "3"})]))


def test_the_page_is_written_whole_beside_its_pictures(tmp_path: Path) -> None:
    path = write(book([], [tile(1, {}, (painted(tmp_path, 1),))]), tmp_path / "report")
    assert path == tmp_path / "report" / "index.html"
    assert [each.name for each in path.parent.iterdir()] == ["index.html"]


def test_ten_thousand_tiles_take_little_room(tmp_path: Path) -> None:
    axes = [axis(name, range(10)) for name in ("a", "b", "c", "d")]
    shown = list(tiles(axes, [painted(tmp_path, shade) for shade in range(4)]))
    assert len(render(book(axes, shown))) < 900_000
