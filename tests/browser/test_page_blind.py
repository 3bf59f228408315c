"""Comparing blind in the page: which pairs are asked, what is answered, and the ranking that comes of it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from books import axis, book, tile
from browser.judging import PLAN, exported
from browser.looking import Visit, coordinates, words
from playwright.sync_api import expect

from runner.ranking import rank
from runner.ratings import Duel, Ratings, by_point
from runner.report import write

pytestmark = pytest.mark.browser


def test_where_no_two_pictures_differ_a_blind_comparison_is_not_offered_and_that_is_said(
    judged: Callable[..., Path], visit: Visit
) -> None:
    page = visit(judged(), "#v=1&only=scheduler%3DA%2Cseed%3D1")
    button = page.get_by_role("button", name="Compare blind")
    expect(button).to_be_disabled()
    expect(button).to_have_accessible_description("There are no two different pictures in view.")
    expect(page.locator("#judging-alone")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(button).to_be_enabled()
    expect(button).to_have_accessible_description("")


def test_cells_that_were_not_made_are_not_compared_blind(report: Callable[[], Path], visit: Visit) -> None:
    axes = [axis("scheduler", "AB")]
    shown = [tile(number, {"scheduler": label}) for number, label in enumerate("AB")]
    page = visit(write(book(axes, shown, plan=PLAN), report()))
    expect(page.get_by_role("button", name="Compare blind")).to_be_disabled()


def test_a_blind_comparison_says_nothing_about_the_cells(judged: Callable[..., Path], visit: Visit) -> None:
    page = visit(judged())
    page.get_by_role("button", name="Compare blind").click()
    expect(page.locator(".fighter img")).to_have_count(2)
    html = page.locator("#duel").evaluate("dialog => dialog.outerHTML")
    assert not re.search(r"scheduler|seed|title=\"[^←→SUREsc]", html)
    assert words(page, "#duel .label-text") == []


def test_arrow_keys_and_space_decide_and_u_takes_back(judged: Callable[..., Path], visit: Visit) -> None:
    page = visit(judged())
    page.get_by_role("button", name="Compare blind").click()
    for key in ("ArrowLeft", "ArrowRight", " ", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator("#duel-bar")).to_contain_text("4 compared")
    page.keyboard.press("u")
    expect(page.locator("#duel-bar")).to_contain_text("3 compared")
    page.keyboard.press("Escape")
    said = exported(page)
    assert [duel["better"] for duel in said["duels"]] == ["left", "right", "equal"]
    assert all(duel["left"] != duel["right"] for duel in said["duels"])
    page.reload()
    expect(page.locator("#judging")).to_contain_text("3 comparisons")


def test_pictures_that_were_seldom_compared_come_first(judged: Callable[..., Path], visit: Visit) -> None:
    page = visit(judged())
    page.get_by_role("button", name="Compare blind").click()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    met = [duel[side] for duel in exported(page)["duels"] for side in ("left", "right")]
    assert len(set(met)) == 6


def test_pairs_can_differ_in_one_axis_alone(judged: Callable[..., Path], visit: Visit) -> None:
    page = visit(judged())
    page.get_by_label("which pairs").select_option("that differ in seed alone")
    page.get_by_role("button", name="Compare blind").click()
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    pairs = [{int(duel["left"], 16), int(duel["right"], 16)} for duel in exported(page)["duels"]]
    assert sorted(map(sorted, pairs)) == sorted([[1, 2], [3, 4], [5, 6]] * 2)


def test_where_no_pair_differs_in_the_axis_alone_that_is_said(judged: Callable[..., Path], visit: Visit) -> None:
    page = visit(judged(), "#v=1&x=scheduler&y=seed&pick.seed=1")
    page.get_by_label("which pairs").select_option("that differ in seed alone")
    page.get_by_role("button", name="Compare blind").click()
    expect(page.locator("#duel-stage")).to_have_text("No two pictures in view differ in this axis alone.")


def test_a_seed_draws_the_same_pairs_again(judged: Callable[..., Path], visit: Visit) -> None:
    path = judged()
    drawn = []
    for seed in ("7", "7", "8"):
        page = visit(path)
        page.get_by_label("in which order").select_option("at random")
        page.get_by_role("spinbutton", name="seed").fill(seed)
        page.get_by_role("button", name="Compare blind").click()
        for _ in range(5):
            page.keyboard.press(" ")
        page.keyboard.press("Escape")
        drawn.append([(duel["left"], duel["right"]) for duel in exported(page)["duels"]])
    assert drawn[0] == drawn[1] != drawn[2]


def test_an_answer_taken_back_is_asked_again(judged: Callable[..., Path], visit: Visit) -> None:
    page = visit(judged())
    page.get_by_role("button", name="Compare blind").click()
    pairs = "[...document.querySelectorAll('.fighter img')].map((image) => image.src)"
    before = page.evaluate(pairs)
    page.keyboard.press("ArrowLeft")
    second = page.evaluate(pairs)
    page.keyboard.press("u")
    assert page.evaluate(pairs) == before
    page.locator(".fighter").first.click()
    assert page.evaluate(pairs) == second
    page.keyboard.press("ArrowRight")
    expect(page.locator("#duel-bar")).to_contain_text("2 compared")


def test_hidden_values_are_compared_with_nothing(judged: Callable[..., Path], visit: Visit) -> None:
    page = visit(judged(), "#v=1&x=scheduler&y=seed&hide.scheduler=C")
    page.get_by_role("button", name="Compare blind").click()
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    met = {int(duel[side], 16) for duel in exported(page)["duels"] for side in ("left", "right")}
    assert met == {1, 2, 3, 4}


def test_the_ranking_is_the_one_that_python_computes(judged: Callable[..., Path], visit: Visit) -> None:
    outcomes = [
        (1, 3, "left"),
        (3, 5, "left"),
        (1, 5, "left"),
        (5, 1, "equal"),
        (2, 4, "right"),
        (1, 3, "left"),
        (6, 1, "right"),
    ]
    duels = tuple(
        Duel(at=at, rater="r1", left=f"{left:064x}", right=f"{right:064x}", better=better)  # type: ignore[arg-type]  # as spelled
        for at, (left, right, better) in enumerate(outcomes)
    )
    page = visit(judged(ratings=Ratings(plan=PLAN, raters={"r1": ""}, duels=duels)))
    page.get_by_role("button", name="Ranking").click()
    share = {"left": 1.0, "right": 0.0, "equal": 0.5}
    cells = sorted({number for left, right, _ in outcomes for number in (left, right)})
    places = {number: place for place, number in enumerate(cells)}
    expected = rank(len(cells), [(places[left], places[right], share[better]) for left, right, better in outcomes])
    table = page.locator(".ranking").last
    shown = [
        [row.locator("th .label-text").text_content(), *row.locator("td.number").all_text_contents()]
        for row in table.locator("tbody tr").all()
    ]
    titles = {number: f"scheduler {'ABC'[(number - 1) // 2]}, seed {(number - 1) % 2 + 1}" for number in cells}
    best_first = sorted(zip(cells, expected, strict=True), key=lambda pair: -pair[1].strength)
    assert shown == [
        [titles[number], f"{item.strength:.2f}", f"{item.low:.2f} to {item.high:.2f}", str(item.duels)]
        for number, item in best_first
    ]
    schedulers = {f"{number:064x}": "ABC"[(number - 1) // 2] for number in range(1, 7)}
    points = by_point(Ratings(plan=PLAN, duels=duels), schedulers)
    assert [
        [row.locator("th").text_content(), *row.locator("td.number").all_text_contents()]
        for row in page.locator(".ranking").first.locator("tbody tr").all()
    ] == [
        [name, f"{item.strength:.2f}", f"{item.low:.2f} to {item.high:.2f}", str(item.duels)]
        for name, item in sorted(points.items(), key=lambda pair: -pair[1].strength)
    ]
    headings = words(page, "#duel-stage h2")
    assert headings == ["scheduler", "seed", "cells"]
    page.locator(".ranking .tray-item").first.click()
    expect(page.locator("#viewer")).to_be_visible()
    assert coordinates(page) == {"scheduler": "A", "seed": "1"}
