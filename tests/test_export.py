"""What a run gives away: pictures with their requests in them under readable names, tables that are text everywhere."""

import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from commands import sweep
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from runner.bundle import file_name
from runner.infotext import EXACT, TEXT, exact, infotext, with_texts
from runner.nouns import Picture, Request
from runner.plan import Placement
from runner.vault import decode

FILE = """
name: cats
target: sketch
parameters: {model_id: any, prompt: "a <b>cat</b> | =1+1, \\"quoted\\": yes"}
axes:
  scheduler: [EulerAncestralDiscreteScheduler, DDIMScheduler]
  guidance_scale: [2, 7.5]
  look:
    - {label: "../../etc/passwd", set: {negative_prompt: blurry}}
    - {label: "CON<>:|?*", set: {negative_prompt: ""}}
"""

PARAMETER = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def read_back(text: str) -> dict[str, str]:
    """Read an infotext by the grammar that the program it is meant for reads it by."""
    *lines, last = text.strip().split("\n")
    if len(PARAMETER.findall(last)) < 3:
        lines, last = [*lines, last], ""
    prompt, negative, into_negative = [], [], False
    for line in lines:
        if line.strip().startswith("Negative prompt:"):
            into_negative, line = True, line.strip()[16:].strip()  # noqa: PLW2901  # as the program does
        (negative if into_negative else prompt).append(line)
    found = {"Prompt": "\n".join(prompt), "Negative prompt": "\n".join(negative)}
    for name, value in PARAMETER.findall(last):
        found[name] = json.loads(value) if value.startswith('"') else value
    return found


# --- infotext -----------------------------------------------------------------------------------------------------


def test_a_request_reads_back_with_the_names_of_the_program_that_it_is_written_for() -> None:
    parameters = {
        "prompt": "a cat,\nin the rain",
        "negative_prompt": "blurry, dark",
        "num_inference_steps": 31,
        "scheduler": "DPMSolverMultistepScheduler",
        "use_karras_sigmas": "yes",
        "guidance_scale": 7.5,
        "model_id": 'my "best", model: 2',
        "clip_skip": 2,
        "lora_model": "ink,neon",
        "lora_strength": "0.3,1",
    }
    assert read_back(infotext(parameters, seed=7, size=(512, 768), place=1)) == {
        "Prompt": "a cat,\nin the rain <lora:ink:0.3> <lora:neon:1>",
        "Negative prompt": "blurry, dark",
        "Steps": "31",
        "Sampler": "DPM++ 2M",
        "Schedule type": "Karras",
        "CFG scale": "7.5",
        "Seed": "7",
        "Size": "512x768",
        "Model": 'my "best", model: 2',
        "Clip skip": "2",
        "Picture": "2",
    }


LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)


@given(LINES, LINES, LINES.filter(bool))
@example("Negative prompt: a cat", "Negative prompt: a dog", "any")
def test_any_line_of_a_prompt_and_any_name_of_a_model_read_back(prompt: str, negative: str, model: str) -> None:
    parameters = {"prompt": prompt, "negative_prompt": negative, "num_inference_steps": 21, "model_id": model}
    found = read_back(infotext(parameters, seed=1, size=(256, 256)))
    marked = [re.sub("^Negative prompt:", "negative prompt:", text.strip()) for text in (prompt, negative)]
    assert [found["Prompt"].strip(), found["Negative prompt"].strip()] == marked
    assert (found["Steps"], found["Seed"], found["Model"].strip()) == ("21", "1", model.strip())


def test_texts_are_written_beside_pixels_that_stay_as_they_were() -> None:
    image, buffer = Image.effect_noise((40, 30), 60).convert("RGB"), io.BytesIO()
    image.save(buffer, "PNG")
    said = {TEXT: "кот \U0001f408", EXACT: exact(seed=7)}
    written = with_texts(buffer.getvalue(), said)
    again = Image.open(io.BytesIO(written))
    again.load()
    assert again.tobytes() == image.tobytes()
    assert {name: str(text) for name, text in again.info.items()} == {**said, EXACT: '{"seed": 7}'}
    assert decode(written)[1] == "png"


def test_a_later_line_that_looks_like_the_mark_of_the_negative_prompt_stays_in_the_prompt() -> None:
    prompt = "a sign that reads\n  Negative prompt: none\nNegative prompts: few"
    found = read_back(infotext({"prompt": prompt, "num_inference_steps": 21}, seed=1, size=(256, 256)))
    assert found["Prompt"] == "a sign that reads\n  negative prompt: none\nNegative prompts: few"
    assert found["Negative prompt"] == ""


def test_texts_take_the_place_of_those_that_a_picture_came_with() -> None:
    buffer, other = io.BytesIO(), PngInfo()
    other.add_text(TEXT, "another program's", zip=True)
    other.add_text(EXACT, "another's")
    other.add_text("Comment", "stays")
    Image.effect_noise((40, 30), 60).save(buffer, "PNG", pnginfo=other)
    written = with_texts(with_texts(buffer.getvalue(), {TEXT: "first", EXACT: "{}"}), {TEXT: "second"})
    again = Image.open(io.BytesIO(written))
    again.load()
    assert again.info == {TEXT: "second", EXACT: "{}", "Comment": "stays"}
    assert written.count(TEXT.encode()) == 1


def test_what_is_no_png_is_refused() -> None:
    with pytest.raises(ValueError, match="these bytes are no PNG file"):
        with_texts(b"\xff\xd8\xff JPEG", {})


# --- names --------------------------------------------------------------------------------------------------------


def named(coordinates: Mapping[str, str], place: int = 0) -> str:
    request = Request(endpoint="text2img", parameters={})
    placement = Placement(digest="ab" * 32, coordinates=coordinates, request=request)
    return file_name(placement, Picture(sha256="cd" * 32, width=1, height=1, size=1), place)


def test_a_name_says_the_points_and_calls_numbers_by_their_axis() -> None:
    assert named({"scheduler": "DDIM", "guidance_scale": "7.5"}) == "pictures/DDIM_guidance_scale=7.5-ababababab.png"
    assert named({"seed": "7"}, place=2) == "pictures/seed=7-ababababab.3.png"
    assert named({}) == "pictures/picture-ababababab.png"


@given(st.dictionaries(st.text(min_size=1, max_size=50), st.text(max_size=300), max_size=8))
def test_a_name_is_portable_whatever_the_labels_say(coordinates: dict[str, str]) -> None:
    folder, slash, name = named(coordinates).partition("/")
    assert (folder, slash) == ("pictures", "/")
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f]', name)
    assert len(name.encode()) < 600
    assert len(name) <= 150
    assert name.endswith("-ababababab.png")
    assert unicodedata.is_normalized("NFC", name)


# --- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("cats.yaml").write_text(FILE)
    assert sweep("run", "cats.yaml").code == 0
    return Path("runs/cats")


def test_a_zip_holds_each_picture_once_with_its_request_and_the_table(run: Path) -> None:
    done = sweep("export", str(run), "--format", "zip", "--out", "cats.zip", "--only", "guidance_scale=7.5")
    assert (done.code, done.out) == (0, "cats.zip: 4 pictures\n")
    with zipfile.ZipFile("cats.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[:2] == ["table.csv", "experiment.yaml"]
        assert all(re.fullmatch(r"pictures/[\w=.+-]+\.png", name) for name in names[2:])
        assert archive.read("experiment.yaml").decode() == FILE
        assert len(archive.read("table.csv").decode().splitlines()) == 1 + 4
        image = Image.open(io.BytesIO(archive.read(names[2])))
    facts = json.loads(str(image.info[EXACT]))
    assert (facts["coordinates"]["guidance_scale"], facts["request"]["parameters"]["guidance_scale"]) == ("7.5", 7.5)
    assert read_back(str(image.info[TEXT]))["Prompt"] == 'a <b>cat</b> | =1+1, "quoted": yes'


def test_a_zip_makes_the_folder_that_it_is_asked_to_lie_in(run: Path) -> None:
    done = sweep("export", str(run), "--format", "zip", "--out", "for/ann/cats.zip")
    assert (done.code, done.out) == (0, "for/ann/cats.zip: 8 pictures\n")
    assert zipfile.is_zipfile("for/ann/cats.zip")


def test_the_run_s_own_pictures_stay_as_the_target_made_them(run: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*.png")}
    sweep("export", str(run), "--format", "zip", "--out", "cats.zip")
    assert {path: path.read_bytes() for path in run.rglob("*.png")} == before


def test_a_missing_picture_is_named_and_leaves_no_half_archive(run: Path) -> None:
    lost = next((run / "images").rglob("*.png"))
    lost.unlink()
    done = sweep("export", str(run), "--format", "zip", "--out", "cats.zip")
    assert (done.code, done.err) == (
        2,
        f"{lost}: no such file; `sweep rescue {run}` says which pictures are missing\n",
    )
    assert not list(Path().glob("*cats.zip*"))


def test_binary_forms_need_a_file(run: Path) -> None:
    assert (
        sweep("export", str(run), "--format", "zip").err
        == "export: zip is binary and needs a file; add --out cats.zip\n"
    )


def test_markdown_is_a_table_in_which_labels_are_text(run: Path) -> None:
    lines = sweep("export", str(run), "--format", "md", "--only", "guidance_scale=2").out.splitlines()
    assert lines[0] == "| scheduler | guidance\\_scale | look | outcome | reason | sample | seed | seconds |"
    assert lines[1] == "| --- | --- | --- | --- | --- | --- | --- | --- |"
    assert len(lines) == 2 + 4
    assert {line.split(" | ")[2] for line in lines[2:]} == {"../../etc/passwd", "CON\\<\\>:\\|?\\*"}
