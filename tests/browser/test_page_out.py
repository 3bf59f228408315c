"""Out of the page: the view as a contact sheet, its pictures as a ZIP, its table as CSV, and the commands for the same."""

import csv
import io
import json
import shlex
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from books import axis, book, painted, tile, tiles
from browser.looking import CELLS, Visit, served, words
from commands import sweep
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import runner
from runner.folder import RunFolder
from runner.ledger import Ledger
from runner.nouns import Concern, Layout, Made, Picture, Refused
from runner.ratings import Mark, Ratings
from runner.report import write
from runner.vault import image_path
from runner.verbs import exported

pytestmark = pytest.mark.browser

FILE = r"""
name: cats
title: Which cat?
target: sketch
parameters: {model_id: any, prompt: "{{ subject }} cat", width: 256, height: 256, guidance_scale: 7}
axes:
  scheduler: [DDIMScheduler, LCMScheduler]
  subject: ["=1+1", "@x", "say \"hi\"\nthere", "../../etc/passwd", "CON<>:|?*", "猫½ ", "a, b"]
  seed: [1, 2]
report: {x: scheduler, y: subject, baseline: {scheduler: DDIMScheduler}}
"""
LABELS = ("=1+1", "@x", 'say "hi" there', "../../etc/passwd", "CON<>:|?*", "猫½", "a, b")
ALL_SEEDS = "#v=1&all=seed"
MEASURED = {"brightness", "contrast", "colourfulness", "sharpness", "difference", "ssim", "phash"}
SIZE, MARGIN, GAP = (256, 192), 24, 8


@dataclass(frozen=True)
class Cats:
    """A run of 28 cells: the first has two pictures, the one before the last was refused, the last was not tried."""

    path: Path
    shades: Mapping[tuple[str, str, str], int]

    @property
    def page(self) -> Path:
        return self.path / "report" / "index.html"


@pytest.fixture(scope="module")
def cats(tmp_path_factory: pytest.TempPathFactory) -> Cats:
    path = tmp_path_factory.mktemp("cats") / "my run's"
    path.mkdir()
    (path.parent / "cats.yaml").write_text(FILE)
    folder = RunFolder(path)
    plan = runner.prepare(path.parent / "cats.yaml")
    folder.freeze(plan, {})
    shades = {}
    with Ledger(folder.ledger_path) as ledger:
        for number, cell in enumerate(plan.cells()):
            shade = 9 * number
            pictures = tuple(painted(path, shade + more, (64, 48)) for more in range(2 if number == 0 else 1))
            made = Made(pictures=pictures, meta={"seed": 7}, seconds=0.5 + number, seed=7)
            refused = Refused(concern=Concern.CELL, message="=bad,\nvery")
            if number < 27:
                ledger.finish(ledger.begin(cell, now=1.0), made if number < 26 else refused, now=2.0)
            shades[tuple(cell.coordinates.values())] = shade
    runner.render(path)
    return Cats(path, shades)  # type: ignore[arg-type]  # each cell has a point of each of the three axes


@contextmanager
def over_http(cats: Cats, chromium: Browser, fragment: str = "") -> Iterator[Page]:
    with served(cats.path) as url:
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{url}/report/index.html{fragment}")
        yield page
        page.close()
        assert complaints == []


def saved(page: Page, what: str) -> tuple[str, bytes]:
    """Open the dialog where it is not open, and save something; return what the file is called and what it holds."""
    if not page.locator("#save").count():
        page.keyboard.press("s")
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save {what}").click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def sheet(page: Page) -> Image.Image:
    name, data = saved(page, "PNG")
    assert name == "cats-sheet.png"
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        return opened


def archive(page: Page) -> zipfile.ZipFile:
    name, data = saved(page, "ZIP")
    assert name == "cats-pictures.zip"
    opened = zipfile.ZipFile(io.BytesIO(data))
    assert opened.testzip() is None
    return opened


def table(page: Page) -> str:
    name, data = saved(page, "CSV")
    assert name == "cats-table.csv"
    return data.decode()


def pictures_of(opened: zipfile.ZipFile) -> list[str]:
    return sorted(name for name in opened.namelist() if name.endswith(".png"))


def lend(page: Page, folder: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Let this page read its folder").click()
    chooser.value.set_files(str(folder))


def middles(image: Image.Image, columns: int, rows: int) -> dict[tuple[int, int], tuple[int, ...]]:
    """The colour in the middle of each cell; a sheet ends with its last cell and a margin."""
    shown = image.convert("RGB")
    wide, high = SIZE[0] + GAP, SIZE[1] + GAP
    left, top = shown.width - MARGIN + GAP - columns * wide, shown.height - MARGIN + GAP - rows * high
    place = {(x, y): (left + x * wide + SIZE[0] // 2, top + y * high + 20) for x in range(columns) for y in range(rows)}
    return {cell: shown.getpixel(at) for cell, at in place.items()}  # type: ignore[misc]  # an RGB picture has three numbers


# --- the contact sheet --------------------------------------------------------------------------------------------


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
    wide, high = SIZE[0] + GAP, SIZE[1] + GAP
    left, top = shown.width - MARGIN + GAP - 2 * wide, shown.height - MARGIN + GAP - len(LABELS) * high
    halves = [shown.getpixel((left + wide + at, top + high + SIZE[1] // 2)) for at in (60, 190)]
    assert halves == [(cats.shades["LCMScheduler", "@x", seed], 80, 160) for seed in ("1", "2")]


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


# --- the pictures -------------------------------------------------------------------------------------------------


def test_the_zip_has_the_names_of_the_command_s_and_the_same_pixels(
    cats: Cats, chromium: Browser, tmp_path: Path
) -> None:
    with over_http(cats, chromium, ALL_SEEDS) as page:
        opened = archive(page)
        expect(page.locator("#save [role=status]").last).to_have_text("Saved 27 pictures.")
    assert sweep("export", cats.path, "--format", "zip", "--out", tmp_path / "a.zip").code == 0
    with zipfile.ZipFile(tmp_path / "a.zip") as other:
        assert pictures_of(opened) == pictures_of(other)
        for name in pictures_of(other):
            one, two = (Image.open(io.BytesIO(each.read(name))).convert("RGB") for each in (opened, other))
            assert (one.size, one.tobytes()) == (two.size, two.tobytes())


def test_a_folder_that_is_lent_gives_the_files_as_they_were_made_with_their_requests_beside(
    cats: Cats, visit: Visit
) -> None:
    page = visit(cats.page, ALL_SEEDS)
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Save ZIP")).to_be_disabled()
    lend(page, cats.path)
    expect(page.get_by_role("button", name="Save PNG")).to_be_focused()
    expect(page.locator("#save section").nth(1)).to_contain_text("The files as they were made.")
    opened = archive(page)
    placements = {placement.digest[:16]: placement for placement in RunFolder(cats.path).plan().placements()}
    requests = [json.loads(opened.read(name)) for name in opened.namelist() if name.endswith(".json")]
    assert len(requests) == 26
    for told in requests:
        placement = placements[told["cell"]]
        assert told["coordinates"] == dict(placement.coordinates)
        assert told["request"] == {"endpoint": "text2img", "parameters": dict(placement.request.parameters)}
        assert (told["answer"], told["seed"]) == ({"seed": 7}, 7)
        for each in told["pictures"]:
            sha256 = each["sha256"]
            original = (cats.path / "images" / sha256[:2] / f"{sha256}.png").read_bytes()
            assert opened.read(f"pictures/{each['file']}") == original
            assert each["written_anew"] is False
    assert sorted(len(told["pictures"]) for told in requests) == [1] * 25 + [2]
    drawn = {colour for _, colour in sheet(page).convert("RGB").getcolors(1 << 20) or ()}
    assert {(9 * number, 80, 160) for number in range(26)} <= drawn


def test_what_is_pinned_is_saved_alone(cats: Cats, chromium: Browser) -> None:
    with over_http(cats, chromium) as page:
        for column in (0, 1):
            page.locator(f"{CELLS}[data-row='1'][data-column='{column}']").focus()
            page.keyboard.press("p")
        page.keyboard.press("s")
        assert words(page, "#save-which option") == ["all in view: 14", "pinned: 2"]
        opened = archive(page)
        rows = list(csv.DictReader(io.StringIO(opened.read("table.csv").decode())))
    assert [(row["scheduler"], row["subject"], row["seed"]) for row in rows] == [
        ("DDIMScheduler", "'@x", "1"),
        ("LCMScheduler", "'@x", "1"),
    ]
    assert len(pictures_of(opened)) == 2


def test_a_picture_that_is_not_in_the_lent_folder_is_named(cats: Cats, visit: Visit, tmp_path: Path) -> None:
    page = visit(cats.page)
    with RunFolder(cats.path).reading() as ledger:
        standings = ledger.standings()
    here, missing = standings[next(RunFolder(cats.path).plan().placements()).digest].pictures
    (tmp_path / image_path(here.sha256, "png")).parent.mkdir(parents=True)
    shutil.copy(cats.path / image_path(here.sha256, "png"), tmp_path / image_path(here.sha256, "png"))
    page.keyboard.press("s")
    lend(page, tmp_path)
    page.get_by_role("button", name="Save ZIP").click()
    said = f"Not saved: {image_path(missing.sha256, 'png')} is not in the folder that this page may read."
    expect(page.locator("#save [role=status]").last).to_have_text(said)


def test_work_stops_when_it_is_told_to(run: Path, report: Callable[[], Path], chromium: Browser) -> None:
    large = painted(run, 3, (1024, 1024))
    axes = [axis("a", range(60)), axis("b", range(60))]
    path = write(book(axes, list(tiles(axes, [large])), layout=Layout(x="a", y="b")), report())
    with served(run) as url:
        page = chromium.new_page()
        page.goto(f"{url}/{path.parent.name.replace(' ', '%20')}/index.html")
        page.keyboard.press("s")
        page.get_by_role("button", name="Save ZIP").click()
        expect(page.locator(".save-work")).to_contain_text("of 3,600 pictures …")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#save [role=status]").last).to_have_text("Stopped.")
        expect(page.get_by_role("button", name="Save ZIP")).to_be_focused()
        page.close()


# --- the table ----------------------------------------------------------------------------------------------------


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows, by cell and picture, with as much of a cell's digest as the page has."""
    rows = [{**row, "cell": row["cell"][:16]} for row in csv.DictReader(io.StringIO(text))]
    return sorted(rows, key=lambda row: (row["cell"], row["sample"]))


def test_the_table_is_that_of_the_command_letter_by_letter_but_for_the_digits_of_measures(
    cats: Cats, chromium: Browser
) -> None:
    with over_http(cats, chromium, ALL_SEEDS) as page:
        text = table(page)
        expect(page.locator("#save [role=status]").last).to_have_text("Saved 29 rows.")
    command = exported(cats.path, "csv").decode()
    assert text.partition("\n")[0] == command.partition("\n")[0]
    ours, theirs = rows_of(text), rows_of(command)
    strip = [
        [{name: each for name, each in row.items() if name not in MEASURED} for row in rows] for rows in (ours, theirs)
    ]
    assert strip[0] == strip[1]
    for one, other in zip(ours, theirs, strict=True):
        assert {name: one[name] == "" for name in MEASURED} == {name: other[name] == "" for name in MEASURED}
        assert [float(one[name]) for name in MEASURED if one[name]] == pytest.approx(
            [float(other[name]) for name in MEASURED if other[name]], rel=1e-4, abs=2e-3
        )


def test_no_text_of_the_table_is_a_formula_and_pandas_reads_every_one(cats: Cats, chromium: Browser) -> None:
    with over_http(cats, chromium, ALL_SEEDS) as page:
        found = pd.read_csv(io.StringIO(table(page)))
    assert list(dict.fromkeys(found["subject"])) == ["'=1+1", "'@x", *LABELS[2:]]
    prompts = ['say "hi"\nthere cat', "../../etc/passwd cat", "CON<>:|?* cat", "猫½  cat", "a, b cat"]
    assert list(dict.fromkeys(found["prompt"])) == ["'=1+1 cat", "'@x cat", *prompts]
    assert found["reason"].dropna().tolist() == ["'=bad,\nvery"]
    assert found["outcome"].value_counts().to_dict() == {"made": 27, "refused": 1, "pending": 1}


def test_the_table_has_what_the_view_shows_in_the_order_in_which_it_shows_it(cats: Cats, chromium: Browser) -> None:
    with over_http(cats, chromium, "#v=1&at.seed=2&sort=rows&sort-by=seconds&falling=yes&show=made") as page:
        found = pd.read_csv(io.StringIO(table(page)))
    assert set(found["seed"]) == {2}
    order = ["猫½", "CON<>:|?*", "../../etc/passwd", "a, b", 'say "hi" there', "'@x", "'=1+1"]
    assert list(dict.fromkeys(found["subject"])) == order
    assert found["outcome"].tolist() == ["made"] * 13


def test_the_table_has_what_people_said(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    marks = (
        Mark(rater="bob", cell=f"{1:064x}", stars=4, note="=2", at=1),
        Mark(rater="ann", cell=f"{1:064x}", stars=1, rejected=True, note="no", at=1),
    )
    shown = [tile(number, {"seed": str(number)}, (pictures["wide"],)) for number in (1, 2)]
    columns = {"seed": "Int64", "stars": "Float64", "rejected": "Int64", "notes": "string"}
    ratings = Ratings(plan="ab" * 32, raters={"ann": "", "bob": ""}, marks=marks)
    page = visit(write(book([axis("seed", [1, 2])], shown, columns=columns, plan="ab" * 32, ratings=ratings), report()))
    assert saved(page, "CSV")[1].decode() == 'seed,stars,rejected,notes\n1,2.5,1,"no\n=2"\n2,,,\n'


# --- the commands -------------------------------------------------------------------------------------------------


def commands(page: Page) -> list[list[str]]:
    return [shlex.split(line) for line in words(page, "#save code")]


def test_from_a_disk_the_commands_that_make_the_same_are_shown(cats: Cats, visit: Visit, tmp_path: Path) -> None:
    page = visit(cats.page, "#v=1&at.seed=2&only=scheduler%3DLCMScheduler")
    page.keyboard.press("s")
    expect(page.locator("#save")).to_contain_text("may show pictures and not read them")
    expect(page.get_by_role("button", name="Save PNG")).to_be_disabled()
    expect(page.get_by_role("button", name="Save CSV")).to_be_enabled()
    drawn, zipped = commands(page)
    only = ["--only", "scheduler=LCMScheduler"]
    head = ["sweep", "sheet", str(cats.path), "--x", "scheduler", "--y", "subject", "--at", "seed=2", *only]
    assert drawn == [*head, "--size", "256", "--out", "cats-sheet.png"]
    assert zipped[:5] == ["sweep", "export", str(cats.path), "--format", "zip"]
    assert zipped[5:] == ["--only", "seed=2, scheduler=LCMScheduler", "--out", "cats-pictures.zip"]
    assert sweep(*drawn[1:-1], tmp_path / "a.png").code == 0
    assert sweep(*zipped[1:-1], tmp_path / "a.zip").out == f"{tmp_path / 'a.zip'}: 6 pictures\n"
    lend(page, cats.path)
    opened = archive(page)
    with zipfile.ZipFile(tmp_path / "a.zip") as other:
        assert pictures_of(opened) == pictures_of(other)


def test_values_that_are_hidden_and_moved_are_so_in_everything_that_is_saved(
    cats: Cats, chromium: Browser, tmp_path: Path
) -> None:
    with over_http(cats, chromium, "#v=1&at.seed=1&pick.subject=%40x&pick.subject=%3D1%2B1") as page:
        found = middles(sheet(page), 2, 2)
        rows = list(csv.DictReader(io.StringIO(table(page))))
        drawn, zipped = commands(page)
        told = [text for text in words(page, ".save-command .quiet") if text]
        opened = archive(page)
    assert [found[1, y] for y in (0, 1)] == [
        (cats.shades["LCMScheduler", each, "1"], 80, 160) for each in ("@x", "=1+1")
    ]
    assert list(dict.fromkeys(row["subject"] for row in rows)) == ["'@x", "'=1+1"]
    assert drawn[9:11] == ["--only", "subject=@x|=1+1"]
    assert zipped[5:7] == ["--only", "seed=1, subject=@x|=1+1"]
    assert told == ["The command leaves out the order."]
    assert sweep("sheet", cats.path, *drawn[3:-1], tmp_path / "a.png").code == 0
    assert sweep("export", cats.path, *zipped[3:-1], tmp_path / "a.zip").code == 0
    with zipfile.ZipFile(tmp_path / "a.zip") as other:
        assert pictures_of(opened) == pictures_of(other)


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        (
            "#v=1&all=seed&sort=rows&sort-by=seconds&colour=seconds",
            ["The command leaves out the order and the colours."],
        ),
        (
            "#v=1&at.seed=1&only=seconds%3E5%2C%20seed%3D1%7C2&show=made",
            [
                "The command leaves out the filter by numbers and the filter by state.",
                "The command takes 13 cells, these 10 among them.",
            ],
        ),
        ("#v=1&all=seed&x=scheduler&y=seed&at.subject=a%2C%20b", ["The command takes 26 cells, these 2 among them."]),
    ],
)
def test_what_a_command_has_no_words_for_is_told_beside_it(
    fragment: str, said: Sequence[str], cats: Cats, visit: Visit
) -> None:
    page = visit(cats.page, fragment)
    page.keyboard.press("s")
    assert [text for text in words(page, ".save-command .quiet") if text] == said
    for words_of in commands(page):
        assert words_of[0] == "sweep"


def test_every_axis_is_named_in_the_command_so_that_nothing_is_assumed(
    cats: Cats, visit: Visit, tmp_path: Path
) -> None:
    page = visit(cats.page, "#v=1&x=seed&y=&columns=&rows=&all=scheduler&at.subject=say%20%22hi%22%20there")
    page.keyboard.press("s")
    (drawn, _) = commands(page)
    assert drawn[3:-4] == ["--x", "seed", "--at", "scheduler=*", "--at", 'subject=say "hi" there']
    assert sweep(*drawn[1:-1], tmp_path / "a.png").code == 0
    with Image.open(tmp_path / "a.png") as image:
        facts = json.loads(str(image.info["sweeprunner"]))
    assert (facts["roles"], facts["held"]) == ({"x": "seed"}, {"subject": 'say "hi" there'})


# --- the dialog ---------------------------------------------------------------------------------------------------


def test_s_opens_it_escape_closes_it_and_the_focus_goes_back_where_it_was(cats: Cats, visit: Visit) -> None:
    page = visit(cats.page)
    cell = page.locator(f"{CELLS}[data-row='2'][data-column='1']")
    cell.focus()
    page.keyboard.press("s")
    expect(page.get_by_role("dialog", name="Save")).to_be_visible()
    page.keyboard.press("s")
    expect(page.locator("#save")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#save")).to_have_count(0)
    expect(cell).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("save the view: a picture, its files, its table")
    page.keyboard.press("s")
    expect(page.locator("#save")).to_have_count(0)
    page.keyboard.press("Escape")
    page.locator("#figures-only").press("s")
    expect(page.locator("#save")).to_have_count(0)
    page.locator("#figures-only").fill("")
    page.locator("#save-open").click()
    page.locator("#save-close").click()
    expect(page.locator("#save-open")).to_be_focused()


@pytest.mark.parametrize("width", [390, 1366, 3840])
def test_the_dialog_fits_its_window_and_every_control_has_a_name(width: int, cats: Cats, visit: Visit) -> None:
    page = visit(cats.page, viewport={"width": width, "height": 844})
    if page.locator("#fold").is_visible():
        page.click("#fold")
    page.click("#save-open")
    box = page.locator("#save").bounding_box()
    assert box
    assert (box["x"] >= 0, box["y"] >= 0, box["x"] + box["width"] <= width, box["y"] + box["height"] <= 844) == (
        True,
    ) * 4
    assert page.locator("#save").evaluate("element => element.scrollWidth <= element.clientWidth")
    for control in page.locator("#save :is(button, select, summary)").all():
        assert control.evaluate("element => (element.labels?.[0] ?? element).textContent.trim()")


def test_a_command_is_copied(cats: Cats, chromium: Browser) -> None:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(cats.page.as_uri())
    page.keyboard.press("s")
    page.get_by_role("button", name="copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == words(page, "#save code")[0]
    context.close()


def test_a_view_of_nothing_saves_nothing(cats: Cats, chromium: Browser) -> None:
    with over_http(cats, chromium, "#v=1&show=failed") as page:
        page.keyboard.press("s")
        expect(page.locator("#save section").first).to_contain_text("Nothing is in view.")
        for name in ("Save PNG", "Save ZIP", "Save CSV"):
            expect(page.get_by_role("button", name=name)).to_be_disabled()
