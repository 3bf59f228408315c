"""What an axis reads from files: lists, tables and images, and what is said of those that cannot be used."""

from pathlib import Path

import pytest
from axes import IMAGE, PLAIN, SKY, points, read, told
from PIL import Image

from runner.canon import digest_bytes
from runner.document import load
from runner.errors import ExperimentError
from runner.nouns import Point

# --- data files ----------------------------------------------------------------------------------------------------


def test_a_text_file_has_one_value_a_line_and_nothing_in_it_is_special(tmp_path: Path) -> None:
    (tmp_path / "skies.txt").write_text(
        "\ufeffmisty\n\n  stormy, dark \r\n# red\n{{ subject }}\n=1+1\n", encoding="utf-8"
    )
    found = points("axes: {subject: [a], sky: {file: skies.txt}}", SKY, tmp_path)
    texts = ["misty", "stormy, dark", "# red", "{{ subject }}", "=1+1"]
    assert found == tuple(Point(label=text, variables={"sky": text}) for text in texts)


def test_text_from_a_file_is_never_a_template_even_as_a_parameter(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a {{ b }}\n")
    found = points("axes: {prompt: {file: prompts.txt}}", "parameters: {model_id: m}\n", tmp_path)
    assert found == (Point(label="a {{ b }}", set={"prompt": "a {{ b }}"}),)


def test_the_columns_of_a_table_are_set_together(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('label,width,sky\nwide,768,"red, dark"\n,256,"two\nlines"\n')
    assert points("axes: {subject: [a], shot: {file: t.csv}}", SKY, tmp_path) == (
        Point(label="wide", set={"width": 768}, variables={"sky": "red, dark"}),
        Point(label="width=256, sky=two lines", set={"width": 256}, variables={"sky": "two\nlines"}),
    )


def test_a_mistake_in_a_data_file_is_shown_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "w.txt").write_text("256\n\n300\n512\n")
    (tmp_path / "t.csv").write_text('height,samples\n256,1\n"2\n",9\n512,1\n')
    assert told("axes: {width: {file: w.txt}, size: {file: t.csv}}", folder=tmp_path) == [
        f"{tmp_path}/t.csv:3:1: axes.size.1.height: 2 is below the minimum 256 (text2img)",
        f"{tmp_path}/w.txt:3:1: axes.width.1: 300 is not divisible by 8 (text2img)",
    ]


def test_a_file_full_of_mistakes_is_counted_after_the_first_ten(tmp_path: Path) -> None:
    (tmp_path / "w.txt").write_text("\n".join(str(number) for number in range(5000, 6000)))
    found = told("axes: {width: {file: w.txt}}", folder=tmp_path)
    assert len(found) == 11
    assert found[-1] == f"{tmp_path}/w.txt:1000:1: axes.width.999: 990 more values of this file do not fit"


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("no.txt", None, "<text>:2:22: axes.width.file: there is no file {}; check the name and the folder"),
        ("a.txt", b"\n\n", "<text>:2:22: axes.width.file: {} has no values; write one on each line"),
        ("a.txt", b"25\xff", "{}:1:3: byte 0xff is not UTF-8; save the file as UTF-8"),
        ("a.txt", b"25\x01", "{}:1:1: axes.width.file: the text holds the control character U+0001; take it out"),
        ("a.csv", b"", "<text>:2:22: axes.width.file: {} is empty; its first line names the columns"),
        ("a.csv", b"width\n", "<text>:2:22: axes.width.file: {} has no values; write one on each line"),
        ("a.csv", b"width,\n1,2\n", "{}:1:1: axes.width.file: a column has no name; the first line names every column"),
        ("a.csv", b"width,width\n1,2\n", "{}:1:1: axes.width.file: the column 'width' is there twice; keep one of them"),
        ("a.csv", b"width\n256,1\n", "{}:2:1: axes.width.file: 2 cells under 1 columns; quote a cell that holds a comma"),
        ("a.csv", b'width\n"256\n', ("{}:2:1: axes.width.file: no valid CSV: unexpected end of data; "
                                    "look at the quotes of this record")),
        ("a.csv", b"label\nx\n", ("{}:1:1: axes.width.file: the table has labels and nothing to set; "
                                 "add a column named for a parameter")),
        ("a.csv", b"width,mood\n256,x\n", ("{}:1:1: axes.width.mood: 'mood' is no parameter of text2img, and no template "
                                          "uses {{{{ mood }}}}; use it in the prompt, or name a parameter")),
        ("a.json", None, "<text>:2:22: axes.width.file: 'a.json' does not fit; write a path that ends in .txt or .csv"),
    ],
)  # fmt: skip
def test_a_data_file_that_cannot_be_used_is_one_complaint(
    name: str, data: bytes | None, complaint: str, tmp_path: Path
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(ExperimentError) as caught:
        read(PLAIN + f"axes: {{width: {{file: {name}}}}}", tmp_path)
    assert str(caught.value) == complaint.format(tmp_path / name)


# --- images --------------------------------------------------------------------------------------------------------


@pytest.fixture
def album(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    Image.radial_gradient("L").save(tmp_path / "images" / "a.png")
    Image.linear_gradient("L").save(tmp_path / "images" / "b.webp", lossless=True)
    return tmp_path


def test_a_local_image_becomes_its_digest_and_a_link_stays(album: Path) -> None:
    (album / "x.yaml").write_text(IMAGE + "axes: {init_image: [images/a.png, 'https://host/c.png', images/b.webp]}")
    found = load(album / "x.yaml")
    a, b = (digest_bytes((album / "images" / name).read_bytes()) for name in ("a.png", "b.webp"))
    assert found.axes[0].points == (
        Point(label="images/a.png", set={"init_image": f"sha256:{a}"}),
        Point(label="https://host/c.png", set={"init_image": "https://host/c.png"}),
        Point(label="images/b.webp", set={"init_image": f"sha256:{b}"}),
    )
    assert found.inputs == {a: str(album / "images" / "a.png"), b: str(album / "images" / "b.webp")}


def test_an_image_in_a_table_starts_from_the_folder_of_the_table(album: Path) -> None:
    (album / "images" / "t.csv").write_text("init_image,strength\na.png,0.5\n")
    found = points("axes: {shot: {file: images/t.csv}}", IMAGE, album)
    assert found[0].label == "init_image=a.png, strength=0.5"


def test_an_image_that_cannot_be_used_is_refused_at_its_place(album: Path) -> None:
    data = (album / "images" / "a.png").read_bytes()
    (album / "cut.png").write_bytes(data[: len(data) // 2])
    (album / "big.png").write_bytes(data + bytes(20 * 1024 * 1024))
    (album / "words.png").write_text("not an image")
    text = "axes:\n  init_image:\n" + "".join(
        f"    - {name}\n" for name in ("cut.png", "big.png", "words.png", "no.png", "images", "''", "'{{ a }}.png'")
    )
    assert told(text, IMAGE, album) == [
        f"5:7: axes.init_image.0: {album}/cut.png is not a whole PNG, JPEG or WebP image; save it again as one",
        (
            f"6:7: axes.init_image.1: {album}/big.png has {20 * 1024 * 1024 + len(data):,} bytes, "
            "more than the 20,971,520 allowed; make it smaller"
        ),
        f"7:7: axes.init_image.2: {album}/words.png is not a whole PNG, JPEG or WebP image; save it again as one",
        f"8:7: axes.init_image.3: there is no file {album}/no.png; check the name and the folder",
        f"9:7: axes.init_image.4: {album}/images is not a file; give the path of a file",
        "10:7: axes.init_image.5: an empty text is no image; write a link or a path",
        "11:7: axes.init_image.6: a path has no places to fill; write an axis, init_image: [first.png, second.png]",
    ]


def test_a_required_image_can_come_from_an_axis(album: Path) -> None:
    assert read(IMAGE + "axes: {init_image: [images/a.png]}", album).parameters == {"model_id": "m", "prompt": "p"}
    assert told("", IMAGE, album) == [
        "2:1: parameters: init_image is required by img2img; add it here, or an axis that sets it"
    ]
