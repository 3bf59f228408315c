"""One Chromium for these tests, and a run folder for their pages; a page that complains fails its test.

Playwright keeps an event loop running, so it must end before other modules run theirs.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from books import axis, book, painted, tile, tiles
from browser.judging import PLAN
from playwright.sync_api import Browser, Page, sync_playwright

from runner.nouns import Layout, Picture
from runner.report import write

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path, "the browser tests need Chromium; install the package chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open a file; when the test is over, no page may have said anything on its console."""
    complaints: list[str] = []
    pages: list[Page] = []

    def opened(path: Path, fragment: str = "", **options: object) -> Page:
        page = chromium.new_page(**{"viewport": {"width": 1280, "height": 800}, **options})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri() + fragment)
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.close()
    assert complaints == []


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="session")
def pictures(run: Path) -> Mapping[str, Picture]:
    """Pictures by name, in the run folder that the pages lie in."""
    shades = {f"shade {shade}": painted(run, 30 * shade) for shade in range(8)}
    return shades | {"wide": painted(run, 5, (96, 64)), "large": painted(run, 9, (512, 512))}


@pytest.fixture(scope="session")
def report(run: Path) -> Callable[[], Path]:
    """A new folder for a page, beside the pictures."""
    numbers = iter(range(1000))
    return lambda: run / f"report {next(numbers)}"


@pytest.fixture(scope="session")
def four(report: Callable[[], Path], pictures: Mapping[str, Picture]) -> Path:
    """A page of four axes: three placed by the file, one held."""
    axes = [axis("scheduler", "ABC"), axis("guidance", [2, 5]), axis("seed", [1, 2]), axis("ink", [0, 1])]
    layout = Layout(x="scheduler", y="guidance", rows="seed")
    return write(book(axes, list(tiles(axes, list(pictures.values())[:8])), layout=layout), report())


@pytest.fixture
def judged(report: Callable[[], Path], pictures: Mapping[str, Picture]) -> Callable[..., Path]:
    """A page of six cells with different pictures."""

    def made(**said: Any) -> Path:
        axes = [axis("scheduler", "ABC"), axis("seed", [1, 2])]
        shown = list(tiles(axes, [picture for name, picture in pictures.items() if name.startswith("shade")]))
        shown = [tile(number + 1, each.coordinates, each.pictures) for number, each in enumerate(shown)]
        return write(book(axes, shown, layout=Layout(x="scheduler", y="seed"), plan=PLAN, **said), report())

    return made
