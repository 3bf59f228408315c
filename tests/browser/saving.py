"""A run of cats, and what its page saves: a contact sheet, an archive of pictures, a table."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from books import painted
from browser.looking import served
from PIL import Image
from playwright.sync_api import Browser, Page

import runner
from runner.folder import RunFolder
from runner.ledger import Ledger
from runner.nouns import Concern, Made, Refused

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
SIZE, MARGIN, GAP = (256, 192), 24, 8


@dataclass(frozen=True)
class Cats:
    """A run of 28 cells: the first has two pictures, the one before the last was refused, the last was not tried."""

    path: Path
    shades: Mapping[tuple[str, str, str], int]

    @property
    def page(self) -> Path:
        return self.path / "report" / "index.html"


def run_of_cats(tmp_path_factory: pytest.TempPathFactory) -> Cats:
    """The run, written and rendered: `cats = pytest.fixture(scope="module")(run_of_cats)`."""
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
