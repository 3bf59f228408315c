"""A run as a grid of small pictures inside a notebook."""

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from plans import axis, plan, variable

from runner.errors import InputError
from runner.ledger import Standing
from runner.notebook import MOST, grid
from runner.nouns import Layout, Picture, State
from runner.vault import Vault, thumbnail_path

HOSTILE = '<script>alert("1")</script>'


def painted(run: Path, shade: int) -> Picture:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (shade, 0, 0)).save(buffer, "PNG")
    return Vault(run).put(buffer.getvalue())


def test_pictures_stand_at_their_points_and_what_is_not_made_says_why(tmp_path: Path) -> None:
    found = plan(axis("guidance_scale", 2, 5), axis("seed", 1, 2))
    first, *_ = found.cells()
    stands = {first.digest: Standing(state=State.MADE, pictures=(painted(tmp_path, 9),))}
    html = grid(tmp_path, found, stands, ("guidance_scale", "seed"), {})._repr_html_()
    assert re.findall(r"<th>(.*?)</th>", html) == ["", "2", "5", "1", "2"]
    (shown,) = re.findall(r'src="data:image/webp;base64,(.*?)"', html)
    assert base64.b64decode(shown) == (tmp_path / thumbnail_path(stands[first.digest].pictures[0].sha256)).read_bytes()
    assert html.count("<td>pending</td>") == 3


def test_the_other_axes_are_held_where_they_are_asked_for_else_at_the_baseline(tmp_path: Path) -> None:
    found = plan(axis("guidance_scale", 2, 5), axis("seed", 1, 2), report=Layout(baseline={"seed": "2"}))
    assert grid(tmp_path, found, {}, ("guidance_scale", ""), {}).title == "seed 2"
    assert grid(tmp_path, found, {}, ("guidance_scale", ""), {"seed": "1"}).title == "seed 1"


def test_labels_are_text(tmp_path: Path) -> None:
    found = plan(variable("subject", HOSTILE, "house"), axis("seed", 1))
    html = grid(tmp_path, found, {}, ("subject", "seed"), {})._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;" in html


def test_a_large_grid_shows_some_and_says_so(tmp_path: Path) -> None:
    found = plan(axis("seed", *range(30)), axis("guidance_scale", *range(1, 20)))
    shown = grid(tmp_path, found, {}, ("seed", "guidance_scale"), {})
    assert len(shown.columns) * len(shown.rows) == 390 <= MOST
    assert shown.note == "390 of 570 places; the page of the run shows all"


@pytest.mark.parametrize(
    ("roles", "at", "message"),
    [
        (("sed", ""), {}, "grid: 'sed' is no axis of this run; did you mean 'seed'?"),
        (("", ""), {"seed": "3"}, "grid: seed has no point '3'; known are 1, 2"),
    ],
)
def test_an_axis_or_a_point_that_is_not_there_is_said(
    roles: tuple[str, str], at: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        grid(tmp_path, plan(axis("seed", 1, 2)), {}, roles, at)
    assert str(caught.value) == message
