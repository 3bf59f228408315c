"""A run folder: plan, manifest, ledger, and one writer."""

import json
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from commands import sweep
from plans import PROVIDER, axis, experiment, plan

from runner.errors import RunFolderError
from runner.folder import RunFolder
from runner.nouns import Made, Picture, Wish
from runner.pace import Clock
from runner.plan import Plan, make
from runner.verbs import count, render

SOURCE = "name: test  # as written, ü\n"


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "runs" / "first")


def written(*values: int) -> Plan:
    return make(replace(experiment(axis("samples", *values)), source=SOURCE), PROVIDER)


def names(folder: RunFolder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir())


# --- what is frozen ------------------------------------------------------------------------------------------------


def test_a_frozen_plan_reads_back_with_the_experiment_as_given(folder: RunFolder) -> None:
    folder.freeze(written(1, 2), {"started": "now"})
    assert names(folder) == ["experiment.yaml", "manifest.json", "plan.json"]
    assert folder.plan() == written(1, 2)
    assert folder.plan().experiment.source == SOURCE
    assert (folder.path / "experiment.yaml").read_text(encoding="utf-8") == SOURCE
    assert folder.manifest() == {"started": "now"}


def test_freezing_what_was_read_back_changes_nothing_but_the_manifest(folder: RunFolder) -> None:
    folder.freeze(written(1, 2), {"started": "1"})
    before = (folder.path / "plan.json").read_bytes()
    folder.freeze(folder.plan(), {"started": "2"})
    assert (folder.path / "plan.json").read_bytes() == before
    assert (folder.path / "experiment.yaml").read_text(encoding="utf-8") == SOURCE


def test_an_experiment_without_a_text_writes_none(folder: RunFolder) -> None:
    folder.freeze(plan(), {})
    assert names(folder) == ["manifest.json", "plan.json"]
    assert folder.plan() == plan()


def test_an_edited_experiment_replaces_the_plan(folder: RunFolder) -> None:
    folder.freeze(written(1), {})
    folder.freeze(written(1, 2, 3), {})
    assert folder.plan() == written(1, 2, 3)


def test_a_manifest_keeps_what_it_said_of_earlier_sessions(folder: RunFolder) -> None:
    assert folder.manifest() == {}
    folder.freeze(plan(), {"started": "1", "versions": {"torch": "2.12"}})
    folder.note(ended="2", stopped="")
    first = {"started": "1", "versions": {"torch": "2.12"}, "ended": "2", "stopped": ""}
    assert folder.manifest() == first
    folder.freeze(plan(), {"started": "3", "versions": {"torch": "2.13"}})
    second = {"started": "3", "versions": {"torch": "2.13"}}
    assert folder.manifest() == {**second, "earlier": [first]}
    folder.freeze(plan(), {"started": "5"})
    folder.note(ended="6")
    assert folder.manifest() == {"started": "5", "ended": "6", "earlier": [first, second]}


def test_a_run_folder_can_be_moved(folder: RunFolder, tmp_path: Path) -> None:
    folder.freeze(written(1, 2), {})
    with folder.writing() as ledger:
        cell = next(folder.plan().cells())
        picture = Picture(sha256="a" * 64, width=8, height=8, size=1)
        ledger.finish(ledger.begin(cell, now=1.0), Made(pictures=(picture,)), now=2.0)
    moved = RunFolder(Path(shutil.move(folder.path, tmp_path / "elsewhere")))
    with moved.reading() as ledger:
        assert ledger.standing(next(moved.plan().cells()).digest).pictures == (picture,)
    texts = [path.read_text(encoding="utf-8") for path in moved.path.iterdir() if path.suffix != ".sqlite"]
    assert not any(str(tmp_path) in text for text in texts)


def test_a_file_is_written_whole_and_its_path_returned(folder: RunFolder) -> None:
    assert folder.write("report/index.html", b"<p>") == folder.report
    assert folder.report.read_bytes() == b"<p>"


# --- what cannot be used -------------------------------------------------------------------------------------------


def test_a_folder_without_a_plan_is_no_run(folder: RunFolder) -> None:
    with pytest.raises(RunFolderError) as caught:
        folder.plan()
    assert str(caught.value) == (
        f"{folder.path}: no plan.json here; a run folder is what `sweep run FILE --out {folder.path}` writes: "
        "give the path of one"
    )


def test_a_folder_without_a_ledger_has_sent_nothing(folder: RunFolder) -> None:
    with pytest.raises(RunFolderError) as caught, folder.reading():
        pass
    assert str(caught.value) == f"{folder.path}: no ledger.sqlite here; nothing was sent yet: use `sweep run` first"
    assert not folder.path.exists()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1); the file is damaged"),
        ("[]", "no JSON object; the file is damaged"),
        ("\udcff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte; the file is damaged"),
    ],
)
def test_a_damaged_file_is_named(text: str, found: str, folder: RunFolder) -> None:
    for name, read in (("plan.json", folder.plan), ("manifest.json", folder.manifest)):
        folder.write(name, text.encode(errors="surrogateescape"))
        with pytest.raises(RunFolderError) as caught:
            read()
        assert str(caught.value) == f"{folder.path / name}: {found}: run the experiment again with this sweep"


def test_a_plan_that_was_changed_or_is_of_another_version_is_refused(folder: RunFolder) -> None:
    folder.freeze(written(1, 2), {})
    frozen = json.loads((folder.path / "plan.json").read_bytes())
    for change, message in (
        ({"version": 9}, "plan version 9 is none of those that this sweep reads, 1 and 2"),
        ({"digest": "0" * 64}, "the plan was changed since it was frozen: its digest is not 000000000000…"),
        ({"survey": {}}, "Survey.__init__() missing 7 required keyword-only arguments"),
        ({"experiment": []}, ""),
    ):
        folder.write("plan.json", json.dumps(frozen | change).encode())
        with pytest.raises(RunFolderError) as caught:
            folder.plan()
        assert message in str(caught.value)
        assert str(caught.value).endswith("; run the experiment again with this sweep")


def test_a_folder_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunFolderError) as caught, RunFolder(tmp_path / "file" / "run").writing():
        pass
    assert str(caught.value) == (
        f"{tmp_path / 'file' / 'run'}: Not a directory; a run needs a folder to write to: choose another with --out"
    )


def test_a_lock_that_is_no_lock_is_named(folder: RunFolder) -> None:
    folder.write("lock.sqlite", b"something else" * 100)
    with pytest.raises(RunFolderError) as caught, folder.writing():
        pass
    assert str(caught.value) == (
        f"{folder.path / 'lock.sqlite'}: file is not a database; the folder must be writable, "
        "and this file is the run's lock: delete it, or choose another folder with --out"
    )


# --- one writer ----------------------------------------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from runner.folder import RunFolder
with RunFolder(Path(sys.argv[1])).writing():
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_second_process_is_refused_until_the_first_ends_however_it_ends(folder: RunFolder) -> None:
    for ending in ("said", "killed"):
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, folder.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as first:
            assert first.stdout is not None
            assert first.stdout.readline() == "held\n"
            with pytest.raises(RunFolderError) as caught, folder.writing():
                pass
            with folder.reading() as reader:
                assert reader.standings() == {}
            if ending == "said":
                first.communicate("go on\n")
            else:
                first.send_signal(signal.SIGKILL)
        assert str(caught.value).startswith(
            f"{folder.path}: another `sweep` is writing to this run: process {first.pid} on "
        )
        assert str(caught.value).endswith(
            f", `python {folder.path}`; a run has one writer: wait for it, stop it, or choose another folder with --out"
        )
        with folder.writing() as ledger:
            assert ledger.standings() == {}
    assert names(folder) == ["ledger.sqlite", "lock.sqlite"]


def test_a_second_writer_in_one_process_is_refused_too(folder: RunFolder) -> None:
    with folder.writing():
        with pytest.raises(RunFolderError, match="a run has one writer"), folder.writing():
            pass
        with pytest.raises(RunFolderError, match="a run has one writer"), folder.writing():
            pass


def test_a_run_says_who_writes_to_it(folder: RunFolder) -> None:
    assert folder.writer is None
    with folder.writing(Clock(now=lambda: 1_000_000_000.0)):
        assert folder.writer is not None
        assert (folder.writer.pid, folder.writer.since) == (os.getpid(), "2001-09-09T01:46:40+00:00")
    assert folder.writer is None


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("opened", ["writing", "reading"])
def test_a_run_whose_ledger_is_gone_is_not_begun_anew_and_not_read_as_new(
    opened: str, empty: bool, folder: RunFolder
) -> None:
    with folder.writing():
        folder.freeze(written(1), {})
    folder.ledger_path.unlink()
    if empty:
        folder.ledger_path.touch()
    with pytest.raises(RunFolderError) as caught, getattr(folder, opened)():
        pass
    assert str(caught.value) == (
        f"{folder.path}: no ledger.sqlite beside plan.json: what was sent and paid for is recorded there; "
        f"put it back, use `sweep rescue {folder.path}`, or run into another folder with --out"
    )
    assert folder.ledger_path.exists() is empty
    with pytest.raises(RunFolderError, match="no ledger"):
        count(folder.path)


def test_a_published_page_with_its_pictures_alone_is_not_read_as_a_run_that_was_never_sent(folder: RunFolder) -> None:
    with folder.writing():
        folder.freeze(written(1), {})
    folder.write("results.csv", b"what was made")
    (folder.path / "images").mkdir()
    for name in ("ledger.sqlite", "lock.sqlite"):
        (folder.path / name).unlink()
    with pytest.raises(RunFolderError, match=r"no ledger\.sqlite beside plan\.json"):
        render(folder.path)
    assert (folder.path / "results.csv").read_bytes() == b"what was made"
    assert not folder.report.exists()


def test_a_run_of_a_newer_sweep_is_refused_with_its_name(folder: RunFolder) -> None:
    with folder.writing():
        folder.freeze(written(1), {"versions": {"sweeprunner": "9.1.0"}})
    with closing(sqlite3.connect(folder.ledger_path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    for opened in (folder.writing, folder.reading):
        with (
            pytest.raises(RunFolderError, match=r"has version 99, sweeprunner 9\.1\.0 wrote it; this sweep reads"),
            opened(),
        ):
            pass
    folder.write("manifest.json", b"[]")
    with pytest.raises(RunFolderError, match="has version 99; this sweep reads versions 1 to"), folder.reading():
        pass


def test_an_error_of_the_writer_is_its_own_and_frees_the_folder(folder: RunFolder) -> None:
    with pytest.raises(ZeroDivisionError), folder.writing():
        raise ZeroDivisionError
    with folder.writing():
        pass


@pytest.mark.parametrize(
    "said",
    [
        '{"concurrency": 0}',
        '{"concurrency": -3}',
        '{"rate": 0}',
        '{"rate": -1}',
        '{"rate": NaN}',
        '{"concurrency": 1e999}',
    ],
)
def test_what_would_have_a_run_send_nothing_for_ever_asks_nothing_of_it(tmp_path: Path, said: str) -> None:
    (tmp_path / "control.json").write_text(said)
    assert RunFolder(tmp_path).wish() == Wish()


@pytest.mark.parametrize("wish", [{"concurrency": 0}, {"rate": 0.0}, {"rate": math.nan}])
def test_a_wish_to_send_nothing_is_refused(wish: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"sends nothing; give|is none; give"):
        Wish(**wish)  # type: ignore[arg-type]  # the names are the fields'


def test_a_damaged_manifest_is_kept_aside_and_does_not_keep_a_run_from_going_on(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    folder.freeze(make(experiment(axis("seed", 1)), PROVIDER), {"plan": "x"})

    assert folder.manifest() == {"plan": "x"}
    assert (tmp_path / "manifest.damaged.json").read_text() == "{"


# --- a folder that takes no more ------------------------------------------------------------------------------------


def test_a_table_and_page_that_cannot_be_written_are_said_to_be_so_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cats.yaml").write_text("name: cats\ntarget: sketch\nparameters: {model_id: any, prompt: a cat, seed: 1}\n")
    in_the_way = Path("runs/cats/report")
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("a file where a folder should be")

    done = sweep("run", "cats.yaml")

    assert done.code == 2
    assert done.err == (
        "runs/cats: [Errno 17] File exists: 'runs/cats/report'; the folder needs space and permission to write: "
        "mend that and run again, what the target accepted is then fetched and not paid for twice\n"
    )
    in_the_way.unlink()
    assert sweep("run", "cats.yaml", "--json").facts["sent"] == 0
