"""A page that follows a run: pictures come where they belong, and what the reader looks at stays where it is."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from books import painted
from browser.looking import CELLS, Visit, words
from playwright.sync_api import Browser, Page, expect

import runner
from runner.folder import RunFolder
from runner.ledger import Ledger
from runner.live import Feed, create_site
from runner.nouns import Cell, Concern, Made, Picture, Refused
from runner.target import serving
from runner.verbs import drawn

pytestmark = pytest.mark.browser

FILE = """
name: cats
target: sketch
parameters: {model_id: any, prompt: a cat, width: 256, height: 256}
axes:
  seed: {from: 1, to: 40, step: 1}
  guidance_scale: [2, 4, 6]
report: {x: guidance_scale, y: seed}
"""


class Run:
    """A run played step by step, and the page's server beside it."""

    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(path)
        (path.parent / "cats.yaml").write_text(FILE)
        path.mkdir()
        plan = runner.prepare(path.parent / "cats.yaml")
        self.folder.freeze(plan, {})
        self.cells = {(cell.coordinates["seed"], cell.coordinates["guidance_scale"]): cell for cell in plan.cells()}
        Ledger(self.folder.ledger_path).close()
        self.shades = iter(range(1000))

    def make(self, seed: int, guidance: int, size: tuple[int, int] = (32, 32)) -> Picture:
        picture = painted(self.folder.path, next(self.shades), size)
        self.end(seed, guidance, Made(pictures=(picture,), meta={"seed": seed}, seconds=1.5, seed=seed))
        return picture

    def end(self, seed: int, guidance: int, outcome: Made | Refused) -> None:
        with Ledger(self.folder.ledger_path) as ledger:
            ledger.finish(ledger.begin(self.cell(seed, guidance), now=1.0), outcome, now=2.0)

    def cell(self, seed: int, guidance: int) -> Cell:
        return self.cells[str(seed), str(guidance)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run")


class Server:
    """The page's server in a thread of its own; it can be stopped and started at the same address."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.port = 0
        self.start()

    def start(self) -> None:
        self.address: Future[str] = Future()
        self.stopped: Future[Callable[[], object]] = Future()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.thread.start()
        base = self.address.result(20)
        self.url = f"{base.partition('/api/')[0]}/report/index.html"
        self.port = int(self.url.split(":")[2].partition("/")[0])

    async def _serve(self) -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.stopped.set_result(lambda: loop.call_soon_threadsafe(ended.set))
        async with (
            Feed(self.run, every=0.05) as feed,
            serving(create_site(feed, lambda news: drawn(self.run, news)), port=self.port) as base,
        ):
            self.address.set_result(base)
            await ended.wait()
            feed.close()

    def stop(self) -> None:
        self.stopped.result()()
        self.thread.join()


@pytest.fixture
def server(run: Run) -> Iterator[Server]:
    server = Server(run.folder.path)
    yield server
    server.stop()


@pytest.fixture
def page(chromium: Browser, server: Server) -> Iterator[Page]:
    complaints: list[str] = []
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(server.url)
    yield page
    page.close()
    assert [said for said in complaints if "ERR_CONNECTION_REFUSED" not in said and "ERR_INCOMPLETE" not in said] == []


def cell(row: int, column: int) -> str:
    return f"{CELLS}[data-row='{row}'][data-column='{column}']"


def test_a_picture_comes_into_its_cell_and_is_counted(run: Run, page: Page) -> None:
    expect(page.locator("#live-words")).to_have_text("No process is writing to this run: 0 of 120 cells made.")
    with run.folder.writing():
        expect(page.locator("#live")).to_have_attribute("data-state", "busy")
        assert page.locator(".loud").is_hidden()
    picture = run.make(2, 4)
    image = page.locator(f"{cell(1, 1)} img")
    expect(image).to_have_attribute("src", f"../thumbnails/{picture.sha256[:2]}/{picture.sha256}.webp")
    expect(image).to_have_js_property("naturalWidth", 32)
    run.end(3, 4, Refused(concern=Concern.CELL, message="<b>no</b>"))
    expect(page.locator(f"{cell(2, 1)} .card-reason")).to_have_text("<b>no</b>")
    expect(page.locator("[data-state=refused] strong")).to_have_text("1")
    expect(page.locator("[data-state=made] strong")).to_have_text("1")
    expect(page.locator("[data-state=pending] strong")).to_have_text("118")
    assert page.locator("[data-state=failed]").is_hidden()


def test_the_reader_s_place_and_focus_stay_while_pictures_come(run: Run, page: Page) -> None:
    page.locator(cell(0, 0)).focus()
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    where = "[document.getElementById('page').scrollTop, document.activeElement.dataset.row]"
    before = page.evaluate(where)
    assert before[1] == "20"
    for seed in (1, 20, 21, 22):
        run.make(seed, 2)
    expect(page.locator(f"{cell(20, 0)} img")).to_have_count(1)
    assert page.evaluate(where) == before
    run.make(1, 4, (64, 32))
    run.make(21, 4, (64, 32))
    expect(page.locator(f"{cell(20, 1)} img")).to_have_count(1)
    assert page.evaluate("document.activeElement.dataset.row") == "20"
    expect(page.locator(f"{CELLS}:focus")).to_be_in_viewport()


def test_an_open_viewer_shows_its_picture_when_it_comes_and_stays_otherwise(run: Run, page: Page) -> None:
    page.locator(cell(0, 1)).click()
    expect(page.locator("#viewer .verdict")).to_have_text("pending")
    run.make(5, 2)
    expect(page.locator("[data-state=made] strong")).to_have_text("1")
    expect(page.locator("#viewer .verdict")).to_have_text("pending")
    run.make(1, 4)
    expect(page.locator("#viewer .verdict")).to_have_text("made")
    assert dict(zip(words(page, "#panel .facts dt"), words(page, "#panel .facts dd"), strict=True))["time"] == "1.50 s"
    assert page.locator("#stage img.full").count() == 1


def test_a_filter_follows_the_run_and_the_viewer_keeps_its_cell(run: Run, page: Page) -> None:
    run.make(30, 2)
    expect(page.locator("[data-state=made] strong")).to_have_text("1")
    page.click("[data-state=made]")
    expect(page.locator(f"{CELLS}")).to_have_count(1)
    page.locator(CELLS).first.click()
    run.make(4, 2)
    expect(page.locator(".row-head")).to_have_count(2)
    assert words(page, "#panel .coordinates dd") == ["30", "2"]
    page.keyboard.press("Escape")
    assert words(page, ".row-head .label-text") == ["4", "30"]


def test_a_page_whose_server_was_away_hears_what_it_missed(run: Run, server: Server, page: Page) -> None:
    expect(page.locator("#live-words")).to_have_text("No process is writing to this run: 0 of 120 cells made.")
    server.stop()
    expect(page.locator("#live")).to_have_attribute("data-state", "lost")
    expect(page.locator("#live-words")).to_have_text("The server is not there. Trying again.")
    run.make(1, 2)
    server.start()
    expect(page.locator(f"{cell(0, 0)} img")).to_have_count(1, timeout=15_000)


def test_the_summary_is_counted_anew_when_the_run_has_ended(run: Run, page: Page) -> None:
    with run.folder.writing() as ledger:
        expect(page.locator("#live")).to_have_attribute("data-state", "busy")
        picture = painted(run.folder.path, 1)
        for seed in (1, 2):
            made = Made(pictures=(picture,), meta={}, seconds=float(seed), seed=seed)
            ledger.finish(ledger.begin(run.cell(seed, 2), now=1.0), made, now=2.0)
    expect(page.locator("#live")).to_have_attribute("data-state", "ended")
    expect(page.locator("#live-words")).to_have_text("The run has ended: 2 of 120 cells made.")
    assert words(page, ".loud") == ["PARTIAL: 118 of 120 cells are not made yet (the run is not finished)."]
    page.locator("#summary").scroll_into_view_if_needed()
    page.locator("#summary-axes label:has-text('guidance_scale')").click()
    assert page.locator(".shares tbody tr").first.locator("td.number").all_text_contents() == [
        *("40", "2", "38", "1.50 s", "1.95 s")
    ]


def test_a_page_at_rest_follows_nothing(run: Run, visit: Visit) -> None:
    run.make(1, 2)
    page = visit(runner.render(run.folder.path))
    assert page.locator("#live").count() == 0
    assert page.evaluate("performance.getEntriesByType('resource').every(({ initiatorType: by }) => by === 'img')")
