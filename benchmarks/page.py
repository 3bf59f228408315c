"""The page at 10,000 and 50,000 cells beside a grid page that holds every cell, in a real Chromium.

The peer's page is written here as the Infinity Grid Generator writes its own: the values of the axes as data, and a script
that joins one string of HTML for all cells in view, images in full size and not lazy, and sets it on each click. Both pages
show the same picture files. Bars: an axis moves within 100 ms at 10,000 cells in each mode, at most 3,000 elements at any
time, the first picture within a second; `--strict` ends with 1 where one is not met.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from books import axis, book, tiles
from PIL import Image

from runner.measures import MEASURES, Findings
from runner.nouns import Layout, Picture
from runner.report import write
from runner.vault import Vault

SHAPES = {1_000: (10, 10, 10, 1), 10_000: (10, 10, 10, 10), 50_000: (10, 10, 10, 50), 100_000: (10, 100, 10, 10)}
NAMES = ("a", "b", "c", "d")
WINDOW = {"width": 1366, "height": 768}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--enable-precise-memory-info",
]
MODES = {
    "plain": "",
    "coloured": "&colour=sharpness",
    "sorted": "&sort=columns&sort-by=sharpness&falling=yes",
    "filtered": "&only=sharpness>300",
    "all three": "&colour=sharpness&sort=columns&sort-by=sharpness&falling=yes&only=sharpness>300",
}
PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
WATCH = """
    window.firstPicture = 0;
    const note = ({ target }) => { if (target.tagName === 'IMG') firstPicture ||= performance.now(); };
    document.addEventListener('load', note, true);
"""
SEEN = """new Promise((done) => {
    const look = () => (firstPicture ? done(firstPicture) : requestAnimationFrame(look));
    look();
})"""
MOVE = f"""async () => {{
    const select = document.querySelector('#role-x');
    const started = performance.now();
    select.value = select.value === '0' ? '2' : '0';
    select.dispatchEvent(new Event('change'));
    await {PAINTED};
    return performance.now() - started;
}}"""
PEER_MOVE = f"""async () => {{
    const started = performance.now();
    show(shown === 'a' ? 'c' : 'a');
    await {PAINTED};
    return performance.now() - started;
}}"""
PEER = """<!doctype html><meta charset="utf-8"><title>grid</title><style>td img {{ width: 96px }}</style>
<div id="controls"></div><table id="image_table"></table><script>
const sizes = {sizes}, files = {files}, names = ['a', 'b', 'c', 'd'];
let shown = '';
const at = (place) => names.reduce((number, name, digit) => number * sizes[digit] + place[name], 0);
function show(x) {{
  shown = x;
  const x2 = x === 'a' ? 'c' : 'a', size = (name) => sizes[names.indexOf(name)];
  let html = '';
  for (let d = 0; d < size('d'); d++) for (let b = 0; b < size('b'); b++) {{
    html += `<tr><td class="axis_label_td">b ${{b}}, d ${{d}}</td>`;
    for (let second = 0; second < size(x2); second++) for (let first = 0; first < size(x); first++) {{
      const file = files[at({{ b, d, [x]: first, [x2]: second }}) % files.length];
      html += `<td id="td-img"><span></span><img class="table_img" data-img-path="${{file}}" onclick="0"`;
      html += ` src="../images/${{file}}" alt="${{file}}"></td>`;
    }}
    html += '</tr>';
  }}
  document.getElementById('image_table').innerHTML = html;
}}
show('a');
</script>"""


def pictures(folder: Path) -> list[Picture]:
    """Sixty-one pictures of 512 by 512 pixels."""
    made = []
    for number in range(61):
        noise = Image.effect_noise((64, 64), 40 + number).resize((512, 512))
        Image.merge("RGB", (noise, noise.rotate(90), noise.rotate(180))).save(folder / "picture.png")
        made.append(Vault(folder).put((folder / "picture.png").read_bytes()))
    return made


def build(cells: int, folder: Path, shown: Sequence[Picture]) -> tuple[Path, float]:
    """Write the page; return its path and the CPU time that this took in milliseconds."""
    axes = [axis(name, range(size)) for name, size in zip(NAMES, SHAPES[cells], strict=True)]
    sharpness = next(measure for measure in MEASURES if measure.name == "sharpness")
    measured = [
        replace(tile, numbers=({"sharpness": float(number * 7919 % 977)},))
        for number, tile in enumerate(tiles(axes, shown))
    ]
    layout = Layout(x="a", y="b", columns="c", rows="d", baseline={"a": "0"})
    started = time.process_time()
    path = write(
        book(axes, measured, layout=layout, findings=Findings(columns=(sharpness,))), folder / f"report {cells}"
    )
    return path, 1000 * (time.process_time() - started)


def build_peer(cells: int, folder: Path, shown: Sequence[Picture]) -> Path:
    path = folder / f"report {cells}" / "peer.html"
    files = [f"{picture.sha256[:2]}/{picture.sha256}.png" for picture in shown]
    path.write_text(PEER.format(sizes=json.dumps(SHAPES[cells]), files=json.dumps(files)))
    return path


def opened(browser: Browser, path: Path, fragment: str = "") -> tuple[Page, dict[str, float]]:
    """Open a page afresh: milliseconds to its first picture and until it answers, its elements and its heap in MB."""
    page = browser.new_page(viewport=WINDOW)
    page.set_default_timeout(180_000)
    page.add_init_script(WATCH)
    page.goto(path.as_uri() + fragment, wait_until="domcontentloaded", timeout=180_000)
    page.evaluate(PAINTED)
    interactive = page.evaluate("performance.now()")
    return page, {
        "first picture, ms": page.evaluate(SEEN),
        "interactive, ms": interactive,
        "elements": page.evaluate("document.querySelectorAll('*').length"),
        "heap, MB": page.evaluate("performance.memory.usedJSHeapSize / 1e6"),
    }


def moved(page: Page, script: str, mode: str, times: int) -> dict[str, float]:
    """Milliseconds until an axis has moved and two frames are drawn, and processor time of the page's main thread: medians."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        return next(
            one["value"] for one in session.send("Performance.getMetrics")["metrics"] if one["name"] == "TaskDuration"
        )

    waited, worked = [], []
    for _ in range(times):
        before = busy()
        waited.append(page.evaluate(script))
        worked.append(1000 * (busy() - before))
    session.detach()
    return {f"move an axis, {mode}, ms": statistics.median(waited), f"of CPU, {mode}, ms": statistics.median(worked)}


def ours(browser: Browser, path: Path, rounds: int) -> dict[str, float]:
    runs: list[dict[str, float]] = []
    for _ in range(rounds):
        page, run = opened(browser, path)
        most = run["elements"]
        for mode, fragment in MODES.items():
            page.evaluate(f"location.hash = '#v=1{fragment}'")
            page.evaluate(PAINTED)
            run |= moved(page, MOVE, mode, 4)
            most = max(most, page.evaluate("document.querySelectorAll('*').length"))
        run["elements, most"] = most
        page.close()
        runs.append(run)
    return {what: statistics.median(run[what] for run in runs) for what in runs[0]}


def peers(browser: Browser, path: Path, rounds: int) -> dict[str, float]:
    runs = []
    for _ in range(rounds):
        page, run = opened(browser, path)
        run |= moved(page, PEER_MOVE, "plain", 2)
        run["elements, most"] = run["elements"]
        page.close()
        runs.append(run)
    return {what: statistics.median(run[what] for run in runs) for what in runs[0]}


def missed(found: dict[str, float], cells: int) -> Iterator[str]:
    """The bars that a page does not meet."""
    if found["elements, most"] > 3000:
        yield f"{cells:,} cells: {found['elements, most']:.0f} elements, more than 3,000"
    if found["first picture, ms"] > 1000:
        yield f"{cells:,} cells: the first picture after {found['first picture, ms']:.0f} ms, more than 1,000"
    for mode in MODES if cells <= 10_000 else ():
        if (taken := found[f"move an axis, {mode}, ms"]) > 100:
            yield f"{cells:,} cells: an axis moves in {taken:.0f} ms ({mode}), more than 100"


def table(columns: dict[str, dict[str, float]]) -> str:
    names = list(dict.fromkeys(what for found in columns.values() for what in found))
    lines = ["".join([f"{'':32}", *(f"{title:>18}" for title in columns)])]
    for what in names:
        values = [f"{found[what]:18,.1f}" if what in found else f"{'':18}" for found in columns.values()]
        lines.append(f"{what:32}" + "".join(values))
    return "\n".join(lines)


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--cells", type=int, nargs="+", choices=SHAPES, default=[1_000, 10_000, 50_000])
    ask.add_argument("--rounds", type=int, default=5)
    ask.add_argument("--peer", type=int, default=10_000, help="the most cells at which the peer's page is opened too")
    ask.add_argument("--strict", action="store_true", help="end with 1 where a bar is not met")
    asked = ask.parse_args()
    columns: dict[str, dict[str, float]] = {}
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        folder = Path(place)
        shown = pictures(folder)
        for cells in asked.cells:
            path, built = build(cells, folder, shown)
            made = {"build, ms of CPU": built, "page, kB": path.stat().st_size / 1000}
            found = made | ours(browser, path, asked.rounds)
            columns[f"{cells:,}"] = found
            problems += missed(found, cells)
            if cells <= asked.peer:
                columns[f"{cells:,}, peer"] = peers(browser, build_peer(cells, folder, shown), asked.rounds)
        load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
        print(
            f"{os.cpu_count()} cores, {platform.machine()}, load {load}; Chromium {browser.version}; {asked.rounds} rounds"
        )
        browser.close()
    print(table(columns))
    print("\n".join(problems) or "Every bar is met.")
    return int(asked.strict and bool(problems))


if __name__ == "__main__":
    sys.exit(main())
