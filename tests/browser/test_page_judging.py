"""Judging in the page: stars, rejections, notes; kept, exported, taken back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser.judging import PLAN, exported
from browser.looking import CELLS, Visit, coordinates, words
from playwright.sync_api import Browser, Page, expect

import runner
from runner.ballots import load
from runner.ratings import Mark, Ratings, merged

pytestmark = pytest.mark.browser


def cell(page: Page, row: int = 0, column: int = 0) -> Any:
    return page.locator(f"{CELLS}[data-row='{row}'][data-column='{column}']")


def test_keys_give_stars_and_reject_and_take_both_back(judged: Callable[..., Path], visit: Visit) -> None:
    page = visit(judged())
    cell(page).focus()
    page.keyboard.press("4")
    expect(cell(page).locator(".judged")).to_have_text("★4")
    expect(cell(page)).to_be_focused()
    page.keyboard.press("x")
    expect(cell(page).locator(".judged")).to_have_text("✕ ★4")
    page.keyboard.press("0")
    page.keyboard.press("x")
    expect(page.locator(".judged")).to_have_count(0)


def test_the_viewer_has_stars_a_rejection_and_a_note_that_stays_text(judged: Callable[..., Path], visit: Visit) -> None:
    note = "<b>soft</b> \u202ertl </script> 🐈"
    page = visit(judged())
    cell(page).click()
    page.get_by_role("button", name="3 stars").click()
    expect(page.get_by_role("button", name="3 stars")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="3 stars")).to_be_focused()
    page.get_by_role("button", name="Reject").click()
    page.get_by_label("a note").fill(note)
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(cell(page).locator(".judged")).to_have_text("✕ ★3 ✎")
    assert note in str(cell(page).locator(".judged").get_attribute("title"))
    cell(page).click()
    expect(page.get_by_label("a note")).to_have_value(note)


def test_typing_a_note_moves_nothing(judged: Callable[..., Path], visit: Visit) -> None:
    page = visit(judged())
    cell(page).click()
    before = coordinates(page)
    page.get_by_label("a note").press_sequentially("pbx5.")
    page.keyboard.press("ArrowRight")
    assert coordinates(page) == before
    expect(page.locator(".star[aria-pressed='true']")).to_have_count(0)


def test_judgements_are_kept_in_this_browser_for_this_plan(judged: Callable[..., Path], chromium: Browser) -> None:
    path, browser = judged(), chromium.new_context()
    page, witness = browser.new_page(), browser.new_page()
    for window in (page, witness):
        window.goto(path.as_uri())
    cell(page).focus()
    page.keyboard.press("5")
    expect(page.locator("#judging")).to_contain_text("1 cell judged, 0 comparisons, by one person")
    # Chromium hands what a page stores on to its other processes a little later; a reload may ask one of these
    expect(cell(witness).locator(".judged")).to_have_text("★5")
    page.reload()
    expect(cell(page).locator(".judged")).to_have_text("★5")
    browser.close()


def test_two_windows_do_not_overwrite_each_other(judged: Callable[..., Path], chromium: Browser) -> None:
    path, browser = judged(), chromium.new_context()
    one, two = browser.new_page(), browser.new_page()
    for page in (one, two):
        page.goto(path.as_uri())
    cell(one, 0, 0).focus()
    one.keyboard.press("5")
    expect(cell(two, 0, 0).locator(".judged")).to_have_text("★5")
    cell(two, 0, 1).focus()
    two.keyboard.press("2")
    expect(cell(one, 0, 1).locator(".judged")).to_have_text("★2")
    assert len(exported(one)["marks"]) == 2
    browser.close()


def test_what_is_exported_is_taken_back_by_another_browser_once(
    judged: Callable[..., Path], visit: Visit, tmp_path: Path
) -> None:
    path = judged()
    page = visit(path)
    page.get_by_label("your name").fill("Ann")
    page.get_by_label("your name").press("Tab")
    cell(page).focus()
    page.keyboard.press("4")
    said = exported(page)
    assert (said["format"], said["plan"], list(said["raters"].values())) == (1, PLAN, ["Ann"])
    assert [(mark["cell"], mark["stars"]) for mark in said["marks"]] == [(f"{1:064x}", 4)]
    file = tmp_path / "ann.json"
    file.write_text(json.dumps(said))
    other = visit(path)
    expect(other.locator(".judged")).to_have_count(0)
    for _ in range(2):
        other.locator("#judging input[type=file]").set_input_files(file)
        expect(cell(other).locator(".judged")).to_have_text("★4")
    expect(other.locator("#judging")).to_contain_text("1 cell judged")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<html>", "this is no JSON file; take one that a page has exported"),
        ("[]", "this is no file of ratings that this page reads; take one that a page has exported"),
        (
            json.dumps({"format": 1, "plan": "cd"}),
            "this file judges the cells of another run; take it to the page of that run",
        ),
    ],
)
def test_a_file_that_is_none_of_this_run_s_is_refused(
    text: str, problem: str, judged: Callable[..., Path], visit: Visit, tmp_path: Path
) -> None:
    (tmp_path / "file.json").write_text(text)
    page = visit(judged())
    page.locator("#judging input[type=file]").set_input_files(tmp_path / "file.json")
    expect(page.locator("#judging .problem")).to_have_text(problem)


def test_what_the_run_already_holds_is_shown(judged: Callable[..., Path], visit: Visit) -> None:
    held = Ratings(
        plan=PLAN, raters={"r1": "Bob"}, marks=(Mark(at=1, rater="r1", cell=f"{1:064x}", stars=2, note="<i>"),)
    )
    page = visit(judged(ratings=held))
    expect(cell(page).locator(".judged")).to_have_text("★2 ✎")
    cell(page).focus()
    page.keyboard.press("4")
    expect(cell(page).locator(".judged")).to_have_text("★3 ✎")


def test_a_note_is_kept_when_the_viewer_closes_over_it(judged: Callable[..., Path], visit: Visit) -> None:
    page = visit(judged())
    cell(page).click()
    page.get_by_label("a note").press_sequentially("soft")
    page.keyboard.press("Escape")
    expect(cell(page).locator(".judged")).to_have_text("✎")
    assert cell(page).locator(".judged").get_attribute("title") == "soft"


def test_the_viewer_takes_the_keys_of_the_grid(judged: Callable[..., Path], visit: Visit) -> None:
    page = visit(judged())
    cell(page).click()
    page.keyboard.press("2")
    expect(page.locator(".star[aria-pressed='true']")).to_have_count(2)
    page.keyboard.press("x")
    expect(page.get_by_role("button", name="Reject")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".star[aria-pressed='true']")).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("0")
    expect(page.locator(".star[aria-pressed='true']")).to_have_count(0)


def test_the_viewer_says_what_other_people_said(judged: Callable[..., Path], visit: Visit) -> None:
    marks = (
        Mark(at=1, rater="r1", cell=f"{1:064x}", stars=2, rejected=True, note="<i>soft</i>"),
        Mark(at=1, rater="r2", cell=f"{1:064x}"),
    )
    page = visit(judged(ratings=Ratings(plan=PLAN, raters={"r1": "<b>Bob</b>", "r2": "Ann"}, marks=marks)))
    cell(page).click()
    assert words(page, ".said") == ["<b>Bob</b>: ★★ rejected <i>soft</i>"]


def test_where_the_browser_keeps_nothing_the_page_says_so_once_and_keeps_it_while_it_is_open(
    judged: Callable[..., Path], chromium: Browser
) -> None:
    path = judged()
    host = path.with_name("host.html")
    host.write_text(
        f"<iframe sandbox='allow-scripts allow-downloads' src='{path.name}' width=1200 height=900></iframe>"
    )
    page = chromium.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(host.as_uri())
    frame = page.frame_locator("iframe")
    first = frame.locator(f"{CELLS}[data-row='0'][data-column='0']")
    first.focus()
    page.keyboard.press("4")
    expect(first.locator(".judged")).to_have_text("★4")
    words = "this browser keeps nothing for this page: export your ratings before you close it"
    expect(frame.locator("#announcement")).to_have_text(words)
    expect(frame.locator("#judging .warning")).to_have_text(words)
    page.keyboard.press("5")
    expect(first.locator(".judged")).to_have_text("★5")
    page.close()


def test_an_answer_taken_back_in_one_window_does_not_come_back_from_another(
    judged: Callable[..., Path], chromium: Browser
) -> None:
    path, browser = judged(), chromium.new_context()
    one, two = browser.new_page(), browser.new_page()
    for page in (one, two):
        page.goto(path.as_uri())
    one.get_by_role("button", name="Compare blind").click()
    one.keyboard.press("ArrowLeft")
    expect(two.locator("#judging")).to_contain_text("1 comparison")
    one.keyboard.press("u")
    expect(two.locator("#judging")).to_contain_text("Nothing is judged yet")
    cell(two).focus()
    two.keyboard.press("3")
    expect(one.locator("#judging")).to_contain_text("1 cell judged, 0 comparisons")
    one.keyboard.press("Escape")
    assert exported(one)["duels"] == []
    browser.close()


def test_a_person_is_called_what_they_last_said(judged: Callable[..., Path], visit: Visit) -> None:
    page = visit(judged())
    for name in ("Zoe", "Ann"):
        page.get_by_label("your name").fill(name)
        page.get_by_label("your name").press("Tab")
    said = exported(page)
    assert list(said["raters"].values()) == ["Ann"]
    assert said["tool"] == f"sweeprunner {runner.__version__}"


def test_files_taken_in_any_order_come_to_what_python_makes_of_them(
    judged: Callable[..., Path], visit: Visit, tmp_path: Path
) -> None:
    first = f"{1:064x}"
    mark = {"rater": "r1", "cell": first, "stars": 2, "rejected": False, "note": "", "at": 7}
    duel = {"rater": "r1", "left": first, "right": f"{2:064x}", "better": "left", "at": 9}
    files = [
        {"marks": [mark], "duels": [duel]},
        {"marks": [{**mark, "note": "soft"}, {**mark, "rater": "r2", "stars": 5, "at": 3}], "duels": [duel]},
        {"marks": [{**mark, "stars": 1}], "duels": [{**duel, "better": "equal"}]},
    ]
    paths = []
    for number, said in enumerate(files):
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(json.dumps({"format": 1, "plan": PLAN, "raters": {"r1": "Ann"}, **said}))
    cells = [first, f"{2:064x}"]
    expected = merged(PLAN, [load(path, PLAN, cells) for path in paths])
    page_path = judged()
    for order in (paths, paths[::-1]):
        page = visit(page_path)
        for path in order:
            page.locator("#judging input[type=file]").set_input_files(path)
        expect(page.locator("#judging")).to_contain_text("2 comparisons")
        out = tmp_path / "out.json"
        out.write_text(json.dumps(exported(page)))
        found = load(out, PLAN, cells)
        assert (merged(PLAN, [found]).marks, merged(PLAN, [found]).duels) == (expected.marks, expected.duels)


def test_a_page_of_no_run_judges_nothing(four: Path, visit: Visit) -> None:
    expect(visit(four).locator("#judging")).to_be_hidden()
