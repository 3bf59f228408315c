"""`sweep verify`: the same request again, the same picture or not; and the run stays as it is."""

import io
from pathlib import Path

import pytest
from commands import record, sweep
from PIL import Image

from runner.folder import RunFolder
from runner.likeness import Compared, Likeness, compare
from runner.nouns import Made

FILE = """
name: cats
target: sketch
parameters: {model_id: any, prompt: a cat, width: 256, height: 256}
axes: {seed: {from: 1, to: 6, step: 1}}
"""
RUN = Path("runs/cats")


def png(shade: int = 0, size: int = 8, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), (shade, shade, shade)).save(buffer, "PNG", **options)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cats.yaml").write_text(FILE)


def files() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in RUN.rglob("*") if path.is_file()}


def remade(data: bytes, place: int = 0) -> None:
    """Say in the run's ledger that one of its cells was made again, as another picture."""
    record(RUN, Made(pictures=(RunFolder(RUN).vault.put(data),)), skip=place)


def original(place: int) -> Path:
    cell = list(RunFolder(RUN).plan().cells())[place]
    with RunFolder(RUN).reading() as ledger:
        sha256 = ledger.standing(cell.digest).pictures[0].sha256
    return RUN / "images" / sha256[:2] / f"{sha256}.png"


def test_what_is_the_same_is_said_and_the_run_stays_as_it_is() -> None:
    sweep("run", "cats.yaml")
    before = files()
    done = sweep("verify", RUN)
    assert (done.code, done.out, done.err) == (0, "runs/cats: 6 cells of 6 made again: 6 same bytes\n", "")
    assert files() == before


def test_other_bytes_with_the_same_pixels_are_the_same_picture() -> None:
    sweep("run", "cats.yaml")
    buffer = io.BytesIO()
    Image.open(original(0)).save(buffer, "PNG", compress_level=1)
    remade(buffer.getvalue())
    done = sweep("verify", RUN)
    assert (done.code, done.out) == (0, "runs/cats: 6 cells of 6 made again: 5 same bytes, 1 same pixels\n")


def test_another_picture_is_named_with_its_distance_and_ends_with_exit_1() -> None:
    sweep("run", "cats.yaml")
    remade(png(7))
    remade(png(7, size=256), place=1)
    done = sweep("verify", RUN)
    rows = [" ".join(line.split()) for line in done.out.splitlines()]
    assert (done.code, rows[0]) == (1, "runs/cats: 6 cells of 6 made again: 4 same bytes, 2 another picture")
    assert rows[3] == "seed=1 another picture, of another size"
    assert rows[4].startswith("seed=2 another picture, ")
    assert rows[4].endswith(" of 255 apart on average")


def test_a_damaged_picture_of_the_run_is_not_called_another() -> None:
    sweep("run", "cats.yaml")
    original(0).write_bytes(png(7))
    original(1).unlink()
    facts = sweep("verify", RUN, "--json").facts
    assert [cell["reason"] for cell in facts["cells"][:2]] == ["the run's own picture is damaged or missing"] * 2
    assert (facts["verified"], facts["same"]) == (6, 4)


def test_a_sample_is_spread_evenly_over_the_plan() -> None:
    sweep("run", "cats.yaml")
    facts = sweep("verify", RUN, "--sample", "3", "--json").facts
    assert [cell["coordinates"]["seed"] for cell in facts["cells"]] == ["1", "3", "5"]
    assert sweep("verify", RUN, "--sample", "99", "--json").facts["verified"] == 6


def test_a_seed_that_the_server_drew_is_asked_for_again() -> None:
    Path("cats.yaml").write_text(FILE.replace("{from: 1, to: 6, step: 1}", "{random: 2}"))
    sweep("run", "cats.yaml")
    assert sweep("verify", RUN).out == "runs/cats: 2 cells of 2 made again: 2 same bytes\n"


def test_only_what_is_made_is_made_again() -> None:
    sweep("run", "cats.yaml", "--limit", "2")
    assert sweep("verify", RUN).out == "runs/cats: 2 cells of 2 made again: 2 same bytes\n"


def test_a_run_without_pictures_has_nothing_to_verify() -> None:
    sweep("run", "cats.yaml", "--limit", "0")
    done = sweep("verify", RUN)
    assert done.code == 2
    assert done.err == (
        "runs/cats: no cell with a known seed is made; cells that are made can be made again: sweep it first\n"
    )


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (png(7), png(7), Compared(likeness=Likeness.BYTES)),
        (png(7, compress_level=0), png(7), Compared(likeness=Likeness.PIXELS)),
        (png(7), png(11), Compared(likeness=Likeness.OTHER, distance=3.0)),
        (png(7), png(7, size=9), Compared(likeness=Likeness.OTHER, distance=None)),
    ],
)
def test_pictures_are_compared_by_bytes_then_by_pixels(one: bytes, other: bytes, found: Compared) -> None:
    assert compare(one, other) == found


def test_a_hosted_service_is_paid_again_only_when_someone_says_so() -> None:
    url = "http://127.0.0.1:9/api"
    words = ("--target", url, "--set", "price.per_image=0.5", "--limit", "0", "--yes")
    assert sweep("run", "cats.yaml", *words).code == 3
    remade(png(7))
    remade(png(8), place=1)
    done = sweep("verify", RUN)
    said = f"verify: 2 requests (2 images) to {url}, for about 1; nobody is here to confirm: add --yes\n"
    assert (done.code, done.err) == (2, said)
