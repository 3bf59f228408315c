"""The files in docs/experiment-file.md load, plan, and complain as the page says."""

import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from runner.document import check, load
from runner.nouns import Provider
from runner.plan import make
from runner.schema import bundled

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "experiment-file.md").read_text(encoding="utf-8")
COMPLAINTS = re.search(r"^```text complaints of wrong.yaml\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
FILES = re.findall(r"^```(?:yaml|text|csv) (\S+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
VALID = [name for name, _ in FILES if name.endswith(".yaml") and name != "wrong.yaml"]
CELLS = {
    "base.yaml": 1,
    "axes.yaml": 16,
    "ranges.yaml": 120,
    "seeds.yaml": 4,
    "loras.yaml": 24,
    "files.yaml": 4,
    "when.yaml": 3,
    "rules.yaml": 11,
    "sampled.yaml": 200,
    "hosted.yaml": 1,
    "report.yaml": 16,
    "narrower.yaml": 5,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES:
        (tmp_path / name).write_text(text, encoding="utf-8")
    Image.new("RGB", (256, 256), "red").save(tmp_path / "house.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", VALID)
def test_a_file_of_the_page_loads_and_plans_the_cells_that_it_means(name: str) -> None:
    plan = make(load(Path(name)), Provider(target="sketch"))
    assert plan.survey.cells == CELLS[name]


@pytest.mark.usefixtures("folder")
def test_the_page_shows_the_complaints_that_its_wrong_file_gets() -> None:
    assert COMPLAINTS is not None
    assert [str(complaint) for complaint in check(Path("wrong.yaml"))] == COMPLAINTS[1].splitlines()


def test_the_page_explains_every_key() -> None:
    explained = set(re.findall(r"`(\w+)`", PAGE))
    schema = bundled("experiment")
    keys = set(schema["properties"]) - {"parameters"}
    for group in ("sample", "limits", "price", "execution", "report"):
        keys |= set(schema["properties"][group]["properties"])
    assert keys - explained == set()


def test_the_page_names_the_seeds_that_a_draw_gives(folder: Path) -> None:
    seeds = [point.set["seed"] for point in load(folder / "seeds.yaml").axes[0].points]
    assert f"# {', '.join(map(str, seeds))}\n" in PAGE


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_gallery_is_valid(path: Path) -> None:
    assert check(path) == ()


def test_a_file_means_the_same_wherever_its_folder_is_moved(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    there = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(folder, there, dirs_exist_ok=True)
    here, moved = load(folder / "ranges.yaml"), load(there / "ranges.yaml")
    assert here.parameters == moved.parameters
    assert json.dumps(list(moved.inputs.values())) == json.dumps([str(there / "house.png")])
