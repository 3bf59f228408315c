"""One Chromium for a module; a page that complains fails its test.

Playwright keeps an event loop running, so it must end before other modules run theirs.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

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
