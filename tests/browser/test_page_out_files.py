"""Out of the page: the pictures of the view as a ZIP, and its table as CSV."""

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest
from books import axis, book, painted, tile, tiles
from browser.looking import CELLS, Visit, served, words
from browser.saving import (
    ALL_SEEDS,
    LABELS,
    Cats,
    archive,
    lend,
    over_http,
    pictures_of,
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
from runner.ratings import Mark, Ratings
from runner.report import write
from runner.vault import image_path
from runner.verbs import exported

pytestmark = pytest.mark.browser

cats = pytest.fixture(scope="module")(run_of_cats)


MEASURED = {"brightness", "contrast", "colourfulness", "sharpness", "difference", "ssim", "phash"}


# --- the pictures --------------------------------------------------------------------------------------------------


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


# --- the table -----------------------------------------------------------------------------------------------------


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
