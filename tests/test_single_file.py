"""`sweep report RUN --single-file`: one file that has everything in it, or a line that says what to send instead."""

import base64
import html
import json
import re
from pathlib import Path

import pytest
from commands import sweep

FILE = """
name: cats
target: sketch
parameters: {model_id: any, prompt: a cat, width: 256, height: 384}
axes: {seed: [1, 2, 3]}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("cats.yaml").write_text(FILE)
    assert sweep("run", "cats.yaml").code == 0
    return Path("runs/cats")


def inside(page: Path) -> list[list[str]]:
    data = re.search(r'id="data">(.*?)</script>', page.read_text(), flags=re.DOTALL)
    assert data
    found: list[list[str]] = json.loads(data[1])["inside"]
    return found


def test_the_file_has_the_small_copies_and_the_files_of_all_pictures(run: Path) -> None:
    assert sweep("report", run, "--single-file").out == "runs/cats/cats.html\n"
    held = inside(run / "cats.html")
    for folder, place, kind in (("thumbnails", 0, "webp"), ("images", 1, "png")):
        files = {path.read_bytes() for path in (run / folder).rglob("*.*")}
        texts = [pair[place].removeprefix(f"data:image/{kind};base64,") for pair in held]
        assert {base64.b64decode(text, validate=True) for text in texts} == files


def test_it_goes_where_it_is_told_and_the_run_s_own_page_stays(run: Path) -> None:
    before = (run / "report" / "index.html").read_bytes()
    assert sweep("report", run, "--single-file", "--out", "for ann/cats.html").out == "for ann/cats.html\n"
    assert Path("for ann/cats.html").stat().st_size > len(before)
    assert (run / "report" / "index.html").read_bytes() == before
    assert not (run / "cats.html").exists()


def test_its_policy_lets_it_load_nothing(run: Path) -> None:
    sweep("report", run, "--single-file")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', (run / "cats.html").read_text())
    loads = [part for part in html.unescape(policy).split("; ") if not part.startswith(("style-src", "script-src"))]
    assert loads == [
        "default-src 'none'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]


def test_small_copies_alone_go_in_where_the_files_are_too_large_and_the_page_says_so(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = sum(4 * -(-path.stat().st_size // 3) for path in (run / "thumbnails").rglob("*.webp"))
    monkeypatch.setattr("runner.report.single.MOST_BYTES", small)
    assert sweep("report", run, "--single-file").code == 0
    assert [whole for _, whole in inside(run / "cats.html")] == [""] * 3
    said = (
        "This file holds small copies of the pictures, 256 pixels on the longer side; the run folder has the pictures."
    )
    assert said in (run / "cats.html").read_text()


def test_a_run_that_is_too_large_for_one_file_is_refused_with_what_to_send_instead(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.report.single.MOST_BYTES", 1_000)
    done = sweep("report", run, "--single-file")
    assert done.code == 2
    found = re.sub(r"take \d+ kB", "take N kB", done.err)
    assert found == (
        "runs/cats: small copies of 3 pictures take N kB in one file, at most 1 kB are put into one; "
        "send report/, images/ and thumbnails/ together, as they are or in a ZIP\n"
    )
    assert not (run / "cats.html").exists()


def test_a_missing_picture_is_named_and_nothing_is_written(run: Path) -> None:
    lost = next((run / "images").rglob("*.png"))
    lost.unlink()
    done = sweep("report", run, "--single-file")
    assert done.code == 2
    assert done.err == f"{lost}: no such file; `sweep rescue {run}` says which pictures are missing\n"
    assert not (run / "cats.html").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--single-file", "--live"),
            "report: --live serves a page and --single-file writes one; leave one of them out",
        ),
        (("--out", "a.html"), "report: --out is for --single-file, the page of a run lies in its folder; leave it out"),
    ],
)
def test_options_that_leave_each_other_nothing_to_do_are_refused(
    words: tuple[str, ...], message: str, run: Path
) -> None:
    done = sweep("report", run, *words)
    assert (done.code, done.err) == (2, f"{message}\n")
