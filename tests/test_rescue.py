"""A damaged ledger loses what cannot be read, says so, and makes nothing look unpaid that was paid for."""

import csv
import json
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from plans import PROVIDER, axis, experiment

import runner.rescue
from runner.canon import digest_bytes
from runner.errors import RunFolderError
from runner.files import write_whole
from runner.folder import RunFolder
from runner.ledger import PENDING, Standing
from runner.ledger.mending import LOST, LOST_PICTURE, RESTORED, Toll
from runner.nouns import Cell, Concern, Made, Picture, Queued, Refused, State
from runner.pace import Clock
from runner.plan import make
from runner.rescue import Rescue, rescue
from runner.vault import image_path

CLOCK = Clock(now=lambda: 1_000_000_000.0)
SAMPLE = Path(__file__).parents[1] / "reports" / "sample"
UNTRIED = 3
PAGE = 4096


def pictured(folder: RunFolder, number: int) -> Picture:
    data = f"picture {number}".encode()
    sha256 = digest_bytes(data)
    write_whole(folder.path / image_path(sha256), data)
    return Picture(sha256=sha256, width=8, height=8, size=len(data))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Return a run: of its cells every fourth is refused, the last three were never tried, the others are made."""
    run = RunFolder(tmp_path / "run")
    plan = make(replace(experiment(axis("seed", *range(1, 61))), source="name: test\n"), PROVIDER)
    with run.writing() as ledger, ledger.together():
        run.freeze(plan, {})
        for number, cell in enumerate(list(plan.cells())[:-UNTRIED]):
            attempt = ledger.begin(cell, now=1.0, track_id=f"track-{number}")
            if number % 4 == 0:
                ledger.finish(attempt, Refused(concern=Concern.CELL, message="no"), now=2.0)
                continue
            if number % 2:
                ledger.accept(attempt, Queued(remote_id=f"remote-{number}"))
            ledger.finish(attempt, Made(pictures=(pictured(run, number),), meta={"seed": number}), now=2.0)
    return run


def cells(folder: RunFolder) -> list[Cell]:
    return list(folder.plan().cells())


def stands(folder: RunFolder) -> dict[str, Standing]:
    with folder.reading() as ledger:
        return ledger.standings()


def overwrite(path: Path, page: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(data)


def shown(standing: Standing) -> list[str]:
    return [picture.sha256 for picture in standing.pictures]


def names(folder: RunFolder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir() if path.is_file())


# --- nothing is wrong ----------------------------------------------------------------------------------------------


def test_a_ledger_without_damage_stays_as_it_is(folder: RunFolder) -> None:
    before = folder.ledger_path.read_bytes(), names(folder)
    assert rescue(folder.path, CLOCK) == Rescue(toll=Toll(kept=57), old=None, needed=False)
    assert (folder.ledger_path.read_bytes(), names(folder)) == before


def test_what_a_killed_writer_left_in_the_wal_is_no_damage(folder: RunFolder, tmp_path: Path) -> None:
    killed = RunFolder(tmp_path / "killed")
    with folder.writing() as ledger:
        ledger.begin(cells(folder)[-1], now=3.0)
        shutil.copytree(folder.path, killed.path)
    assert (killed.path / "ledger.sqlite-wal").exists()
    assert rescue(killed.path, CLOCK) == Rescue(toll=Toll(kept=58), old=None, needed=False)


# --- pages ---------------------------------------------------------------------------------------------------------


def damages(whole: bytes) -> Iterator[bytes]:
    """Give a ledger with each page wiped, overwritten and cut off, and with bits turned all over."""
    for start in range(0, len(whole), PAGE):
        for data in (bytes(PAGE), b"\x5a" * PAGE):
            yield whole[:start] + data + whole[start + PAGE :]
        yield whole[: start + 100]
    chance = random.Random(1)
    for _ in range(20):
        turned = bytearray(whole)
        for _ in range(400):
            turned[chance.randrange(PAGE, len(whole))] ^= 1 << chance.randrange(8)
        yield bytes(turned)


def test_whichever_page_is_lost_what_may_have_been_paid_for_is_never_pending(folder: RunFolder) -> None:
    before, whole = stands(folder), folder.ledger_path.read_bytes()
    tried = [cell.digest for cell in cells(folder)[:-UNTRIED]]
    tolls = []
    for damaged in damages(whole):
        folder.ledger_path.write_bytes(damaged)
        toll = rescue(folder.path, CLOCK).toll
        after = stands(folder)
        with folder.writing() as ledger:
            fetched = {attempt.cell for attempt in ledger.open_attempts() if attempt.queued}
        for digest in tried:
            then, now = before[digest], after[digest]
            certain = (now.state, shown(now)) == (then.state, shown(then))
            assert certain or now.state is State.UNKNOWN or digest in fetched
        tolls.append(toll)
    most = [toll.kept + toll.restored for toll in tolls if toll.unknown < 60]
    assert min(most) < 57 == max(most)


def test_a_lost_page_of_attempts_costs_their_outcomes_alone_where_pictures_tell(folder: RunFolder) -> None:
    before = stands(folder)
    overwrite(folder.ledger_path, folder.ledger_path.read_bytes().index(b"track-30") // PAGE, bytes(PAGE))
    done, after = rescue(folder.path, CLOCK), stands(folder)
    made = [digest for digest, standing in after.items() if standing.reason == RESTORED]
    assert (done.toll.restored, done.toll.gone, done.toll.dropped) == (len(made), 0, 0)
    assert made
    for digest in made:
        assert after[digest] == replace(before[digest], reason=RESTORED, answer={}, seconds=None, seed=None, attempts=1)
    lost = [digest for digest, standing in after.items() if standing.state is State.UNKNOWN]
    assert [before[digest].state for digest in lost] == [State.REFUSED] * len(lost)
    assert {after[digest].reason for digest in lost} == {LOST}
    assert not {cell.digest for cell in cells(folder)[-UNTRIED:]} & after.keys(), "the index knows what was never tried"


def test_a_ledger_of_which_nothing_can_be_read_leaves_every_cell_unknown(folder: RunFolder) -> None:
    folder.ledger_path.write_bytes(b"not a ledger at all" * 1000)
    done = rescue(folder.path, CLOCK)
    assert done == Rescue(toll=Toll(unknown=60), old=folder.path / "ledger.damaged-1.sqlite", needed=True)
    assert {standing.state for standing in stands(folder).values()} == {State.UNKNOWN}
    assert len(stands(folder)) == 60
    assert (folder.path / "ledger.damaged-1.sqlite").read_bytes() == b"not a ledger at all" * 1000


@pytest.mark.parametrize("empty", [False, True])
def test_a_ledger_that_is_gone_leaves_every_cell_unknown(empty: bool, folder: RunFolder) -> None:
    folder.ledger_path.unlink()
    if empty:
        folder.ledger_path.touch()
    old = folder.path / "ledger.damaged-1.sqlite" if empty else None
    assert rescue(folder.path, CLOCK) == Rescue(toll=Toll(unknown=60), old=old, needed=True)
    with folder.writing() as ledger:
        gists = ledger.gists()
    assert not any(gists[cell.digest].owed for cell in cells(folder))


def test_without_a_plan_the_ledger_alone_is_saved(folder: RunFolder) -> None:
    before = stands(folder)
    last = folder.ledger_path.stat().st_size // PAGE - 1
    (folder.path / "plan.json").write_text("{")
    overwrite(folder.ledger_path, last, bytes(PAGE))
    rescue(folder.path, CLOCK)
    assert {digest: standing.state for digest, standing in stands(folder).items()}.items() <= {
        digest: standing.state for digest, standing in before.items()
    }.items() | {(digest, State.UNKNOWN) for digest in before}


def test_a_folder_without_ledger_and_plan_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"no plan\.json here"):
        rescue(tmp_path, CLOCK)
    with pytest.raises(RunFolderError) as caught:
        rescue(tmp_path / "none", CLOCK)
    assert str(caught.value) == (
        f"{tmp_path / 'none'}: no such folder; a run folder is what `sweep run` writes: give the path of one"
    )


def test_a_ledger_of_the_first_version_is_rescued_into_this_one(folder: RunFolder, root: Path) -> None:
    folder.ledger_path.unlink()
    with closing(sqlite3.connect(folder.ledger_path)) as database:
        database.executescript((root / "tests/ledgers/version-1.sql").read_text())
    done = rescue(folder.path, CLOCK)
    found = stands(folder)
    assert done.toll == Toll(kept=2, gone=1), "its picture is not in this vault"
    assert [found[digest].state for digest in ("aa", "bb", "cc")] == [State.PENDING, State.FAILED, State.PENDING]


# --- pictures ------------------------------------------------------------------------------------------------------


def test_a_cell_whose_picture_is_gone_is_fetched_where_it_can_be_and_else_pending(folder: RunFolder) -> None:
    asked, unasked = cells(folder)[1], cells(folder)[2]
    before = stands(folder)
    for cell in (asked, unasked):
        (picture,) = before[cell.digest].pictures
        (folder.path / image_path(picture.sha256)).unlink()
    done = rescue(folder.path, CLOCK)
    assert done.toll == Toll(kept=55, gone=2)
    after = stands(folder)
    assert after[unasked.digest] == Standing(state=State.PENDING, attempts=1, reason=LOST_PICTURE)
    assert after[asked.digest] == replace(PENDING, attempts=1)
    with folder.reading() as ledger:
        (open_again,) = ledger.open_attempts()
    assert (open_again.cell, open_again.queued, open_again.track_id) == (
        asked.digest,
        Queued(remote_id="remote-1"),
        "track-1",
    )


@pytest.mark.parametrize("data", [b"", b"picture 1 ", b"picture 2"])
def test_a_picture_that_is_not_the_one_of_the_record_is_gone(data: bytes, folder: RunFolder) -> None:
    (picture,) = stands(folder)[cells(folder)[1].digest].pictures
    (folder.path / image_path(picture.sha256)).write_bytes(data)
    assert rescue(folder.path, CLOCK).toll == Toll(kept=56, gone=1)


# --- crashes -------------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """What kills a rescue."""


@pytest.mark.parametrize("steps", range(5))
def test_a_rescue_that_is_interrupted_between_two_names_is_finished_by_the_next(
    steps: int, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    overwrite(folder.ledger_path, 3, bytes(PAGE))
    (folder.path / "ledger.sqlite-wal").write_bytes(b"")
    rename, left = Path.rename, [steps]

    def counted(self: Path, target: Path) -> Path:
        if not left[0]:
            raise Crash
        left[0] -= 1
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", counted)
    try:
        rescue(folder.path, CLOCK)
        finished = True
    except Crash:
        finished = False
    monkeypatch.undo()
    if not finished:
        with pytest.raises(RunFolderError, match="sweep rescue"), folder.writing():
            pass
        rescue(folder.path, CLOCK)
    with folder.writing() as ledger:
        assert len(ledger.standings()) >= 57
    assert names(folder)[:2] == ["experiment.yaml", "ledger.damaged-1.sqlite"]
    assert "ledger.rescued.sqlite" not in names(folder)


def test_a_run_under_way_is_not_rescued(folder: RunFolder) -> None:
    with folder.writing(), pytest.raises(RunFolderError, match="another `sweep` is writing to this run"):
        rescue(folder.path, CLOCK)


def test_a_folder_without_room_says_so(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runner.rescue, "remains", full)
    before = names(folder)
    with pytest.raises(RunFolderError) as caught:
        rescue(folder.path, CLOCK)
    assert str(caught.value) == (
        f"{folder.path}: No space left on device; a rescue needs room for two copies of the ledger in its folder, "
        "and permission to write: make it so and rescue again, nothing is lost"
    )
    assert names(folder) == before


# --- the command ---------------------------------------------------------------------------------------------------


def said(folder: RunFolder, *words: str) -> list[str]:
    command = [sys.executable, "-m", "runner", "rescue", str(folder.path), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_command_says_in_numbers_what_was_saved_and_what_was_lost(folder: RunFolder) -> None:
    run = folder.path
    assert said(folder) == [
        f"{run}: the ledger is whole (57 attempts) and every picture is in its place; nothing was changed"
    ]
    folder.ledger_path.write_bytes(folder.ledger_path.read_bytes()[: 3 * PAGE])
    toll = json.loads(said(folder, "--json")[-1])
    assert (toll["run"], toll["needed"], toll["old"]) == (str(run), True, f"{run}/ledger.damaged-1.sqlite")
    assert toll["kept"] + toll["restored"] + toll["gone"] + toll["unknown"] >= 57
    folder.ledger_path.write_bytes(b"junk" * PAGE)
    assert said(folder) == [
        f"{run}: 0 attempts kept, 0 known by their pictures alone",
        f"60 attempts may have been made and paid for: they are unknown, and sent again by `sweep retry {run} --unknown` alone",
        f"the old ledger is {run}/ledger.damaged-2.sqlite",
    ]


# --- no ledger at all --------------------------------------------------------------------------------------------------


@pytest.fixture
def published(tmp_path: Path) -> RunFolder:
    """The sample report as it is published: a plan, pictures, a table and a page, and no ledger."""
    return RunFolder(Path(shutil.copytree(SAMPLE, tmp_path / "sample")))


def test_where_there_is_no_ledger_the_table_knows_whose_the_pictures_are(published: RunFolder) -> None:
    assert rescue(published.path, CLOCK) == Rescue(toll=Toll(restored=36), old=None, needed=True)
    table = runner.load(published.path)
    with SAMPLE.joinpath("results.csv").open(newline="") as file:
        told = {row["cell"]: row["image"] for row in csv.DictReader(file)}
    assert dict(zip(table["cell"], table["image"], strict=True)) == told
    assert set(table["outcome"]) == {"made"}


def test_what_the_table_says_is_believed_of_pictures_that_are_there_whole_and_of_nothing_else(
    published: RunFolder,
) -> None:
    lines = (published.path / "results.csv").read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace("images/09/0959", "images/09/../../../0959")
    lines[2] = lines[2].replace(",made,", ",failed,")
    lines[4] = lines[4].replace(",made,", ",pending,")
    (published.path / "results.csv").write_text("".join(lines))
    gone = next(csv.DictReader([lines[0], lines[3]]))["image"]
    (published.path / gone).write_bytes(b"something else")
    assert rescue(published.path, CLOCK).toll == Toll(restored=33, unknown=3)


@pytest.mark.parametrize(
    "table", [b"", b"\xff\xfe", b"cell;outcome\n1;made\n", b"cell,outcome,sample,image\nx,made,one,y.png\n"]
)
def test_a_table_that_another_program_rewrote_tells_nothing(published: RunFolder, table: bytes) -> None:
    (published.path / "results.csv").write_bytes(table)
    assert rescue(published.path, CLOCK).toll == Toll(unknown=36)
