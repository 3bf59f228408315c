"""Many pictures become one: contact sheets with whole labels and films along an axis, whatever the labels say."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from alike import PILES, TOLD
from commands import sweep
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from runner.album import View, paginate
from runner.album.lettering import lines, spelled, visible
from runner.album.sheet import MOST_PIXELS, MOST_SIDE
from runner.album.views import Tile
from runner.errors import InputError
from runner.infotext import EXACT
from runner.ledger import PENDING
from runner.nouns import Axis, Picture, Point, Request
from runner.plan import Placement

FILE = """
name: cats
title: Which cat?
target: sketch
parameters: {model_id: any, prompt: "a {{ mood }} {{ subject }} cat", width: 512, height: 256}
axes:
  scheduler: [EulerAncestralDiscreteScheduler, DDIMScheduler]
  guidance_scale: [2, 5, 7.5]
  subject: [red, "猫 <b> \\u202e=1+1"]
  mood: [calm, wild]
zip: [[subject, mood]]
exclude: [{scheduler: DDIMScheduler, guidance_scale: 5}]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sheet")
    (folder / "cats.yaml").write_text(FILE)
    assert sweep("run", folder / "cats.yaml", "--out", folder / "run").code == 0
    return folder / "run"


def facts(path: Path) -> dict[str, object]:
    with Image.open(path) as sheet:
        found: dict[str, object] = json.loads(str(sheet.info[EXACT]))
    return found


# --- what stands where --------------------------------------------------------------------------------------------


def test_without_axes_the_longest_goes_down_the_next_across_and_the_others_are_held(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    assert sweep("sheet", run, "--out", out).out.replace("\n", "") == str(out)
    said = facts(out)
    assert said["roles"] == {"y": "guidance_scale", "x": "scheduler"}
    assert said["held"] == {"subject": "red"}
    assert (said["run"], said["page"], said["pages"]) == ("cats", 1, 1)


def test_an_axis_in_lockstep_with_one_that_is_placed_or_held_is_not_held_itself(run: Path, tmp_path: Path) -> None:
    for words, held in (
        (("--x", "subject"), {"scheduler": "EulerAncestralDiscreteScheduler", "guidance_scale": "2"}),
        (("--x", "scheduler", "--at", "mood=wild"), {"mood": "wild", "guidance_scale": "2"}),
        (("--x", "scheduler", "--at", "subject=*"), {"guidance_scale": "2"}),
    ):
        assert sweep("sheet", run, "--out", tmp_path / "a.png", *words).code == 0
        assert facts(tmp_path / "a.png")["held"] == held


def test_a_sheet_shows_the_pictures_where_their_points_cross_and_nothing_where_no_cell_is(
    run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a.png"
    done = sweep("sheet", run, "--x", "scheduler", "--y", "guidance_scale", "--size", "256", "--out", out)
    assert done.code == 0
    with Image.open(out) as drawn:
        sheet = drawn.convert("RGB")
    left, top = sheet.width - 24 - 2 * 256 - 8, sheet.height - 24 - 3 * 128 - 2 * 8
    cells = {
        (column, row): sheet.crop((at := left + 264 * column, down := top + 136 * row, at + 256, down + 128))
        for column in range(2)
        for row in range(3)
    }
    blank = {place for place, cell in cells.items() if cell.getcolors() == [(256 * 128, (255, 255, 255))]}
    assert blank == {(1, 1)}
    assert len({cell.tobytes() for cell in cells.values()}) == 6


def test_only_leaves_other_cells_out(run: Path, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.png", tmp_path / "part.png"
    sweep("sheet", run, "--out", whole)
    assert sweep("sheet", run, "--only", "guidance_scale>2", "--out", part).code == 0
    with Image.open(whole) as three, Image.open(part) as two:
        assert three.height - two.height == 128 + 8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--x", "sched"), "--x: 'sched' is no axis of this run; did you mean 'scheduler'?"),
        (("--at", "mood=odd"), "--at: mood has no point 'odd'; known are calm, wild"),
        (("--at", "mood"), "--at: 'mood' is no term; write axis=label, such as --at seed=42"),
        (
            ("--x", "mood", "--y", "mood"),
            "--x: mood stands at --y too; an axis has one place: leave one of them out",
        ),
        (
            ("--x", "mood", "--at", "mood=calm"),
            "--x: mood stands at --at too; an axis has one place: leave one of them out",
        ),
        (("--out", "a.jpg"), "sheet: 'a.jpg' is no PNG; name a file that ends in .png"),
        (
            ("--x", "mood", "--at", "scheduler=DDIMScheduler", "--at", "guidance_scale=5"),
            "sheet: no cell lies at the held points; name others with --at, `sweep plan` lists them",
        ),
    ],
)
def test_a_view_that_is_none_is_refused_in_one_line(words: Sequence[str], message: str, run: Path) -> None:
    done = sweep("sheet", run, *words)
    assert (done.code, done.err) == (2, f"{message}\n")


# --- words --------------------------------------------------------------------------------------------------------


@given(st.text(max_size=200), st.integers(20, 400), st.integers(1, 4))
def test_words_are_never_wider_than_their_room_nor_longer_than_their_lines(text: str, width: int, most: int) -> None:
    said, font = spelled(text, 14)
    broken = lines(said, font, width, most)
    assert 1 <= len(broken) <= most
    assert all(font.getlength(line) <= width or len(line) == 1 for line in broken)
    whole = "".join("".join(broken).split())
    assert "".join(said.split()).startswith(whole.removesuffix("…"))


def test_names_break_where_a_reader_would_break_them() -> None:
    text, font = spelled("EulerAncestralDiscreteScheduler guidance_scale", 14)
    assert lines(text, font, 130, 9) == ("EulerAncestral", "DiscreteScheduler", "guidance_scale")
    assert lines(text, font, 116, 2) == ("EulerAncestral", "DiscreteSchedul…")


def test_letters_that_no_font_here_has_are_spelled_out_and_control_characters_vanish() -> None:
    assert spelled("c \U0001f9ff", 14)[0] in ("c \\U0001f9ff", "c \U0001f9ff")
    assert spelled("c \uffef", 14)[0] == "c"
    assert spelled("a\u202eb \n c", 14)[0] == "a b c"
    assert spelled("", 14)[0] == "(empty)"


@pytest.mark.parametrize(("label", "told"), TOLD)
def test_a_label_of_which_nothing_is_seen_is_told_as_on_the_page(label: str, told: str) -> None:
    assert visible(label) == told
    assert spelled(label, 14)[0] == told.strip()


@pytest.mark.parametrize("roles", [("x", "y"), ("columns", "rows")])
def test_a_sheet_of_blank_labels_is_one_of_what_they_are_told_as(roles: tuple[str, str], tmp_path: Path) -> None:
    def drawn(labels: Sequence[str]) -> bytes:
        axes = {role: Axis(name=role, points=tuple(Point(label=label) for label in labels)) for role in roles}
        places = [
            ((0, column), (0, row)) if "x" in roles else ((column, 0), (row, 0)) for column in (1, 2) for row in (1, 2)
        ]
        view = View(roles=axes, held={"sky": labels[2]})
        (page,) = paginate(tmp_path, "", view, {place: [tile_of("0" * 64)] for place in places}, size=96)
        return page.draw().tobytes()

    assert drawn(["", "  ", "\u200b"]) == drawn(["(empty)", "(2 spaces)", "(U+200B)"])


# --- piles --------------------------------------------------------------------------------------------------------


def test_a_row_of_a_sheet_is_as_high_as_the_pictures_in_its_cells(tmp_path: Path) -> None:
    picture = Picture(sha256="0" * 64, width=512, height=512, size=1)

    def height(count: int) -> int:
        view = View(roles={"y": Axis(name="y", points=(Point(label="1"),))})
        piled = [replace(tile_of("0" * 64), standing=replace(PENDING, pictures=(picture,)))] * count
        (page,) = paginate(
            tmp_path, "", view, {((0, 0), (0, 1)): piled, ((0, 1), (0, 1)): [tile_of("1" * 64)]}, size=128
        )
        return page.height

    assert {count: height(count) - height(1) + 128 for count in PILES} == PILES


# --- size ---------------------------------------------------------------------------------------------------------


def tile_of(digest: str) -> Tile:
    request = Request(endpoint="text2img", parameters={})
    return Tile(placement=Placement({}, digest, request), standing=PENDING)


def grid(columns: int, rows: int) -> tuple[View, dict[tuple[tuple[int, int], tuple[int, int]], list[Tile]]]:
    axes = {
        role: Axis(name=role, points=tuple(Point(label=str(point)) for point in range(size)))
        for role, size in (("x", columns), ("y", rows))
    }
    tile = tile_of("0" * 64)
    places = [((0, column), (0, row)) for column in range(1, columns + 1) for row in range(1, rows + 1)]
    return View(roles=axes), {place: [tile] for place in places}


@settings(max_examples=25)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([48, 256, 2048]))
def test_no_page_is_larger_than_programs_open_and_every_cell_is_on_one(columns: int, rows: int, size: int) -> None:
    view, tiles = grid(columns, rows)
    try:
        pages = paginate(Path("run"), "title", view, tiles, size=size)
    except InputError as error:
        assert "pages, at most 200 are made; choose a smaller --size" in str(error)  # noqa: PT017  # either is a promise
        return
    assert all(page.width * page.height <= MOST_PIXELS for page in pages)
    assert all(max(page.width, page.height) <= MOST_SIDE for page in pages)
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))


def test_a_sheet_that_one_page_does_not_hold_is_written_on_several(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.album.sheet.MOST_PIXELS", 300_000)
    done = sweep("sheet", run, "--x", "scheduler", "--y", "guidance_scale", "--out", tmp_path / "a.png")
    pages = [tmp_path / "a.png", tmp_path / "a-2.png"]
    assert done.out.splitlines() == [str(page) for page in pages]
    assert [facts(page)["pages"] for page in pages] == [2, 2]


# --- films --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".webp", ".apng", ".png"])
def test_a_film_has_a_frame_for_each_point_of_its_axis(ending: str, run: Path, tmp_path: Path) -> None:
    out = tmp_path / f"film{ending}"
    done = sweep("animate", run, "--along", "guidance_scale", "--out", out, "--ms", "250", "--at", "mood=wild")
    assert (done.code, done.out.replace("\n", "")) == (0, str(out))
    with Image.open(out) as film:
        assert (film.n_frames, film.info["loop"], film.size) == (3, 0, (512, 256 + 33))
        frames = []
        for place in range(3):
            film.seek(place)
            film.load()
            assert film.info["duration"] == 250
            frames.append(film.convert("RGB").tobytes())
    assert len(set(frames)) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--along", "mood", "--out", "a.gif"),
            "animate: '.gif' is no animation; name a file that ends in .webp or .apng",
        ),
        (
            ("--along", "mood", "--out", "a.webp", "--only", "mood=calm"),
            "animate: 1 of its points have a cell here, and a film needs two; name another --along",
        ),
    ],
)
def test_a_film_that_cannot_be_is_refused_in_one_line(words: Sequence[str], message: str, run: Path) -> None:
    done = sweep("animate", run, *words)
    assert (done.code, done.err) == (2, f"{message}\n")
