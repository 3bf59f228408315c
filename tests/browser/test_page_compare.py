"""Pins, and what they are compared with: side by side, under a slider, in turns, subtracted; pairs along an axis."""

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from books import axis, book, painted, tile, tiles
from browser.looking import CELLS, Visit, address, served, words
from playwright.sync_api import Page, expect

from runner.document import check
from runner.nouns import Layout, Picture, Request
from runner.report import Tile, write
from runner.verbs import prepare

pytestmark = pytest.mark.browser

FIRST, SECOND, THIRD = (f"{number:064x}" for number in (0, 8, 16))
HOSTILE = "<img src=x onerror=alert(1)> \"two\" 'one' $HOME `id` \\ \u202ertl 🐈 </script> é\nnext line"


def pin(page: Page, *columns: int) -> None:
    for column in columns:
        page.locator(f"{CELLS}[data-row='0'][data-column='{column}']").focus()
        page.keyboard.press("p")


def sources(page: Page) -> list[str]:
    return [str(image.get_attribute("alt")) for image in page.locator("#compare-stage img").all()]


# --- pins -------------------------------------------------------------------------------------------------------


def test_p_pins_a_cell_and_unpins_it_and_the_address_says_so(four: Path, visit: Visit) -> None:
    page = visit(four)
    expect(page.locator("#tray")).to_be_hidden()
    pin(page, 0, 1)
    assert words(page, ".tray-item .label-text") == ["scheduler A", "scheduler B"]
    assert address(page)["pin"] == [FIRST, SECOND]
    expect(page.locator(f"{CELLS} .pin")).to_have_count(2)
    expect(page.locator(f"{CELLS}[data-row='0'][data-column='1']")).to_be_focused()
    pin(page, 0)
    assert (address(page)["pin"], words(page, ".tray-item .label-text")) == (
        [SECOND],
        ["scheduler B, guidance 2, seed 1, ink 0"],
    )
    page.go_back()
    assert address(page)["pin"] == [FIRST, SECOND]
    expect(page.locator(".tray-item")).to_have_count(2)
    page.get_by_role("button", name="Unpin all").click()
    expect(page.locator("#tray")).to_be_hidden()


def test_pins_of_the_address_that_are_gone_are_left_out(four: Path, visit: Visit) -> None:
    page = visit(four, f"#v=1&pin={SECOND}&pin=nothing&pin={FIRST}.7&compare=nonsense")
    assert words(page, ".tray-item .label-text") == ["scheduler B, guidance 2, seed 1, ink 0"]
    expect(page.locator("#compare")).to_be_hidden()


def test_a_cell_without_a_picture_is_not_pinned_and_that_is_said(report: Callable[[], Path], visit: Visit) -> None:
    page = visit(write(book([axis("seed", [1])], [tile(1, {"seed": "1"})]), report()))
    pin(page, 0)
    expect(page.locator("#announcement")).to_have_text("there is no picture to pin")
    assert "pin" not in address(page)


def test_the_oldest_pin_makes_room_for_the_tenth(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("seed", range(10))]
    page = visit(write(book(axes, list(tiles(axes, [pictures["wide"]])), layout=Layout(x="seed")), report()))
    pin(page, *range(10))
    assert address(page)["pin"] == [f"{number:064x}" for number in range(1, 10)]


def test_the_viewer_pins_the_picture_that_it_shows(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    several = tuple(list(pictures.values())[:3])
    page = visit(write(book([axis("seed", [1])], [tile(1, {"seed": "1"}, several)]), report()))
    page.locator(f"{CELLS} img").nth(1).click()
    page.keyboard.press("p")
    expect(page.locator(".stage-note")).to_have_text("pinned: hold B over another picture to see this one")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(".tray-item img")).to_have_attribute("src", re.compile(several[1].sha256))
    expect(page).to_have_url(re.compile(rf"pin={0:016x}\.1$"))


# --- comparing --------------------------------------------------------------------------------------------------


def test_pins_stand_side_by_side_under_the_words_that_tell_them_apart(four: Path, visit: Visit) -> None:
    page = visit(four)
    pin(page, 0, 1, 2)
    page.keyboard.press("c")
    expect(page.locator("#compare")).to_be_visible()
    assert words(page, "#compare figcaption") == ["scheduler A", "scheduler B", "scheduler C"]
    assert address(page)["compare"] == ["side"]
    page.keyboard.press("Escape")
    expect(page.locator("#compare")).to_be_hidden()
    assert "compare" not in address(page)
    page.go_back()
    expect(page.locator("#compare")).to_be_visible()


def test_zoom_and_pan_are_the_same_for_every_picture_and_never_leave_it(four: Path, visit: Visit) -> None:
    page = visit(four, f"#v=1&pin={FIRST}&pin={SECOND}&compare=side")
    images = page.locator("#compare-stage img")
    before = images.first.bounding_box()
    box = page.locator(".pane").first.bounding_box()
    assert before
    assert box
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -600)
    for key in ("+", "ArrowRight"):
        page.keyboard.press(key)
    transforms = [images.nth(place).evaluate("image => getComputedStyle(image).transform") for place in (0, 1)]
    assert transforms[0] == transforms[1] != "none"
    scale = float(transforms[0].removeprefix("matrix(").split(",")[0])
    assert scale > 3
    for _ in range(60):
        page.keyboard.press("ArrowLeft")
    assert page.locator("#compare-stage").evaluate("stage => stage.style.getPropertyValue('--x')") == "0"
    page.keyboard.press("0")
    assert images.first.bounding_box() == before


def test_dragging_pans(four: Path, visit: Visit) -> None:
    page = visit(four, f"#v=1&pin={FIRST}&pin={SECOND}&compare=side")
    for _ in range(4):
        page.keyboard.press("+")
    read = "stage => Number(stage.style.getPropertyValue('--x'))"
    before = page.locator("#compare-stage").evaluate(read)
    box = page.locator(".pane").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 100 + box["width"] / 10, box["y"] + 100)
    page.mouse.up()
    assert page.locator("#compare-stage").evaluate(read) == pytest.approx(before + 0.1, abs=0.01)


def test_a_slider_uncovers_one_picture_over_the_other_by_mouse_and_keys(four: Path, visit: Visit) -> None:
    page = visit(four, f"#v=1&pin={FIRST}&pin={SECOND}&compare=side")
    page.keyboard.press("w")
    split = "pane => pane.style.getPropertyValue('--split')"
    pane = page.locator(".pane")
    assert pane.evaluate(split) == "50%"
    page.locator("input.wipe").focus()
    page.keyboard.press("End")
    assert pane.evaluate(split) == "100%"
    box = pane.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 50)
    page.mouse.up()
    assert float(pane.evaluate(split).rstrip("%")) == pytest.approx(25, abs=1)
    assert page.locator(".wiped img").get_attribute("alt") == "scheduler A, guidance 2, seed 1, ink 0"


def test_flicker_shows_a_and_b_in_turns_and_stands_still_where_less_motion_is_wished_for(
    four: Path, visit: Visit
) -> None:
    fragment = f"#v=1&pin={FIRST}&pin={SECOND}&compare=flicker"
    page = visit(four, fragment)
    expect(page.locator(".pane-letter")).to_have_text("A")
    expect(page.locator(".pane-letter")).to_have_text("B")
    still = visit(four, fragment, reduced_motion="reduce")
    expect(still.locator(".play")).to_have_attribute("aria-pressed", "false")
    still.locator(".turn").click()
    expect(still.locator(".pane-letter")).to_have_text("A")
    expect(still.locator("img.over")).to_be_hidden()
    still.locator(".play").click()
    expect(still.locator(".pane-letter")).to_have_text("B")


def test_x_exchanges_a_and_b(four: Path, visit: Visit) -> None:
    page = visit(four, f"#v=1&pin={FIRST}&pin={SECOND}&compare=side")
    page.keyboard.press("x")
    expect(page).to_have_url(re.compile(f"pin={SECOND}&pin={FIRST}"))
    assert words(page, "#compare figcaption") == ["A scheduler B", "B scheduler A"]


def two(run: Path, folder: Path, other: Picture) -> Path:
    shown = [tile(1, {"seed": "1"}, (painted(run, 100),)), tile(2, {"seed": "2"}, (other,))]
    return write(book([axis("seed", [1, 2])], shown, layout=Layout(x="seed")), folder)


def test_a_difference_has_a_number_where_pixels_can_be_read(
    run: Path, report: Callable[[], Path], visit: Visit, chromium: Any
) -> None:
    path = two(run, report(), painted(run, 106))
    fragment = f"#v=1&pin={1:064x}&pin={2:064x}&compare=difference"
    with served(run) as url:
        page = chromium.new_page()
        page.goto(f"{url}/{path.parent.name.replace(' ', '%20')}/index.html{fragment}")
        said = "mean difference 2.00 of 255, 100.0% of the pixels differ"  # 6 of red, nothing of green and blue
        expect(page.locator(".difference-number")).to_have_text(said)
        page.close()
    page = visit(path, fragment)
    expect(page.locator(".difference-number")).to_contain_text("a page opened from a disk may show pictures")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Let this page read its folder").click()
    chooser.value.set_files(str(run))
    expect(page.locator(".difference-number")).to_have_text(said)


def test_the_same_file_is_said_to_be_the_same(run: Path, report: Callable[[], Path], visit: Visit) -> None:
    page = visit(two(run, report(), painted(run, 100)), f"#v=1&pin={1:064x}&pin={2:064x}&compare=difference")
    expect(page.locator(".difference-number")).to_have_text("the same file: every pixel is the same")


def test_pairs_along_an_axis_agree_in_all_else_and_are_stepped_through(four: Path, visit: Visit) -> None:
    page = visit(four)
    page.locator(f"{CELLS}").first.focus()
    page.keyboard.press("c")
    expect(page.locator(".compare-nothing")).to_contain_text("Pin two cells with P")
    page.select_option("#compare-source", label="along scheduler")
    page.select_option("#compare-from", label="B")
    page.select_option("#compare-to", label="C")
    expect(page.locator("#compare output")).to_have_text("pair 1 of 8")
    assert sources(page) == ["scheduler B, guidance 2, seed 1, ink 0", "scheduler C, guidance 2, seed 1, ink 0"]
    page.locator("#compare").focus()
    page.keyboard.press("]")
    assert sources(page) == ["scheduler B, guidance 2, seed 1, ink 1", "scheduler C, guidance 2, seed 1, ink 1"]
    assert words(page, ".shared") == ["guidance 2, seed 1, ink 1"]
    for _ in range(2):
        page.keyboard.press("[")
    expect(page.locator("#compare output")).to_have_text("pair 8 of 8")
    expect(page).to_have_url(re.compile(f"along=scheduler&from=B&to=C&pair={15:064x}"))
    page.reload()
    expect(page.locator("#compare output")).to_have_text("pair 8 of 8")


def test_axes_in_lockstep_move_together(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("subject", ["house", "boat"]), axis("sky", ["blue", "red"]), axis("seed", [1, 2])]
    shown = [
        one for one in tiles(axes, [pictures["wide"]]) if ZIPPED[one.coordinates["subject"]] == one.coordinates["sky"]
    ]
    page = visit(write(book(axes, shown), report()), "#v=1&compare=side&along=subject&from=house&to=boat")
    assert sources(page) == ["subject house, sky blue, seed 1", "subject boat, sky red, seed 1"]


ZIPPED = {"house": "blue", "boat": "red"}


# --- against the baseline ------------------------------------------------------------------------------------------


def test_every_cell_can_show_its_difference_to_the_baselines(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    axes = [axis("scheduler", "AB"), axis("seed", [1, 2])]
    shown = list(tiles(axes, list(pictures.values())))
    layout = Layout(x="scheduler", y="seed", baseline={"scheduler": "A"})
    page = visit(write(book(axes, shown, layout=layout), report()))
    page.get_by_role("button", name="Against baseline").click()
    assert address(page)["versus"] == ["baseline"]
    layers = page.locator(f"{CELLS}[data-row='1'][data-column='1'] .versus img")
    sources_ = [str(layers.nth(place).get_attribute("src")) for place in (0, 1)]
    assert [shown[place].pictures[0].sha256 in source for place, source in zip((3, 1), sources_, strict=True)] == [
        True,
        True,
    ]
    assert layers.nth(1).evaluate("image => getComputedStyle(image).mixBlendMode") == "difference"
    page.get_by_role("button", name="Against baseline").click()
    expect(page.locator(".versus")).to_have_count(0)


def test_without_a_baseline_there_is_nothing_to_hold_it_against(four: Path, visit: Visit) -> None:
    expect(visit(four, "#v=1&versus=baseline").locator("#versus")).to_be_hidden()


# --- cycling -----------------------------------------------------------------------------------------------------


def test_a_held_axis_plays_through_its_points_until_it_is_stopped(four: Path, visit: Visit) -> None:
    page = visit(four)
    play = page.locator("[data-cycle]")
    assert play.get_attribute("aria-label") == "play through ink"
    play.click()
    expect(page).to_have_url(re.compile("at.ink=1"))
    expect(page).to_have_url(re.compile("at.ink=0"))
    page.keyboard.press("Escape")
    expect(play).to_have_attribute("aria-pressed", "false")


# --- the truth about a cell -----------------------------------------------------------------------------------------


def of_prompt(prompt: str, picture: Picture, **more: object) -> Tile:
    parameters = {"model_id": "any", "prompt": prompt, "seed": 7, "guidance_scale": 7.5, "enhance_prompt": "no", **more}
    return Tile(
        coordinates={"seed": "7"},
        digest=f"{7:064x}",
        state=tile(7, {}, (picture,)).state,
        request=Request(endpoint="text2img", parameters=parameters),
        pictures=(picture,),
    )


def copied(page: Page, form: str) -> str:
    page.locator(CELLS).first.click()
    page.locator(f".copy[data-form='{form}']").click()
    expect(page.locator(f".copy[data-form='{form}']")).to_have_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


def told(command: str, folder: Path, **environ: str) -> tuple[list[str], dict[str, object]]:
    """Run a copied command where `curl` says what it was given: its arguments, and the body that came in."""
    curl = folder / "bin" / "curl"
    curl.parent.mkdir(exist_ok=True)
    curl.write_text("#!/bin/sh\nprintf '%s\\n---\\n' \"$@\"\ncat\n")
    curl.chmod(0o755)
    path = f"{curl.parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env={"PATH": path, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    *arguments, body = done.stdout.split("\n---\n")
    return arguments, json.loads(body)


POSTED = ["-H", "Content-Type: application/json", "--data-binary", "@-"]


def test_a_request_is_copied_as_a_command_that_a_shell_reads_as_it_was(
    run: Path, report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    image = b"picture" * 60_000  # more than a program's arguments may hold
    digest = hashlib.sha256(image).hexdigest()
    path = run / "inputs" / digest[:2] / digest
    path.parent.mkdir(parents=True)
    path.write_bytes(image)
    one = of_prompt(HOSTILE, pictures["wide"], init_image=f"sha256:{digest}")
    hosted = book([axis("seed", [7])], [one], target="https://host/api/v6", key_variable="MY_KEY")
    command = copied(visit(write(hosted, report()), **CLIPBOARD), "curl")
    arguments, body = told(command, run, MY_KEY="secret")
    assert arguments == ["-sS", "https://host/api/v6/text2img", *POSTED]
    sent = {"init_image": base64.b64encode(image).decode(), "base64": "yes", "key": "secret"}
    assert body == {**one.request.parameters, **sent}
    assert "$MY_KEY" in command


def test_a_request_to_this_process_is_copied_for_the_server_that_sweep_serve_starts(
    run: Path, report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    one = of_prompt("a cat", pictures["wide"])
    command = copied(visit(write(book([axis("seed", [7])], [one]), report()), **CLIPBOARD), "curl")
    arguments, body = told(command, run)
    assert arguments == ["-sS", "http://127.0.0.1:8765/api/v1/enterprise/text2img", *POSTED]
    assert body == one.request.parameters


@pytest.mark.parametrize(
    "prompt",
    [
        HOSTILE,
        'a {{ subject }} {% endless %} {# none #} \r\n"two" \\',
        "next\u0085line\u2028separators\u2029 \ufeff",
        f"sha256:{'ab' * 32}",
        "yes",
        "🐈" * 2000,
    ],
    ids=["hostile", "template", "line ends", "digest", "yes", "long"],
)
def test_a_request_is_copied_as_an_experiment_file_that_means_the_same(
    prompt: str, tmp_path: Path, report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    one = of_prompt(prompt, pictures["wide"], model_id="studio-tiny")
    path = tmp_path / "cell.yaml"
    path.write_text(copied(visit(write(book([axis("seed", [7])], [one]), report()), **CLIPBOARD), "YAML"))
    assert check(path) == ()
    plan = prepare(path)
    [cell] = plan.cells()
    assert {name: cell.request.parameters[name] for name in one.request.parameters} == one.request.parameters
    assert (plan.experiment.target.name, cell.request.endpoint) == ("sketch", "text2img")


def test_a_reused_cell_is_marked_on_the_grid(
    report: Callable[[], Path], pictures: Mapping[str, Picture], visit: Visit
) -> None:
    shown = [
        tile(1, {"seed": "1"}, (pictures["wide"],), reused_from="atlas <b>"),
        tile(2, {"seed": "2"}, (pictures["large"],)),
    ]
    page = visit(write(book([axis("seed", [1, 2])], shown), report()))
    expect(page.locator(".reused")).to_have_count(1)
    expect(page.locator(".reused")).to_have_attribute("title", "reused from atlas <b>")
