"""The page at 50,000 cells beside the page at 1,000: building it, opening it in Chromium, moving an axis."""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from books import axis, book, painted, tiles

from runner.nouns import Layout
from runner.report import write

ROUNDS = 3
SIZES = {1_000: (10, 10, 10), 50_000: (10, 100, 50)}
MOVE = """async () => {
    const select = document.querySelector('#role-x');
    const started = performance.now();
    select.value = select.value === '0' ? '2' : '0';
    select.dispatchEvent(new Event('change'));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return performance.now() - started;
}"""
OPENED = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def build(cells: int, folder: Path) -> tuple[Path, float]:
    axes = [axis(name, range(size)) for name, size in zip(("x", "y", "z"), SIZES[cells], strict=True)]
    shown = list(tiles(axes, [painted(folder, shade) for shade in range(16)]))
    started = time.process_time()
    return write(book(axes, shown, layout=Layout(x="x", y="y")), folder / "report"), time.process_time() - started


def main() -> None:
    found: dict[int, tuple[float, ...]] = {}
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for cells in SIZES:
            path, built = build(cells, Path(place) / str(cells))
            opened, moved, nodes = [], [], 0
            for _ in range(ROUNDS):
                page = browser.new_page(viewport={"width": 1366, "height": 768})
                page.goto(path.as_uri())
                opened.append(page.evaluate(OPENED))
                moved.append(page.evaluate(MOVE))
                nodes = page.evaluate("document.querySelectorAll('main *').length")
                page.close()
            found[cells] = (
                built * 1000,
                path.stat().st_size / 1000,
                statistics.median(opened),
                statistics.median(moved),
                nodes,
            )
        browser.close()
    print(f"{'':24}{'1,000 cells':>14}{'50,000 cells':>14}{'ratio':>8}")
    for place, what in enumerate(
        ("build, ms of CPU", "page, kB", "open (DCL), ms", "move an axis, ms", "nodes in the grid")
    ):
        small, large = found[1_000][place], found[50_000][place]
        print(f"{what:24}{small:14.1f}{large:14.1f}{large / small:7.1f}x")


main()
