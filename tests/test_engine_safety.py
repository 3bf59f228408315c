"""Unsafe pictures are found by a model's own rule or checker, and hidden in four ways."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from runner.engine.pictures import encode_png
from runner.engine.safety import Colour, Rule, hidden, judged, rule_of
from runner.engine.sketch import SketchEngine
from runner.errors import EngineError
from runner.nouns import Drawn, Generation, SafetyCheckerType, Verdict
from runner.shipped import shipped
from tests.contracts.engine import checkerboard

ASKED = Generation(
    endpoint="text2img", model_id="any", prompt="a red house", width=128, height=96, hide="sensitive_content_text"
)
WAYS: tuple[SafetyCheckerType, ...] = ("sensitive_content_text", "blur", "pixelate", "black")
PICTURE = checkerboard(128, 96)


def opened(drawn: Drawn) -> Image.Image:
    with Image.open(BytesIO(drawn.png)) as image:
        image.load()
        return image


def contrast(picture: Image.Image) -> float:
    return max(ImageStat.Stat(picture).stddev)


def test_a_picture_is_shown_as_it_is_where_nothing_looks_and_where_nothing_is_found() -> None:
    png = encode_png(PICTURE)
    found, nothing = Rule(words=("red",)), Rule(words=("blue",))
    assert judged(PICTURE, replace(ASKED, hide=""), found) == Drawn(png=png, verdict=Verdict.UNCHECKED)
    assert judged(PICTURE, ASKED, None) == Drawn(png=png, verdict=Verdict.UNCHECKED)
    assert judged(PICTURE, ASKED, nothing) == Drawn(png=png, verdict=Verdict.SAFE)


@pytest.mark.parametrize("way", WAYS)
def test_an_unsafe_picture_is_hidden_the_way_that_was_asked_for(way: SafetyCheckerType) -> None:
    drawn = judged(PICTURE, replace(ASKED, hide=way), Rule(words=("red",)))
    assert drawn == Drawn(png=encode_png(hidden(PICTURE, way)), verdict=Verdict.UNSAFE)
    assert opened(drawn).size == (128, 96)


def test_the_four_ways_are_different_and_none_shows_the_pictures_shapes() -> None:
    shown = {way: hidden(PICTURE, way) for way in WAYS}
    assert len({picture.tobytes() for picture in shown.values()}) == 4
    assert shown["black"].getextrema() == ((0, 0), (0, 0), (0, 0))
    assert contrast(shown["blur"]) < contrast(PICTURE) / 4
    assert len(shown["pixelate"].getcolors() or []) <= 13 * 10
    assert shown["sensitive_content_text"].getpixel((0, 0)) == (96, 96, 96)
    assert ImageStat.Stat(shown["sensitive_content_text"]).extrema[0] == (96, 255)


def test_a_blur_and_a_mosaic_keep_where_the_colours_were() -> None:
    halves = Image.new("RGB", (128, 96), "red")
    halves.paste("blue", (64, 0, 128, 96))
    for way in ("blur", "pixelate"):
        assert (hidden(halves, way).getpixel((4, 48)), hidden(halves, way).getpixel((124, 48))) == (
            (255, 0, 0),
            (0, 0, 255),
        )


@pytest.mark.parametrize(
    ("prompt", "unsafe"),
    [("a nude house", True), ("A NUDE", True), ("nudes", False), ("denuded", False), ("nude, red", True), ("", False)],
)
def test_a_word_is_found_whole_in_any_case(prompt: str, unsafe: bool) -> None:
    assert Rule(words=("nude", "c++"))(prompt, PICTURE) is unsafe


def test_a_colour_is_found_by_its_share_of_the_pixels() -> None:
    half = Image.new("RGB", (100, 100), (230, 0, 200))
    half.paste((0, 160, 0), (0, 0, 100, 50))
    colour = Colour(hue=(285, 330), saturation=0.5, brightness=0.4, share=0.5)
    assert colour.fills(half)
    assert not replace(colour, share=0.51).fills(half)
    assert not colour.fills(Image.new("RGB", (10, 10), (250, 235, 248)))
    assert not colour.fills(Image.new("RGB", (10, 10), (60, 0, 50)))


def test_the_rule_that_ships_with_studio_tiny_is_the_documented_one() -> None:
    colour = Colour(hue=(285, 330), saturation=0.5, brightness=0.4, share=0.5)
    assert rule_of(shipped("models", "studio-tiny")) == Rule(words=("nsfw", "nude", "gore"), colour=colour)


def test_a_folder_without_a_rule_has_none(tmp_path: Path) -> None:
    assert rule_of(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        '{"words": [7]}',
        '{"words": ["a"], "colours": {}}',
        '{"colour": {"hue": [330, 285], "saturation": 0.6, "brightness": 0.4, "share": 0.5}}',
        '{"colour": {"hue": [285, 330], "saturation": 0.6, "brightness": 0.4, "share": 0}}',
        '{"colour": {"hue": [285, 330]}}',
    ],
)
def test_a_rule_that_cannot_be_understood_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "safety.json").write_text(content)
    with pytest.raises(EngineError, match=r"/safety\.json: not a safety rule .*correct it, or remove it"):
        rule_of(tmp_path)


def test_the_sketch_engine_hides_what_calls_itself_unsafe() -> None:
    engine = SketchEngine()
    unsafe = replace(ASKED, prompt="an unsafe house")
    assert engine.generate(ASKED) == replace(engine.generate(replace(ASKED, hide="")), verdict=Verdict.SAFE)
    assert engine.generate(unsafe).verdict is Verdict.UNSAFE
    assert engine.generate(replace(unsafe, hide="")).verdict is Verdict.UNCHECKED


def test_the_file_is_json_that_anyone_can_read() -> None:
    said = json.loads((shipped("models", "studio-tiny") / "safety.json").read_text(encoding="utf-8"))
    assert sorted(said) == ["colour", "words"]
