"""How the browser tests look at a page: what it shows, said in its own words."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from playwright.sync_api import Page

Visit = Callable[..., Page]

COLUMNS = ".column-head"
ROWS = ".row-head"
GROUPS = ".band .label-text"
CELLS = ".cell"
TALL = {"width": 1280, "height": 2600}


def words(page: Page, selector: str) -> list[str]:
    return page.locator(selector).all_text_contents()


def coordinates(page: Page) -> dict[str, str]:
    """What the viewer says about where its cell lies."""
    names, points = words(page, "#panel .coordinates dt"), words(page, "#panel .coordinates dd")
    return dict(zip(names, points, strict=True))


def address(page: Page) -> dict[str, list[str]]:
    return parse_qs(page.url.partition("#")[2])


def alt(page: Page, row: int, column: int) -> str | None:
    return page.locator(f"{CELLS}[data-row='{row}'][data-column='{column}'] img").first.get_attribute("alt")


def scroll(page: Page, place: str) -> None:
    """Scroll and wait until the page has drawn what is there."""
    page.evaluate(f"document.getElementById('page').scrollTo({place})")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder over http, as any static server does."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
