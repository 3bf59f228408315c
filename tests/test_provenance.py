"""A manifest says which versions, which commit and which machine made a run."""

import subprocess
from pathlib import Path

import pytest
from plans import PROVIDER

import runner
from runner.provenance import provenance, stamp


def git(*words: str) -> str:
    asked = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    return subprocess.run(asked, capture_output=True, check=True, text=True).stdout.strip()


def test_a_time_is_written_in_utc() -> None:
    assert stamp(0.9) == "1970-01-01T00:00:00+00:00"


def test_a_run_explains_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = provenance(PROVIDER, started=86400.0)
    assert list(found) == ["started", "target", "models", "versions", "platform", "git"]
    assert (found["started"], found["target"]) == ("1970-01-02T00:00:00+00:00", "sketch")
    assert found["models"] == {"studio-tiny": "ab" * 32}
    assert found["versions"]["sweeprunner"] == runner.__version__
    assert all(found["versions"].values())
    assert found["git"] is None, "outside a repository"


def test_the_commit_of_the_working_directory_is_recorded_and_whether_it_is_dirty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    assert provenance(PROVIDER, started=0.0)["git"] is None, "no commit yet"
    git("commit", "-q", "--allow-empty", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert provenance(PROVIDER, started=0.0)["git"] == {"commit": commit, "dirty": False}
    (tmp_path / "sweep.yaml").write_text("name: x")
    assert provenance(PROVIDER, started=0.0)["git"] == {"commit": commit, "dirty": True}
