"""Out of the page: the view as a contact sheet, each picture where its points cross."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from alike import PILES
from books import axis, book, painted, tiles
from browser.looking import Visit, served
from browser.saving import (
    ALL_SEEDS,
    GAP,
    LABELS,
    MARGIN,
    SIZE,
    Cats,
    middles,
    over_http,
    run_of_cats,
    saved,
    sheet,
    table,
)
from commands import sweep
from PIL import Image
from playwright.sync_api import Browser, expect

from runner.folder import RunFolder
from runner.nouns import Layout, Picture
from runner.report import write

pytestmark = pytest.mark.browser

cats = pytest.fixture(scope="module")(run_of_cats)


def test_the_sheet_shows_each_picture_where_its_points_cross_and_says_what_it_is(cats: Cats, chromium: Browser) -> None:
    with over_http(cats, chromium, "#v=1&at.seed=2") as page:
        image = sheet(page)
        expect(page.locator("#save [role=status]").last).to_have_text("Saved one page.")
    expected = {
        (x, y): (cats.shades[scheduler, subject, "2"], 80, 160)
        for x, scheduler in enumerate(("DDIMScheduler", "LCMScheduler"))
        for y, subject in enumerate(LABELS)
    }
    found = middles(image, 2, len(LABELS))
    assert {cell: found[cell] for cell in expected if cell != (1, 6)} == {
        cell: colour for cell, colour in expected.items() if cell != (1, 6)
    }
    assert found[1, 6] == (0xF1, 0xF1, 0xEF)  # not tried: a grey card
    assert (image.info["Title"], image.info["Software"]) == ("Which cat?", "sweeprunner")
    facts = json.loads(str(image.info["sweeprunner"]))
    plan = RunFolder(cats.path).plan().digest
    assert facts.pop("view").startswith("#v=1&x=scheduler&y=subject")
    assert facts == {
        "held": {"seed": "2"},
        "page": 1,
        "pages": 1,
        "plan": plan,
        "roles": {"x": "scheduler", "y": "subject"},
        "run": "cats",
    }


def test_a_sheet_is_as_large_as_the_command_s_but_for_the_width_of_letters(
    cats: Cats, chromium: Browser, tmp_path: Path
) -> None:
    with over_http(cats, chromium) as page:
        image = sheet(page)
    assert sweep("sheet", cats.path, "--x", "scheduler", "--y", "subject", "--out", tmp_path / "a.png").code == 0
    with Image.open(tmp_path / "a.png") as other:
        assert image.height == other.height
        assert abs(image.width - other.width) < 40


def test_what_the_filter_leaves_out_is_not_on_the_sheet(cats: Cats, chromium: Browser) -> None:
    with over_http(cats, chromium, "#v=1&at.seed=1&only=scheduler%3DLCMScheduler") as page:
        image = sheet(page)
    with over_http(cats, chromium, "#v=1&at.seed=1&only=seconds%3E5") as page:
        part = middles(sheet(page), 2, len(LABELS))
    assert [part[0, y] for y in range(4)] == [(255, 255, 255)] * 3 + [
        (cats.shades["DDIMScheduler", LABELS[3], "1"], 80, 160)
    ]
    found = middles(image, 1, len(LABELS))
    assert [found[0, y] for y in range(6)] == [(cats.shades["LCMScheduler", each, "1"], 80, 160) for each in LABELS[:6]]


def test_points_that_are_piled_up_are_a_mosaic_on_the_sheet(cats: Cats, chromium: Browser) -> None:
    with over_http(cats, chromium, ALL_SEEDS) as page:
        shown = sheet(page).convert("RGB")
    wide, high = SIZE[0] + GAP, SIZE[1] // 2 + GAP
    left, second = shown.width - MARGIN + GAP - 2 * wide, shown.height - MARGIN + GAP - (len(LABELS) - 1) * high
    halves = [shown.getpixel((left + wide + at, second + SIZE[1] // 4)) for at in (60, 190)]
    assert halves == [(cats.shades["LCMScheduler", "@x", seed], 80, 160) for seed in ("1", "2")]


def test_a_row_of_the_sheet_is_as_high_as_the_pictures_in_its_cells_and_so_is_that_of_the_command(
    cats: Cats, chromium: Browser, tmp_path: Path
) -> None:
    with over_http(cats, chromium, ALL_SEEDS) as page:
        drawn = sheet(page).convert("RGB")
    words = ("--x", "scheduler", "--y", "subject", "--at", "seed=*", "--out", tmp_path / "a.png")
    assert sweep("sheet", cats.path, *words).code == 0
    commanded = Image.open(tmp_path / "a.png").convert("RGB")
    assert drawn.height == commanded.height
    # Three pictures in the first row, two in the others: one of those stands in two lines, and of these in one.
    heights = [SIZE[1], *[SIZE[1] // 2] * (len(LABELS) - 1)]
    for shown in (drawn, commanded):
        left, bottom = shown.width - MARGIN - 2 * SIZE[0] - GAP, shown.height - MARGIN
        top = bottom - sum(heights) - GAP * (len(heights) - 1)
        for row, height in enumerate(heights):
            edges = [top + 1, top + height - 4]
            shade = cats.shades["DDIMScheduler", LABELS[row], "1"]
            assert shown.getpixel((left + 30, edges[0])) == (shade, 80, 160)
            assert shown.getpixel((left + 30, edges[1]))[1:] == (80, 160)  # type: ignore[index]  # an RGB picture
            top += height + GAP


def test_many_pictures_in_each_cell_leave_no_line_of_it_blank(
    run: Path, report: Callable[[], Path], pictures: Mapping[str, Picture], chromium: Browser
) -> None:
    heights = {}
    for count in PILES:
        axes = [axis("a", range(2)), axis("repeat", range(count))]
        path = write(book(axes, list(tiles(axes, [pictures["shade 3"]])), layout=Layout(x="a")), report())
        with served(run) as url:
            page = chromium.new_page()
            page.goto(f"{url}/{path.parent.name.replace(' ', '%20')}/index.html#v=1&x=a&y=&all=repeat")
            page.keyboard.press("s")
            page.select_option("#save-size", "128")
            shown = Image.open(io.BytesIO(saved(page, "PNG")[1])).convert("RGB")
            page.close()
        middle = [shown.getpixel((shown.width - MARGIN - 120, y)) for y in range(shown.height)]
        heights[count] = shown.height - MARGIN - next(y for y, colour in enumerate(middle) if colour == (90, 80, 160))
    assert heights == PILES


def test_the_colours_of_a_number_frame_the_cells_of_the_sheet(cats: Cats, chromium: Browser) -> None:
    with over_http(cats, chromium, "#v=1&at.seed=1&colour=seconds") as page:
        shown = sheet(page).convert("RGB")
    wide, high = SIZE[0] + GAP, SIZE[1] + GAP
    left, top = shown.width - MARGIN + GAP - 2 * wide, shown.height - MARGIN + GAP - len(LABELS) * high
    assert shown.getpixel((left, top + 100)) == (0xFE, 0xE8, 0x38)  # the least of the run
    blue = [int(shown.getpixel((left + wide, top + y * high + 100))[2]) for y in range(6)]  # type: ignore[index]
    assert len(set(blue)) == 6
    legend = {shown.getpixel((x, 80)) for x in range(MARGIN, 400)}
    assert any(red > 240 and green > 220 and blue < 80 for red, green, blue in legend)  # type: ignore[misc]


def test_a_difference_to_the_baseline_is_black_where_they_agree(cats: Cats, chromium: Browser) -> None:
    with over_http(cats, chromium, "#v=1&at.seed=1&versus=baseline") as page:
        found = middles(sheet(page), 2, len(LABELS))
    assert found[0, 1] == (0, 0, 0)
    apart = cats.shades["LCMScheduler", "@x", "1"] - cats.shades["DDIMScheduler", "@x", "1"]
    assert found[1, 1] == (min(255, 3 * apart), 0, 0)


def test_a_list_is_drawn_in_its_order(cats: Cats, chromium: Browser) -> None:
    fragment = (
        "#v=1&x=&y=&columns=&rows=&all=scheduler&all=subject&all=seed&sort=list&sort-by=seconds&falling=yes&zoom=512"
    )
    with over_http(cats, chromium, fragment) as page:
        shown = sheet(page).convert("RGB")
        rows = list(csv.DictReader(io.StringIO(table(page))))
    seconds = [float(row["seconds"]) for row in rows if row["seconds"]]
    assert all(one >= other for one, other in pairwise(seconds))
    top = shown.height - MARGIN - 14 * (256 + 20) - 13 * GAP
    first = [shown.getpixel((MARGIN + x * (256 + GAP) + 128, top + 128)) for x in range(2)]
    assert first == [(225, 80, 160), (216, 80, 160)]
    assert shown.getpixel((MARGIN + 10, shown.height - MARGIN - 30)) == (0xF1, 0xF1, 0xEF)


def test_a_view_that_one_canvas_does_not_hold_is_several_pages_in_a_zip(
    run: Path, report: Callable[[], Path], chromium: Browser
) -> None:
    axes = [axis("a", range(10)), axis("b", range(30))]
    shades = [painted(run, shade) for shade in range(256)]
    path = write(book(axes, list(tiles(axes, shades)), layout=Layout(x="a", y="b")), report())
    with served(run) as url:
        page = chromium.new_page()
        page.goto(f"{url}/{path.parent.name.replace(' ', '%20')}/index.html")
        page.keyboard.press("s")
        expect(page.locator("#save")).to_contain_text("2 pages, together in a ZIP.")
        name, data = saved(page, "PNG")
        expect(page.locator("#save [role=status]").last).to_have_text("Saved 2 pages.")
        page.close()
    assert name == "test-sheet.zip"
    seen: list[tuple[int, ...]] = []
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.namelist() == ["test-sheet.png", "test-sheet-2.png"]
        for number, name in enumerate(opened.namelist(), 1):
            image = Image.open(io.BytesIO(opened.read(name)))
            assert image.width * image.height <= 16_000_000
            assert json.loads(str(image.info["sweeprunner"]))["page"] == number
            side = 256 + GAP
            shown = image.convert("RGB")
            left = shown.width - MARGIN + GAP - 10 * side + 128
            for top in range(shown.height - MARGIN - 128, 128, -side):
                seen += [shown.getpixel((left + x * side, top)) for x in range(10)]  # type: ignore[misc]
    assert {colour[0] for colour in seen if colour[1:] == (80, 160)} == set(range(256))
    assert sum(colour[1:] == (80, 160) for colour in seen) == 300


def test_a_sheet_of_more_pages_than_anyone_reads_is_refused_before_it_is_drawn(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("a", range(120)), axis("b", range(120))]
    page = visit(write(book(axes, list(tiles(axes, [pictures["large"]])), layout=Layout(x="a", y="b")), report()))
    page.keyboard.press("s")
    page.select_option("#save-size", "512")
    said = "360 pages, at most 200 are made: choose a smaller size, or show fewer cells."
    expect(page.locator("#save section").first).to_contain_text(said)
    expect(page.get_by_role("button", name="Save PNG")).to_be_disabled()
