"""Out of the page: the dialog that saves the view, and the commands it shows for the same."""

import csv
import io
import json
import shlex
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from browser.looking import CELLS, Visit, words
from browser.saving import Cats, archive, lend, middles, over_http, pictures_of, run_of_cats, sheet, table
from commands import sweep
from PIL import Image
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

cats = pytest.fixture(scope="module")(run_of_cats)


# --- the commands --------------------------------------------------------------------------------------------------


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


def test_a_value_with_a_comma_or_a_bar_is_named_in_the_commands(cats: Cats, visit: Visit, tmp_path: Path) -> None:
    page = visit(cats.page, "#v=1&at.seed=1&pick.subject=a%2C%20b&pick.subject=CON%3C%3E%3A%7C%3F*")
    page.keyboard.press("s")
    drawn, zipped = commands(page)
    assert drawn[9:11] == ["--only", 'subject="a, b"|"CON<>:|?*"']
    assert zipped[5:7] == ["--only", 'seed=1, subject="a, b"|"CON<>:|?*"']
    assert [text for text in words(page, ".save-command .quiet") if text] == ["The command leaves out the order."]
    assert sweep(*drawn[1:-1], tmp_path / "a.png").code == 0
    assert sweep(*zipped[1:-1], tmp_path / "a.zip").out == f"{tmp_path / 'a.zip'}: 3 pictures\n"


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


# --- the dialog ----------------------------------------------------------------------------------------------------


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
