"""What an earlier run made is not bought again; and only what is whole is taken from it."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from commands import record, sweep

from runner.canon import digest_bytes
from runner.folder import RunFolder
from runner.ledger import LEDGER_VERSION, Ledger
from runner.nouns import Unknown
from runner.plan import Plan
from runner.reuse import Places, Shelf, reuse
from runner.vault import image_path
from runner.verbs import load, prepare

FILE = """
name: cats
target: sketch
parameters: {model_id: any, prompt: a cat, width: 256, height: 256}
axes:
  guidance_scale: [2, 5, 8]
  seed: [1, 2]
"""


NO_RUN = (
    "--reuse nowhere: no run folder there; a run folder, or a folder of them, is what pictures are taken from: "
    "give the path of one, such as runs/quickstart\n"
)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cats.yaml").write_text(FILE)


def run(name: str, *words: object, sent: int) -> dict[str, object]:
    """Run the file into a folder; it must send so many requests and make every cell."""
    done = sweep("run", "cats.yaml", "--out", name, "--json", *words)
    assert (done.code, done.facts["sent"], done.facts["pending"]) == (0, sent, 0), done.err
    return done.facts


def images(name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(name, "images").rglob("*.png")}


def plan() -> Plan:
    return prepare("cats.yaml")


# --- what is taken -------------------------------------------------------------------------------------------------


def test_a_cell_that_a_run_beside_this_one_made_is_taken_from_there_and_marked() -> None:
    run("runs/first", sent=6)
    Path("cats.yaml").write_text(FILE.replace("[2, 5, 8]", "[2, 5, 9]"))

    done = sweep("run", "cats.yaml", "--out", "runs/second")

    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "6 cells: 6 made (4 reused from earlier runs). 2 requests sent, 6 images.\nruns/second/report/index.html\n"
    )
    table = load("runs/second").set_index("guidance_scale")
    assert table["reused_from"].fillna("").to_dict() == {2.0: "first", 5.0: "first", 9.0: ""}
    assert "4 reused from earlier runs" in Path("runs/second/report/index.html").read_text()
    assert '"reused"' in Path("runs/second/report/index.html").read_text()


def test_what_is_reused_is_the_same_picture_with_the_same_facts() -> None:
    run("runs/first", sent=6)
    assert run("runs/second", sent=0)["reused"] == 6

    assert images("runs/second") == images("runs/first")
    with RunFolder(Path("runs/first")).reading() as first, RunFolder(Path("runs/second")).reading() as second:
        made, taken = first.standings(), second.standings()
    facts = ("state", "pictures", "seconds", "seed", "answer")
    assert [[getattr(taken[cell.digest], name) for name in facts] for cell in plan().cells()] == [
        [getattr(made[cell.digest], name) for name in facts] for cell in plan().cells()
    ]
    thumbnails = {path.name for path in Path("runs/second/thumbnails").rglob("*.webp")}
    assert thumbnails == {path.name for path in Path("runs/first/thumbnails").rglob("*.webp")}


def test_a_picture_is_linked_and_not_copied_where_the_file_system_can() -> None:
    run("runs/first", sent=6)
    run("runs/second", sent=0)
    for path in Path("runs/second/images").rglob("*.png"):
        assert path.stat().st_ino == Path("runs/first", *path.parts[2:]).stat().st_ino
    assert not list(Path("runs/second").rglob("*.part"))


def test_a_run_that_itself_reused_names_the_run_that_made_the_picture() -> None:
    run("runs/first", sent=6)
    run("runs/second", sent=0)
    run("elsewhere/third", "--reuse", "runs/second", sent=0)
    assert set(load("elsewhere/third")["reused_from"]) == {"first"}


def test_what_this_run_does_not_know_is_known_where_an_earlier_run_made_it() -> None:
    run("runs/first", sent=6)
    sweep("run", "cats.yaml", "--out", "runs/second", "--no-reuse", "--limit", "0")
    record(Path("runs/second"), Unknown(message="no answer"))
    assert run("runs/second", sent=0)["reused"] == 6


def test_reused_cells_cost_nothing_of_a_limit() -> None:
    run("runs/first", sent=6)
    Path("cats.yaml").write_text(FILE.replace("[2, 5, 8]", "[2, 5, 8, 9]") + "limits: {requests: 2, images: 2}\n")
    assert run("runs/second", sent=2)["reused"] == 6


# --- what is not ---------------------------------------------------------------------------------------------------


def test_fresh_and_no_reuse_send_everything() -> None:
    run("runs/first", sent=6)
    assert run("runs/second", "--no-reuse", sent=6)["reused"] == 0
    assert run("runs/third", "--fresh", sent=6)["reused"] == 0
    assert set(load("runs/third")["attempts"]) == {1}


def test_only_the_cells_that_are_chosen_are_taken() -> None:
    run("runs/first", sent=6)
    done = sweep("run", "cats.yaml", "--out", "runs/second", "--only", "guidance_scale=5", "--json")
    assert (done.facts["sent"], done.facts["reused"], done.facts["pending"]) == (0, 2, 4)


def test_another_target_or_model_is_another_cell() -> None:
    run("runs/first", sent=6)
    run("runs/second", "--set", "parameters.model_id=other", sent=6)


def test_a_cell_whose_seed_the_server_draws_is_drawn_again() -> None:
    Path("cats.yaml").write_text(FILE.replace("seed: [1, 2]", "seed: {random: 2}"))
    run("runs/first", sent=6)
    run("runs/second", sent=6)


def test_a_damaged_or_missing_picture_is_made_again_and_said() -> None:
    run("runs/first", sent=6)
    damaged, missing, *_ = sorted(Path("runs/first/images").rglob("*.png"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    missing.unlink()

    done = sweep("run", "cats.yaml", "--out", "runs/second", "--json")

    assert (done.code, done.facts["sent"], done.facts["reused"]) == (0, 2, 4)
    assert done.err == "runs/first: pictures of 2 cells are damaged or missing there, and are not reused\n"
    assert damaged.stat().st_ino != (Path("runs/second") / Path(*damaged.parts[2:])).stat().st_ino


def test_a_missing_thumbnail_is_made_from_the_picture() -> None:
    run("runs/first", sent=6)
    lost = next(Path("runs/first/thumbnails").rglob("*.webp"))
    thumbnail = lost.read_bytes()
    lost.unlink()
    run("runs/second", sent=0)
    assert Path("runs/second", *lost.parts[2:]).read_bytes() == thumbnail


def test_what_a_strangers_run_calls_a_picture_and_is_none_is_made_again_and_said() -> None:
    run("runs/first", sent=6)
    text, sha256 = b"no picture", digest_bytes(b"no picture")
    with sqlite3.connect("runs/first/ledger.sqlite") as ledger:
        ledger.execute("DROP TRIGGER pictures_are_final")
        ledger.execute("UPDATE pictures SET sha256 = ? WHERE attempt = 1", (sha256,))
    place = Path("runs/first", image_path(sha256))
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(text)

    done = sweep("run", "cats.yaml", "--out", "runs/second")

    assert done.err == "runs/first: pictures of 1 cell are damaged or missing there, and are not reused\n"
    assert "(5 reused from earlier runs). 1 request sent" in done.out
    assert not Path("runs/second", image_path(sha256)).exists()


def test_what_a_strangers_ledger_says_is_never_a_path() -> None:
    run("runs/first", sent=6)
    for picture in list(Path("runs/first/images").rglob("*.png")):
        picture.with_suffix(".x").mkdir()
        picture.rename("runs/first/evil")
    with sqlite3.connect("runs/first/ledger.sqlite") as database:
        database.execute("DROP TRIGGER pictures_are_final")
        database.execute("UPDATE pictures SET format = 'x/../../../evil'")

    assert sweep("run", "cats.yaml", "--out", "runs/second", "--json").facts["reused"] == 0

    assert not Path("runs/second/evil").exists()


class Dying(Ledger):
    """A ledger of a process that ends when it has recorded two cells of those that it takes."""

    recorded = 0

    def reuse(self, *words: Any, **more: Any) -> None:
        if self.recorded == 2:
            raise KeyboardInterrupt
        self.recorded += 1
        super().reuse(*words, **more)


def test_a_process_that_ends_between_the_pictures_and_their_rows_leaves_orphans_and_no_dangling_row() -> None:
    run("runs/first", sent=6)
    second = RunFolder(Path("runs/second"))
    cells = list(plan().cells())
    second.path.mkdir()
    with pytest.raises(KeyboardInterrupt), Dying(second.ledger_path) as ledger:
        reuse(cells, Shelf(second.path, Places()), ledger, second.vault, now=1.0)

    with second.reading() as ledger:
        assert ledger.standings() == {}
    assert len(images("runs/second")) == 6
    assert run("runs/second", sent=0)["reused"] == 6


# --- which runs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            f"PRAGMA user_version = {LEDGER_VERSION + 1}",
            f"runs/first/ledger.sqlite: the ledger has version {LEDGER_VERSION + 1}",
        ),
        ("DROP TABLE pictures", "runs/first/ledger.sqlite: no such table: pictures"),
        (
            "DROP TRIGGER finished_is_final; UPDATE attempts SET answer = '[1]'",
            "runs/first/ledger.sqlite: an answer is a JSON object, and not [1]",
        ),
    ],
)
def test_a_run_that_cannot_be_read_is_passed_over_with_one_line(spoil: str, said: str) -> None:
    run("runs/first", sent=6)
    with sqlite3.connect("runs/first/ledger.sqlite") as database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.executescript(spoil)

    done = sweep("run", "cats.yaml", "--out", "runs/second", "--json")

    assert (done.code, done.facts["sent"]) == (0, 6)
    assert done.err.startswith(f"runs/first: nothing is reused from there: {said}")
    assert done.err.count("\n") == 1


def test_a_damaged_ledger_is_passed_over_and_a_sound_one_beside_it_is_used() -> None:
    run("runs/first", sent=6)
    Path("runs/damaged").mkdir()
    Path("runs/damaged/ledger.sqlite").write_bytes(b"no database at all" * 100)
    Path("runs/notes").mkdir()
    done = sweep("run", "cats.yaml", "--out", "runs/second", "--json")
    assert (done.code, done.facts["reused"]) == (0, 6)
    assert done.err.startswith("runs/damaged: nothing is reused from there: ")
    assert done.err.count("\n") == 1


def test_a_run_under_way_gives_what_it_has_made() -> None:
    run("runs/first", sent=6)
    with RunFolder(Path("runs/first")).writing():
        run("runs/second", sent=0)


def test_reuse_names_a_run_or_a_folder_of_runs_elsewhere() -> None:
    run("old/first", sent=6)
    run("runs/second", "--reuse", "old", sent=0)
    run("new/third", "--reuse", "old/first", sent=0)
    run("other/fourth", sent=6)


def test_the_run_last_written_to_is_asked_first() -> None:
    run("runs/first", sent=6)
    run("runs/second", "--no-reuse", sent=6)
    os.utime("runs/first/ledger.sqlite", (1, 1))
    run("runs/third", sent=0)
    assert set(load("runs/third")["reused_from"]) == {"second"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--reuse", "nowhere"),
            NO_RUN,
        ),
        (
            ("--reuse", "nowhere", "--no-reuse"),
            "--reuse nowhere: with --no-reuse nothing is taken from any run; leave one of the two flags out\n",
        ),
    ],
)
def test_a_place_without_runs_is_a_mistake(words: tuple[str, ...], said: str) -> None:
    for command in (("run", "cats.yaml", "--out", "runs/first"), ("plan", "cats.yaml")):
        done = sweep(*command, *words)
        assert (done.code, done.err) == (2, said)


# --- before anything is sent ---------------------------------------------------------------------------------------


def test_plan_counts_what_earlier_runs_made_as_nothing_to_send() -> None:
    run("runs/first", sent=6)
    words = ("plan", "cats.yaml", "--out", "runs/second", "--set", "price.per_image=0.5")
    facts = sweep(*words, "--json").facts
    assert (facts["made"], facts["made_elsewhere"], facts["requests"], facts["cost"]) == (0, 6, 0, 0.0)
    assert "already made elsewhere" in sweep(*words).out
    assert sweep(*words, "--no-reuse", "--json").facts["requests"] == 6


def test_to_reuse_and_to_make_anew_is_a_mistake() -> None:
    done = sweep("run", "cats.yaml", "--reuse", "nowhere", "--fresh")
    assert (done.code, done.err) == (
        2,
        "--reuse nowhere: with --fresh every cell is made anew; leave one of the two flags out\n",
    )
